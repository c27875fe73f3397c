/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam: a front end makes an exchange and submits it, a service answers it and calls done().
 * No sockets below this line, no policy above it.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/now.h"
#include "proto/net/addr.h"
#include "proto/wire/message.h"
#include "proto/wire/site.h"

enum hlv_transport { HLV_T_UDP, HLV_T_TCP, HLV_T_TLS };

struct hlv_peer {
	struct hlv_addr addr;
	enum hlv_transport transport;
	uint8_t interface_kind; /* HLV_IF_ADMIN | HLV_IF_QUERY of the interface it came by */
	bool trusted;		/* of a network that the configuration trusts */
	bool verified;		/* the source address is known to be real (threats.md 1) */
};

/* One question's whole life; owned by its front end until done(). */
struct hlv_exchange {
	struct hlv_arena arena; /* what the answer needs lives here */
	struct hlv_peer peer;
	struct hlv_now now;	/* one reading of the clocks for each batch */
	struct hlv_request rq;	/* decoded, valid; borrows from the received bytes */
	struct hlv_response rs; /* may borrow from the service's view until done() returns */
	uint16_t site_serial;	/* of the answering site */
	bool authoritative;	/* sets AT in the answer */
	void (*done)(struct hlv_exchange *); /* exactly once, on the worker that made it */
	void *front;			     /* the front end's own */
};

struct hlv_service {
	/* May call done() before it returns. */
	void (*submit)(struct hlv_service *, struct hlv_exchange *);
	void (*batch_begin)(struct hlv_service *, struct hlv_now);
	void (*batch_end)(struct hlv_service *);
	/* Replace the four zero octets of "no credential" at the end of the encoded message that
	 * begins at w->p + at by a signature, if it can; else leave it (protocol.md 5.1). */
	void (*sign)(struct hlv_service *, struct hlv_exchange *, struct hlv_writer *w,
		     size_t at);
};
