/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/meter.h"

#include "proto/net/metrics.h"
#include "tests/unit/unit.h"

static struct hlv_meter meter;
static struct hlv_histogram histogram;

static void test_slots(void **state)
{
	(void)state;
	bool seen[HLV_OP_SLOTS + 1] = {0};
	for (uint32_t op = 0; op < 70000; op++) {
		unsigned slot = hlv_op_slot_of(op);
		assert_true(slot <= HLV_OP_SLOTS);
		if (slot == HLV_OP_SLOTS)
			assert_null(hlv_op_name(op));
		else
			assert_string_equal(hlv_op_slot_name(slot), hlv_op_name(op));
		assert_true(slot == HLV_OP_SLOTS || !seen[slot]);
		seen[slot] = true;
	}
	for (uint32_t rc = 0; rc < 70000; rc++) {
		unsigned slot = hlv_rc_slot_of(rc);
		assert_int_equal(hlv_rc_slot_code(slot), slot == HLV_RC_SLOTS ? -1 : (int)rc);
		assert_true((slot == HLV_RC_SLOTS) == (hlv_rc_text(rc) == NULL));
	}
	assert_string_equal(hlv_op_slot_name(HLV_OP_SLOTS), "other");
	assert_int_equal(hlv_op_slot_of(UINT32_MAX), HLV_OP_SLOTS);
	assert_int_equal(hlv_rc_slot_of(UINT32_MAX), HLV_RC_SLOTS);
}

static void test_count(void **state)
{
	(void)state;
	hlv_meter_count(&meter, HLV_WAY_UDP, HLV_OP_RESOLUTION, HLV_RC_SUCCESS);
	hlv_meter_count(&meter, HLV_WAY_UDP, HLV_OP_RESOLUTION, HLV_RC_SUCCESS);
	hlv_meter_count(&meter, HLV_WAY_LOCAL, HLV_OP_HELVE_CONTROL, HLV_RC_PREFIX_LIMIT);
	hlv_meter_count(&meter, HLV_WAY_DNS, 77777, 77777);
	assert_int_equal(
		meter.requests[HLV_WAY_UDP][SLOT_HLV_OP_RESOLUTION][SLOT_HLV_RC_SUCCESS], 2);
	assert_int_equal(meter.requests[HLV_WAY_LOCAL][SLOT_HLV_OP_HELVE_CONTROL]
				       [SLOT_HLV_RC_PREFIX_LIMIT],
			 1);
	assert_int_equal(meter.requests[HLV_WAY_DNS][HLV_OP_SLOTS][HLV_RC_SLOTS], 1);
}

/* All questions of a batch are given its time; nothing is left for the next. */
static void test_batch(void **state)
{
	(void)state;
	struct hlv_histogram_sum s = {0};
	for (int i = 0; i < 3; i++)
		hlv_meter_wait(&meter, HLV_TOOK_RESOLVE);
	hlv_meter_batch(&meter, 1000, 1010, 5);
	hlv_meter_batch(&meter, 5000, 9000, 0);
	hlv_histogram_read(&meter.took[HLV_TOOK_RESOLVE], &s);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.sum, 30);
	assert_int_equal(hlv_histogram_quantile(&s, 1), 10);
	assert_int_equal(meter.inflight, 0);
	s = (struct hlv_histogram_sum){0};
	hlv_histogram_read(&meter.took[HLV_TOOK_CHANGE], &s);
	assert_int_equal(s.n, 0);
	assert_int_equal(hlv_histogram_quantile(&s, .5), 0);
}

/* A figure that is read is never too low and at most a sixteenth too high. */
static void test_precision(void **state)
{
	(void)state;
	for (unsigned bit = 0; bit < HLV_HISTOGRAM_MAX_BITS; bit++)
		for (uint64_t k = 0; k < 40; k++) {
			uint64_t value = (UINT64_C(1) << bit) + (k << bit) / 40;
			struct hlv_histogram_sum s = {0};
			memset(&histogram, 0, sizeof histogram);
			hlv_histogram_add(&histogram, value, 1);
			hlv_histogram_read(&histogram, &s);
			uint64_t got = hlv_histogram_quantile(&s, .5);
			assert_true(got >= value && got - value <= value / 16);
			assert_int_equal(hlv_histogram_below(&s, got), bit < 35 || k < 38);
			assert_int_equal(hlv_histogram_below(&s, value - 1), 0);
		}
	struct hlv_histogram_sum s = {0};
	hlv_histogram_add(&histogram, UINT64_MAX / 2, 1);
	hlv_histogram_read(&histogram, &s);
	assert_int_equal(s.cell[HLV_HISTOGRAM_CELLS - 1] > 0, 1);
}

static void test_quantiles(void **state)
{
	(void)state;
	struct hlv_histogram_sum s = {0};
	memset(&histogram, 0, sizeof histogram);
	for (uint64_t i = 1; i <= 1000; i++)
		hlv_histogram_add(&histogram, i * 1000, 1);
	hlv_histogram_read(&histogram, &s);
	const struct {
		double q;
		uint64_t exact;
	} rows[] = {{.5, 500000}, {.9, 900000}, {.99, 990000}, {.999, 999000}, {1, 1000000}};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint64_t got = hlv_histogram_quantile(&s, rows[i].q);
		assert_true(got >= rows[i].exact && got <= rows[i].exact * 17 / 16);
	}
	/* Buckets never count too much. */
	uint64_t below = hlv_histogram_below(&s, 500000);
	assert_true(below <= 500 && below >= 500 - 500 / 16 - 1);
}

static void test_text(void **state)
{
	(void)state;
	struct hlv_buf b = {0};
	struct hlv_metrics m = {.b = &b};
	struct hlv_histogram_sum s = {0};
	hlv_metric(&m, "a_total", "counter", "What a is.");
	hlv_metric_put(&m, 3, "x", "plain", "y", "a\"b\\c\nd", NULL);
	hlv_metric_one(&m, "b", "gauge", "What b is.", 0.5);
	hlv_metric_one(&m, "c", "gauge", "Exact.", 9007199254740991.0);
	check_text("samples", hlv_buf_bytes(&b),
		   "# HELP a_total What a is.\n# TYPE a_total counter\n"
		   "a_total{x=\"plain\",y=\"a\\\"b\\\\c\\nd\"} 3\n"
		   "# HELP b What b is.\n# TYPE b gauge\nb 0.5\n"
		   "# HELP c Exact.\n# TYPE c gauge\nc 9007199254740991\n");
	hlv_buf_clear(&b);
	memset(&histogram, 0, sizeof histogram);
	hlv_histogram_add(&histogram, 100, 2);
	hlv_histogram_add(&histogram, UINT64_C(3000000000), 1);
	hlv_histogram_read(&histogram, &s);
	hlv_metric(&m, "d_seconds", "histogram", "D.");
	hlv_metric_histogram(&m, &s, "kind", "k");
	hlv_buf_put(&b, hlv_bytes("", 1));
	assert_non_null(strstr(b.p, "d_seconds_bucket{kind=\"k\",le=\"5e-06\"} 2\n"));
	assert_non_null(strstr(b.p, "d_seconds_bucket{kind=\"k\",le=\"2.5\"} 2\n"));
	assert_non_null(strstr(b.p, "d_seconds_bucket{kind=\"k\",le=\"5\"} 3\n"));
	assert_non_null(strstr(b.p, "d_seconds_bucket{kind=\"k\",le=\"+Inf\"} 3\n"));
	assert_non_null(strstr(b.p, "d_seconds_sum{kind=\"k\"} 3.000000200\n"));
	assert_non_null(strstr(b.p, "d_seconds_count{kind=\"k\"} 3\n"));
	hlv_buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots),	  cmocka_unit_test(test_count),
		cmocka_unit_test(test_batch),	  cmocka_unit_test(test_precision),
		cmocka_unit_test(test_quantiles), cmocka_unit_test(test_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
