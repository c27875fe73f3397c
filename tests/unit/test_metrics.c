/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include "proto/net/json_tree.h"
#include "tests/unit/unit.h"

static void test_numbers(void **state)
{
	(void)state;
	struct registrar_meter m;
	struct hlv_buf b = {0};
	struct hlv_metrics out = {.b = &b};
	char room[256];
	registrar_meter_init(&m);
	assert_null(registrar_meter_unready(&m, room));
	registrar_meter_set(&m.records, 12345);
	hlv_histogram_add(&m.group_jobs, 3, 1);
	registrar_meter_put(&m, &out);
	hlv_buf_put(&b, hlv_bytes("", 1));
	assert_non_null(strstr(b.p, "\nhelve_registry_records 12345\n"));
	assert_non_null(strstr(b.p, "\nhelve_commit_changes_bucket{le=\"2\"} 0\n"));
	assert_non_null(strstr(b.p, "\nhelve_commit_changes_bucket{le=\"4\"} 1\n"));
	assert_non_null(strstr(b.p, "\nhelve_commit_changes_sum 3\n"));
	hlv_buf_clear(&b);
	hlv_buf_str(&b, "{\"x\":1");
	registrar_meter_why(&m, "a \"reason\"\n");
	registrar_meter_put_stats(&m, &b);
	hlv_buf_str(&b, "}");
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error;
	hlv_arena_init(&a, 1 << 20);
	assert_int_equal(hlv_json_read(&json, hlv_buf_bytes(&b), &a, &error), HLV_OK);
	hlv_arena_fini(&a);
	registrar_meter_set(&m.writable, 0);
	assert_string_equal(registrar_meter_unready(&m, room), "a \"reason\"\n");
	hlv_buf_free(&b);
	registrar_meter_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_numbers)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
