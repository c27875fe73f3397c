/* SPDX-License-Identifier: Apache-2.0 */
#include "server/copy.h"

#include <stdlib.h>

#include "proto/base/rand.h"
#include "server/answer.h"
#include "tests/unit/registry.h"
#include "tests/unit/unit.h"

enum {
	IDS = 48, /* the last one is the prefix's own record */
	STEPS = 400,
	LONG = 28000, /* octets of the longest values: a dump takes several pages */
	NOTHING = 0,
};

/* What a copy holds of one identifier. */
struct held {
	uint32_t rc; /* NOTHING: none */
	struct hlv_bytes values;
	uint8_t *octets;
};

struct world {
	struct registry r;
	struct store_view *view;
	struct hlv_rand rand;
	struct held held[IDS];
	uint8_t epoch[16];
	uint64_t seq;
	char *text;
	unsigned pages, ranges;
};

static unsigned below(struct world *w, unsigned n)
{
	return (unsigned)hlv_rand_below(&w->rand, n);
}

static void name(unsigned i, char out[32])
{
	if (i == IDS - 1)
		snprintf(out, 32, "0.NA/88.118.8");
	else
		snprintf(out, 32, "88.118.8/%sx%02u", i % 3 ? "" : "Dir/", i);
}

/* --- the copy --- */

static struct held *find(struct world *w, struct hlv_bytes key)
{
	for (unsigned i = 0; i < IDS; i++) {
		char id[32];
		struct store_key k;
		name(i, id);
		store_key(hlv_text(id), &k);
		if (hlv_eq(store_key_bytes(&k), key))
			return &w->held[i];
	}
	fail_msg("a key that is not ours");
	return NULL;
}

static void forget(struct held *h)
{
	free(h->octets);
	*h = (struct held){0};
}

static void forget_between(struct world *w, struct hlv_bytes from, struct hlv_bytes to)
{
	for (unsigned i = 0; i < IDS - 1; i++) {
		char id[32];
		struct store_key k;
		name(i, id);
		store_key(hlv_text(id), &k);
		if (hlv_compare(store_key_bytes(&k), from) >= 0 &&
		    (to.n == 0 || hlv_compare(store_key_bytes(&k), to) <= 0))
			forget(&w->held[i]);
	}
}

static struct answer_context context(struct world *w, struct hlv_arena *a)
{
	static const struct site_place place = {HLV_HASH_ALL, 1, 0};
	static struct homed_memo memo;
	memo = (struct homed_memo){0};
	hlv_arena_init(a, 4 << 20);
	assert_int_equal(w->r.store->ops->view_begin(w->view), HLV_OK);
	return (struct answer_context){.store = w->r.store,
				       .view = w->view,
				       .place = &place,
				       .memo = &memo,
				       .arena = a};
}

static void end(struct world *w, struct hlv_arena *a)
{
	w->r.store->ops->view_end(w->view);
	hlv_arena_fini(a);
}

static void scan(struct world *w, struct hlv_bytes from, struct hlv_bytes to);

static void take(struct world *w, struct hlv_reader *r)
{
	while (hlv_left(r) > 0 && !r->bad) {
		uint8_t kind = hlv_get_u8(r);
		struct hlv_bytes key = hlv_get_lp32(r);
		if (kind == COPY_RANGE) {
			struct hlv_bytes last = hlv_get_lp32(r);
			w->ranges++;
			forget_between(w, key, last);
			scan(w, key, last);
			continue;
		}
		struct held *h = find(w, key);
		forget(h);
		if (kind == COPY_GONE)
			continue;
		assert_int_equal(kind, COPY_RECORD);
		h->rc = hlv_get_u32(r);
		(void)hlv_get_u32(r);
		struct hlv_bytes values = hlv_get_lp32(r);
		h->octets = malloc(values.n + 1);
		memcpy(h->octets, values.n ? values.p : (const uint8_t *)"", values.n);
		h->values = hlv_bytes(h->octets, values.n);
	}
	assert_false(r->bad);
}

/* One page after the other; between them, now and then, the registry changes. */
static void change(struct world *w);

static void scan(struct world *w, struct hlv_bytes from, struct hlv_bytes to)
{
	uint8_t next[STORE_KEY_MAX], last[STORE_KEY_MAX];
	struct hlv_bytes at = from;
	memcpy(last, to.n ? to.p : (const uint8_t *)"", to.n);
	to = hlv_bytes(last, to.n);
	for (;;) {
		struct hlv_arena a;
		struct hlv_bytes page;
		struct answer_context c = context(w, &a);
		assert_int_equal(copy_scan(&c, hlv_text("88.118.8"), at, to, &page), HLV_OK);
		assert_true(page.n <= COPY_ROOM);
		uint8_t *copy = malloc(page.n);
		memcpy(copy, page.p, page.n);
		end(w, &a);
		struct hlv_reader r = hlv_reader(hlv_bytes(copy, page.n));
		assert_int_equal(hlv_get_u8(&r), COPY_FORMAT);
		at = hlv_get_lp32(&r);
		if (at.n)
			memcpy(next, at.p, at.n);
		at = hlv_bytes(next, at.n);
		take(w, &r);
		free(copy);
		w->pages++;
		if (at.n == 0)
			return;
		change(w);
	}
}

static void dump(struct world *w)
{
	struct hlv_arena a;
	struct hlv_bytes page;
	struct answer_context c = context(w, &a);
	for (unsigned i = 0; i < IDS; i++)
		forget(&w->held[i]);
	assert_int_equal(copy_begin(&c, hlv_text("88.118.8"), &page), HLV_OK);
	struct hlv_reader r = hlv_reader(page);
	assert_int_equal(hlv_get_u8(&r), COPY_FORMAT);
	memcpy(w->epoch, hlv_take(&r, 16).p, 16);
	w->seq = hlv_get_u64(&r);
	(void)hlv_get_u64(&r);
	assert_true(hlv_finished(&r));
	end(w, &a);
	scan(w, (struct hlv_bytes){0}, (struct hlv_bytes){0});
}

static bool follow(struct world *w, enum copy_journal_state *state)
{
	struct hlv_arena a;
	struct hlv_bytes page;
	struct answer_context c = context(w, &a);
	assert_int_equal(
		copy_journal(&c, hlv_text("88.118.8"), hlv_bytes(w->epoch, 16), w->seq, &page),
		HLV_OK);
	uint8_t *copy = malloc(page.n);
	memcpy(copy, page.p, page.n);
	end(w, &a);
	struct hlv_reader r = hlv_reader(hlv_bytes(copy, page.n));
	assert_int_equal(hlv_get_u8(&r), COPY_FORMAT);
	*state = hlv_get_u8(&r);
	w->seq = hlv_get_u64(&r);
	take(w, &r);
	free(copy);
	w->pages++;
	return *state == COPY_MORE;
}

/* --- the registry --- */

static const struct registry_value *random_values(struct world *w, size_t *n)
{
	static struct registry_value values[3];
	static const uint8_t perms[] = {HLV_PERM_DEFAULT, HLV_PERM_DEFAULT, HLV_PERM_DEFAULT,
					HLV_PERM_ADMIN_READ};
	*n = below(w, 4);
	for (uint32_t i = 0; i < *n; i++) {
		uint32_t len = below(w, 8) ? 20 : LONG;
		values[i] = (struct registry_value){i + 1, perms[below(w, 4)], "NOTE",
						    w->text + below(w, 26) + (LONG - len)};
	}
	return values;
}

/* A bulk load: one journal entry that names a range, here of records with secrets alone and with
 * public values. */
static void load(struct world *w)
{
	unsigned first = below(w, IDS - 6);
	struct store_put puts[4];
	struct store_key keys[4];
	uint8_t room[4][512];
	size_t n = 0;
	for (unsigned i = first; i < IDS - 1 && n < 4; i++) {
		char id[32];
		uint8_t values[256];
		if (i % 3 == 0)
			continue; /* their keys stand elsewhere: puts are in order */
		name(i, id);
		store_key(hlv_text(id), &keys[n]);
		struct hlv_writer v = hlv_writer(values, sizeof values);
		hlv_value_encode(&v, &(struct hlv_value){.index = 1,
							 .perms = n % 2 ? HLV_PERM_ADMIN_READ
									: HLV_PERM_DEFAULT,
							 .type = hlv_text("LOADED"),
							 .data = hlv_text(id)});
		struct hlv_record rec = {.flags = n % 2 ? 0 : HLV_RECORD_ALL_PUBLIC,
					 .name = hlv_text(id),
					 .values = {1, hlv_written(&v)}};
		struct hlv_writer s = hlv_writer(room[n], sizeof room[n]);
		hlv_record_encode(&s, store_key_bytes(&keys[n]), &rec);
		puts[n] = (struct store_put){SPACE_RECORD, store_key_bytes(&keys[n]),
					     hlv_written(&s)};
		n++;
	}
	struct store_txn txn = {.puts = puts, .nputs = n, .bulk = true, .time_ms = 1};
	assert_int_equal(w->r.store->ops->commit(w->r.store, &txn, 1), HLV_OK);
	assert_int_equal(txn.err, HLV_OK);
}

static bool exists(struct world *w, const char *id)
{
	struct hlv_arena a;
	struct answer_context c = context(w, &a);
	struct store_key key;
	struct hlv_record rec;
	store_key(hlv_text(id), &key);
	bool found = store_get_record(c.store, c.view, &key, &rec) == HLV_OK;
	end(w, &a);
	return found;
}

static void change(struct world *w)
{
	char id[32];
	size_t n;
	name(below(w, IDS), id);
	switch (below(w, 8)) {
	case 0:
		if (exists(w, id))
			registry_remove(&w->r, id);
		return;
	case 1:
		if (exists(w, id))
			registry_set_state(&w->r, id, (uint8_t)below(w, HLV_STATE_REVOKED + 1));
		return;
	case 2:
		load(w);
		return;
	case 3: /* nothing of ours */
		registry_put(&w->r, "88.118/other", NULL, 0);
		return;
	default: {
		const struct registry_value *values = random_values(w, &n);
		registry_put(&w->r, id, values, n);
	}
	}
}

/* --- the two side by side --- */

static void compare(struct world *w)
{
	for (unsigned i = 0; i < IDS; i++) {
		char id[32];
		struct hlv_arena a;
		struct hlv_response rs;
		struct answer_context c = context(w, &a);
		name(i, id);
		struct hlv_request rq = {
			.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY},
			.handle = hlv_text(id)};
		uint32_t rc = answer_resolution(&c, &rq, &rs);
		/* Whether there is a record of the prefix is for its parent to say. */
		bool none = rc == HLV_RC_NOT_FOUND || rc == HLV_RC_NOT_RESPONSIBLE;
		check_u64(id, w->held[i].rc, none ? NOTHING : rc);
		if (rc == HLV_RC_SUCCESS)
			check_bytes(id, w->held[i].values, rs.values.raw);
		end(w, &a);
	}
}

static void open_world(struct world *w, uint64_t seed)
{
	*w = (struct world){0};
	registry_open(&w->r, 1, 0);
	registry_home(&w->r, "0.NA/88.118.8");
	assert_int_equal(w->r.store->ops->view_open(w->r.store, &w->view), HLV_OK);
	hlv_rand_seed(&w->rand, seed);
	w->text = malloc(LONG + 64);
	for (size_t i = 0; i < LONG + 63; i++)
		w->text[i] = (char)('a' + i % 26);
	w->text[LONG + 63] = '\0';
}

static void close_world(struct world *w)
{
	for (unsigned i = 0; i < IDS; i++)
		forget(&w->held[i]);
	registry_close(&w->r);
	free(w->text);
}

/* Dumps that are changed under, journals followed at any moment: caught up, the copy says what the
 * registry says. */
static void test_same(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		struct world w;
		enum copy_journal_state at;
		open_world(&w, seed);
		for (unsigned i = 0; i < 200; i++)
			change(&w);
		dump(&w);
		for (unsigned i = 0; i < STEPS; i++) {
			change(&w);
			if (below(&w, 10) > 0)
				continue;
			while (follow(&w, &at))
				;
			assert_int_equal(at, COPY_CAUGHT_UP);
			compare(&w);
		}
		assert_true(w.pages > 40);
		assert_true(w.ranges > 0);
		close_world(&w);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	struct world w;
	struct hlv_arena a;
	struct hlv_bytes page;
	char longest[512];
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	open_world(&w, 1);
	struct answer_context c = context(&w, &a);
	assert_int_equal(copy_begin(&c, hlv_text("88.118"), &page), HLV_E_NOT_FOUND);
	assert_int_equal(copy_begin(&c, hlv_text(""), &page), HLV_E_LIMIT);
	assert_int_equal(copy_begin(&c, hlv_text("88.118.8/x"), &page), HLV_E_LIMIT);
	assert_int_equal(copy_begin(&c, hlv_text(longest), &page), HLV_E_LIMIT);
	/* Another registry's journal, and a place that this one never reached: begin anew. */
	static const struct {
		const char *epoch;
		uint64_t since;
	} rows[] = {{"another journal.", 0}, {"in memory\0\0\0\0\0\0\0", 99}, {"", 0}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(copy_journal(&c, hlv_text("88.118.8"),
					      hlv_bytes(rows[i].epoch, *rows[i].epoch ? 16 : 0),
					      rows[i].since, &page),
				 HLV_OK);
		assert_int_equal(page.p[1], COPY_TOO_FAR);
	}
	end(&w, &a);
	close_world(&w);
}

/* Of a site with several servers each gives what is its own. */
static void test_hashed(void **state)
{
	(void)state;
	struct world w;
	unsigned n = 0;
	open_world(&w, 1);
	for (unsigned i = 0; i < IDS - 1; i++) {
		char id[32];
		const struct registry_value v = {1, HLV_PERM_DEFAULT, "NOTE", "x"};
		name(i, id);
		registry_put(&w.r, id, &v, 1);
	}
	for (uint32_t own = 0; own < 3; own++) {
		struct hlv_arena a;
		struct hlv_bytes page;
		struct site_place place = {HLV_HASH_ALL, 3, own};
		struct answer_context c = context(&w, &a);
		c.place = &place;
		assert_int_equal(copy_scan(&c, hlv_text("88.118.8"), (struct hlv_bytes){0},
					   (struct hlv_bytes){0}, &page),
				 HLV_OK);
		struct hlv_reader r = hlv_reader(hlv_skip(page, 5));
		while (hlv_left(&r) > 0) {
			uint8_t kind = hlv_get_u8(&r);
			(void)hlv_get_lp32(&r);
			if (kind == COPY_GONE)
				continue;
			hlv_take(&r, 8);
			(void)hlv_get_lp32(&r);
			n++;
		}
		assert_false(r.bad);
		end(&w, &a);
	}
	assert_int_equal(n, IDS - 1);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hashed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
