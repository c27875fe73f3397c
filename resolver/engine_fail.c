/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

/* threats.md 7 "Failures": a question that failed is answered from here at once, for one second and
 * then twice as long each time. A table of fixed size, four places for each hash; the hash is keyed
 * and of 64 bits, so nobody can make two questions share one. */

static struct failure *ways(struct engine *e, uint64_t hash)
{
	return &e->failures[hash % (ENGINE_FAILURES_MAX / FAILURE_WAYS) * FAILURE_WAYS];
}

struct failure *failure_find(struct engine *e, uint64_t hash)
{
	struct failure *f = ways(e, hash);
	for (int i = 0; i < FAILURE_WAYS; i++)
		if (f[i].hash == hash && f[i].wait_s > 0)
			return &f[i];
	return NULL;
}

void failure_clear(struct engine *e, uint64_t hash)
{
	struct failure *f = failure_find(e, hash);
	if (f)
		*f = (struct failure){0};
}

void failures_clear(struct engine *e)
{
	memset(e->failures, 0, ENGINE_FAILURES_MAX * sizeof *e->failures);
}

void engine_forget_failures(struct engine *e)
{
	failures_clear(e);
	memset(e->quiet, 0, sizeof e->quiet);
}

/* The place that is over first. */
static struct failure *make_room(struct engine *e, uint64_t hash)
{
	struct failure *f = ways(e, hash), *chosen = f;
	for (int i = 0; i < FAILURE_WAYS; i++)
		if (f[i].until_ns < chosen->until_ns)
			chosen = &f[i];
	*chosen = (struct failure){.hash = hash};
	return chosen;
}

void failure_note(struct engine *e, uint64_t hash, const struct walk_result *r)
{
	struct failure *f = failure_find(e, hash);
	bool was_bogus = f && f->bogus;
	if (!f)
		f = make_room(e, hash);
	f->bogus = r->proof == PROOF_BOGUS;
	f->rc = r->rc;
	memcpy(f->why, r->why, sizeof f->why);
	if (f->bogus) {
		f->wait_s = ENGINE_BOGUS_S;
		f->until_ns = e->now.mono_ns + ENGINE_BOGUS_S * ENGINE_S;
		return;
	}
	f->wait_s = f->wait_s == 0 || was_bogus ? ENGINE_FAIL_MIN_S : f->wait_s * 2;
	if (f->wait_s > ENGINE_FAIL_MAX_S)
		f->wait_s = ENGINE_FAIL_MAX_S;
	/* Up to a quarter later, so that what failed together is not tried together. */
	uint64_t wait_ns = f->wait_s * ENGINE_S;
	f->until_ns = e->now.mono_ns + wait_ns + hlv_rand_below(&e->rand, wait_ns / 4);
}
