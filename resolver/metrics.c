/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/metrics.h"

#include <inttypes.h>

#include "proto/net/addr.h"
#include "proto/net/json.h"

enum { COPIES_MAX = 64 };

static void put_cache(const struct resolver_watched *w, struct hlv_metrics *m)
{
	struct cache_stats s;
	cache_stats(w->cache, &s);
	hlv_metric(m, "helve_cache_lookups_total", "counter",
		   "Look-ups in the cache: hit, stale (its life was over), miss.");
	hlv_metric_put(m, (double)s.hits, "result", "hit", NULL);
	hlv_metric_put(m, (double)s.stale_hits, "result", "stale", NULL);
	hlv_metric_put(m, (double)s.misses, "result", "miss", NULL);
	hlv_metric_one(m, "helve_cache_entries", "gauge", "What the cache holds.",
		       (double)s.entries);
	hlv_metric_one(m, "helve_cache_bytes", "gauge", "Octets that it takes.",
		       (double)s.octets);
	hlv_metric_one(m, "helve_cache_max_bytes", "gauge", "Octets that it may take.",
		       (double)cache_octets_max(w->cache));
	hlv_metric_one(m, "helve_cache_puts_total", "counter", "Findings that were kept.",
		       (double)s.puts);
	hlv_metric_one(m, "helve_cache_evicted_total", "counter",
		       "Entries that went for want of room.", (double)s.evicted);
	hlv_metric_one(m, "helve_cache_expired_total", "counter",
		       "Entries that went because they were over.", (double)s.expired);
	hlv_metric_one(m, "helve_cache_prefetches_total", "counter",
		       "Entries that were asked for again before they were over.",
		       (double)s.prefetches);
}

static void put_walks(const struct resolver_watched *w, struct hlv_metrics *m)
{
	struct engine_stats s;
	uint64_t anchors;
	recursor_stats(w->recursor, &s, &anchors);
	hlv_metric(m, "helve_resolutions_total", "counter",
		   "Walks by how they ended: secure, insecure, bogus (forged or wrongly "
		   "signed), failed.");
	hlv_metric_put(m, (double)s.secure, "result", "secure", NULL);
	hlv_metric_put(m, (double)s.insecure, "result", "insecure", NULL);
	hlv_metric_put(m, (double)s.bogus, "result", "bogus", NULL);
	hlv_metric_put(m, (double)s.failed, "result", "failed", NULL);
	hlv_metric_one(m, "helve_upstream_packets_total", "counter",
		       "Questions that were sent to other nodes.", (double)s.packets_out);
	hlv_metric_one(m, "helve_upstream_bytes_total", "counter",
		       "Octets that other nodes sent.", (double)s.octets_in);
	hlv_metric_one(m, "helve_upstream_mismatches_total", "counter",
		       "Answers that belonged to no question: somebody may be forging.",
		       (double)s.mismatches);
	hlv_metric_one(m, "helve_resolver_questions_total", "counter",
		       "Questions that the cache could not answer.", (double)s.questions);
	hlv_metric_one(m, "helve_resolver_coalesced_total", "counter",
		       "Of these, that waited for a walk which was under way.",
		       (double)s.coalesced);
	hlv_metric_one(m, "helve_resolver_stale_answers_total", "counter",
		       "Answers from beyond their life, because nobody could be asked.",
		       (double)s.stale_answers);
	hlv_metric_one(m, "helve_resolver_refused_total", "counter",
		       "Questions that were refused because too many were open.",
		       (double)s.refused);
	hlv_metric_one(m, "helve_trust_anchors", "gauge", "Anchors that are believed.",
		       (double)anchors);
}

static void put_copies(const struct resolver_watched *w, struct hlv_metrics *m)
{
	struct copy_state states[COPIES_MAX];
	size_t n = w->copies ? copies_states(w->copies, states, COPIES_MAX) : 0;
	if (n == 0)
		return;
	hlv_metric(m, "helve_copy_records", "gauge", "Records of a local copy, by prefix.");
	for (size_t i = 0; i < n; i++)
		hlv_metric_put(m, (double)states[i].records, "prefix", states[i].prefix, NULL);
	hlv_metric(m, "helve_copy_synced_timestamp_seconds", "gauge",
		   "When a copy was last known to be as its node's, by prefix; 0: never.");
	for (size_t i = 0; i < n; i++)
		hlv_metric_put(m, (double)states[i].synced_ms / 1000, "prefix",
			       states[i].prefix, NULL);
}

void resolver_put_metrics(const struct resolver_watched *w, struct hlv_metrics *m)
{
	put_cache(w, m);
	put_walks(w, m);
	put_copies(w, m);
}

void resolver_put_stats(const struct resolver_watched *w, struct hlv_buf *json)
{
	struct cache_stats c;
	struct engine_stats e;
	uint64_t anchors;
	cache_stats(w->cache, &c);
	recursor_stats(w->recursor, &e, &anchors);
	hlv_buf_printf(json, ",\"cache\":{\"max_octets\":%" PRIu64, cache_octets_max(w->cache));
#define X(name) hlv_buf_printf(json, ",\"" #name "\":%" PRIu64, c.name);
	CACHE_STATS(X)
#undef X
	hlv_buf_printf(json, "},\"resolver\":{\"anchors\":%" PRIu64, anchors);
#define X(name) hlv_buf_printf(json, ",\"" #name "\":%" PRIu64, e.name);
	ENGINE_STATS(X)
#undef X
	hlv_buf_str(json, "},\"copies\":[");
	struct copy_state states[COPIES_MAX];
	size_t n = w->copies ? copies_states(w->copies, states, COPIES_MAX) : 0;
	for (size_t i = 0; i < n; i++) {
		hlv_buf_str(json, i ? ",{\"prefix\":" : "{\"prefix\":");
		hlv_json_put_str(json, hlv_text(states[i].prefix));
		hlv_buf_printf(json, ",\"records\":%" PRIu64 ",\"synced\":%" PRIu64 "}",
			       states[i].records, states[i].synced_ms);
	}
	hlv_buf_str(json, "]");
}
