/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/message.h"

/* Any one array is bounded by the message; the reference's own bound is 1 MiB (protocol.md 1). */
enum { MD5_SIZE = 16, SHA1_SIZE = 20, SHA256_SIZE = 32 };

enum hlv_err hlv_message_decode(struct hlv_bytes in, struct hlv_message *m)
{
	*m = (struct hlv_message){0};
	struct hlv_reader r = hlv_reader(in);
	HLV_TRY(hlv_envelope_decode(&r, &m->env));
	if (m->env.flags & HLV_E_ENCRYPTED)
		return HLV_E_UNSUPPORTED;
	size_t from = r.pos;
	HLV_TRY(hlv_header_decode(&r, &m->hdr));
	m->body = hlv_take(&r, m->hdr.body_len);
	m->covered = hlv_since(&r, from);
	if (r.bad || in.n - HLV_ENVELOPE_SIZE != m->env.length)
		return HLV_E_MALFORMED;
	/* A message that ends right behind its body has no credential (protocol.md 2); octets
	 * behind the credential are ignored. */
	if (hlv_left(&r) > 0)
		m->credential = hlv_get_lp32(&r);
	return r.bad ? HLV_E_MALFORMED : HLV_OK;
}

static struct hlv_list get_indexes(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, 4)};
	list.raw = hlv_take(r, (size_t)list.n * 4);
	return list;
}

static struct hlv_list get_arrays(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, 4)};
	size_t from = r->pos;
	for (uint32_t i = 0; i < list.n && !r->bad; i++)
		hlv_get_lp32(r);
	list.raw = hlv_since(r, from);
	return list;
}

static size_t digest_size(uint8_t kind)
{
	switch (kind) {
	case HLV_DIGEST_MD5:
		return MD5_SIZE;
	case HLV_DIGEST_SHA1:
		return SHA1_SIZE;
	case HLV_DIGEST_SHA256:
		return SHA256_SIZE;
	}
	return 0;
}

/* 4.0: one octet of type and the bare digest; a type of 0 is the first octet of an array. */
static struct hlv_digest get_digest(struct hlv_reader *r)
{
	struct hlv_digest d = {.kind = hlv_get_u8(r)};
	if (r->bad)
		return d;
	if (d.kind == HLV_DIGEST_MD5_OLD) {
		r->pos--;
		d.octets = hlv_get_lp32(r);
		return d;
	}
	size_t n = digest_size(d.kind);
	if (n == 0)
		hlv_spoil(r);
	d.octets = hlv_take(r, n);
	return d;
}

static void put_digest(struct hlv_writer *w, const struct hlv_digest *d)
{
	if (d->kind == HLV_DIGEST_MD5_OLD) {
		hlv_put_lp32(w, d->octets);
		return;
	}
	hlv_put_u8(w, d->kind);
	hlv_put(w, d->octets);
}

enum hlv_digest_kind hlv_digest_kind_for(int version)
{
	if (version < HLV_V(2, 1))
		return HLV_DIGEST_MD5_OLD;
	return version < HLV_V(2, 7) ? HLV_DIGEST_SHA1 : HLV_DIGEST_SHA256;
}

/* The shapes of request bodies, named in codes.h. */
enum shape {
	SHAPE_NONE,
	SHAPE_RESOLUTION,
	SHAPE_HANDLE,
	SHAPE_VALUES,
	SHAPE_INDEXES,
	SHAPE_ANSWER,
	SHAPE_VERIFY,
	SHAPE_SETUP,
	SHAPE_KEY,
	SHAPE_TXN_LOG,
	SHAPE_DUMP,
	SHAPE_LOGIN,
	SHAPE_OCTETS,
};

static enum shape shape_of(uint32_t op)
{
	switch (op) {
#define X(name, number, text, shape)                                                           \
	case number:                                                                           \
		return SHAPE_##shape;
		HLV_OPS(X)
#undef X
	}
	return SHAPE_NONE;
}

static void get_resolution(struct hlv_reader *r, struct hlv_request *rq)
{
	rq->handle = hlv_get_lp32(r);
	rq->indexes = get_indexes(r);
	rq->types = get_arrays(r);
	/* The national SDK appends its authBytes; whatever else stands there is nobody's. */
	struct hlv_reader tail = *r;
	struct hlv_bytes token = hlv_get_lp32(&tail);
	rq->has_token = hlv_left(r) > 0 && hlv_finished(&tail);
	if (rq->has_token)
		rq->token = token;
}

static void get_answer(struct hlv_reader *r, struct hlv_request *rq)
{
	rq->auth.kind = hlv_get_lp32(r);
	hlv_ref_decode(r, &rq->auth.who);
	rq->auth.proof = hlv_get_lp32(r);
}

static void get_verify(struct hlv_reader *r, struct hlv_request *rq)
{
	hlv_ref_decode(r, &rq->auth.who);
	rq->auth.nonce = hlv_get_lp32(r);
	rq->auth.digest = get_digest(r);
	rq->auth.proof = hlv_get_lp32(r);
	rq->handle = rq->auth.who.handle;
}

static void get_setup(struct hlv_reader *r, struct hlv_request *rq)
{
	rq->setup.mode = hlv_get_u16(r);
	rq->setup.timeout_s = hlv_get_u32(r);
	hlv_ref_decode(r, &rq->setup.who);
	switch (rq->setup.mode) {
	case HLV_SETUP_CLIENT_CIPHER:
	case HLV_SETUP_DIFFIE_HELLMAN:
		rq->setup.key = hlv_get_lp32(r);
		break;
	case HLV_SETUP_HANDLE_CIPHER:
		hlv_ref_decode(r, &rq->setup.key_at);
		break;
	}
}

static void get_txn_log(struct hlv_reader *r, struct hlv_request *rq, int version)
{
	rq->pull.all_sources = version >= HLV_V(2, 9) && hlv_get_u8(r) == 1;
	if (rq->pull.all_sources) {
		rq->pull.state = hlv_get_lp32(r);
	} else {
		rq->pull.last_txn = hlv_get_u64(r);
		rq->pull.last_query_ms = hlv_get_u64(r);
	}
	rq->pull.hash_option = hlv_get_u8(r);
	rq->pull.servers = hlv_get_u32(r);
	rq->pull.own = hlv_get_u32(r);
}

static void get_dump(struct hlv_reader *r, struct hlv_request *rq)
{
	rq->pull.hash_option = hlv_get_u8(r);
	rq->pull.servers = hlv_get_u32(r);
	rq->pull.own = hlv_get_u32(r);
	rq->pull.resume = hlv_left(r) > 0;
	if (rq->pull.resume) {
		rq->pull.start = hlv_get_lp32(r);
		rq->pull.start_kind = hlv_get_u32(r);
	}
}

static enum hlv_err get_body(struct hlv_reader *r, struct hlv_request *rq, int version)
{
	switch (shape_of(rq->m.hdr.op)) {
	case SHAPE_NONE:
		return HLV_E_UNSUPPORTED;
	case SHAPE_RESOLUTION:
		get_resolution(r, rq);
		break;
	case SHAPE_HANDLE:
		rq->handle = hlv_get_lp32(r);
		break;
	case SHAPE_VALUES:
		rq->handle = hlv_get_lp32(r);
		HLV_TRY(hlv_values_decode(r, &rq->values));
		break;
	case SHAPE_INDEXES:
		rq->handle = hlv_get_lp32(r);
		rq->indexes = get_indexes(r);
		break;
	case SHAPE_ANSWER:
		get_answer(r, rq);
		break;
	case SHAPE_VERIFY:
		get_verify(r, rq);
		break;
	case SHAPE_SETUP:
		get_setup(r, rq);
		break;
	case SHAPE_KEY:
		rq->setup.key = hlv_get_lp32(r);
		break;
	case SHAPE_TXN_LOG:
		get_txn_log(r, rq, version);
		break;
	case SHAPE_DUMP:
		get_dump(r, rq);
		break;
	case SHAPE_LOGIN:
		hlv_ref_decode(r, &rq->auth.who);
		break;
	case SHAPE_OCTETS:
		rq->handle = hlv_get_lp32(r);
		rq->octets = hlv_get_lp32(r);
		break;
	}
	return r->bad ? HLV_E_MALFORMED : HLV_OK;
}

/* The length of whatever will be looked up: lookups are built for HLV_IDENTIFIER_MAX octets. */
static size_t longest_identifier(const struct hlv_request *rq)
{
	size_t a = rq->handle.n, b = 0;
	switch (rq->m.hdr.op) {
	case HLV_OP_RESPONSE_TO_CHALLENGE:
	case HLV_OP_LOGIN_ID_SYSTEM:
		b = rq->auth.who.handle.n;
		break;
	case HLV_OP_SESSION_SETUP:
		a = rq->setup.who.handle.n;
		b = rq->setup.key_at.handle.n;
		break;
	case HLV_OP_DUMP_HANDLES:
		b = rq->pull.start.n;
		break;
	}
	return a > b ? a : b;
}

enum hlv_err hlv_request_decode(const struct hlv_message *m, struct hlv_request *rq)
{
	/* `m` may be rq->m itself: every question passes here, and it is not copied twice. */
	if (m != &rq->m)
		rq->m = *m;
	memset((uint8_t *)rq + sizeof rq->m, 0, sizeof *rq - sizeof rq->m);
	struct hlv_reader r = hlv_reader(m->body);
	HLV_TRY(get_body(&r, rq, hlv_version(m->env.major, m->env.minor)));
	return longest_identifier(rq) > HLV_IDENTIFIER_MAX ? HLV_E_LIMIT : HLV_OK;
}

static void put_setup(struct hlv_writer *w, const struct hlv_request *rq)
{
	hlv_put_u16(w, rq->setup.mode);
	hlv_put_u32(w, rq->setup.timeout_s);
	hlv_ref_encode(w, &rq->setup.who);
	switch (rq->setup.mode) {
	case HLV_SETUP_CLIENT_CIPHER:
	case HLV_SETUP_DIFFIE_HELLMAN:
		hlv_put_lp32(w, rq->setup.key);
		break;
	case HLV_SETUP_HANDLE_CIPHER:
		hlv_ref_encode(w, &rq->setup.key_at);
		break;
	}
	/* 4.5: the reference counts the mode as four octets; so do all. */
	hlv_put_u16(w, 0);
}

static void put_txn_log(struct hlv_writer *w, const struct hlv_request *rq, int version)
{
	if (version >= HLV_V(2, 9))
		hlv_put_u8(w, rq->pull.all_sources);
	if (rq->pull.all_sources) {
		hlv_put_lp32(w, rq->pull.state);
	} else {
		hlv_put_u64(w, rq->pull.last_txn);
		hlv_put_u64(w, rq->pull.last_query_ms);
	}
	hlv_put_u8(w, rq->pull.hash_option);
	hlv_put_u32(w, rq->pull.servers);
	hlv_put_u32(w, rq->pull.own);
}

static void put_dump(struct hlv_writer *w, const struct hlv_request *rq)
{
	hlv_put_u8(w, rq->pull.hash_option);
	hlv_put_u32(w, rq->pull.servers);
	hlv_put_u32(w, rq->pull.own);
	if (rq->pull.resume) {
		hlv_put_lp32(w, rq->pull.start);
		hlv_put_u32(w, rq->pull.start_kind);
	}
}

static void put_request_body(struct hlv_writer *w, const struct hlv_request *rq, int version)
{
	switch (shape_of(rq->m.hdr.op)) {
	case SHAPE_NONE:
		break;
	case SHAPE_RESOLUTION:
		hlv_put_lp32(w, rq->handle);
		hlv_list_encode(w, &rq->indexes);
		hlv_list_encode(w, &rq->types);
		if (rq->has_token)
			hlv_put_lp32(w, rq->token);
		break;
	case SHAPE_HANDLE:
		hlv_put_lp32(w, rq->handle);
		break;
	case SHAPE_VALUES:
		hlv_put_lp32(w, rq->handle);
		hlv_list_encode(w, &rq->values);
		break;
	case SHAPE_INDEXES:
		hlv_put_lp32(w, rq->handle);
		hlv_list_encode(w, &rq->indexes);
		break;
	case SHAPE_ANSWER:
		hlv_put_lp32(w, rq->auth.kind);
		hlv_ref_encode(w, &rq->auth.who);
		hlv_put_lp32(w, rq->auth.proof);
		break;
	case SHAPE_VERIFY:
		hlv_ref_encode(w, &rq->auth.who);
		hlv_put_lp32(w, rq->auth.nonce);
		put_digest(w, &rq->auth.digest);
		hlv_put_lp32(w, rq->auth.proof);
		break;
	case SHAPE_SETUP:
		put_setup(w, rq);
		break;
	case SHAPE_KEY:
		hlv_put_lp32(w, rq->setup.key);
		break;
	case SHAPE_TXN_LOG:
		put_txn_log(w, rq, version);
		break;
	case SHAPE_DUMP:
		put_dump(w, rq);
		break;
	case SHAPE_LOGIN:
		hlv_ref_encode(w, &rq->auth.who);
		break;
	case SHAPE_OCTETS:
		hlv_put_lp32(w, rq->handle);
		hlv_put_lp32(w, rq->octets);
		break;
	}
}

/* Where a message of ours has its two lengths. */
struct frame {
	size_t at;
};

static struct frame frame_begin(struct hlv_writer *w, const struct hlv_envelope *env,
				const struct hlv_header *hdr)
{
	struct frame f = {.at = w->n};
	hlv_envelope_encode(w, env);
	hlv_header_encode(w, hdr);
	return f;
}

static void frame_end(struct hlv_writer *w, struct frame f, bool credential)
{
	size_t body = w->n - f.at - HLV_ENVELOPE_SIZE - HLV_HEADER_SIZE;
	hlv_fill_u32(w, f.at + HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE - 4, (uint32_t)body);
	if (credential)
		hlv_put_u32(w, 0);
	hlv_fill_u32(w, f.at + HLV_ENVELOPE_SIZE - 4,
		     (uint32_t)(w->n - f.at - HLV_ENVELOPE_SIZE));
}

void hlv_request_encode(struct hlv_writer *w, const struct hlv_request *rq)
{
	struct frame f = frame_begin(w, &rq->m.env, &rq->m.hdr);
	put_request_body(w, rq, hlv_version(rq->m.env.major, rq->m.env.minor));
	/* industrial.md 5.2: the SDK sends no credential length behind its login. */
	frame_end(w, f, rq->m.hdr.op != HLV_OP_LOGIN_ID_SYSTEM);
}

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
		rs->handles = get_arrays(r);
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
		rs->digest = get_digest(&r);
		rs->has_digest = true;
	}
	HLV_TRY(get_response_body(&r, rs, version));
	return rs->handle.n > HLV_IDENTIFIER_MAX ? HLV_E_LIMIT : HLV_OK;
}

void hlv_response_put_body(struct hlv_writer *w, const struct hlv_response *rs, int version)
{
	if (rs->has_digest && version >= HLV_V(2, 1))
		put_digest(w, &rs->digest);
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
	hlv_response_put_body(w, rs, version);
	frame_end(w, f, true);
}
