/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys: made, read, written, wiped. Public keys as they stand in HS_PUBKEY values and site
 * records (protocol.md 7.1, decisions.md 16, industrial.md 5.6), private keys as they stand in
 * files (7.2). Signing with them is sign.h.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/base/writer.h"

enum hlv_key_kind {
	HLV_KEY_RSA,
	HLV_KEY_DSA, /* verify only */
	HLV_KEY_DH,  /* session setup only: y, p, g */
	HLV_KEY_P256,
	HLV_KEY_ED25519,
	HLV_KEY_SM2,
};

/* Heap; one owner; hlv_key_free() wipes it. Immutable, so several threads may use one. */
struct hlv_key;

void hlv_key_free(struct hlv_key *key); /* NULL is fine */
enum hlv_key_kind hlv_key_kind(const struct hlv_key *key);
bool hlv_key_is_private(const struct hlv_key *key);
/* "RSA-2048", "P-256", "Ed25519", "SM2", ... for people; static or inside the key. */
const char *hlv_key_name(const struct hlv_key *key);
/* Good enough to believe today (threats.md 3): RSA and DSA from 2048 bits on, and all others. */
bool hlv_key_is_strong(const struct hlv_key *key);
/* A new key pair; RSA gets 2048 bits. DSA and DH are HLV_E_UNSUPPORTED. */
enum hlv_err HLV_MUST_USE hlv_key_generate(enum hlv_key_kind kind, struct hlv_key **key);
/* "rsa", "p256", "ed25519", "sm2". */
enum hlv_err HLV_MUST_USE hlv_key_kind_parse(const char *text, enum hlv_key_kind *kind);
/* Do both have the same public half? */
bool hlv_key_same_public(const struct hlv_key *a, const struct hlv_key *b);

/* Public keys. Decoding accepts all forms of 7.1, decisions.md 16 and industrial.md 5.6 (Java
 * integers with or without sign octet; RSA with or without its empty third array; SPKI as DER or
 * PEM behind our type names; bare PEM text). RSA 1024..4096 and e <= 2^32 (threats.md 3).
 * Encoding writes what the reference writes. */
enum hlv_err HLV_MUST_USE hlv_pubkey_decode(struct hlv_bytes data, struct hlv_key **key);
enum hlv_err HLV_MUST_USE hlv_pubkey_encode(struct hlv_writer *w, const struct hlv_key *key);

/* A bare DER SubjectPublicKeyInfo, as certificates have it. */
enum hlv_err HLV_MUST_USE hlv_spki_decode(struct hlv_bytes der, struct hlv_key **key);

/* Private keys: the octets inside a key file's frame, decrypted (7.2; PKCS#8 for P-256, Ed25519
 * and SM2 under the type names "EC_PRIV_KEY", "ED25519_PRIV_KEY", "SM2_PRIV_KEY"). Also accepts
 * PKCS#8 PEM. */
enum hlv_err HLV_MUST_USE hlv_privkey_decode(struct hlv_bytes data, struct hlv_key **key);
enum hlv_err HLV_MUST_USE hlv_privkey_encode(struct hlv_writer *w, const struct hlv_key *key);

/* The frame of privkey.bin: int4 type, then what the type says (7.2). */
enum hlv_keyfile_type {
	HLV_KEYFILE_DES_ECB = 0, /* read only */
	HLV_KEYFILE_PLAIN = 1,
	HLV_KEYFILE_DES_CBC = 2, /* read only */
	HLV_KEYFILE_DES3 = 3,	 /* read only */
	HLV_KEYFILE_AES = 4,
};
bool hlv_keyfile_needs_passphrase(struct hlv_bytes file);
/* Decrypt into `plain` (cap >= file.n). `passphrase` in UTF-8, its octets re-encoded as the
 * reference does (7.2). HLV_E_PASSPHRASE when it is wrong or missing. */
enum hlv_err HLV_MUST_USE hlv_keyfile_open(struct hlv_bytes file, struct hlv_bytes passphrase,
					   struct hlv_writer *plain);
/* Types PLAIN and AES; salt and IV from the system's generator, or as given in tests. */
struct hlv_keyfile_seed {
	uint8_t salt[16], iv[16];
};
enum hlv_err HLV_MUST_USE hlv_keyfile_seal(enum hlv_keyfile_type type, struct hlv_bytes plain,
					   struct hlv_bytes passphrase,
					   const struct hlv_keyfile_seed *seed,
					   struct hlv_writer *file);

/* The numbers of a key by their JWK names, as unsigned octets without leading zeros (EC and OKP:
 * fixed width). kty/crv: "RSA", "DSA", "DH"; "EC"/"P-256"; "OKP"/"Ed25519"; "SM2" has one part
 * "d": the DER SubjectPublicKeyInfo (industrial.md 5.6). */
struct hlv_key_part {
	char name[4];
	struct hlv_bytes octets;
};
struct hlv_key_parts {
	const char *kty, *crv; /* crv NULL where there is none */
	struct hlv_key_part part[8];
	size_t n;
};
/* Public half; parts are in the arena. */
enum hlv_err HLV_MUST_USE hlv_key_to_parts(const struct hlv_key *key, struct hlv_arena *a,
					   struct hlv_key_parts *parts);
enum hlv_err HLV_MUST_USE hlv_key_from_parts(const struct hlv_key_parts *parts,
					     struct hlv_key **key);
/* SubjectPublicKeyInfo / PKCS#8 in PEM. */
enum hlv_err HLV_MUST_USE hlv_key_to_pem(const struct hlv_key *key, bool private_half,
					 struct hlv_buf *out);

/* For sign.c and tls.c alone: the EVP_PKEY inside, still owned by the key. */
struct evp_pkey_st *hlv_key_pkey(const struct hlv_key *key);
