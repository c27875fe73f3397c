/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/ask.h"

#include <stdlib.h>

#include "proto/net/front_native.h"

enum {
	ARENA_LIMIT = 4 << 20,
	/* Envelope, header, the lengths of the fields; an administrative body has a few more. */
	FIXED = 512,
};

struct hlv_asked {
	struct hlv_exchange x;
	struct hlv_front *front;
	hlv_answered *answered;
	void *ctx;
	struct hlv_asked *next; /* while free */
};

static void release(struct hlv_asked *a)
{
	hlv_exchange_end(&a->x);
	hlv_front_home(a->front);
	a->next = a->front->asked;
	a->front->asked = a;
}

static enum hlv_way way_of(const struct hlv_peer *peer)
{
	bool tls = peer->transport == HLV_T_TLS;
	switch (peer->via) {
	case HLV_VIA_HTTP:
		return tls ? HLV_WAY_HTTPS : HLV_WAY_HTTP;
	case HLV_VIA_DNS:
		return HLV_WAY_DNS;
	case HLV_VIA_NATIVE:
		break;
	}
	return tls ? HLV_WAY_TLS : HLV_WAY_TCP;
}

static void done(struct hlv_exchange *x)
{
	struct hlv_asked *a = x->front;
	bool more = x->more;
	if (!more)
		hlv_front_answered(a->front, way_of(&x->peer), x,
				   a->front->in_batch ? 0 : hlv_clock_mono());
	a->answered(x, a->ctx);
	if (!more)
		release(a);
}

static struct hlv_asked *take(struct hlv_front *front)
{
	struct hlv_asked *a = front->asked;
	if (a) {
		front->asked = a->next;
	} else {
		a = calloc(1, sizeof *a);
		if (!a)
			return NULL;
		a->front = front;
		a->x.done = done;
		a->x.front = a;
		a->x.home = front->mail;
		hlv_arena_init(&a->x.arena, ARENA_LIMIT);
	}
	front->inflight++;
	hlv_exchange_begin(&a->x);
	return a;
}

static void out_of_memory(const struct hlv_peer *peer, struct hlv_now now,
			  hlv_answered *answered, void *ctx)
{
	struct hlv_exchange x = {.peer = *peer, .now = now};
	hlv_exchange_error(&x, HLV_RC_ERROR, "Out of memory");
	answered(&x, ctx);
}

static struct hlv_asked *begin(struct hlv_front *front, const struct hlv_peer *peer,
			       struct hlv_now now, hlv_answered *answered, void *ctx)
{
	struct hlv_asked *a = take(front);
	if (!a) {
		out_of_memory(peer, now, answered, ctx);
		return NULL;
	}
	a->answered = answered;
	a->ctx = ctx;
	a->x.peer = *peer;
	a->x.now = now;
	/* hlv_exchange_begin() leaves the last asker's answer in it: it must not go to this one. */
	a->x.rs = (struct hlv_response){0};
	return a;
}

/* An answer from the view may come at once, and the view exists in a batch only. */
static void submit(struct hlv_asked *a)
{
	struct hlv_front *front = a->front;
	struct hlv_now now = a->x.now;
	bool own_batch = !front->in_batch;
	if (own_batch)
		hlv_front_batch_begin(front, now);
	front->service->submit(front->service, &a->x);
	if (own_batch) {
		hlv_front_batch_end(front);
		hlv_front_measure(front, now);
	}
}

static size_t room_for(const struct hlv_request *rq)
{
	return FIXED + rq->handle.n + rq->indexes.raw.n + rq->types.raw.n + rq->values.raw.n +
	       rq->octets.n + rq->token.n + rq->auth.who.handle.n + rq->auth.proof.n +
	       rq->auth.nonce.n + rq->auth.digest.octets.n + rq->auth.kind.n;
}

static bool encode(struct hlv_asked *a, const struct hlv_request *asked, struct hlv_bytes *out)
{
	struct hlv_request rq = *asked;
	rq.m.env.major = HLV_OUR_VERSION / 256;
	rq.m.env.minor = HLV_OUR_VERSION % 256;
	rq.m.env.suggest_major = rq.m.env.major;
	rq.m.env.suggest_minor = rq.m.env.minor;
	size_t room = room_for(&rq);
	uint8_t *p = hlv_alloc_raw(&a->x.arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_request_encode(&w, &rq);
	*out = hlv_written(&w);
	return !w.bad;
}

void hlv_ask(struct hlv_front *front, const struct hlv_peer *peer, struct hlv_now now,
	     const struct hlv_request *rq, hlv_answered *answered, void *ctx)
{
	struct hlv_bytes message;
	struct hlv_asked *a = begin(front, peer, now, answered, ctx);
	if (!a)
		return;
	if (!encode(a, rq, &message)) {
		hlv_exchange_error(&a->x, HLV_RC_ERROR, "The request takes too much memory");
		done(&a->x);
		return;
	}
	switch (hlv_native_decode(message, &a->x)) {
	case HLV_NATIVE_SUBMIT:
		submit(a);
		return;
	case HLV_NATIVE_REPLY: /* x->rs says what is wrong with it */
		break;
	case HLV_NATIVE_DROP:
		hlv_exchange_error(&a->x, HLV_RC_PROTOCOL_ERROR,
				   "The request is longer than a message may be");
		break;
	}
	done(&a->x);
}

bool hlv_ask_native(struct hlv_front *front, const struct hlv_peer *peer, struct hlv_now now,
		    struct hlv_bytes message, hlv_answered *answered, void *ctx)
{
	struct hlv_asked *a = begin(front, peer, now, answered, ctx);
	if (!a)
		return true;
	message = hlv_arena_copy(&a->x.arena, message);
	enum hlv_native_verdict verdict =
		a->x.arena.bad ? HLV_NATIVE_DROP : hlv_native_decode(message, &a->x);
	switch (verdict) {
	case HLV_NATIVE_SUBMIT:
		submit(a);
		break;
	case HLV_NATIVE_REPLY:
		done(&a->x);
		break;
	case HLV_NATIVE_DROP:
		release(a);
		return false;
	}
	return true;
}

void hlv_ask_more(struct hlv_exchange *x)
{
	struct hlv_asked *a = x->front;
	x->more = false;
	x->now = hlv_clock();
	bool own_batch = !a->front->in_batch;
	if (own_batch)
		hlv_front_batch_begin(a->front, x->now);
	a->front->service->resume(a->front->service, x);
	if (own_batch)
		hlv_front_batch_end(a->front);
}

void hlv_ask_drop(struct hlv_exchange *x)
{
	release(x->front);
}

void hlv_ask_free(struct hlv_front *front)
{
	while (front->asked) {
		struct hlv_asked *a = front->asked;
		front->asked = a->next;
		hlv_arena_fini(&a->x.arena);
		free(a);
	}
}
