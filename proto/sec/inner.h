/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of this room share with each other and with nobody else: the inside of a key,
 * digests that are fetched from OpenSSL once for the process (a fetch costs as much as the
 * digest of a short message), and the one odd signature of the national SDK.
 */
#pragma once
#include "proto/sec/digest.h"
#include "proto/sec/key.h"

struct evp_md_st;
struct evp_pkey_ctx_st;

enum {
	HLV_RSA_BITS_MIN = 1024,
	HLV_RSA_BITS_MAX = 4096, /* threats.md 3: a check must stay cheap */
	HLV_SPKI_MAX = 91,	 /* of the kinds that have one form only */
	HLV_KEY_PASS_MAX = 1024, /* octets of a passphrase or secret key */
	HLV_PBKDF2_ITERATIONS_MAX = 1000000,
};

struct hlv_key {
	enum hlv_key_kind kind;
	bool private_half;
	char name[12];
	struct evp_pkey_st *pkey;
	/* Ready for the kind's best digest; duplicated for each use, never used themselves. */
	struct evp_pkey_ctx_st *sign, *verify;
	uint8_t spki[HLV_SPKI_MAX]; /* P-256, Ed25519, SM2: DER SubjectPublicKeyInfo */
	size_t spki_n;
};

/* NULL when the library does not have it. */
const struct evp_md_st *hlv_hash_md(enum hlv_hash hash);

/* What stands in front of the point, or of Ed25519's 32 octets, in their SubjectPublicKeyInfo;
 * empty for the other kinds. */
struct hlv_bytes hlv_spki_head(enum hlv_key_kind kind);

/* The point of a P-256 or SM2 key: 0x04, X, Y. */
struct hlv_bytes hlv_key_point(const struct hlv_key *key);

/* Takes `pkey` over, also on failure: it is freed then. Kind and numbers are checked. */
enum hlv_err HLV_MUST_USE hlv_key_take(struct evp_pkey_st *take_pkey, bool private_half,
				       struct hlv_key **key);

/* Returns `err`. When it is one, the library's error queue is emptied: what it says about a
 * peer's bad key must not be found there by TLS later. */
enum hlv_err hlv_forget(enum hlv_err err);

/* A key out of its numbers, unsigned octets each; `params` are OpenSSL's names for them and
 * `type` its name for the key's. Private DSA numbers may lack y, private RSA numbers e: both
 * are worked out. */
struct hlv_number {
	const char *param;
	struct hlv_bytes octets;
};
enum { HLV_NUMBERS_MAX = 8 };
enum hlv_err HLV_MUST_USE hlv_key_from_numbers(const char *type,
					       const struct hlv_number *numbers, size_t n,
					       bool private_half, struct hlv_key **key);
/* The number as the key holds it, without leading zeros, into `out`; HLV_E_NOT_FOUND. */
enum { HLV_NUMBER_MAX = 1024 };
struct hlv_number_buf {
	uint8_t octets[HLV_NUMBER_MAX];
	size_t n;
};
enum hlv_err HLV_MUST_USE hlv_key_number(const struct hlv_key *key, const char *param,
					 struct hlv_number_buf *out);
/* The same as an array, as Java writes it: a zero octet in front when the top bit is set. */
enum hlv_err HLV_MUST_USE hlv_key_put_number(struct hlv_writer *w, const struct hlv_key *key,
					     const char *param);

/* A PEM block of that label to its octets. */
enum { HLV_DER_MAX = 8192 };
struct hlv_der {
	uint8_t octets[HLV_DER_MAX];
	size_t n;
};
bool hlv_is_pem(struct hlv_bytes data);
enum hlv_err HLV_MUST_USE hlv_pem_decode(struct hlv_bytes text, const char *label,
					 struct hlv_der *der);

/* SM2 as the national SDK's converter makes it (industrial.md 5.5, form B): e and Z are SHA-256
 * instead of SM3. With HLV_SM3: the standard. An empty `id` means the default one. */
enum hlv_err HLV_MUST_USE hlv_sm2_verify(const struct hlv_key *key, enum hlv_hash hash,
					 struct hlv_bytes id, const struct hlv_bytes *spans,
					 size_t n, struct hlv_bytes signature);

/* PBKDF2-HMAC-SHA1 over a passphrase as the reference takes it: its UTF-8 octets, each read as
 * a Latin-1 character and written as UTF-8 again (protocol.md 7.2, 8.1). HLV_E_LIMIT beyond
 * HLV_KEY_PASS_MAX and HLV_PBKDF2_ITERATIONS_MAX. */
enum hlv_err HLV_MUST_USE hlv_pbkdf2(struct hlv_bytes passphrase, struct hlv_bytes salt,
				     uint32_t iterations, uint8_t *out, size_t n);
