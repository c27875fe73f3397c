/* SPDX-License-Identifier: Apache-2.0
 *
 * The mirror of the reader: a cursor that fills a buffer of fixed capacity. Writing past the end
 * makes it bad and writes nothing more; a length that is not known yet is a hole that is filled
 * afterwards, so no second function ever computes a size. Check `bad` once, at the end.
 */
#pragma once
#include "proto/base/bytes.h"

struct hlv_writer {
	uint8_t *p;
	size_t cap; /* octets that fit */
	size_t n;   /* octets written */
	bool bad;
};

static inline struct hlv_writer hlv_writer(void *p, size_t cap)
{
	return (struct hlv_writer){.p = p, .cap = cap};
}

static inline struct hlv_bytes hlv_written(const struct hlv_writer *w)
{
	return w->bad ? (struct hlv_bytes){0} : hlv_bytes(w->p, w->n);
}

/* Room for `n` octets, to be filled by the caller; NULL when they do not fit. */
static inline uint8_t *hlv_put_room(struct hlv_writer *w, size_t n)
{
	if (w->bad || n > w->cap - w->n) {
		w->bad = true;
		return NULL;
	}
	uint8_t *p = w->p + w->n;
	w->n += n;
	return p;
}

static inline void hlv_put(struct hlv_writer *w, struct hlv_bytes b)
{
	uint8_t *p = hlv_put_room(w, b.n);
	if (p && b.n)
		memcpy(p, b.p, b.n);
}

static inline void hlv_store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void hlv_store_u64(uint8_t *p, uint64_t v)
{
	hlv_store_u32(p, (uint32_t)(v >> 32));
	hlv_store_u32(p + 4, (uint32_t)v);
}

static inline void hlv_put_u8(struct hlv_writer *w, uint8_t v)
{
	uint8_t *p = hlv_put_room(w, 1);
	if (p)
		*p = v;
}

static inline void hlv_put_u16(struct hlv_writer *w, uint16_t v)
{
	uint8_t *p = hlv_put_room(w, 2);
	if (p) {
		p[0] = (uint8_t)(v >> 8);
		p[1] = (uint8_t)v;
	}
}

static inline void hlv_put_u32(struct hlv_writer *w, uint32_t v)
{
	uint8_t *p = hlv_put_room(w, 4);
	if (p)
		hlv_store_u32(p, v);
}

static inline void hlv_put_u64(struct hlv_writer *w, uint64_t v)
{
	uint8_t *p = hlv_put_room(w, 8);
	if (p)
		hlv_store_u64(p, v);
}

static inline void hlv_put_lp32(struct hlv_writer *w, struct hlv_bytes b)
{
	hlv_put_u32(w, (uint32_t)b.n);
	hlv_put(w, b);
}

/* Leave four octets for a number that is known later; fill them with hlv_fill32(). */
static inline size_t hlv_put_hole32(struct hlv_writer *w)
{
	size_t at = w->n;
	hlv_put_u32(w, 0);
	return at;
}

static inline void hlv_fill_u32(struct hlv_writer *w, size_t at, uint32_t v)
{
	if (!w->bad)
		hlv_store_u32(w->p + at, v);
}

/* Fill the hole at `at` with the number of octets written behind it. */
static inline void hlv_fill32(struct hlv_writer *w, size_t at)
{
	hlv_fill_u32(w, at, (uint32_t)(w->n - at - 4));
}
