/* SPDX-License-Identifier: Apache-2.0
 *
 * What both daemons tell whoever watches them, from their workers' meters: families of metrics
 * (docs/metrics.md), and the same as JSON for charts. On any thread; nobody's work is held up.
 */
#pragma once
#include "proto/net/daemon.h"
#include "proto/net/metrics.h"

/* Of a quarter of a minute: quantiles of all time would never move again. */
struct hlv_daemon_window;
struct hlv_daemon_window *hlv_daemon_window_new(void); /* NULL: no memory */
void hlv_daemon_window_free(struct hlv_daemon_window *window);

void hlv_daemon_put_metrics(const struct hlv_daemon *d, struct hlv_metrics *m);
/* "daemon":"helved","version":"...","time":MS,"uptime":S,"requests":{...},"codes":{...},
 * "latency":{...},"inflight":N,"counters":{...},"process":{...}: members, without braces. */
void hlv_daemon_put_stats(const struct hlv_daemon *d, struct hlv_daemon_window *window,
			  struct hlv_buf *json);
