/* SPDX-License-Identifier: Apache-2.0
 *
 * How long things took: a log-linear histogram of fixed size, written by one thread with plain
 * additions and read by any, relaxed. Each octave is cut into 16 equal parts, so a figure that is
 * read from it is at most 6.25 % too high, from one nanosecond to a minute. 4 KiB.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HLV_HISTOGRAM_PART_BITS = 4,
	HLV_HISTOGRAM_MAX_BITS = 36, /* values from 2^36 ns on count as the largest */
	HLV_HISTOGRAM_CELLS = (HLV_HISTOGRAM_MAX_BITS - HLV_HISTOGRAM_PART_BITS + 1)
			      << HLV_HISTOGRAM_PART_BITS,
};

/* All zero is an empty one. */
struct hlv_histogram {
	_Atomic uint64_t sum; /* of the values */
	_Atomic uint64_t cell[HLV_HISTOGRAM_CELLS];
};

/* `n` times that value; by the thread that owns it. */
void hlv_histogram_add(struct hlv_histogram *h, uint64_t value, uint64_t n);

/* What was read of one or more, for one thread. */
struct hlv_histogram_sum {
	uint64_t n, sum;
	uint64_t cell[HLV_HISTOGRAM_CELLS];
};
void hlv_histogram_read(const struct hlv_histogram *h, struct hlv_histogram_sum *sum);
/* The smallest figure that a share `q` (0 .. 1) of the values does not exceed, rounded up to the end
 * of its cell; 0 when there are none. */
uint64_t hlv_histogram_quantile(const struct hlv_histogram_sum *s, double q);
/* How many are surely not above `limit`: those of a cell that the limit cuts are counted above it. */
uint64_t hlv_histogram_below(const struct hlv_histogram_sum *s, uint64_t limit);
