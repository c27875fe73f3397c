/* SPDX-License-Identifier: Apache-2.0
 *
 * The tables of challenges and sessions under any sequence of calls, against a plain list of what
 * was put into them: nothing comes out that was not put in, was used, is over, or is another's;
 * no counter is taken twice; no limit is passed. Three octets of the input are one call.
 */
#include "proto/wire/codes.h"
#include "server/pending.h"
#include "server/session.h"
#include "tests/fuzz/fuzz.h"

enum { IDS = 1024, SOURCES = 4, IDENTITIES = 4, COUNTERS = 2048, SECOND = 1000000000 };

struct known {
	bool put;
	unsigned source;
	uint64_t expires_s;
};

static struct {
	struct known challenges[IDS], sessions[IDS];
	unsigned identity[IDS];
	bool authenticated[IDS];
	uint64_t used_s[IDS];
	bool seen[COUNTERS]; /* of session 1's counters */
	uint64_t now_s;
} model;

static struct hlv_now now(void)
{
	return (struct hlv_now){.mono_ns = (1000 + model.now_s) * SECOND};
}

static struct hlv_exchange exchange(uint32_t id, unsigned source)
{
	struct hlv_exchange x = {.now = now()};
	static const char *const from[SOURCES] = {"192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1",
						  "[2001:db8::1]:1"};
	hlv_require(hlv_addr_parse(from[source], 1, &x.peer.addr) == HLV_OK);
	x.peer.transport = source == 1 ? HLV_T_TCP : HLV_T_UDP;
	x.rq.m.env.session_id = id;
	x.rq.m.env.request_id = id;
	return x;
}

/* The first two are one address. */
static unsigned address(unsigned source)
{
	return source ? source : 1;
}

static void put_challenge(struct pending_table *t, uint32_t id, unsigned source)
{
	struct hlv_exchange x = exchange(id, source);
	uint8_t nonce[PENDING_NONCE] = {(uint8_t)id};
	struct pending_offer o = {.id = id, .nonce = nonce, .message = hlv_text("request")};
	const struct pending *p = pending_put(t, &x, &o);
	hlv_require(!p || p->id == id);
	hlv_require(pending_count(t) <= PENDING_MAX);
	if (p && p->expires_ns == now().mono_ns + PENDING_LIFE_S * (uint64_t)SECOND)
		model.challenges[id] =
			(struct known){true, address(source), model.now_s + PENDING_LIFE_S};
}

static void take_challenge(struct pending_table *t, uint32_t id, unsigned source)
{
	struct hlv_exchange x = exchange(id, source);
	const struct pending *p = pending_take(t, &x);
	struct known *k = &model.challenges[id];
	if (!p)
		return;
	hlv_require(k->put && k->source == address(source) && model.now_s < k->expires_s);
	hlv_require(p->id == id && p->nonce[0] == (uint8_t)id && p->message.n == 7);
	k->put = false;
}

static void put_session(struct session_table *t, uint32_t id, unsigned source)
{
	static const char *const who[IDENTITIES] = {"0.NA/a", "0.na/A", "20.500/a", ""};
	struct session_setup s = {.who = {hlv_text(who[source]), 300},
				  .version = HLV_V(2, 11),
				  .timeout_s = source * 100,
				  .source = exchange(0, source).peer.addr,
				  .key = hlv_bytes(&id, sizeof id)};
	if (!session_put(t, &s, id, now()))
		return;
	uint64_t life_s = source ? source * 100 : SESSION_LIFE_S;
	model.sessions[id] = (struct known){true, source, model.now_s + life_s};
	model.identity[id] = source ? source : 1;
	model.authenticated[id] = false;
	model.used_s[id] = model.now_s;
	if (id == 1)
		memset(model.seen, 0, sizeof model.seen);
}

static struct session *find_session(struct session_table *t, uint32_t id)
{
	struct session *s = session_find(t, id, now());
	struct known *k = &model.sessions[id];
	if (!s)
		return NULL;
	hlv_require(k->put && model.now_s < k->expires_s &&
		    model.now_s < model.used_s[id] + SESSION_IDLE_S);
	hlv_require(s->id == id && s->authenticated == model.authenticated[id]);
	hlv_require(s->key.n == sizeof id && memcmp(s->key.p, &id, sizeof id) == 0);
	model.used_s[id] = model.now_s;
	return s;
}

static void check_counts(const struct session_table *t)
{
	size_t known[IDENTITIES] = {0}, unknown = 0;
	for (uint32_t id = 1; id < IDS; id++) {
		if (!session_has(t, id))
			continue;
		if (model.authenticated[id])
			known[model.identity[id]]++;
		else
			unknown++;
	}
	for (unsigned i = 0; i < IDENTITIES; i++)
		hlv_require(known[i] <= SESSIONS_PER_IDENTITY);
	hlv_require(unknown <= SESSIONS_UNAUTHENTICATED);
}

static void call(struct pending_table *p, struct session_table *t, const uint8_t octets[3])
{
	uint32_t id = (octets[1] & 3U) << 8 | octets[2];
	unsigned source = octets[1] >> 2 & 3;
	struct session *s;
	switch (octets[0] % 8) {
	case 0:
		put_challenge(p, id, source);
		break;
	case 1:
		take_challenge(p, id, source);
		break;
	case 2:
		put_session(t, id, source);
		break;
	case 3:
		s = find_session(t, id);
		if (s && session_authenticate(t, s, now()))
			model.authenticated[id] = true;
		break;
	case 4:
		s = find_session(t, id);
		if (s)
			session_end(t, s);
		model.sessions[id].put = false;
		break;
	case 5:
		s = find_session(t, 1);
		if (s && session_accept(s, id)) {
			hlv_require(id == 0 || !model.seen[id]);
			model.seen[id] = true;
		}
		break;
	case 6:
		model.now_s += octets[2];
		break;
	case 7:
		pending_tick(p, now());
		session_tick(t, now());
		check_counts(t);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pending_table *p = pending_new(1);
	struct session_table *t = session_table_new(2);
	hlv_require(p && t);
	memset(&model, 0, sizeof model);
	for (size_t i = 0; n - i >= 3; i += 3)
		call(p, t, data + i);
	check_counts(t);
	pending_free(p);
	session_table_free(t);
	return 0;
}
