/* SPDX-License-Identifier: Apache-2.0
 *
 * /api/verifications: VERIFY_CHALLENGE in JSON (protocol.md 11.6, 15.3), for servers that hold no
 * secrets themselves.
 */
#include "proto/base/base64.h"
#include "proto/net/json.h"
#include "proto/sec/mac.h"
#include "proto/web/login.h"
#include "proto/web/params.h"
#include "proto/wire/name.h"

struct verifying {
	struct http_call *call;
	struct hlv_request rq;
};

static void verified(struct hlv_exchange *x, void *ctx)
{
	struct verifying *v = ctx;
	struct http_call *call = v->call;
	if (x->rs.rc != HLV_RC_SUCCESS || x->rs.kind != HLV_BODY_VERDICT) {
		call->retry_s = x->retry_s;
		web_put_answer(&call->out, &x->rs, v->rq.handle);
		web_answer(call, web_status(call, x->rs.rc, false));
		return;
	}
	hlv_buf_printf(&call->out, "{\"responseCode\":1,\"isValid\":%s,\"handle\":",
		       x->rs.verdict ? "true" : "false");
	hlv_json_put_str(&call->out, v->rq.handle);
	hlv_buf_str(&call->out, "}");
	web_answer(call, 200);
}

static bool refuse(struct http_call *call, const char *text)
{
	web_error(call, 400, HLV_RC_PROTOCOL_ERROR, text);
	return false;
}

/* "301:0.NA/p" or "0.NA/p"; the index may come as a parameter instead. */
static bool read_identity(struct http_call *call, struct hlv_request *rq)
{
	struct hlv_bytes text = web_rest(call, "/api/verifications/");
	size_t digits = 0;
	bool there;
	int64_t index;
	if (text.n == 0 || !http_decode(call, text, &text))
		return refuse(call, "Handle not specified in verification request");
	while (digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9')
		digits++;
	bool in_path = digits > 0 && digits < text.n && text.p[digits] == ':';
	rq->auth.who = in_path ? hlv_ref_parse(text) : (struct hlv_ref){text, 0};
	rq->handle = rq->auth.who.handle;
	if (!web_param_number(call, "index", &there, &index))
		return false;
	if (in_path && there)
		return refuse(call, "Too many indexes specified in verification request");
	if (!in_path && !there)
		return refuse(call, "No index provided");
	if (there && index < 0)
		return refuse(call, "No index provided");
	if (there)
		rq->auth.who.index = (uint32_t)index;
	return true;
}

static bool octets_of(struct http_call *call, const char *key, struct hlv_bytes *out)
{
	struct hlv_bytes text;
	*out = (struct hlv_bytes){0};
	if (!http_query(call, key, 0, &text))
		return true;
	uint8_t *room = hlv_alloc_raw(&call->arena, text.n + 1);
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	if (!hlv_base64_parse(text, &w) || w.bad)
		return false;
	*out = hlv_written(&w);
	return true;
}

/* A code of 8.1, then the digest. */
static bool put_proof(struct http_call *call, struct hlv_bytes algorithm,
		      struct hlv_bytes signature, struct hlv_writer *w)
{
	enum { CODE_PBKDF2 = 0x22 };
	enum hlv_mac_kind kind;
	struct hlv_bytes salt;
	bool a, b;
	int64_t iterations = 0, length = 0;
	if (hlv_eq_fold(algorithm, hlv_text("PBKDF2-HMAC-SHA1"))) {
		if (!octets_of(call, "salt", &salt))
			return refuse(call, "Missing parameters in verification request");
		if (!web_param_number(call, "iterations", &a, &iterations) ||
		    !web_param_number(call, "length", &b, &length))
			return false;
		if (!a || !b || iterations < 0 || length < 0)
			return refuse(call, "Missing parameters in verification request");
		hlv_put_u8(w, CODE_PBKDF2);
		hlv_put_lp32(w, salt);
		hlv_put_u32(w, (uint32_t)iterations);
		hlv_put_u32(w, (uint32_t)length);
		hlv_put_lp32(w, signature);
		return true;
	}
	if (hlv_mac_parse(algorithm, &kind) != HLV_OK)
		return refuse(call, "Unknown algorithm");
	hlv_put_u8(w, (uint8_t)kind);
	hlv_put(w, signature);
	return true;
}

static bool read_proof(struct http_call *call, struct hlv_request *rq)
{
	struct hlv_bytes algorithm, signature, cnonce;
	if (!http_query(call, "alg", 0, &algorithm) ||
	    !octets_of(call, "nonce", &rq->auth.nonce) || !octets_of(call, "cnonce", &cnonce) ||
	    !octets_of(call, "signature", &signature) || rq->auth.nonce.n == 0 ||
	    cnonce.n == 0 || signature.n == 0)
		return refuse(call, "Missing parameters in verification request");
	rq->auth.digest.octets = cnonce;
	rq->auth.digest.kind = cnonce.n == 16	? HLV_DIGEST_MD5
			       : cnonce.n == 20 ? HLV_DIGEST_SHA1
						: HLV_DIGEST_SHA256;
	if (cnonce.n != 16 && cnonce.n != 20 && cnonce.n != 32)
		return refuse(call, "A cnonce has 16, 20 or 32 octets");
	size_t room = signature.n + call->rq.query.n + 64;
	uint8_t *p = hlv_alloc_raw(&call->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	if (!put_proof(call, algorithm, signature, &w))
		return false;
	rq->auth.proof = hlv_written(&w);
	return true;
}

void web_verify(struct http_call *call)
{
	struct verifying *v = hlv_alloc(&call->arena, sizeof *v);
	if (!v) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	*v = (struct verifying){.call = call, .rq.m.hdr.op = HLV_OP_VERIFY_CHALLENGE};
	if (web_params(call) && read_identity(call, &v->rq) && read_proof(call, &v->rq))
		hlv_ask(call->front, &call->peer, call->now, &v->rq, verified, v);
}
