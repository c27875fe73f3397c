/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/udp_join.h"

#include <stdlib.h>

enum { PLACES = 64, PER_SOURCE = 8, MESSAGE_CAP = 16384 };
static const hlv_mono_ns LIFE_NS = 2000000000U;

struct place {
	struct hlv_addr from; /* len 0: free */
	hlv_mono_ns since_ns;
	struct hlv_joiner joiner;
	uint8_t *buf; /* of MESSAGE_CAP octets; kept when the place is free */
};

struct hlv_udp_join {
	struct place places[PLACES];
};

struct hlv_udp_join *hlv_udp_join_new(void)
{
	return calloc(1, sizeof(struct hlv_udp_join));
}

void hlv_udp_join_free(struct hlv_udp_join *j)
{
	for (size_t i = 0; j && i < PLACES; i++)
		free(j->places[i].buf);
	free(j);
}

bool hlv_udp_is_part(struct hlv_bytes packet)
{
	if (packet.n < HLV_ENVELOPE_SIZE)
		return false;
	return hlv_load_u32(packet.p + 16) > packet.n - HLV_ENVELOPE_SIZE;
}

static bool is_from(const struct place *p, const struct hlv_addr *from)
{
	return p->from.len && hlv_addr_eq(&p->from, from);
}

/* Whatever its port: who has many is still one source. */
static bool is_from_host(const struct place *p, const struct hlv_addr *from)
{
	struct hlv_addr host = *from;
	host.sa.v4.sin_port = p->from.sa.v4.sin_port; /* where IPv6 has it, too */
	return is_from(p, &host);
}

static struct place *find(struct hlv_udp_join *j, const struct hlv_addr *from, uint32_t id)
{
	for (size_t i = 0; i < PLACES; i++)
		if (is_from(&j->places[i], from) &&
		    j->places[i].joiner.envelope.request_id == id)
			return &j->places[i];
	return NULL;
}

/* A place for a new message: the source's own oldest when it has its share, else a free one,
 * else the oldest of all. */
static struct place *claim(struct hlv_udp_join *j, const struct hlv_addr *from)
{
	struct place *oldest = NULL, *own = NULL, *unused = NULL;
	unsigned owned = 0;
	for (size_t i = 0; i < PLACES; i++) {
		struct place *p = &j->places[i];
		if (!p->from.len) {
			unused = p;
			continue;
		}
		if (!oldest || p->since_ns < oldest->since_ns)
			oldest = p;
		if (!is_from_host(p, from))
			continue;
		owned++;
		if (!own || p->since_ns < own->since_ns)
			own = p;
	}
	if (owned >= PER_SOURCE)
		return own;
	return unused ? unused : oldest;
}

static struct place *begin(struct hlv_udp_join *j, const struct hlv_addr *from,
			   struct hlv_now now)
{
	struct place *p = claim(j, from);
	if (!p->buf)
		p->buf = malloc(MESSAGE_CAP);
	if (!p->buf)
		return NULL;
	p->from = *from;
	p->since_ns = now.mono_ns;
	hlv_joiner_init(&p->joiner, p->buf, MESSAGE_CAP);
	return p;
}

static void expire(struct hlv_udp_join *j, struct hlv_now now)
{
	for (size_t i = 0; i < PLACES; i++)
		if (j->places[i].from.len && now.mono_ns - j->places[i].since_ns > LIFE_NS)
			j->places[i].from.len = 0;
}

struct hlv_bytes hlv_udp_join(struct hlv_udp_join *j, struct hlv_bytes packet,
			      const struct hlv_peer *peer, struct hlv_now now)
{
	struct hlv_bytes nothing = {0};
	if (!peer->verified)
		return nothing;
	expire(j, now);
	uint32_t id = hlv_load_u32(packet.p + 8);
	struct place *p = find(j, &peer->addr, id);
	if (!p)
		p = begin(j, &peer->addr, now);
	if (!p)
		return nothing;
	bool whole;
	enum hlv_err err = hlv_joiner_feed(&p->joiner, packet, &whole);
	if (err != HLV_OK && p->joiner.packets == 0)
		p->from.len = 0;
	if (err != HLV_OK || !whole)
		return nothing;
	p->from.len = 0;
	return hlv_bytes(p->buf, HLV_ENVELOPE_SIZE + p->joiner.envelope.length);
}
