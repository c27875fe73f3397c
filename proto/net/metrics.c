/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/metrics.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/err.h"

static const double NS = 1e-9;

void hlv_metric(struct hlv_metrics *m, const char *name, const char *type, const char *help)
{
	m->name = name;
	hlv_buf_printf(m->b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_label_value(struct hlv_buf *b, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			hlv_buf_str(b, "\\n");
		else if (*p == '"' || *p == '\\')
			hlv_buf_printf(b, "\\%c", *p);
		else
			hlv_buf_put(b, hlv_bytes(p, 1));
	}
}

static void put_labels(struct hlv_buf *b, va_list labels)
{
	const char *name, *before = "{";
	while ((name = va_arg(labels, const char *))) {
		hlv_buf_printf(b, "%s%s=\"", before, name);
		put_label_value(b, va_arg(labels, const char *));
		hlv_buf_str(b, "\"");
		before = ",";
	}
	if (*before == ',')
		hlv_buf_str(b, "}");
}

void hlv_metric_put(struct hlv_metrics *m, double value, ...)
{
	va_list labels;
	hlv_buf_str(m->b, m->name);
	va_start(labels, value);
	put_labels(m->b, labels);
	va_end(labels);
	/* Counters exactly, as far as the format's own numbers are exact. */
	bool whole =
		value >= 0 && value <= 9007199254740992.0 && value == (double)(uint64_t)value;
	hlv_buf_printf(m->b, whole ? " %.0f\n" : " %.15g\n", value);
}

void hlv_metric_one(struct hlv_metrics *m, const char *name, const char *type, const char *help,
		    double value)
{
	hlv_metric(m, name, type, help);
	hlv_metric_put(m, value, NULL);
}

void hlv_metric_histogram(struct hlv_metrics *m, const struct hlv_histogram_sum *s,
			  const char *label, const char *label_value)
{
	static const struct {
		uint64_t ns;
		const char *le;
	} buckets[] = {
		{5000, "5e-06"},    {10000, "1e-05"},	 {25000, "2.5e-05"},
		{50000, "5e-05"},   {100000, "0.0001"},	 {250000, "0.00025"},
		{500000, "0.0005"}, {1000000, "0.001"},	 {2500000, "0.0025"},
		{5000000, "0.005"}, {10000000, "0.01"},	 {25000000, "0.025"},
		{50000000, "0.05"}, {100000000, "0.1"},	 {250000000, "0.25"},
		{500000000, "0.5"}, {1000000000, "1"},	 {2500000000, "2.5"},
		{5000000000, "5"},  {10000000000, "10"},
	};
	for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++)
		hlv_buf_printf(m->b, "%s_bucket{%s=\"%s\",le=\"%s\"} %llu\n", m->name, label,
			       label_value, buckets[i].le,
			       (unsigned long long)hlv_histogram_below(s, buckets[i].ns));
	hlv_buf_printf(m->b, "%s_bucket{%s=\"%s\",le=\"+Inf\"} %llu\n", m->name, label,
		       label_value, (unsigned long long)s->n);
	hlv_buf_printf(m->b, "%s_sum{%s=\"%s\"} %.9f\n", m->name, label, label_value,
		       (double)s->sum * NS);
	hlv_buf_printf(m->b, "%s_count{%s=\"%s\"} %llu\n", m->name, label, label_value,
		       (unsigned long long)s->n);
}
