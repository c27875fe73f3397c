/* SPDX-License-Identifier: Apache-2.0
 *
 * One value of an identifier: index, time, TTL, permissions, type, data, references
 * (protocol.md 6.1, RFC 3651 3.1), and the small functions that decide about one: type matching
 * (6.2) and expiry. Everything decoded borrows from the input.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"

enum hlv_perm {
	HLV_PERM_PUBLIC_WRITE = 1,
	HLV_PERM_PUBLIC_READ = 2,
	HLV_PERM_ADMIN_WRITE = 4,
	HLV_PERM_ADMIN_READ = 8,
	HLV_PERM_DEFAULT = 0x0E,
};

enum { HLV_TTL_RELATIVE = 0, HLV_TTL_ABSOLUTE = 1, HLV_TTL_DEFAULT_S = 86400 };

/* A counted list, checked when it was decoded: walking it cannot fail. `raw` holds the elements
 * one behind the other, without the count. */
struct hlv_list {
	uint32_t n;
	struct hlv_bytes raw;
};

struct hlv_ref {
	struct hlv_bytes handle;
	uint32_t index; /* 0: any */
};

struct hlv_value {
	uint32_t index;	  /* valid: 1 .. 2^31-1 */
	uint32_t mtime_s; /* seconds since 1970 */
	uint8_t ttl_kind; /* HLV_TTL_* */
	uint32_t ttl_s;
	uint8_t perms; /* enum hlv_perm */
	struct hlv_bytes type;
	struct hlv_bytes data;
	struct hlv_list refs; /* of struct hlv_ref */
};

/* The fewest octets that a value takes. */
enum { HLV_VALUE_MIN = 4 + 4 + 1 + 4 + 1 + 4 + 4 + 4 };

enum hlv_err HLV_MUST_USE hlv_value_decode(struct hlv_reader *r, struct hlv_value *v);
void hlv_value_encode(struct hlv_writer *w, const struct hlv_value *v);

void hlv_ref_decode(struct hlv_reader *r, struct hlv_ref *ref);
void hlv_ref_encode(struct hlv_writer *w, const struct hlv_ref *ref);

/* int4 count and that many values; each is decoded once here, so that later walks are safe.
 * HLV_E_LIMIT above HLV_VALUES_MAX. */
enum hlv_err HLV_MUST_USE hlv_values_decode(struct hlv_reader *r, struct hlv_list *list);
void hlv_list_encode(struct hlv_writer *w, const struct hlv_list *list);

/* Does a requested type match a value's? Case-insensitive in ASCII; a request that ends in '.'
 * asks for the family; an empty one and "." match nothing. */
bool hlv_type_asked(struct hlv_bytes type, struct hlv_bytes asked);
/* Is `type` equal to `base` or a subtype of it ("HS_ADMIN.X")? The wider, internal test. */
bool hlv_type_is(struct hlv_bytes type, const char *base);

/* May the public read it? By its permissions; a secret key never (6.2: "never public"), whatever those
 * say: what stock clients set by default makes it readable. */
bool hlv_value_is_public(const struct hlv_value *v);

/* Seconds that its TTL gives it from `now_s` on, for caches of other protocols; a negative one gives it
 * none (RFC 2181 8 for DNS; the reference's clients do not keep such a value either). */
uint32_t hlv_value_life(const struct hlv_value *v, uint32_t now_s);

/* Has a value that was fetched at `retrieved_s` outlived its TTL at `now_s`? */
bool hlv_value_expired(const struct hlv_value *v, uint32_t retrieved_s, uint32_t now_s);
