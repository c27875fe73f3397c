/* SPDX-License-Identifier: Apache-2.0
 *
 * A sticky cursor over input. Reading past the end spoils the reader: every later read gives
 * zero or an empty span, so a decoder reads like the table in the specification and checks once,
 * at its end. Nothing is allocated; spans borrow from the input. All integers are big-endian
 * (protocol.md 1).
 */
#pragma once
#include "proto/base/bytes.h"

struct hlv_reader {
	struct hlv_bytes in;
	size_t pos;
	bool bad;
};

static inline struct hlv_reader hlv_reader(struct hlv_bytes in)
{
	return (struct hlv_reader){.in = in};
}

static inline size_t hlv_left(const struct hlv_reader *r)
{
	return r->in.n - r->pos;
}

static inline void hlv_spoil(struct hlv_reader *r)
{
	r->bad = true;
	r->pos = r->in.n;
}

/* All was read and nothing was missing. */
static inline bool hlv_finished(const struct hlv_reader *r)
{
	return !r->bad && r->pos == r->in.n;
}

static inline struct hlv_bytes hlv_take(struct hlv_reader *r, size_t n)
{
	if (n > r->in.n - r->pos)
		hlv_spoil(r);
	if (r->bad || n == 0)
		return (struct hlv_bytes){0};
	struct hlv_bytes b = {r->in.p + r->pos, n};
	r->pos += n;
	return b;
}

static inline struct hlv_bytes hlv_take_rest(struct hlv_reader *r)
{
	return hlv_take(r, hlv_left(r));
}

static inline uint8_t hlv_get_u8(struct hlv_reader *r)
{
	struct hlv_bytes b = hlv_take(r, 1);
	return b.n ? b.p[0] : 0;
}

static inline uint16_t hlv_get_u16(struct hlv_reader *r)
{
	struct hlv_bytes b = hlv_take(r, 2);
	return b.n ? (uint16_t)((unsigned)b.p[0] << 8 | b.p[1]) : 0;
}

static inline uint32_t hlv_load_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t hlv_load_u64(const uint8_t *p)
{
	return (uint64_t)hlv_load_u32(p) << 32 | hlv_load_u32(p + 4);
}

static inline uint32_t hlv_get_u32(struct hlv_reader *r)
{
	struct hlv_bytes b = hlv_take(r, 4);
	return b.n ? hlv_load_u32(b.p) : 0;
}

static inline uint64_t hlv_get_u64(struct hlv_reader *r)
{
	struct hlv_bytes b = hlv_take(r, 8);
	return b.n ? hlv_load_u64(b.p) : 0;
}

/* An `array` of the specification: int4 length, then that many octets. */
static inline struct hlv_bytes hlv_get_lp32(struct hlv_reader *r)
{
	return hlv_take(r, hlv_get_u32(r));
}

/* A length-prefixed field as a reader of its own, so that no field sees past its parent. */
static inline struct hlv_reader hlv_get_sub(struct hlv_reader *r)
{
	struct hlv_bytes b = hlv_get_lp32(r);
	return (struct hlv_reader){.in = b, .bad = r->bad};
}

/* A peer's element count, refused unless that many elements of at least `min` octets could
 * follow. This is what stops a 38-octet message that declares 2^31 values. */
static inline uint32_t hlv_get_count(struct hlv_reader *r, size_t min)
{
	uint32_t n = hlv_get_u32(r);
	if (n > hlv_left(r) / min) {
		hlv_spoil(r);
		return 0;
	}
	return n;
}

/* What was read between `from` and now, as a span. */
static inline struct hlv_bytes hlv_since(const struct hlv_reader *r, size_t from)
{
	if (r->bad || r->pos <= from)
		return (struct hlv_bytes){0};
	return hlv_bytes(r->in.p + from, r->pos - from);
}
