/* SPDX-License-Identifier: Apache-2.0
 *
 * Public keys, the content of private key files, and the files' frames, in both directions.
 */
#include "proto/sec/key.h"
#include "tests/vectors/check.h"

/* Base64 in either alphabet; blanks and padding are skipped. */
static struct hlv_bytes base64(const struct vector *v, struct hlv_bytes text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint8_t *out = hlv_alloc_raw(v->arena, text.n);
	uint32_t bits = 0;
	size_t n = 0, have = 0;
	for (size_t i = 0; out && i < text.n; i++) {
		int c = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i];
		const char *at = c ? strchr(digits, c) : NULL;
		if (!at)
			continue;
		bits = bits << 6 | (uint32_t)(at - digits);
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		out[n++] = (uint8_t)(bits >> have);
	}
	return hlv_bytes(out, n);
}

static struct hlv_bytes jwk_number(const struct vector *v, const cJSON *jwk, const char *name)
{
	return base64(v, js_text(jwk, name));
}

/* "RSA_..." arrays of `content`, from `r` on, against the JWK's members in that order. */
static bool check_numbers(const struct vector *v, struct hlv_reader *r, const cJSON *jwk,
			  const char *const *names)
{
	for (; *names; names++) {
		struct hlv_bytes number = hlv_get_lp32(r);
		if (number.n && number.p[0] == 0)
			number = hlv_skip(number, 1);
		if (!vector_bytes(v, *names, number, jwk_number(v, jwk, *names)))
			return false;
	}
	return vector_bool(v, "nothing behind the numbers", hlv_finished(r), true);
}

/* --- public --- */

static bool check_pubkey_octets(const struct vector *v, const char *what,
				const struct hlv_key *key, struct hlv_bytes want)
{
	struct hlv_writer w = message_writer(v);
	enum hlv_err err = hlv_pubkey_encode(&w, key);
	if (err != HLV_OK)
		return vector_differs(v, "%s: %s", what, hlv_strerror(err));
	return check_written(v, what, &w, want);
}

static bool check_parts(const struct vector *v, const struct hlv_key *key, const cJSON *jwk)
{
	struct hlv_key_parts parts;
	enum hlv_err err = hlv_key_to_parts(key, v->arena, &parts);
	if (err != HLV_OK)
		return vector_differs(v, "parts: %s", hlv_strerror(err));
	if (!vector_bytes(v, "kty", hlv_text(parts.kty), js_text(jwk, "kty")) ||
	    !vector_u64(v, "parts", parts.n + 1, (uint64_t)cJSON_GetArraySize(jwk)))
		return false;
	for (size_t i = 0; i < parts.n; i++)
		if (!vector_bytes(v, parts.part[i].name, parts.part[i].octets,
				  jwk_number(v, jwk, parts.part[i].name)))
			return false;
	struct hlv_key *again;
	err = hlv_key_from_parts(&parts, &again);
	if (err != HLV_OK)
		return vector_differs(v, "key from parts: %s", hlv_strerror(err));
	bool ok = vector_bool(v, "same public half", hlv_key_same_public(key, again), true) &&
		  check_pubkey_octets(v, "key from parts", again, v->hex);
	hlv_key_free(again);
	return ok;
}

/* The DER inside of what we print, and the key read back from the text alone. */
static bool check_pem(const struct vector *v, const struct hlv_key *key, struct hlv_bytes der)
{
	static const char head[] = "-----BEGIN PUBLIC KEY-----\n";
	static const char tail[] = "-----END PUBLIC KEY-----\n";
	struct hlv_buf text = {0};
	struct hlv_key *again = NULL;
	enum hlv_err err = hlv_key_to_pem(key, false, &text);
	bool ok = vector_bool(v, "printed", err == HLV_OK, true) &&
		  vector_bool(v, "PEM's head",
			      hlv_starts_with(hlv_buf_bytes(&text), hlv_text(head)), true);
	struct hlv_bytes body = hlv_skip(hlv_buf_bytes(&text), strlen(head));
	body = hlv_head(body, body.n - strlen(tail));
	ok = ok && vector_bytes(v, "public_spki_der", base64(v, body), der);
	err = ok ? hlv_pubkey_decode(hlv_buf_bytes(&text), &again) : HLV_OK;
	if (err != HLV_OK)
		ok = vector_differs(v, "bare PEM: %s", hlv_strerror(err));
	ok = ok && check_pubkey_octets(v, "key from PEM", again, v->hex);
	hlv_key_free(again);
	hlv_buf_free(&text);
	return ok;
}

static const char *const rsa_names[] = {"n", "e", "d", "p", "q", "dp", "dq", "qi", NULL};
static const char *const dsa_names[] = {"x", "p", "q", "g", NULL};

/* What we write for a private key must say what the JWK says. */
static bool check_private_content(const struct vector *v, struct hlv_bytes content,
				  const cJSON *jwk)
{
	bool rsa = strcmp(js_str(jwk, "kty"), "RSA") == 0;
	struct hlv_reader r = hlv_reader(content);
	return vector_bytes(v, "type", hlv_get_lp32(&r),
			    hlv_text(rsa ? "RSA_PRIVCRT_KEY" : "DSA_PRIV_KEY")) &&
	       check_numbers(v, &r, jwk, rsa ? rsa_names : dsa_names);
}

static bool check_private_pem(const struct vector *v, const struct hlv_key *public_key)
{
	struct hlv_bytes pem = js_text(v->decoded, "private_pkcs8_pem");
	struct hlv_buf text = {0};
	struct hlv_key *key;
	enum hlv_err err = hlv_privkey_decode(pem, &key);
	if (err != HLV_OK)
		return vector_differs(v, "private_pkcs8_pem: %s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	bool ok =
		vector_bool(v, "the halves fit", hlv_key_same_public(key, public_key), true) &&
		vector_bool(v, "private", hlv_key_is_private(key), true) &&
		vector_bool(v, "encoded", hlv_privkey_encode(&w, key) == HLV_OK, true) &&
		check_private_content(v, hlv_written(&w), js_get(v->decoded, "jwk_private")) &&
		vector_bool(v, "printed", hlv_key_to_pem(key, true, &text) == HLV_OK, true);
	ok = ok && vector_bytes(v, "PKCS#8", base64(v, hlv_buf_bytes(&text)), base64(v, pem));
	hlv_buf_free(&text);
	hlv_key_free(key);
	return ok;
}

/* `decoded` has the numbers in hex, without leading zeros: "2". */
static bool check_dh(const struct vector *v, const struct hlv_key *key)
{
	struct hlv_key_parts parts;
	if (hlv_key_to_parts(key, v->arena, &parts) != HLV_OK)
		return vector_differs(v, "no parts");
	for (size_t i = 0; i < parts.n; i++) {
		struct hlv_buf digits = {0};
		hlv_buf_hex(&digits, parts.part[i].octets);
		struct hlv_bytes got = hlv_buf_bytes(&digits);
		if (got.n && got.p[0] == '0')
			got = hlv_skip(got, 1);
		bool ok = vector_bytes(v, parts.part[i].name, got,
				       js_text(v->decoded, parts.part[i].name));
		hlv_buf_free(&digits);
		if (!ok)
			return false;
	}
	return vector_u64(v, "parts", parts.n, 3);
}

bool topic_public_keys(const struct vector *v)
{
	struct hlv_key *key;
	enum hlv_err err = hlv_pubkey_decode(v->hex, &key);
	if (js_has(v->decoded, "error"))
		return vector_bool(v, "refused", err != HLV_OK, true);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	bool ok = check_pubkey_octets(v, "encoded", key, v->hex);
	if (ok && js_has(v->decoded, "jwk_public"))
		ok = check_parts(v, key, js_get(v->decoded, "jwk_public")) &&
		     check_pem(v, key, js_hex(v, v->decoded, "public_spki_der")) &&
		     check_private_pem(v, key);
	else if (ok)
		ok = check_dh(v, key);
	hlv_key_free(key);
	return ok;
}

/* --- private --- */

static bool check_content(const struct vector *v)
{
	struct hlv_key *key;
	enum hlv_err err = hlv_privkey_decode(v->hex, &key);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	struct hlv_writer w = message_writer(v);
	bool ok = check_private_content(v, v->hex, js_get(v->decoded, "jwk_private")) &&
		  vector_bool(v, "encoded", hlv_privkey_encode(&w, key) == HLV_OK, true) &&
		  check_written(v, "encoded", &w, v->hex);
	hlv_key_free(key);
	return ok;
}

static bool check_open(const struct vector *v, struct hlv_bytes passphrase, enum hlv_err want)
{
	struct hlv_writer w = message_writer(v);
	enum hlv_err err = hlv_keyfile_open(v->hex, passphrase, &w);
	if (err != want)
		return vector_differs(v, "opened with %zu octets: \"%s\"", passphrase.n,
				      hlv_strerror(err));
	if (err != HLV_OK)
		return vector_u64(v, "octets given away", w.n, 0);
	struct hlv_key *key;
	err = hlv_privkey_decode(hlv_written(&w), &key);
	if (err != HLV_OK && js_u64(v->decoded, "encryption_type") != HLV_KEYFILE_PLAIN)
		return vector_differs(v, "content: %s", hlv_strerror(err));
	if (err == HLV_OK)
		hlv_key_free(key);
	return check_written(v, "plain_hex", &w, js_hex(v, v->decoded, "plain_hex"));
}

/* The same salt and IV give the same file; the old types are not written. */
static bool check_seal(const struct vector *v, struct hlv_bytes passphrase)
{
	enum hlv_keyfile_type type =
		(enum hlv_keyfile_type)js_u64(v->decoded, "encryption_type");
	struct hlv_keyfile_seed seed = {.salt = {0}};
	if (type == HLV_KEYFILE_AES) {
		memcpy(seed.salt, v->hex.p + 8, sizeof seed.salt);
		memcpy(seed.iv, v->hex.p + 8 + 16 + 12, sizeof seed.iv);
	}
	struct hlv_writer w = message_writer(v);
	enum hlv_err err = hlv_keyfile_seal(type, js_hex(v, v->decoded, "plain_hex"),
					    passphrase, &seed, &w);
	if (type != HLV_KEYFILE_AES && type != HLV_KEYFILE_PLAIN)
		return vector_bool(v, "not written", err == HLV_E_UNSUPPORTED, true);
	if (err != HLV_OK)
		return vector_differs(v, "sealed: %s", hlv_strerror(err));
	return check_written(v, "sealed again", &w, v->hex);
}

bool topic_private_keys(const struct vector *v)
{
	if (js_has(v->decoded, "jwk_private"))
		return check_content(v);
	bool needs = js_bool(v->decoded, "requires_passphrase");
	struct hlv_bytes passphrase = js_hex(v, v->decoded, "passphrase_hex");
	enum hlv_err otherwise = needs ? HLV_E_PASSPHRASE : HLV_OK;
	return vector_bool(v, "requires_passphrase", hlv_keyfile_needs_passphrase(v->hex),
			   needs) &&
	       check_open(v, passphrase, HLV_OK) &&
	       check_open(v, hlv_text("not this one"), otherwise) &&
	       check_open(v, (struct hlv_bytes){0}, otherwise) && check_seal(v, passphrase);
}
