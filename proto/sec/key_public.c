/* SPDX-License-Identifier: Apache-2.0 */
#include <openssl/core_names.h>

#include "proto/base/reader.h"
#include "proto/sec/inner.h"

/* Keys that are lists of numbers: how they are called here and there, and their numbers in the
 * order of the wire (protocol.md 7.1). */
struct form {
	enum hlv_key_kind kind;
	const char *wire, *library, *kty;
	struct {
		const char *param;
		char jwk[4];
	} part[4];
	size_t n;
	uint8_t json[4]; /* the parts in the order of JWK */
};

static const struct form forms[] = {
	{HLV_KEY_RSA,
	 "RSA_PUB_KEY",
	 "RSA",
	 "RSA",
	 {{OSSL_PKEY_PARAM_RSA_E, "e"}, {OSSL_PKEY_PARAM_RSA_N, "n"}},
	 2,
	 {1, 0}},
	{HLV_KEY_DSA,
	 "DSA_PUB_KEY",
	 "DSA",
	 "DSA",
	 {{OSSL_PKEY_PARAM_FFC_Q, "q"},
	  {OSSL_PKEY_PARAM_FFC_P, "p"},
	  {OSSL_PKEY_PARAM_FFC_G, "g"},
	  {OSSL_PKEY_PARAM_PUB_KEY, "y"}},
	 4,
	 {3, 1, 0, 2}},
	{HLV_KEY_DH,
	 "DH_PUB_KEY",
	 "DH",
	 "DH",
	 {{OSSL_PKEY_PARAM_PUB_KEY, "y"},
	  {OSSL_PKEY_PARAM_FFC_P, "p"},
	  {OSSL_PKEY_PARAM_FFC_G, "g"}},
	 3,
	 {0, 1, 2}},
};

/* Keys that are a SubjectPublicKeyInfo behind a name (decisions.md 16, industrial.md 5.6). */
static const struct {
	enum hlv_key_kind kind;
	const char *wire;
} spki_forms[] = {
	{HLV_KEY_P256, "EC_PUB_KEY"},
	{HLV_KEY_ED25519, "ED25519_PUB_KEY"},
	{HLV_KEY_SM2, "SM2_PUB_KEY"},
};

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct form *form_of(enum hlv_key_kind kind)
{
	for (size_t i = 0; i < COUNT(forms); i++)
		if (forms[i].kind == kind)
			return &forms[i];
	return NULL;
}

static enum hlv_err decode_numbers(struct hlv_reader *r, const struct form *form,
				   struct hlv_key **key)
{
	struct hlv_number numbers[4];
	for (size_t i = 0; i < form->n; i++) {
		numbers[i].param = form->part[i].param;
		numbers[i].octets = hlv_get_lp32(r);
	}
	/* The Java writer ends an RSA key with an empty array; others do not (7.1). */
	if (form->kind == HLV_KEY_RSA && hlv_left(r) && hlv_get_u32(r) != 0)
		return HLV_E_MALFORMED;
	if (!hlv_finished(r))
		return HLV_E_MALFORMED;
	return hlv_key_from_numbers(form->library, numbers, form->n, false, key);
}

static enum hlv_err decode_pem(struct hlv_bytes text, struct hlv_key **key)
{
	struct hlv_der der;
	HLV_TRY(hlv_pem_decode(text, "PUBLIC KEY", &der));
	return hlv_spki_decode(hlv_bytes(der.octets, der.n), key);
}

/* The national SDK writes PEM where its own reader expects DER, and older clients of it leave
 * the array's length out (industrial.md 5.6, protocol.md 7.1). */
static enum hlv_err decode_spki(struct hlv_reader *r, enum hlv_key_kind kind,
				struct hlv_key **key)
{
	struct hlv_key *k;
	struct hlv_bytes rest = hlv_skip(r->in, r->pos);
	struct hlv_bytes octets = hlv_is_pem(rest) ? hlv_take_rest(r) : hlv_get_lp32(r);
	if (!hlv_finished(r))
		return HLV_E_MALFORMED;
	HLV_TRY(hlv_is_pem(octets) ? decode_pem(octets, &k) : hlv_spki_decode(octets, &k));
	if (k->kind != kind) {
		hlv_key_free(k);
		return HLV_E_KEY;
	}
	*key = k;
	return HLV_OK;
}

enum hlv_err hlv_pubkey_decode(struct hlv_bytes data, struct hlv_key **key)
{
	if (hlv_is_pem(data))
		return decode_pem(data, key);
	struct hlv_reader r = hlv_reader(data);
	struct hlv_bytes name = hlv_get_lp32(&r);
	hlv_get_u16(&r); /* flags: never used */
	if (r.bad)
		return HLV_E_MALFORMED;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (hlv_eq(name, hlv_text(forms[i].wire)))
			return decode_numbers(&r, &forms[i], key);
	for (size_t i = 0; i < COUNT(spki_forms); i++)
		if (hlv_eq(name, hlv_text(spki_forms[i].wire)))
			return decode_spki(&r, spki_forms[i].kind, key);
	return HLV_E_UNSUPPORTED;
}

enum hlv_err hlv_pubkey_encode(struct hlv_writer *w, const struct hlv_key *key)
{
	const struct form *form = form_of(key->kind);
	if (form) {
		hlv_put_lp32(w, hlv_text(form->wire));
		hlv_put_u16(w, 0);
		for (size_t i = 0; i < form->n; i++)
			HLV_TRY(hlv_key_put_number(w, key, form->part[i].param));
		if (form->kind == HLV_KEY_RSA)
			hlv_put_u32(w, 0);
	}
	for (size_t i = 0; i < COUNT(spki_forms); i++) {
		if (spki_forms[i].kind != key->kind)
			continue;
		hlv_put_lp32(w, hlv_text(spki_forms[i].wire));
		hlv_put_u16(w, 0);
		hlv_put_lp32(w, hlv_bytes(key->spki, key->spki_n));
	}
	return w->bad ? HLV_E_LIMIT : HLV_OK;
}

static void add_part(struct hlv_key_parts *parts, struct hlv_arena *a, const char *name,
		     struct hlv_bytes octets)
{
	struct hlv_key_part *part = &parts->part[parts->n++];
	snprintf(part->name, sizeof part->name, "%s", name);
	part->octets = hlv_arena_copy(a, octets);
}

enum hlv_err hlv_key_to_parts(const struct hlv_key *key, struct hlv_arena *a,
			      struct hlv_key_parts *parts)
{
	*parts = (struct hlv_key_parts){0};
	const struct form *form = form_of(key->kind);
	if (form) {
		parts->kty = form->kty;
		for (size_t i = 0; i < form->n; i++) {
			struct hlv_number_buf b;
			HLV_TRY(hlv_key_number(key, form->part[form->json[i]].param, &b));
			add_part(parts, a, form->part[form->json[i]].jwk,
				 hlv_bytes(b.octets, b.n));
		}
	}
	struct hlv_bytes spki = hlv_bytes(key->spki, key->spki_n);
	if (key->kind == HLV_KEY_P256) {
		struct hlv_bytes point = hlv_key_point(key);
		parts->kty = "EC";
		parts->crv = "P-256";
		add_part(parts, a, "x", hlv_bytes(point.p + 1, 32));
		add_part(parts, a, "y", hlv_bytes(point.p + 33, 32));
	}
	if (key->kind == HLV_KEY_ED25519) {
		parts->kty = "OKP";
		parts->crv = "Ed25519";
		add_part(parts, a, "x", hlv_skip(spki, spki.n - 32));
	}
	if (key->kind == HLV_KEY_SM2) {
		parts->kty = "SM2";
		add_part(parts, a, "d", spki);
	}
	return a->bad ? HLV_E_NOMEM : HLV_OK;
}

static struct hlv_bytes find_part(const struct hlv_key_parts *parts, const char *name)
{
	for (size_t i = 0; i < parts->n; i++)
		if (strncmp(parts->part[i].name, name, sizeof parts->part[i].name) == 0)
			return parts->part[i].octets;
	return (struct hlv_bytes){0};
}

static enum hlv_err from_numbers(const struct hlv_key_parts *parts, const struct form *form,
				 struct hlv_key **key)
{
	struct hlv_number numbers[4];
	for (size_t i = 0; i < form->n; i++) {
		numbers[i].param = form->part[i].param;
		numbers[i].octets = find_part(parts, form->part[i].jwk);
		if (numbers[i].octets.n == 0)
			return HLV_E_MALFORMED;
	}
	return hlv_key_from_numbers(form->library, numbers, form->n, false, key);
}

static bool is_kind(const struct hlv_key_parts *parts, const char *kty, const char *crv)
{
	if (strcmp(parts->kty, kty) != 0)
		return false;
	return !crv || (parts->crv && strcmp(parts->crv, crv) == 0);
}

/* Of parts with 32 octets each, named by the letters of `names`. */
static enum hlv_err from_coordinates(const struct hlv_key_parts *parts, enum hlv_key_kind kind,
				     const char *names, struct hlv_key **key)
{
	uint8_t der[HLV_SPKI_MAX];
	struct hlv_writer w = hlv_writer(der, sizeof der);
	hlv_put(&w, hlv_spki_head(kind));
	if (kind == HLV_KEY_P256)
		hlv_put_u8(&w, 0x04);
	for (; *names; names++) {
		struct hlv_bytes part = find_part(parts, (char[]){*names, 0});
		if (part.n != 32)
			return HLV_E_MALFORMED;
		hlv_put(&w, part);
	}
	return hlv_spki_decode(hlv_written(&w), key);
}

enum hlv_err hlv_key_from_parts(const struct hlv_key_parts *parts, struct hlv_key **key)
{
	if (!parts->kty)
		return HLV_E_MALFORMED;
	for (size_t i = 0; i < COUNT(forms); i++)
		if (is_kind(parts, forms[i].kty, NULL))
			return from_numbers(parts, &forms[i], key);
	if (is_kind(parts, "EC", "P-256"))
		return from_coordinates(parts, HLV_KEY_P256, "xy", key);
	if (is_kind(parts, "OKP", "Ed25519"))
		return from_coordinates(parts, HLV_KEY_ED25519, "x", key);
	if (!is_kind(parts, "SM2", NULL))
		return HLV_E_UNSUPPORTED;
	struct hlv_key *k;
	HLV_TRY(hlv_spki_decode(find_part(parts, "d"), &k));
	if (k->kind != HLV_KEY_SM2) {
		hlv_key_free(k);
		return HLV_E_KEY;
	}
	*key = k;
	return HLV_OK;
}
