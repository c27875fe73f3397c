/* SPDX-License-Identifier: Apache-2.0
 *
 * The query log, one line for each question or for one in so many, and the slow queries of late. Off,
 * it costs an answer one branch. On, a worker writes lines into a page of its own and gives full pages,
 * or those of a second ago, to a thread that writes them; when all its pages are on their way, because
 * the disk is slow, lines are dropped and counted, and no answer waits.
 */
#pragma once
#include <pthread.h>

#include "proto/base/buf.h"
#include "proto/net/addr.h"
#include "proto/net/mailbox.h"
#include "proto/net/meter.h"
#include "proto/net/service.h"

struct hlv_query_log; /* one for each daemon */

struct hlv_query_log *hlv_query_log_new(void); /* off; NULL: no memory */
/* No worker is left. */
void hlv_query_log_free(struct hlv_query_log *log);
/* "off", "stderr" or a file, which is opened anew even if it is the same: whoever rotates logs renames
 * it and reloads. On failure all stays as it was. `why`: 256 octets. Not on a worker. */
enum hlv_err HLV_MUST_USE hlv_query_log_open(struct hlv_query_log *log, const char *where,
					     char *why);

enum {
	HLV_QUERY_PAGE = 64 << 10,
	HLV_QUERY_PAGES = 4,
	HLV_SLOW_KEPT = 64,
	HLV_SLOW_ID = 128,
};

/* What took long. */
struct hlv_slow {
	uint64_t wall_ms, took_us;
	enum hlv_way way;
	uint32_t op, rc;
	uint32_t batch; /* 0: timed by itself; else so many were answered in that time */
	uint8_t from, id_n;
	struct hlv_addr source;
	uint8_t id[HLV_SLOW_ID];
};

struct hlv_query_page {
	struct hlv_mail mail; /* first */
	atomic_bool away;     /* with the thread that writes */
	size_t n;
	uint8_t octets[HLV_QUERY_PAGE];
};

/* A worker's part; its own, but for what is said otherwise. */
struct hlv_query_tap {
	struct hlv_query_log *log;    /* NULL: never any */
	const atomic_bool *on;	      /* the log's */
	struct hlv_query_page *pages; /* HLV_QUERY_PAGES, made when first needed */
	struct hlv_query_page *page;  /* in hand, or NULL */
	hlv_mono_ns since_ns;	      /* its first line */
	uint32_t skipped;	      /* since the last line */
	_Atomic uint64_t lines, dropped, slow_count; /* read by any */
	pthread_mutex_t lock; /* guards the ring; nothing else is taken while it is held */
	uint64_t slow_n;      /* so far */
	struct hlv_slow slow[HLV_SLOW_KEPT];
};
void hlv_query_tap_init(struct hlv_query_tap *tap, struct hlv_query_log *log);
void hlv_query_tap_fini(struct hlv_query_tap *tap);

static inline bool hlv_query_is_logged(const struct hlv_query_tap *tap)
{
	return tap->on && atomic_load_explicit(tap->on, memory_order_relaxed);
}
/* One in `sample` becomes a line. */
void hlv_query_note(struct hlv_query_tap *tap, uint32_t sample, enum hlv_way way,
		    const struct hlv_exchange *x);
/* A question of DNS, whatever was asked of whom for it. */
struct hlv_query_dns {
	const struct hlv_addr *source;
	struct hlv_now began;
	const char *name, *type;
	unsigned rcode;
	uint32_t rc; /* the protocol's word for it */
};
void hlv_query_note_dns(struct hlv_query_tap *tap, uint32_t sample,
			const struct hlv_query_dns *q);
/* At a batch's end, and each second: lines that are old enough go to the disk. */
void hlv_query_push(struct hlv_query_tap *tap, hlv_mono_ns now_ns);

/* It was slow. `batch` as above. */
void hlv_slow_note(struct hlv_query_tap *tap, const struct hlv_slow *slow);
void hlv_slow_note_exchange(struct hlv_query_tap *tap, enum hlv_way way,
			    const struct hlv_exchange *x, uint64_t took_ns);
/* Any thread: copies of the newest, newest first; returns how many. */
size_t hlv_slow_read(struct hlv_query_tap *tap, struct hlv_slow out[HLV_SLOW_KEPT]);
/* {"time":"...","ms":N,...} */
void hlv_slow_put(struct hlv_buf *json, const struct hlv_slow *slow);
