/* SPDX-License-Identifier: Apache-2.0 */
#include "server/txn_wire.h"

enum {
	BULK = 1,
	CHECK_MIN = 1 + 8 + 2,
	PUT_MIN = 1 + 2 + 4,
	TXN_MIN = 1 + 8 + 4 + 4,
};

uint32_t txn_wire_from_err(enum hlv_err err)
{
	static const struct {
		enum hlv_err err;
		uint32_t number;
	} rows[] = {
#define X(name, number) {name, number},
		TXN_WIRE_ERRORS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].err == err)
			return rows[i].number;
	return txn_wire_from_err(HLV_E_IO);
}

enum hlv_err txn_wire_to_err(uint32_t number)
{
	switch (number) {
#define X(name, n)                                                                             \
	case n:                                                                                \
		return name;
		TXN_WIRE_ERRORS(X)
#undef X
	}
	return HLV_E_IO;
}

/* --- request --- */

static void put_lp16(struct hlv_writer *w, struct hlv_bytes b)
{
	w->bad = w->bad || b.n > UINT16_MAX;
	hlv_put_u16(w, (uint16_t)b.n);
	hlv_put(w, b);
}

static struct hlv_bytes get_lp16(struct hlv_reader *r)
{
	return hlv_take(r, hlv_get_u16(r));
}

void txn_wire_put(struct hlv_writer *w, const struct store_txn *txn)
{
	hlv_put_u8(w, txn->bulk ? BULK : 0);
	hlv_put_u64(w, txn->time_ms);
	hlv_put_u32(w, (uint32_t)txn->nchecks);
	hlv_put_u32(w, (uint32_t)txn->nputs);
	for (size_t i = 0; i < txn->nchecks; i++) {
		hlv_put_u8(w, (uint8_t)txn->checks[i].space);
		hlv_put_u64(w, txn->checks[i].seq);
		put_lp16(w, txn->checks[i].key);
	}
	for (size_t i = 0; i < txn->nputs; i++) {
		hlv_put_u8(w, (uint8_t)txn->puts[i].space);
		put_lp16(w, txn->puts[i].key);
		hlv_put_lp32(w, txn->puts[i].value);
	}
}

static enum store_space get_space(struct hlv_reader *r)
{
	uint8_t space = hlv_get_u8(r);
	if (space >= SPACES)
		hlv_spoil(r);
	return r->bad ? SPACE_RECORD : (enum store_space)space;
}

static void get_check(struct hlv_reader *r, struct store_check *check)
{
	check->space = get_space(r);
	check->seq = hlv_get_u64(r);
	check->key = get_lp16(r);
}

static void get_put(struct hlv_reader *r, struct store_put *put)
{
	put->space = get_space(r);
	put->key = get_lp16(r);
	put->value = hlv_get_lp32(r);
}

static enum hlv_err get_txn(struct hlv_reader *r, struct hlv_arena *a, struct store_txn *txn)
{
	uint8_t flags = hlv_get_u8(r);
	txn->bulk = flags & BULK;
	txn->time_ms = hlv_get_u64(r);
	uint32_t nchecks = hlv_get_u32(r);
	uint32_t nputs = hlv_get_count(r, PUT_MIN);
	/* The checks stand in front of the puts, so both counts must fit what is left together. */
	if (flags & ~BULK || nchecks > (hlv_left(r) - (size_t)nputs * PUT_MIN) / CHECK_MIN)
		hlv_spoil(r);
	if (r->bad)
		return HLV_E_MALFORMED;
	struct store_check *checks = hlv_alloc(a, nchecks * sizeof *checks);
	struct store_put *puts = hlv_alloc(a, nputs * sizeof *puts);
	if (!checks || !puts)
		return HLV_E_NOMEM;
	for (uint32_t i = 0; i < nchecks; i++)
		get_check(r, &checks[i]);
	for (uint32_t i = 0; i < nputs; i++)
		get_put(r, &puts[i]);
	txn->checks = checks;
	txn->nchecks = nchecks;
	txn->puts = puts;
	txn->nputs = nputs;
	return r->bad ? HLV_E_MALFORMED : HLV_OK;
}

enum hlv_err txn_wire_decode(struct hlv_bytes octets, const struct store_actor *actor,
			     struct hlv_arena *a, struct store_txn **txns, size_t *n)
{
	struct hlv_reader r = hlv_reader(octets);
	uint32_t count = hlv_get_count(&r, TXN_MIN);
	if (r.bad)
		return HLV_E_MALFORMED;
	struct store_txn *list = hlv_alloc(a, count * sizeof *list);
	if (!list)
		return HLV_E_NOMEM;
	for (uint32_t i = 0; i < count; i++) {
		list[i].actor = *actor;
		HLV_TRY(get_txn(&r, a, &list[i]));
	}
	*txns = list;
	*n = count;
	return hlv_finished(&r) ? HLV_OK : HLV_E_MALFORMED;
}

/* --- answer --- */

void txn_wire_put_answer(struct hlv_writer *w, const struct store_txn *txns, size_t n,
			 enum hlv_err group)
{
	hlv_put_u32(w, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		hlv_put_u32(w, txn_wire_from_err(group != HLV_OK ? group : txns[i].err));
		hlv_put_u64(w, group != HLV_OK ? 0 : txns[i].seq);
	}
}

enum hlv_err txn_wire_get_answer(struct hlv_bytes octets, struct store_txn *txns, size_t n)
{
	struct hlv_reader r = hlv_reader(octets);
	if (hlv_get_count(&r, TXN_WIRE_ANSWER) != n || hlv_left(&r) != n * TXN_WIRE_ANSWER)
		return HLV_E_MALFORMED;
	for (size_t i = 0; i < n; i++) {
		txns[i].err = txn_wire_to_err(hlv_get_u32(&r));
		txns[i].seq = hlv_get_u64(&r);
	}
	return HLV_OK;
}
