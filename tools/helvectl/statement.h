/* SPDX-License-Identifier: Apache-2.0
 *
 * Signed statements in records (protocol.md 13): the signature of a record, made once when it is
 * registered, and a parent's certificate of its child's key. Verbs that change records put them in on
 * the way.
 */
#pragma once
#include "tools/helvectl/node.h"

enum {
	STATEMENT_INDEX =
		400, /* signatures and certificates stand from here on, where it is free */
	STATEMENT_DAYS = 365,
	STATEMENT_CERT_DAYS = 5 * 365,
};

struct statement {
	struct hlv_key *key;	      /* private */
	char iss[NODE_NAME_MAX + 16]; /* "300:0.NA/88": as whom it signs */
	unsigned days;		      /* how long what it signs is good */
};

struct statement_cert {
	const char *name;     /* 0.NA/P; its holder is 300:0.NA/P */
	struct hlv_bytes key; /* his, encoded */
	unsigned days;
};

void statement_fini(struct statement *s);
/* The key of FILE (NULL: DIR/keys/admpriv.bin). False: it cannot be read; a line is told unless
 * `quiet`. */
bool statement_key(const struct ctl *ctl, const char *file, const char *passphrase_file,
		   bool quiet, struct statement *s);
/* As whom may it sign the record of `id`? Whose public key stands in this registry: the prefix's
 * record, or one above it, in the end the root's. Empty when there is none. */
void statement_find_signer(struct registry *r, struct hlv_bytes id, struct statement *s);

/* Values under construction as a list, while they stay as they are. */
struct hlv_list statement_list(const struct node_values *values);
/* `old` (ascending or not) with a certificate if there is one, and a signature over all that the
 * public may read; what this signer has signed before goes. */
enum hlv_err HLV_MUST_USE statement_apply(const struct statement *s, struct hlv_bytes id,
					  const struct statement_cert *cert,
					  const struct hlv_list *old, uint64_t now_ms,
					  struct node_values *values);
/* `old` without what the parent of `name` states about it, and without signatures, which fit no
 * more: before it is changed. */
void statement_strip(const char *name, const struct hlv_list *old, struct node_values *values);

/* The key of whoever holds a site: keys/admpub.bin of the node's directory that `path` is or lies
 * in, else the first server's of the site record. Empty: neither. */
void statement_child_key(const struct ctl *ctl, const char *path, struct hlv_bytes site,
			 struct hlv_buf *key);
/* A certificate for its own key that covers everything: for 0.0/0.0. */
enum hlv_err HLV_MUST_USE statement_self(const struct hlv_key *key, const char *who,
					 uint64_t now_ms, struct hlv_buf *jws);
