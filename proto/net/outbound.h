/* SPDX-License-Identifier: Apache-2.0
 *
 * Questions to other nodes from a thread that may not wait: an event loop with a mailbox, a timer,
 * and sockets that are opened, written to once, and read until they are closed. By UDP each question
 * has a connected socket of its own, at a port that nobody can guess (threats.md 7 "Poisoning"). Who
 * is asked what, how long to wait and which octets are an answer is for the owner to know: he is told
 * what came, and gives orders in his `round`.
 */
#pragma once
#include "proto/base/bytes.h"
#include "proto/net/addr.h"
#include "proto/net/mailbox.h"

enum hlv_out_way { HLV_OUT_UDP, HLV_OUT_TCP, HLV_OUT_TLS };

struct hlv_outbound;

/* All on its thread. */
struct hlv_outbound_owner {
	/* One datagram, or octets of a stream as they come. No orders from here. */
	void (*octets)(void *ctx, uint64_t sock, struct hlv_bytes octets, struct hlv_now now);
	/* The socket has ended; it is closed already. No orders from here. */
	void (*gone)(void *ctx, uint64_t sock, enum hlv_err err, struct hlv_now now);
	/* After whatever happened: mail, octets, an end, the time that hlv_outbound_wake() set. */
	void (*round)(void *ctx, struct hlv_now now);
};

/* `name`: of the thread, at most 15 octets; `sockets`: open at once, at most. The mail's receiver is
 * `ctx`. NULL when the system has no more. */
struct hlv_outbound *hlv_outbound_start(const char *name, size_t sockets,
					const struct hlv_outbound_owner *owner, void *ctx);
struct hlv_mailbox *hlv_outbound_mailbox(struct hlv_outbound *o);
/* Run `fn(ctx, arg)` on its thread, then a round, and wait until they have run. */
void hlv_outbound_call(struct hlv_outbound *o, void (*fn)(void *ctx, void *arg), void *arg);
/* Sockets are closed; nothing more is told. Nobody may post any more. */
void hlv_outbound_stop(struct hlv_outbound *o);

/* --- orders, on its thread, in `round` --- */

/* `sock` is the owner's number for it, never used twice. `key`: HLV_OUT_TLS: the public key, encoded, that
 * the server must hold (HLV_E_KEY by `gone` when it does not); empty: any. On failure there is no
 * socket, and `gone` is not called: HLV_E_LIMIT, HLV_E_IO, HLV_E_KEY, HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE hlv_outbound_open(struct hlv_outbound *o, uint64_t sock,
					    enum hlv_out_way way, const struct hlv_addr *addr,
					    struct hlv_bytes key, struct hlv_bytes octets);
/* One that is gone already, too. */
void hlv_outbound_close(struct hlv_outbound *o, uint64_t sock);
/* A round at that time; the last word counts. UINT64_MAX: not by itself. */
void hlv_outbound_wake(struct hlv_outbound *o, hlv_mono_ns at_ns);
