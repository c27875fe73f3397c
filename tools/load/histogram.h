/* SPDX-License-Identifier: Apache-2.0
 *
 * How long things took: a log-linear histogram of fixed size, after the idea of HdrHistogram.
 * Each octave is cut into 128 equal parts, so a figure that is read from it is at most 0.8 %
 * too high, at any size from one nanosecond to half an hour. Adding is a shift and an
 * increment.
 */
#pragma once
#include <stdint.h>

enum {
	HISTOGRAM_PART_BITS = 7,
	HISTOGRAM_MAX_BITS = 41, /* values from 2^41 ns on count as the largest */
	HISTOGRAM_CELLS = (HISTOGRAM_MAX_BITS - HISTOGRAM_PART_BITS + 1) << HISTOGRAM_PART_BITS,
};

struct histogram {
	uint64_t n;
	uint64_t sum;
	uint64_t min, max; /* exact; meaningless while n == 0 */
	uint64_t cell[HISTOGRAM_CELLS];
};

/* All zero is an empty histogram. */
void histogram_add(struct histogram *h, uint64_t value);
/* The smallest figure that a share `q` (0 .. 1) of the values does not exceed, rounded up to
 * the end of its cell but never beyond the maximum; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *h, double q);
/* The mean; 0 when there are none. */
double histogram_mean(const struct histogram *h);
