/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/report.h"

#include <stdio.h>

static const char *verdict_text(size_t verdict)
{
	static const char *const texts[] = {
#define X(name, text) text,
		VERDICTS(X)
#undef X
	};
	return texts[verdict];
}

static double us(const struct load *l, double q)
{
	return (double)histogram_quantile(&l->latency, q) / 1000;
}

static double seconds(const struct load *l)
{
	hlv_mono_ns end = l->last_ns > l->start_ns ? l->last_ns : l->now_ns;
	return end > l->start_ns ? (double)(end - l->start_ns) / 1e9 : 1e-9;
}

static const char *transport(const struct load *l)
{
	if (l->o->transport == HLV_T_UDP)
		return "udp";
	if (l->o->http)
		return l->o->transport == HLV_T_TLS ? "https" : "http";
	return l->o->reconnect ? "tcp, a connection each" : "tcp";
}

static void print_json(const struct load *l, double qps)
{
	char addr[HLV_ADDR_TEXT];
	printf("{\"server\":\"%s\",\"transport\":\"%s\",\"seconds\":%.3f,\"rate\":%.0f,"
	       "\"window\":%u,\"sockets\":%u,\"sent\":%llu",
	       hlv_addr_print(&l->o->server, addr), transport(l), seconds(l), l->o->rate,
	       l->o->window, l->o->sockets, (unsigned long long)l->sent);
	for (size_t i = 0; i < VERDICTS_N; i++)
		printf(",\"%s\":%llu", verdict_text(i), (unsigned long long)l->verdicts[i]);
	if (l->o->create)
		printf(",\"acknowledged\":%llu,\"recordsPerSecond\":%.0f",
		       (unsigned long long)l->acknowledged,
		       (double)l->acknowledged / seconds(l));
	printf(",\"lost\":%llu,\"qps\":%.0f,\"min_us\":%.1f,\"mean_us\":%.1f,\"p50_us\":%.1f,"
	       "\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
	       (unsigned long long)l->flight.lost, qps, (double)l->latency.min / 1000,
	       histogram_mean(&l->latency) / 1000, us(l, 0.5), us(l, 0.9), us(l, 0.99),
	       us(l, 0.999), (double)l->latency.max / 1000);
}

static void print_text(const struct load *l)
{
	char addr[HLV_ADDR_TEXT];
	printf("server   %s by %s, %u sockets, ", hlv_addr_print(&l->o->server, addr),
	       transport(l), l->o->sockets);
	if (l->o->rate > 0)
		printf("%.0f questions a second, open loop\n", l->o->rate);
	else
		printf("%u under way, closed loop\n", l->o->window);
	if (l->o->create)
		printf("sent     %llu %s under %s in %.2f s\n", (unsigned long long)l->sent,
		       l->o->bulk ? "chunks" : "creates", l->o->create, seconds(l));
	else
		printf("asked    %llu questions about %zu identifiers in %.2f s\n",
		       (unsigned long long)l->sent, l->names.n, seconds(l));
	for (size_t i = VERDICT_OK + 1; i < VERDICTS_N; i++)
		if (l->verdicts[i] > 0)
			printf("answers  %llu %s\n", (unsigned long long)l->verdicts[i],
			       verdict_text(i));
	if (l->reopened > 0)
		printf("opened   %llu connections anew\n", (unsigned long long)l->reopened);
	printf("latency  min %.1f, mean %.1f, p90 %.1f, max %.1f us\n",
	       (double)l->latency.min / 1000, histogram_mean(&l->latency) / 1000, us(l, 0.9),
	       (double)l->latency.max / 1000);
}

void report_print(const struct load *l)
{
	uint64_t ok = l->verdicts[VERDICT_OK];
	double qps = (double)ok / seconds(l);
	if (l->o->json) {
		print_json(l, qps);
		return;
	}
	print_text(l);
	printf("qps=%.0f ok=%llu lost=%llu p50_us=%.1f p99_us=%.1f p999_us=%.1f", qps,
	       (unsigned long long)ok, (unsigned long long)l->flight.lost, us(l, 0.5),
	       us(l, 0.99), us(l, 0.999));
	if (l->o->create)
		printf(" acknowledged=%llu records_s=%.0f", (unsigned long long)l->acknowledged,
		       (double)l->acknowledged / seconds(l));
	puts("");
}
