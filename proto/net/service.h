/* SPDX-License-Identifier: Apache-2.0
 *
 * The seam: a front end makes an exchange and submits it, a service answers it and calls done().
 * No sockets below this line, no policy above it.
 *
 * A service may answer at once, or give the exchange away to another thread. Before it does that it
 * calls hlv_exchange_keep(), since the received octets die when submit() returns; the thread that
 * has the answer posts the exchange home with hlv_exchange_return(), and done() runs there.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/now.h"
#include "proto/net/addr.h"
#include "proto/net/mailbox.h"
#include "proto/wire/message.h"
#include "proto/wire/site.h"

enum hlv_transport {
	HLV_T_UDP,
	HLV_T_TCP,
	HLV_T_TLS,
	HLV_T_LOCAL, /* the control socket: the system says who is there */
};

/* Where a resolver had its answer from. */
enum hlv_from {
	HLV_FROM_NOTHING, /* it is of our own making: a refusal, a heart-beat; or no resolver answered */
	HLV_FROM_POLICY, /* an override, a block */
	HLV_FROM_COPY,
	HLV_FROM_CACHE,
	HLV_FROM_STALE, /* of the cache, beyond its life */
	HLV_FROM_WALK,
};

/* What has proven somebody, so that what he is given for it ends with it. The service's own: whoever keeps
 * it hands it back as it was. */
enum { HLV_PROVEN_DIGEST = 16 };
struct hlv_proven {
	uint64_t at_s; /* of the monotonic clock: it ends with the process */
	uint8_t flags;
	uint8_t digest[HLV_PROVEN_DIGEST];
};

/* Whom a connection has proven to speak for (the national SDK's login, industrial.md 5.4). Made by
 * the service with hlv_login_new(), kept by the connection, and gone with it. */
struct hlv_login {
	struct hlv_login *next;
	uint32_t session_id; /* the tag under which it logged in */
	struct hlv_ref who;  /* behind this struct */
	struct hlv_proven proven;
};

/* By which front end. */
enum hlv_via {
	HLV_VIA_NATIVE,
	HLV_VIA_HTTP,
	HLV_VIA_DNS,
};

/* Whom an asker by HTTP says that he is, and what he shows for it (protocol.md 15.4, rest-clients.md
 * 3). Alive until done(). */
enum hlv_claim_kind {
	HLV_CLAIM_PROVEN, /* found true before: a session or a token of ours */
	HLV_CLAIM_SECRET, /* the secret key itself: Basic */
	HLV_CLAIM_SIGNED, /* a session's nonces, signed or hashed with a key */
	HLV_CLAIM_CERT,	  /* the certificate of the connection */
};
struct hlv_claim {
	enum hlv_claim_kind kind;
	struct hlv_ref who;	  /* index 0: whichever of its keys fits */
	struct hlv_proven proven; /* PROVEN: as the answer to the first claim had it */
	struct hlv_bytes secret;  /* SECRET */
	/* SIGNED */
	struct hlv_bytes type;	/* "HS_PUBKEY", "HS_SECKEY" */
	struct hlv_bytes nonce; /* the server's, then the client's: what is covered */
	struct hlv_bytes cnonce;
	struct hlv_bytes algorithm; /* "SHA256", "HMAC-SHA256", "PBKDF2-HMAC-SHA1", ... */
	struct hlv_bytes proof;
	struct hlv_bytes salt; /* PBKDF2 alone, all three */
	uint32_t iterations, length;
};

struct hlv_peer {
	struct hlv_addr addr;
	enum hlv_transport transport;
	enum hlv_via via;
	uint8_t interface_kind; /* HLV_IF_ADMIN | HLV_IF_QUERY of the interface it came by */
	bool trusted;		/* of a network that the configuration trusts */
	bool verified;		/* the source address is known to be real (threats.md 1) */
	uint64_t conn;		/* names the connection among all of this process; 0: UDP */
	uint32_t uid;		/* HLV_T_LOCAL: SO_PEERCRED's */
	/* Of the connection, alive until done(). */
	struct hlv_bytes cert_name; /* TLS client certificate: UID or CN, "index:handle" ... */
	struct hlv_bytes cert_key;  /* ... and its SubjectPublicKeyInfo; empty without one */
	const struct hlv_login *logins;
	const struct hlv_claim *claim; /* NULL: says nothing, or it is native */
};

/* How an answer in a session is protected; in the exchange's arena. */
struct hlv_protection {
	struct hlv_bytes mac_key; /* empty: no MAC */
	uint32_t counter;	  /* of this message */
	int cipher;		  /* enum hlv_cipher (proto/sec/cipher.h); 0: in clear */
	struct hlv_bytes cipher_key;
	int version; /* of the session: decides the cipher's form */
};

/* One question's whole life; owned by its front end until done(). */
struct hlv_exchange {
	struct hlv_mail mail;	  /* first: what travels between threads is the exchange */
	struct hlv_mailbox *home; /* of the worker that made it */
	struct hlv_arena arena;	  /* what the answer needs lives here */
	struct hlv_peer peer;
	struct hlv_now now;	  /* one reading of the clocks for each batch */
	struct hlv_bytes message; /* as received, with its envelope */
	/* Decoded, valid; borrows from the received octets. An encrypted message (rq.m.env.flags)
	 * has its envelope alone. */
	struct hlv_request rq;
	struct hlv_response rs; /* may borrow from the service's view until done() returns */
	uint32_t answer_flags;	/* further flags of the answer: OWE, MNS */
	const struct hlv_protection *protection; /* NULL: a signature, if asked for */
	uint16_t site_serial;			 /* of the answering site */
	bool authoritative;			 /* sets AT in the answer */
	/* out, of a resolver: no value may be kept for longer, whatever its TTL says (TTLs under a
	 * signature are not lowered); 0: as they say */
	uint32_t left_s;
	/* ... and for logs and whoever explains an answer */
	uint8_t from;  /* enum hlv_from */
	uint8_t proof; /* enum proof (resolver/proven.h) */
	/* out, with a refusal that is over by then: seconds; 0: nobody knows */
	uint16_t retry_s;
	/* Further messages follow this one (CN): see resume(). Such an exchange was kept. */
	bool stream_only; /* out: by UDP the stub alone, so that the peer comes by TCP */
	bool more;
	struct hlv_login *login; /* out: for the connection, which takes it over; or NULL */
	void *service_state;	 /* the service's own, in the arena, from message to message */
	/* Once for each message of the answer, on the worker that made the exchange; the last one
	 * (x->more is false) ends its life. */
	void (*done)(struct hlv_exchange *);
	void *front; /* the front end's own */
};

struct hlv_service {
	/* May call done() before it returns, or keep the exchange. */
	void (*submit)(struct hlv_service *, struct hlv_exchange *);
	/* After done() with x->more, when the peer has room for the next message: as submit().
	 * Only for streams: by UDP an answer is one message. An exchange whose connection is gone
	 * meanwhile ends without it. */
	void (*resume)(struct hlv_service *, struct hlv_exchange *);
	void (*batch_begin)(struct hlv_service *, struct hlv_now);
	void (*batch_end)(struct hlv_service *);
	/* Protect the encoded message that begins at w->p + at and ends in the four zero octets of
	 * "no credential": a MAC and a cipher as x->protection says, else a signature if x's asker
	 * wanted one (CT). What cannot be signed goes out unsigned (protocol.md 5.1). What does not
	 * fit makes w->bad or returns HLV_E_LIMIT; any other failure is an error, and nothing of
	 * the message may be sent (threats.md 3). */
	enum hlv_err (*seal)(struct hlv_service *, struct hlv_exchange *, struct hlv_writer *w,
			     size_t at);
	/* NULL, or called behind batch_begin() with the datagrams of a batch as they came, nothing
	 * checked: a service that will look all of them up can have memory on its way for the last
	 * while it waits for the first. They stay where they are until batch_end(). */
	void (*ahead)(struct hlv_service *, const struct hlv_bytes *packets, size_t n);
	/* NULL, or asked behind batch_begin(): a number that is another, and never 0, as soon as what
	 * is answered with x->authoritative may be another. 0: nobody knows. */
	uint64_t (*state)(struct hlv_service *);
};

/* For front ends: nothing of the former question is left in an exchange that is used again; and
 * its end, which frees what nobody took. */
void hlv_exchange_begin(struct hlv_exchange *x);
void hlv_exchange_end(struct hlv_exchange *x);
/* Move what x->rq borrows into the arena, so that x may outlive submit(). */
enum hlv_err HLV_MUST_USE hlv_exchange_keep(struct hlv_exchange *x);
/* From any thread: done() runs on x's own worker. */
void hlv_exchange_return(struct hlv_exchange *x);
/* The national SDK numbers its sessions itself, from 10001 in each process (industrial.md 5.1): in
 * such a message, by a stream and of 2.10, the envelope's session id names nothing of ours. Ids that a
 * service gives out are above those that the SDK gets to, so that a 2.10 client which uses ours is told
 * from it. */
enum { HLV_TAG_FIRST = 10001, HLV_TAG_LAST = (1 << 24) - 1 };
bool hlv_exchange_is_tagged(const struct hlv_exchange *x);
/* The login of this exchange's session tag, or NULL. */
const struct hlv_login *hlv_exchange_login(const struct hlv_exchange *x);
/* A copy of `who` on the heap; NULL without memory. */
struct hlv_login *hlv_login_new(uint32_t session_id, const struct hlv_ref *who);
