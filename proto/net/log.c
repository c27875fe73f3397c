/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proto/net/log_line.h"

enum { KINDS = 64 };

/* Shared by all threads on purpose (architecture, "Threads and the loop"). */
static atomic_int level_now = HLV_LOG_INFO, format_now = HLV_LOG_TEXT;
static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char *const format_names[] = {"text", "json", "journald"};

/* Guards what follows; nothing else is taken while it is held. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hlv_log_limit kinds[KINDS]; /* a place for each kind, by its name's hash */
static struct sockaddr_un journal = {.sun_family = AF_UNIX,
				     .sun_path = "/run/systemd/journal/socket"};
static int journal_fd = -1;

/* The place of `text` among the names; -1: none of them. */
static int named(const char *text, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(text, names[i]) == 0)
			return i;
	return -1;
}

void hlv_log_set(const char *level, const char *format)
{
	int l = named(level, level_names, HLV_LOG_DEBUG + 1);
	if (l >= 0)
		atomic_store_explicit(&level_now, l, memory_order_relaxed);
	int f = named(format, format_names, HLV_LOG_JOURNALD + 1);
	if (f >= 0)
		atomic_store_explicit(&format_now, f, memory_order_relaxed);
}

enum hlv_log_format hlv_log_format(void)
{
	return (enum hlv_log_format)atomic_load_explicit(&format_now, memory_order_relaxed);
}

void hlv_log_set_journal(const char *path)
{
	snprintf(journal.sun_path, sizeof journal.sun_path, "%s", path);
}

/* --- how many of a kind --- */

bool hlv_log_admit(struct hlv_log_limit *l, uint64_t now_ms)
{
	/* Also when the clock was set back: a window that begins in the future would never end. */
	if (l->since_ms == 0 || now_ms - l->since_ms >= HLV_LOG_WINDOW_S * UINT64_C(1000)) {
		l->since_ms = now_ms ? now_ms : 1;
		l->written = l->suppressed = 0;
	}
	if (l->written < HLV_LOG_BURST) {
		l->written++;
		return true;
	}
	l->suppressed++;
	return false;
}

/* Its place; that of another kind is taken over when all are taken, which only makes the limit
 * milder. */
static struct hlv_log_limit *limit_of(const char *event)
{
	uint32_t hash = 2166136261U;
	for (const char *p = event; *p; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	struct hlv_log_limit *free_one = NULL;
	for (uint32_t i = 0; i < KINDS; i++) {
		struct hlv_log_limit *l = &kinds[(hash + i) % KINDS];
		if (strncmp(l->event, event, sizeof l->event - 1) == 0 && *l->event)
			return l;
		if (!*l->event && !free_one)
			free_one = l;
	}
	struct hlv_log_limit *l = free_one ? free_one : &kinds[hash % KINDS];
	*l = (struct hlv_log_limit){0};
	snprintf(l->event, sizeof l->event, "%s", event);
	return l;
}

/* --- writing --- */

static bool send_journal(const struct hlv_log_line *line)
{
	uint8_t out[HLV_LOG_OUT];
	struct hlv_writer w = hlv_writer(out, sizeof out);
	hlv_log_put_journal(&w, line);
	pthread_mutex_lock(&lock);
	if (journal_fd < 0)
		journal_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int fd = journal_fd;
	pthread_mutex_unlock(&lock);
	/* A journal that does not keep up must not hold up an answer. */
	return fd >= 0 && !w.bad &&
	       sendto(fd, out, w.n, MSG_NOSIGNAL | MSG_DONTWAIT,
		      (const struct sockaddr *)&journal, sizeof journal) == (ssize_t)w.n;
}

static void write_line(const struct hlv_log_line *line)
{
	int format = atomic_load_explicit(&format_now, memory_order_relaxed);
	if (format == HLV_LOG_JOURNALD && send_journal(line))
		return;
	uint8_t out[HLV_LOG_OUT];
	struct hlv_writer w = hlv_writer(out, sizeof out);
	if (format == HLV_LOG_JSON)
		hlv_log_put_json(&w, line);
	else
		hlv_log_put_text(&w, line);
	if (!w.bad && write(STDERR_FILENO, out, w.n) < 0)
		return; /* nobody is left to tell */
}

static void fill(struct hlv_log_line *line, enum hlv_log_level level, const char *event,
		 uint64_t wall_ms)
{
	line->level = level;
	line->event = event;
	line->wall_ms = wall_ms;
	line->program = program_invocation_short_name;
	line->pid = (int)getpid();
}

static void put_line(enum hlv_log_level level, uint64_t wall_ms, const char *event,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

static void put_line(enum hlv_log_level level, uint64_t wall_ms, const char *event,
		     const char *format, ...)
{
	struct hlv_log_line line;
	va_list args;
	fill(&line, level, event, wall_ms);
	va_start(args, format);
	hlv_log_read(&line, format, args);
	va_end(args);
	write_line(&line);
}

/* One whose window is over and that was cut short. */
static bool take_suppressed(uint64_t now_ms, struct hlv_log_limit *told)
{
	*told = (struct hlv_log_limit){0};
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < KINDS && !told->suppressed; i++) {
		struct hlv_log_limit *l = &kinds[i];
		if (!l->suppressed || now_ms - l->since_ms < HLV_LOG_WINDOW_S * UINT64_C(1000))
			continue;
		*told = *l;
		l->suppressed = 0;
	}
	pthread_mutex_unlock(&lock);
	return told->suppressed > 0;
}

static bool admit(const char *event, uint64_t now_ms)
{
	pthread_mutex_lock(&lock);
	bool admitted = hlv_log_admit(limit_of(event), now_ms);
	pthread_mutex_unlock(&lock);
	return admitted;
}

void hlv_log(enum hlv_log_level level, const char *event, const char *format, ...)
{
	if ((int)level > atomic_load_explicit(&level_now, memory_order_relaxed))
		return;
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	uint64_t now_ms = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	/* Of kinds that have fallen silent too. */
	struct hlv_log_limit told;
	while (take_suppressed(now_ms, &told))
		put_line(HLV_LOG_WARN, now_ms, "log.suppressed", "kind=%s lines=%u", told.event,
			 told.suppressed);
	if (!admit(event, now_ms))
		return;
	struct hlv_log_line line;
	va_list args;
	fill(&line, level, event, now_ms);
	va_start(args, format);
	hlv_log_read(&line, format, args);
	va_end(args);
	write_line(&line);
}
