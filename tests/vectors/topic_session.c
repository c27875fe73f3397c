/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions: keys from Diffie-Hellman halves, encryption of messages, the replay window.
 */
#include <stdlib.h>

#include "proto/sec/cipher.h"
#include "proto/sec/inner.h"
#include "proto/wire/codes.h"
#include "server/session.h"
#include "tests/vectors/check.h"

static bool check_ok(const struct vector *v, const char *what, enum hlv_err got)
{
	return got == HLV_OK || vector_differs(v, "%s: \"%s\"", what, hlv_strerror(got));
}

/* --- keys --- */

/* The pair of this public half and this exponent. */
static struct hlv_key *pair(const struct vector *v, struct hlv_bytes half, struct hlv_bytes x)
{
	struct hlv_reader r = hlv_reader(hlv_skip(half, 4 + 10 + 2));
	struct hlv_key *key = NULL;
	hlv_get_lp32(&r); /* y follows from the others */
	struct hlv_bytes p = hlv_get_lp32(&r), g = hlv_get_lp32(&r);
	struct hlv_number numbers[] = {{"p", p}, {"g", g}, {"priv", x}};
	return check_ok(v, "key pair", hlv_key_from_numbers("DH", numbers, 3, true, &key))
		       ? key
		       : NULL;
}

/* What one side makes of the other's half. */
static bool check_side(const struct vector *v, const char *own_half, const char *own_x,
		       const char *peer_half)
{
	struct hlv_writer w = message_writer(v), again = message_writer(v);
	struct hlv_bytes half = js_hex(v, v->decoded, own_half);
	struct hlv_bytes theirs = js_hex(v, v->decoded, peer_half);
	struct hlv_key *own = pair(v, half, js_hex(v, v->decoded, own_x)), *peer = NULL;
	enum hlv_cipher cipher = (enum hlv_cipher)js_u64(v->decoded, "algorithm");
	bool ok = own && check_ok(v, peer_half, hlv_pubkey_decode(theirs, &peer)) &&
		  check_ok(v, own_half, hlv_pubkey_encode(&again, own)) &&
		  check_written(v, own_half, &again, half) &&
		  check_ok(v, own_x, hlv_dh_derive(own, peer, cipher, &w)) &&
		  check_written(v, own_x, &w, v->hex);
	hlv_key_free(own);
	hlv_key_free(peer);
	return ok;
}

static bool check_agreement(const struct vector *v)
{
	struct hlv_writer w = message_writer(v);
	enum hlv_cipher cipher = (enum hlv_cipher)js_u64(v->decoded, "algorithm");
	struct hlv_bytes z = js_hex(v, v->decoded, "raw_shared_secret");
	return check_ok(v, "session key", hlv_dh_session_key(z, cipher, &w)) &&
	       check_written(v, "session key", &w, v->hex) &&
	       check_side(v, "client_public", "client_x", "server_public") &&
	       check_side(v, "server_public", "server_x", "client_public");
}

/* Modes 1 and 3 as the national SDK has them; the reference's name for them does not exist. */
static bool check_transformation(const struct vector *v)
{
	static const uint8_t octets[16] = "sixteen octets.";
	struct hlv_bytes session_key = hlv_bytes(octets, sizeof octets);
	struct hlv_writer wrapped = message_writer(v), back = message_writer(v);
	struct hlv_key *key;
	enum hlv_cipher cipher;
	if (strcmp(js_str(v->decoded, "jdk17"), "available") != 0)
		return vector_differs(v, "%s", js_str(v->decoded, "jdk17"));
	if (!check_ok(v, "key", hlv_key_generate(HLV_KEY_RSA, &key)))
		return false;
	bool ok =
		check_ok(v, "wrap", hlv_key_wrap(key, HLV_CIPHER_AES, session_key, &wrapped)) &&
		check_ok(v, "unwrap",
			 hlv_key_unwrap(key, hlv_written(&wrapped), &cipher, &back)) &&
		check_written(v, "unwrapped", &back, session_key);
	hlv_key_free(key);
	return ok;
}

/* --- messages --- */

static bool check_encryption(const struct vector *v)
{
	struct hlv_writer sealed = message_writer(v), plain = message_writer(v);
	enum hlv_cipher cipher = (enum hlv_cipher)js_u64(v->decoded, "algorithm");
	int version = parse_version(js_str(v->decoded, "session_version"));
	struct hlv_bytes key = js_hex(v, v->decoded, "session_key");
	struct hlv_bytes effective = js_hex(v, v->decoded, "effective_cipher_key");
	struct hlv_bytes want = js_hex(v, v->decoded, "plaintext");
	/* The IV is the first block of what was sent. */
	return check_ok(v, "decrypt", hlv_decrypt(cipher, key, version, v->hex, &plain)) &&
	       check_written(v, "plaintext", &plain, want) &&
	       check_ok(v, "encrypt",
			hlv_encrypt(cipher, effective, version, v->hex.p, want, &sealed)) &&
	       check_written(v, "octets", &sealed, v->hex);
}

/* --- counters --- */

static bool check_window(const struct vector *v)
{
	struct session s = {.version = HLV_V(2, 11)};
	const cJSON *step, *steps = js_get(v->decoded, "steps");
	uint32_t before = (uint32_t)js_u64(v->decoded, "steps.0.step");
	for (uint32_t counter = 1; counter <= before; counter++)
		if (!session_accept(&s, counter))
			return vector_differs(v, "counter %u is refused", counter);
	cJSON_ArrayForEach (step, steps) {
		char what[32];
		snprintf(what, sizeof what, "step %u", (unsigned)js_u64(step, "step"));
		if (!vector_bool(v, what, session_accept(&s, (uint32_t)js_u64(step, "counter")),
				 js_bool(step, "accepted")))
			return false;
	}
	return true;
}

static bool check_duplicate(const struct vector *v)
{
	struct session s = {.version = parse_version(js_str(v->decoded, "session_version"))};
	return vector_bool(v, "first", session_accept(&s, 1), true) &&
	       vector_bool(v, "second", session_accept(&s, 1),
			   js_bool(v->decoded, "second_accepted"));
}

bool topic_sessions(const struct vector *v)
{
	if (js_has(v->decoded, "transformation"))
		return check_transformation(v);
	if (js_has(v->decoded, "steps"))
		return check_window(v);
	if (js_has(v->decoded, "second_accepted"))
		return check_duplicate(v);
	if (js_has(v->decoded, "plaintext"))
		return check_encryption(v);
	if (js_has(v->decoded, "raw_shared_secret"))
		return check_agreement(v);
	/* Below 2.4 nothing names a cipher: it is this one, or no session. */
	struct hlv_writer w = message_writer(v);
	enum hlv_cipher cipher = (enum hlv_cipher)js_u64(v->decoded, "algorithm");
	return check_ok(v, "refused", hlv_dh_session_key(v->hex, cipher, &w)) &&
	       check_written(v, "session key", &w, v->hex);
}
