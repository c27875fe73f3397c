/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/mac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

static EVP_MAC *hmac;
static CRYPTO_ONCE hmac_once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_hmac(void)
{
	hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
}

static enum hlv_err parse_code(uint8_t code, enum hlv_mac_kind *kind)
{
	switch (code) {
	case 0:
	case HLV_MAC_MD5:
		*kind = HLV_MAC_MD5;
		return HLV_OK;
	case HLV_MAC_SHA1:
	case HLV_MAC_SHA256:
	case HLV_MAC_HMAC_SHA1:
	case HLV_MAC_HMAC_SHA256:
		*kind = (enum hlv_mac_kind)code;
		return HLV_OK;
	}
	return HLV_E_UNSUPPORTED;
}

/* "Hmac-SHA-256" -> "HMACSHA256"; empty when it is longer than any name that we know. */
static struct hlv_bytes plain_name(struct hlv_bytes name, uint8_t out[16])
{
	size_t n = 0;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = hlv_upper(name.p[i]);
		if (!(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9'))
			continue;
		if (n == 16)
			return (struct hlv_bytes){0};
		out[n++] = c;
	}
	return hlv_bytes(out, n);
}

enum hlv_err hlv_mac_parse(struct hlv_bytes algorithm, enum hlv_mac_kind *kind)
{
	static const struct {
		const char *name;
		enum hlv_mac_kind kind;
	} names[] = {
		{"MD5", HLV_MAC_MD5},	    {"SHA1", HLV_MAC_SHA1},
		{"SHA-1", HLV_MAC_SHA1},    {"SHA-256", HLV_MAC_SHA256},
		{"SHA256", HLV_MAC_SHA256},
	};
	if (algorithm.n == 1)
		return parse_code(algorithm.p[0], kind);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (hlv_eq(algorithm, hlv_text(names[i].name))) {
			*kind = names[i].kind;
			return HLV_OK;
		}
	}
	uint8_t buf[16];
	struct hlv_bytes plain = plain_name(algorithm, buf);
	if (hlv_eq(plain, hlv_text("HMACSHA1")))
		*kind = HLV_MAC_HMAC_SHA1;
	else if (hlv_eq(plain, hlv_text("HMACSHA256")))
		*kind = HLV_MAC_HMAC_SHA256;
	else
		return HLV_E_UNSUPPORTED;
	return HLV_OK;
}

static bool hmac_spans(EVP_MAC_CTX *ctx, const char *digest, struct hlv_bytes key,
		       const struct hlv_bytes *spans, size_t n, struct hlv_mac *mac)
{
	char name[8];
	snprintf(name, sizeof name, "%s", digest);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
		OSSL_PARAM_construct_end(),
	};
	if (!EVP_MAC_init(ctx, key.p, key.n, params))
		return false;
	for (size_t i = 0; i < n; i++)
		if (spans[i].n && !EVP_MAC_update(ctx, spans[i].p, spans[i].n))
			return false;
	return EVP_MAC_final(ctx, mac->octets, &mac->n, sizeof mac->octets) == 1;
}

static enum hlv_err hmac_of(const char *digest, struct hlv_bytes key,
			    const struct hlv_bytes *spans, size_t n, struct hlv_mac *mac)
{
	if (!CRYPTO_THREAD_run_once(&hmac_once, fetch_hmac) || !hmac)
		return HLV_E_UNSUPPORTED;
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(hmac);
	if (!ctx)
		return HLV_E_NOMEM;
	bool ok = hmac_spans(ctx, digest, key, spans, n, mac);
	EVP_MAC_CTX_free(ctx);
	return ok ? HLV_OK : HLV_E_CRYPTO;
}

static enum hlv_err sandwich(enum hlv_hash hash, struct hlv_bytes key,
			     const struct hlv_bytes *spans, size_t n, struct hlv_mac *mac)
{
	struct hlv_bytes all[HLV_MAC_SPANS_MAX + 2];
	hlv_require(n <= HLV_MAC_SPANS_MAX);
	all[0] = key;
	for (size_t i = 0; i < n; i++)
		all[i + 1] = spans[i];
	all[n + 1] = key;
	mac->n = hlv_hash_size(hash);
	return hlv_hash_spans(hash, all, n + 2, mac->octets);
}

enum hlv_err hlv_mac(enum hlv_mac_kind kind, struct hlv_bytes key,
		     const struct hlv_bytes *spans, size_t n, struct hlv_mac *mac)
{
	if (key.n == 0)
		return HLV_E_KEY;
	switch (kind) {
	case HLV_MAC_MD5:
		return sandwich(HLV_MD5, key, spans, n, mac);
	case HLV_MAC_SHA1:
		return sandwich(HLV_SHA1, key, spans, n, mac);
	case HLV_MAC_SHA256:
		return sandwich(HLV_SHA256, key, spans, n, mac);
	case HLV_MAC_HMAC_SHA1:
		return hmac_of("SHA1", key, spans, n, mac);
	case HLV_MAC_HMAC_SHA256:
		return hmac_of("SHA256", key, spans, n, mac);
	}
	return HLV_E_UNSUPPORTED;
}

bool hlv_mac_is(const struct hlv_mac *mac, struct hlv_bytes octets)
{
	return octets.n == mac->n && CRYPTO_memcmp(octets.p, mac->octets, mac->n) == 0;
}
