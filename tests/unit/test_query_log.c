/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/query_log.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/json_tree.h"
#include "tests/unit/unit.h"

static struct hlv_exchange question(const char *id)
{
	struct hlv_exchange x = {.rq = {.handle = hlv_text(id)}};
	x.rq.m.hdr.op = HLV_OP_RESOLUTION;
	x.rs.rc = HLV_RC_SUCCESS;
	x.now = hlv_clock();
	assert_int_equal(hlv_addr_parse("192.0.2.1:7", 0, &x.peer.addr), HLV_OK);
	return x;
}

static void test_off(void **state)
{
	(void)state;
	struct hlv_query_tap *tap = calloc(1, sizeof *tap);
	struct hlv_query_log *log = hlv_query_log_new();
	char why[256];
	assert_false(hlv_query_is_logged(tap)); /* a front end that was made by hand */
	hlv_query_tap_init(tap, log);
	assert_false(hlv_query_is_logged(tap));
	assert_int_equal(hlv_query_log_open(log, "/nonexistent/x", why), HLV_E_IO);
	assert_false(hlv_query_is_logged(tap));
	assert_int_equal(hlv_query_log_open(log, "off", why), HLV_OK);
	assert_false(hlv_query_is_logged(tap));
	hlv_query_tap_fini(tap);
	hlv_query_log_free(log);
	free(tap);
}

/* A file that takes nothing: pages fill up, then lines are dropped, and nobody waits. */
static void test_slow_disk(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_query_log.XXXXXX", path[64], why[256];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	int reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_true(reader >= 0);
	struct hlv_query_tap *tap = calloc(1, sizeof *tap);
	struct hlv_query_log *log = hlv_query_log_new();
	assert_int_equal(hlv_query_log_open(log, path, why), HLV_OK);
	hlv_query_tap_init(tap, log);
	struct hlv_exchange x = question("88.118.8/x");
	unsigned n = 0;
	while (tap->dropped == 0 && n < 1000000) {
		hlv_query_note(tap, 1, HLV_WAY_UDP, &x);
		n++;
	}
	/* Four pages and what a pipe holds. */
	assert_true(tap->dropped == 1 && n > 1000 && n < 20000);
	assert_int_equal(tap->lines, n - 1);
	/* It goes on when the disk does: nothing of what was taken is lost. */
	uint64_t lines = 0;
	hlv_query_push(tap, UINT64_MAX);
	while (lines < tap->lines) {
		char piece[65536];
		struct pollfd p = {.fd = reader, .events = POLLIN};
		assert_int_equal(poll(&p, 1, 60000), 1);
		ssize_t got = read(reader, piece, sizeof piece);
		assert_true(got > 0);
		for (ssize_t i = 0; i < got; i++)
			lines += piece[i] == '\n';
	}
	assert_int_equal(lines, tap->lines);
	hlv_query_tap_fini(tap);
	hlv_query_log_free(log);
	free(tap);
	close(reader);
	unlink(path);
	rmdir(dir);
}

static void test_slow_ring(void **state)
{
	(void)state;
	struct hlv_query_tap *tap = calloc(1, sizeof *tap);
	struct hlv_slow *out = calloc(HLV_SLOW_KEPT, sizeof *out);
	char id[300];
	hlv_query_tap_init(tap, NULL);
	assert_int_equal(hlv_slow_read(tap, out), 0);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(id, sizeof id, "88.118.8/%u", i);
		struct hlv_exchange x = question(id);
		hlv_slow_note_exchange(tap, HLV_WAY_TCP, &x, (uint64_t)i * 1000000);
		assert_int_equal(hlv_slow_read(tap, out),
				 i < HLV_SLOW_KEPT ? i + 1 : HLV_SLOW_KEPT);
		assert_int_equal(out[0].took_us, i * 1000);
	}
	assert_int_equal(out[HLV_SLOW_KEPT - 1].took_us, 36000);
	assert_int_equal(tap->slow_count, 100);
	/* A long identifier, and one that is no text. */
	memset(id, 'x', sizeof id);
	id[sizeof id - 1] = '\0';
	id[3] = '\n';
	id[4] = '"';
	id[5] = (char)0xFF;
	struct hlv_exchange x = question(id);
	hlv_slow_note_exchange(tap, HLV_WAY_LOCAL, &x, 1);
	hlv_slow_read(tap, out);
	assert_int_equal(out[0].id_n, HLV_SLOW_ID);
	struct hlv_buf b = {0};
	hlv_slow_put(&b, &out[0]);
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error;
	hlv_arena_init(&a, 1 << 20);
	assert_int_equal(hlv_json_read(&json, hlv_buf_bytes(&b), &a, &error), HLV_OK);
	hlv_arena_fini(&a);
	hlv_buf_free(&b);
	hlv_query_tap_fini(tap);
	free(tap);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_slow_disk),
		cmocka_unit_test(test_slow_ring),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
