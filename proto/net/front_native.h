/* SPDX-License-Identifier: Apache-2.0
 *
 * The native front end: octets of one message become an exchange's request, an exchange's
 * response becomes octets. The same for UDP, TCP and TLS, and without a socket in sight, so that
 * the fuzzer and the simulator run it too. What differs between datagram and stream (splitting,
 * stubs, framing) is udp.c's and tcp.c's.
 */
#pragma once
#include "proto/net/service.h"

enum hlv_native_verdict {
	HLV_NATIVE_SUBMIT, /* x->rq is valid: give it to the service */
	HLV_NATIVE_REPLY,  /* x->rs says what is wrong: encode it at once */
	HLV_NATIVE_DROP,   /* not to be answered, by anybody */
};

/* `in`: one message with its envelope. x->peer and x->now are set already. */
enum hlv_native_verdict hlv_native_decode(struct hlv_bytes in, struct hlv_exchange *x);

/* Envelope, header, body, and what `service` protects the message with (NULL: nothing).
 * HLV_E_LIMIT when it does not fit; any other error: it could not be protected. Nothing of it may
 * be sent then, and w->bad is set. */
enum hlv_err hlv_native_encode(struct hlv_exchange *x, struct hlv_service *service,
			       struct hlv_writer *w);

/* The answer to octets that are no message at all (protocol.md 2.1 rule 6): version 2.3, session
 * 0; the request id is echoed when the envelope could be read (`env` not NULL). */
void hlv_native_early_error(const struct hlv_envelope *env, uint32_t rc, const char *text,
			    struct hlv_now now, struct hlv_writer *w);

/* The stub that tells an unverified UDP source to come by TCP (threats.md 1): envelope and header
 * of `message` alone, T set, the length the true one. `out` holds 44 octets. */
enum { HLV_STUB_SIZE = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE };
void hlv_native_stub(struct hlv_bytes message, uint8_t out[HLV_STUB_SIZE]);

/* Make x->rs an error; `text` is static or in the arena. */
void hlv_exchange_error(struct hlv_exchange *x, uint32_t rc, const char *text);
