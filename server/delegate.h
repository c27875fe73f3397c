/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose identifier is it: ours, somebody else's that we can name, or nobody's that we know
 * (protocol.md 11.2). Pure: the same view gives the same verdict. One node may be root, top,
 * second-level and enterprise node at once: it is decided for each prefix, from its record and
 * the list of homed prefixes, never from the process's configuration.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/wire/message.h"
#include "server/store.h"

/* The site that answers, as far as it decides who is responsible. */
struct site_place {
	uint8_t hash_option;   /* enum hlv_hash_option */
	uint32_t servers, own; /* number of servers, and our position */
};

/* The prefix that was looked up last in this snapshot, and what was found: one batch's questions
 * are mostly about one prefix, and the look-up costs as much as a third of an answer. Zero at the
 * beginning of a snapshot. */
struct homed_memo {
	uint8_t prefix[62];
	uint8_t n; /* 0: nothing remembered */
	bool homed;
};

enum verdict {
	VERDICT_OURS,
	VERDICT_SERVICE_REFERRAL, /* 302: ask these sites */
	VERDICT_PREFIX_REFERRAL,  /* 303: ask these sites for the prefix record */
	VERDICT_WRONG_SERVER,	  /* 301: another server of our site */
	VERDICT_NOT_HERE,	  /* 301: the prefix does not live here */
};

/* What is done about what others serve. */
enum referring {
	REFER, /* their sites are named */
	/* The asker would not understand a referral of a prefix (11.2: administrators below 2.10):
	 * that it is not here is all he is told. */
	REFER_SILENTLY,
	REFER_NOT, /* DNR: as if nothing were delegated */
};

/* `key` is the registry key of `id`. For referrals `values` are the sites (in the arena). *found tells whether a record of that key
 * was read on the way, and `rec` is it: for prefix handles its existence decides. */
enum hlv_err HLV_MUST_USE delegate_find(struct store *, struct store_view *,
					const struct site_place *, struct homed_memo *,
					struct hlv_bytes id, const struct store_key *key,
					enum referring, struct hlv_arena *, enum verdict *,
					struct hlv_list *values, struct hlv_record *rec,
					bool *found);
