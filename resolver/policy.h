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

/* Every file that `o` names is read and checked. `why`: 512 octets, one line: file, line, what.
 * Borrows from `o`; `anchors` are what the rules of validation point to: whoever reads them while
 * the engine runs is the engine. Addresses of `o->listen` must have their ports by now. */
enum hlv_err HLV_MUST_USE policy_load(const struct resolver_options *o,
				      const struct anchors *anchors, struct policy **out,
				      char *why);
void policy_free(struct policy *p);

bool policy_admits(const struct policy *p, const struct hlv_addr *client);
enum policy_verdict {
	POLICY_RESOLVE,
	POLICY_ANSWER, /* *out: an override */
	POLICY_BLOCK,  /* *out: not found, when that is what is answered; else refuse it */
};
/* By memory_key(). The hot path: nothing configured costs one comparison. Blocks go before
 * overrides. */
enum policy_verdict policy_find(const struct policy *p, struct hlv_bytes key,
				struct proven *out);
bool policy_refuses_blocked(const struct policy *p);
/* Of our own site record, which answers name. Before others see the policy. */
void policy_set_serial(struct policy *p, uint16_t serial);
const struct walk_rules *policy_rules(const struct policy *p);
const struct emit_rules *policy_emit(const struct policy *p);
/* For what the administrator himself says (overrides, blocks): it is not proven, and shown all the
 * same where only what is proven is shown. */
const struct emit_rules *policy_emit_own(const struct policy *p);
/* What is to be copied; lives as long as the policy. */
const struct copy_source *policy_copies(const struct policy *p, size_t *n);

/* The root's site record as the configuration names it, and its keys: anchors for everything. Empty
 * when there is no such file and everything is forwarded. Lives as long as the policy. */
struct hlv_bytes policy_root(const struct policy *p);
