/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/login.h"

#include "proto/base/base64.h"
#include "proto/net/json_tree.h"
#include "proto/sec/sign.h"
#include "proto/web/options.h"
#include "proto/web/params.h"
#include "proto/web/token.h"
#include "proto/wire/name.h"

static const char NOT_VERIFIED[] = "Identity not verified";
static const char WAIT[] = "Too many wrong answers from there: wait";
static const char OVER[] = "This login is over: log in again";
static const char UNREADABLE[] = "Error parsing Authorization: Handle";

bool web_may_log_in(const struct http_call *call)
{
	if (call->peer.transport == HLV_T_TLS)
		return true;
	return strcmp(call->front->web->cleartext_auth, "loopback") == 0 &&
	       hlv_addr_is_loopback(&call->peer.addr);
}

/* --- whose page makes this call? --- */

/* The part of an origin or a Host that names host and port. */
static struct hlv_bytes authority(struct hlv_bytes origin)
{
	const uint8_t *slashes = origin.n ? memmem(origin.p, origin.n, "://", 3) : NULL;
	return slashes ? hlv_skip(origin, (size_t)(slashes - origin.p) + 3) : origin;
}

bool web_is_cross_origin(const struct http_call *call)
{
	struct hlv_bytes site = http_header_of(call, "Sec-Fetch-Site");
	if (hlv_eq_fold(site, hlv_text("cross-site")) ||
	    hlv_eq_fold(site, hlv_text("same-site")))
		return true;
	struct hlv_bytes origin = http_header_of(call, "Origin");
	/* A proxy may ask by another name than browsers do. */
	return origin.n && !hlv_eq_fold(authority(origin), http_header_of(call, "Host")) &&
	       !hlv_eq_fold(origin, hlv_text(call->front->web->origin));
}

/* Kinds of bodies that a page may send anywhere without asking. */
static bool is_simple_body(const struct http_call *call)
{
	struct hlv_bytes type = http_header_of(call, "Content-Type");
	static const char *const simple[] = {"text/plain", "multipart/form-data",
					     "application/x-www-form-urlencoded"};
	for (size_t i = 0; i < sizeof simple / sizeof *simple; i++)
		if (hlv_eq_fold(hlv_head(type, strlen(simple[i])), hlv_text(simple[i])))
			return true;
	return type.n == 0;
}

/* What the browser adds by itself may not be believed; what needs a preflight, a page of another origin
 * cannot send with it (we never allow credentials there). */
static bool may_be_forged(const struct http_call *call, bool is_basic)
{
	if (!web_is_cross_origin(call))
		return false;
	if (http_header_of(call, "Authorization").n == 0)
		return true;
	return is_basic && call->rq.method == WEB_POST && is_simple_body(call);
}

/* --- Basic --- */

static bool all_digits(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
	return text.n > 0;
}

static const uint8_t *colon_in(struct hlv_bytes text)
{
	return text.n ? memchr(text.p, ':', text.n) : NULL;
}

/* "index:handle:secret", of which the colon of the user should have been percent-encoded: digits in
 * front of the first one are no handle (rest-clients.md 3). */
static bool read_basic(struct http_call *call, struct web_login *l, struct hlv_bytes text)
{
	uint8_t *room = hlv_alloc_raw(&call->arena, text.n + 1);
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	if (text.n == 0 || !hlv_base64_parse(text, &w) || w.bad)
		return false;
	struct hlv_bytes pair = hlv_written(&w), user;
	const uint8_t *colon = colon_in(pair);
	if (!colon)
		return false;
	struct hlv_bytes first = hlv_head(pair, (size_t)(colon - pair.p));
	struct hlv_bytes rest = hlv_skip(pair, first.n + 1);
	const uint8_t *second = colon_in(rest);
	if (all_digits(first) && second) {
		user = hlv_head(pair, (size_t)(second - pair.p));
		rest = hlv_skip(pair, user.n + 1);
	} else {
		user = first;
	}
	if (!http_decode(call, user, &user) || user.n == 0)
		return false;
	l->how = WEB_BASIC;
	l->claim = (struct hlv_claim){
		.kind = HLV_CLAIM_SECRET, .who = hlv_ref_parse(user), .secret = rest};
	return true;
}

/* --- Bearer --- */

static bool read_token(struct http_call *call, struct web_login *l, struct hlv_bytes text)
{
	struct web_token token;
	if (!web_token_open(call->web, text, call->now, &call->arena, &token))
		return false;
	l->how = WEB_TOKEN;
	l->claim = (struct hlv_claim){
		.kind = HLV_CLAIM_PROVEN, .who = token.who, .proven = token.proven};
	return true;
}

/* --- Handle --- */

/* Members of `Authorization: Handle`, or of an object. */
struct fields {
	struct hlv_bytes version, session_id, cnonce, id, type, alg, signature, salt,
		iterations, length, client_cert;
};

static struct hlv_bytes *field(struct fields *f, struct hlv_bytes name)
{
	const struct {
		const char *name;
		struct hlv_bytes *at;
	} known[] = {{"version", &f->version},
		     {"sessionId", &f->session_id},
		     {"cnonce", &f->cnonce},
		     {"id", &f->id},
		     {"type", &f->type},
		     {"alg", &f->alg},
		     {"signature", &f->signature},
		     {"salt", &f->salt},
		     {"iterations", &f->iterations},
		     {"length", &f->length},
		     {"clientCert", &f->client_cert}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (hlv_eq_fold(name, hlv_text(known[i].name)))
			return known[i].at;
	return NULL;
}

static struct hlv_bytes trim(struct hlv_bytes text)
{
	while (text.n && (text.p[0] == ' ' || text.p[0] == '\t' || text.p[0] == ','))
		text = hlv_skip(text, 1);
	while (text.n && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
		text.n--;
	return text;
}

/* key="value", key=value, ...: quotes are optional, and nothing is escaped in them. */
static bool read_fields(struct hlv_bytes text, struct fields *f)
{
	for (text = trim(text); text.n; text = trim(text)) {
		const uint8_t *eq = memchr(text.p, '=', text.n);
		if (!eq)
			return false;
		struct hlv_bytes name = trim(hlv_head(text, (size_t)(eq - text.p))), value;
		text = trim(hlv_skip(text, (size_t)(eq - text.p) + 1));
		bool quoted = text.n && text.p[0] == '"';
		if (quoted)
			text = hlv_skip(text, 1);
		const uint8_t *end = text.n ? memchr(text.p, quoted ? '"' : ',', text.n) : NULL;
		if (quoted && !end)
			return false;
		value = end ? hlv_head(text, (size_t)(end - text.p)) : text;
		text = hlv_skip(text, value.n + (end ? 1 : 0));
		struct hlv_bytes *at = field(f, name);
		if (at)
			*at = quoted ? value : trim(value);
	}
	return true;
}

static bool read_object(struct http_call *call, struct hlv_bytes body, struct fields *f)
{
	struct hlv_json json;
	struct hlv_json_error error;
	if (hlv_json_read(&json, body, &call->arena, &error) != HLV_OK ||
	    hlv_json_kind(json.root) != HLV_JSON_OBJECT)
		return false;
	static const char *const names[] = {"version",	  "sessionId", "cnonce",    "id",
					    "type",	  "alg",       "signature", "salt",
					    "iterations", "length",    "clientCert"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const struct hlv_json_node *node = hlv_json_member(json.root, names[i]);
		struct hlv_bytes text;
		if (node && hlv_json_spelling(&json, node, &text))
			*field(f, hlv_text(names[i])) = text;
	}
	return true;
}

static bool octets_of(struct http_call *call, struct hlv_bytes text, struct hlv_bytes *out)
{
	uint8_t *room = hlv_alloc_raw(&call->arena, text.n + 1);
	struct hlv_writer w = hlv_writer(room, room ? text.n : 0);
	if (!hlv_base64_parse(text, &w) || w.bad)
		return false;
	*out = hlv_written(&w);
	return true;
}

static bool number_of(struct hlv_bytes text, uint32_t *out)
{
	uint64_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || i > 9)
			return false;
		n = n * 10 + (uint64_t)(text.p[i] - '0');
	}
	*out = (uint32_t)n;
	return n <= INT32_MAX;
}

static bool is_algorithm(struct hlv_bytes name)
{
	static const char *const known[] = {
		"SHA1",	     "SHA-1",	    "SHA256",		"SHA-256", "MD5",
		"HMAC-SHA1", "HMAC-SHA256", "PBKDF2-HMAC-SHA1", "SM3",	   "Ed25519"};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (hlv_eq_fold(name, hlv_text(known[i])))
			return true;
	return false;
}

/* A signature over the session's nonce and the client's. */
static void read_signed(struct http_call *call, struct web_login *l, const struct fields *f)
{
	struct hlv_claim c = {.kind = HLV_CLAIM_SIGNED,
			      .who = hlv_ref_parse(f->id),
			      .type = f->type,
			      .algorithm = f->alg,
			      .cnonce = l->cnonce,
			      .nonce = hlv_bytes(l->session.nonce, WEB_SESSION_NONCE)};
	bool complete = l->cnonce.n && f->id.n && f->type.n && f->alg.n && f->signature.n;
	if (!complete)
		l->error = "Missing fields in authentication data";
	else if ((!hlv_eq(f->type, hlv_text("HS_PUBKEY")) &&
		  !hlv_eq(f->type, hlv_text("HS_SECKEY"))) ||
		 !is_algorithm(f->alg))
		l->error = UNREADABLE;
	else if (!octets_of(call, f->signature, &c.proof) ||
		 !octets_of(call, f->salt, &c.salt) ||
		 !number_of(f->iterations, &c.iterations) || !number_of(f->length, &c.length))
		l->error = NOT_VERIFIED;
	if (l->error)
		return;
	l->how = WEB_SESSION;
	l->claim = c;
}

static void claim_certificate(struct http_call *call, struct web_login *l)
{
	l->how = WEB_CERT;
	l->claim = (struct hlv_claim){.kind = HLV_CLAIM_CERT,
				      .who = hlv_ref_parse(call->peer.cert_name)};
	if (call->peer.cert_key.n == 0 || l->claim.who.handle.n == 0) {
		l->how = WEB_PUBLIC;
		l->error = "No certificate that names an identity";
	}
}

/* False: the session that it names is not known. */
static bool read_handle(struct http_call *call, struct web_login *l, const struct fields *f)
{
	static const char *const yes[] = {"true", "yes", "1"};
	if (f->session_id.n) {
		l->has_session = call->web->sessions &&
				 web_session_find(call->web->sessions, f->session_id, call->now,
						  &call->arena, &l->session);
		if (!l->has_session)
			return false;
	}
	if (l->session.logged_in) {
		l->how = WEB_SESSION;
		l->claim = (struct hlv_claim){.kind = HLV_CLAIM_PROVEN,
					      .who = l->session.who,
					      .proven = l->session.proven};
	}
	if (f->version.n && !hlv_eq(f->version, hlv_text("0"))) {
		l->error = "Unknown version in Authorization: Handle";
		return true;
	}
	if (f->cnonce.n && !octets_of(call, f->cnonce, &l->cnonce)) {
		l->error = UNREADABLE;
		return true;
	}
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		if (hlv_eq_fold(f->client_cert, hlv_text(yes[i])) && !l->session.logged_in) {
			claim_certificate(call, l);
			return true;
		}
	l->wants_signature = l->cnonce.n && !f->id.n;
	if (f->id.n || f->type.n || f->alg.n || f->signature.n)
		read_signed(call, l, f);
	return true;
}

/* --- a call --- */

static struct hlv_bytes scheme_of(struct hlv_bytes header, const char *name)
{
	size_t n = strlen(name);
	if (header.n < n || !hlv_eq_fold(hlv_head(header, n), hlv_text(name)) ||
	    (header.n > n && header.p[n] != ' '))
		return (struct hlv_bytes){0};
	struct hlv_bytes rest = trim(hlv_skip(header, n));
	/* Never empty of place: empty means "another scheme". */
	return rest.p ? rest : hlv_bytes("", 0);
}

static bool read_header(struct http_call *call, struct web_login *l, struct hlv_bytes header)
{
	struct hlv_bytes text = scheme_of(header, "Basic");
	struct fields f = {0};
	l->has_header = true;
	if (text.p) {
		l->is_basic = true;
		return read_basic(call, l, text);
	}
	text = scheme_of(header, "Bearer");
	if (text.p)
		return read_token(call, l, text);
	text = scheme_of(header, "Handle");
	return text.p && read_fields(text, &f) && read_handle(call, l, &f);
}

/* What the call says; false: it says something that does not hold, login->error perhaps why. */
static bool read_login(struct http_call *call, struct hlv_bytes body)
{
	struct hlv_bytes header = http_header_of(call, "Authorization");
	struct fields f = {0};
	struct web_login *l = hlv_alloc(&call->arena, sizeof *l);
	call->login = l;
	if (!l)
		return false;
	bool forged = may_be_forged(call, scheme_of(header, "Basic").p != NULL);
	if (forged)
		call->peer.cert_key = call->peer.cert_name = (struct hlv_bytes){0};
	if (!web_may_log_in(call) || forged)
		return true;
	bool good = true;
	if (header.n)
		good = read_header(call, l, header);
	else if (body.n)
		good = read_object(call, body, &f) && read_handle(call, l, &f);
	if (good && l->how == WEB_PUBLIC && header.n == 0 && call->peer.cert_key.n &&
	    hlv_ref_parse(call->peer.cert_name).handle.n)
		claim_certificate(call, l);
	/* A claim of what was proven before stands, whatever else is wrong. */
	if (good && l->how != WEB_PUBLIC && (!l->error || l->claim.kind == HLV_CLAIM_PROVEN))
		call->peer.claim = &l->claim;
	return good;
}

void web_login_read(struct http_call *call, struct hlv_bytes body)
{
	if (!read_login(call, body) && call->login && !call->login->error)
		call->login->error = UNREADABLE;
}

bool web_login(struct http_call *call)
{
	if (call->peer.cert_key.n == 0 && http_header_of(call, "Authorization").n == 0)
		return true;
	bool good = read_login(call, (struct hlv_bytes){0});
	if (!call->login) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return false;
	}
	if (good && (!call->login->error || call->peer.claim))
		return true;
	web_answer(call, 401);
	return false;
}

/* After the answer: the session is logged in when the claim held. */
static bool login_held(struct http_call *call, const struct hlv_exchange *x)
{
	struct web_login *l = call->login;
	if (!x->login)
		return false;
	if (!l || !l->has_session || l->claim.kind != HLV_CLAIM_SIGNED)
		return true;
	l->session.by_token = false;
	if (!web_session_login(call->web->sessions, &l->session, x->login, call->now))
		l->session.logged_in = false; /* no memory: for this call alone */
	return true;
}

void web_login_over(struct http_call *call)
{
	struct web_login *l = call->login;
	if (l->claim.kind != HLV_CLAIM_PROVEN || !l->session.logged_in)
		return;
	web_session_end(call->web->sessions, &l->session, call->now);
	l->session = (struct web_session){0};
	l->has_session = false;
}

bool web_refused(struct http_call *call, const struct hlv_exchange *x)
{
	struct web_login *l = call->login;
	if (!l || !call->peer.claim || login_held(call, x))
		return false;
	switch (x->rs.rc) {
	case HLV_RC_AUTHENTICATION_FAILED:
		call->retry_s = x->retry_s;
		l->error = x->retry_s			       ? WAIT
			   : l->claim.kind == HLV_CLAIM_PROVEN ? OVER
							       : NOT_VERIFIED;
		web_login_over(call);
		break;
	case HLV_RC_INVALID_CREDENTIAL:
		l->error = NOT_VERIFIED;
		break;
	case HLV_RC_UNABLE_TO_AUTHENTICATE:
		l->error = "The identity cannot be verified now";
		break;
	default:
		return false;
	}
	hlv_buf_clear(&call->out);
	web_answer(call, 401);
	return true;
}

/* --- challenges --- */

bool web_login_offer(struct http_call *call)
{
	struct web_login *l = call->login;
	if (!l)
		l = call->login = hlv_alloc(&call->arena, sizeof *l);
	if (!l)
		return false;
	if (!l->has_session && call->web->sessions)
		l->has_session = web_session_offer(call->web->sessions, call->now, &l->session);
	return l->has_session;
}

bool web_server_signature(struct http_call *call, const char **algorithm,
			  struct hlv_buf *signature)
{
	const struct web_login *l = call->login;
	const struct hlv_key *key = call->front->web->key;
	uint8_t room[HLV_SIGNATURE_MAX];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_bytes spans[] = {hlv_bytes(l->session.nonce, WEB_SESSION_NONCE), l->cnonce};
	if (!key || !l->wants_signature)
		return false;
	*algorithm = hlv_signature_algorithm(key, HLV_OUR_VERSION);
	if (hlv_sign(key, hlv_text(*algorithm), (struct hlv_bytes){0}, spans, 2, &w) != HLV_OK)
		return false;
	hlv_base64_put(signature, hlv_written(&w), HLV_BASE64);
	return !signature->bad;
}

static void challenge(struct http_call *call)
{
	struct hlv_bytes script = http_header_of(call, "X-Requested-With");
	const struct web_login *l = call->login;
	if (!hlv_eq_fold(script, hlv_text("XMLHttpRequest")) &&
	    (!l || !l->has_header || l->is_basic))
		http_header(call, "WWW-Authenticate", hlv_text("Basic realm=\"handle\""));
	if (!web_login_offer(call))
		return;
	l = call->login;
	struct hlv_buf text = {0}, signature = {0};
	const char *algorithm;
	hlv_buf_printf(&text, "Handle sessionId=\"%s\", nonce=\"", l->session.text);
	hlv_base64_put(&text, hlv_bytes(l->session.nonce, WEB_SESSION_NONCE), HLV_BASE64);
	hlv_buf_str(&text, "\"");
	if (web_server_signature(call, &algorithm, &signature))
		hlv_buf_printf(&text, ", serverAlg=\"%s\", serverSignature=\"%.*s\"", algorithm,
			       (int)signature.n, signature.p);
	if (l->error)
		hlv_buf_printf(&text, ", error=\"%s\"", l->error);
	if (!text.bad)
		http_header(call, "WWW-Authenticate", hlv_buf_bytes(&text));
	hlv_buf_free(&signature);
	hlv_buf_free(&text);
}

void web_answer(struct http_call *call, unsigned status)
{
	if (status == 401)
		challenge(call);
	const char *type = web_dress(call);
	http_reply(call, status, call->out.n ? type : NULL);
}

/* --- who? --- */

struct asking_who {
	struct http_call *call;
	web_known *known;
};

static void who_came(struct hlv_exchange *x, void *ctx)
{
	struct asking_who *a = ctx;
	struct http_call *call = a->call;
	if (web_refused(call, x))
		return;
	if (x->login)
		a->known(call, x->login, call->login->how);
	else
		web_error(call, web_status(call, x->rs.rc, true), x->rs.rc,
			  "Who it is cannot be found out now");
}

void web_ask_who(struct http_call *call, web_known *known)
{
	struct hlv_request rq = {.m.hdr.op = HLV_OP_LOGIN_ID_SYSTEM};
	if (!web_login(call))
		return;
	if (!call->peer.claim) {
		known(call, NULL, WEB_PUBLIC);
		return;
	}
	struct asking_who *a = hlv_alloc(&call->arena, sizeof *a);
	if (!a) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	*a = (struct asking_who){call, known};
	hlv_ask(call->front, &call->peer, call->now, &rq, who_came, a);
}
