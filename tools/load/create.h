/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run sends that registers instead of asking: a login once for each connection (opcode 2001,
 * industrial.md 5.4), then creates, or chunks of records for our own bulk operation, each of an
 * identifier that no other run has had.
 */
#pragma once
#include "proto/net/prove.h"
#include "tools/load/question.h"

enum { CREATE_RECORD_MAX = 512, CREATE_BULK_MAX = 600, CREATE_PREFIX_MAX = 200 };

struct create_form {
	const char *prefix;
	uint64_t run;	/* in every identifier */
	uint32_t bulk;	/* records of a chunk; 0: one create a message */
	uint32_t now_s; /* of values and messages */
	struct hlv_prove_identity id;
};

/* Octets of the longest message. */
size_t create_max(const struct create_form *form);
/* The create, or the chunk, that is the `number`th of all and the `of_job`th of this connection's
 * job, into `out`; returns its size. */
size_t create_build(const struct create_form *form, uint32_t request_id, uint64_t number,
		    uint64_t job, uint64_t of_job, uint8_t *out);
/* How many records the answer says are in. */
uint32_t create_count(const struct create_form *form, struct hlv_bytes answer);

enum login_state { LOGIN_BEGUN, LOGIN_PROVED, LOGIN_DONE, LOGIN_FAILED };
struct login {
	enum login_state state;
	uint8_t request[1024]; /* what the challenge must be for */
	size_t n;
	uint32_t id, rc; /* rc: of the refusal */
};
enum { LOGIN_ROOM = HLV_PROVE_ANSWER_MAX };
/* Into `out` (LOGIN_ROOM octets), under a request id that no other connection uses; returns the
 * size, 0 for an identity that is too long. */
size_t login_begin(struct login *login, const struct create_form *form, uint32_t id,
		   uint8_t *out);
/* A message came: what to send now, if anything (*n > 0). */
void login_feed(struct login *login, const struct create_form *form, struct hlv_bytes message,
		uint8_t *out, size_t *n);
