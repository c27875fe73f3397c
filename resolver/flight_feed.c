/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/flight_inner.h"

#include <stdlib.h>

#include "proto/wire/envelope.h"

enum {
	MISMATCHES_MAX = 3, /* of one server; then by TCP */
	JOIN_MAX = 16384,   /* octets that are joined of datagrams; longer ones come by TCP */
	NO_SOCKET_MS = 100, /* when there was none to spare; and as much again at random */
};

static void succeed(struct flight *f, struct flight_try *t, struct hlv_bytes message,
		    struct hlv_now now)
{
	/* A stream's first answer takes two round trips, with TLS three. */
	hlv_mono_ns took = (now.mono_ns - t->begun_ns) / (1 + (unsigned)t->way);
	selector_answered(f->selector, flight_known_as(f, t), took > 0 ? took : 1, now);
	t->open = false;
	t->closing = true;
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++) {
		if (f->tries[i].open && !f->tries[i].silent)
			selector_outrun(f->selector, flight_known_as(f, &f->tries[i]));
		flight_end_try(f, &f->tries[i], true);
	}
	f->state = ANSWERED;
	f->answer = t;
	f->answered = message;
}

/* The server spoke, and it was no use: the next one, at once. */
static void fail_target(struct flight *f, struct flight_try *t, struct hlv_now now)
{
	f->targets[t->target].failed = f->spoke = true;
	f->launch_ns = now.mono_ns;
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++)
		if (f->tries[i].target == t->target)
			flight_end_try(f, &f->tries[i], true);
}

/* By TCP or TLS, at once; without such a port there is only waiting. */
static bool go_stream(struct flight *f, struct flight_try *t, struct hlv_now now)
{
	struct flight_target *target = &f->targets[t->target];
	if (!target->at.tcp.len)
		return false;
	target->stream_only = true;
	target->due_ns = now.mono_ns;
	flight_end_try(f, t, true);
	return true;
}

static struct flight_try *find_try(struct flight *f, uint32_t sock)
{
	for (size_t i = 0; i < TRIES_OPEN_MAX; i++)
		if (f->tries[i].open && f->tries[i].sock == sock)
			return &f->tries[i];
	return NULL;
}

static void mismatch(struct flight *f, struct flight_try *t, struct hlv_now now)
{
	struct flight_target *target = &f->targets[t->target];
	f->mismatches++;
	if (++target->mismatches < MISMATCHES_MAX)
		return;
	if (t->way == FLIGHT_UDP)
		(void)go_stream(f, t, now);
	else
		fail_target(f, t, now);
}

static void take_message(struct flight *f, struct flight_try *t, struct hlv_bytes message,
			 struct hlv_now now)
{
	switch (match_answer(&f->q, t->id, message, t->way != FLIGHT_UDP)) {
	case MATCH_NOT:
		mismatch(f, t, now);
		return;
	case MATCH_BROKEN:
		fail_target(f, t, now);
		return;
	case MATCH_ANSWER:
		succeed(f, t, message, now);
		return;
	}
}

/* Room for `n` octets more of what really came, never for what was only announced. */
static bool grow(struct flight_try *t, size_t n)
{
	if (n <= t->cap - t->n)
		return true;
	size_t cap = t->cap ? t->cap * 2 : 1024;
	while (cap - t->n < n)
		cap *= 2;
	uint8_t *buf = realloc(t->buf, cap);
	if (!buf)
		return false;
	t->buf = buf;
	t->cap = cap;
	return true;
}

static bool begin_joining(struct flight_try *t, size_t length)
{
	flight_drop_octets(t);
	t->cap = HLV_ENVELOPE_SIZE + length;
	t->buf = malloc(t->cap);
	t->joiner = malloc(sizeof *t->joiner);
	if (!t->buf || !t->joiner)
		return false;
	hlv_joiner_init(t->joiner, t->buf, t->cap);
	return true;
}

static void take_part(struct flight *f, struct flight_try *t, struct hlv_bytes packet,
		      struct hlv_now now)
{
	size_t length = hlv_load_u32(packet.p + 16);
	bool done;
	if (length > JOIN_MAX) {
		if (!go_stream(f, t, now))
			fail_target(f, t, now);
		return;
	}
	if (!t->joiner && !begin_joining(t, length)) {
		flight_finish(f, HLV_E_NOMEM);
		return;
	}
	if (hlv_joiner_feed(t->joiner, packet, &done) != HLV_OK) {
		mismatch(f, t, now);
		return;
	}
	if (!done)
		return;
	struct hlv_bytes message =
		hlv_bytes(t->buf, HLV_ENVELOPE_SIZE + t->joiner->envelope.length);
	free(t->joiner); /* what comes next begins anew */
	t->joiner = NULL;
	take_message(f, t, message, now);
}

/* It lives, and wants to see us by TCP: which is no second probe of a server that was dead. */
static void take_stub(struct flight *f, struct flight_try *t, struct hlv_now now)
{
	if (!f->targets[t->target].at.tcp.len) {
		fail_target(f, t, now);
		return;
	}
	selector_answered(f->selector, flight_known_as(f, t), now.mono_ns - t->begun_ns, now);
	t->open = false;
	t->closing = true;
	flight_drop_octets(t);
	(void)go_stream(f, t, now);
}

static void take_packet(struct flight *f, struct flight_try *t, struct hlv_bytes packet,
			struct hlv_now now)
{
	switch (match_packet(&f->q, t->id, packet)) {
	case PACKET_NOT:
		mismatch(f, t, now);
		return;
	case PACKET_BROKEN:
		fail_target(f, t, now);
		return;
	case PACKET_STUB:
		take_stub(f, t, now);
		return;
	case PACKET_PART:
		take_part(f, t, packet, now);
		return;
	}
}

/* Octets of the first message of a stream; 0: its length is not known yet. */
static size_t framed(const struct flight_try *t)
{
	return t->n < HLV_ENVELOPE_SIZE ? 0
					: HLV_ENVELOPE_SIZE + (size_t)hlv_load_u32(t->buf + 16);
}

static void take_stream(struct flight *f, struct flight_try *t, struct hlv_bytes octets,
			struct hlv_now now)
{
	if (!grow(t, octets.n)) {
		flight_finish(f, HLV_E_NOMEM);
		return;
	}
	if (octets.n)
		memcpy(t->buf + t->n, octets.p, octets.n);
	t->n += octets.n;
	size_t n;
	while (t->open && (n = framed(t)) > 0) {
		if (n > HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX) {
			fail_target(f, t, now);
			return;
		}
		if (t->n < n)
			return;
		take_message(f, t, hlv_bytes(t->buf, n), now);
		if (!t->open)
			return;
		t->n -= n;
		memmove(t->buf, t->buf + n, t->n);
	}
}

void flight_feed(struct flight *f, uint32_t sock, struct hlv_bytes octets, struct hlv_now now)
{
	struct flight_try *t = find_try(f, sock);
	if (!t || f->state != FLYING)
		return;
	if (!budget_take(&f->budget->octets, octets.n))
		flight_finish(f, HLV_E_LIMIT);
	else if (t->way == FLIGHT_UDP)
		take_packet(f, t, octets, now);
	else
		take_stream(f, t, octets, now);
}

/* There is no socket to spare: the server was not asked, and nothing is known of it. Later, as if there
 * had been no try; numbers of sockets are few, so this one is used again. */
static void take_back(struct flight *f, struct flight_try *t, struct hlv_now now)
{
	struct flight_target *target = &f->targets[t->target];
	hlv_mono_ns hold = NO_SOCKET_MS * UINT64_C(1000000);
	selector_outrun(f->selector, flight_known_as(f, t));
	flight_end_try(f, t, false);
	target->asked--;
	target->by_udp -= t->way == FLIGHT_UDP;
	target->by_stream &= t->way == FLIGHT_UDP;
	target->due_ns = now.mono_ns + hold + hlv_rand_below(&f->rand, hold);
	f->launch_ns = target->due_ns;
	f->budget->packets++;
	f->nsocks = t->sock;
}

void flight_gone(struct flight *f, uint32_t sock, enum hlv_err err, struct hlv_now now)
{
	struct flight_try *t = find_try(f, sock);
	if (!t || f->state != FLYING)
		return;
	if (err == HLV_E_LIMIT && t->sock + 1 == f->nsocks) {
		take_back(f, t, now);
		return;
	}
	struct flight_target *target = &f->targets[t->target];
	f->spoke = true;
	if (!t->silent)
		selector_silent(f->selector, flight_known_as(f, t), t->begun_ns, now);
	flight_end_try(f, t, false);
	f->launch_ns = now.mono_ns;
	if (t->way != FLIGHT_UDP) {
		/* A question by UDP may be open beside it. */
		target->spent = true;
		return;
	}
	target->stream_only = true;
	target->due_ns = now.mono_ns;
	target->failed = !target->at.tcp.len;
}
