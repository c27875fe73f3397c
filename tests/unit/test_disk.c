/* SPDX-License-Identifier: Apache-2.0 */
#include "server/disk.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#define GIB (1024ULL * 1024 * 1024)
#define MIB (1024ULL * 1024)
#define SECOND 1000000000ULL

static const struct disk_limits *const LIMITS = &disk_limits_default;

static void test_thresholds(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint64_t free, total;
		enum disk_state want;
	} rows[] = {
		{"half free", 50 * GIB, 100 * GIB, DISK_NORMAL},
		{"a tenth, large disk: at the cap", 8 * GIB, 100 * GIB, DISK_NORMAL},
		{"below the cap", 8 * GIB - 1, 100 * GIB, DISK_WARN},
		{"huge disk, one percent is much", 100 * GIB, 10000 * GIB, DISK_NORMAL},
		{"no-creates cap", 4 * GIB - 1, 10000 * GIB, DISK_NO_CREATES},
		{"read-only cap", 1 * GIB - 1, 10000 * GIB, DISK_READ_ONLY},
		{"10 GiB: a tenth", 1 * GIB, 10 * GIB, DISK_NORMAL},
		{"10 GiB: less than a tenth", 1 * GIB - 11 * MIB, 10 * GIB, DISK_WARN},
		{"10 GiB: less than a twentieth", 500 * MIB, 10 * GIB, DISK_NO_CREATES},
		{"10 GiB: less than a fiftieth", 200 * MIB, 10 * GIB, DISK_READ_ONLY},
		{"8 MiB: the floor", 1 * MIB, 8 * MIB, DISK_NORMAL},
		{"8 MiB: below it", 1 * MIB - 1, 8 * MIB, DISK_WARN},
		{"8 MiB: no creates", MIB / 2 - 1, 8 * MIB, DISK_NO_CREATES},
		{"8 MiB: read-only", MIB / 4 - 1, 8 * MIB, DISK_READ_ONLY},
		{"full", 0, 100 * GIB, DISK_READ_ONLY},
		{"no file system at all", 0, 0, DISK_READ_ONLY},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct disk_watch w = {0};
		struct disk_reading r = {.free = rows[i].free, .total = rows[i].total};
		check_u64(rows[i].name, disk_decide(&w, LIMITS, r, SECOND), rows[i].want);
	}
}

/* What happens one after the other, seconds apart. */
struct step {
	uint64_t at_s, free_percent;
	unsigned full, io;
	enum disk_state want;
	enum disk_reason reason;
};

static void run_steps(const char *name, const struct step *steps, size_t n)
{
	struct disk_watch w = {0};
	for (size_t i = 0; i < n; i++) {
		struct disk_reading r = {steps[i].free_percent * GIB / 10, 10 * GIB,
					 steps[i].full, steps[i].io};
		enum disk_state got = disk_decide(&w, LIMITS, r, steps[i].at_s * SECOND);
		if (got != steps[i].want || w.reason != steps[i].reason)
			fail_msg("%s: step %zu: state %d reason %d, expected %d %d", name,
				 i + 1, got, w.reason, steps[i].want, steps[i].reason);
	}
}
#define RUN(name, ...)                                                                         \
	do {                                                                                   \
		static const struct step steps[] = {__VA_ARGS__};                              \
		run_steps(name, steps, COUNT(steps));                                          \
	} while (0)

static void test_hysteresis(void **state)
{
	(void)state;
	RUN("worse at once, better after 60 s", {1, 50, 0, 0, DISK_NORMAL, DISK_FINE},
	    {2, 4, 0, 0, DISK_NO_CREATES, DISK_SPACE},
	    {3, 50, 0, 0, DISK_NO_CREATES, DISK_SPACE},
	    {62, 50, 0, 0, DISK_NO_CREATES, DISK_SPACE},
	    {63, 50, 0, 0, DISK_NORMAL, DISK_FINE});
	RUN("a relapse begins the minute anew", {1, 1, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {2, 50, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {40, 1, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {41, 50, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {100, 50, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {101, 50, 0, 0, DISK_NORMAL, DISK_FINE});
	RUN("a little better is not well", {1, 1, 0, 0, DISK_READ_ONLY, DISK_SPACE},
	    {2, 7, 0, 0, DISK_READ_ONLY, DISK_SPACE}, {62, 7, 0, 0, DISK_WARN, DISK_SPACE},
	    {63, 50, 0, 0, DISK_WARN, DISK_SPACE}, {123, 50, 0, 0, DISK_NORMAL, DISK_FINE});
	RUN("step by step down", {1, 9, 0, 0, DISK_WARN, DISK_SPACE},
	    {2, 4, 0, 0, DISK_NO_CREATES, DISK_SPACE},
	    {3, 1, 0, 0, DISK_READ_ONLY, DISK_SPACE});
}

static void test_refused(void **state)
{
	(void)state;
	RUN("a quota", {1, 50, 1, 0, DISK_NO_CREATES, DISK_REFUSED},
	    {2, 50, 1, 0, DISK_READ_ONLY, DISK_REFUSED},
	    {3, 50, 0, 0, DISK_READ_ONLY, DISK_REFUSED},
	    {62, 50, 0, 0, DISK_READ_ONLY, DISK_REFUSED},
	    {63, 50, 0, 0, DISK_NORMAL, DISK_FINE},
	    {64, 50, 1, 0, DISK_NO_CREATES, DISK_REFUSED});
	RUN("and space as well", {1, 50, 1, 0, DISK_NO_CREATES, DISK_REFUSED},
	    {2, 4, 0, 0, DISK_NO_CREATES, DISK_SPACE},
	    {3, 1, 0, 0, DISK_READ_ONLY, DISK_SPACE});
}

static void test_io_errors(void **state)
{
	(void)state;
	RUN("one is forgiven", {1, 50, 0, 1, DISK_NORMAL, DISK_FINE},
	    {2, 50, 0, 0, DISK_NORMAL, DISK_FINE}, {62, 50, 0, 1, DISK_NORMAL, DISK_FINE});
	RUN("the second within a minute stays", {1, 50, 0, 1, DISK_NORMAL, DISK_FINE},
	    {60, 50, 0, 1, DISK_READ_ONLY, DISK_ERRORS},
	    {1000, 50, 0, 0, DISK_READ_ONLY, DISK_ERRORS},
	    {99999, 50, 0, 0, DISK_READ_ONLY, DISK_ERRORS});
	RUN("two between looks", {1, 50, 0, 2, DISK_READ_ONLY, DISK_ERRORS});
}

static void test_admits(void **state)
{
	(void)state;
	static const struct {
		enum disk_state state;
		enum disk_reason reason;
		bool create, change, delete;
	} rows[] = {
		{DISK_NORMAL, DISK_FINE, true, true, true},
		{DISK_WARN, DISK_SPACE, true, true, true},
		{DISK_NO_CREATES, DISK_SPACE, false, true, true},
		{DISK_READ_ONLY, DISK_SPACE, false, false, true},
		{DISK_READ_ONLY, DISK_REFUSED, false, false, true},
		{DISK_READ_ONLY, DISK_ERRORS, false, false, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct disk_watch w = {.state = rows[i].state, .reason = rows[i].reason};
		assert_int_equal(disk_admits(&w, DISK_CREATE), rows[i].create);
		assert_int_equal(disk_admits(&w, DISK_CHANGE), rows[i].change);
		assert_int_equal(disk_admits(&w, DISK_DELETE), rows[i].delete);
	}
}

static void test_text(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		uint64_t free_percent;
		unsigned full, io;
		const char *says[4];
	} rows[] = {
		{"warn",
		 9,
		 0,
		 0,
		 {"/srv/x", "921.6 MiB of 10.0 GiB free", "below 1.0 GiB", "yet"}},
		{"no creates",
		 4,
		 0,
		 0,
		 {"409.6 MiB", "below 512.0 MiB", "no new records", "60 s"}},
		{"read-only",
		 1,
		 0,
		 0,
		 {"below 204.8 MiB", "only deletes", "to 1.0 GiB", "itself"}},
		{"refused", 50, 1, 0, {"refused room", "5.0 GiB are free", "quota", "60 s"}},
		{"errors", 50, 0, 2, {"failed twice", "restart", "kernel's log", "sound disk"}},
	};
	char text[DISK_TEXT];
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct disk_watch w = {0};
		struct disk_reading r = {rows[i].free_percent * GIB / 10, 10 * GIB,
					 rows[i].full, rows[i].io};
		disk_decide(&w, LIMITS, r, SECOND);
		disk_text(&w, LIMITS, "/srv/x", text);
		for (size_t k = 0; k < 4; k++)
			if (!strstr(text, rows[i].says[k]))
				fail_msg("%s: \"%s\" is not in \"%s\"", rows[i].name,
					 rows[i].says[k], text);
		if (strchr(text, '\n') || strlen(text) > 250)
			fail_msg("%s: not one line: \"%s\"", rows[i].name, text);
	}
	disk_text(&(struct disk_watch){0}, LIMITS, "/srv/x", text);
	assert_string_equal(text, "");
}

/* The ballast on this machine's disk, with thresholds moved around what is free there. */
static void test_ballast(void **state)
{
	(void)state;
	char dir[] = "/tmp/helve-disk-XXXXXX", path[64];
	struct stat st;
	struct disk d;
	struct disk_limits plenty = {
		.hold_ms = 60000, .io_window_ms = 60000, .ballast = 1 << 20};
	struct disk_limits short_of = plenty;
	short_of.levels[DISK_READ_ONLY] = (struct disk_level){0, UINT64_MAX, UINT64_MAX};
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/ballast", dir);
	disk_init(&d, dir, &plenty, SECOND);
	assert_int_equal(d.watch.state, DISK_NORMAL);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 >= 1 << 20);
	disk_init(&d, dir, &plenty, SECOND); /* found again, not made twice */
	assert_true(d.held >= 1 << 20);
	d.limits = &short_of;
	assert_int_equal(disk_look(&d, 0, 0, 2 * SECOND), DISK_READ_ONLY);
	assert_int_equal(d.held, 0);
	assert_int_not_equal(stat(path, &st), 0);
	d.limits = &plenty;
	assert_int_equal(disk_look(&d, 0, 0, 3 * SECOND), DISK_READ_ONLY);
	assert_int_not_equal(stat(path, &st), 0);
	assert_int_equal(disk_look(&d, 0, 0, 63 * SECOND), DISK_NORMAL);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(disk_look(&d, 0, 2, 64 * SECOND), DISK_READ_ONLY);
	assert_int_equal(stat(path, &st), 0); /* no use against a failing disk */
	unlink(path);
	rmdir(dir);
	disk_init(&d, dir, &plenty, SECOND); /* nothing there to look at */
	assert_int_equal(disk_look(&d, 0, 0, 2 * SECOND), DISK_READ_ONLY);
	assert_int_equal(d.held, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_thresholds), cmocka_unit_test(test_hysteresis),
		cmocka_unit_test(test_refused),	   cmocka_unit_test(test_io_errors),
		cmocka_unit_test(test_admits),	   cmocka_unit_test(test_text),
		cmocka_unit_test(test_ballast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
