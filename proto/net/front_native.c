/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/front_native.h"

#include "proto/sec/digest.h"

/* Expiration and with it the whole answer stay the same for ten minutes, so that equal answers
 * are equal octets and a signature can be used again (decisions.md 7). */
enum { EXPIRATION_STEP_S = 600 };

void hlv_exchange_error(struct hlv_exchange *x, uint32_t rc, const char *text)
{
	x->rs = (struct hlv_response){.rc = rc,
				      .kind = HLV_BODY_ERROR,
				      .text = text ? hlv_text(text) : hlv_bytes(NULL, 0)};
}

static enum hlv_native_verdict refuse(struct hlv_exchange *x, uint32_t rc, const char *text)
{
	hlv_exchange_error(x, rc, text);
	return HLV_NATIVE_REPLY;
}

enum hlv_native_verdict hlv_native_decode(struct hlv_bytes in, struct hlv_exchange *x)
{
	struct hlv_message *m = &x->rq.m;
	enum hlv_err err = hlv_message_decode(in, m);
	x->message = in;
	if (m->env.flags & HLV_E_ENCRYPTED) {
		/* Octets behind the envelope mean nothing to who does not know the session. */
		x->rq = (struct hlv_request){.m.env = m->env};
		if (m->env.session_id != 0)
			return HLV_NATIVE_SUBMIT;
		return refuse(x, HLV_RC_SESSION_FAILED, "Encrypted message without a session");
	}
	/* Fewer octets than envelope and header; a response; the reserved operation: whoever
	 * answers those keeps two servers talking for ever (threats.md 1). */
	if (in.n < HLV_STUB_SIZE || m->hdr.rc != 0 || m->hdr.op == HLV_OP_RESERVED)
		return HLV_NATIVE_DROP;
	if (err != HLV_OK)
		return refuse(x, HLV_RC_PROTOCOL_ERROR, "Lengths in the message do not fit");

	err = hlv_request_decode(m, &x->rq);
	switch ((int)err) {
	case HLV_OK:
		return HLV_NATIVE_SUBMIT;
	case HLV_E_UNSUPPORTED:
		return refuse(x, HLV_RC_NOT_SUPPORTED, "Unknown operation");
	case HLV_E_LIMIT:
		return refuse(x, HLV_RC_INVALID_HANDLE,
			      "Identifier over 2048 octets, or more than 2048 values");
	}
	return refuse(x, HLV_RC_PROTOCOL_ERROR,
		      "Message body ends early or a count cannot fit");
}

/* What a response copies from its request (protocol.md 3.3). */
static uint32_t answer_flags(const struct hlv_exchange *x)
{
	uint32_t copied = HLV_F_CERTIFIED | HLV_F_CACHE_CERTIFY | HLV_F_AUTHORITATIVE |
			  HLV_F_PUBLIC_ONLY | HLV_F_NO_REFERRAL;
	uint32_t flags = (x->rq.m.hdr.flags & copied) | HLV_F_RECURSE | x->answer_flags;
	if (x->more)
		flags |= HLV_F_CONTINUOUS;
	return x->authoritative ? flags | HLV_F_AUTHORITATIVE : flags;
}

static uint32_t answer_expiration(struct hlv_now now)
{
	uint32_t s = hlv_now_s(now);
	return s - s % EXPIRATION_STEP_S + EXPIRATION_STEP_S + HLV_EXPIRATION_S;
}

enum hlv_err hlv_native_encode(struct hlv_exchange *x, struct hlv_service *service,
			       struct hlv_writer *w)
{
	const struct hlv_message *m = &x->rq.m;
	int version = hlv_envelope_answer_version(&m->env);
	struct hlv_envelope env = {
		.major = (uint8_t)(version / 256),
		.minor = (uint8_t)(version % 256),
		.suggest_major = HLV_OUR_VERSION / 256,
		.suggest_minor = HLV_OUR_VERSION % 256,
		.session_id = m->env.session_id,
		.request_id = m->env.request_id,
	};
	struct hlv_header hdr = {
		.op = m->hdr.op,
		.flags = answer_flags(x),
		.site_serial = x->site_serial,
		.recursion = m->hdr.recursion,
		.expiration_s = answer_expiration(x->now),
	};
	uint8_t digest[HLV_HASH_MAX];
	bool wanted = m->hdr.flags & HLV_F_REQUEST_DIGEST && version >= HLV_V(2, 1);
	if (wanted && m->covered.n)
		x->rs.has_digest = hlv_request_digest(m->covered, version, digest,
						      &x->rs.digest) == HLV_OK;
	size_t at = w->n;
	hlv_response_encode(w, &env, &hdr, &x->rs);
	enum hlv_err err = HLV_OK;
	if (service && service->seal && !w->bad)
		err = service->seal(service, x, w, at);
	if (err == HLV_OK && w->bad)
		err = HLV_E_LIMIT;
	w->bad = err != HLV_OK;
	return err;
}

void hlv_native_early_error(const struct hlv_envelope *env, uint32_t rc, const char *text,
			    struct hlv_now now, struct hlv_writer *w)
{
	struct hlv_envelope e = {
		.major = 2,
		.minor = 3,
		.suggest_major = HLV_OUR_VERSION / 256,
		.suggest_minor = HLV_OUR_VERSION % 256,
		.request_id = env ? env->request_id : UINT32_MAX,
	};
	struct hlv_header hdr = {
		.flags = HLV_F_RECURSE | HLV_F_CACHE_CERTIFY | HLV_F_PUBLIC_ONLY,
		.site_serial = UINT16_MAX,
		.expiration_s = answer_expiration(now),
	};
	struct hlv_response rs = {.rc = rc, .kind = HLV_BODY_ERROR, .text = hlv_text(text)};
	hlv_response_encode(w, &e, &hdr, &rs);
}

void hlv_native_stub(struct hlv_bytes message, uint8_t out[HLV_STUB_SIZE])
{
	memcpy(out, message.p, HLV_STUB_SIZE);
	out[2] |= HLV_E_TRUNCATED;
}
