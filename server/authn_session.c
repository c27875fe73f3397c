/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/sign.h"
#include "proto/wire/credential.h"
#include "server/authn_inner.h"
#include "server/identity.h"

/* 9.3: response forms that depend on the version of the setup. */
enum { ENCRYPTS_PRIVATE = HLV_V(2, 8), CIPHER_IN_SETUP = HLV_V(2, 4) };

struct session *authn_session_of(struct authn *a, const struct job *j)
{
	return j->session ? session_find(a->sessions, j->session, j->x->now) : NULL;
}

/* --- messages in a session --- */

static enum authn_verdict end_session(struct authn *a, struct job *j, struct session *s,
				      enum hlv_rc rc, const char *why)
{
	struct tag *tag = authn_tag(a, j);
	if (tag)
		tag->session = 0;
	session_end(a->sessions, s);
	j->session = 0;
	return authn_refuse(j, rc, why);
}

/* Whatever is wrong with a ciphertext is answered alike and ends the session: who sends altered ones
 * to learn from the answers has one try (a session of the national SDK has no MAC to stop him). */
static enum authn_verdict refuse_ciphertext(struct authn *a, struct job *j, struct session *s)
{
	return end_session(a, j, s, HLV_RC_INVALID_SESSION_KEY,
			   "The message is not encrypted with this session's key");
}

enum authn_verdict authn_decrypt(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct session *s = authn_session_of(a, j);
	if (!s)
		return authn_refuse(j, HLV_RC_SESSION_TIMEOUT,
				    "Encrypted message without a known session");
	struct hlv_bytes octets = hlv_skip(x->message, HLV_ENVELOPE_SIZE);
	size_t room = HLV_ENVELOPE_SIZE + octets.n;
	uint8_t *p = hlv_alloc_raw(&x->arena, room);
	struct hlv_envelope env = x->rq.m.env;
	env.flags &= (uint8_t)~HLV_E_ENCRYPTED;
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_envelope_encode(&w, &env);
	if (hlv_decrypt(s->cipher, s->key, s->version, octets, &w) != HLV_OK || w.bad)
		return refuse_ciphertext(a, j, s);
	hlv_fill_u32(&w, HLV_ENVELOPE_SIZE - 4, (uint32_t)(w.n - HLV_ENVELOPE_SIZE));
	x->message = hlv_written(&w);
	j->encrypted = true;
	if (hlv_message_decode(x->message, &x->rq.m) != HLV_OK ||
	    hlv_request_decode(&x->rq.m, &x->rq) != HLV_OK)
		return refuse_ciphertext(a, j, s);
	return authn_name(a, j);
}

/* Does this operation say something that only the session's own peer may say? */
static bool needs_mac(const struct hlv_exchange *x)
{
	uint32_t op = x->rq.m.hdr.op;
	return hlv_op_is_admin(op) || op == HLV_OP_SESSION_TERMINATE ||
	       (op == HLV_OP_RESOLUTION && !(x->rq.m.hdr.flags & HLV_F_PUBLIC_ONLY));
}

enum authn_verdict authn_enter_session(struct authn *a, struct job *j, struct session *s,
				       const struct registry_view *in)
{
	struct hlv_exchange *x = j->x;
	struct hlv_credential c;
	const struct hlv_login *login = authn_login(a, j, in);
	if (x->rq.m.credential.n == 0) {
		/* The national SDK proves itself by the login of its connection (industrial.md
		 * 5.7): its sessions only encrypt. */
		if (login)
			j->who = (struct principal){ACTOR_LOGIN, login->who};
		if (needs_mac(x) && !login && !j->tag)
			return authn_refuse(j, HLV_RC_INVALID_CREDENTIAL,
					    "Session request missing MAC code.");
		return AUTHN_GO;
	}
	/* Octets that the MAC does not cover are as everybody writes them, or somebody has been at
	 * them. */
	if (hlv_credential_decode(x->rq.m.credential, &c) != HLV_OK || c.version ||
	    c.reserved || c.options || c.signer.n ||
	    hlv_message_verify_mac(&x->rq.m, s->key) != HLV_OK)
		return authn_refuse(j, HLV_RC_INVALID_SESSION_KEY, "The MAC code is wrong");
	if (!session_accept(s, c.counter))
		return authn_refuse(j, HLV_RC_SESSION_REJECTED,
				    "Duplicate session counter in session");
	if (!s->authenticated)
		return AUTHN_GO;
	j->who = (struct principal){ACTOR_SESSION, s->who};
	j->proven = s->proven;
	const char *over = authn_proof_over(a, j, in, &s->who, &s->proven);
	return over ? end_session(a, j, s, HLV_RC_SESSION_TIMEOUT, over) : AUTHN_GO;
}

static bool has_private(const struct hlv_response *rs)
{
	if (rs->kind != HLV_BODY_RECORD)
		return false;
	struct hlv_reader r = hlv_reader(rs->values.raw);
	for (uint32_t i = 0; i < rs->values.n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || !hlv_value_is_public(&v))
			return true;
	}
	return false;
}

void authn_finish(struct authn *a, struct job *j)
{
	struct hlv_exchange *x = j->x;
	struct session *s = authn_session_of(a, j);
	uint32_t op = x->rq.m.hdr.op;
	/* 5.1: the setup itself is signed by the server's key. */
	if (!s || op == HLV_OP_SESSION_SETUP || op == HLV_OP_SESSION_EXCHANGEKEY)
		return;
	uint32_t flags = x->rq.m.hdr.flags;
	bool encrypt = j->encrypted || flags & HLV_F_ENCRYPT ||
		       (s->version >= ENCRYPTS_PRIVATE && has_private(&x->rs));
	bool mac = flags & HLV_F_CERTIFIED;
	if (!encrypt && !mac)
		return;
	struct hlv_protection *p = hlv_alloc(&x->arena, sizeof *p);
	struct hlv_bytes key = hlv_arena_copy(&x->arena, s->key);
	if (!p || x->arena.bad) {
		/* Nothing may go out in clear that was to be encrypted. */
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
		return;
	}
	*p = (struct hlv_protection){
		.mac_key = mac ? key : (struct hlv_bytes){0},
		.counter = ++s->sent,
		.cipher = encrypt ? (int)s->cipher : (int)HLV_CIPHER_NONE,
		.cipher_key = key,
		.version = s->version,
	};
	x->protection = p;
	if (encrypt)
		x->answer_flags |= HLV_F_ENCRYPT;
}

/* --- setup --- */

/* The new session, under an id of ours or the SDK's own number. */
static enum authn_verdict found_session(struct authn *a, struct job *j,
					const struct session_setup *setup,
					struct hlv_bytes data)
{
	struct hlv_exchange *x = j->x;
	uint32_t id = authn_fresh_id(a);
	struct session *s = id ? session_put(a->sessions, setup, id, x->now) : NULL;
	if (!s)
		return authn_refuse(j, HLV_RC_BUSY, "Too many sessions");
	struct tag *tag = authn_tag(a, j);
	if (tag)
		tag->session = s->id;
	else
		x->rq.m.env.session_id = s->id;
	x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS,
				      .kind = HLV_BODY_SETUP,
				      .mode = x->rq.setup.mode,
				      .octets = data};
	return AUTHN_REPLY;
}

/* 9.2. A client below 2.4 wants DES, which is refused (decisions.md 12). */
static enum authn_verdict setup_dh(struct authn *a, struct job *j, struct session_setup *setup)
{
	struct hlv_exchange *x = j->x;
	struct hlv_key *peer;
	uint8_t key[HLV_SESSION_KEY_MAX];
	uint8_t *data = hlv_alloc_raw(&x->arena, 4096);
	struct hlv_writer w = hlv_writer(data, data ? 4096 : 0);
	struct hlv_writer k = hlv_writer(key, sizeof key);
	if (setup->version < CIPHER_IN_SETUP)
		return authn_refuse(j, HLV_RC_SESSION_FAILED,
				    "Sessions before 2.4 use DES, which is refused");
	if (hlv_pubkey_decode(x->rq.setup.key, &peer) != HLV_OK)
		return authn_refuse(j, HLV_RC_INVALID_SESSION_SETUP,
				    "No Diffie-Hellman key in the setup");
	hlv_put_u32(&w, HLV_CIPHER_AES);
	enum hlv_err err = hlv_dh_agree(peer, HLV_CIPHER_AES, &w, &k);
	hlv_key_free(peer);
	if (err != HLV_OK || w.bad || k.bad)
		return authn_refuse(j, HLV_RC_SESSION_FAILED,
				    "Unusable Diffie-Hellman group: odd primes of 512 to 4096 "
				    "bits are taken");
	setup->cipher = HLV_CIPHER_AES;
	setup->key = hlv_written(&k);
	enum authn_verdict verdict = found_session(a, j, setup, hlv_written(&w));
	explicit_bzero(key, sizeof key);
	return verdict;
}

/* industrial.md 5.7: a key of ours, wrapped for the key that the client names. */
static enum authn_verdict wrap_for(struct authn *a, struct job *j, struct session_setup *setup,
				   const struct hlv_value *v)
{
	struct hlv_exchange *x = j->x;
	struct hlv_key *to;
	uint8_t key[16];
	uint8_t *data = hlv_alloc_raw(&x->arena, 1024);
	struct hlv_writer w = hlv_writer(data, data ? 1024 : 0);
	if (hlv_pubkey_decode(v->data, &to) != HLV_OK)
		return authn_refuse(j, HLV_RC_NEED_RSA_KEY, "The exchange key is unusable");
	bool sm2 = hlv_key_kind(to) == HLV_KEY_SM2;
	setup->cipher = sm2 ? HLV_CIPHER_SM4 : HLV_CIPHER_AES;
	setup->key = hlv_bytes(key, sizeof key);
	enum hlv_err err = HLV_E_CRYPTO;
	if (authn_random(key, sizeof key))
		err = hlv_key_wrap(to, setup->cipher, setup->key, &w);
	hlv_key_free(to);
	enum authn_verdict verdict =
		err == HLV_OK && !w.bad
			? found_session(a, j, setup, hlv_written(&w))
			: authn_refuse(j, HLV_RC_NEED_RSA_KEY,
				       "The exchange key is neither RSA nor SM2");
	explicit_bzero(key, sizeof key);
	return verdict;
}

static enum authn_verdict setup_wrapped(struct authn *a, struct job *j,
					struct session_setup *setup, struct store *store,
					struct store_view *view,
					const struct hlv_value *elsewhere)
{
	struct identity id;
	const struct hlv_ref *at = &j->x->rq.setup.key_at;
	if (elsewhere)
		return wrap_for(a, j, setup, elsewhere);
	if (identity_find(store, view, at, "HS_PUBKEY", &id) != HLV_OK)
		return authn_refuse(j, HLV_RC_SESSION_FAILED,
				    "The registry cannot read the exchange key");
	if (id.n > 0)
		return wrap_for(a, j, setup, &id.keys[0]);
	if (!id.here) {
		j->proof.who = *at;
		j->proof.kind = hlv_text("HS_PUBKEY");
		return AUTHN_FETCH;
	}
	return authn_refuse(j, HLV_RC_NEED_RSA_KEY, "The exchange key does not exist");
}

static enum authn_verdict setup(struct authn *a, struct job *j, struct store *store,
				struct store_view *view, const struct hlv_value *elsewhere)
{
	struct hlv_exchange *x = j->x;
	struct session_setup s = {.who = x->rq.setup.who,
				  .timeout_s = x->rq.setup.timeout_s,
				  .version = hlv_envelope_answer_version(&x->rq.m.env),
				  .source = x->peer.addr};
	/* Both modes cost as much as many other requests. */
	if (!j->unhurried)
		return AUTHN_LATER;
	switch (x->rq.setup.mode) {
	case HLV_SETUP_DIFFIE_HELLMAN:
		return setup_dh(a, j, &s);
	case HLV_SETUP_HANDLE_CIPHER:
		return setup_wrapped(a, j, &s, store, view, elsewhere);
	}
	return authn_refuse(j, HLV_RC_SESSION_FAILED,
			    "Sessions are set up by Diffie-Hellman (mode 4) or the key of an "
			    "identifier (mode 3)");
}

static enum authn_verdict terminate(struct authn *a, struct job *j)
{
	struct session *s = authn_session_of(a, j);
	if (!s)
		return authn_refuse(j, HLV_RC_SESSION_TIMEOUT, "No such session");
	/* The answer is still the session's; then there is none. */
	j->x->rs = (struct hlv_response){.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_EMPTY};
	authn_finish(a, j);
	struct tag *tag = authn_tag(a, j);
	if (tag)
		tag->session = 0;
	session_end(a->sessions, s);
	j->session = 0;
	return AUTHN_REPLY;
}

enum authn_verdict authn_session(struct authn *a, struct job *j, struct store *store,
				 struct store_view *view, const struct hlv_value *elsewhere)
{
	switch (j->x->rq.m.hdr.op) {
	case HLV_OP_SESSION_SETUP:
		return setup(a, j, store, view, elsewhere);
	case HLV_OP_SESSION_TERMINATE:
		return terminate(a, j);
	}
	/* 9.4: the second step of mode 2, which nobody can begin. */
	return authn_refuse(j, HLV_RC_SESSION_FAILED,
			    "Session keys are not exchanged this way");
}
