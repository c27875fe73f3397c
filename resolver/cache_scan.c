/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "proto/base/err.h"
#include "resolver/cache_inner.h"

/* Chains that are looked at while a lock is held: a hundred microseconds or so. */
enum { CHAINS_AT_ONCE = 256 };

/* --- patterns --- */

/* Octets of the identifier that are compared without case: the prefix, or all of it when it begins
 * with "0." or has no slash (protocol.md 6.6). */
static size_t folded_octets(struct hlv_bytes id)
{
	const uint8_t *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
	return slash && !hlv_starts_with(id, hlv_text("0.")) ? (size_t)(slash - id.p) : id.n;
}

static bool same(struct hlv_bytes key, size_t at, size_t folded, uint8_t c)
{
	uint8_t k = key.p[at];
	return k == c || (at < folded && hlv_upper(k) == hlv_upper(c));
}

/* '*': any octets, '?': one. Goes back to the last star alone, so n * m steps at most. */
static bool glob(struct hlv_bytes pattern, struct hlv_bytes key)
{
	size_t folded = folded_octets(key), p = 0, k = 0, star = SIZE_MAX, from = 0;
	while (k < key.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = p++;
			from = k;
			continue;
		}
		if (p < pattern.n &&
		    (pattern.p[p] == '?' || same(key, k, folded, pattern.p[p]))) {
			p++;
			k++;
			continue;
		}
		if (star == SIZE_MAX)
			return false;
		p = star + 1;
		k = ++from;
	}
	while (p < pattern.n && pattern.p[p] == '*')
		p++;
	return p == pattern.n;
}

/* "88.118.8" of "88.118.8/x", of the prefix handle "0.NA/88.118.8" and of a bare "88.118.8". */
static struct hlv_bytes prefix_of(struct hlv_bytes key)
{
	struct hlv_bytes na = hlv_text("0.NA/");
	if (hlv_eq_fold(hlv_head(key, na.n), na))
		return hlv_skip(key, na.n);
	const uint8_t *slash = key.n ? memchr(key.p, '/', key.n) : NULL;
	return slash ? hlv_head(key, (size_t)(slash - key.p)) : key;
}

static bool has_wildcards(struct hlv_bytes b)
{
	return b.n && (memchr(b.p, '*', b.n) || memchr(b.p, '?', b.n));
}

bool cache_pattern_matches(const char *pattern, struct hlv_bytes key)
{
	struct hlv_bytes p = hlv_text(pattern), prefix = prefix_of(key), na = hlv_text("0.NA/");
	if (p.n == 0)
		return true;
	struct hlv_bytes head = hlv_head(p, p.n - 1);
	if (p.p[p.n - 1] == '/' && !memchr(p.p, '/', head.n) && !has_wildcards(p))
		return hlv_eq_fold(prefix, head);
	if (p.n > 2 && p.p[p.n - 1] == '*' && p.p[p.n - 2] == '.' && !memchr(p.p, '/', p.n) &&
	    !has_wildcards(head)) {
		struct hlv_bytes top = hlv_head(p, p.n - 2);
		return hlv_eq_fold(hlv_head(prefix, top.n), top) &&
		       (prefix.n == top.n || (prefix.n > top.n && prefix.p[top.n] == '.'));
	}
	if (!memchr(p.p, '/', p.n) && !has_wildcards(p)) /* "88.118": its handle */
		return hlv_eq_fold(p, prefix) && prefix.n + na.n >= key.n &&
		       (prefix.n == key.n || hlv_eq_fold(hlv_head(key, na.n), na));
	return glob(p, key);
}

/* --- going through all of it --- */

static struct entry *flush_chain(struct shard *s, uint32_t chain, const char *pattern,
				 struct entry *out)
{
	struct entry **at = &s->chains[chain];
	while (*at) {
		struct entry *e = *at;
		if (!cache_pattern_matches(pattern, entry_key(e))) {
			at = &e->next;
			continue;
		}
		shard_unlink(s, at);
		e->next = out;
		out = e;
	}
	return out;
}

static size_t free_counted(struct entry *e)
{
	size_t n = 0;
	for (; e; n++) {
		struct entry *next = e->next;
		free(e);
		e = next;
	}
	return n;
}

size_t cache_flush(struct cache *c, const char *pattern)
{
	size_t n = 0;
	for (unsigned i = 0; i < c->nshards; i++) {
		struct shard *s = &c->shards[i];
		for (uint32_t from = 0; from <= s->mask; from += CHAINS_AT_ONCE) {
			struct entry *out = NULL;
			pthread_mutex_lock(&s->lock);
			for (uint32_t k = 0; k < CHAINS_AT_ONCE && from + k <= s->mask; k++)
				out = flush_chain(s, from + k, pattern, out);
			pthread_mutex_unlock(&s->lock);
			n += free_counted(out);
		}
	}
	return n;
}

struct entry *entry_copy(const struct entry *e)
{
	size_t n = offsetof(struct entry, octets) + e->key_n + e->raw_n;
	struct entry *copy = malloc(n);
	if (copy) {
		memcpy(copy, e, n);
		copy->next = NULL;
	}
	return copy;
}

/* Copies of a chain's entries, one behind the other. */
static struct entry *copy_chain(struct shard *s, uint32_t chain)
{
	struct entry *copies = NULL, **last = &copies;
	pthread_mutex_lock(&s->lock);
	for (const struct entry *e = s->chains[chain]; e; e = e->next) {
		*last = entry_copy(e);
		if (!*last)
			break;
		last = &(*last)->next;
	}
	pthread_mutex_unlock(&s->lock);
	return copies;
}

void entry_show(struct entry *e, struct cache_entry *out)
{
	*out = (struct cache_entry){.kind = (enum memory_kind)e->kind,
				    .key = entry_key(e),
				    .hits = e->hits,
				    .validated_s = e->validated_s,
				    .cost = (uint32_t)entry_cost(e)};
	hlv_require(entry_proven(e, &out->proven)); /* it was proven when it was put */
}

void cache_each(struct cache *c, cache_each_fn *fn, void *ctx)
{
	uint64_t place = 0;
	while (cache_scan(c, &place, fn, ctx))
		;
}

bool cache_scan(struct cache *c, uint64_t *place, cache_each_fn *fn, void *ctx)
{
	unsigned i = (unsigned)(*place >> 32);
	uint32_t chain = (uint32_t)*place;
	bool go_on = true;
	if (i >= c->nshards)
		return false;
	struct shard *s = &c->shards[i];
	struct entry *copies = chain <= s->mask ? copy_chain(s, chain) : NULL;
	for (struct entry *e = copies; e && go_on; e = e->next) {
		struct cache_entry entry;
		entry_show(e, &entry);
		go_on = fn(ctx, &entry);
	}
	free_chain(copies);
	*place = chain < s->mask ? *place + 1 : (uint64_t)(i + 1) << 32;
	return go_on && *place >> 32 < c->nshards;
}
