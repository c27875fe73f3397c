/* SPDX-License-Identifier: Apache-2.0
 *
 * Prometheus' text format (exposition format 0.0.4): families with their HELP and TYPE, samples with
 * their labels escaped. Pure.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/histogram.h"

struct hlv_metrics {
	struct hlv_buf *b;
	const char *name; /* of the family in hand */
};

/* A new family; all its samples follow. `type`: "counter", "gauge", "histogram". */
void hlv_metric(struct hlv_metrics *m, const char *name, const char *type, const char *help);
/* A sample; labels as name, value, name, value, NULL. */
void hlv_metric_put(struct hlv_metrics *m, double value, ... /* NULL */)
	__attribute__((sentinel));
/* A family of one sample without labels. */
void hlv_metric_one(struct hlv_metrics *m, const char *name, const char *type, const char *help,
		    double value);
/* Nanoseconds as seconds: buckets, sum and count; one label. */
void hlv_metric_histogram(struct hlv_metrics *m, const struct hlv_histogram_sum *s,
			  const char *label, const char *label_value);
