/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/net/json_tree.h"
#include "proto/net/log_line.h"
#include "tests/unit/unit.h"

enum { SECOND = 1000 };
static const uint64_t NOON = UINT64_C(1795262400123); /* 2026-11-21T12:00:00.123Z */

typedef void form(struct hlv_writer *, const struct hlv_log_line *);

static struct hlv_bytes make(form *put, uint8_t out[HLV_LOG_OUT], const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static struct hlv_bytes make(form *put, uint8_t out[HLV_LOG_OUT], const char *format, ...)
{
	struct hlv_log_line line = {.level = HLV_LOG_WARN,
				    .event = "some.event",
				    .wall_ms = NOON,
				    .program = "helved",
				    .pid = 7};
	struct hlv_writer w = hlv_writer(out, HLV_LOG_OUT);
	va_list args;
	va_start(args, format);
	hlv_log_read(&line, format, args);
	va_end(args);
	put(&w, &line);
	assert_false(w.bad);
	return hlv_written(&w);
}

#define TEXT "2026-11-21T12:00:00Z warn some.event "
#define JSON                                                                                   \
	"{\"time\":\"2026-11-21T12:00:00.123Z\",\"level\":\"warn\",\"event\":\"some.event\","  \
	"\"pid\":7"

#define CHECK(row, text, json, ...)                                                            \
	do {                                                                                   \
		uint8_t out[HLV_LOG_OUT];                                                      \
		check_text(row, make(hlv_log_put_text, out, __VA_ARGS__), TEXT text "\n");     \
		check_text(row, make(hlv_log_put_json, out, __VA_ARGS__), JSON json "}\n");    \
	} while (0)

static void test_forms(void **state)
{
	(void)state;
	CHECK("strings and numbers", "source=192.0.2.1 per_s=50 n=-3",
	      ",\"source\":\"192.0.2.1\",\"per_s\":50,\"n\":-3", "source=%s per_s=%u n=%d",
	      "192.0.2.1", 50U, -3);
	CHECK("long numbers", "a=18446744073709551615 b=7 c=-9 x=ff",
	      ",\"a\":18446744073709551615,\"b\":7,\"c\":-9,\"x\":\"ff\"",
	      "a=%llu b=%zu c=%ld x=%x", 18446744073709551615ULL, (size_t)7, -9L, 255U);
	CHECK("quoted", "who=\"a b\" why=\"no room\"", ",\"who\":\"a b\",\"why\":\"no room\"",
	      "who=\"%s\" why=\"no room\"", "a b");
	CHECK("literal hint", "path=/x hint=look_there",
	      ",\"path\":\"/x\",\"hint\":\"look_there\"", "path=%s hint=look_there", "/x");
	CHECK("a sentence", "no such file (nothing was changed)",
	      ",\"message\":\"no such file (nothing was changed)\"", "%s (nothing was changed)",
	      "no such file");
	CHECK("a number and more", "identity=300:0.NA/1", ",\"identity\":\"300:0.NA/1\"",
	      "identity=%u:%.*s", 300U, 6, "0.NA/1xyz");
	CHECK("a part of a string", "id=ab", ",\"id\":\"ab\"", "id=%.*s", 2, "abcdef");
	CHECK("nothing of something", "id=", ",\"id\":\"\"", "id=%.*s", 0, "abc");
	CHECK("per cent", "full=99%", ",\"full\":\"99%\"", "full=%d%%", 99);
	CHECK("fraction", "f=0.5", ",\"f\":0.5", "f=%.1f", 0.5);
	CHECK("names that are taken", "event=x level=y pid=1 a=1 a=2",
	      ",\"event_\":\"x\",\"level_\":\"y\",\"pid_\":1,\"a\":1,\"a_\":2",
	      "event=%s level=%s pid=%d a=%d a=%d", "x", "y", 1, 1, 2);
}

/* Whatever a peer sends stays inside its value. */
static void test_hostile(void **state)
{
	(void)state;
	CHECK("line feeds", "id=a?b??", ",\"id\":\"a?b??\"", "id=%s", "a\nb\r\x1b");
	CHECK("a key in a value", "id=a event=b", ",\"id\":\"a event=b\"", "id=%s",
	      "a event=b");
	CHECK("quotes", "id=\"a' level='error\" n=1",
	      ",\"id\":\"a\\\" level=\\\"error\",\"n\":1", "id=\"%s\" n=%d",
	      "a\" level=\"error", 1);
	CHECK("backslash", "id=a\\", ",\"id\":\"a\\\\\"", "id=%s", "a\\");
	CHECK("a format", "id=%s%n", ",\"id\":\"%s%n\"", "id=%s", "%s%n");
	CHECK("not UTF-8", "id=?\?a?", ",\"id\":\"?\?a?\"", "id=%s",
	      "\xff\xc3"
	      "a\xe4");
	CHECK("C1 and direction", "id=?? ?\xe4\xb8\xad", ",\"id\":\"?? ?\xe4\xb8\xad\"",
	      "id=%s", "\xc2\x9b\xe2\x80\xae \xe2\x80\xa8\xe4\xb8\xad");
}

static void test_cut(void **state)
{
	(void)state;
	char long_one[5000], expected[1000];
	uint8_t out[HLV_LOG_OUT];
	memset(long_one, 'x', sizeof long_one);
	long_one[sizeof long_one - 1] = '\0';
	snprintf(expected, sizeof expected, TEXT "a=%.256s b=1\n", long_one);
	check_text("value", make(hlv_log_put_text, out, "a=%s b=%d", long_one, 1), expected);
	snprintf(expected, sizeof expected, TEXT "%.768s\n", long_one);
	check_text("sentence", make(hlv_log_put_text, out, "%s", long_one), expected);
	/* Between characters. */
	for (size_t i = 0; i + 3 < sizeof long_one; i += 3)
		memcpy(long_one + i, "\xe4\xb8\xad", 3);
	snprintf(expected, sizeof expected, TEXT "a=%.255s\n", long_one);
	check_text("UTF-8", make(hlv_log_put_text, out, "a=%s", long_one), expected);
	/* More keys than places, more values than room: still a line. */
	make(hlv_log_put_json, out,
	     "a=%s b=%s c=%s d=%s e=%s f=%s g=%s h=%s i=%s j=%s k=%s l=%s m=%s n=%s o=%s p=%s "
	     "q=%s r=%s s=%s t=%s u=%s v=%s w=%s x=%s y=%s z=%s",
	     long_one, long_one, long_one, long_one, long_one, long_one, long_one, long_one,
	     long_one, long_one, long_one, long_one, long_one, long_one, long_one, long_one,
	     long_one, long_one, long_one, long_one, long_one, long_one, long_one, long_one,
	     long_one, long_one);
}

/* Any octets at all: the line is one line, and JSON that our own strict reader takes. */
static void test_any_octets(void **state)
{
	(void)state;
	uint32_t seed = 1;
	for (int round = 0; round < 2000; round++) {
		char value[40];
		uint8_t out[HLV_LOG_OUT];
		size_t n = (size_t)round % sizeof value;
		for (size_t i = 0; i < n; i++) {
			seed = seed * 1664525 + 1013904223;
			value[i] = (char)(seed >> 24);
		}
		struct hlv_bytes line = make(hlv_log_put_json, out, "v=%.*s w=\"%.*s\"", (int)n,
					     value, (int)n, value);
		assert_ptr_equal(memchr(line.p, '\n', line.n), line.p + line.n - 1);
		struct hlv_arena a;
		struct hlv_json json;
		struct hlv_json_error error;
		hlv_arena_init(&a, 1 << 20);
		assert_int_equal(
			hlv_json_read(&json, hlv_bytes(line.p, line.n - 1), &a, &error),
			HLV_OK);
		hlv_arena_fini(&a);
	}
}

static void test_journal_form(void **state)
{
	(void)state;
	uint8_t out[HLV_LOG_OUT];
	check_text("short", make(hlv_log_put_journal, out, "source=%s per_s=%u", "::1", 5U),
		   "PRIORITY=4\nSYSLOG_IDENTIFIER=helved\nMESSAGE=some.event source=::1 "
		   "per_s=5\nHELVE_EVENT=some.event\nHELVE_SOURCE=::1\nHELVE_PER_S=5\n");
	char value[201];
	memset(value, 'y', sizeof value);
	value[200] = '\0';
	struct hlv_bytes got = make(hlv_log_put_journal, out, "a=%s", value);
	struct hlv_buf want = {0};
	hlv_buf_printf(&want, "PRIORITY=4\nSYSLOG_IDENTIFIER=helved\nMESSAGE\n");
	hlv_buf_put(&want, hlv_bytes("\xd5\0\0\0\0\0\0\0", 8)); /* 213 */
	hlv_buf_printf(&want, "some.event a=%s\nHELVE_EVENT=some.event\nHELVE_A\n", value);
	hlv_buf_put(&want, hlv_bytes("\xc8\0\0\0\0\0\0\0", 8));
	hlv_buf_printf(&want, "%s\n", value);
	check_bytes("long", got, hlv_buf_bytes(&want));
	hlv_buf_free(&want);
}

/* --- what goes where --- */

static int stderr_to(const char *path)
{
	int kept = dup(STDERR_FILENO);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(kept >= 0 && fd >= 0);
	assert_true(dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
	return kept;
}

static void stderr_back(int kept)
{
	dup2(kept, STDERR_FILENO);
	close(kept);
}

static void test_journal_socket(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_log.XXXXXX", path[64], file[64], text[4096];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/socket", dir);
	snprintf(file, sizeof file, "%s/stderr", dir);
	hlv_log_set_journal(path);
	hlv_log_set("", "journald");

	/* Nobody listens: it is not lost. */
	int kept = stderr_to(file);
	hlv_warn("to.stderr", "n=%d", 1);
	stderr_back(kept);
	int fd = open(file, O_RDONLY);
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "warn to.stderr n=1\n"));

	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	snprintf(sa.sun_path, sizeof sa.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	hlv_error("to.journal", "id=%s", "a\nPRIORITY=0");
	n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "PRIORITY=3\n"));
	assert_non_null(strstr(text, "\nHELVE_EVENT=to.journal\n"));
	assert_non_null(strstr(text, "\nHELVE_ID=a?PRIORITY=0\n"));
	close(fd);
	hlv_log_set("", "text");
	unlink(path);
	unlink(file);
	rmdir(dir);
}

static void test_limit(void **state)
{
	(void)state;
	struct hlv_log_limit l = {0};
	for (int i = 0; i < HLV_LOG_BURST; i++)
		assert_true(hlv_log_admit(&l, NOON + (uint64_t)i));
	for (int i = 0; i < 1000; i++)
		assert_false(hlv_log_admit(&l, NOON + SECOND));
	assert_int_equal(l.suppressed, 1000);
	assert_false(hlv_log_admit(&l, NOON + HLV_LOG_WINDOW_S * SECOND - 1));
	assert_true(hlv_log_admit(&l, NOON + HLV_LOG_WINDOW_S * SECOND));
	/* A clock that is set back does not silence it for good. */
	assert_true(hlv_log_admit(&l, NOON - UINT64_C(86400000)));
}

/* One kind's flood does not silence the others. */
static void test_flood(void **state)
{
	(void)state;
	char path[] = "/tmp/test_log.XXXXXX", *line = NULL;
	int fd = mkstemp(path), floods = 0, others = 0;
	size_t cap = 0;
	assert_true(fd >= 0);
	int kept = stderr_to(path);
	for (int i = 0; i < 1000; i++)
		hlv_info("a.flood", "n=%d", i);
	hlv_info("another", "n=%d", 1);
	stderr_back(kept);
	FILE *f = fdopen(fd, "r");
	while (getline(&line, &cap, f) > 0) {
		floods += strstr(line, " a.flood ") != NULL;
		others += strstr(line, " another ") != NULL;
	}
	free(line);
	fclose(f);
	unlink(path);
	assert_int_equal(floods, HLV_LOG_BURST);
	assert_int_equal(others, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	     cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_cut),	     cmocka_unit_test(test_any_octets),
		cmocka_unit_test(test_journal_form), cmocka_unit_test(test_journal_socket),
		cmocka_unit_test(test_limit),	     cmocka_unit_test(test_flood),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
