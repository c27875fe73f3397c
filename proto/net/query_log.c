/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/query_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/actor.h"
#include "proto/net/json.h"
#include "proto/net/log_line.h"

enum { LINE_ROOM = 4096 };
static const hlv_mono_ns PUSH_NS = 200000000U;

struct hlv_query_log {
	atomic_bool on;
	struct hlv_actor *actor; /* NULL: never opened yet */
	int fd;			 /* the actor's: where lines go; -1: nowhere */
};

/* --- the thread that writes --- */

static void write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t some = write(fd, p, n);
		if (some < 0 && errno == EINTR)
			continue;
		if (some <= 0)
			return; /* no room: these lines are lost, as the log is */
		p += some;
		n -= (size_t)some;
	}
}

static void take_page(struct hlv_mail *mail, void *receiver)
{
	struct hlv_query_log *log = receiver;
	struct hlv_query_page *page =
		(struct hlv_query_page *)(void *)mail; /* its first member */
	if (log->fd >= 0)
		write_all(log->fd, page->octets, page->n);
	page->n = 0;
	atomic_store_explicit(&page->away, false, memory_order_release);
}

static bool rest(void *ctx, struct hlv_now now)
{
	(void)ctx;
	(void)now;
	return false;
}

static void close_file(struct hlv_query_log *log)
{
	if (log->fd > STDERR_FILENO)
		close(log->fd);
	log->fd = -1;
}

static void change_file(void *ctx, void *arg)
{
	struct hlv_query_log *log = ctx;
	const int *fd = arg;
	close_file(log);
	log->fd = *fd;
}

struct hlv_query_log *hlv_query_log_new(void)
{
	struct hlv_query_log *log = calloc(1, sizeof *log);
	if (log)
		log->fd = -1;
	return log;
}

void hlv_query_log_free(struct hlv_query_log *log)
{
	if (!log)
		return;
	if (log->actor)
		hlv_actor_stop(log->actor);
	close_file(log);
	free(log);
}

enum hlv_err hlv_query_log_open(struct hlv_query_log *log, const char *where, char *why)
{
	int fd = -1;
	bool off = !*where || strcmp(where, "off") == 0;
	if (!off && strcmp(where, "stderr") == 0)
		fd = STDERR_FILENO;
	else if (!off)
		fd = open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
	if (!off && fd < 0) {
		snprintf(why, 256, "query-log: %s: %s", where, strerror(errno));
		return HLV_E_IO;
	}
	if (!off && !log->actor)
		log->actor = hlv_actor_start("query-log", rest, log);
	if (!off && !log->actor) {
		close(fd);
		return HLV_E_NOMEM;
	}
	if (log->actor)
		hlv_actor_call(log->actor, change_file, &fd);
	atomic_store_explicit(&log->on, !off, memory_order_relaxed);
	return HLV_OK;
}

/* --- a worker's lines --- */

void hlv_query_tap_init(struct hlv_query_tap *tap, struct hlv_query_log *log)
{
	tap->log = log;
	tap->on = log ? &log->on : NULL;
	pthread_mutex_init(&tap->lock, NULL);
}

void hlv_query_tap_fini(struct hlv_query_tap *tap)
{
	if (tap->page)
		hlv_query_push(tap, UINT64_MAX);
	/* What is with the other thread comes back: it has nothing else to do. */
	for (size_t i = 0; tap->pages && i < HLV_QUERY_PAGES; i++)
		while (atomic_load_explicit(&tap->pages[i].away, memory_order_acquire))
			sched_yield();
	free(tap->pages);
	pthread_mutex_destroy(&tap->lock);
}

static void give_page(struct hlv_query_tap *tap)
{
	struct hlv_query_page *page = tap->page;
	tap->page = NULL;
	page->mail.open = take_page;
	atomic_store_explicit(&page->away, true, memory_order_relaxed);
	hlv_mailbox_post(hlv_actor_mailbox(tap->log->actor), &page->mail);
}

/* A page with room for one more line; NULL: all are away. */
static struct hlv_query_page *page_with_room(struct hlv_query_tap *tap)
{
	if (tap->page && tap->page->n + LINE_ROOM > HLV_QUERY_PAGE)
		give_page(tap);
	if (tap->page)
		return tap->page;
	if (!tap->pages)
		tap->pages = calloc(HLV_QUERY_PAGES, sizeof *tap->pages);
	for (size_t i = 0; tap->pages && i < HLV_QUERY_PAGES; i++) {
		struct hlv_query_page *page = &tap->pages[i];
		if (atomic_load_explicit(&page->away, memory_order_acquire))
			continue;
		page->n = 0;
		tap->page = page;
		tap->since_ns = hlv_clock_mono();
		return page;
	}
	return NULL;
}

static void add(_Atomic uint64_t *counter)
{
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

static const char *from_name(uint8_t from)
{
	static const char *const names[] = {"here", "policy", "copy", "cache", "stale", "walk"};
	return from < sizeof names / sizeof *names ? names[from] : "";
}

static const char *op_text(uint32_t op, char out[32])
{
	const char *name = hlv_op_name(op);
	size_t i = 0;
	if (!name)
		return "other";
	for (; name[i] && i < 31; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	out[i] = '\0';
	return out;
}

static void put_line(struct hlv_writer *w, uint64_t wall_ms, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void put_line(struct hlv_writer *w, uint64_t wall_ms, const char *format, ...)
{
	struct hlv_log_line line;
	va_list args;
	line.level = HLV_LOG_INFO;
	line.event = "query";
	line.wall_ms = wall_ms;
	line.program = "";
	line.pid = (int)getpid();
	va_start(args, format);
	hlv_log_read(&line, format, args);
	va_end(args);
	if (hlv_log_format() == HLV_LOG_JSON)
		hlv_log_put_json(w, &line);
	else
		hlv_log_put_text(w, &line);
}

/* Where the next line goes; NULL: it is not to be written, or cannot be. */
static struct hlv_query_page *claim(struct hlv_query_tap *tap, uint32_t sample)
{
	if (++tap->skipped < sample)
		return NULL;
	tap->skipped = 0;
	struct hlv_query_page *page = page_with_room(tap);
	if (!page)
		add(&tap->dropped);
	return page;
}

static void commit(struct hlv_query_tap *tap, const struct hlv_writer *w)
{
	if (w->bad)
		return;
	tap->page->n += w->n;
	add(&tap->lines);
}

static unsigned long long us_since(struct hlv_now began)
{
	return (unsigned long long)(hlv_clock_mono() - began.mono_ns) / 1000;
}

void hlv_query_note(struct hlv_query_tap *tap, uint32_t sample, enum hlv_way way,
		    const struct hlv_exchange *x)
{
	char source[HLV_ADDR_TEXT] = "local", op[32];
	struct hlv_query_page *page = claim(tap, sample);
	if (!page)
		return;
	if (way != HLV_WAY_LOCAL)
		hlv_addr_print(&x->peer.addr, source);
	struct hlv_bytes id = hlv_head(x->rq.handle, HLV_LOG_VALUE);
	struct hlv_writer w = hlv_writer(page->octets + page->n, HLV_QUERY_PAGE - page->n);
	put_line(&w, x->now.wall_ms,
		 "source=%s proto=%s op=%s id=\"%.*s\" rc=%u us=%llu from=%s", source,
		 hlv_way_name(way), op_text(x->rq.m.hdr.op, op), (int)id.n,
		 id.n ? (const char *)id.p : "", x->rs.rc, us_since(x->now),
		 from_name(x->from));
	commit(tap, &w);
}

void hlv_query_note_dns(struct hlv_query_tap *tap, uint32_t sample,
			const struct hlv_query_dns *q)
{
	char source[HLV_ADDR_TEXT];
	struct hlv_query_page *page = claim(tap, sample);
	if (!page)
		return;
	struct hlv_writer w = hlv_writer(page->octets + page->n, HLV_QUERY_PAGE - page->n);
	put_line(&w, q->began.wall_ms,
		 "source=%s proto=%s op=resolution id=\"%s\" type=%s rcode=%u rc=%u us=%llu",
		 hlv_addr_print(q->source, source), hlv_way_name(HLV_WAY_DNS), q->name, q->type,
		 q->rcode, q->rc, us_since(q->began));
	commit(tap, &w);
}

void hlv_query_push(struct hlv_query_tap *tap, hlv_mono_ns now_ns)
{
	if (tap->page && tap->page->n > 0 && now_ns - tap->since_ns >= PUSH_NS)
		give_page(tap);
}

/* --- what took long --- */

void hlv_slow_note(struct hlv_query_tap *tap, const struct hlv_slow *slow)
{
	pthread_mutex_lock(&tap->lock);
	tap->slow[tap->slow_n++ % HLV_SLOW_KEPT] = *slow;
	pthread_mutex_unlock(&tap->lock);
	add(&tap->slow_count);
}

void hlv_slow_note_exchange(struct hlv_query_tap *tap, enum hlv_way way,
			    const struct hlv_exchange *x, uint64_t took_ns)
{
	struct hlv_bytes id = hlv_head(x->rq.handle, HLV_SLOW_ID);
	struct hlv_slow slow = {.wall_ms = x->now.wall_ms,
				.took_us = took_ns / 1000,
				.way = way,
				.op = x->rq.m.hdr.op,
				.rc = x->rs.rc,
				.from = x->from,
				.id_n = (uint8_t)id.n,
				.source = x->peer.addr};
	if (id.n)
		memcpy(slow.id, id.p, id.n);
	hlv_slow_note(tap, &slow);
}

size_t hlv_slow_read(struct hlv_query_tap *tap, struct hlv_slow out[HLV_SLOW_KEPT])
{
	pthread_mutex_lock(&tap->lock);
	size_t n = tap->slow_n < HLV_SLOW_KEPT ? (size_t)tap->slow_n : HLV_SLOW_KEPT;
	for (size_t i = 0; i < n; i++)
		out[i] = tap->slow[(tap->slow_n - 1 - i) % HLV_SLOW_KEPT];
	pthread_mutex_unlock(&tap->lock);
	return n;
}

void hlv_slow_put(struct hlv_buf *json, const struct hlv_slow *s)
{
	char source[HLV_ADDR_TEXT] = "local", op[32];
	if (s->way != HLV_WAY_LOCAL)
		hlv_addr_print(&s->source, source);
	hlv_buf_str(json, "{\"time\":");
	hlv_json_put_time(json, (uint32_t)(s->wall_ms / 1000));
	hlv_buf_printf(
		json,
		",\"us\":%llu,\"ms\":%.3f,\"source\":\"%s\",\"proto\":\"%s\",\"op\":\"%s\","
		"\"handle\":",
		(unsigned long long)s->took_us, (double)s->took_us / 1000, source,
		hlv_way_name(s->way), op_text(s->op, op));
	hlv_json_put_str(json, hlv_bytes(s->id, s->id_n));
	/* Of a batch it is not known which answer was whose. */
	if (s->batch > 0)
		hlv_buf_printf(json, ",\"batch\":%u}", s->batch);
	else
		hlv_buf_printf(json, ",\"code\":%u,\"from\":\"%s\"}", s->rc,
			       from_name(s->from));
}
