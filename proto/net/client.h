/* SPDX-License-Identifier: Apache-2.0
 *
 * One question to one address, from a program that may wait for the answer: UDP with retries,
 * TCP when UDP cannot carry the answer or brings none, one deadline over all. It knows nothing
 * of referrals, caches or signatures: it hands back the octets that came, and the caller
 * decides whether to believe them. Daemons, which may not wait, do not use it.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/addr.h"
#include "proto/net/service.h"

enum {
	HLV_CLIENT_TRIES = 3, /* waits that are set by default: 0.5 s, 1 s, 1.5 s */
	HLV_CLIENT_TRIES_MAX = 8,
	HLV_CLIENT_TOTAL_MS = 10000,
	HLV_CLIENT_ANSWER_MAX = 64 << 20, /* octets of all messages of one answer */
};

struct hlv_key;

struct hlv_client {
	struct hlv_addr server;
	enum hlv_transport transport;		/* HLV_T_UDP goes on to TCP by itself */
	unsigned tries;				/* by UDP, 1 .. HLV_CLIENT_TRIES_MAX */
	uint32_t wait_ms[HLV_CLIENT_TRIES_MAX]; /* for an answer to each */
	uint32_t total_ms;			/* for all, TCP included */
	size_t answer_max;
	/* HLV_T_TLS: the key that the server must hold, or the word that any will do. */
	const struct hlv_key *server_key;
	bool any_server;
};

/* What happened, for people and for statistics; filled in on failure too. */
struct hlv_client_report {
	enum hlv_transport transport; /* the one that brought the answer, or was tried last */
	unsigned sent;		      /* datagrams and connections */
	unsigned ignored;	      /* packets and messages that were no answer to this */
	bool stub;		      /* UDP said that the answer is too long for it */
	int os_error;		      /* errno of the last failed call, or 0 */
	uint64_t ns;		      /* from the first octet sent to the last received */
};

/* By UDP, the protocol's usual waits. */
void hlv_client_init(struct hlv_client *c, const struct hlv_addr *server);

/* A request id that nobody can guess, for the envelope of a request. */
enum hlv_err HLV_MUST_USE hlv_client_request_id(uint32_t *id);

/* Send `request` (with its envelope, as built for TCP), append the answer to `answer`: one
 * message with its envelope, or several in a row when they carry the CN flag. Only octets from
 * the server's address under the request's id are taken; everything else is waited out.
 * HLV_E_TIMEOUT: no answer in time; HLV_E_IO: unreachable (report->os_error); HLV_E_LIMIT:
 * longer than answer_max; HLV_E_MALFORMED: a stream that is no message; HLV_E_KEY: by TLS, the server
 * holds another key; HLV_E_CRYPTO: no TLS there. */
enum hlv_err HLV_MUST_USE hlv_client_ask(const struct hlv_client *c, struct hlv_bytes request,
					 struct hlv_buf *answer,
					 struct hlv_client_report *report);
