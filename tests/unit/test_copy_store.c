/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/copy_store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct world {
	char dir[64];
	struct copy_store *store;
	struct copy_txn *txn;
};

static void reopen(struct world *w)
{
	char why[COPY_STORE_WHY];
	copy_store_close(w->store);
	assert_int_equal(copy_store_open(w->dir, &w->store, why), HLV_OK);
}

static void open_world(struct world *w)
{
	*w = (struct world){.dir = "/tmp/helve-copy-XXXXXX"};
	assert_non_null(mkdtemp(w->dir));
	reopen(w);
}

static void close_world(struct world *w)
{
	char path[128];
	copy_store_close(w->store);
	snprintf(path, sizeof path, "%s/data.mdb", w->dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", w->dir);
	unlink(path);
	rmdir(w->dir);
}

static void begin(struct world *w)
{
	assert_int_equal(copy_txn_begin(w->store, &w->txn), HLV_OK);
}

static void commit(struct world *w)
{
	assert_int_equal(copy_txn_commit(w->txn), HLV_OK);
}

static void put(struct world *w, uint32_t generation, const char *key, const char *value,
		uint64_t *n)
{
	assert_int_equal(copy_txn_put(w->txn, generation, hlv_text(key), hlv_text(value), n),
			 HLV_OK);
}

/* Everything of one generation, as "key=value key=value". */
static void check_rows(struct world *w, uint32_t generation, const char *expected)
{
	static const char *const keys[] = {"A/1", "A/2", "A/3", "A/33", "A/4", "B"};
	struct copy_reader *r;
	char text[256] = "";
	size_t at = 0;
	assert_int_equal(copy_reader_new(w->store, &r), HLV_OK);
	assert_int_equal(copy_reader_begin(r), HLV_OK);
	for (size_t i = 0; i < COUNT(keys); i++) {
		struct hlv_bytes value;
		if (copy_reader_get(r, generation, hlv_text(keys[i]), &value) == HLV_OK)
			at += (size_t)snprintf(text + at, sizeof text - at, "%s%s=%.*s",
					       at ? " " : "", keys[i], (int)value.n,
					       (const char *)value.p);
	}
	copy_reader_end(r);
	copy_reader_free(r);
	check_text("rows", hlv_text(text), expected);
}

static void test_rows(void **state)
{
	(void)state;
	struct world w;
	uint64_t n = 0, removed = 0;
	open_world(&w);
	begin(&w);
	put(&w, 1, "A/1", "one", &n);
	put(&w, 1, "A/2", "two", &n);
	put(&w, 1, "A/2", "zwei", &n);
	put(&w, 1, "A/33", "three", &n);
	put(&w, 1, "A/4", "four", &n);
	put(&w, 2, "A/1", "other", &n);
	commit(&w);
	assert_int_equal(n, 5);
	reopen(&w);
	check_rows(&w, 1, "A/1=one A/2=zwei A/33=three A/4=four");
	check_rows(&w, 2, "A/1=other");
	check_rows(&w, 3, "");

	begin(&w);
	assert_int_equal(copy_txn_remove(w.txn, 1, hlv_text("A/1"), &removed), HLV_OK);
	assert_int_equal(copy_txn_remove(w.txn, 1, hlv_text("A/1"), &removed), HLV_OK);
	commit(&w);
	assert_int_equal(removed, 1);
	begin(&w); /* the end of a range is not in it */
	assert_int_equal(
		copy_txn_remove_range(w.txn, 1, hlv_text("A/2"), hlv_text("A/4"), 99, &removed),
		HLV_OK);
	commit(&w);
	assert_int_equal(removed, 3);
	check_rows(&w, 1, "A/4=four");

	begin(&w); /* nothing is there before commit */
	put(&w, 1, "B", "b", &n);
	copy_txn_abort(w.txn);
	check_rows(&w, 1, "A/4=four");
	close_world(&w);
}

/* To the end of a generation and of the file, in slices. */
static void test_range_to_the_end(void **state)
{
	(void)state;
	static const struct hlv_bytes none;
	struct world w;
	uint64_t n = 0, removed = 0;
	open_world(&w);
	begin(&w);
	put(&w, 1, "A/1", "x", &n);
	put(&w, 1, "A/2", "x", &n);
	put(&w, 1, "A/3", "x", &n);
	put(&w, 7, "B", "y", &n);
	assert_int_equal(copy_txn_remove_range(w.txn, 1, none, none, 2, &removed), HLV_OK);
	assert_int_equal(removed, 2);
	assert_int_equal(copy_txn_remove_range(w.txn, 1, none, none, 2, &removed), HLV_OK);
	assert_int_equal(removed, 3);
	assert_int_equal(copy_txn_remove_range(w.txn, 7, none, none, 9, &removed), HLV_OK);
	assert_int_equal(removed, 4);
	commit(&w);
	check_rows(&w, 1, "");
	check_rows(&w, 7, "");
	close_world(&w);
}

static void test_marks(void **state)
{
	(void)state;
	struct world w;
	struct copy_mark mark = {.generation = 9,
				 .records = 5,
				 .synced_ms = 1700,
				 .servers = 2},
			 back;
	mark.places[1].seq = 77;
	memcpy(mark.places[1].epoch, "0123456789abcdef", 16);
	open_world(&w);
	begin(&w);
	assert_int_equal(copy_txn_mark(w.txn, "88", &back), HLV_E_NOT_FOUND);
	assert_int_equal(copy_txn_set_mark(w.txn, "88", &mark), HLV_OK);
	assert_int_equal(copy_txn_set_mark(w.txn, "99", &mark), HLV_OK);
	commit(&w);
	reopen(&w);
	begin(&w);
	assert_int_equal(copy_txn_mark(w.txn, "88", &back), HLV_OK);
	assert_memory_equal(&mark, &back, sizeof mark);
	const char *const kept[] = {"99"};
	uint32_t first, second;
	assert_int_equal(copy_txn_new_generation(w.txn, &first), HLV_OK);
	assert_int_equal(copy_txn_keep_marks(w.txn, kept, 1), HLV_OK);
	assert_int_equal(copy_txn_mark(w.txn, "88", &back), HLV_E_NOT_FOUND);
	assert_int_equal(copy_txn_mark(w.txn, "99", &back), HLV_OK);
	assert_int_equal(copy_txn_new_generation(w.txn, &second), HLV_OK);
	assert_int_equal(second, first + 1);
	commit(&w);
	close_world(&w);
}

static void test_orphans(void **state)
{
	(void)state;
	struct world w;
	uint64_t n = 0;
	uint32_t orphan;
	static const uint32_t known[] = {2, 4};
	open_world(&w);
	begin(&w);
	put(&w, 2, "A/1", "x", &n);
	put(&w, 4, "A/1", "x", &n);
	assert_int_equal(copy_txn_orphan(w.txn, known, 2, &orphan), HLV_E_NOT_FOUND);
	put(&w, 5, "A/1", "x", &n);
	assert_int_equal(copy_txn_orphan(w.txn, known, 2, &orphan), HLV_OK);
	assert_int_equal(orphan, 5);
	put(&w, 3, "A/1", "x", &n);
	assert_int_equal(copy_txn_orphan(w.txn, known, 2, &orphan), HLV_OK);
	assert_int_equal(orphan, 3);
	commit(&w);
	close_world(&w);
}

/* A reader keeps its snapshot while what it reads is replaced and swept. */
static void test_snapshot(void **state)
{
	(void)state;
	static const struct hlv_bytes none;
	struct world w;
	struct copy_reader *r;
	struct hlv_bytes value;
	uint64_t n = 0;
	open_world(&w);
	begin(&w);
	put(&w, 1, "A/1", "old", &n);
	commit(&w);
	assert_int_equal(copy_reader_new(w.store, &r), HLV_OK);
	assert_int_equal(copy_reader_begin(r), HLV_OK);
	begin(&w);
	assert_int_equal(copy_txn_remove_range(w.txn, 1, none, none, 9, &n), HLV_OK);
	put(&w, 2, "A/1", "new", &n);
	commit(&w);
	assert_int_equal(copy_reader_get(r, 1, hlv_text("A/1"), &value), HLV_OK);
	check_text("old", value, "old");
	assert_int_equal(copy_reader_get(r, 2, hlv_text("A/1"), &value), HLV_E_NOT_FOUND);
	copy_reader_end(r);
	assert_int_equal(copy_reader_begin(r), HLV_OK);
	assert_int_equal(copy_reader_get(r, 1, hlv_text("A/1"), &value), HLV_E_NOT_FOUND);
	copy_reader_end(r);
	copy_reader_free(r);
	close_world(&w);
}

/* An octet that turned on the disk is found, and nothing is answered from it. */
static void test_damage(void **state)
{
	(void)state;
	struct world w;
	struct copy_reader *r;
	struct hlv_bytes value;
	uint64_t n = 0;
	char path[128];
	open_world(&w);
	begin(&w);
	put(&w, 1, "A/1", "UNMISTAKABLE", &n);
	commit(&w);
	copy_store_close(w.store);
	w.store = NULL;
	snprintf(path, sizeof path, "%s/data.mdb", w.dir);
	FILE *f = fopen(path, "r+b");
	static uint8_t file[1 << 20];
	size_t size = fread(file, 1, sizeof file, f);
	uint8_t *at = memmem(file, size, "UNMISTAKABLE", 12);
	assert_non_null(at);
	fseek(f, at - file, SEEK_SET);
	fputc('u', f);
	fclose(f);
	reopen(&w);
	assert_int_equal(copy_reader_new(w.store, &r), HLV_OK);
	assert_int_equal(copy_reader_begin(r), HLV_OK);
	assert_int_equal(copy_reader_get(r, 1, hlv_text("A/1"), &value), HLV_E_CORRUPT);
	copy_reader_end(r);
	copy_reader_free(r);
	close_world(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	 cmocka_unit_test(test_range_to_the_end),
		cmocka_unit_test(test_marks),	 cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_snapshot), cmocka_unit_test(test_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
