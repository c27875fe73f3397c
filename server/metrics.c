/* SPDX-License-Identifier: Apache-2.0 */
#include "server/metrics.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/net/json.h"
#include "proto/wire/name.h"

enum { SCANNED_MAX = 20000 }; /* prefixes that are looked at, a minute */

typedef unsigned long long ull;

void registrar_meter_init(struct registrar_meter *m)
{
	*m = (struct registrar_meter){0};
	pthread_mutex_init(&m->lock, NULL);
	registrar_meter_set(&m->readable, 1);
	registrar_meter_set(&m->writable, 1);
}

void registrar_meter_fini(struct registrar_meter *m)
{
	pthread_mutex_destroy(&m->lock);
}

void registrar_meter_why(struct registrar_meter *m, const char *why)
{
	pthread_mutex_lock(&m->lock);
	snprintf(m->why, sizeof m->why, "%s", why);
	pthread_mutex_unlock(&m->lock);
}

/* --- records by prefix --- */

struct gathering {
	struct store *store;
	struct store_view *view;
	size_t n, seen;
	struct meter_prefix *list; /* METER_PREFIXES, the most first */
	uint64_t sum;
};

static void keep_largest(struct gathering *g, struct hlv_bytes prefix, uint64_t records)
{
	size_t at = g->n;
	while (at > 0 && g->list[at - 1].records < records)
		at--;
	if (at == METER_PREFIXES)
		return;
	if (g->n < METER_PREFIXES)
		g->n++;
	memmove(g->list + at + 1, g->list + at, (g->n - 1 - at) * sizeof *g->list);
	g->list[at].records = records;
	snprintf(g->list[at].name, sizeof g->list[at].name, "%.*s", (int)prefix.n,
		 (const char *)prefix.p);
}

/* The key of a prefix handle: a scheme octet, then "0.NA/88.118". */
static bool see_prefix(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct gathering *g = ctx;
	static const char before[] = "0.NA/";
	uint64_t records = 0;
	(void)value;
	struct hlv_bytes handle = hlv_skip(key, 1);
	if (++g->seen > SCANNED_MAX)
		return false;
	if (handle.n <= sizeof before - 1 || handle.n > METER_PREFIX_NAME)
		return true;
	struct hlv_bytes prefix = hlv_skip(handle, sizeof before - 1);
	if (!hlv_is_text(prefix) || store_count(g->store, g->view, prefix, &records) != HLV_OK)
		return true;
	g->sum += records;
	keep_largest(g, prefix, records);
	return true;
}

void registrar_meter_prefixes(struct registrar_meter *m, struct store *store,
			      struct store_view *v)
{
	uint64_t all = 0;
	struct gathering g = {.store = store, .view = v};
	g.list = calloc(METER_PREFIXES, sizeof *g.list);
	if (!g.list)
		return;
	enum hlv_err err =
		store->ops->scan(v, SPACE_PREFIX, (struct hlv_bytes){0}, see_prefix, &g);
	if (err == HLV_OK && store_count(store, v, (struct hlv_bytes){0}, &all) == HLV_OK) {
		pthread_mutex_lock(&m->lock);
		m->nprefixes = g.n;
		memcpy(m->prefix, g.list, g.n * sizeof *g.list);
		m->other_records = all;
		for (size_t i = 0; i < g.n; i++)
			m->other_records -= m->other_records < g.list[i].records
						    ? m->other_records
						    : g.list[i].records;
		pthread_mutex_unlock(&m->lock);
	}
	free(g.list);
}

/* --- what is told --- */

static void put_prefixes(struct registrar_meter *m, struct hlv_metrics *out)
{
	hlv_metric(out, "helve_prefix_records", "gauge",
		   "Live records by prefix, of those with the most; \"other\" are all others.");
	pthread_mutex_lock(&m->lock);
	for (size_t i = 0; i < m->nprefixes; i++)
		hlv_metric_put(out, (double)m->prefix[i].records, "prefix", m->prefix[i].name,
			       NULL);
	hlv_metric_put(out, (double)m->other_records, "prefix", "other", NULL);
	pthread_mutex_unlock(&m->lock);
}

static void put_group_sizes(struct registrar_meter *m, struct hlv_metrics *out)
{
	struct hlv_histogram_sum s = {0};
	hlv_histogram_read(&m->group_jobs, &s);
	hlv_metric(out, "helve_commit_changes", "histogram", "Changes of a commit.");
	for (uint64_t le = 1; le <= 256; le *= 2)
		hlv_buf_printf(out->b, "helve_commit_changes_bucket{le=\"%llu\"} %llu\n",
			       (ull)le, (ull)hlv_histogram_below(&s, le));
	hlv_buf_printf(out->b,
		       "helve_commit_changes_bucket{le=\"+Inf\"} %llu\n"
		       "helve_commit_changes_sum %llu\nhelve_commit_changes_count %llu\n",
		       (ull)s.n, (ull)s.sum, (ull)s.n);
}

void registrar_meter_put(struct registrar_meter *m, struct hlv_metrics *out)
{
	struct hlv_histogram_sum s = {0};
#define X(name, family, type, help)                                                            \
	hlv_metric_one(out, (family), (type), (help),                                          \
		       (double)atomic_load_explicit(&m->name, memory_order_relaxed));
	REGISTRAR_METERS(X)
#undef X
	put_group_sizes(m, out);
	hlv_histogram_read(&m->commit_ns, &s);
	hlv_metric(out, "helve_commit_duration_seconds", "histogram",
		   "Time that a commit took, its sync of the disk included.");
	hlv_metric_histogram(out, &s, "engine", "lmdb");
	put_prefixes(m, out);
}

void registrar_meter_put_stats(struct registrar_meter *m, struct hlv_buf *json)
{
	struct hlv_histogram_sum s = {0};
	const char *comma = "";
	hlv_buf_str(json, ",\"registry\":{");
#define X(name, family, type, help)                                                            \
	hlv_buf_printf(json, "%s\"" #name "\":%llu", comma,                                    \
		       (ull)atomic_load_explicit(&m->name, memory_order_relaxed));             \
	comma = ",";
	REGISTRAR_METERS(X)
#undef X
	hlv_histogram_read(&m->commit_ns, &s);
	hlv_buf_printf(json, ",\"commit_p50_us\":%.1f,\"commit_p99_us\":%.1f,\"why\":",
		       (double)hlv_histogram_quantile(&s, .5) / 1000,
		       (double)hlv_histogram_quantile(&s, .99) / 1000);
	pthread_mutex_lock(&m->lock);
	hlv_json_put_str(json, hlv_text(m->why));
	hlv_buf_str(json, ",\"by_prefix\":[");
	for (size_t i = 0; i < m->nprefixes; i++) {
		hlv_buf_str(json, i ? ",{\"prefix\":" : "{\"prefix\":");
		hlv_json_put_str(json, hlv_text(m->prefix[i].name));
		hlv_buf_printf(json, ",\"records\":%llu}", (ull)m->prefix[i].records);
	}
	pthread_mutex_unlock(&m->lock);
	hlv_buf_str(json, "]}");
}

const char *registrar_meter_unready(struct registrar_meter *m, char room[256])
{
	bool readable = atomic_load_explicit(&m->readable, memory_order_relaxed);
	bool writable = atomic_load_explicit(&m->writable, memory_order_relaxed);
	if (readable && writable)
		return NULL;
	pthread_mutex_lock(&m->lock);
	snprintf(room, 256, "%s", *m->why ? m->why : "the registry cannot be read");
	pthread_mutex_unlock(&m->lock);
	return room;
}
