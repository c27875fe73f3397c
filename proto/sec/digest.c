/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "proto/sec/inner.h"
#include "proto/wire/name.h"

static const struct {
	const char *name;
	size_t size;
} hashes[] = {
	[HLV_MD5] = {"MD5", 16},
	[HLV_SHA1] = {"SHA1", 20},
	[HLV_SHA256] = {"SHA256", 32},
	[HLV_SM3] = {"SM3", 32},
};
enum { N_HASHES = sizeof hashes / sizeof hashes[0] };

/* Written once, by whoever comes first, and then only read. */
static EVP_MD *fetched[N_HASHES];
static CRYPTO_ONCE fetch_once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_all(void)
{
	for (size_t i = 0; i < N_HASHES; i++)
		fetched[i] = EVP_MD_fetch(NULL, hashes[i].name, NULL);
}

const struct evp_md_st *hlv_hash_md(enum hlv_hash hash)
{
	if (!CRYPTO_THREAD_run_once(&fetch_once, fetch_all))
		return NULL;
	return fetched[hash];
}

size_t hlv_hash_size(enum hlv_hash hash)
{
	return hashes[hash].size;
}

static bool digest_spans(EVP_MD_CTX *ctx, const EVP_MD *md, const struct hlv_bytes *spans,
			 size_t n, uint8_t *out)
{
	if (!EVP_DigestInit_ex2(ctx, md, NULL))
		return false;
	for (size_t i = 0; i < n; i++)
		if (spans[i].n && !EVP_DigestUpdate(ctx, spans[i].p, spans[i].n))
			return false;
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

enum hlv_err hlv_hash_spans(enum hlv_hash hash, const struct hlv_bytes *spans, size_t n,
			    uint8_t out[HLV_HASH_MAX])
{
	const EVP_MD *md = hlv_hash_md(hash);
	if (!md)
		return HLV_E_UNSUPPORTED;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		return HLV_E_NOMEM;
	bool ok = digest_spans(ctx, md, spans, n, out);
	EVP_MD_CTX_free(ctx);
	return ok ? HLV_OK : HLV_E_CRYPTO;
}

enum hlv_err hlv_hash(enum hlv_hash hash, struct hlv_bytes b, uint8_t out[HLV_HASH_MAX])
{
	return hlv_hash_spans(hash, &b, 1, out);
}

struct hlv_hasher {
	EVP_MD_CTX *ctx;
	const EVP_MD *md;
	bool bad;
};

enum hlv_err hlv_hasher_new(enum hlv_hash hash, struct hlv_hasher **out)
{
	const EVP_MD *md = hlv_hash_md(hash);
	if (!md)
		return HLV_E_UNSUPPORTED;
	struct hlv_hasher *h = calloc(1, sizeof *h);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!h || !ctx) {
		free(h);
		EVP_MD_CTX_free(ctx);
		return HLV_E_NOMEM;
	}
	*h = (struct hlv_hasher){.ctx = ctx, .md = md};
	*out = h;
	return HLV_OK;
}

void hlv_hasher_free(struct hlv_hasher *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

void hlv_hasher_begin(struct hlv_hasher *h)
{
	h->bad = !EVP_DigestInit_ex2(h->ctx, h->md, NULL);
}

void hlv_hasher_add(struct hlv_hasher *h, struct hlv_bytes b)
{
	if (b.n && !h->bad)
		h->bad = !EVP_DigestUpdate(h->ctx, b.p, b.n);
}

enum hlv_err hlv_hasher_end(struct hlv_hasher *h, uint8_t out[HLV_HASH_MAX])
{
	if (h->bad || !EVP_DigestFinal_ex(h->ctx, out, NULL))
		return HLV_E_CRYPTO;
	return HLV_OK;
}

static bool hash_of_digest(uint8_t kind, enum hlv_hash *hash)
{
	switch (kind) {
	case HLV_DIGEST_MD5_OLD:
	case HLV_DIGEST_MD5:
		*hash = HLV_MD5;
		return true;
	case HLV_DIGEST_SHA1:
		*hash = HLV_SHA1;
		return true;
	case HLV_DIGEST_SHA256:
		*hash = HLV_SHA256;
		return true;
	}
	return false;
}

enum hlv_err hlv_request_digest(struct hlv_bytes covered, int version,
				uint8_t out[HLV_HASH_MAX], struct hlv_digest *d)
{
	enum hlv_hash hash;
	d->kind = (uint8_t)hlv_digest_kind_for(version);
	if (!hash_of_digest(d->kind, &hash))
		return HLV_E_UNSUPPORTED;
	d->octets = hlv_bytes(out, hlv_hash_size(hash));
	return hlv_hash(hash, covered, out);
}

bool hlv_request_digest_fits(struct hlv_bytes covered, const struct hlv_digest *d)
{
	enum hlv_hash hash;
	uint8_t own[HLV_HASH_MAX];
	if (!hash_of_digest(d->kind, &hash) || hlv_hash(hash, covered, own) != HLV_OK)
		return false;
	return hlv_eq(hlv_bytes(own, hlv_hash_size(hash)), d->octets);
}

static bool upper_md5(EVP_MD_CTX *ctx, const EVP_MD *md, struct hlv_bytes part, uint8_t *out)
{
	if (!EVP_DigestInit_ex2(ctx, md, NULL))
		return false;
	uint8_t upper[256];
	while (part.n) {
		struct hlv_bytes head = hlv_head(part, sizeof upper);
		for (size_t i = 0; i < head.n; i++)
			upper[i] = hlv_upper(head.p[i]);
		if (!EVP_DigestUpdate(ctx, upper, head.n))
			return false;
		part = hlv_skip(part, head.n);
	}
	return EVP_DigestFinal_ex(ctx, out, NULL) == 1;
}

enum hlv_err hlv_site_hash(struct hlv_bytes id, uint8_t option, uint32_t *hash)
{
	if (option > HLV_HASH_ALL)
		return HLV_E_UNSUPPORTED;
	struct hlv_name name = hlv_name_split(id);
	struct hlv_bytes part = id;
	if (option != HLV_HASH_ALL)
		part = option == HLV_HASH_PREFIX ? name.prefix : name.suffix;
	const EVP_MD *md = hlv_hash_md(HLV_MD5);
	if (!md)
		return HLV_E_UNSUPPORTED;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx)
		return HLV_E_NOMEM;
	uint8_t md5[HLV_HASH_MAX];
	bool ok = upper_md5(ctx, md, part, md5);
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return HLV_E_CRYPTO;
	uint32_t tail = hlv_load_u32(md5 + 12);
	/* decisions.md 11: the absolute value of -2^31 is not a number there; it counts as 0.
	 */
	if (tail >> 31)
		tail = (0U - tail) & 0x7FFFFFFFU;
	*hash = tail;
	return HLV_OK;
}
