/* SPDX-License-Identifier: Apache-2.0
 *
 * What the LAN's administrator has decided: who may ask, which identifiers are answered from a file
 * or blocked, where prefixes are forwarded to, which must be signed. Immutable once loaded; shared by
 * all threads, replaced as a whole by a reload.
 */
#pragma once
#include "resolver/copy.h"
#include "resolver/emit.h"
#include "resolver/options.h"
#include "resolver/walk.h"

struct policy;

/* `why`: 512 octets, one line. Borrows from `o`; `anchors` as recursor has them. */
enum hlv_err HLV_MUST_USE policy_load(const struct resolver_options *o,
				      const struct anchors *anchors, struct policy **out,
				      char *why);
void policy_free(struct policy *p);

bool policy_admits(const struct policy *p, const struct hlv_addr *client);
enum policy_verdict {
	POLICY_RESOLVE,
	POLICY_ANSWER, /* *out: an override */
	POLICY_BLOCK,  /* answered as not found, or refused, as configured */
};
/* The hot path: nothing configured costs one comparison. */
enum policy_verdict policy_find(const struct policy *p, struct hlv_bytes key,
				struct proven *out);
const struct walk_rules *policy_rules(const struct policy *p);
const struct emit_rules *policy_emit(const struct policy *p);
