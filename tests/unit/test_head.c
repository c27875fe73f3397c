/* SPDX-License-Identifier: Apache-2.0 */
#include "server/head.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

struct place {
	char dir[64], path[80];
	struct head_file f;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof *p);
	assert_non_null(p);
	snprintf(p->dir, sizeof p->dir, "/tmp/helve-head-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof p->path, "%s/head", p->dir);
	p->f.fd = -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	head_close(&p->f);
	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static struct head at(uint64_t seq)
{
	return (struct head){.seq = seq, .epoch = "epoch", .hash = {(uint8_t)seq, 1}};
}

static enum head_verdict open_head(struct place *p, struct head *newest)
{
	enum head_verdict found;
	head_close(&p->f);
	assert_int_equal(head_open(p->dir, &p->f, &found, newest), HLV_OK);
	return found;
}

static void put(struct place *p, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++) {
		struct head h = at(seq);
		assert_int_equal(head_put(&p->f, &h), HLV_OK);
	}
}

static void test_round_trip(void **state)
{
	struct place *p = *state;
	struct head newest;
	assert_int_equal(open_head(p, &newest), HEAD_NONE);
	for (uint64_t seq = 1; seq < 8; seq++) {
		put(p, seq, seq);
		assert_true(p->f.dirty);
		assert_int_equal(head_sync(&p->f), HLV_OK);
		assert_false(p->f.dirty);
		assert_int_equal(open_head(p, &newest), HEAD_FITS);
		assert_int_equal(newest.seq, seq);
		struct head want = at(seq);
		assert_memory_equal(newest.epoch, want.epoch, HEAD_EPOCH);
		assert_memory_equal(newest.hash, want.hash, HEAD_HASH);
	}
	assert_int_equal(head_forget(p->dir), HLV_OK);
	assert_int_equal(head_forget(p->dir), HLV_OK);
	assert_int_equal(open_head(p, &newest), HEAD_NONE);
}

/* Each bit of the newest slot: then the one before it counts. Of both: damaged, never believed. */
static void test_damage(void **state)
{
	struct place *p = *state;
	struct head newest;
	open_head(p, &newest);
	put(p, 1, 4); /* generation 4 stands in slot 0, 3 in slot 1 */
	for (off_t bit = 0; bit < 76 * 8; bit++) {
		uint8_t was[2], is;
		for (int slot = 0; slot < 2; slot++) {
			off_t octet = slot * 4096 + bit / 8;
			assert_int_equal(pread(p->f.fd, &was[slot], 1, octet), 1);
			is = was[slot] ^ (uint8_t)(1 << bit % 8);
			assert_int_equal(pwrite(p->f.fd, &is, 1, octet), 1);
			enum head_verdict found = open_head(p, &newest);
			if (slot == 0 && (found != HEAD_FITS || newest.seq != 3))
				fail_msg("bit %d: %d", (int)bit, found);
			if (slot == 1 && found != HEAD_DAMAGED)
				fail_msg("bit %d of both: %d", (int)bit, found);
		}
		for (int slot = 0; slot < 2; slot++)
			assert_int_equal(pwrite(p->f.fd, &was[slot], 1, slot * 4096 + bit / 8),
					 1);
	}
	assert_int_equal(open_head(p, &newest), HEAD_FITS);
	assert_int_equal(newest.seq, 4);
}

static void test_cut(void **state)
{
	struct place *p = *state;
	struct head newest;
	open_head(p, &newest);
	put(p, 1, 2); /* slot 1, then slot 0 */
	static const struct {
		off_t size;
		enum head_verdict want;
	} rows[] = {{4096 + 40, HEAD_FITS}, {4096, HEAD_FITS}, {75, HEAD_DAMAGED},
		    {8, HEAD_DAMAGED},	    {1, HEAD_DAMAGED}, {0, HEAD_NONE}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(truncate(p->path, rows[i].size), 0);
		assert_int_equal(open_head(p, &newest), rows[i].want);
	}
	put(p, 9, 9);
	assert_int_equal(open_head(p, &newest), HEAD_FITS);
	assert_int_equal(newest.seq, 9);
}

static void test_check(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum head_verdict found;
		uint64_t guard_seq, guard_hash, seq, hash;
		bool other_epoch;
		enum head_verdict want;
		const char *text;
	} rows[] = {
		{"equal", HEAD_FITS, 5, 7, 5, 7, false, HEAD_FITS, ""},
		{"registry is further", HEAD_FITS, 5, 7, 9, 8, false, HEAD_FITS, ""},
		{"state not known to the guard", HEAD_FITS, 5, 0, 5, 8, false, HEAD_FITS, ""},
		{"state not known to the registry", HEAD_FITS, 5, 7, 5, 0, false, HEAD_FITS,
		 ""},
		{"another journal", HEAD_FITS, 50, 7, 5, 8, true, HEAD_NONE, ""},
		{"no guard", HEAD_NONE, 50, 7, 5, 8, false, HEAD_NONE, ""},
		{"damaged", HEAD_DAMAGED, 50, 7, 5, 8, false, HEAD_DAMAGED, "helvectl verify"},
		{"one vanished", HEAD_FITS, 6, 8, 5, 7, false, HEAD_VANISHED, "1 acknowledged"},
		{"many vanished", HEAD_FITS, 900, 8, 5, 7, false, HEAD_VANISHED,
		 "place 5, 900"},
		{"all vanished", HEAD_FITS, 900, 8, 0, 0, false, HEAD_VANISHED, "900 acknow"},
		{"other state", HEAD_FITS, 5, 7, 5, 8, false, HEAD_DIFFERS, "place 5"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct head guard = {.seq = rows[i].guard_seq,
				     .epoch = "a",
				     .hash = {(uint8_t)rows[i].guard_hash}};
		struct head registry = {
			.seq = rows[i].seq, .epoch = "a", .hash = {(uint8_t)rows[i].hash}};
		char why[256];
		registry.epoch[15] = rows[i].other_epoch;
		enum head_verdict got = head_check(rows[i].found, &guard, &registry);
		check_u64(rows[i].name, got, rows[i].want);
		head_text(got, &guard, &registry, why);
		if (!strstr(why, rows[i].text) || (!*rows[i].text && *why) || strchr(why, '\n'))
			fail_msg("%s: says \"%s\"", rows[i].name, why);
	}
}

static void test_errors(void **state)
{
	struct place *p = *state;
	struct head newest, h = at(1);
	struct head_file f;
	enum head_verdict found;
	assert_int_equal(head_open("/tmp/helve-head-none/x", &f, &found, &newest), HLV_E_IO);
	open_head(p, &newest);
	close(p->f.fd);
	p->f.fd = open(p->path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(head_put(&p->f, &h), HLV_E_IO);
	assert_int_equal(p->f.generation, 0);
	assert_int_equal(head_sync(&p->f), HLV_OK); /* nothing was put */
	head_close(&p->f);
	p->f = (struct head_file){.fd = open("/dev/full", O_RDWR | O_CLOEXEC)};
	assert_int_equal(head_put(&p->f, &h), HLV_E_FULL);
	p->f.dirty = true;
	assert_int_equal(head_sync(&p->f), HLV_E_IO); /* a device that cannot sync */
	assert_true(p->f.dirty);
}

#define ON(test)                                                                               \
	{                                                                                      \
#test, test, setup, teardown, NULL                                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {ON(test_round_trip), ON(test_damage), ON(test_cut),
					   ON(test_check), ON(test_errors)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
