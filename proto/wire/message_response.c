/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/message_inner.h"

static enum hlv_body_kind success_kind(uint32_t op)
{
	switch (op) {
	case HLV_OP_RESOLUTION:
		return HLV_BODY_RECORD;
	case HLV_OP_GET_SITE_INFO:
		return HLV_BODY_SITE;
	case HLV_OP_CREATE_HANDLE:
		return HLV_BODY_HANDLE;
	case HLV_OP_LIST_HANDLES:
	case HLV_OP_LIST_HOMED_NAS:
		return HLV_BODY_HANDLES;
	case HLV_OP_VERIFY_CHALLENGE:
	case HLV_OP_RETRIEVE_TXN_LOG:
		return HLV_BODY_VERDICT;
	case HLV_OP_SESSION_SETUP:
		return HLV_BODY_SETUP;
	case HLV_OP_GET_NEXT_TXN_ID:
		return HLV_BODY_NEXT_TXN;
	case HLV_OP_HELVE_COMMIT:
	case HLV_OP_HELVE_BULK:
	case HLV_OP_HELVE_CONTROL:
		return HLV_BODY_OCTETS;
	}
	return HLV_BODY_EMPTY;
}

enum hlv_body_kind hlv_body_kind(uint32_t op, uint32_t rc)
{
	switch (rc) {
	case HLV_RC_SUCCESS:
		return success_kind(op);
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		return HLV_BODY_REFERRAL;
	case HLV_RC_AUTHENTICATION_NEEDED:
		return HLV_BODY_CHALLENGE;
	}
	return HLV_BODY_ERROR;
}

static enum hlv_err get_referral(struct hlv_reader *r, struct hlv_response *rs)
{
	rs->handle = hlv_get_lp32(r);
	rs->has_handle = true;
	/* 4.3: the value list is there only if octets remain. */
	return hlv_left(r) > 0 ? hlv_values_decode(r, &rs->values) : HLV_OK;
}

/* 4.4: before 2.1 the nonce comes first and the digest is an MD5 array. */
static void get_challenge(struct hlv_reader *r, struct hlv_response *rs, int version)
{
	rs->octets = hlv_get_lp32(r);
	if (version < HLV_V(2, 1)) {
		rs->digest = (struct hlv_digest){.octets = hlv_get_lp32(r)};
		rs->has_digest = true;
	}
}

static enum hlv_err get_response_body(struct hlv_reader *r, struct hlv_response *rs,
				      int version)
{
	switch (rs->kind) {
	case HLV_BODY_ERROR:
		/* Foreign servers may leave the body away. */
		if (hlv_left(r) > 0)
			rs->text = hlv_get_lp32(r);
		break;
	case HLV_BODY_EMPTY:
		break;
	case HLV_BODY_RECORD:
		rs->handle = hlv_get_lp32(r);
		HLV_TRY(hlv_values_decode(r, &rs->values));
		break;
	case HLV_BODY_HANDLE:
		rs->has_handle = hlv_left(r) > 0;
		if (rs->has_handle)
			rs->handle = hlv_get_lp32(r);
		break;
	case HLV_BODY_SITE:
		rs->octets = hlv_take_rest(r);
		break;
	case HLV_BODY_HANDLES:
		rs->handles = message_get_arrays(r);
		break;
	case HLV_BODY_SETUP:
		rs->mode = hlv_get_u16(r);
		rs->octets = hlv_get_lp32(r);
		break;
	case HLV_BODY_VERDICT:
		rs->verdict = hlv_get_u8(r);
		break;
	case HLV_BODY_NEXT_TXN:
		rs->number = hlv_get_u64(r);
		break;
	case HLV_BODY_REFERRAL:
		HLV_TRY(get_referral(r, rs));
		break;
	case HLV_BODY_CHALLENGE:
		get_challenge(r, rs, version);
		break;
	case HLV_BODY_OCTETS:
		rs->octets = hlv_get_lp32(r);
		break;
	}
	return r->bad ? HLV_E_MALFORMED : HLV_OK;
}

/* 4.4: the success of an authenticated request bears the request's own operation; 200 and 0 are
 * answered by errors alone. */
static bool has_success(uint32_t op)
{
	return op != HLV_OP_RESERVED && op != HLV_OP_RESPONSE_TO_CHALLENGE;
}

enum hlv_err hlv_response_decode(const struct hlv_message *m, struct hlv_response *rs)
{
	int version = hlv_version(m->env.major, m->env.minor);
	uint32_t rc = hlv_rc_from_wire(m->hdr.rc, version);
	*rs = (struct hlv_response){.m = *m, .rc = rc, .kind = hlv_body_kind(m->hdr.op, rc)};
	if (rc == 0 || !hlv_rc_text(rc) || !hlv_op_name(m->hdr.op))
		return HLV_E_UNSUPPORTED;
	if (rc == HLV_RC_SUCCESS && !has_success(m->hdr.op))
		return HLV_E_UNSUPPORTED;
	struct hlv_reader r = hlv_reader(m->body);
	if (m->hdr.flags & HLV_F_REQUEST_DIGEST && version >= HLV_V(2, 1)) {
		rs->digest = message_get_digest(&r);
		rs->has_digest = true;
	}
	HLV_TRY(get_response_body(&r, rs, version));
	return rs->handle.n > HLV_IDENTIFIER_MAX ? HLV_E_LIMIT : HLV_OK;
}

/* Digest first when has_digest; `version` decides the form. */
static void put_body(struct hlv_writer *w, const struct hlv_response *rs, int version)
{
	if (rs->has_digest && version >= HLV_V(2, 1))
		message_put_digest(w, &rs->digest);
	switch (rs->kind) {
	case HLV_BODY_ERROR:
		hlv_put_lp32(w, rs->text);
		break;
	case HLV_BODY_EMPTY:
		break;
	case HLV_BODY_RECORD:
		hlv_put_lp32(w, rs->handle);
		hlv_list_encode(w, &rs->values);
		break;
	case HLV_BODY_HANDLE:
		if (rs->has_handle)
			hlv_put_lp32(w, rs->handle);
		break;
	case HLV_BODY_SITE:
		hlv_put(w, rs->octets);
		break;
	case HLV_BODY_HANDLES:
		hlv_list_encode(w, &rs->handles);
		break;
	case HLV_BODY_SETUP:
		hlv_put_u16(w, rs->mode);
		hlv_put_lp32(w, rs->octets);
		hlv_put_u16(w, 0); /* 4.5, as in the request */
		break;
	case HLV_BODY_VERDICT:
		hlv_put_u8(w, rs->verdict);
		break;
	case HLV_BODY_NEXT_TXN:
		hlv_put_u64(w, rs->number);
		break;
	case HLV_BODY_REFERRAL:
		hlv_put_lp32(w, rs->handle);
		if (rs->handle.n == 0 || rs->values.n > 0)
			hlv_list_encode(w, &rs->values);
		break;
	case HLV_BODY_CHALLENGE:
		hlv_put_lp32(w, rs->octets);
		if (version < HLV_V(2, 1))
			hlv_put_lp32(w, rs->digest.octets);
		break;
	case HLV_BODY_OCTETS:
		hlv_put_lp32(w, rs->octets);
		break;
	}
}

void hlv_response_encode(struct hlv_writer *w, const struct hlv_envelope *env,
			 const struct hlv_header *hdr, const struct hlv_response *rs)
{
	int version = hlv_version(env->major, env->minor);
	struct hlv_header h = *hdr;
	h.rc = hlv_rc_to_wire(rs->rc, version);
	h.flags &= ~HLV_F_REQUEST_DIGEST;
	if (rs->has_digest && version >= HLV_V(2, 1))
		h.flags |= HLV_F_REQUEST_DIGEST;
	struct frame f = frame_begin(w, env, &h);
	put_body(w, rs, version);
	frame_end(w, f, true);
}
