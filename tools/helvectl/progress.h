/* SPDX-License-Identifier: Apache-2.0
 *
 * One line of progress on the terminal, with rate and remaining time; nothing when standard
 * error is no terminal.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool on, shown;
	uint64_t began_ms, next_ms;
};

void progress_begin(struct progress *p);
/* `done` of `total` (0: not known) decides the remaining time; `things` is what is counted. */
void progress_show(struct progress *p, const char *what, uint64_t things, uint64_t done,
		   uint64_t total);
/* Clear the line. */
void progress_end(struct progress *p);
/* Since the beginning; never zero. */
double progress_seconds(const struct progress *p);
