/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/log.h"
#include "proto/sec/challenge.h"
#include "proto/sec/digest.h"
#include "proto/sec/secret.h"
#include "server/authn_inner.h"
#include "server/identity.h"

static const hlv_mono_ns TELL_EVERY_NS = 1000000000U;
/* One text for whatever is wrong: who guesses learns nothing (threats.md 3). */
static const char WRONG[] = "Authentication failed";

bool authn_random(void *out, size_t n)
{
	return getrandom(out, n, 0) == (ssize_t)n;
}

struct authn *authn_new(const struct authn_rules *rules, uint64_t secret)
{
	struct authn *a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	a->rules = rules;
	a->pending = pending_new(secret);
	a->sessions = session_table_new(secret);
	a->backoff = backoff_new(secret);
	a->tags = tags_new(secret);
	bool keyed = authn_random(a->proven_key, sizeof a->proven_key);
	if (keyed && a->pending && a->sessions && a->backoff && a->tags)
		return a;
	authn_free(a);
	return NULL;
}

void authn_free(struct authn *a)
{
	if (!a)
		return;
	pending_free(a->pending);
	session_table_free(a->sessions);
	backoff_free(a->backoff);
	tags_free(a->tags);
	hlv_wipe(a->proven_key, sizeof a->proven_key);
	free(a);
}

void authn_set_rules(struct authn *a, const struct authn_rules *rules)
{
	a->rules = rules;
}

void authn_tick(struct authn *a, struct hlv_now now)
{
	pending_tick(a->pending, now);
	session_tick(a->sessions, now);
}

struct authn_stats authn_stats(const struct authn *a)
{
	struct authn_stats stats = a->stats;
	stats.challenges = pending_count(a->pending);
	stats.sessions = session_count(a->sessions);
	return stats;
}

enum authn_verdict authn_refuse(struct job *j, enum hlv_rc rc, const char *text)
{
	job_refuse(j, rc, text);
	return AUTHN_REPLY;
}

/* Whoever has to wait learns for how long, and nothing else. */
static bool has_to_wait(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	uint32_t wait_ms = backoff_wait_ms(a->backoff, &j->proof.who, &x->peer.addr, x->now);
	x->retry_s = (uint16_t)((wait_ms + 999) / 1000);
	return wait_ms > 0;
}

struct tag *authn_tag(struct authn *a, const struct job *j)
{
	return j->tag ? tags_get(a->tags, j->x->peer.conn, j->tag) : NULL;
}

/* --- challenges --- */

uint32_t authn_fresh_id(struct authn *a)
{
	uint32_t id;
	do {
		if (!authn_random(&id, sizeof id))
			return 0;
		id &= INT32_MAX;
	} while (id <= HLV_TAG_LAST || pending_has(a->pending, id) ||
		 session_has(a->sessions, id));
	return id;
}

static void offer_to(struct authn *a, struct job *j, const struct pending_offer *offer)
{
	struct hlv_exchange *x = j->x;
	const struct pending *p = pending_put(a->pending, x, offer);
	if (!p) {
		job_refuse(j, HLV_RC_BUSY, "Too many challenges are waiting for an answer");
		return;
	}
	struct tag *tag = authn_tag(a, j);
	if (tag)
		tag->pending = p->id;
	else
		x->rq.m.env.session_id = p->id;
	/* 4.0: in a challenge the digest is there whether it was asked for or not. */
	x->rs = (struct hlv_response){
		.rc = HLV_RC_AUTHENTICATION_NEEDED,
		.kind = HLV_BODY_CHALLENGE,
		.octets = hlv_arena_copy(&x->arena, hlv_bytes(p->nonce, sizeof p->nonce)),
		.has_digest = true,
		.digest = {offer->digest.kind, hlv_arena_copy(&x->arena, offer->digest.octets)},
	};
	if (x->arena.bad)
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
}

void authn_challenge(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	uint8_t nonce[PENDING_NONCE], digest[HLV_HASH_MAX];
	bool in_session = j->session && !j->tag;
	struct pending_offer offer = {
		.id = in_session ? j->session : authn_fresh_id(a),
		.in_session = in_session,
		.version = hlv_envelope_answer_version(&x->rq.m.env),
		.nonce = nonce,
		.message = x->message,
	};
	if (offer.id == 0 || !authn_random(nonce, sizeof nonce) ||
	    hlv_request_digest(x->rq.m.covered, offer.version, digest, &offer.digest) != HLV_OK)
		job_refuse(j, HLV_RC_ERROR, "No challenge could be made");
	else
		offer_to(a, j, &offer);
}

enum authn_verdict authn_name(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	if (x->rq.m.hdr.op != HLV_OP_RESOLUTION || hlv_scheme_is_plain(x->rq.handle) ||
	    hlv_exchange_name(x, a->rules->schemes))
		return AUTHN_GO;
	return authn_refuse(j, (enum hlv_rc)x->rs.rc, (const char *)x->rs.text.p);
}

/* The answer becomes the request that was challenged: its octets, its flags, its digest; but the
 * answer's own ids and versions (8, step 5). */
static enum authn_verdict swap_in(struct job *j, const struct pending *p)
{
	struct hlv_exchange *x = j->x;
	struct hlv_envelope env = x->rq.m.env;
	struct hlv_bytes digest = hlv_bytes(p->digest, p->digest_n);
	j->proof = (struct proof){
		.kind = x->rq.auth.kind,
		.who = x->rq.auth.who,
		.nonce = hlv_arena_copy(&x->arena, hlv_bytes(p->nonce, sizeof p->nonce)),
		.digest = hlv_arena_copy(&x->arena, digest),
		.octets = x->rq.auth.proof,
		.digest_kind = p->digest_kind,
	};
	struct hlv_bytes message = hlv_arena_copy(&x->arena, p->message);
	if (x->arena.bad || hlv_message_decode(message, &x->rq.m) != HLV_OK ||
	    hlv_request_decode(&x->rq.m, &x->rq) != HLV_OK)
		return authn_refuse(j, HLV_RC_ERROR, "Out of memory");
	x->message = message;
	x->rq.m.env = env;
	j->unproven = true;
	j->who = (struct principal){ACTOR_CHALLENGE, j->proof.who};
	return AUTHN_GO;
}

static enum authn_verdict open_answer(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct tag *tag = authn_tag(a, j);
	uint32_t theirs = x->rq.m.env.session_id;
	if (tag)
		x->rq.m.env.session_id = tag->pending;
	const struct pending *p = pending_take(a->pending, x);
	x->rq.m.env.session_id = theirs;
	if (p) {
		enum authn_verdict verdict = swap_in(j, p);
		return verdict == AUTHN_GO ? authn_name(a, j) : verdict;
	}
	return authn_refuse(j, HLV_RC_AUTHENTICATION_TIMEOUT,
			    "No challenge is pending: it was answered, or is too old");
}

/* --- who sent it --- */

const struct hlv_login *authn_login(const struct authn *a, const struct job *j,
				    const struct registry_view *in)
{
	const struct hlv_login *login = hlv_exchange_login(j->x);
	return login && !authn_proof_over(a, j, in, &login->who, &login->proven) ? login : NULL;
}

/* Without a session: what the connection itself says. */
static enum authn_verdict open_connection(struct authn *a, struct job *j,
					  const struct registry_view *in)
{
	const struct hlv_peer *peer = &j->x->peer;
	if (peer->claim)
		return authn_open_claim(a, j, in);
	const struct hlv_login *login = authn_login(a, j, in);
	if (peer->transport == HLV_T_LOCAL &&
	    (peer->uid == 0 || peer->uid == a->rules->own_uid)) {
		j->who = (struct principal){ACTOR_LOCAL, {.index = peer->uid}};
	} else if (login) {
		j->who = (struct principal){login->session_id ? ACTOR_LOGIN : ACTOR_CERT,
					    login->who};
	} else if (peer->cert_key.n) {
		/* 15.4: the certificate's name is the claim, its key the proof. */
		j->who = (struct principal){ACTOR_CERT, hlv_ref_parse(peer->cert_name)};
		j->proof = (struct proof){.kind = hlv_text("HS_PUBKEY"), .who = j->who.who};
		j->unproven = true;
	}
	return AUTHN_GO;
}

enum authn_verdict authn_open(struct authn *a, struct job *j, const struct registry_view *in)
{
	struct hlv_exchange *x = j->x;
	uint32_t id = x->rq.m.env.session_id;
	j->opened = true;
	j->tag = hlv_exchange_is_tagged(x) ? id : 0;
	struct tag *tag = authn_tag(a, j);
	j->session = tag ? tag->session : id <= INT32_MAX ? id : 0;
	if (x->rq.m.env.flags & HLV_E_ENCRYPTED) {
		enum authn_verdict verdict = authn_decrypt(a, j);
		if (verdict != AUTHN_GO)
			return verdict;
	}
	if (x->rq.m.hdr.op == HLV_OP_RESPONSE_TO_CHALLENGE)
		return open_answer(a, j);
	struct session *s = authn_session_of(a, j);
	if (s)
		return authn_enter_session(a, j, s, in);
	if (j->session && !tag)
		return authn_refuse(j, HLV_RC_SESSION_TIMEOUT, "No such session");
	j->session = 0;
	return open_connection(a, j, in);
}

/* --- proofs --- */

/* Forms that decisions.md 12 keeps for old peers on request: everything by MD5 or SHA-1 but the
 * PBKDF2 form of 2.7. */
static bool is_legacy(const struct proof *p)
{
	if (hlv_eq(p->kind, hlv_text("HS_SECKEY")))
		return p->octets.n == 0 || p->octets.p[0] < 3 || p->octets.p[0] == 0x12 ||
		       p->octets.n == 16;
	struct hlv_reader r = hlv_reader(p->octets);
	struct hlv_bytes name = hlv_get_lp32(&r);
	return hlv_starts_with(name, hlv_text("MD5")) ||
	       hlv_starts_with(name, hlv_text("SHA1")) || hlv_eq(name, hlv_text("SHA-1")) ||
	       (name.n == 1 && name.p[0] < 3);
}

/* PBKDF2 takes milliseconds; everything else that we check takes less than one. */
static bool is_slow(const struct proof *p)
{
	return hlv_eq(p->kind, hlv_text("HS_SECKEY")) && p->octets.n && p->octets.p[0] == 0x22;
}

/* Of several secrets nobody learns which it was, as if another node had verified it: an identity of
 * index 0 keeps its 0. */
static const struct hlv_value *secret_of(const struct proof *p, const struct identity *id)
{
	/* An identity that does not exist takes as long as a wrong answer. */
	static const uint8_t nobody[20];
	struct hlv_bytes secret = hlv_bytes(nobody, sizeof nobody);
	const struct hlv_value *by = NULL;
	enum hlv_err err = HLV_E_SIGNATURE;
	for (size_t i = 0; i < id->n && err != HLV_OK; i++) {
		by = &id->keys[i];
		err = hlv_check_secret(by->data, p->nonce, p->digest, p->octets);
	}
	if (id->n == 0)
		err = hlv_check_secret(secret, p->nonce, p->digest, p->octets);
	return err == HLV_OK ? by : NULL;
}

/* `here`: it is a value of this registry, and not another node's. */
static bool holds_public(const struct authn *a, struct job *j, const struct hlv_value *v,
			 bool here)
{
	const struct proof *p = &j->proof;
	struct hlv_key *key;
	if (hlv_pubkey_decode(v->data, &key) != HLV_OK)
		return false;
	bool holds = false, strong = hlv_key_is_strong(key);
	if (!strong && !a->rules->allow_legacy) {
		hlv_debug("authn.weak", "key=%s", hlv_key_name(key));
	} else if (p->nonce.n) {
		holds = hlv_check_public(key, p->nonce, p->digest, p->who.handle, p->octets) ==
			HLV_OK;
	} else {
		struct hlv_key *shown;
		holds = hlv_spki_decode(j->x->peer.cert_key, &shown) == HLV_OK;
		if (holds) {
			holds = hlv_key_same_public(key, shown);
			hlv_key_free(shown);
		}
	}
	hlv_key_free(key);
	holds = holds && authn_note_proven(a, j, here ? v : NULL, !strong || is_legacy(p));
	if (holds)
		j->who.who.index = v->index;
	return holds;
}

/* What a login says in the log: for people who look for break-ins. */
static void tell(const struct job *j, enum hlv_log_level level, const char *event)
{
	char source[HLV_ADDR_TEXT];
	struct hlv_bytes id = hlv_head(j->proof.who.handle, 128);
	hlv_log(level, event, "identity=%u:%.*s source=%s", j->proof.who.index, (int)id.n,
		id.n ? (const char *)id.p : "", hlv_addr_print(&j->x->peer.addr, source));
}

/* The connection speaks for its identity from now on: the SDK's after its login, one with a
 * certificate after its first message. Who claims by HTTP to be somebody is told to his front end. */
enum authn_verdict authn_keep_login(struct job *j)
{
	struct hlv_exchange *x = j->x;
	bool asked = x->rq.m.hdr.op == HLV_OP_LOGIN_ID_SYSTEM;
	if (!asked && j->who.how != ACTOR_CERT && !x->peer.claim)
		return AUTHN_GO;
	x->login = hlv_login_new(asked ? x->rq.m.env.session_id : 0, &j->who.who);
	if (!x->login)
		return authn_refuse(j, HLV_RC_ERROR, "Out of memory");
	x->login->proven = j->proven;
	if (!asked)
		return AUTHN_GO;
	x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_EMPTY};
	return AUTHN_REPLY;
}

enum authn_verdict authn_conclude(struct authn *a, struct job *j, bool holds)
{
	struct hlv_exchange *x = j->x;
	if (!holds) {
		a->stats.failed++;
		backoff_failed(a->backoff, &j->proof.who, &x->peer.addr, x->now);
		/* The first of each second: who guesses fast fills no disk. */
		bool quiet = x->now.mono_ns - a->told_ns < TELL_EVERY_NS;
		tell(j, quiet ? HLV_LOG_DEBUG : HLV_LOG_INFO, "authn.failed");
		a->told_ns = quiet ? a->told_ns : x->now.mono_ns;
		return authn_refuse(j, HLV_RC_AUTHENTICATION_FAILED, WRONG);
	}
	a->stats.succeeded++;
	backoff_succeeded(a->backoff, &j->proof.who, &x->peer.addr);
	tell(j, HLV_LOG_DEBUG, "authn.succeeded");
	j->unproven = false;
	struct session *s = authn_session_of(a, j);
	/* 9.1, 4: only the identity of the setup makes the session its own. */
	bool own = s && s->who.index == j->proof.who.index && s->who.handle.n > 0 &&
		   hlv_name_eq_prefix(s->who.handle, j->proof.who.handle);
	if (own && !session_authenticate(a->sessions, s, x->now))
		return authn_refuse(j, HLV_RC_BUSY, "This identity has too many sessions");
	if (own)
		s->proven = j->proven;
	return authn_keep_login(j);
}

enum authn_verdict authn_check_keys(struct authn *a, struct job *j,
				    const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	unsigned tried = 0;
	for (uint32_t i = 0; i < values->n && tried < IDENTITY_KEYS_MAX; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
		bool wanted = j->proof.who.index == 0 || j->proof.who.index == v.index;
		if (!wanted || !hlv_type_is(v.type, "HS_PUBKEY"))
			continue;
		tried++;
		if (holds_public(a, j, &v, false))
			return authn_conclude(a, j, true);
	}
	return authn_conclude(a, j, false);
}

/* What is refused before any key is looked at. */
static enum authn_verdict before_check(struct authn *a, struct job *j)
{
	const struct proof *p = &j->proof;
	bool secret = hlv_eq(p->kind, hlv_text("HS_SECKEY"));
	if (!secret && !hlv_eq(p->kind, hlv_text("HS_PUBKEY")))
		return authn_refuse(j, HLV_RC_INVALID_CREDENTIAL,
				    "Unknown kind of authentication");
	if (has_to_wait(a, j))
		return authn_refuse(j, HLV_RC_AUTHENTICATION_FAILED,
				    "Too many wrong answers from there: wait a minute");
	if (p->nonce.n && is_legacy(p) && !a->rules->allow_legacy)
		return authn_refuse(j, HLV_RC_AUTHENTICATION_FAILED,
				    "MD5 and SHA-1 proofs are switched off here");
	if (is_slow(p) && !j->unhurried)
		return AUTHN_LATER;
	return AUTHN_GO;
}

enum authn_verdict authn_check(struct authn *a, struct job *j, struct store *store,
			       struct store_view *view)
{
	struct identity id;
	enum authn_verdict verdict = before_check(a, j);
	if (verdict != AUTHN_GO)
		return verdict;
	bool secret = hlv_eq(j->proof.kind, hlv_text("HS_SECKEY"));
	if (identity_find(store, view, &j->proof.who, secret ? "HS_SECKEY" : "HS_PUBKEY",
			  &id) != HLV_OK)
		return authn_refuse(j, HLV_RC_UNABLE_TO_AUTHENTICATE,
				    "The registry cannot read this identity");
	/* A nonce of HTTP may have a length that the protocol has no digest of. */
	if (!id.here && secret && j->proof.digest_kind == 0)
		return authn_refuse(j, HLV_RC_UNABLE_TO_AUTHENTICATE,
				    "This form of login is for identities that are held here");
	if (!id.here) {
		authn_note_proven(a, j, NULL, is_legacy(&j->proof));
		return AUTHN_FETCH;
	}
	const struct hlv_value *by = secret ? secret_of(&j->proof, &id) : NULL;
	bool holds = by && authn_note_proven(a, j, by, is_legacy(&j->proof));
	for (size_t i = 0; i < id.n && !secret && !holds; i++)
		holds = holds_public(a, j, &id.keys[i], true);
	return authn_conclude(a, j, holds);
}

/* 11.6: whoever asks learns yes or no, and so might guess: slowly. */
enum authn_verdict authn_verify(struct authn *a, struct job *j, struct store *store,
				struct store_view *view)
{
	struct hlv_exchange *x = j->x;
	struct identity id;
	j->proof = (struct proof){.kind = hlv_text("HS_SECKEY"),
				  .who = x->rq.auth.who,
				  .nonce = x->rq.auth.nonce,
				  .digest = x->rq.auth.digest.octets,
				  .octets = x->rq.auth.proof};
	if (has_to_wait(a, j))
		return authn_refuse(j, HLV_RC_BUSY,
				    "Too many wrong answers from there: wait a minute");
	if (is_slow(&j->proof) && !j->unhurried)
		return AUTHN_LATER;
	if (identity_find(store, view, &j->proof.who, "HS_SECKEY", &id) != HLV_OK)
		return authn_refuse(j, HLV_RC_ERROR, "The registry cannot read this identity");
	bool allowed = !is_legacy(&j->proof) || a->rules->allow_legacy;
	bool holds = allowed && secret_of(&j->proof, &id);
	if (holds)
		backoff_succeeded(a->backoff, &j->proof.who, &x->peer.addr);
	else
		backoff_failed(a->backoff, &j->proof.who, &x->peer.addr, x->now);
	x->rs = (struct hlv_response){
		.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_VERDICT, .verdict = holds};
	return AUTHN_REPLY;
}
