/* SPDX-License-Identifier: Apache-2.0
 *
 * The one way out (threats.md 7, R6): whatever a client is told about an identifier, from the cache,
 * stale, prefetched, waited for, through an alias, by an override or a local copy, passes emit(),
 * which takes nothing but a proven finding. Filters by index and type, what a client may ask for, TTLs that count
 * down, and the forms that the national SDK wants are applied here. Pure.
 */
#pragma once
#include "proto/net/service.h"
#include "resolver/proven.h"

/* industrial.md 5.1, 7: flags of the older SDK. */
static const uint32_t TRUSTED_QUERY = 0x00000002, TRUSTED_RESULT = 0x00000001;

enum trusted_mode {
	TRUSTED_OFF,	 /* the flags are not looked at: "trust unknown" */
	TRUSTED_REPORT,	 /* who asks is told whether the answer is secure */
	TRUSTED_ENFORCE, /* and what is not is answered with 2, whoever asks */
};

struct emit_rules {
	enum trusted_mode trusted;
	bool secure_only;     /* unsigned: refuse, also for what was kept from before */
	uint16_t site_serial; /* of our own site record */
};

/* Into x->rs; x->answer_flags too. `left_s`: of its life: no value is given a longer TTL, but values
 * of a record with an HS_SIGNATURE go out as they were signed (TTLs are signed). UINT32_MAX: TTLs as
 * they stand. EMIT_STALE: its life is over, and each TTL becomes EMIT_STALE_TTL_S, also those that were
 * shorter, so that nobody comes back every second while the line is cut (threats.md 7). */
enum { EMIT_STALE_TTL_S = 30 };
static const uint32_t EMIT_STALE = UINT32_MAX - 1;
void emit(struct hlv_exchange *x, const struct emit_rules *rules, const struct proven *p,
	  uint32_t left_s);
/* Of two `left_s` for what is made of both: a stale part makes the whole stale. */
static inline uint32_t emit_shorter(uint32_t a, uint32_t b)
{
	if (a == EMIT_STALE || b == EMIT_STALE)
		return EMIT_STALE;
	return a < b ? a : b;
}
/* There is nothing to show: `rc` is none of 1, 100, 200 (2 in their place). `why` is copied. */
void emit_refusal(struct hlv_exchange *x, const struct emit_rules *rules, uint32_t rc,
		  const char *why);
/* The national SDK's heart-beat is a question about "0" (industrial.md 5.3), which nobody is asked. */
bool emit_is_heartbeat(const struct hlv_exchange *x);
void emit_heartbeat(struct hlv_exchange *x, const struct emit_rules *rules);

/* Is x a question of the SDK's for sites, which this record answers with service handles only? Then
 * the `nth` of them (from 0), whose record is to be emitted in its place; else empty. */
struct hlv_bytes emit_service(const struct hlv_exchange *x, const struct proven *p,
			      uint32_t nth);
