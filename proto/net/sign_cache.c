/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/sign_cache.h"

#include <stdlib.h>

#include "proto/sec/digest.h"

enum { ENTRIES = 4096, CREDENTIAL_MAX = 600, NO_CREDENTIAL = 4 };

struct entry {
	uint8_t digest[HLV_HASH_MAX];	    /* of the covered octets, SHA-256 */
	uint16_t n;			    /* 0: empty */
	uint8_t credential[CREDENTIAL_MAX]; /* with its length in front */
};

struct hlv_sign_cache {
	const struct hlv_key *key;
	struct entry entries[ENTRIES];
};

struct hlv_sign_cache *hlv_sign_cache_new(const struct hlv_key *key)
{
	struct hlv_sign_cache *cache = calloc(1, sizeof *cache);
	if (cache)
		cache->key = key;
	return cache;
}

void hlv_sign_cache_free(struct hlv_sign_cache *cache)
{
	free(cache);
}

static struct entry *find(struct hlv_sign_cache *cache, const uint8_t digest[HLV_HASH_MAX])
{
	return &cache->entries[hlv_load_u32(digest) % ENTRIES];
}

/* What identifies the signature: the covered octets, which are not contiguous (5.2). */
static enum hlv_err covered_digest(struct hlv_bytes message, uint8_t digest[HLV_HASH_MAX])
{
	struct hlv_reader r = hlv_reader(message);
	struct hlv_envelope env;
	uint8_t prefix[HLV_COVERED_PREFIX_MAX];
	HLV_TRY(hlv_envelope_decode(&r, &env));
	struct hlv_bytes rest = hlv_take_rest(&r);
	/* The version is part of what the key decides by: never mix two versions' answers. */
	uint8_t version[2] = {env.major, env.minor};
	struct hlv_bytes spans[] = {
		hlv_bytes(version, sizeof version),
		hlv_bytes(prefix, hlv_covered_prefix(&env, 0, prefix)),
		hlv_head(rest, rest.n - NO_CREDENTIAL),
	};
	return hlv_hash_spans(HLV_SHA256, spans, sizeof spans / sizeof *spans, digest);
}

static void put_credential(struct hlv_writer *w, size_t at, const struct entry *e)
{
	if (e->n > w->cap - (w->n - NO_CREDENTIAL)) {
		w->bad = true;
		return;
	}
	w->n -= NO_CREDENTIAL;
	hlv_put(w, hlv_bytes(e->credential, e->n));
	hlv_fill_u32(w, at + HLV_ENVELOPE_SIZE - 4, (uint32_t)(w->n - at - HLV_ENVELOPE_SIZE));
}

void hlv_sign_cached(struct hlv_sign_cache *cache, struct hlv_writer *w, size_t at)
{
	uint8_t digest[HLV_HASH_MAX];
	size_t credential_at = w->n - NO_CREDENTIAL;
	if (covered_digest(hlv_bytes(w->p + at, w->n - at), digest) != HLV_OK)
		return;
	struct entry *e = find(cache, digest);
	if (e->n > 0 && memcmp(e->digest, digest, sizeof digest) == 0) {
		put_credential(w, at, e);
		return;
	}
	if (w->cap - w->n < CREDENTIAL_MAX) {
		w->bad = true; /* a datagram is too small: the caller has a larger buffer */
		return;
	}
	if (hlv_message_sign(w, at, cache->key, 0) != HLV_OK)
		return;
	size_t n = w->n - credential_at;
	if (n > CREDENTIAL_MAX)
		return;
	memcpy(e->digest, digest, sizeof digest);
	memcpy(e->credential, w->p + credential_at, n);
	e->n = (uint16_t)n;
}
