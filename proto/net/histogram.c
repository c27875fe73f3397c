/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/histogram.h"

enum { PARTS = 1 << HLV_HISTOGRAM_PART_BITS };

/* Values below 2 * PARTS have a cell each; from there on an octave has PARTS cells. */
static size_t cell_of(uint64_t value)
{
	if (value >> HLV_HISTOGRAM_MAX_BITS)
		return HLV_HISTOGRAM_CELLS - 1;
	if (value < PARTS)
		return (size_t)value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - HLV_HISTOGRAM_PART_BITS;
	return ((size_t)shift << HLV_HISTOGRAM_PART_BITS) + (size_t)(value >> shift);
}

/* The largest value that falls into the cell. */
static uint64_t cell_end(size_t cell)
{
	if (cell < PARTS)
		return cell;
	unsigned shift = (unsigned)(cell >> HLV_HISTOGRAM_PART_BITS) - 1;
	uint64_t part = cell - ((size_t)shift << HLV_HISTOGRAM_PART_BITS);
	return ((part + 1) << shift) - 1;
}

static void add(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t had = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, had + n, memory_order_relaxed);
}

void hlv_histogram_add(struct hlv_histogram *h, uint64_t value, uint64_t n)
{
	add(&h->sum, value * n);
	add(&h->cell[cell_of(value)], n);
}

void hlv_histogram_read(const struct hlv_histogram *h, struct hlv_histogram_sum *s)
{
	s->sum += atomic_load_explicit(&h->sum, memory_order_relaxed);
	for (size_t i = 0; i < HLV_HISTOGRAM_CELLS; i++) {
		uint64_t n = atomic_load_explicit(&h->cell[i], memory_order_relaxed);
		s->cell[i] += n;
		s->n += n; /* so that the count is that of the cells, whatever is added meanwhile */
	}
}

uint64_t hlv_histogram_quantile(const struct hlv_histogram_sum *s, double q)
{
	/* The rank is rounded up: p99 of two values is the larger one. */
	double exact = q * (double)s->n;
	uint64_t rank = (uint64_t)exact, seen = 0;
	if ((double)rank < exact || rank == 0)
		rank++;
	for (size_t i = 0; i < HLV_HISTOGRAM_CELLS; i++) {
		seen += s->cell[i];
		if (s->cell[i] > 0 && seen >= rank)
			return cell_end(i);
	}
	return 0;
}

uint64_t hlv_histogram_below(const struct hlv_histogram_sum *s, uint64_t limit)
{
	uint64_t n = 0;
	for (size_t i = 0; i + 1 < HLV_HISTOGRAM_CELLS && cell_end(i) <= limit; i++)
		n += s->cell[i];
	return n;
}
