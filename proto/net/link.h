/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection that stays open for many questions, for programs that may wait: by TCP, or over
 * the control socket of a server on this machine. Requests may be sent before the answers to
 * former ones have come; answers carry their request's id and come in any order. Nothing is tried
 * twice here: who asks again after a failure must know whether that is safe.
 */
#pragma once
#include "proto/net/client.h"

struct hlv_link;

struct hlv_link_to {
	enum hlv_transport transport; /* HLV_T_TCP, HLV_T_TLS, HLV_T_LOCAL */
	struct hlv_addr addr;
	const char *path;    /* of the socket: HLV_T_LOCAL */
	uint32_t connect_ms; /* until it stands; 0: HLV_CLIENT_TOTAL_MS */
	/* HLV_T_TLS: the key that the server must hold, or the word that any will do; and, or
	 * NULL, with what and as whom ("300:0.NA/1") we show ourselves. */
	const struct hlv_key *server_key;
	bool any_server;
	const struct hlv_key *own_key;
	const char *own_name;
};

/* `why`: 256 octets, one line for people. HLV_E_TIMEOUT; HLV_E_IO: nobody is there (errno);
 * HLV_E_PERMISSION: the system says no; HLV_E_USAGE: a path that is too long, or neither
 * server_key nor any_server; HLV_E_KEY: the server holds another key; HLV_E_CRYPTO: no TLS. */
enum hlv_err HLV_MUST_USE hlv_link_open(const struct hlv_link_to *to, struct hlv_link **out,
					char *why);
void hlv_link_close(struct hlv_link *l);

/* One message with its envelope, in `ms` milliseconds. Reads what comes meanwhile, so that two
 * sides that both write do not wait for each other. After any failure here the link is of no
 * more use. */
enum hlv_err HLV_MUST_USE hlv_link_send(struct hlv_link *l, struct hlv_bytes message,
					uint32_t ms);
/* The next message that comes, appended to `message` with its envelope. HLV_E_TIMEOUT: not in
 * time, ask again; HLV_E_IO: the connection has ended; HLV_E_MALFORMED: no message. */
enum hlv_err HLV_MUST_USE hlv_link_receive(struct hlv_link *l, struct hlv_buf *message,
					   uint32_t ms);
/* Send, and append all messages of the answer (those before the last have the CN flag); what comes
 * under other ids is dropped, so nothing else may be under way. Early errors, which carry no id
 * (protocol.md 2.1 rule 6), are an answer too. HLV_E_LIMIT: over HLV_CLIENT_ANSWER_MAX. */
enum hlv_err HLV_MUST_USE hlv_link_ask(struct hlv_link *l, struct hlv_bytes request,
				       struct hlv_buf *answer, uint32_t ms);
/* errno of what failed last, ECONNRESET when the peer has closed; 0: nothing did. */
int hlv_link_os_error(const struct hlv_link *l);
