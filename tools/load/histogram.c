/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/histogram.h"

#include <stddef.h>

enum { PARTS = 1 << HISTOGRAM_PART_BITS };

/* Values below 2 * PARTS have a cell each; from there on an octave has PARTS cells. */
static size_t cell_of(uint64_t value)
{
	if (value >> HISTOGRAM_MAX_BITS)
		return HISTOGRAM_CELLS - 1;
	if (value < PARTS)
		return (size_t)value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HISTOGRAM_PART_BITS;
	return ((size_t)shift << HISTOGRAM_PART_BITS) + (size_t)(value >> shift);
}

/* The largest value that falls into the cell. */
static uint64_t cell_end(size_t cell)
{
	if (cell < PARTS)
		return cell;
	unsigned shift = (unsigned)(cell >> HISTOGRAM_PART_BITS) - 1;
	uint64_t part = cell - ((size_t)shift << HISTOGRAM_PART_BITS);
	return ((part + 1) << shift) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	if (h->n == 0 || value < h->min)
		h->min = value;
	if (value > h->max)
		h->max = value;
	h->n++;
	h->sum += value;
	h->cell[cell_of(value)]++;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
	if (h->n == 0)
		return 0;
	/* The rank is rounded up: p99 of two values is the larger one. */
	double exact = q * (double)h->n;
	uint64_t rank = (uint64_t)exact;
	if ((double)rank < exact || rank == 0)
		rank++;
	uint64_t seen = 0;
	for (size_t i = 0; i < HISTOGRAM_CELLS; i++) {
		seen += h->cell[i];
		if (seen >= rank && i + 1 < HISTOGRAM_CELLS)
			return cell_end(i) < h->max ? cell_end(i) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->n ? (double)h->sum / (double)h->n : 0;
}
