/* SPDX-License-Identifier: Apache-2.0
 *
 * Would a change leave a prefix without anybody who can change it again (threats.md 3, "Admin
 * lock-out by mistake")? Pure: from one snapshot and what one record becomes.
 *
 * An administrator counts when an HS_ADMIN value of the prefix handle's record gives the rights to
 * add, modify and remove administrators - with these three he gives himself all the others - and
 * when what it names is a usable key in this registry: an HS_PUBKEY or HS_SECKEY value there, or a
 * member of the HS_VLIST value there; index 0: any key of the record. A prefix that has none before
 * the change (its administrators' keys are elsewhere, or it was never complete) may be changed in
 * any way: there is nothing to be lost.
 *
 * Looked at are the record itself, if it is a prefix handle's, and that of its prefix (of its
 * parent, if it is a derived one's): what is under a prefix often holds the keys and groups of its
 * administrators. Whoever keeps them under a foreign prefix is not protected from himself.
 */
#pragma once
#include "server/context.h"

enum {
	LOCKOUT_REFS_MAX = 1000, /* values that are followed for one prefix */
	LOCKOUT_DEPTH_MAX = 16,	 /* groups in groups */
};

struct lockout {
	const struct answer_context *from; /* store, view, arena */
	const struct store_key *key;	   /* of the record that is changed */
	struct hlv_bytes id;
	const struct hlv_list *before, *after; /* its values; none: it is not there */
	struct hlv_bytes
		prefix; /* out, with HLV_E_CONFLICT: handle of the prefix, in the arena */
	/* out: the other records that administrators who remain rest on, in the arena */
	struct store_check rests_on[2 * (LOCKOUT_DEPTH_MAX + 2)];
	size_t nrests_on;
};

/* HLV_E_CONFLICT: the last administrator would go. */
enum hlv_err HLV_MUST_USE lockout_check(struct lockout *l);
