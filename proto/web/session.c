/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/session.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/base64.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "proto/sec/mac.h"
#include "proto/sec/secret.h"
#include "proto/wire/name.h"

enum {
	RANDOM = 16,
	SEALED = RANDOM + 4, /* and when the offer ends, in seconds since 1970 */
	BUCKETS = 4096,
};
static const uint64_t SECOND_NS = 1000000000U;

/* A session that somebody has logged in to, or that was ended before its id was over. */
struct entry {
	struct entry *next;	     /* of its bucket */
	struct entry *newer, *older; /* by last use: a ring through the table's own */
	uint8_t id[WEB_SESSION_ID];
	hlv_mono_ns ends_ns, idle_ns; /* over at the earlier of the two */
	bool ended, by_token;
	struct hlv_proven proven;
	struct hlv_ref who; /* behind this struct */
};

struct web_sessions {
	pthread_mutex_t
		lock; /* guards all that is below it; nothing else is taken while held */
	struct entry *buckets[BUCKETS];
	struct entry ring; /* .newer: the oldest; .older: the newest */
	size_t n;
	uint8_t key[32];
};

struct web_sessions *web_sessions_new(void)
{
	struct web_sessions *t = calloc(1, sizeof *t);
	if (!t)
		return NULL;
	t->ring.newer = t->ring.older = &t->ring;
	if (hlv_secret_draw(t->key, sizeof t->key) == HLV_OK &&
	    pthread_mutex_init(&t->lock, NULL) == 0)
		return t;
	free(t);
	return NULL;
}

/* --- ids --- */

static bool derive(const struct web_sessions *t, const char *what, struct hlv_bytes from,
		   struct hlv_mac *mac)
{
	struct hlv_bytes spans[] = {hlv_text(what), from};
	return hlv_mac(HLV_MAC_HMAC_SHA256, hlv_bytes(t->key, sizeof t->key), spans, 2, mac) ==
	       HLV_OK;
}

static bool complete(const struct web_sessions *t, struct web_session *s)
{
	struct hlv_mac mac;
	if (!derive(t, "nonce", hlv_bytes(s->id, sizeof s->id), &mac))
		return false;
	memcpy(s->nonce, mac.octets, sizeof s->nonce);
	struct hlv_buf text = {0};
	hlv_base64_put(&text, hlv_bytes(s->id, sizeof s->id), HLV_BASE64_URL);
	bool done = !text.bad && text.n == WEB_SESSION_TEXT;
	if (done)
		memcpy(s->text, text.p, WEB_SESSION_TEXT + 1);
	hlv_buf_free(&text);
	return done;
}

bool web_session_offer(struct web_sessions *t, struct hlv_now now, struct web_session *s)
{
	struct hlv_mac mac;
	*s = (struct web_session){0};
	if (hlv_secret_draw(s->id, RANDOM) != HLV_OK)
		return false;
	hlv_store_u32(s->id + RANDOM, hlv_now_s(now) + WEB_SESSION_OFFER_S);
	if (!derive(t, "offer", hlv_bytes(s->id, SEALED), &mac))
		return false;
	memcpy(s->id + SEALED, mac.octets, WEB_SESSION_ID - SEALED);
	return complete(t, s);
}

/* One that we gave out; `*over`: too long ago for somebody who has not logged in. */
static bool read_id(const struct web_sessions *t, struct hlv_bytes text, struct hlv_now now,
		    struct web_session *s, bool *over)
{
	struct hlv_writer w = hlv_writer(s->id, sizeof s->id);
	struct hlv_mac mac;
	if (text.n != WEB_SESSION_TEXT || !hlv_base64_parse(text, &w) || w.bad ||
	    w.n != WEB_SESSION_ID || !derive(t, "offer", hlv_bytes(s->id, SEALED), &mac))
		return false;
	mac.n = WEB_SESSION_ID - SEALED;
	if (!hlv_mac_is(&mac, hlv_bytes(s->id + SEALED, WEB_SESSION_ID - SEALED)))
		return false;
	struct hlv_reader r = hlv_reader(hlv_bytes(s->id + RANDOM, 4));
	*over = hlv_get_u32(&r) <= hlv_now_s(now);
	return complete(t, s);
}

/* --- the table --- */

/* Ids are random, so their first octets are a hash. */
static struct entry **bucket(struct web_sessions *t, const uint8_t *id)
{
	return &t->buckets[(id[0] << 8 | id[1]) % BUCKETS];
}

static struct entry *lookup(struct web_sessions *t, const uint8_t *id)
{
	struct entry *e = *bucket(t, id);
	while (e && memcmp(e->id, id, sizeof e->id) != 0)
		e = e->next;
	return e;
}

static void unlink_ring(struct entry *e)
{
	e->older->newer = e->newer;
	e->newer->older = e->older;
}

static void make_newest(struct web_sessions *t, struct entry *e)
{
	e->newer = &t->ring;
	e->older = t->ring.older;
	e->older->newer = e;
	t->ring.older = e;
}

static void drop(struct web_sessions *t, struct entry *e)
{
	struct entry **at = bucket(t, e->id);
	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	unlink_ring(e);
	t->n--;
	free(e);
}

static bool is_over(const struct entry *e, struct hlv_now now)
{
	return now.mono_ns >= e->ends_ns || now.mono_ns >= e->idle_ns;
}

/* Room for one more of `who`: what is over goes, then his own oldest, then everybody's. */
static void make_room(struct web_sessions *t, const struct hlv_ref *who, struct hlv_now now)
{
	size_t own = 0;
	struct entry *his = NULL, *next;
	for (struct entry *e = t->ring.newer; e != &t->ring; e = next) {
		next = e->newer;
		if (is_over(e, now)) {
			drop(t, e);
		} else if (e->who.index == who->index &&
			   hlv_name_eq_full(e->who.handle, who->handle)) {
			his = his ? his : e;
			own++;
		}
	}
	if (own >= WEB_SESSIONS_PER_IDENTITY)
		drop(t, his);
	else if (t->n >= WEB_SESSIONS_MAX)
		drop(t, t->ring.newer);
}

void web_sessions_free(struct web_sessions *t)
{
	if (!t)
		return;
	while (t->ring.newer != &t->ring)
		drop(t, t->ring.newer);
	pthread_mutex_destroy(&t->lock);
	hlv_wipe(t->key, sizeof t->key);
	free(t);
}

bool web_session_find(struct web_sessions *t, struct hlv_bytes text, struct hlv_now now,
		      struct hlv_arena *a, struct web_session *s)
{
	bool over;
	*s = (struct web_session){0};
	if (!read_id(t, text, now, s, &over))
		return false;
	pthread_mutex_lock(&t->lock);
	struct entry *e = lookup(t, s->id);
	bool live = e ? !e->ended && !is_over(e, now) : !over;
	if (e && live) {
		s->logged_in = true;
		s->who = (struct hlv_ref){hlv_arena_copy(a, e->who.handle), e->who.index};
		s->proven = e->proven;
		s->by_token = e->by_token;
		e->idle_ns = now.mono_ns + WEB_SESSION_IDLE_S * SECOND_NS;
		unlink_ring(e);
		make_newest(t, e);
	}
	pthread_mutex_unlock(&t->lock);
	return live && !a->bad;
}

/* A new entry in place of the one that this id may have. */
static bool put(struct web_sessions *t, const struct web_session *s,
		const struct hlv_login *login, struct hlv_now now)
{
	const struct hlv_ref *who = &login->who;
	struct entry *e = malloc(sizeof *e + who->handle.n);
	if (!e)
		return false;
	uint8_t *handle = (uint8_t *)(e + 1);
	if (who->handle.n)
		memcpy(handle, who->handle.p, who->handle.n);
	*e = (struct entry){.ends_ns = now.mono_ns + WEB_SESSION_LIFE_S * SECOND_NS,
			    .idle_ns = now.mono_ns + WEB_SESSION_IDLE_S * SECOND_NS,
			    .by_token = s->by_token,
			    .proven = login->proven,
			    .who = {hlv_bytes(handle, who->handle.n), who->index}};
	memcpy(e->id, s->id, sizeof e->id);
	pthread_mutex_lock(&t->lock);
	struct entry *former = lookup(t, s->id);
	if (former)
		drop(t, former);
	else
		make_room(t, who, now);
	e->next = *bucket(t, e->id);
	*bucket(t, e->id) = e;
	make_newest(t, e);
	t->n++;
	pthread_mutex_unlock(&t->lock);
	return true;
}

bool web_session_login(struct web_sessions *t, struct web_session *s,
		       const struct hlv_login *login, struct hlv_now now)
{
	if (!put(t, s, login, now))
		return false;
	s->logged_in = true;
	s->who = login->who;
	s->proven = login->proven;
	return true;
}

void web_session_end(struct web_sessions *t, const struct web_session *s, struct hlv_now now)
{
	pthread_mutex_lock(&t->lock);
	struct entry *e = lookup(t, s->id);
	if (e) {
		/* Until its id is over by itself. */
		e->ended = true;
		e->ends_ns = now.mono_ns + WEB_SESSION_OFFER_S * SECOND_NS;
	}
	pthread_mutex_unlock(&t->lock);
}

size_t web_sessions_count(struct web_sessions *t)
{
	pthread_mutex_lock(&t->lock);
	size_t n = t->n;
	pthread_mutex_unlock(&t->lock);
	return n;
}
