/* SPDX-License-Identifier: Apache-2.0
 *
 * What helver tells whoever watches, beside what both daemons do (proto/net/daemon_metrics.h): cache,
 * walks, anchors, copies. On any thread; the recursor is not waited for.
 */
#pragma once
#include "proto/net/metrics.h"
#include "resolver/copy.h"
#include "resolver/recursor.h"

struct resolver_watched {
	const struct recursor *recursor;
	struct cache *cache;
	struct copies *copies; /* NULL: none */
};

void resolver_put_metrics(const struct resolver_watched *w, struct hlv_metrics *m);
/* ,"cache":{...},"resolver":{...},"copies":[...]: with a comma in front. */
void resolver_put_stats(const struct resolver_watched *w, struct hlv_buf *json);
