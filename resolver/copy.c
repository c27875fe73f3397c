/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/copy.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/net/actor.h"
#include "proto/net/log.h"
#include "proto/net/site_file.h"
#include "proto/wire/name.h"
#include "resolver/copy_pull.h"

enum {
	NEGATIVE_S = 300, /* as other negative answers (threats.md 7) */
	RETRY_MAX_S = 60,
	SWEEP = 10000, /* rows of what no copy uses, in one transaction */
	SITE_WHY = 512,
	KEY_MAX = 5 + COPY_PREFIX_MAX + 1,
};
static const hlv_mono_ns SECOND_NS = 1000000000U;

struct source {
	struct copy_pull pull;
	char items[COPY_PREFIX_MAX + 2], own[KEY_MAX]; /* how memory_key() begins, and is */
	hlv_mono_ns due_ns;			       /* 0: at once */
	unsigned failures;			       /* in a row */
	_Atomic bool damaged;			       /* a reader met a wrong CRC */
	struct copy_state state;		       /* under the lock */
};

struct copies {
	struct copy_store *store;
	struct hlv_actor *actor;
	struct hlv_prove_identity id;
	char *identity;
	uint32_t interval_s, max_age_s;
	_Atomic bool stopping;
	bool swept;
	pthread_mutex_t lock; /* guards the states; nothing else is taken while it is held */
	size_t n;
	struct source sources[];
};

/* --- the thread that pulls --- */

static void note(struct copies *c, struct source *s, const struct copy_mark *mark)
{
	pthread_mutex_lock(&c->lock);
	s->state.records = mark->records;
	s->state.synced_ms = mark->synced_ms;
	s->state.seq = mark->servers ? mark->places[0].seq : 0;
	snprintf(s->state.why, COPY_WHY, "%s", s->pull.why);
	pthread_mutex_unlock(&c->lock);
}

/* Once when it begins to fail and once when it is over; dumps are worth a line each. */
static void report(const struct source *s, enum hlv_err err, bool dumped,
		   const struct copy_mark *mark)
{
	if (err != HLV_OK && s->failures == 0)
		hlv_warn("copy.pull", "prefix=%s error=\"%s\"", s->pull.prefix, s->pull.why);
	if (err == HLV_OK && (s->failures > 0 || dumped))
		hlv_info("copy.pull", "prefix=%s records=%llu %s", s->pull.prefix,
			 (unsigned long long)mark->records, dumped ? "dumped" : "again");
}

static uint32_t pause_of(const struct copies *c, const struct source *s)
{
	uint32_t wait_s = s->failures > 6 ? RETRY_MAX_S : 1U << s->failures;
	return wait_s < c->interval_s ? wait_s : c->interval_s;
}

static void pull(struct copies *c, struct source *s, struct hlv_now now)
{
	struct copy_mark mark;
	uint64_t dumps = s->pull.dumps;
	if (atomic_exchange_explicit(&s->damaged, false, memory_order_relaxed))
		s->pull.anew = true;
	enum hlv_err err = copy_pull(&s->pull, now, &mark);
	bool dumped = s->pull.dumps != dumps;
	if (atomic_load_explicit(&c->stopping, memory_order_relaxed))
		return;
	note(c, s, &mark);
	report(s, err, dumped, &mark);
	c->swept = c->swept && !dumped && err == HLV_OK;
	uint32_t wait_s = err == HLV_OK ? c->interval_s : pause_of(c, s);
	s->failures = err == HLV_OK ? 0 : s->failures + 1;
	s->due_ns = now.mono_ns + wait_s * SECOND_NS;
}

/* A slice of what no copy uses: what a new dump replaced, what one began that did not end. */
static enum hlv_err sweep_once(struct copies *c, struct copy_txn *t, uint64_t *removed)
{
	uint32_t *known = calloc(c->n, sizeof *known), orphan;
	if (!known)
		return HLV_E_NOMEM;
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < c->n && err == HLV_OK; i++) {
		struct copy_mark mark = {0};
		err = copy_txn_mark(t, c->sources[i].pull.prefix, &mark);
		if (err == HLV_E_NOT_FOUND || err == HLV_E_CORRUPT)
			err = HLV_OK;
		known[i] = mark.generation;
	}
	if (err == HLV_OK)
		err = copy_txn_orphan(t, known, c->n, &orphan);
	free(known);
	if (err != HLV_OK)
		return err;
	return copy_txn_remove_range(t, orphan, (struct hlv_bytes){0}, (struct hlv_bytes){0},
				     SWEEP, removed);
}

/* Returns whether there is more. */
static bool sweep(struct copies *c)
{
	struct copy_txn *t;
	uint64_t removed = 0;
	enum hlv_err err = copy_txn_begin(c->store, &t);
	if (err == HLV_OK) {
		err = sweep_once(c, t, &removed);
		if (err == HLV_OK)
			err = copy_txn_commit(t);
		else
			copy_txn_abort(t);
	}
	c->swept = err != HLV_OK || removed == 0;
	return !c->swept;
}

static bool work_round(void *ctx, struct hlv_now now)
{
	struct copies *c = ctx;
	for (size_t i = 0; i < c->n; i++) {
		struct source *s = &c->sources[i];
		if (atomic_load_explicit(&c->stopping, memory_order_relaxed))
			return false;
		if (s->due_ns == 0 || now.mono_ns >= s->due_ns)
			pull(c, s, now);
	}
	return !c->swept && sweep(c);
}

/* --- start and stop --- */

static enum hlv_err add_source(struct copies *c, const struct copy_source *from, char *why)
{
	struct source *s = &c->sources[c->n];
	struct hlv_buf site = {0};
	char reason[SITE_WHY] = "";
	s->pull.store = c->store;
	s->pull.id = &c->id;
	s->pull.stopping = &c->stopping;
	enum hlv_err err = copy_pull_prefix(&s->pull, hlv_text(from->prefix));
	if (err != HLV_OK) {
		snprintf(why, COPY_WHY, "'%.100s' is no prefix that can be copied",
			 from->prefix);
		return err;
	}
	c->n++;
	size_t n = strlen(s->pull.prefix);
	memcpy(s->items, s->pull.prefix, n);
	memcpy(s->items + n, "/", 2);
	memcpy(s->own, "0.NA/", 5);
	memcpy(s->own + 5, s->pull.prefix, n + 1);
	snprintf(s->state.prefix, sizeof s->state.prefix, "%.255s", from->prefix);
	err = hlv_site_file_read(from->site, &site, reason);
	if (err == HLV_OK) {
		err = copy_pull_site(&s->pull, hlv_buf_bytes(&site));
		snprintf(reason, sizeof reason, "%s: %s", from->site, s->pull.why);
	}
	hlv_buf_free(&site);
	if (err != HLV_OK)
		snprintf(why, COPY_WHY, "%.250s", reason);
	return err;
}

/* Copies of prefixes that are not wished for any more are none: were one wished for again later, it
 * would be old, or swept away. */
static enum hlv_err forget_others(struct copies *c)
{
	const char **prefixes = calloc(c->n + 1, sizeof *prefixes);
	struct copy_txn *t;
	enum hlv_err err = prefixes ? copy_txn_begin(c->store, &t) : HLV_E_NOMEM;
	if (err == HLV_OK) {
		for (size_t i = 0; i < c->n; i++)
			prefixes[i] = c->sources[i].pull.prefix;
		err = copy_txn_keep_marks(t, prefixes, c->n);
		for (size_t i = 0; i < c->n && err == HLV_OK; i++) {
			struct copy_mark mark;
			if (copy_txn_mark(t, prefixes[i], &mark) == HLV_OK)
				note(c, &c->sources[i], &mark);
		}
		if (err == HLV_OK)
			err = copy_txn_commit(t);
		else
			copy_txn_abort(t);
	}
	free(prefixes);
	return err;
}

static enum hlv_err start(struct copies *c, const struct copies_options *o, char *why)
{
	HLV_TRY(copy_store_open(o->dir, &c->store, why));
	if (*why) /* something was set aside */
		hlv_warn("copy.open", "%s", why);
	for (size_t i = 0; i < o->n; i++)
		HLV_TRY(add_source(c, &o->sources[i], why));
	snprintf(why, COPY_WHY, "copies of prefixes cannot be kept");
	HLV_TRY(forget_others(c));
	c->actor = hlv_actor_start("copies", work_round, c);
	return c->actor ? HLV_OK : HLV_E_NOMEM;
}

enum hlv_err copies_start(const struct copies_options *o, struct copies **out, char *why)
{
	*out = NULL;
	snprintf(why, COPY_WHY, "out of memory");
	if (!o->key || !o->identity || !*o->identity) {
		snprintf(why, COPY_WHY,
			 "copies need an identity and its key, one of the node's "
			 "replication-admins");
		return HLV_E_USAGE;
	}
	struct copies *c = calloc(1, sizeof *c + o->n * sizeof *c->sources);
	if (!c)
		return HLV_E_NOMEM;
	pthread_mutex_init(&c->lock, NULL);
	c->interval_s = o->interval_s > 0 ? o->interval_s : 1;
	c->max_age_s = o->max_age_s;
	c->identity = strdup(o->identity);
	enum hlv_err err = HLV_E_NOMEM;
	if (c->identity) {
		c->id.who = hlv_ref_parse(hlv_text(c->identity));
		c->id.key = o->key;
		err = start(c, o, why);
	}
	if (err != HLV_OK) {
		copies_stop(c);
		return err;
	}
	*out = c;
	return HLV_OK;
}

void copies_stop(struct copies *c)
{
	if (!c)
		return;
	atomic_store_explicit(&c->stopping, true, memory_order_relaxed);
	if (c->actor)
		hlv_actor_stop(c->actor);
	for (size_t i = 0; i < c->n; i++)
		copy_pull_fini(&c->sources[i].pull);
	copy_store_close(c->store);
	pthread_mutex_destroy(&c->lock);
	free(c->identity);
	free(c);
}

size_t copies_states(struct copies *c, struct copy_state *out, size_t max)
{
	size_t n = c->n < max ? c->n : max;
	pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < n; i++)
		out[i] = c->sources[i].state;
	pthread_mutex_unlock(&c->lock);
	return n;
}

/* --- readers --- */

/* What is known of one copy in the snapshot in hand. */
struct known {
	bool looked, usable;
	uint32_t generation;
};

struct copies_view {
	struct copies *copies;
	struct copy_reader *reader;
	struct hlv_now now;
	bool reading;
	struct known known[];
};

struct copies_view *copies_view_new(struct copies *c)
{
	struct copies_view *v = calloc(1, sizeof *v + c->n * sizeof *v->known);
	if (!v)
		return NULL;
	v->copies = c;
	if (copy_reader_new(c->store, &v->reader) != HLV_OK) {
		free(v);
		return NULL;
	}
	return v;
}

void copies_view_free(struct copies_view *v)
{
	if (!v)
		return;
	copy_reader_free(v->reader);
	free(v);
}

/* The snapshot is taken by the first question that needs one. */
void copies_view_begin(struct copies_view *v, struct hlv_now now)
{
	v->now = now;
}

void copies_view_end(struct copies_view *v)
{
	if (!v->reading)
		return;
	copy_reader_end(v->reader);
	v->reading = false;
	memset(v->known, 0, v->copies->n * sizeof *v->known);
}

static bool is_young(const struct copies_view *v, uint64_t synced_ms)
{
	return v->now.wall_ms < synced_ms ||
	       v->now.wall_ms - synced_ms <= v->copies->max_age_s * UINT64_C(1000);
}

static bool is_usable(struct copies_view *v, size_t i)
{
	struct known *k = &v->known[i];
	struct copy_mark mark = {0};
	if (!v->reading)
		v->reading = copy_reader_begin(v->reader) == HLV_OK;
	if (!v->reading || k->looked)
		return v->reading && k->usable;
	const char *prefix = v->copies->sources[i].pull.prefix;
	k->looked = true;
	k->usable = copy_reader_mark(v->reader, prefix, &mark) == HLV_OK &&
		    is_young(v, mark.synced_ms);
	k->generation = mark.generation;
	return k->usable;
}

static bool is_there(struct copies_view *v, struct hlv_bytes octets, struct proven *out)
{
	struct hlv_reader r = hlv_reader(octets);
	struct finding f = {.rc = hlv_get_u32(&r)};
	f.values.n = hlv_get_u32(&r);
	f.values.raw = hlv_get_lp32(&r);
	/* No code: it exists, and the copy does not know what it says. */
	if (r.bad || f.rc == 0)
		return false;
	finding_ages(&f, v->now);
	if (f.rc != HLV_RC_SUCCESS)
		f.life_s = NEGATIVE_S;
	return prove(PROOF_SECURE, &f, out);
}

static bool look_up(struct copies_view *v, size_t i, struct hlv_bytes key, bool own,
		    struct proven *out)
{
	uint8_t room[HLV_REGISTRY_KEY_MAX];
	struct hlv_bytes value;
	if (!is_usable(v, i))
		return false;
	struct hlv_bytes k = hlv_bytes(room, hlv_registry_key(key, room));
	enum hlv_err err = copy_reader_get(v->reader, v->known[i].generation, k, &value);
	if (err == HLV_OK)
		return is_there(v, value, out);
	if (err == HLV_E_CORRUPT)
		atomic_store_explicit(&v->copies->sources[i].damaged, true,
				      memory_order_relaxed);
	if (err != HLV_E_NOT_FOUND)
		return false;
	/* Whether there is such a prefix is for its parent to say. */
	struct finding none = {
		.rc = HLV_RC_NOT_FOUND, .fetched_ms = v->now.wall_ms, .life_s = NEGATIVE_S};
	return !own && prove(PROOF_SECURE, &none, out);
}

bool copies_find(struct copies_view *v, struct hlv_bytes key, struct proven *out)
{
	for (size_t i = 0; i < v->copies->n; i++) {
		const struct source *s = &v->copies->sources[i];
		bool own = hlv_eq(key, hlv_text(s->own));
		if (own || hlv_starts_with(key, hlv_text(s->items)))
			return look_up(v, i, key, own, out);
	}
	return false;
}
