/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole messages: envelope, header, body, credential (protocol.md 2-5, RFC 3652 2-3). Decoding
 * borrows and allocates nothing; every count is checked against the octets left, every list is
 * walked once, so that what comes out can be used without further checks.
 */
#pragma once
#include "proto/wire/envelope.h"
#include "proto/wire/header.h"
#include "proto/wire/name.h"
#include "proto/wire/value.h"

/* A message taken apart, its body not yet looked into. */
struct hlv_message {
	struct hlv_envelope env;
	struct hlv_header hdr;
	struct hlv_bytes covered; /* header + body as received: what digests cover */
	struct hlv_bytes body;
	struct hlv_bytes credential; /* see credential.h; empty when there is none */
};

/* `in` is one message with its envelope, exactly env.length + 20 octets. HLV_E_MALFORMED when
 * something does not fit, HLV_E_LIMIT for a length over the maximum; m->env is valid whenever
 * in.n >= 20, m->hdr whenever in.n >= 44. Encrypted messages are not opened here:
 * HLV_E_UNSUPPORTED. */
enum hlv_err HLV_MUST_USE hlv_message_decode(struct hlv_bytes in, struct hlv_message *m);

/* A request digest (4.0): of header + body of the request. */
enum hlv_digest_kind {
	HLV_DIGEST_MD5_OLD = 0, /* before 2.1: MD5 as an array */
	HLV_DIGEST_MD5 = 1,
	HLV_DIGEST_SHA1 = 2,
	HLV_DIGEST_SHA256 = 3,
};
struct hlv_digest {
	uint8_t kind; /* enum hlv_digest_kind */
	struct hlv_bytes octets;
};
/* The kind that a response of this version carries. */
enum hlv_digest_kind hlv_digest_kind_for(int version);

enum hlv_setup_mode {
	HLV_SETUP_NONE = 0,
	HLV_SETUP_CLIENT_CIPHER = 1,
	HLV_SETUP_SERVER_CIPHER = 2,
	HLV_SETUP_HANDLE_CIPHER = 3,
	HLV_SETUP_DIFFIE_HELLMAN = 4,
};

/* A request; which fields an operation uses stands behind each. `handle` is empty where unused. */
struct hlv_request {
	struct hlv_message m;
	struct hlv_bytes handle; /* nearly all: the identifier as the asker spelled it */
	/* What the asker wrote where a service looks another identifier up (scheme.h): answers echo
	 * it. Empty in what was decoded. */
	struct hlv_bytes asked;
	struct hlv_list indexes; /* RESOLUTION, REMOVE_VALUE: int4 each */
	struct hlv_list types;	 /* RESOLUTION: arrays */
	struct hlv_bytes token;	 /* RESOLUTION: the SDK's authBytes, usually empty */
	bool has_token;
	struct hlv_list values;	 /* CREATE_HANDLE, ADD_VALUE, MODIFY_VALUE */
	struct hlv_bytes octets; /* HELVE_*: what stands behind the handle */
	union {
		struct { /* RESPONSE_TO_CHALLENGE, VERIFY_CHALLENGE, LOGIN_ID_SYSTEM */
			struct hlv_bytes kind; /* "HS_SECKEY" or "HS_PUBKEY"; RESPONSE_ only */
			struct hlv_ref who;
			struct hlv_bytes nonce;	  /* VERIFY_ only */
			struct hlv_digest digest; /* VERIFY_ only */
			struct hlv_bytes proof;	  /* signedResponse; not in LOGIN_ */
		} auth;
		struct {	       /* SESSION_SETUP, SESSION_EXCHANGEKEY */
			uint16_t mode; /* enum hlv_setup_mode */
			uint32_t timeout_s;
			struct hlv_ref who;    /* empty handle: anonymous */
			struct hlv_bytes key;  /* modes 1, 4; EXCHANGEKEY: the encrypted key */
			struct hlv_ref key_at; /* mode 3 */
		} setup;
		struct {		  /* RETRIEVE_TXN_LOG, DUMP_HANDLES */
			bool all_sources; /* since 2.9, RETRIEVE_ only: `state` instead of the two */
			struct hlv_bytes state; /* JSON */
			uint64_t last_txn;
			uint64_t last_query_ms;
			uint8_t hash_option;
			uint32_t servers, own;
			bool resume; /* DUMP_ only: the next two are there */
			struct hlv_bytes start;
			uint32_t start_kind;
		} pull;
	}; /* one operation has one of them */
};
static inline struct hlv_bytes hlv_request_echo(const struct hlv_request *rq)
{
	return rq->asked.n ? rq->asked : rq->handle;
}

/* Look into the body. HLV_E_UNSUPPORTED for an operation that we do not know, HLV_E_LIMIT for an
 * identifier over 2,048 octets, HLV_E_MALFORMED for a body that ends early. Octets behind the
 * body's last field are ignored (4.1, 4.5). `m` may be &rq->m. */
enum hlv_err HLV_MUST_USE hlv_request_decode(const struct hlv_message *m,
					     struct hlv_request *rq);
/* Envelope (rq->m.env, length filled in), header (rq->m.hdr, body length filled in), body,
 * and room for no credential: four zero octets, but for LOGIN_ID_SYSTEM. */
void hlv_request_encode(struct hlv_writer *w, const struct hlv_request *rq);

enum hlv_body_kind {
	HLV_BODY_ERROR, /* `text`: every code that is none of the others */
	HLV_BODY_EMPTY,
	HLV_BODY_RECORD,    /* handle, values: RESOLUTION */
	HLV_BODY_HANDLE,    /* handle, or nothing: CREATE_HANDLE */
	HLV_BODY_SITE,	    /* octets: a site record */
	HLV_BODY_HANDLES,   /* handles: the two lists */
	HLV_BODY_SETUP,	    /* mode, octets */
	HLV_BODY_VERDICT,   /* verdict: VERIFY_CHALLENGE, RETRIEVE_TXN_LOG */
	HLV_BODY_NEXT_TXN,  /* number */
	HLV_BODY_REFERRAL,  /* handle, values */
	HLV_BODY_CHALLENGE, /* octets: the nonce */
	HLV_BODY_OCTETS,    /* octets: HELVE_* */
};

/* A response; `kind` follows from operation and code (hlv_body_kind()). */
struct hlv_response {
	struct hlv_message m; /* decoding only */
	uint32_t rc;	      /* logical code: 7 and 202 also towards old peers */
	enum hlv_body_kind kind;
	bool has_digest; /* RD */
	struct hlv_digest digest;
	struct hlv_bytes handle;
	bool has_handle; /* BODY_HANDLE, BODY_REFERRAL */
	struct hlv_list values;
	struct hlv_list handles;
	struct hlv_bytes octets;
	struct hlv_bytes text;
	uint64_t number;
	uint16_t mode;
	uint8_t verdict;
};

enum hlv_body_kind hlv_body_kind(uint32_t op, uint32_t rc);

/* Decode at the message's own version. HLV_E_UNSUPPORTED for codes and operations that are not
 * in our lists. */
enum hlv_err HLV_MUST_USE hlv_response_decode(const struct hlv_message *m,
					      struct hlv_response *rs);
/* Envelope and header as given (both lengths filled in, the code as it stands on the wire for the
 * envelope's version, RD set with has_digest from 2.1 on), body, and four zero octets for "no
 * credential". */
void hlv_response_encode(struct hlv_writer *w, const struct hlv_envelope *env,
			 const struct hlv_header *hdr, const struct hlv_response *rs);

/* Walks over checked lists. */
static inline uint32_t hlv_next_index(struct hlv_reader *r)
{
	return hlv_get_u32(r);
}
static inline struct hlv_bytes hlv_next_array(struct hlv_reader *r)
{
	return hlv_get_lp32(r);
}
