/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/flight_inner.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/wire/envelope.h"

enum {
	UDP_TRIES = 3,	   /* and then the question goes by a stream ... */
	UDP_TRIES_MAX = 7, /* ... and on by UDP, ever more slowly: a line may lose a third */
	STREAM_AFTER_MS = 1000,	  /* of silence by UDP */
	STREAM_WAIT_MIN_MS = 500, /* it takes two or three round trips */
	FULL_HOLD_MIN_MS = 5, /* until a server with too much under way is asked again ... */
	FULL_HOLD_MAX_MS = 50,
	REST_MS = 250,		 /* and until one that has just fallen silent is */
	SILENT_LINGER_MS = 1000, /* the last ones asked have so long */
};
static const hlv_mono_ns MS = 1000000, NEVER = UINT64_MAX;

static struct hlv_bytes put(uint8_t **to, struct hlv_bytes b)
{
	uint8_t *at = *to;
	if (b.n)
		memcpy(at, b.p, b.n);
	*to += b.n;
	return hlv_bytes(at, b.n);
}

static void copy_ask(struct flight *f, const struct walk_ask *ask, size_t n)
{
	uint8_t *to = f->octets;
	f->message = put(&to, ask->message);
	f->q.op = ask->op;
	f->q.covered = hlv_bytes(f->message.p + HLV_ENVELOPE_SIZE, ask->covered.n);
	f->q.id = put(&to, ask->id);
	f->ntargets = n;
	for (size_t i = 0; i < n; i++) {
		struct flight_target *t = &f->targets[i];
		t->at = ask->servers[f->positions[i]];
		t->at.key = put(&to, t->at.key);
		t->stream_only = ask->stream || !f->fits_udp || !t->at.udp.len;
		t->failed = t->stream_only && !t->at.tcp.len;
	}
}

struct flight *flight_new(const struct walk_ask *ask, struct selector *s, struct budget *budget,
			  uint64_t seed, struct hlv_now now)
{
	size_t size = ask->message.n + ask->id.n;
	size_t n = ask->nservers < ZONE_TRIED_MAX ? ask->nservers : ZONE_TRIED_MAX;
	for (size_t i = 0; i < n; i++)
		size += ask->servers[i].key.n;
	struct flight *f = calloc(1, sizeof *f + size);
	if (!f)
		return NULL;
	f->selector = s;
	f->budget = budget;
	f->fits_udp = ask->message.n <= HLV_UDP_PACKET;
	/* Ids come out of a keyed hash: who has seen some cannot tell the next (threats.md 7
	 * "Poisoning"). */
	f->secret[0] = seed;
	f->secret[1] = ~seed;
	hlv_rand_seed(&f->rand, seed);
	n = selector_order(s, ask->servers, n, &f->rand, now, f->positions);
	copy_ask(f, ask, n);
	return f;
}

void flight_charge(struct flight *f, struct budget *budget)
{
	f->budget = budget;
}

void flight_drop_octets(struct flight_try *t)
{
	free(t->joiner);
	free(t->buf);
	t->joiner = NULL;
	t->buf = NULL;
	t->n = t->cap = 0;
}

const struct hlv_addr *flight_known_as(const struct flight *f, const struct flight_try *t)
{
	return selector_address(&f->targets[t->target].at);
}

void flight_end_try(struct flight *f, struct flight_try *t, bool tell)
{
	if (!t->open)
		return;
	t->open = false;
	t->closing = tell;
	selector_ended(f->selector, flight_known_as(f, t));
	flight_drop_octets(t);
}

void flight_free(struct flight *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		struct flight_try *t = &f->tries[i];
		flight_end_try(f, t, false);
		flight_drop_octets(t);
	}
	free(f);
}

void flight_finish(struct flight *f, enum hlv_err err)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++)
		flight_end_try(f, &f->tries[i], true);
	f->state = FAILED;
	f->err = err;
}

static bool by_udp(const struct flight_target *t)
{
	return !t->stream_only && t->by_udp < UDP_TRIES_MAX;
}

static bool by_stream(const struct flight_target *t)
{
	return t->at.tcp.len && !t->by_stream;
}

static enum flight_way next_way(const struct flight_target *t, struct hlv_now now)
{
	bool long_silent = t->by_udp >= UDP_TRIES ||
			   (t->by_udp > 0 && now.mono_ns - t->first_ns >= STREAM_AFTER_MS * MS);
	if (by_udp(t) && !(long_silent && by_stream(t)))
		return FLIGHT_UDP;
	return t->at.tls ? FLIGHT_TLS : FLIGHT_TCP;
}

/* Who is to be asked next, and from when on; ntargets: nobody. */
static size_t next_target(const struct flight *f, hlv_mono_ns *from_ns)
{
	size_t next = f->ntargets;
	*from_ns = NEVER;
	for (size_t i = 0; i < f->ntargets && !f->broke; i++) {
		const struct flight_target *t = &f->targets[i];
		if (t->failed || t->spent || !(by_udp(t) || by_stream(t)))
			continue;
		hlv_mono_ns ready = t->due_ns;
		if (t->asked == 0 && ready < f->launch_ns)
			ready = f->launch_ns;
		if (ready < *from_ns) {
			*from_ns = ready;
			next = i;
		}
	}
	return next;
}

static struct flight_try *free_try(struct flight *f)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++)
		if (!f->tries[i].open && !f->tries[i].closing)
			return &f->tries[i];
	return NULL;
}

/* Of the questions by UDP to one server one is open at a time: several would make guessing easier
 * (threats.md 7 "Poisoning"). */
static void end_udp(struct flight *f, const struct flight_target *target)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		struct flight_try *t = &f->tries[i];
		if (t->way == FLIGHT_UDP && &f->targets[t->target] == target)
			flight_end_try(f, t, true);
	}
}

/* May it be asked now? If not, when or whether is noted. */
static bool admit(struct flight *f, struct flight_target *t, enum flight_way way,
		  struct hlv_now now)
{
	enum select_try what = t->asked == 0 ? SELECT_FIRST : SELECT_RETRY;
	/* TCP after a stub or a refusal is no retry, but the answer that is being fetched. */
	if (t->asked > 0 && way != FLIGHT_UDP && t->stream_only)
		what = SELECT_FIRST;
	if (f->budget->packets == 0) {
		f->broke = true;
		return false;
	}
	switch (selector_begin(f->selector, selector_address(&t->at), what, now)) {
	case SELECT_GO:
		(void)budget_take(&f->budget->packets, 1);
		return true;
	case SELECT_FULL:
		t->due_ns =
			now.mono_ns + FULL_HOLD_MIN_MS * MS +
			hlv_rand_below(&f->rand, (FULL_HOLD_MAX_MS - FULL_HOLD_MIN_MS) * MS);
		return false;
	case SELECT_REST:
		t->due_ns = now.mono_ns + (REST_MS + hlv_rand_below(&f->rand, REST_MS)) * MS;
		return false;
	case SELECT_NO_RETRY:
		t->spent = way != FLIGHT_UDP;
		t->by_udp = UDP_TRIES_MAX;
		return false;
	case SELECT_DEAD:
		break;
	}
	t->spent = true;
	return false;
}

static void begin_try(struct flight *f, struct flight_try *t, struct flight_target *target,
		      enum flight_way way, struct hlv_now now)
{
	const struct hlv_addr *a = selector_address(&target->at);
	bool dead = selector_is_dead(f->selector, a);
	hlv_mono_ns wait = selector_wait_ms(f->selector, a) * MS;
	uint8_t number[4];
	if (way != FLIGHT_UDP && wait < STREAM_WAIT_MIN_MS * MS)
		wait = STREAM_WAIT_MIN_MS * MS;
	hlv_store_u32(number, f->nsocks);
	*t = (struct flight_try){
		.open = true,
		.sock = f->nsocks++,
		.id = (uint32_t)(hlv_siphash(f->secret, hlv_bytes(number, sizeof number)) >>
				 33),
		.target = (uint8_t)(target - f->targets),
		.way = way,
		.begun_ns = now.mono_ns,
		.wait_ns = now.mono_ns + wait,
	};
	if (target->asked++ == 0)
		target->first_ns = now.mono_ns;
	target->by_udp += way == FLIGHT_UDP;
	target->by_stream |= way != FLIGHT_UDP;
	/* After the first few, each wait is twice the last. */
	unsigned slower = target->by_udp > UDP_TRIES ? target->by_udp - UDP_TRIES + 1U : 0;
	target->due_ns =
		now.mono_ns + (wait << slower) + hlv_rand_below(&f->rand, wait / 2 + 1);
	f->launch_ns = dead ? now.mono_ns : t->wait_ns;
}

static void order_open(struct flight *f, const struct flight_try *t, struct flight_order *out)
{
	const struct flight_target *target = &f->targets[t->target];
	hlv_store_u32(f->octets + WALK_REQUEST_ID_AT, t->id);
	*out = (struct flight_order){
		.what = FLIGHT_OPEN,
		.sock = t->sock,
		.way = t->way,
		.addr = t->way == FLIGHT_UDP ? target->at.udp : target->at.tcp,
		.octets = f->message,
	};
	if (t->way == FLIGHT_TLS)
		out->key = target->at.key;
}

/* Ask whoever is due. */
static bool launch(struct flight *f, struct hlv_now now, struct flight_order *out)
{
	hlv_mono_ns from_ns;
	for (;;) {
		size_t next = next_target(f, &from_ns);
		struct flight_try *t = free_try(f);
		if (next == f->ntargets || from_ns > now.mono_ns || !t)
			return false;
		struct flight_target *target = &f->targets[next];
		enum flight_way way = next_way(target, now);
		if (!admit(f, target, way, now))
			continue;
		if (way == FLIGHT_UDP)
			end_udp(f, target);
		begin_try(f, t, target, way, now);
		order_open(f, t, out);
		return true;
	}
}

static bool order_close(struct flight *f, struct flight_order *out)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		struct flight_try *t = &f->tries[i];
		if (!t->closing)
			continue;
		t->closing = false;
		*out = (struct flight_order){
			.what = FLIGHT_CLOSE, .sock = t->sock, .way = t->way};
		return true;
	}
	return false;
}

void flight_timeout(struct flight *f, struct hlv_now now)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		struct flight_try *t = &f->tries[i];
		if (!t->open || t->silent || t->wait_ns > now.mono_ns)
			continue;
		t->silent = f->quiet = true;
		selector_silent(f->selector, flight_known_as(f, t), t->begun_ns, now);
	}
}

/* Nobody is left to be asked: how long are those waited for who were? 0: there is none. */
static hlv_mono_ns last_hope(const struct flight *f)
{
	hlv_mono_ns until = 0;
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		const struct flight_try *t = &f->tries[i];
		if (!t->open)
			continue;
		hlv_mono_ns linger = t->begun_ns + SILENT_LINGER_MS * MS;
		if (linger < t->wait_ns)
			linger = t->wait_ns;
		if (linger > until)
			until = linger;
	}
	return until;
}

static enum hlv_err give_up(const struct flight *f)
{
	if (f->broke)
		return HLV_E_LIMIT;
	return f->spoke && !f->quiet ? HLV_E_IO : HLV_E_TIMEOUT;
}

static bool is_over(struct flight *f, struct hlv_now now)
{
	hlv_mono_ns from_ns;
	if (now.mono_ns >= f->budget->until_ns) {
		flight_finish(f, HLV_E_TIMEOUT);
		return true;
	}
	if (next_target(f, &from_ns) < f->ntargets || last_hope(f) > now.mono_ns)
		return false;
	flight_finish(f, give_up(f));
	return true;
}

void flight_next(struct flight *f, struct hlv_now now, struct flight_order *out)
{
	*out = (struct flight_order){0};
	flight_timeout(f, now);
	if (f->state == FLYING && now.mono_ns < f->budget->until_ns && launch(f, now, out))
		return;
	if (f->state == FLYING)
		(void)is_over(f, now);
	if (order_close(f, out))
		return;
	switch (f->state) {
	case FLYING:
		out->what = FLIGHT_WAIT;
		break;
	case ANSWERED:
		out->what = FLIGHT_ANSWERED;
		break;
	case FAILED:
		out->what = FLIGHT_FAILED;
		break;
	}
}

hlv_mono_ns flight_deadline(const struct flight *f)
{
	hlv_mono_ns next, from_ns, hope = last_hope(f);
	if (f->state != FLYING)
		return 0;
	next = f->budget->until_ns;
	if (next_target(f, &from_ns) < f->ntargets) {
		if (from_ns < next)
			next = from_ns;
	} else if (hope < next) {
		next = hope;
	}
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		const struct flight_try *t = &f->tries[i];
		if (t->open && !t->silent && t->wait_ns < next)
			next = t->wait_ns;
	}
	return next;
}

struct hlv_bytes flight_answer(const struct flight *f, size_t *server, enum flight_way *way)
{
	*server = f->positions[f->answer->target];
	*way = f->answer->way;
	return f->answered;
}

const struct zone_server *flight_server(const struct flight *f)
{
	return &f->targets[f->answer->target].at;
}

void flight_stop(struct flight *f)
{
	if (f->state == FLYING)
		flight_finish(f, HLV_E_TIMEOUT);
}

enum hlv_err flight_error(const struct flight *f)
{
	return f->err;
}

unsigned flight_mismatches(const struct flight *f)
{
	return f->mismatches;
}
