/* SPDX-License-Identifier: Apache-2.0
 *
 * One question on its way through resolver/flight.h: its sockets are numbers, its time is told, and what
 * a server says is made here, well or badly.
 */
#pragma once
#include "proto/sec/digest.h"
#include "resolver/flight.h"
#include "tests/unit/unit.h"

static const uint64_t MS = 1000000;
enum { SOCKS = 64, ROOM = 70000 };
static const char ID[] = "88.118.8/JX1", OTHER_ID[] = "88.118.8/JX2";

/* One question on its way, and the sockets that it has. */
struct world {
	struct hlv_now now;
	struct selector *selector;
	struct budget budget;
	struct flight *f;
	struct walk_ask ask;
	uint8_t request[1024];
	struct flight_order socks[SOCKS]; /* as opened */
	uint32_t ids[SOCKS];
	bool closed[SOCKS];
	size_t nsocks, nclosed;
	enum flight_do last;
};

static const struct zone_server BOTH[] = {
	{.udp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {1}}, .len = 16},
	 .tcp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {1}}, .len = 16}},
	{.udp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {2}}, .len = 16},
	 .tcp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {2}}, .len = 16}},
	{.udp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {3}}, .len = 16},
	 .tcp = {.sa.v4 = {.sin_family = AF_INET, .sin_port = 1, .sin_addr = {3}}, .len = 16}},
};

static inline void make_request(struct world *w, size_t handle_len)
{
	static uint8_t longer[600];
	memset(longer, 'x', sizeof longer);
	memcpy(longer, "88.118.8/", 9);
	struct hlv_request rq = {.handle = handle_len ? hlv_bytes(longer, handle_len)
						      : hlv_text(ID)};
	rq.m.env = (struct hlv_envelope){2, 11, 0, 2, 11, 0, 0, 0, 0};
	rq.m.hdr = (struct hlv_header){.op = HLV_OP_RESOLUTION,
				       .flags = HLV_F_REQUEST_DIGEST | HLV_F_PUBLIC_ONLY};
	struct hlv_writer writer = hlv_writer(w->request, sizeof w->request);
	hlv_request_encode(&writer, &rq);
	w->ask.message = hlv_written(&writer);
	struct hlv_message m;
	assert_int_equal(hlv_message_decode(w->ask.message, &m), HLV_OK);
	w->ask.covered = m.covered;
	w->ask.id = rq.handle;
	w->ask.op = HLV_OP_RESOLUTION;
}

static inline void begin(struct world *w, const struct zone_server *servers, size_t n)
{
	w->now.mono_ns = 1000 * MS;
	w->selector = selector_new(16, 1);
	if (!w->ask.message.n)
		make_request(w, 0);
	budget_start(&w->budget, w->now);
	memcpy(w->ask.servers, servers, n * sizeof *servers);
	w->ask.nservers = n;
	w->f = flight_new(&w->ask, w->selector, &w->budget, 5, w->now);
	assert_non_null(w->f);
}

static inline void end(struct world *w)
{
	flight_free(w->f);
	selector_free(w->selector);
}

static inline size_t number_of(const struct world *w, uint32_t sock)
{
	for (size_t i = 0; i < w->nsocks; i++)
		if (w->socks[i].sock == sock)
			return i;
	fail_msg("socket %u was never opened", sock);
	return 0;
}

/* All that it wants now. */
static inline enum flight_do step(struct world *w)
{
	struct flight_order o;
	for (int i = 0; i < 100; i++) {
		flight_next(w->f, w->now, &o);
		w->last = o.what;
		if (o.what == FLIGHT_OPEN) {
			assert_true(w->nsocks < SOCKS);
			w->ids[w->nsocks] = hlv_load_u32(o.octets.p + 8);
			w->socks[w->nsocks++] = o;
			assert_true(hlv_eq(hlv_skip(o.octets, HLV_ENVELOPE_SIZE),
					   hlv_skip(w->ask.message, HLV_ENVELOPE_SIZE)));
		} else if (o.what == FLIGHT_CLOSE) {
			size_t at = number_of(w, o.sock);
			assert_false(w->closed[at]);
			w->closed[at] = true;
			w->nclosed++;
		} else {
			return o.what;
		}
	}
	fail_msg("it never waits");
	return FLIGHT_FAILED;
}

static inline enum flight_do pass(struct world *w, unsigned ms)
{
	w->now.mono_ns += ms * MS;
	flight_timeout(w->f, w->now);
	return step(w);
}

/* To the next moment at which it wants something. */
static inline enum flight_do pass_on(struct world *w)
{
	hlv_mono_ns next = flight_deadline(w->f);
	if (next <= w->now.mono_ns)
		fail_msg("it waits for what is past");
	w->now.mono_ns = next;
	flight_timeout(w->f, w->now);
	return step(w);
}

enum spoil { GOOD, WRONG_ID, WRONG_NAME, WRONG_OP, WRONG_DIGEST, NO_DIGEST, A_REQUEST, BROKEN };

/* The answer to what was sent by socket number `at`, `n` octets of data in it. */
static inline struct hlv_bytes reply(struct world *w, size_t at, enum spoil spoil, size_t n)
{
	static uint8_t out[ROOM], values[ROOM], data[ROOM], digest[HLV_HASH_MAX];
	struct hlv_value v = {.index = 1,
			      .perms = HLV_PERM_DEFAULT,
			      .type = hlv_text("URL"),
			      .data = hlv_bytes(data, n)};
	struct hlv_writer vw = hlv_writer(values, sizeof values);
	hlv_value_encode(&vw, &v);
	struct hlv_response rs = {.rc = HLV_RC_SUCCESS,
				  .kind = HLV_BODY_RECORD,
				  .has_digest = spoil != NO_DIGEST,
				  .handle =
					  spoil == WRONG_NAME ? hlv_text(OTHER_ID) : w->ask.id,
				  .values = {1, hlv_written(&vw)}};
	assert_int_equal(
		hlv_request_digest(w->ask.covered, HLV_OUR_VERSION, digest, &rs.digest),
		HLV_OK);
	if (spoil == WRONG_DIGEST)
		digest[5] ^= 1;
	struct hlv_envelope env = {2, 11, 0, 2, 11, 0, w->ids[at] + (spoil == WRONG_ID), 0, 0};
	struct hlv_header hdr = {.op = spoil == WRONG_OP ? HLV_OP_CREATE_HANDLE
							 : HLV_OP_RESOLUTION,
				 .rc = HLV_RC_SUCCESS};
	if (spoil == WRONG_OP)
		rs.kind = HLV_BODY_HANDLE;
	struct hlv_writer writer = hlv_writer(out, sizeof out);
	hlv_response_encode(&writer, &env, &hdr, &rs);
	struct hlv_bytes message = hlv_written(&writer);
	if (spoil == A_REQUEST)
		hlv_store_u32(out + HLV_ENVELOPE_SIZE + 4, 0);
	if (spoil == BROKEN)
		hlv_store_u32(out + HLV_ENVELOPE_SIZE + 20, 999999);
	return message;
}

static inline void feed(struct world *w, size_t at, struct hlv_bytes octets)
{
	flight_feed(w->f, w->socks[at].sock, octets, w->now);
}

static inline void check_answer(struct world *w, const char *what, size_t at,
				struct hlv_bytes want)
{
	size_t server;
	enum flight_way way;
	if (step(w) != FLIGHT_ANSWERED)
		fail_msg("%s: not answered (%d)", what, w->last);
	check_bytes(what, flight_answer(w->f, &server, &way), want);
	check_u64("way", way, w->socks[at].way);
	assert_true(hlv_addr_eq(&w->ask.servers[server].udp, &w->socks[at].addr));
	for (size_t i = 0; i < w->nsocks; i++)
		if (!w->closed[i])
			fail_msg("%s: socket %zu is still open", what, i);
}

static inline void count_inflight(void *ctx, const struct selector_entry *e)
{
	*(uint32_t *)ctx += e->inflight;
}

static inline void check_nothing_under_way(struct world *w)
{
	uint32_t n = 0;
	selector_each(w->selector, count_inflight, &n);
	check_u64("under way", n, 0);
}
