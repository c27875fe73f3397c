/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/message_inner.h"

static struct hlv_list get_indexes(struct hlv_reader *r)
{
	struct hlv_list list = {.n = hlv_get_count(r, 4)};
	list.raw = hlv_take(r, (size_t)list.n * 4);
	return list;
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
	rq->types = message_get_arrays(r);
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
	rq->auth.digest = message_get_digest(r);
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
		message_put_digest(w, &rq->auth.digest);
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

void hlv_request_encode(struct hlv_writer *w, const struct hlv_request *rq)
{
	struct frame f = frame_begin(w, &rq->m.env, &rq->m.hdr);
	put_request_body(w, rq, hlv_version(rq->m.env.major, rq->m.env.minor));
	/* industrial.md 5.2: the SDK sends no credential length behind its login. */
	frame_end(w, f, rq->m.hdr.op != HLV_OP_LOGIN_ID_SYSTEM);
}
