/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/memo.h"

#include <stdlib.h>

#include "proto/base/siphash.h"

enum { SLOTS = 1 << 10, ROOM = 240 };

struct slot {
	uint16_t type; /* 0: unused */
	uint16_t text_n, rdata_n;
	uint8_t octets[ROOM]; /* text, then RDATA */
};

struct hlv_dns_memo {
	uint64_t secret[2];
	struct slot slots[SLOTS];
};

struct hlv_dns_memo *hlv_dns_memo_new(const uint64_t secret[2])
{
	struct hlv_dns_memo *m = calloc(1, sizeof *m);
	if (m)
		memcpy(m->secret, secret, sizeof m->secret);
	return m;
}

void hlv_dns_memo_free(struct hlv_dns_memo *m)
{
	free(m);
}

static struct slot *place(struct hlv_dns_memo *m, uint16_t type, struct hlv_bytes text)
{
	return &m->slots[(hlv_siphash_1_3(m->secret, text) ^ type) % SLOTS];
}

struct hlv_bytes hlv_dns_memo_get(struct hlv_dns_memo *m, uint16_t type, struct hlv_bytes text)
{
	if (text.n == 0 || text.n > ROOM)
		return (struct hlv_bytes){0};
	const struct slot *s = place(m, type, text);
	if (s->type != type || !hlv_eq(hlv_bytes(s->octets, s->text_n), text))
		return (struct hlv_bytes){0};
	return hlv_bytes(s->octets + s->text_n, s->rdata_n);
}

void hlv_dns_memo_put(struct hlv_dns_memo *m, uint16_t type, struct hlv_bytes text,
		      struct hlv_bytes rdata)
{
	if (text.n == 0 || rdata.n == 0 || text.n > ROOM || rdata.n > ROOM - text.n)
		return;
	struct slot *s = place(m, type, text);
	s->type = type;
	s->text_n = (uint16_t)text.n;
	s->rdata_n = (uint16_t)rdata.n;
	memcpy(s->octets, text.p, text.n);
	memcpy(s->octets + text.n, rdata.p, rdata.n);
}
