/* SPDX-License-Identifier: Apache-2.0 */
#include "server/lockout.h"

#include "proto/base/rand.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

/* A change of one record of fill()'s registry: does it lock anybody out? */
struct row {
	const char *name;
	const char *id;
	const char *before; /* put first */
	const char *after;  /* NULL: deleted */
	bool conflict;
	unsigned rests_on;
};

static const char OWN[] = "100 HS_ADMIN fff,300:0.NA/88.118 | 300/0c HS_SECKEY k";
static const char GROUP[] = "100 HS_ADMIN 380,200:88.118/G";
static const char USER[] = "100 HS_ADMIN fff,300:88.118/U";

static const struct row rows[] = {
	{"delete", "0.NA/88.118", OWN, NULL, true, 0},
	{"other values", "0.NA/88.118", OWN,
	 "1 URL x | 100 HS_ADMIN fff,300:0.NA/88.118 | 300/0c HS_SECKEY k", false, 0},
	{"no administrator", "0.NA/88.118", OWN, "300/0c HS_SECKEY k", true, 0},
	{"no key", "0.NA/88.118", OWN, "100 HS_ADMIN fff,300:0.NA/88.118", true, 0},
	{"an empty key", "0.NA/88.118", OWN,
	 "100 HS_ADMIN fff,300:0.NA/88.118 | 300 HS_SECKEY ", true, 0},
	{"octets that are no key", "0.NA/88.118", OWN,
	 "100 HS_ADMIN fff,300:0.NA/88.118 | 300 HS_PUBKEY bad", true, 0},
	{"a public key", "0.NA/88.118", OWN,
	 "100 HS_ADMIN fff,300:0.NA/88.118 | 300 HS_PUBKEY good", false, 0},
	{"a key at another index", "0.NA/88.118", OWN,
	 "100 HS_ADMIN fff,300:0.NA/88.118 | 301/0c HS_SECKEY k", true, 0},
	{"any index", "0.NA/88.118", OWN, "100 HS_ADMIN fff,0:0.NA/88.118 | 301/0c HS_SECKEY k",
	 false, 0},
	{"any index, no key", "0.NA/88.118", OWN, "100 HS_ADMIN fff,0:0.NA/88.118 | 301 URL k",
	 true, 0},
	{"the three rights are enough", "0.NA/88.118", OWN,
	 "100 HS_ADMIN 380,300:0.NA/88.118 | 300/0c HS_SECKEY k", false, 0},
	{"one of them is missing", "0.NA/88.118", OWN,
	 "100 HS_ADMIN c7f,300:0.NA/88.118 | 300/0c HS_SECKEY k", true, 0},
	{"two values are not added", "0.NA/88.118", OWN,
	 "100 HS_ADMIN 300,300:0.NA/88.118 | 101 HS_ADMIN 80,300:0.NA/88.118"
	 " | 300/0c HS_SECKEY k",
	 true, 0},
	{"a key elsewhere in the registry", "0.NA/88.118", OWN, USER, false, 1},
	{"a key that is not here", "0.NA/88.118", OWN, "100 HS_ADMIN fff,300:1.2/U", true, 0},
	{"a group", "0.NA/88.118", OWN, GROUP, false, 2},
	{"a group of nobody", "0.NA/88.118", OWN, "100 HS_ADMIN fff,201:88.118/G", true, 0},
	{"groups in a circle", "0.NA/88.118", OWN, "100 HS_ADMIN fff,202:88.118/G", true, 0},
	{"had none, deleted", "0.NA/88.118", "100 HS_ADMIN fff,300:1.2/U", NULL, false, 0},
	{"had none, changed", "0.NA/88.118", "1 URL x", "2 URL x", false, 0},
	{"other case", "0.na/88.118", OWN, NULL, true, 0},
	{"no prefix handle", "1.2/X", OWN, NULL, false, 0},
	/* what is under a prefix: 0.NA/8.8 has two keys there, 0.NA/8.9 a group */
	{"the key under the prefix", "8.8/U", "300/0c HS_SECKEY k | 310/0c HS_SECKEY k", NULL,
	 true, 0},
	{"one of two keys", "8.8/U", "300/0c HS_SECKEY k | 310/0c HS_SECKEY k",
	 "310/0c HS_SECKEY k", false, 1},
	{"not his key", "8.8/V", "300/0c HS_SECKEY k", NULL, false, 0},
	{"the group under the prefix", "8.9/G", "200 HS_VLIST 300:88.118/U", NULL, true, 0},
	{"its last member", "8.9/G", "200 HS_VLIST 300:88.118/U", "200 HS_VLIST 9:88.118/U",
	 true, 0},
	{"another member", "8.9/G", "200 HS_VLIST 300:88.118/U",
	 "200 HS_VLIST 9:88.118/U,300:88.118/U", false, 2},
};

static void fill(struct admins *w)
{
	admins_open(w);
	admins_put(w, "88.118/U", "300/0c HS_SECKEY k | 310/0c HS_SECKEY k");
	admins_put(w, "88.118/G",
		   "200 HS_VLIST 9:88.118/U,300:88.118/U | 201 HS_VLIST 9:88.118/U"
		   " | 202 HS_VLIST 203:88.118/G | 203 HS_VLIST 202:88.118/G");
	admins_put(w, "0.NA/8.8", "100 HS_ADMIN fff,300:8.8/U | 101 HS_ADMIN fff,310:8.8/U");
	admins_put(w, "0.NA/8.9", "100 HS_ADMIN fff,200:8.9/G");
}

static enum hlv_err check(struct admins *w, const char *id, const struct hlv_list *before,
			  const struct hlv_list *after, struct lockout *l)
{
	struct store_key key;
	store_key(hlv_text(id), &key);
	*l = (struct lockout){.from = &w->answer,
			      .key = &key,
			      .id = hlv_text(id),
			      .before = before,
			      .after = after};
	return lockout_check(l);
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		struct admins w;
		struct lockout l;
		fill(&w);
		admins_put(&w, row->id, row->before);
		struct hlv_list before = admins_values(&w.arena, row->before);
		struct hlv_list after = admins_values(&w.arena, row->after);
		admins_begin(&w);
		check_err(row->name, check(&w, row->id, &before, &after, &l),
			  row->conflict ? HLV_E_CONFLICT : HLV_OK);
		if (!row->conflict)
			check_u64(row->name, l.nrests_on, row->rests_on);
		admins_close(&w);
	}
}

/* --- 10,000 random edits --- */

enum { EDITS = 10000, POOL = 4 };

static const char *const pool[POOL] = {"0.NA/7", "7/U", "7/G", "0.NA/7.1"};

/* Some of the values that administration is made of, of these four records. */
static void random_values(struct hlv_rand *r, struct hlv_buf *text)
{
	static const char *const rights[] = {"fff", "380", "fff", "7f3", "1", "300"};
	hlv_buf_clear(text);
	for (uint32_t index = 1; index <= 4; index++) {
		uint64_t kind = hlv_rand_below(r, 5);
		if (kind == 4)
			continue;
		if (text->n)
			hlv_buf_str(text, " | ");
		const char *to = pool[hlv_rand_below(r, POOL)];
		unsigned at = (unsigned)hlv_rand_below(r, 6);
		if (kind == 0)
			hlv_buf_printf(text, "%u HS_ADMIN %s,%u:%s", index,
				       rights[hlv_rand_below(r, COUNT(rights))], at, to);
		if (kind == 1)
			hlv_buf_printf(text, "%u HS_VLIST %u:%s,%u:%s", index, at, to, 5U - at,
				       pool[hlv_rand_below(r, POOL)]);
		if (kind == 2)
			hlv_buf_printf(text, "%u/0c HS_SECKEY k", index);
		if (kind == 3)
			hlv_buf_printf(text, "%u URL u", index);
	}
}

static bool get(struct admins *w, struct hlv_bytes handle, struct hlv_record *rec)
{
	struct store_key key;
	store_key(handle, &key);
	return store_get_record(w->store, w->view, &key, rec) == HLV_OK;
}

/* The rule once more, written otherwise: which values of the four records are keys, or groups that
 * lead to one, until nothing is added to them. */
static bool has_administrator(struct admins *w, const char *prefix)
{
	bool good[POOL][8] = {{false}};
	for (unsigned round = 0; round < 20; round++)
		for (unsigned p = 0; p < POOL; p++) {
			struct hlv_record rec;
			if (!get(w, hlv_text(pool[p]), &rec))
				continue;
			struct hlv_reader r = hlv_reader(rec.values.raw);
			for (uint32_t i = 0; i < rec.values.n; i++) {
				struct hlv_value v;
				struct hlv_list members;
				assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
				if (hlv_eq(v.type, hlv_text("HS_SECKEY")))
					good[p][v.index] = good[p][0] = true;
				if (!hlv_eq(v.type, hlv_text("HS_VLIST")))
					continue;
				assert_int_equal(hlv_vlist_decode(v.data, &members), HLV_OK);
				struct hlv_reader m = hlv_reader(members.raw);
				for (uint32_t k = 0; k < members.n; k++) {
					struct hlv_ref ref;
					hlv_ref_decode(&m, &ref);
					for (unsigned q = 0; q < POOL; q++)
						if (hlv_eq(ref.handle, hlv_text(pool[q])))
							good[p][v.index] |= good[q][ref.index];
				}
			}
		}
	struct hlv_record rec;
	if (!get(w, hlv_text(prefix), &rec))
		return false;
	struct hlv_reader r = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; i < rec.values.n; i++) {
		struct hlv_value v;
		struct hlv_admin admin;
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		if (!hlv_eq(v.type, hlv_text("HS_ADMIN")))
			continue;
		assert_int_equal(hlv_admin_decode(v.data, &admin), HLV_OK);
		for (unsigned q = 0; q < POOL; q++)
			if ((admin.perms & 0x380) == 0x380 &&
			    hlv_eq(admin.who.handle, hlv_text(pool[q])) &&
			    good[q][admin.who.index])
				return true;
	}
	return false;
}

/* One edit, by the whole way from a request to the commit. */
static enum plan_verdict edit(struct admins *w, struct hlv_rand *r, struct hlv_buf *text)
{
	static const uint32_t ops[] = {HLV_OP_CREATE_HANDLE, HLV_OP_DELETE_HANDLE,
				       HLV_OP_ADD_VALUE, HLV_OP_REMOVE_VALUE,
				       HLV_OP_MODIFY_VALUE};
	const struct principal local = {.how = ACTOR_LOCAL};
	struct hlv_request rq = {
		.m.hdr = {.op = ops[hlv_rand_below(r, COUNT(ops))], .flags = HLV_F_OVERWRITE},
		.handle = hlv_text(pool[hlv_rand_below(r, POOL)])};
	struct plan plan;
	struct hlv_response rs;
	char index[] = "?";
	hlv_arena_reset(&w->arena);
	random_values(r, text);
	rq.values = admins_values(&w->arena, text->n ? text->p : "");
	index[0] = (char)('1' + hlv_rand_below(r, 4));
	rq.indexes = admins_indexes(&w->arena, index);
	admins_begin(w);
	enum plan_verdict verdict = plan_request(&w->context, &local, &rq, &plan, &rs);
	if (verdict == PLAN_COMMIT)
		check_err("commit", admins_commit(w, &plan), HLV_OK);
	return rs.rc == HLV_RC_INSUFFICIENT_PERMISSIONS ? PLAN_REFUSED : verdict;
}

static void test_random_edits(void **state)
{
	(void)state;
	struct admins w;
	struct hlv_rand r;
	struct hlv_buf text = {0};
	unsigned refused = 0, committed = 0, with = 0;
	hlv_rand_seed(&r, 118);
	admins_open(&w);
	admins_home(&w, "0.NA/0.NA");
	admins_home(&w, "0.NA/7");
	for (unsigned i = 0; i < EDITS; i++) {
		admins_begin(&w);
		bool had = has_administrator(&w, "0.NA/7");
		enum plan_verdict verdict = edit(&w, &r, &text);
		refused += verdict == PLAN_REFUSED;
		committed += verdict == PLAN_COMMIT;
		with += had;
		admins_begin(&w);
		if (had && !has_administrator(&w, "0.NA/7"))
			fail_msg("edit %u left nobody", i);
		admins_end(&w);
	}
	print_message("%u edits, %u committed, %u refused, %u with an administrator\n",
		      (unsigned)EDITS, committed, refused, with);
	assert_true(committed > EDITS / 10 && refused > EDITS / 100 && with > EDITS / 2);
	hlv_buf_free(&text);
	admins_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random_edits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
