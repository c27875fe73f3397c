/* SPDX-License-Identifier: Apache-2.0
 *
 * What one client's question may cost, whatever other nodes answer (threats.md 7, "Budgets"). One
 * object for each question, shared by everything that is asked because of it; nothing resets it, no
 * restart, no retry, no alias.
 */
#pragma once
#include "proto/base/now.h"

#include <stdbool.h>
#include <stddef.h>

enum {
	BUDGET_PACKETS =
		32, /* sent upstream; a TCP connection with its question counts as one */
	BUDGET_SIGNATURES = 16,
	BUDGET_OCTETS = 1 << 20, /* received */
	BUDGET_DEPTH = 16,	 /* sites asked one because of another */
	BUDGET_ALIASES = 8,
	BUDGET_MS = 5000,
};

struct budget {
	uint32_t packets, signatures, octets, steps, aliases; /* left */
	hlv_mono_ns until_ns;
};

static inline void budget_start(struct budget *b, struct hlv_now now)
{
	*b = (struct budget){.packets = BUDGET_PACKETS,
			     .signatures = BUDGET_SIGNATURES,
			     .octets = BUDGET_OCTETS,
			     .steps = BUDGET_DEPTH,
			     .aliases = BUDGET_ALIASES,
			     .until_ns = now.mono_ns + BUDGET_MS * 1000000ULL};
}

/* Take `n` of what is left: false, and all of it is gone, when there is less. */
static inline bool budget_take(uint32_t *left, size_t n)
{
	bool enough = n <= *left;
	*left = enough ? *left - (uint32_t)n : 0;
	return enough;
}
