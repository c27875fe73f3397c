/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "proto/net/addr.h"

enum { BETWEEN_MS = 200 };

static uint64_t now_ms(void)
{
	return hlv_clock().mono_ns / 1000000;
}

void progress_begin(struct progress *p)
{
	*p = (struct progress){.on = isatty(STDERR_FILENO), .began_ms = now_ms()};
	p->next_ms = p->began_ms + BETWEEN_MS;
}

double progress_seconds(const struct progress *p)
{
	uint64_t passed = now_ms() - p->began_ms;
	return (double)(passed > 0 ? passed : 1) / 1000;
}

void progress_show(struct progress *p, const char *what, uint64_t things, uint64_t done,
		   uint64_t total)
{
	if (!p->on || now_ms() < p->next_ms)
		return;
	p->next_ms = now_ms() + BETWEEN_MS;
	p->shown = true;
	double passed = progress_seconds(p);
	fprintf(stderr, "\r%s %llu, %.0f/s", what, (unsigned long long)things,
		(double)things / passed);
	if (total > 0 && done > 0 && done <= total)
		fprintf(stderr, ", %llu%%, %.0f s left",
			(unsigned long long)(done * 100 / total),
			passed * (double)(total - done) / (double)done);
	fputs("\033[K", stderr);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
