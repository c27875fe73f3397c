/* SPDX-License-Identifier: Apache-2.0 */
#include "server/list.h"

enum {
	PAGE = 50,	/* as the reference; clients rely on it */
	VISITS = 10000, /* tombstones among them: then the page ends, and writes go on */
	ROOM = PAGE * (HLV_IDENTIFIER_MAX + 4),
};

/* From page to page. */
struct listing {
	struct store_key last; /* where the page before ended */
	uint8_t room[ROOM];
};

/* A page in the making. */
struct page {
	struct job *j;
	struct hlv_writer names;
	uint32_t n;
	struct store_key *last; /* key of the last record on it, or passed over */
	unsigned visits;
	bool more, bad;
};

/* The name under a key: the key itself, but for long ones, which are hashed. */
static void put_name(struct page *p, struct hlv_bytes key, struct hlv_bytes value)
{
	struct hlv_record rec;
	if (p->j->plan.list_space != SPACE_RECORD) {
		hlv_put_lp32(&p->names, hlv_skip(key, 1));
		p->n++;
		return;
	}
	p->bad = hlv_record_decode(value, key, &rec) != HLV_OK;
	if (p->bad || rec.flags & HLV_RECORD_DELETED)
		return;
	size_t at = hlv_put_hole32(&p->names);
	size_t from = p->names.n;
	hlv_name_put_folded(&p->names, rec.name);
	hlv_fill_u32(&p->names, at, (uint32_t)(p->names.n - from));
	p->n++;
}

static bool visit(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct page *p = ctx;
	const struct store_key *from = &p->j->plan.list_from;
	if (!hlv_starts_with(key, store_key_bytes(from)))
		return false;
	if (hlv_eq(key, store_key_bytes(p->last)))
		return true; /* where the last page ended */
	p->more = p->n == PAGE || p->visits++ == VISITS;
	if (p->more)
		return false;
	put_name(p, key, value);
	memcpy(p->last->octets, key.p, key.n);
	p->last->n = (uint16_t)key.n;
	return !p->bad && !p->names.bad;
}

void list_page(struct job *j, struct store *store, struct store_view *view)
{
	struct hlv_exchange *x = j->x;
	struct listing *l = j->state;
	if (!l)
		l = j->state = hlv_alloc(&x->arena, sizeof *l);
	x->more = false;
	if (!l) {
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
		return;
	}
	struct page p = {.j = j, .names = hlv_writer(l->room, ROOM), .last = &l->last};
	struct hlv_bytes from =
		p.last->n ? store_key_bytes(p.last) : store_key_bytes(&j->plan.list_from);
	enum hlv_err err = store->ops->scan(view, j->plan.list_space, from, visit, &p);
	if (err != HLV_OK || p.bad || p.names.bad) {
		job_refuse(j, HLV_RC_ERROR, "The registry cannot read this list");
		return;
	}
	x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				      .kind = HLV_BODY_HANDLES,
				      .handles = {p.n, hlv_written(&p.names)}};
	x->more = p.more;
}
