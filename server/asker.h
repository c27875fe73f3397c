/* SPDX-License-Identifier: Apache-2.0
 *
 * Asks other nodes for what decides about an administrator but lives with them: public keys,
 * members of groups, and whether a secret-key proof holds (protocol.md 8.1, 8.2, 11.5). A walk
 * (resolver/walk.h) that starts from our own delegations, or else from the node above, and believes
 * only what is signed by strong keys all the way. A thread of its own, since it waits; questions come
 * by mail.
 *
 * Nobody waits for long: a question has a walk's five seconds, and ten behind others; a server that
 * did not answer is not asked for ten more. So a node that is down, or that answers nobody on
 * purpose, holds up the identities of the other nodes for seconds and not for minutes.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/now.h"
#include "proto/net/mailbox.h"
#include "proto/wire/message.h"
#include "server/delegate.h"

enum ask_kind {
	ASK_VALUES, /* the values at `who` (index 0: all) */
	ASK_VERIFY, /* does `proof` over nonce and digest hold? */
};

/* One question; the asker's from asker_submit() until it is opened at `home`. */
struct ask {
	struct hlv_mail mail; /* first: it comes back as mail, `open` is the sender's */
	struct hlv_mailbox *home;
	void (*open)(struct hlv_mail *, void *receiver);
	enum ask_kind kind;
	struct hlv_ref who;
	struct hlv_bytes nonce, proof;
	struct hlv_digest digest;
	struct site_place place; /* of the node that asks */
	struct hlv_bytes parent; /* site record of the node above; empty: none */
	hlv_mono_ns asked_ns;
	/* out */
	enum hlv_err err;	/* HLV_OK: the responsible node has spoken */
	bool holds;		/* ASK_VERIFY */
	struct hlv_buf answer;	/* owns what `values` borrows: the receiver frees it */
	struct hlv_list values; /* ASK_VALUES; empty: there are none */
};

struct asker;
/* NULL: the system has no more. */
struct asker *asker_start(struct store *store);
void asker_submit(struct asker *a, struct ask *ask);
/* Any thread: from now on nobody is asked, and who waits hears it at once. */
void asker_hurry(struct asker *a);
void asker_stop(struct asker *a);
