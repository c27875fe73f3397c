/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/writer.h"
#include "server/audit.h"
#include "server/sum.h"
#include "tests/unit/store_world.h"

static struct hlv_key *ours, *other;

static int make_keys(void **state)
{
	(void)state;
	assert_int_equal(hlv_key_generate(HLV_KEY_ED25519, &ours), HLV_OK);
	assert_int_equal(hlv_key_generate(HLV_KEY_P256, &other), HLV_OK);
	return 0;
}

static int free_keys(void **state)
{
	(void)state;
	hlv_key_free(ours);
	hlv_key_free(other);
	return 0;
}

static void put(struct world *w, const char *id)
{
	struct store_put p = world_put(w, id);
	assert_int_equal(world_commit(w, &p, 1), HLV_OK);
}

static struct audit_head head_of(struct world *w)
{
	struct audit_head head;
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(audit_head_get(w->store, w->view, &head), HLV_OK);
	w->store->ops->view_end(w->view);
	return head;
}

static enum hlv_err sign(struct world *w, const struct hlv_key *key,
			 const struct audit_head *head)
{
	struct audit_checkpoint *c = hlv_alloc(&w->arena, sizeof *c);
	assert_int_equal(audit_checkpoint_make(key, head, c), HLV_OK);
	c->txn.time_ms = w->time_ms;
	assert_int_equal(w->store->ops->commit(w->store, &c->txn, 1), HLV_OK);
	return c->txn.err;
}

static bool go_on(void *ctx, const struct audit_check *so_far)
{
	(void)ctx;
	(void)so_far;
	return true;
}

static void verify(struct world *w, struct audit_check *c)
{
	bool finished;
	assert_int_equal(audit_check_init(c), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(audit_verify(w->store, w->view, c, go_on, NULL, &finished), HLV_OK);
	w->store->ops->view_end(w->view);
	assert_true(finished);
	audit_check_fini(c);
}

/* --- what commit writes --- */

static void check_term(const char *name, const uint8_t *got, enum store_space space,
		       struct hlv_bytes key, struct hlv_bytes value)
{
	struct hlv_hasher *h;
	struct sum want = {0};
	assert_int_equal(hlv_hasher_new(HLV_SHA256, &h), HLV_OK);
	if (value.n)
		assert_int_equal(sum_term(h, space, key, value, &want), HLV_OK);
	hlv_hasher_free(h);
	if (memcmp(got, want.octets, AUDIT_HASH) != 0)
		fail_msg("%s: another hash", name);
}

static void entries_say_who_and_what(void **state)
{
	struct world *w = *state;
	struct audit_entry e;
	struct hlv_bytes stored;
	struct store_put a = world_put(w, "88.1/Aa");
	struct store_txn txn = {.puts = &a,
				.nputs = 1,
				.time_ms = 1700000000123,
				.actor = {.how = ACTOR_CHALLENGE,
					  .who = {hlv_text("0.NA/88.1"), 300},
					  .transport = 3,
					  .source = hlv_text("192.0.2.7"),
					  .op = 100,
					  .request_id = 77}};
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	put(w, "88.1/AA");
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(audit_get(w->store, w->view, 1, &e), HLV_OK);
	assert_int_equal(e.kind, AUDIT_CHANGE);
	assert_int_equal(e.journal_seq, 1);
	assert_int_equal(e.time_ns, 1700000000123000000);
	assert_int_equal(e.actor.how, ACTOR_CHALLENGE);
	assert_int_equal(e.actor.who.index, 300);
	assert_true(hlv_eq(e.actor.who.handle, hlv_text("0.NA/88.1")));
	assert_int_equal(e.actor.transport, 3);
	assert_true(hlv_eq(e.actor.source, hlv_text("192.0.2.7")));
	assert_int_equal(e.actor.op, 100);
	assert_int_equal(e.actor.request_id, 77);
	assert_int_equal(e.space, SPACE_RECORD);
	assert_true(hlv_eq(e.name, hlv_text("88.1/Aa")));
	check_term("before the first", e.before, SPACE_RECORD, a.key, (struct hlv_bytes){0});
	uint8_t after[AUDIT_HASH];
	memcpy(after, e.after, AUDIT_HASH);
	assert_int_equal(audit_get(w->store, w->view, 2, &e), HLV_OK);
	assert_memory_equal(e.before, after, AUDIT_HASH);
	assert_int_equal(w->store->ops->get(w->view, SPACE_RECORD, a.key, &stored), HLV_OK);
	check_term("after the second", e.after, SPACE_RECORD, a.key, stored);
	assert_true(hlv_eq(e.name, hlv_text("88.1/AA")));
	assert_int_equal(audit_get(w->store, w->view, 3, &e), HLV_E_NOT_FOUND);
	w->store->ops->view_end(w->view);
}

static void one_entry_for_a_load(void **state)
{
	struct world *w = *state;
	struct audit_entry e;
	static const uint8_t zeros[AUDIT_HASH];
	uint8_t first_after[AUDIT_HASH];
	struct store_put puts[] = {world_put(w, "88.1/a"), world_put(w, "88.1/b"),
				   world_put(w, "88.1/c")};
	struct store_txn txn = {.puts = puts, .nputs = 3, .bulk = true};
	struct store_put meta = {SPACE_META, hlv_text("note"), hlv_text("x")};
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	assert_int_equal(world_commit(w, &meta, 1), HLV_OK); /* no entry */
	assert_int_equal(w->store->ops->commit(w->store, &txn, 1), HLV_OK);
	assert_int_equal(head_of(w).seq, 2);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(audit_get(w->store, w->view, 1, &e), HLV_OK);
	assert_int_equal(e.kind, AUDIT_RANGE);
	assert_int_equal(e.count, 3);
	assert_true(hlv_eq(e.name, puts[0].key) && hlv_eq(e.last, puts[2].key));
	assert_memory_equal(e.before, zeros, AUDIT_HASH);
	memcpy(first_after, e.after, AUDIT_HASH);
	assert_int_equal(audit_get(w->store, w->view, 2, &e), HLV_OK);
	assert_memory_equal(e.before, first_after, AUDIT_HASH);
	assert_memory_not_equal(e.after, first_after, AUDIT_HASH);
	w->store->ops->view_end(w->view);
	struct audit_check c = {0};
	verify(w, &c);
	assert_string_equal(c.why, "");
	assert_int_equal(c.ranges, 2);
}

/* --- heads and checkpoints --- */

static void heads_as_text(void **state)
{
	(void)state;
	struct audit_head head = {.seq = 17}, got;
	char text[AUDIT_HEAD_TEXT];
	for (size_t i = 0; i < AUDIT_HASH; i++)
		head.hash[i] = (uint8_t)(i * 7);
	audit_head_print(&head, text);
	assert_int_equal(audit_head_parse(hlv_text(text), &got), HLV_OK);
	assert_int_equal(got.seq, 17);
	assert_memory_equal(got.hash, head.hash, AUDIT_HASH);
	static const char *const bad[] = {
		"", ":", "17", "17:", "17:00", "x:00", "-1:00", "17:xx"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (audit_head_parse(hlv_text(bad[i]), &got) != HLV_E_MALFORMED)
			fail_msg("\"%s\"", bad[i]);
	for (size_t cut = 0; cut < strlen(text); cut++)
		assert_int_equal(audit_head_parse(hlv_bytes(text, cut), &got), HLV_E_MALFORMED);
	head.seq = UINT64_MAX;
	audit_head_print(&head, text);
	assert_int_equal(strlen(text), AUDIT_HEAD_TEXT - 1);
}

static void checkpoints(void **state)
{
	struct world *w = *state;
	struct audit_head empty = head_of(w), old, wrong;
	assert_int_equal(sign(w, ours, &empty), HLV_OK);
	put(w, "88.1/a");
	old = wrong = head_of(w);
	wrong.hash[5] ^= 1;
	assert_int_equal(sign(w, ours, &wrong), HLV_E_CONFLICT);
	assert_int_equal(sign(w, ours, &old), HLV_OK);
	assert_int_equal(sign(w, ours, &old), HLV_E_CONFLICT);
	put(w, "88.1/b");
	struct audit_checkpoint *c = hlv_alloc(&w->arena, sizeof *c);
	struct audit_head head = head_of(w);
	assert_int_equal(audit_checkpoint_make(ours, &head, c), HLV_OK);
	struct store_put two[] = {c->put, world_put(w, "88.1/c")};
	assert_int_equal(world_commit(w, two, 2), HLV_E_MALFORMED);
	for (size_t cut = 1; cut < c->put.value.n; cut++) {
		struct store_put part = c->put;
		part.value.n = cut;
		assert_int_equal(world_commit(w, &part, 1), HLV_E_MALFORMED);
	}
	assert_int_equal(world_seq(w), 2); /* a checkpoint is no change */
	struct hlv_key const *const keys[] = {other, ours};
	struct audit_check good = {.keys = keys, .nkeys = 2}, any = {0},
			   bad = {.keys = keys, .nkeys = 1};
	verify(w, &good);
	assert_string_equal(good.why, "");
	assert_int_equal(good.checkpoints, 2);
	assert_int_equal(good.signed_seq, 2);
	assert_int_equal(good.entries, 4);
	verify(w, &any);
	assert_string_equal(any.why, "");
	assert_memory_equal(any.signer, good.signer, AUDIT_HASH);
	verify(w, &bad);
	assert_string_equal(bad.why, "checkpoint by another key");
	assert_int_equal(bad.bad_seq, 1);
}

/* Whoever writes to the registry can make a checkpoint of anything. */
static void forged_signature(void **state)
{
	struct world *w = *state;
	put(w, "88.1/a");
	struct audit_checkpoint *c = hlv_alloc(&w->arena, sizeof *c);
	struct audit_head head = head_of(w);
	assert_int_equal(audit_checkpoint_make(ours, &head, c), HLV_OK);
	c->value[AUDIT_HASH + 4 + 10] ^= 1;
	assert_int_equal(w->store->ops->commit(w->store, &c->txn, 1), HLV_OK);
	assert_int_equal(c->txn.err, HLV_OK);
	struct audit_check check = {0};
	verify(w, &check);
	assert_int_equal(check.bad_seq, 2);
	assert_non_null(strstr(check.why, "signature"));
}

static bool stop(void *ctx, const struct audit_check *so_far)
{
	(void)so_far;
	++*(int *)ctx;
	return false;
}

static void goes_on_where_it_stopped(void **state)
{
	struct world *w = *state;
	enum { N = 9000 };
	struct store_put *puts = hlv_alloc(&w->arena, N * sizeof *puts);
	int stops = 0;
	bool finished = false;
	for (size_t i = 0; i < N; i++)
		puts[i] = world_put(w, "88.1/a");
	assert_int_equal(world_commit(w, puts, N), HLV_OK);
	struct audit_check c = {.noted = head_of(w)};
	assert_int_equal(audit_check_init(&c), HLV_OK);
	while (!finished) {
		assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
		assert_int_equal(audit_verify(w->store, w->view, &c, stop, &stops, &finished),
				 HLV_OK);
		w->store->ops->view_end(w->view);
	}
	assert_string_equal(c.why, "");
	assert_int_equal(c.entries, N);
	assert_int_equal(stops, 2);
	audit_check_fini(&c);
	struct audit_check late = {.at = c.at, .noted = {.seq = 5}};
	assert_int_equal(audit_check_init(&late), HLV_OK);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(audit_verify(w->store, w->view, &late, stop, &stops, &finished),
			 HLV_E_USAGE);
	w->store->ops->view_end(w->view);
	audit_check_fini(&late);
}

/* --- whoever has the file changes the trail --- */

enum { TRAIL = 40, ATTACKS = 10000 };

struct trail {
	struct hlv_bytes entries[TRAIL + 8];
	size_t n;
	struct audit_head head; /* as META says */
	struct hlv_arena arena;
};

static bool take_entry(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct trail *t = ctx;
	(void)key;
	t->entries[t->n++] = hlv_arena_copy(&t->arena, stored);
	return true;
}

static void make_trail(struct world *w, struct trail *t)
{
	for (unsigned i = 0; head_of(w).seq < TRAIL; i++) {
		char id[20];
		struct audit_head head = head_of(w);
		snprintf(id, sizeof id, "88.1/%u", i % 7);
		if (i % 12 == 11)
			assert_int_equal(sign(w, ours, &head), HLV_OK);
		else
			put(w, id);
	}
	t->head = head_of(w);
	hlv_arena_init(&t->arena, SIZE_MAX);
	assert_int_equal(w->store->ops->view_begin(w->view), HLV_OK);
	assert_int_equal(
		w->store->ops->scan(w->view, SPACE_AUDIT, (struct hlv_bytes){0}, take_entry, t),
		HLV_OK);
	w->store->ops->view_end(w->view);
}

static enum hlv_err check_trail(const struct trail *t, struct audit_check *c)
{
	uint8_t key[AUDIT_KEY_SIZE];
	assert_int_equal(audit_check_init(c), HLV_OK);
	enum hlv_err err = HLV_OK;
	for (size_t i = 0; i < t->n && err == HLV_OK; i++)
		err = audit_check_feed(c, audit_key(i + 1, key), t->entries[i]);
	if (err == HLV_OK)
		err = audit_check_end(c, &t->head);
	audit_check_fini(c);
	return err;
}

/* Number and chain the entries anew and write the head: all that does not need the key. */
static void cover_up(struct trail *t)
{
	struct audit_head head = {0};
	for (size_t i = 0; i < t->n; i++) {
		struct audit_entry e;
		struct hlv_buf b = {0};
		if (audit_decode(t->entries[i], &e) != HLV_OK)
			return;
		e.seq = i + 1;
		memcpy(e.prev, head.hash, AUDIT_HASH);
		audit_encode(&b, &e);
		t->entries[i] = hlv_arena_copy(&t->arena, hlv_buf_bytes(&b));
		hlv_buf_free(&b);
		head.seq = i + 1;
		assert_int_equal(hlv_hash(HLV_SHA256, t->entries[i], head.hash), HLV_OK);
	}
	t->head = head;
}

static const char *attack(struct trail *t, unsigned *seed)
{
	size_t at = (unsigned)rand_r(seed) % t->n, to = (unsigned)rand_r(seed) % t->n;
	switch (rand_r(seed) % 5) {
	case 0:
	case 1: {
		uint8_t *p = hlv_alloc(&t->arena, t->entries[at].n);
		memcpy(p, t->entries[at].p, t->entries[at].n);
		p[(unsigned)rand_r(seed) % t->entries[at].n] ^=
			(uint8_t)(1 + (unsigned)rand_r(seed) % 255);
		t->entries[at].p = p;
		return "edit";
	}
	case 2:
		t->n--;
		memmove(t->entries + at, t->entries + at + 1, (t->n - at) * sizeof *t->entries);
		return "deletion";
	case 3: {
		struct hlv_bytes moved = t->entries[at];
		to = to == at ? (at + 1) % t->n : to;
		t->entries[at] = t->entries[to];
		t->entries[to] = moved;
		return "swap";
	}
	}
	t->n = at;
	return "truncation";
}

/* An edit of what is made to fit again anyway is none. */
static bool is_same(const struct trail *a, const struct trail *b)
{
	bool same = a->n == b->n;
	for (size_t i = 0; same && i < a->n; i++)
		same = hlv_eq(a->entries[i], b->entries[i]);
	return same;
}

/* threats.md 5: 10,000 edits, deletions, swaps and truncations behind a signed head; half of them
 * with everything else made to fit again. All are seen, and the first bad place is no later than
 * where the trail ends. */
static void attacks_are_seen(void **state)
{
	struct world *w = *state;
	static struct trail whole;
	struct hlv_key const *const keys[] = {ours};
	unsigned seed = 11;
	whole = (struct trail){0};
	make_trail(w, &whole);
	struct audit_check fine = {.noted = whole.head, .keys = keys, .nkeys = 1};
	assert_int_equal(check_trail(&whole, &fine), HLV_OK);
	for (int i = 0, unchanged = 0; i < ATTACKS + unchanged; i++) {
		struct trail t = whole;
		struct audit_check c = {.noted = whole.head, .keys = keys, .nkeys = 1};
		hlv_arena_init(&t.arena, SIZE_MAX);
		const char *what = attack(&t, &seed);
		bool covered = i % 2;
		if (covered)
			cover_up(&t);
		if (is_same(&t, &whole)) {
			unchanged++;
			hlv_arena_fini(&t.arena);
			continue;
		}
		if (check_trail(&t, &c) != HLV_E_CORRUPT || !c.why[0])
			fail_msg("%d: %s%s is not seen", i, what,
				 covered ? ", covered up" : "");
		if (c.bad_seq == 0 || c.bad_seq > t.n + 1)
			fail_msg("%d: %s: names entry %llu", i, what,
				 (unsigned long long)c.bad_seq);
		hlv_arena_fini(&t.arena);
	}
	hlv_arena_fini(&whole.arena);
}

/* The signature alone, without a head from elsewhere, holds all that stands before it. */
static void signature_holds_what_it_signs(void **state)
{
	struct world *w = *state;
	static struct trail whole;
	struct hlv_key const *const keys[] = {ours};
	whole = (struct trail){0};
	make_trail(w, &whole);
	for (size_t at = 0; at < 30; at++) {
		struct trail t = whole;
		struct audit_check c = {.keys = keys, .nkeys = 1};
		struct audit_entry e;
		struct hlv_buf b = {0};
		hlv_arena_init(&t.arena, SIZE_MAX);
		assert_int_equal(audit_decode(t.entries[at], &e), HLV_OK);
		e.time_ns++;
		audit_encode(&b, &e);
		t.entries[at] = hlv_arena_copy(&t.arena, hlv_buf_bytes(&b));
		hlv_buf_free(&b);
		cover_up(&t);
		if (check_trail(&t, &c) != HLV_E_CORRUPT)
			fail_msg("entry %zu", at + 1);
		assert_int_equal(c.bad_seq % 12, 0); /* the checkpoint behind it */
		hlv_arena_fini(&t.arena);
	}
	hlv_arena_fini(&whole.arena);
}

/* --- the codec --- */

static void damaged_entries(void **state)
{
	(void)state;
	struct audit_entry e = {.kind = AUDIT_CHANGE, .seq = 1, .name = hlv_text("88.1/a")},
			   got;
	struct hlv_buf b = {0};
	audit_encode(&b, &e);
	struct hlv_bytes whole = hlv_buf_bytes(&b);
	assert_int_equal(audit_decode(whole, &got), HLV_OK);
	static const struct {
		const char *name;
		size_t at;
		uint8_t value;
		enum hlv_err want;
	} rows[] = {
		{"format 0", 0, 0, HLV_E_CORRUPT},   {"format 2", 0, 2, HLV_E_NEWER},
		{"no kind", 1, 0, HLV_E_CORRUPT},    {"kind 4", 1, 4, HLV_E_CORRUPT},
		{"range", 1, 2, HLV_E_CORRUPT},	     {"checkpoint", 1, 3, HLV_E_CORRUPT},
		{"how 6", 2, 6, HLV_E_CORRUPT},	     {"handle", 68, 0xFF, HLV_E_CORRUPT},
		{"source", 76, 0xFF, HLV_E_CORRUPT}, {"space of META", 80, 3, HLV_E_CORRUPT},
		{"name", 84, 7, HLV_E_CORRUPT},	     {"shorter name", 84, 5, HLV_E_CORRUPT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char was = b.p[rows[i].at];
		b.p[rows[i].at] = (char)rows[i].value;
		enum hlv_err err = audit_decode(whole, &got);
		if (err != rows[i].want)
			fail_msg("%s: %s", rows[i].name, hlv_strerror(err));
		b.p[rows[i].at] = was;
	}
	for (size_t cut = 0; cut < whole.n; cut++)
		assert_int_equal(audit_decode(hlv_head(whole, cut), &got), HLV_E_CORRUPT);
	hlv_buf_put(&b, hlv_text("x"));
	assert_int_equal(audit_decode(hlv_buf_bytes(&b), &got), HLV_E_CORRUPT);
	hlv_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(entries_say_who_and_what),
		BOTH(one_entry_for_a_load),
		BOTH(checkpoints),
		BOTH(forged_signature),
		ON(lmdb, goes_on_where_it_stopped),
		ON(mem, attacks_are_seen),
		ON(mem, signature_holds_what_it_signs),
		cmocka_unit_test(heads_as_text),
		cmocka_unit_test(damaged_entries),
	};
	return cmocka_run_group_tests(tests, make_keys, free_keys);
}
