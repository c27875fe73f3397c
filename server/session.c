/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/sec/secret.h"
#include "server/network.h"

enum { BUCKETS = 16384, SOURCE_V4 = 4, SOURCE_V6 = 8 };
static const uint64_t SECOND = 1000000000;

struct entry {
	struct session s; /* first: what callers get; handle and key stand behind this struct */
	size_t size;	  /* of all that is to be wiped */
	struct network source;
	struct entry *next_by_id;
	struct entry *next_by_who;   /* authenticated ones only */
	struct entry *older, *newer; /* of those that are authenticated, or not, as this one */
};

struct queue {
	struct entry *oldest, *newest;
	size_t n;
};

struct session_table {
	uint64_t secret[2];
	struct queue known, unknown;
	hlv_mono_ns swept_ns;
	struct entry *by_id[BUCKETS];
	struct entry *by_who[BUCKETS];
};

struct session_table *session_table_new(uint64_t secret)
{
	struct session_table *t = calloc(1, sizeof *t);
	if (t) {
		t->secret[0] = secret;
		t->secret[1] = ~secret;
	}
	return t;
}

static void entry_free(struct entry *e)
{
	hlv_wipe(e, e->size);
	free(e);
}

/* Ids are our own random bits: they need no hash. */
static struct entry **id_bucket(struct session_table *t, uint32_t id)
{
	return &t->by_id[id % BUCKETS];
}

static struct entry **who_bucket(struct session_table *t, const struct hlv_ref *who)
{
	uint8_t folded[HLV_IDENTIFIER_MAX + 4];
	struct hlv_writer w = hlv_writer(folded, sizeof folded);
	hlv_put_u32(&w, who->index);
	hlv_name_put_upper_prefix(&w, who->handle);
	return &t->by_who[hlv_siphash(t->secret, hlv_written(&w)) % BUCKETS];
}

static bool same_who(const struct hlv_ref *a, const struct hlv_ref *b)
{
	return a->index == b->index && hlv_name_eq_prefix(a->handle, b->handle);
}

static struct entry *find(const struct session_table *t, uint32_t id)
{
	struct entry *e = t->by_id[id % BUCKETS];
	while (e && e->s.id != id)
		e = e->next_by_id;
	return e;
}

static void queue_put(struct queue *q, struct entry *e)
{
	e->older = q->newest;
	e->newer = NULL;
	*(q->newest ? &q->newest->newer : &q->oldest) = e;
	q->newest = e;
	q->n++;
}

static void queue_remove(struct queue *q, struct entry *e)
{
	*(e->older ? &e->older->newer : &q->oldest) = e->newer;
	*(e->newer ? &e->newer->older : &q->newest) = e->older;
	q->n--;
}

static void drop(struct session_table *t, struct entry *e)
{
	struct entry **at = id_bucket(t, e->s.id);
	while (*at != e)
		at = &(*at)->next_by_id;
	*at = e->next_by_id;
	if (e->s.authenticated) {
		at = who_bucket(t, &e->s.who);
		while (*at != e)
			at = &(*at)->next_by_who;
		*at = e->next_by_who;
	}
	queue_remove(e->s.authenticated ? &t->known : &t->unknown, e);
	entry_free(e);
}

static bool is_over(const struct entry *e, struct hlv_now now)
{
	return e->s.expires_ns <= now.mono_ns || e->s.idle_ns <= now.mono_ns;
}

static void sweep(struct session_table *t, const struct queue *q, struct hlv_now now)
{
	struct entry *newer = NULL;
	for (struct entry *e = q->oldest; e; e = newer) {
		newer = e->newer;
		if (is_over(e, now))
			drop(t, e);
	}
}

/* A walk over all of them, so not more often than once a second, whoever asks for it. */
void session_tick(struct session_table *t, struct hlv_now now)
{
	if (t->swept_ns != 0 && now.mono_ns - t->swept_ns < SECOND)
		return;
	t->swept_ns = now.mono_ns;
	sweep(t, &t->known, now);
	sweep(t, &t->unknown, now);
}

void session_table_free(struct session_table *t)
{
	if (!t)
		return;
	while (t->known.oldest)
		drop(t, t->known.oldest);
	while (t->unknown.oldest)
		drop(t, t->unknown.oldest);
	free(t);
}

/* --- room for one more --- */

static void room_of_source(struct session_table *t, const struct network *source)
{
	size_t n = 0;
	struct entry *oldest = NULL;
	for (struct entry *e = t->unknown.newest; e && source->family; e = e->older) {
		if (!network_eq(&e->source, source))
			continue;
		n++;
		oldest = e;
	}
	if (n >= SESSIONS_UNAUTHENTICATED_PER_SOURCE)
		drop(t, oldest);
}

static bool room_of_table(struct session_table *t, struct hlv_now now)
{
	if (session_count(t) >= SESSIONS_MAX)
		session_tick(t, now);
	if (t->unknown.n >= SESSIONS_UNAUTHENTICATED ||
	    (session_count(t) >= SESSIONS_MAX && t->unknown.n))
		drop(t, t->unknown.oldest);
	return session_count(t) < SESSIONS_MAX;
}

/* --- the calls --- */

static struct entry *entry_new(const struct session_setup *s, uint32_t id, struct hlv_now now)
{
	size_t size = sizeof(struct entry) + s->who.handle.n + s->key.n;
	struct entry *e = calloc(1, size);
	if (!e)
		return NULL;
	struct hlv_writer behind = hlv_writer(e + 1, size - sizeof *e);
	hlv_put(&behind, s->who.handle);
	hlv_put(&behind, s->key);
	uint32_t life_s = s->timeout_s;
	if (life_s == 0 || life_s > SESSION_LIFE_S)
		life_s = SESSION_LIFE_S;
	if (life_s < SESSION_LIFE_MIN_S)
		life_s = SESSION_LIFE_MIN_S;
	e->size = size;
	e->source = network_of(&s->source, SOURCE_V4, SOURCE_V6);
	e->s = (struct session){
		.id = id,
		.who = {hlv_bytes(behind.p, s->who.handle.n), s->who.index},
		.version = s->version,
		.cipher = s->cipher,
		.key = hlv_bytes(behind.p + s->who.handle.n, s->key.n),
		.expires_ns = now.mono_ns + life_s * SECOND,
		.idle_ns = now.mono_ns + SESSION_IDLE_S * SECOND,
	};
	return e;
}

struct session *session_put(struct session_table *t, const struct session_setup *s, uint32_t id,
			    struct hlv_now now)
{
	if (id == 0 || id > INT32_MAX || session_has(t, id) ||
	    s->who.handle.n > HLV_IDENTIFIER_MAX)
		return NULL;
	struct network source = network_of(&s->source, SOURCE_V4, SOURCE_V6);
	room_of_source(t, &source);
	if (!room_of_table(t, now))
		return NULL;
	struct entry *e = entry_new(s, id, now);
	if (!e)
		return NULL;
	struct entry **bucket = id_bucket(t, id);
	e->next_by_id = *bucket;
	*bucket = e;
	queue_put(&t->unknown, e);
	return &e->s;
}

struct session *session_find(struct session_table *t, uint32_t id, struct hlv_now now)
{
	struct entry *e = find(t, id);
	if (e && is_over(e, now)) {
		drop(t, e);
		e = NULL;
	}
	if (!e)
		return NULL;
	e->s.idle_ns = now.mono_ns + SESSION_IDLE_S * SECOND;
	return &e->s;
}

bool session_has(const struct session_table *t, uint32_t id)
{
	return find(t, id) != NULL;
}

void session_end(struct session_table *t, struct session *s)
{
	drop(t, (struct entry *)(void *)s); /* its first member */
}

/* The identity's session that was not used for longest, among those that are not in use;
 * *n: how many it has. */
static struct entry *least_used(struct entry *const *bucket, const struct hlv_ref *who,
				struct hlv_now now, size_t *n)
{
	struct entry *least = NULL;
	*n = 0;
	for (struct entry *e = *bucket; e; e = e->next_by_who) {
		if (!same_who(&e->s.who, who))
			continue;
		++*n;
		hlv_mono_ns used_ns = e->s.idle_ns - SESSION_IDLE_S * SECOND;
		bool in_use = used_ns + SESSION_IN_USE_S * SECOND > now.mono_ns;
		if ((!in_use || is_over(e, now)) && (!least || e->s.idle_ns < least->s.idle_ns))
			least = e;
	}
	return least;
}

bool session_authenticate(struct session_table *t, struct session *s, struct hlv_now now)
{
	if (s->authenticated)
		return true;
	if (s->who.handle.n == 0)
		return false;
	struct entry *e = (struct entry *)(void *)s; /* its first member */
	struct entry **bucket = who_bucket(t, &s->who);
	size_t n;
	struct entry *least = least_used(bucket, &s->who, now, &n);
	if (n >= SESSIONS_PER_IDENTITY && !least)
		return false;
	if (n >= SESSIONS_PER_IDENTITY)
		drop(t, least);
	queue_remove(&t->unknown, e);
	s->authenticated = true;
	queue_put(&t->known, e);
	e->next_by_who = *bucket;
	*bucket = e;
	return true;
}

static bool is_seen(const struct session *s, uint32_t counter)
{
	uint32_t at = counter % SESSION_WINDOW;
	return s->seen[at / 64] >> at % 64 & 1;
}

static void note_seen(struct session *s, uint32_t counter, bool seen)
{
	uint32_t at = counter % SESSION_WINDOW;
	uint64_t bit = UINT64_C(1) << at % 64;
	s->seen[at / 64] = seen ? s->seen[at / 64] | bit : s->seen[at / 64] & ~bit;
}

bool session_accept(struct session *s, uint32_t counter)
{
	if (counter == 0 || s->version < HLV_V(2, 5))
		return true;
	if (counter <= s->highest) {
		if (s->highest - counter >= SESSION_WINDOW || is_seen(s, counter))
			return false;
	} else if (counter - s->highest >= SESSION_WINDOW) {
		memset(s->seen, 0, sizeof s->seen);
	} else {
		/* Their places were those of counters that fall out of the window now. */
		for (uint32_t c = s->highest + 1; c != counter; c++)
			note_seen(s, c, false);
	}
	if (counter > s->highest)
		s->highest = counter;
	note_seen(s, counter, true);
	return true;
}

size_t session_count(const struct session_table *t)
{
	return t->known.n + t->unknown.n;
}
