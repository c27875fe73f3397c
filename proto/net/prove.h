/* SPDX-License-Identifier: Apache-2.0
 *
 * Who we are, and the answer to a server's challenge (protocol.md 8, industrial.md 5.4). Pure but
 * for the salt. We prove ourselves for exactly the request that we sent: a challenge whose digest
 * is not that of our own octets, by SHA-256, is not answered, whoever it comes from (threats.md 3:
 * relay of a challenge, downgrade of its digest).
 */
#pragma once
#include "proto/sec/challenge.h"
#include "proto/wire/message.h"

struct hlv_prove_identity {
	struct hlv_ref who;  /* borrowed; no handle: nobody */
	struct hlv_key *key; /* private; or else: */
	struct hlv_buf secret;
};
/* Free and wipe key and secret. */
void hlv_prove_forget(struct hlv_prove_identity *id);

/* Octets of the answer's message: a handle, a signature, a header. */
enum { HLV_PROVE_ANSWER_MAX = 8192 };

/* The answer to `challenge` (its message is `m`), which came to our request `sent`; under
 * `request_id`, in the lower version of the two, for by that a session number of our own choice is
 * known (industrial.md 5.1). HLV_E_SIGNATURE: not a challenge to this request;
 * HLV_E_MALFORMED: a nonce that is none; HLV_E_KEY: no key and no secret. */
enum hlv_err HLV_MUST_USE hlv_prove_answer(const struct hlv_prove_identity *id,
					   const struct hlv_message *sent,
					   const struct hlv_message *m,
					   const struct hlv_response *challenge,
					   uint32_t request_id, struct hlv_writer *w);

/* A private key as key files and PEM have it, from a file that is ours alone, into id->key. Sealed
 * with a passphrase: HLV_E_PASSPHRASE. `why` (256 octets) gets a line. */
enum hlv_err HLV_MUST_USE hlv_prove_read_key(struct hlv_prove_identity *id, const char *path,
					     char *why);
/* A secret: such a file's first line. */
enum hlv_err HLV_MUST_USE hlv_prove_read_secret(struct hlv_prove_identity *id, const char *path,
						char *why);
