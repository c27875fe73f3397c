/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/record.h"

#include "proto/wire/codes.h"
#include "tests/unit/in_arena.h"

static const char KEY[] = "\x01"
			  "88.118/X";

/* `spec`: one character an index, '1' .. '9', 'p' after it for a private value. */
static struct hlv_list values(const char *spec)
{
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, 4096), 4096);
	struct hlv_list list = {0};
	for (; *spec; spec++, list.n++) {
		struct hlv_value v = {.index = (uint32_t)(*spec - '0'),
				      .perms = HLV_PERM_DEFAULT,
				      .type = hlv_text("URL"),
				      .data = hlv_bytes(spec, 1)};
		if (spec[1] == 'p') {
			v.perms = HLV_PERM_ADMIN_READ;
			spec++;
		}
		hlv_value_encode(&w, &v);
	}
	list.raw = hlv_written(&w);
	return list;
}

static uint8_t *stored_record(size_t *n)
{
	struct hlv_record rec = {.flags = HLV_RECORD_ALL_PUBLIC,
				 .seq = 77,
				 .time_ms = 1700000000000,
				 .name = hlv_text("88.118/x"),
				 .values = values("123")};
	uint8_t *p = hlv_alloc(&arena, 4096);
	struct hlv_writer w = hlv_writer(p, 4096);
	hlv_record_encode(&w, hlv_text(KEY), &rec);
	*n = w.n;
	/* Its own allocation of exactly that size. */
	uint8_t *exact = hlv_alloc(&arena, w.n);
	memcpy(exact, p, w.n);
	return exact;
}

static void test_round_trip(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	check_err("decode", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec), HLV_OK);
	assert_int_equal(rec.flags, HLV_RECORD_ALL_PUBLIC);
	assert_int_equal(rec.seq, 77);
	assert_int_equal(rec.time_ms, 1700000000000);
	assert_int_equal(rec.values.n, 3);
	check_text("name", rec.name, "88.118/x");
	check_bytes("values", rec.values.raw, values("123").raw);
	assert_int_equal(rec.list.n, rec.values.raw.n + 4);
	uint8_t *again = hlv_alloc(&arena, n);
	struct hlv_writer w = hlv_writer(again, n);
	hlv_record_encode(&w, hlv_text(KEY), &rec);
	check_bytes("encoded", hlv_written(&w), hlv_bytes(p, n));
	hlv_arena_reset(&arena);
}

static void test_stamp(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	hlv_record_stamp(p, n, hlv_text(KEY), UINT64_MAX, 5);
	check_err("stamped", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec), HLV_OK);
	assert_true(rec.seq == UINT64_MAX);
	assert_int_equal(rec.time_ms, 5);
	hlv_arena_reset(&arena);
}

/* A disk is a peer too: every cut, every turned bit, another key. */
static void test_damage_is_seen(void **state)
{
	(void)state;
	size_t n;
	uint8_t *p = stored_record(&n);
	struct hlv_record rec;
	for (size_t cut = 0; cut < n; cut++) {
		struct hlv_bytes part = hlv_arena_copy(&arena, hlv_bytes(p, cut));
		check_err("cut", hlv_record_decode(part, hlv_text(KEY), &rec), HLV_E_CORRUPT);
	}
	for (size_t bit = 8; bit < n * 8; bit++) {
		p[bit / 8] ^= (uint8_t)(1U << bit % 8);
		check_err("bit", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
			  HLV_E_CORRUPT);
		p[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	check_err("other key", hlv_record_decode(hlv_bytes(p, n), hlv_text("x"), &rec),
		  HLV_E_CORRUPT);
	check_err("no key", hlv_record_decode(hlv_bytes(p, n), hlv_text(""), &rec),
		  HLV_E_CORRUPT);
	p[0] = HLV_RECORD_FORMAT + 1;
	check_err("newer", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
		  HLV_E_NEWER);
	p[0] = 0;
	check_err("format 0", hlv_record_decode(hlv_bytes(p, n), hlv_text(KEY), &rec),
		  HLV_E_CORRUPT);
	hlv_arena_reset(&arena);
}

static struct hlv_bytes record_in_state(const struct hlv_record *as, bool *bad)
{
	struct hlv_record rec = *as;
	uint8_t *p = hlv_alloc(&arena, 4096);
	struct hlv_writer w = hlv_writer(p, 4096);
	rec.name = hlv_text("88.118/x");
	rec.values = values("12");
	hlv_record_encode(&w, hlv_text(KEY), &rec);
	*bad = w.bad;
	return hlv_arena_copy(&arena, hlv_written(&w));
}

static void test_states(void **state)
{
	(void)state;
	enum { PUBLIC = HLV_RECORD_ALL_PUBLIC, STATE = HLV_RECORD_HAS_STATE };
	static const char long_reason[HLV_REASON_MAX + 2] = {[0 ... HLV_REASON_MAX] = 'x'};
	static const struct {
		const char *name;
		struct hlv_record rec;
		const char *reason;
		uint8_t flags; /* as they are stored; 0xFF: refused */
	} rows[] = {
		{"plain", {.flags = PUBLIC}, "", PUBLIC},
		{"flag without a state", {.flags = PUBLIC | STATE}, "", PUBLIC},
		{"frozen",
		 {.flags = PUBLIC, .state = HLV_STATE_FROZEN, .state_since_ms = 9},
		 "court order",
		 PUBLIC | STATE},
		{"reserved", {.state = HLV_STATE_RESERVED}, "", STATE},
		{"registered", {.state = HLV_STATE_REGISTERED}, "", STATE},
		{"revoked, deleted",
		 {.flags = HLV_RECORD_DELETED, .state = HLV_STATE_REVOKED},
		 "",
		 STATE | HLV_RECORD_DELETED},
		{"locked",
		 {.flags = PUBLIC, .locks = HLV_LOCK_SERVER_DELETE},
		 "",
		 PUBLIC | STATE},
		{"all locks",
		 {.locks = HLV_LOCKS_ALL, .state_since_ms = UINT64_MAX},
		 "",
		 STATE},
		{"longest reason", {.state = HLV_STATE_FROZEN}, long_reason + 1, STATE},
		{"longer reason", {.state = HLV_STATE_FROZEN}, long_reason, 0xFF},
		{"unknown state", {.state = HLV_STATE_REVOKED + 1}, "", 0xFF},
		{"unknown lock", {.locks = 0x40}, "", 0xFF},
		{"far lock", {.locks = 0x8000}, "", 0xFF},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_record in = rows[i].rec, rec;
		bool bad;
		in.reason = hlv_text(rows[i].reason);
		struct hlv_bytes stored = record_in_state(&in, &bad);
		check_u64(rows[i].name, bad, rows[i].flags == 0xFF);
		if (bad)
			continue;
		memset(&rec, 0xEE, sizeof rec); /* what decode leaves out would be seen */
		check_err(rows[i].name, hlv_record_decode(stored, hlv_text(KEY), &rec), HLV_OK);
		check_u64(rows[i].name, rec.flags, rows[i].flags);
		check_u64(rows[i].name, rec.state, in.state);
		check_u64(rows[i].name, rec.locks, in.locks);
		check_u64(rows[i].name, rec.state_since_ms, in.state_since_ms);
		check_text(rows[i].name, rec.reason, rows[i].reason);
		check_text(rows[i].name, rec.name, "88.118/x");
		check_text(rows[i].name, hlv_record_name(stored), "88.118/x");
		check_bytes(rows[i].name, rec.values.raw, values("12").raw);
		hlv_arena_reset(&arena);
	}
}

/* Extensions that no encoder of this version makes, each with its checksum in order. */
static void test_odd_states(void **state)
{
	(void)state;
	static const struct {
		const char *name, *flags, *extension;
		enum hlv_err want;
	} rows[] = {
		{"good", "06", "03 00 0001 0000000000000009 00000001 61", HLV_OK},
		{"no flag", "02", "03 00 0001 0000000000000009 00000001 61", HLV_E_NEWER},
		{"flag alone", "06", "", HLV_E_CORRUPT},
		{"short", "06", "03 00 0001 0000000000000009 000000", HLV_E_CORRUPT},
		{"one octet", "06", "03", HLV_E_CORRUPT},
		{"reason cut", "06", "03 00 0001 0000000000000009 00000002 61", HLV_E_CORRUPT},
		{"octets behind", "06", "03 00 0001 0000000000000009 00000000 61", HLV_E_NEWER},
		{"second octet", "06", "03 01 0001 0000000000000009 00000000", HLV_E_NEWER},
		{"state 5", "06", "05 00 0001 0000000000000009 00000000", HLV_E_NEWER},
		{"lock 0x40", "06", "03 00 0040 0000000000000009 00000000", HLV_E_NEWER},
		{"plain active", "06", "00 00 0000 0000000000000009 00000000", HLV_E_CORRUPT},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_buf b = {0};
		struct hlv_record rec;
		struct hlv_bytes extension = hex(&arena, rows[i].extension);
		uint8_t n[4];
		hlv_store_u32(n, (uint32_t)extension.n);
		hlv_buf_put(&b, hex(&arena, "01"));
		hlv_buf_put(&b, hex(&arena, rows[i].flags));
		hlv_buf_put(&b, hex(&arena, "0001 00000000 0000000000000000 0000000000000000"));
		hlv_buf_put(&b, hlv_bytes(n, 4));
		hlv_buf_put(&b, extension);
		hlv_buf_put(&b, hex(&arena, "78 00000000"));
		struct hlv_bytes stored = hlv_arena_copy(&arena, hlv_buf_bytes(&b));
		hlv_buf_free(&b);
		uint8_t *p = hlv_alloc(&arena, stored.n);
		memcpy(p, stored.p, stored.n);
		hlv_record_stamp(p, stored.n, hlv_text(KEY), 1, 2);
		stored.p = p;
		check_err(rows[i].name, hlv_record_decode(stored, hlv_text(KEY), &rec),
			  rows[i].want);
		check_text(rows[i].name, hlv_record_name(stored), "x");
		for (size_t cut = 0; cut < HLV_RECORD_HEADER + extension.n + 1; cut++)
			check_text(
				rows[i].name,
				hlv_record_name(hlv_arena_copy(&arena, hlv_head(stored, cut))),
				"");
		hlv_arena_reset(&arena);
	}
}

static void test_names(void **state)
{
	(void)state;
	static const char *const states[] = {"active", "reserved", "registered", "frozen",
					     "revoked"};
	static const char *const none[] = {"", "Active", "frozen ", "froze", "client-delete"};
	uint8_t got;
	for (unsigned i = 0; i < COUNT(states); i++) {
		assert_string_equal(hlv_state_name(i), states[i]);
		check_err(states[i], hlv_state_parse(hlv_text(states[i]), &got), HLV_OK);
		check_u64(states[i], got, i);
	}
	assert_null(hlv_state_name(COUNT(states)));
	for (size_t i = 0; i < COUNT(none); i++)
		check_err(none[i], hlv_state_parse(hlv_text(none[i]), &got), HLV_E_UNSUPPORTED);
	assert_null(hlv_lock_name(0));
	assert_null(hlv_lock_name(3));
	assert_null(hlv_lock_name(0x40));
}

static void test_locks(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int locks; /* -1: refused */
		const char *printed;
	} rows[] = {
		{"", 0, ""},
		{"client-delete", 0x01, "client-delete"},
		{"server-transfer", 0x20, "server-transfer"},
		{"server-update,client-update", 0x12, "client-update,server-update"},
		{"server-delete,server-delete", 0x08, "server-delete"},
		{"client-transfer,", -1, ""},
		{",client-transfer", -1, ""},
		{"client-delete,,server-delete", -1, ""},
		{"client-delete, server-delete", -1, ""},
		{"delete", -1, ""},
		{"CLIENT-DELETE", -1, ""},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t locks;
		enum hlv_err err = hlv_locks_parse(hlv_text(rows[i].text), &locks);
		check_err(rows[i].text, err, rows[i].locks < 0 ? HLV_E_UNSUPPORTED : HLV_OK);
		if (err != HLV_OK)
			continue;
		check_u64(rows[i].text, locks, (uint64_t)rows[i].locks);
		struct hlv_buf out = {0};
		hlv_locks_print(&out, locks);
		check_text(rows[i].text, hlv_buf_bytes(&out), rows[i].printed);
		hlv_buf_free(&out);
	}
}

static void test_sort(void **state)
{
	(void)state;
	static const struct {
		const char *name, *in, *out; /* out NULL: refused */
		enum hlv_err want;
		uint8_t flags;
	} rows[] = {
		{"none", "", "", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"sorted", "123", "123", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"turned", "321", "123", HLV_OK, HLV_RECORD_ALL_PUBLIC},
		{"mixed, one private", "21p3", "1p23", HLV_OK, 0},
		{"all private", "2p1p", "1p2p", HLV_OK, 0},
		{"twice in a row", "11", NULL, HLV_E_EXISTS, 0},
		{"twice apart", "121", NULL, HLV_E_EXISTS, 0},
		{"twice at the end", "122", NULL, HLV_E_EXISTS, 0},
		{"index 0", "0", NULL, HLV_E_LIMIT, 0},
		{"index 0 last", "10", NULL, HLV_E_LIMIT, 0},
		{"index -1", "/", NULL, HLV_E_LIMIT, 0},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_list in = values(rows[i].in);
		struct hlv_writer w = hlv_writer(hlv_alloc(&arena, in.raw.n), in.raw.n);
		uint8_t flags = 0xFF;
		check_err(rows[i].name, hlv_values_sort(&in, &w, &flags), rows[i].want);
		if (rows[i].out) {
			check_u64(rows[i].name, flags, rows[i].flags);
			check_bytes(rows[i].name, hlv_written(&w), values(rows[i].out).raw);
		}
		hlv_arena_reset(&arena);
	}
}

static void test_sort_limits(void **state)
{
	(void)state;
	uint8_t flags;
	struct hlv_list in = values("21");
	for (size_t cap = 0; cap < in.raw.n; cap++) {
		struct hlv_writer w = hlv_writer(hlv_alloc(&arena, cap), cap);
		assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_LIMIT);
	}
	struct hlv_writer w = hlv_writer(hlv_alloc(&arena, 4096), 4096);
	in.n = HLV_VALUES_MAX + 1;
	assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_LIMIT);
	in.n = 3; /* more than there are */
	assert_int_equal(hlv_values_sort(&in, &w, &flags), HLV_E_MALFORMED);
	hlv_arena_reset(&arena);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_stamp),
		cmocka_unit_test(test_damage_is_seen), cmocka_unit_test(test_sort),
		cmocka_unit_test(test_sort_limits),    cmocka_unit_test(test_states),
		cmocka_unit_test(test_odd_states),     cmocka_unit_test(test_names),
		cmocka_unit_test(test_locks),
	};
	return run_in_arena(tests);
}
