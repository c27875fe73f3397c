/* SPDX-License-Identifier: Apache-2.0
 *
 * Proofs: the choice of a server, signatures and MACs of messages, answers to challenges.
 */
#include <stdlib.h>

#include "proto/sec/challenge.h"
#include "proto/sec/digest.h"
#include "proto/sec/mac.h"
#include "tests/vectors/check.h"

static bool check_ok(const struct vector *v, const char *what, enum hlv_err got,
		     enum hlv_err want)
{
	if (got == want)
		return true;
	return vector_differs(v, "%s: \"%s\", expected \"%s\"", what, hlv_strerror(got),
			      hlv_strerror(want));
}

/* --- hashing --- */

static bool check_option(const struct vector *v, const char *name, uint8_t option)
{
	static const unsigned sizes[] = {1, 2, 3, 4, 5, 7, 16, 100};
	const cJSON *want = js_get(v->decoded, name);
	uint32_t hash;
	if (!check_ok(v, name, hlv_site_hash(v->hex, option, &hash), HLV_OK) ||
	    !vector_u64(v, name, hash, js_u64(want, "hash")))
		return false;
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		char member[8];
		snprintf(member, sizeof member, "n%u", sizes[i]);
		if (!vector_u64(v, member, hash % sizes[i], js_u64(want, member)))
			return false;
	}
	return true;
}

bool topic_hashing(const struct vector *v)
{
	uint32_t hash;
	if (js_has(v->decoded, "error"))
		return check_ok(v, "option 3", hlv_site_hash(v->hex, 3, &hash),
				HLV_E_UNSUPPORTED);
	/* The tail of a digest, not an identifier: an identifier with that tail, found by
	 * search, stands in tests/unit/test_digest.c. */
	if (js_has(v->decoded, "tail"))
		return vector_u64(v, "tail", hlv_load_u32(v->hex.p), 0x80000000U);
	return vector_bytes(v, "handle", v->hex, js_text(v->decoded, "handle")) &&
	       check_option(v, "by_prefix", HLV_HASH_PREFIX) &&
	       check_option(v, "by_suffix", HLV_HASH_SUFFIX) &&
	       check_option(v, "by_all", HLV_HASH_ALL);
}

/* --- signed messages --- */

/* The key of an entry of another file, for the few entries that bring none. */
static struct hlv_key *key_of(const struct vector *v, const char *file, const char *name)
{
	char path[512];
	snprintf(path, sizeof path, VECTORS_DIR "/%s", file);
	FILE *f = fopen(path, "re");
	struct hlv_buf text = {0};
	char chunk[4096];
	for (size_t n = 1; f && n > 0;) {
		n = fread(chunk, 1, sizeof chunk, f);
		hlv_buf_put(&text, hlv_bytes(chunk, n));
	}
	if (f)
		fclose(f);
	cJSON *list = cJSON_ParseWithLength(text.p ? text.p : "", text.n);
	hlv_buf_free(&text);
	struct hlv_key *key = NULL;
	const cJSON *entry;
	cJSON_ArrayForEach (entry, list) {
		struct hlv_bytes octets = js_hex(v, entry, "hex");
		const char *own = js_str(entry, "name");
		if (!own || strcmp(own, name) != 0)
			continue;
		enum hlv_err err = strncmp(file, "pub", 3) == 0
					   ? hlv_pubkey_decode(octets, &key)
					   : hlv_privkey_decode(octets, &key);
		check_ok(v, name, err, HLV_OK);
	}
	cJSON_Delete(list);
	return key;
}

static const struct alias {
	const char *name, *means;
} aliases[] = {
	{"SHA1", "SHA1"},      {"SHA-1", "SHA1"}, {"\2", "SHA1"}, {"SHA-256", "SHA-256"},
	{"SHA256", "SHA-256"}, {"\3", "SHA-256"}, {"MD5", "MD5"}, {"\1", "MD5"},
};

/* The signature verifies under each name of its algorithm and under no other. */
static bool check_aliases(const struct vector *v, const struct hlv_key *key,
			  struct hlv_bytes octets, struct hlv_bytes algorithm,
			  struct hlv_bytes signature)
{
	for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
		bool same = hlv_eq(hlv_text(aliases[i].means), algorithm);
		enum hlv_err err = hlv_verify(key, hlv_text(aliases[i].name),
					      (struct hlv_bytes){0}, &octets, 1, signature);
		if (!check_ok(v, aliases[i].name, err, same ? HLV_OK : HLV_E_SIGNATURE))
			return false;
	}
	return true;
}

/* Does an identifier of the list stand for this signature algorithm? */
static bool check_identifier(const struct vector *v, struct hlv_bytes id)
{
	struct hlv_bytes octets = hlv_text("octets"), none = {0};
	const char *means = js_str(v->decoded, "signature_algorithm");
	bool rsa = means && strstr(means, "RSA");
	struct hlv_key *key = rsa ? key_of(v, "private_keys.json", "rsa_server_plain")
				  : key_of(v, "public_keys.json", "dsa1024");
	if (!key)
		return vector_differs(v, "no key");
	struct hlv_writer w = message_writer(v);
	bool ok;
	if (!means || !rsa || strncmp(means, "MD5", 3) == 0) {
		/* Nothing to sign with: known, or not known. */
		ok = check_ok(v, "verify", hlv_verify(key, id, none, &octets, 1, octets),
			      means ? HLV_E_SIGNATURE : HLV_E_UNSUPPORTED);
	} else {
		const char *name = strncmp(means, "SHA1", 4) == 0 ? "SHA1" : "SHA-256";
		ok = check_ok(v, "sign", hlv_sign(key, id, none, &octets, 1, &w), HLV_OK) &&
		     check_aliases(v, key, octets, hlv_text(name), hlv_written(&w));
	}
	hlv_key_free(key);
	return ok;
}

/* The message with its credential cut off, as an encoder leaves it. */
static struct hlv_writer without_credential(const struct vector *v, const struct hlv_message *m)
{
	struct hlv_writer w = message_writer(v);
	hlv_put(&w, hlv_head(v->hex, HLV_ENVELOPE_SIZE + m->covered.n));
	hlv_put_u32(&w, 0);
	return w;
}

/* RSA signatures are the same each time. */
static bool check_signing(const struct vector *v, const struct hlv_message *m,
			  struct hlv_bytes octets)
{
	struct hlv_key *key;
	const cJSON *c = js_get(v->decoded, "credential");
	struct hlv_bytes algorithm = js_hex(v, c, "digest_algorithm_hex");
	enum hlv_err err = hlv_privkey_decode(js_hex(v, v->decoded, "private_key_hex"), &key);
	if (err != HLV_OK)
		return vector_differs(v, "private key: %s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	err = hlv_sign(key, algorithm, (struct hlv_bytes){0}, &octets, 1, &w);
	if (!js_bool(v->decoded, "deterministic")) {
		hlv_key_free(key);
		return check_ok(v, "DSA is for verifying", err, HLV_E_UNSUPPORTED);
	}
	bool ok = check_ok(v, "sign", err, HLV_OK) &&
		  check_written(v, "signature", &w, js_hex(v, c, "signature"));
	int version = parse_version(js_str(v->decoded, "version"));
	bool usual = hlv_eq(hlv_text(hlv_signature_algorithm(key, version)), algorithm);
	if (ok && usual) {
		struct hlv_writer whole = without_credential(v, m);
		err = hlv_message_sign(&whole, 0, key, (uint32_t)js_u64(c, "session_counter"));
		ok = check_ok(v, "sign the message", err, HLV_OK) &&
		     check_written(v, "signed message", &whole, v->hex);
	}
	hlv_key_free(key);
	return ok;
}

static bool check_signed(const struct vector *v, const struct hlv_message *m,
			 const struct hlv_key *key)
{
	if (!js_bool(v->decoded, "verifies"))
		return check_ok(v, "tampered", hlv_message_verify(m, key), HLV_E_SIGNATURE);
	const cJSON *c = js_get(v->decoded, "credential");
	uint8_t prefix[HLV_COVERED_PREFIX_MAX];
	size_t n = hlv_covered_prefix(&m->env, (uint32_t)js_u64(c, "session_counter"), prefix);
	struct hlv_writer w = message_writer(v);
	hlv_put(&w, hlv_bytes(prefix, n));
	hlv_put(&w, m->covered);
	int version = parse_version(js_str(v->decoded, "version"));
	bool sha1 = strncmp(js_str(v->decoded, "default_for_this_version"), "SHA1", 4) == 0;
	return check_message(v, v->hex, v->decoded) &&
	       check_written(v, "signed_octets", &w, js_hex(v, v->decoded, "signed_octets")) &&
	       check_ok(v, "verify", hlv_message_verify(m, key), HLV_OK) &&
	       vector_bytes(v, "default algorithm",
			    hlv_text(hlv_signature_algorithm(key, version)),
			    hlv_text(sha1 ? "SHA1" : "SHA-256")) &&
	       check_aliases(v, key, hlv_written(&w), js_hex(v, c, "digest_algorithm_hex"),
			     js_hex(v, c, "signature")) &&
	       check_signing(v, m, hlv_written(&w));
}

bool topic_credentials_signed(const struct vector *v)
{
	struct hlv_message m;
	struct hlv_key *key;
	if (js_has(v->decoded, "id"))
		return check_identifier(v, js_text(v->decoded, "id"));
	if (js_has(v->decoded, "code")) {
		uint8_t code = (uint8_t)js_u64(v->decoded, "code");
		return check_identifier(v, hlv_bytes(&code, 1));
	}
	if (!check_ok(v, "message", hlv_message_decode(v->hex, &m), HLV_OK))
		return false;
	enum hlv_err err = hlv_pubkey_decode(js_hex(v, v->decoded, "public_key_hex"), &key);
	if (err != HLV_OK)
		return vector_differs(v, "public key: %s", hlv_strerror(err));
	bool ok = check_signed(v, &m, key);
	hlv_key_free(key);
	return ok;
}

/* --- session MACs --- */

static bool check_function(const struct vector *v, struct hlv_bytes algorithm)
{
	enum hlv_mac_kind kind;
	struct hlv_mac mac;
	enum hlv_err err = hlv_mac_parse(algorithm, &kind);
	if (!js_has(v->decoded, "mac"))
		return check_ok(v, "refused", err, HLV_E_UNSUPPORTED);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	err = hlv_mac(kind, js_hex(v, v->decoded, "key"), &v->hex, 1, &mac);
	return check_ok(v, "mac", err, HLV_OK) &&
	       vector_bytes(v, "mac", hlv_bytes(mac.octets, mac.n),
			    js_hex(v, v->decoded, "mac"));
}

bool topic_credentials_mac(const struct vector *v)
{
	if (js_has(v->decoded, "name"))
		return check_function(v, js_text(v->decoded, "name"));
	if (js_has(v->decoded, "code")) {
		uint8_t code = (uint8_t)js_u64(v->decoded, "code");
		return check_function(v, hlv_bytes(&code, 1));
	}
	struct hlv_message m;
	if (!check_message(v, v->hex, v->decoded) ||
	    !check_ok(v, "message", hlv_message_decode(v->hex, &m), HLV_OK))
		return false;
	struct hlv_bytes key = js_hex(v, v->decoded, "session_key");
	struct hlv_bytes shorter = hlv_skip(key, 1);
	uint32_t counter = (uint32_t)js_u64(v->decoded, "credential.session_counter");
	struct hlv_writer w = without_credential(v, &m);
	return check_ok(v, "verify", hlv_message_verify_mac(&m, key), HLV_OK) &&
	       check_ok(v, "other key", hlv_message_verify_mac(&m, shorter), HLV_E_SIGNATURE) &&
	       check_ok(v, "mac", hlv_message_mac(&w, 0, key, counter), HLV_OK) &&
	       check_written(v, "message with MAC", &w, v->hex);
}

/* --- answers to challenges --- */

/* What is needed of the three messages. */
struct exchange {
	struct hlv_bytes nonce, digest; /* of the challenge */
	struct hlv_request answer;
	int version; /* the lower of the challenge's own and its suggestion */
};

static bool check_exchange(const struct vector *v, struct exchange *x)
{
	struct hlv_bytes request = js_hex(v, v->decoded, "request_hex");
	struct hlv_bytes challenge = js_hex(v, v->decoded, "challenge_hex");
	struct hlv_message asked, m;
	struct hlv_response rs;
	struct hlv_digest digest;
	uint8_t out[HLV_HASH_MAX];
	if (!check_message(v, request, NULL) || !check_message(v, challenge, NULL) ||
	    !check_message(v, v->hex, NULL) ||
	    !check_ok(v, "request", hlv_message_decode(request, &asked), HLV_OK) ||
	    !check_ok(v, "challenge", hlv_message_decode(challenge, &m), HLV_OK) ||
	    !check_ok(v, "challenge", hlv_response_decode(&m, &rs), HLV_OK))
		return false;
	int version = hlv_version(m.env.major, m.env.minor);
	int suggested = hlv_envelope_suggested(&m.env);
	x->version = suggested < version ? suggested : version;
	x->nonce = rs.octets;
	x->digest = rs.digest.octets;
	if (!check_ok(v, "answer", hlv_message_decode(v->hex, &m), HLV_OK) ||
	    !check_ok(v, "answer", hlv_request_decode(&m, &x->answer), HLV_OK) ||
	    !check_ok(v, "digest", hlv_request_digest(asked.covered, version, out, &digest),
		      HLV_OK))
		return false;
	struct hlv_ref who = hlv_ref_parse(js_text(v->decoded, "identity"));
	return vector_bytes(v, "nonce", x->nonce, js_hex(v, v->decoded, "nonce")) &&
	       vector_bytes(v, "request_digest", x->digest,
			    js_hex(v, v->decoded, "request_digest")) &&
	       vector_u64(v, "digest's type", digest.kind,
			  js_u64(v->decoded, "request_digest_type")) &&
	       vector_bytes(v, "our digest", digest.octets, x->digest) &&
	       vector_bool(v, "digest fits", hlv_request_digest_fits(asked.covered, &rs.digest),
			   true) &&
	       vector_bytes(v, "auth_type", x->answer.auth.kind,
			    js_text(v->decoded, "auth_type")) &&
	       vector_u64(v, "index", x->answer.auth.who.index, who.index) &&
	       vector_bytes(v, "handle", x->answer.auth.who.handle, who.handle);
}

/* The proof holds for this secret, nonce and digest, and for no others. */
static bool check_secret(const struct vector *v, struct hlv_bytes secret,
			 struct hlv_bytes nonce, struct hlv_bytes digest,
			 struct hlv_bytes proof)
{
	struct hlv_bytes less = hlv_head(secret, secret.n - 1);
	return check_ok(v, "check", hlv_check_secret(secret, nonce, digest, proof), HLV_OK) &&
	       check_ok(v, "other secret", hlv_check_secret(less, nonce, digest, proof),
			HLV_E_SIGNATURE) &&
	       check_ok(v, "other nonce", hlv_check_secret(secret, secret, digest, proof),
			HLV_E_SIGNATURE) &&
	       check_ok(v, "other digest", hlv_check_secret(secret, nonce, secret, proof),
			HLV_E_SIGNATURE);
}

/* Salt and iterations are the answer's; all else follows. */
static bool check_answer(const struct vector *v, struct hlv_bytes secret,
			 struct hlv_bytes nonce, struct hlv_bytes digest, int version,
			 struct hlv_bytes proof)
{
	struct hlv_writer w = message_writer(v);
	struct hlv_bytes salt = hlv_head(hlv_skip(proof, 5), 16);
	uint32_t iterations = proof.n > 25 ? hlv_load_u32(proof.p + 21) : 0;
	enum hlv_err err =
		hlv_answer_secret(secret, nonce, digest, version, salt.p, iterations, &w);
	return check_ok(v, "answer", err, HLV_OK) && check_written(v, "proof", &w, proof) &&
	       check_secret(v, secret, nonce, digest, proof);
}

static bool check_secret_exchange(const struct vector *v)
{
	struct exchange x;
	if (!check_exchange(v, &x))
		return false;
	struct hlv_bytes proof = x.answer.auth.proof;
	return vector_bytes(v, "signed_response", proof,
			    js_hex(v, v->decoded, "signed_response")) &&
	       check_answer(v, js_hex(v, v->decoded, "secret_key"), x.nonce, x.digest,
			    x.version, proof);
}

static bool check_public_exchange(const struct vector *v)
{
	struct exchange x;
	struct hlv_key *key;
	if (!check_exchange(v, &x))
		return false;
	struct hlv_reader r = hlv_reader(x.answer.auth.proof);
	struct hlv_bytes name = hlv_get_lp32(&r);
	if (!vector_bytes(v, "digest_name", name, js_text(v->decoded, "digest_name")) ||
	    !vector_bytes(v, "signature", hlv_get_lp32(&r), js_hex(v, v->decoded, "signature")))
		return false;
	enum hlv_err err = hlv_pubkey_decode(js_hex(v, v->decoded, "public_key_hex"), &key);
	if (err != HLV_OK)
		return vector_differs(v, "public key: %s", hlv_strerror(err));
	struct hlv_bytes who = x.answer.auth.who.handle, proof = x.answer.auth.proof;
	bool ok = vector_bytes(v, "our choice",
			       hlv_text(hlv_signature_algorithm(key, x.version)), name) &&
		  check_ok(v, "check", hlv_check_public(key, x.nonce, x.digest, who, proof),
			   HLV_OK) &&
		  check_ok(v, "other nonce",
			   hlv_check_public(key, x.digest, x.digest, who, proof),
			   HLV_E_SIGNATURE);
	bool rsa = hlv_key_kind(key) == HLV_KEY_RSA;
	hlv_key_free(key);
	if (!ok || !rsa)
		return ok;
	struct hlv_writer w = message_writer(v);
	key = key_of(v, "private_keys.json", "rsa_admin_plain");
	ok = key &&
	     check_ok(v, "answer",
		      hlv_answer_public(key, x.nonce, x.digest, who, x.version, &w), HLV_OK);
	hlv_key_free(key);
	return ok && check_written(v, "our proof", &w, proof);
}

/* The key is the hex text of the passphrase's SHA-1. */
static bool check_hashed(const struct vector *v)
{
	uint8_t out[HLV_HASH_MAX];
	enum hlv_err err = hlv_hash(HLV_SHA1, js_text(v->decoded, "passphrase"), out);
	struct hlv_buf text = {0};
	hlv_buf_hex(&text, hlv_bytes(out, hlv_hash_size(HLV_SHA1)));
	bool ok = check_ok(v, "hash", err, HLV_OK) &&
		  vector_bytes(v, "key_text", hlv_buf_bytes(&text),
			       js_text(v->decoded, "key_text")) &&
		  vector_bytes(v, "octets", hlv_buf_bytes(&text), v->hex);
	hlv_buf_free(&text);
	return ok;
}

bool topic_auth_challenge(const struct vector *v)
{
	if (js_has(v->decoded, "passphrase"))
		return check_hashed(v);
	if (js_has(v->decoded, "signed_response"))
		return check_secret_exchange(v);
	if (js_has(v->decoded, "public_key_hex"))
		return check_public_exchange(v);
	struct hlv_bytes secret = js_hex(v, v->decoded, "secret_key");
	struct hlv_bytes nonce = js_hex(v, v->decoded, "nonce");
	struct hlv_bytes digest = js_hex(v, v->decoded, "request_digest");
	if (js_has(v->decoded, "salt"))
		return check_answer(v, secret, nonce, digest, HLV_OUR_VERSION, v->hex);
	return vector_u64(v, "code", v->hex.p[0], js_u64(v->decoded, "code")) &&
	       vector_bytes(v, "mac", hlv_skip(v->hex, 1), js_hex(v, v->decoded, "mac")) &&
	       check_secret(v, secret, nonce, digest, v->hex);
}
