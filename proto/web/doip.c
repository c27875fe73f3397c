/* SPDX-License-Identifier: Apache-2.0
 *
 * The enterprise dialect's envelope, its login, and what its files share (industrial.md 9.1).
 */
#include "proto/web/doip.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/base/base64.h"
#include "proto/sec/mac.h"
#include "proto/web/login.h"
#include "proto/web/options.h"
#include "proto/web/token.h"
#include "proto/wire/admin.h"

enum {
	NONCE_LIFE_S = 300,
	STRANGER_MAX = 16 << 10, /* octets of a body that are read for nobody in particular */
	ISSUED_MAX = 4096,	 /* a power of two */
	SLOT_MASK = 0xFFFFFF,
	/* A word of what was used: 32 bits of what for, 8 of the time, 24 of how often. */
	USES_BITS = 24,
	USES_MASK = 0xFFFFFF,
};

/* --- the envelope --- */

static void put_head(struct hlv_buf *b, unsigned code, const char *message)
{
	hlv_buf_clear(b);
	hlv_buf_printf(b, "{\"code\":%u,\"message\":", code);
	hlv_json_put_str(b, hlv_text(message));
	hlv_buf_str(b, ",\"data\":");
}

/* Whatever the code, the status is 200: its clients read the code. */
static void say(struct http_call *call, unsigned code, const char *message)
{
	put_head(&call->out, code, message);
	hlv_buf_str(&call->out, "null}");
	http_reply(call, 200, WEB_JSON);
}

void doip_say(struct doip_task *t, unsigned code, const char *message)
{
	say(t->call, code, message);
}

struct hlv_buf *doip_data(struct doip_task *t)
{
	put_head(&t->call->out, DOIP_OK, "success");
	return &t->call->out;
}

void doip_send(struct doip_task *t)
{
	hlv_buf_str(&t->call->out, "}");
	http_reply(t->call, 200, WEB_JSON);
}

/* --- the request --- */

struct hlv_bytes doip_field(struct doip_task *t, const char *name)
{
	struct hlv_bytes text = {0};
	const struct hlv_json_node *node = hlv_json_member(t->json.root, name);
	if (node && hlv_json_spelling(&t->json, node, &text))
		return text;
	if (http_query(t->call, name, 0, &text))
		return text;
	return (struct hlv_bytes){0};
}

/* Bearer, and nothing else: what a browser adds by itself counts for nobody here. */
static bool read_token(struct doip_task *t)
{
	static const char scheme[] = "Bearer ";
	struct http_call *call = t->call;
	struct hlv_bytes header = http_header_of(call, "Authorization");
	struct web_token token;
	call->peer.cert_key = call->peer.cert_name = (struct hlv_bytes){0};
	if (header.n == 0)
		return true;
	if (header.n < sizeof scheme - 1 ||
	    !hlv_eq_fold(hlv_head(header, sizeof scheme - 1), hlv_text(scheme)) ||
	    !web_may_log_in(call) ||
	    !web_token_open(call->web, hlv_skip(header, sizeof scheme - 1), call->now,
			    &call->arena, &token))
		return false;
	t->known = true;
	t->who = token.who;
	t->claim = (struct hlv_claim){
		.kind = HLV_CLAIM_PROVEN, .who = token.who, .proven = token.proven};
	call->peer.claim = &t->claim;
	return true;
}

struct doip_task *doip_begin(struct http_call *call)
{
	struct doip_task *t = hlv_alloc(&call->arena, sizeof *t);
	if (!t) {
		say(call, DOIP_FAILED, "Out of memory");
		return NULL;
	}
	t->call = call;
	t->json.error = &t->error;
	if (!read_token(t)) {
		say(call, DOIP_AUTH_FAILED,
		    web_may_log_in(call) ? "The token is over, or none of this server"
					 : "Tokens are taken over TLS only");
		return NULL;
	}
	/* Questions and logins are short. */
	if (!t->known && call->rq.body.n > STRANGER_MAX) {
		say(call, DOIP_AUTH_FAILED, "Log in first: without a token 16 KiB are read");
		return NULL;
	}
	if (call->rq.body.n > 0 &&
	    (hlv_json_read(&t->json, call->rq.body, &call->arena, &t->error) != HLV_OK ||
	     hlv_json_kind(t->json.root) != HLV_JSON_OBJECT)) {
		say(call, DOIP_BAD_PARAMETER,
		    *t->error.text ? t->error.text : "The body is no JSON object");
		return NULL;
	}
	t->json.a = &call->arena;
	t->json.error = &t->error;
	return t;
}

bool doip_needs_login(struct doip_task *t)
{
	if (t->known)
		return true;
	doip_say(t, DOIP_AUTH_FAILED,
		 "Log in first: GET /api/v1/doip/public/challenge?handle=...");
	return false;
}

/* --- questions --- */

static void came(struct hlv_exchange *x, void *ctx)
{
	struct doip_task *t = ctx;
	t->then(t, x);
}

void doip_ask(struct doip_task *t, const struct hlv_request *rq, enum doip_way way,
	      void (*then)(struct doip_task *, struct hlv_exchange *))
{
	t->way = way;
	t->then = then;
	hlv_ask(t->call->front, &t->call->peer, t->call->now, rq, came, t);
}

static unsigned code_of_refusal(enum doip_way way)
{
	switch (way) {
	case DOIP_READS:
		return DOIP_NO_READ;
	case DOIP_WRITES:
		return DOIP_NO_WRITE;
	case DOIP_DELETES:
		return DOIP_NO_DELETE;
	}
	return DOIP_NOT_ALLOWED;
}

static unsigned code_of(uint32_t rc, enum doip_way way)
{
	switch (rc) {
	case HLV_RC_NOT_FOUND:
	case HLV_RC_VALUES_NOT_FOUND:
		return DOIP_NOT_FOUND;
	case HLV_RC_EXISTS:
	case HLV_RC_VALUE_EXISTS:
		return DOIP_EXISTS;
	case HLV_RC_INVALID_HANDLE:
		return DOIP_MALFORMED_ID;
	case HLV_RC_INVALID_VALUE:
	case HLV_RC_PROTOCOL_ERROR:
		return DOIP_BAD_PARAMETER;
	case HLV_RC_NOT_SUPPORTED:
		return DOIP_UNSUPPORTED;
	case HLV_RC_NOT_RESPONSIBLE:
	case HLV_RC_SERVICE_REFERRAL:
	case HLV_RC_PREFIX_REFERRAL:
		return DOIP_NOT_YOURS;
	case HLV_RC_INVALID_ADMIN:
	case HLV_RC_INSUFFICIENT_PERMISSIONS:
		return code_of_refusal(way);
	case HLV_RC_AUTHENTICATION_NEEDED:
	case HLV_RC_AUTHENTICATION_FAILED:
	case HLV_RC_INVALID_CREDENTIAL:
	case HLV_RC_AUTHENTICATION_TIMEOUT:
	case HLV_RC_UNABLE_TO_AUTHENTICATE:
		return DOIP_AUTH_FAILED;
	case HLV_RC_DAILY_LIMIT:
	case HLV_RC_REGISTRATION_LIMIT:
	case HLV_RC_PREFIX_LIMIT:
		return DOIP_DECLINED;
	}
	return DOIP_FAILED;
}

void doip_refuse(struct doip_task *t, const struct hlv_exchange *x)
{
	char why[DOIP_WHY];
	const char *text = hlv_rc_text(x->rs.rc);
	struct hlv_bytes said = hlv_head(x->rs.text, 160);
	bool readable = x->rs.kind == HLV_BODY_ERROR && said.n > 0 && hlv_is_text(said);
	snprintf(why, sizeof why, "%s (%u)%s%.*s", text ? text : "refused", x->rs.rc,
		 readable ? ": " : "", readable ? (int)said.n : 0,
		 readable ? (const char *)said.p : "");
	doip_say(t, code_of(x->rs.rc, t->way), why);
}

/* --- values --- */

struct hlv_bytes doip_value(const struct hlv_list *values, uint32_t index)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) == HLV_OK && v.index == index)
			return v.data;
	}
	return (struct hlv_bytes){0};
}

void doip_put_value(struct doip_task *t, struct hlv_writer *w, uint32_t index, const char *type,
		    struct hlv_bytes data, uint8_t perms)
{
	hlv_value_encode(w, &(struct hlv_value){.index = index,
						.mtime_s = hlv_now_s(t->call->now),
						.ttl_kind = HLV_TTL_RELATIVE,
						.ttl_s = HLV_TTL_DEFAULT_S,
						.perms = perms,
						.type = hlv_text(type),
						.data = data});
	t->values.n++;
	t->values.raw = hlv_written(w);
}

void doip_put_head(struct doip_task *t, struct hlv_writer *w, struct hlv_bytes template_id,
		   struct hlv_bytes version)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 16];
	struct hlv_writer admin = hlv_writer(room, sizeof room);
	hlv_admin_encode(&admin, &(struct hlv_admin){.perms = HLV_ADMIN_ALL, .who = t->who});
	t->values = (struct hlv_list){0};
	doip_put_value(t, w, DOIP_ADMIN, "HS_ADMIN", hlv_written(&admin), HLV_PERM_DEFAULT);
	doip_put_value(t, w, DOIP_TEMPLATE_ID, "TEMPLATE_ID", template_id, HLV_PERM_DEFAULT);
	doip_put_value(t, w, DOIP_VERSION, "TEMPLATE", version, HLV_PERM_DEFAULT);
}

/* --- login --- */

/* The nonce is made of what it is for and of the time, so that nothing has to be remembered: who asks
 * for a million of them fills no table. It is good from one address, for five to ten minutes, for one
 * login, unless another is asked for. */
static bool mac_of(const struct http_call *call, struct hlv_bytes handle, uint64_t slot,
		   struct hlv_mac *mac)
{
	uint8_t place[16], when[8];
	struct hlv_bytes key = hlv_bytes(call->web->token_key, sizeof call->web->token_key);
	struct hlv_writer w = hlv_writer(when, sizeof when);
	hlv_put_u64(&w, slot);
	hlv_addr_to_site(&call->peer.addr, place);
	struct hlv_bytes spans[] = {hlv_text("doip-challenge"), hlv_written(&w),
				    hlv_bytes(place, sizeof place), handle};
	return hlv_mac(HLV_MAC_HMAC_SHA256, key, spans, 4, mac) == HLV_OK;
}

/* The one behind `uses` logins of that time. */
static bool make_nonce(const struct http_call *call, struct hlv_bytes handle, uint64_t slot,
		       uint32_t uses, struct hlv_buf *out)
{
	struct hlv_mac mac;
	if (!mac_of(call, handle, slot << USES_BITS | uses, &mac))
		return false;
	hlv_base64_put(out, hlv_bytes(mac.octets, mac.n), HLV_BASE64_URL);
	return !out->bad;
}

/* One try is all that there is, for a wrong answer makes the next one wait: so which time a challenge is
 * of is noted, in a word each: what it is for (40 bits), and the time. Apart from it, where only who
 * has the key writes: how many logins there were at which time. */
struct doip_issued {
	_Atomic uint64_t at[ISSUED_MAX];
	_Atomic uint64_t used[ISSUED_MAX];
};

struct doip_issued *doip_issued_new(void)
{
	return calloc(1, sizeof(struct doip_issued));
}

void doip_issued_free(struct doip_issued *issued)
{
	free(issued);
}

static _Atomic uint64_t *issued_at(const struct http_call *call, struct hlv_bytes handle,
				   uint64_t *tag)
{
	struct hlv_mac mac;
	if (!mac_of(call, handle, UINT64_MAX, &mac))
		return NULL;
	uint64_t h = hlv_load_u64(mac.octets);
	*tag = h & ~(uint64_t)SLOT_MASK;
	return &call->web->issued->at[h & (ISSUED_MAX - 1)];
}

static void note_issued(const struct http_call *call, struct hlv_bytes handle, uint64_t slot)
{
	uint64_t tag = 0;
	_Atomic uint64_t *at = issued_at(call, handle, &tag);
	if (at)
		atomic_store_explicit(at, tag | (slot & SLOT_MASK), memory_order_relaxed);
}

/* The time of the last challenge for it, if that was the one before. */
static uint64_t find_issued(const struct http_call *call, struct hlv_bytes handle, uint64_t now)
{
	uint64_t tag = 0;
	_Atomic uint64_t *at = issued_at(call, handle, &tag);
	uint64_t word = at ? atomic_load_explicit(at, memory_order_relaxed) : 0;
	bool before = word == (tag | ((now - 1) & SLOT_MASK));
	return before ? now - 1 : now;
}

/* --- one login for each --- */

/* Where the logins of that time are counted: `*word` is what stands there, `*base` what stands there
 * for this time without its count. */
static _Atomic uint64_t *used_at(const struct http_call *call, struct hlv_bytes handle,
				 uint64_t slot, uint64_t *base, uint64_t *word)
{
	struct hlv_mac mac;
	if (!mac_of(call, handle, UINT64_MAX, &mac))
		return NULL;
	uint64_t h = hlv_load_u64(mac.octets);
	_Atomic uint64_t *at = &call->web->issued->used[h & (ISSUED_MAX - 1)];
	*base = h >> 32 << 32 | (slot & 0xFF) << USES_BITS;
	*word = atomic_load_explicit(at, memory_order_relaxed);
	return at;
}

static uint32_t uses_in(uint64_t word, uint64_t base)
{
	return (word & ~(uint64_t)USES_MASK) == base ? (uint32_t)(word & USES_MASK) : 0;
}

static uint32_t uses_of(const struct http_call *call, struct hlv_bytes handle, uint64_t slot)
{
	uint64_t base, word;
	return used_at(call, handle, slot, &base, &word) ? uses_in(word, base) : 0;
}

/* False: another login was faster. */
static bool use(const struct http_call *call, struct hlv_bytes handle, uint64_t slot,
		uint32_t uses)
{
	uint64_t base, word;
	_Atomic uint64_t *at = used_at(call, handle, slot, &base, &word);
	if (!at || uses_in(word, base) != uses)
		return false;
	return atomic_compare_exchange_strong(at, &word, base | ((uses + 1) & USES_MASK));
}

static uint64_t slot_of(const struct http_call *call)
{
	return call->now.wall_ms / 1000 / NONCE_LIFE_S;
}

void web_doip_challenge(struct http_call *call)
{
	struct doip_task *t = doip_begin(call);
	struct hlv_bytes handle = t ? doip_field(t, "handle") : (struct hlv_bytes){0};
	if (!t)
		return;
	if (handle.n == 0 || handle.n > HLV_IDENTIFIER_MAX) {
		doip_say(t, DOIP_BAD_PARAMETER, "handle: whose login is it?");
		return;
	}
	struct hlv_buf *b = doip_data(t);
	uint64_t slot = slot_of(call);
	hlv_buf_str(b, "\"");
	note_issued(call, handle, slot);
	if (!make_nonce(call, handle, slot, uses_of(call, handle, slot), b)) {
		doip_say(t, DOIP_FAILED, "No challenge could be made");
		return;
	}
	hlv_buf_str(b, "\"");
	doip_send(t);
}

struct verifying {
	struct hlv_claim claim;
	struct hlv_bytes handle;
	uint64_t slot; /* of the challenge, and its number */
	uint32_t uses;
};

static void verified(struct doip_task *t, struct hlv_exchange *x)
{
	struct http_call *call = t->call;
	struct verifying *v = call->state;
	if (x->rs.rc != HLV_RC_SUCCESS || !x->login) {
		if (x->rs.rc == HLV_RC_SUCCESS)
			doip_say(t, DOIP_AUTH_FAILED, "The signature does not verify");
		else
			doip_refuse(t, x);
		return;
	}
	if (!use(call, v->handle, v->slot, v->uses)) {
		doip_say(t, DOIP_AUTH_FAILED, "The challenge was used: ask for another");
		return;
	}
	struct hlv_buf *b = doip_data(t);
	struct web_token token = {.who = x->login->who,
				  .how = WEB_TOKEN,
				  .proven = x->login->proven,
				  .expires_s = call->now.wall_ms / 1000 +
					       call->front->web->token_life_s};
	hlv_buf_str(b, "{\"token\":\"");
	web_token_put(b, call->web, &token);
	hlv_buf_str(b, "\",\"handle\":");
	hlv_json_put_str(b, v->handle);
	hlv_buf_printf(b, ",\"expires\":%llu}", (unsigned long long)token.expires_s * 1000);
	doip_send(t);
}

static void verify(struct doip_task *t)
{
	struct http_call *call = t->call;
	struct verifying *v = call->state;
	struct hlv_buf nonce = {0};
	struct hlv_request rq = {.m.hdr.op = HLV_OP_LOGIN_ID_SYSTEM};
	v->slot = find_issued(call, v->handle, slot_of(call));
	v->uses = uses_of(call, v->handle, v->slot);
	bool made = make_nonce(call, v->handle, v->slot, v->uses, &nonce);
	v->claim.nonce = hlv_arena_copy(&call->arena, hlv_buf_bytes(&nonce));
	hlv_buf_free(&nonce);
	if (!made || call->arena.bad) {
		doip_say(t, DOIP_FAILED, "Out of memory");
		return;
	}
	call->peer.claim = &v->claim;
	doip_ask(t, &rq, DOIP_READS, verified);
}

void web_doip_verify(struct http_call *call)
{
	struct doip_task *t = doip_begin(call);
	if (!t)
		return;
	struct verifying *v = hlv_alloc(&call->arena, sizeof *v);
	struct hlv_bytes handle = doip_field(t, "handle"), text = doip_field(t, "signature");
	struct hlv_bytes algorithm = doip_field(t, "algorithm");
	uint8_t *room = hlv_alloc_raw(&call->arena, text.n + 1);
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	if (!web_may_log_in(call)) {
		doip_say(t, DOIP_AUTH_FAILED, "Logins are taken over TLS only");
		return;
	}
	if (!v || !room || handle.n == 0 || handle.n > HLV_IDENTIFIER_MAX || text.n == 0 ||
	    !hlv_base64_parse(text, &w) || w.bad) {
		doip_say(t, DOIP_BAD_PARAMETER, "Expected handle and signature (base64)");
		return;
	}
	v->handle = handle;
	v->claim = (struct hlv_claim){.kind = HLV_CLAIM_SIGNED,
				      .who = hlv_ref_parse(handle),
				      .type = hlv_text("HS_PUBKEY"),
				      .algorithm = algorithm.n ? algorithm : hlv_text("SHA256"),
				      .proof = hlv_written(&w)};
	if (v->claim.who.handle.n == 0)
		v->claim.who = (struct hlv_ref){handle, 0};
	call->state = v;
	verify(t);
}

/* --- what is not there --- */

void web_doip_none(struct http_call *call)
{
	say(call, DOIP_UNSUPPORTED, "This node does not offer that");
}
