/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/daemon_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

typedef unsigned long long ull;

static const uint64_t SECOND_NS = 1000000000U;

/* --- sums over the workers --- */

static const struct hlv_front *front_of(const struct hlv_daemon *d, unsigned i)
{
	const struct hlv_worker *w = d->workers[i];
	return w ? hlv_worker_front(w) : NULL;
}

static uint64_t requests(const struct hlv_daemon *d, unsigned way, unsigned op, unsigned rc)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_front *f = front_of(d, i);
		if (f)
			n += atomic_load_explicit(&f->meter.requests[way][op][rc],
						  memory_order_relaxed);
	}
	return n;
}

static uint64_t inflight(const struct hlv_daemon *d)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_front *f = front_of(d, i);
		if (f)
			n += atomic_load_explicit(&f->meter.inflight, memory_order_relaxed);
	}
	return n;
}

static void read_took(const struct hlv_daemon *d, unsigned took, struct hlv_histogram_sum *s)
{
	*s = (struct hlv_histogram_sum){0};
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_front *f = front_of(d, i);
		if (f)
			hlv_histogram_read(&f->meter.took[took], s);
	}
}

/* --- this process, as the system sees it --- */

struct process {
	uint64_t resident, descriptors, descriptors_max;
	double cpu_s;
};

static uint64_t read_resident(void)
{
	char text[128];
	uint64_t size = 0, resident = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (sscanf(text, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	uint64_t n = 0;
	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n > 3 ? n - 3 : 0; /* "." and ".." and that of the reading */
}

static double seconds(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static void read_process(struct process *p)
{
	struct rlimit rl = {0};
	struct rusage ru = {0};
	getrlimit(RLIMIT_NOFILE, &rl);
	getrusage(RUSAGE_SELF, &ru);
	*p = (struct process){.resident = read_resident(),
			      .descriptors = count_descriptors(),
			      .descriptors_max = rl.rlim_cur,
			      .cpu_s = seconds(ru.ru_utime) + seconds(ru.ru_stime)};
}

/* --- Prometheus --- */

static const char *lower(const char *name, char out[32])
{
	size_t i = 0;
	for (; name[i] && i < 31; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	out[i] = '\0';
	return out;
}

static const char *code_text(unsigned slot, char out[16])
{
	int code = hlv_rc_slot_code(slot);
	snprintf(out, 16, "%d", code);
	return code < 0 ? "other" : out;
}

static void put_requests(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	char op_name[32], code[16];
	hlv_metric(m, "helve_requests_total", "counter",
		   "Requests that were answered, by way, operation and response code.");
	for (unsigned way = 0; way < HLV_WAYS; way++)
		for (unsigned op = 0; op <= HLV_OP_SLOTS; op++)
			for (unsigned rc = 0; rc <= HLV_RC_SLOTS; rc++) {
				uint64_t n = requests(d, way, op, rc);
				if (n == 0 &&
				    (op != SLOT_HLV_OP_RESOLUTION || rc != SLOT_HLV_RC_SUCCESS))
					continue;
				hlv_metric_put(m, (double)n, "proto", hlv_way_name(way), "op",
					       lower(hlv_op_slot_name(op), op_name), "code",
					       code_text(rc, code), NULL);
			}
}

static void put_http(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	static const char *const names[] = {"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
	hlv_metric(m, "helve_http_responses_total", "counter",
		   "Answers by HTTP, by the class of their status.");
	for (unsigned s = 1; s < 6; s++) {
		uint64_t n = 0;
		for (unsigned i = 0; i < d->nworkers; i++) {
			const struct hlv_front *f = front_of(d, i);
			if (f)
				n += atomic_load_explicit(&f->meter.http[s],
							  memory_order_relaxed);
		}
		hlv_metric_put(m, (double)n, "status", names[s], NULL);
	}
}

static void put_durations(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	struct hlv_histogram_sum s;
	hlv_metric(m, "helve_request_duration_seconds", "histogram",
		   "Time to an answer, by kind; that of a batch is given to all in it.");
	for (unsigned i = 0; i < HLV_TOOKS; i++) {
		read_took(d, i, &s);
		hlv_metric_histogram(m, &s, "kind", hlv_took_name(i));
	}
}

/* What the front ends count, each a family of its own: helve_udp_stubs_total ... */
static void put_counters(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	struct hlv_stats sum = {0};
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_front *f = front_of(d, i);
		if (!f)
			continue;
#define X(name) sum.name += atomic_load_explicit(&f->stats.name, memory_order_relaxed);
		HLV_STATS(X)
#undef X
	}
#define X(name)                                                                                \
	hlv_metric_one(m, "helve_" #name "_total", "counter",                                  \
		       "The workers' counter " #name ", see docs/metrics.md.",                 \
		       (double)sum.name);
	HLV_STATS(X)
#undef X
}

static void put_process(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	struct process p;
	read_process(&p);
	hlv_metric_one(m, "process_resident_memory_bytes", "gauge", "Resident memory.",
		       (double)p.resident);
	hlv_metric_one(m, "process_cpu_seconds_total", "counter",
		       "Processor time, of the user and of the system.", p.cpu_s);
	hlv_metric_one(m, "process_open_fds", "gauge", "Open descriptors.",
		       (double)p.descriptors);
	hlv_metric_one(m, "process_max_fds", "gauge", "Descriptors that may be open.",
		       (double)p.descriptors_max);
	hlv_metric_one(m, "process_start_time_seconds", "gauge",
		       "When it was started, seconds since 1970.",
		       (double)d->started.wall_ms / 1000);
}

static void put_query_log(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	uint64_t lines = 0, dropped = 0, slow = 0;
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_front *f = front_of(d, i);
		if (!f)
			continue;
		lines += atomic_load_explicit(&f->tap.lines, memory_order_relaxed);
		dropped += atomic_load_explicit(&f->tap.dropped, memory_order_relaxed);
		slow += atomic_load_explicit(&f->tap.slow_count, memory_order_relaxed);
	}
	hlv_metric_one(m, "helve_query_log_lines_total", "counter", "Lines of the query log.",
		       (double)lines);
	hlv_metric_one(m, "helve_query_log_dropped_total", "counter",
		       "Lines that were dropped because the disk was slow.", (double)dropped);
	hlv_metric_one(m, "helve_slow_queries_total", "counter",
		       "Answers that took slow-query-ms or longer.", (double)slow);
}

void hlv_daemon_put_metrics(const struct hlv_daemon *d, struct hlv_metrics *m)
{
	hlv_metric(m, "helve_build_info", "gauge", "Always 1; what runs stands in the labels.");
	hlv_metric_put(m, 1, "daemon", d->name, "version", HELVE_VERSION, NULL);
	hlv_metric_one(m, "helve_workers", "gauge", "Threads that answer.", d->nworkers);
	put_requests(d, m);
	put_http(d, m);
	put_durations(d, m);
	hlv_metric_one(m, "helve_requests_inflight", "gauge",
		       "Requests that are not answered yet.", (double)inflight(d));
	put_query_log(d, m);
	put_counters(d, m);
	put_process(d, m);
}

/* --- JSON --- */

enum { WINDOW_S = 10 };

struct hlv_daemon_window {
	pthread_mutex_t lock; /* guards the rest; nothing else is taken while it is held */
	hlv_mono_ns newer_ns;
	struct hlv_histogram_sum older[HLV_TOOKS], newer[HLV_TOOKS];
};

struct hlv_daemon_window *hlv_daemon_window_new(void)
{
	struct hlv_daemon_window *w = calloc(1, sizeof *w);
	if (w)
		pthread_mutex_init(&w->lock, NULL);
	return w;
}

void hlv_daemon_window_free(struct hlv_daemon_window *w)
{
	if (w)
		pthread_mutex_destroy(&w->lock);
	free(w);
}

static void subtract(struct hlv_histogram_sum *from, const struct hlv_histogram_sum *less)
{
	from->n -= less->n;
	from->sum -= less->sum;
	for (size_t i = 0; i < HLV_HISTOGRAM_CELLS; i++)
		from->cell[i] -= less->cell[i];
}

static void put_latency(const struct hlv_histogram_sum *all,
			const struct hlv_histogram_sum *window, struct hlv_buf *b)
{
	static const struct {
		const char *name;
		double q;
	} rows[] = {{"p50_us", .5}, {"p90_us", .9}, {"p99_us", .99}, {"p999_us", .999}};
	hlv_buf_printf(b, "\"count\":%llu,\"sum_us\":%llu,\"recent\":%llu", (ull)all->n,
		       (ull)(all->sum / 1000), (ull)window->n);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		hlv_buf_printf(b, ",\"%s\":%.1f", rows[i].name,
			       (double)hlv_histogram_quantile(window, rows[i].q) / 1000);
}

static void put_latencies(const struct hlv_daemon *d, struct hlv_daemon_window *w,
			  hlv_mono_ns now, struct hlv_buf *b)
{
	hlv_buf_str(b, ",\"latency\":{");
	pthread_mutex_lock(&w->lock);
	bool turn = now - w->newer_ns >= WINDOW_S * SECOND_NS;
	for (unsigned i = 0; i < HLV_TOOKS; i++) {
		struct hlv_histogram_sum all, recent;
		read_took(d, i, &all);
		recent = all;
		subtract(&recent, &w->older[i]);
		if (turn) {
			w->older[i] = w->newer[i];
			w->newer[i] = all;
		}
		hlv_buf_printf(b, "%s\"%s\":{", i ? "," : "", hlv_took_name(i));
		put_latency(&all, &recent, b);
		hlv_buf_str(b, "}");
	}
	if (turn)
		w->newer_ns = now;
	pthread_mutex_unlock(&w->lock);
	hlv_buf_str(b, "}");
}

static void put_request_sums(const struct hlv_daemon *d, struct hlv_buf *b)
{
	uint64_t codes[HLV_RC_SLOTS + 1] = {0};
	char name[16];
	hlv_buf_str(b, ",\"requests\":{");
	for (unsigned way = 0; way < HLV_WAYS; way++) {
		uint64_t n = 0;
		for (unsigned op = 0; op <= HLV_OP_SLOTS; op++)
			for (unsigned rc = 0; rc <= HLV_RC_SLOTS; rc++) {
				uint64_t some = requests(d, way, op, rc);
				n += some;
				codes[rc] += some;
			}
		hlv_buf_printf(b, "%s\"%s\":%llu", way ? "," : "", hlv_way_name(way), (ull)n);
	}
	hlv_buf_str(b, "},\"codes\":{");
	const char *comma = "";
	for (unsigned rc = 0; rc <= HLV_RC_SLOTS; rc++) {
		if (codes[rc] == 0)
			continue;
		hlv_buf_printf(b, "%s\"%s\":%llu", comma, code_text(rc, name), (ull)codes[rc]);
		comma = ",";
	}
	hlv_buf_str(b, "}");
}

void hlv_daemon_put_stats(const struct hlv_daemon *d, struct hlv_daemon_window *window,
			  struct hlv_buf *b)
{
	struct hlv_now now = hlv_clock();
	struct process p;
	read_process(&p);
	hlv_buf_printf(b,
		       "\"daemon\":\"%s\",\"version\":\"" HELVE_VERSION
		       "\",\"time\":%llu,\"uptime\":%llu",
		       d->name, (ull)now.wall_ms,
		       (ull)((now.mono_ns - d->started.mono_ns) / SECOND_NS));
	put_request_sums(d, b);
	put_latencies(d, window, now.mono_ns, b);
	hlv_buf_printf(b, ",\"inflight\":%llu", (ull)inflight(d));
	hlv_daemon_put_counters(d, b);
	hlv_buf_printf(b,
		       ",\"process\":{\"resident\":%llu,\"cpu_s\":%.2f,\"descriptors\":%llu}",
		       (ull)p.resident, p.cpu_s, (ull)p.descriptors);
}

/* --- the query log --- */

enum hlv_err hlv_daemon_open_query_log(struct hlv_daemon *d, const struct hlv_limits *limits)
{
	if (!d->query_log)
		d->query_log = hlv_query_log_new();
	if (!d->query_log)
		return HLV_E_NOMEM;
	return hlv_query_log_open(d->query_log, limits->query_log ? limits->query_log : "off",
				  d->why);
}

static int newest_first(const void *a, const void *b)
{
	const struct hlv_slow *x = a, *y = b;
	return x->wall_ms < y->wall_ms ? 1 : x->wall_ms > y->wall_ms ? -1 : 0;
}

void hlv_daemon_put_slow(const struct hlv_daemon *d, struct hlv_buf *b)
{
	enum { SHOWN_MAX = 256 };
	size_t n = 0;
	struct hlv_slow *all = calloc((size_t)d->nworkers * HLV_SLOW_KEPT, sizeof *all);
	for (unsigned i = 0; all && i < d->nworkers; i++)
		if (d->workers[i])
			n += hlv_worker_slow(d->workers[i], all + n);
	if (n > 0)
		qsort(all, n, sizeof *all, newest_first);
	hlv_buf_str(b, "[");
	for (size_t i = 0; i < n && i < SHOWN_MAX; i++) {
		hlv_buf_str(b, i ? "," : "");
		hlv_slow_put(b, &all[i]);
	}
	hlv_buf_str(b, "]");
	free(all);
}
