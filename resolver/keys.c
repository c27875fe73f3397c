/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/keys.h"

#include <stdlib.h>

#include "proto/base/rand.h"
#include "proto/base/siphash.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"

enum { KEYS = 512, GOOD = 64 };

struct held {
	uint64_t hash;
	uint8_t *octets;
	size_t n;
	struct hlv_key *key;
};
struct keys {
	uint64_t secret[2];
	struct held held[KEYS];
	uint8_t good[GOOD][HLV_HASH_MAX];
};

struct keys *keys_new(uint64_t seed)
{
	struct keys *k = calloc(1, sizeof *k);
	struct hlv_rand rand;
	if (!k)
		return NULL;
	hlv_rand_seed(&rand, seed);
	k->secret[0] = hlv_rand_u64(&rand);
	k->secret[1] = hlv_rand_u64(&rand);
	return k;
}

static void drop(struct held *h)
{
	hlv_key_free(h->key);
	free(h->octets);
	*h = (struct held){0};
}

void keys_free(struct keys *k)
{
	for (size_t i = 0; k && i < KEYS; i++)
		drop(&k->held[i]);
	free(k);
}

const struct hlv_key *keys_get(struct keys *k, struct hlv_bytes octets)
{
	uint64_t hash = hlv_siphash(k->secret, octets);
	struct held *h = &k->held[hash % KEYS];
	if (h->key && h->hash == hash && hlv_eq(octets, hlv_bytes(h->octets, h->n)))
		return h->key;
	struct held fresh = {.hash = hash, .octets = malloc(octets.n + 1), .n = octets.n};
	if (!fresh.octets || hlv_pubkey_decode(octets, &fresh.key) != HLV_OK ||
	    !hlv_key_is_strong(fresh.key)) {
		drop(&fresh);
		return NULL;
	}
	if (octets.n)
		memcpy(fresh.octets, octets.p, octets.n);
	drop(h);
	*h = fresh;
	return h->key;
}

/* All that a verification looks at. */
static bool name_of(const struct hlv_message *m, struct hlv_bytes octets,
		    uint8_t name[HLV_HASH_MAX])
{
	uint8_t head[HLV_ENVELOPE_SIZE + 4];
	struct hlv_writer w = hlv_writer(head, sizeof head);
	hlv_envelope_encode(&w, &m->env);
	hlv_put_u32(&w, (uint32_t)octets.n);
	const struct hlv_bytes spans[] = {hlv_written(&w), octets, m->covered, m->credential};
	return !w.bad && hlv_hash_spans(HLV_SHA256, spans, 4, name) == HLV_OK;
}

bool keys_verify(struct keys *k, const struct hlv_message *m, const struct hlv_key *key,
		 struct hlv_bytes octets)
{
	uint8_t name[HLV_HASH_MAX];
	if (!name_of(m, octets, name))
		return hlv_message_verify(m, key) == HLV_OK;
	uint8_t *good = k->good[name[0] % GOOD];
	if (memcmp(good, name, sizeof name) == 0)
		return true;
	if (hlv_message_verify(m, key) != HLV_OK)
		return false;
	memcpy(good, name, sizeof name);
	return true;
}
