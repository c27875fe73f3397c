/* SPDX-License-Identifier: Apache-2.0
 *
 * The crash tests, each a command of one program (main.c). Each prints its seed and what it saw,
 * and gives its verdicts to the tally.
 */
#pragma once
#include "tests/crash/tape.h"
#include "tests/crash/world.h"

/* How much: CI's numbers are the defaults of main.c. */
struct amount {
	uint64_t seed;
	unsigned n;	  /* states, bits, backups ...; 0: the default */
	unsigned workers; /* processes at once */
	const char *dir;  /* of a small disk */
	const char *one;  /* fault to try, in this process: kind,call,errno,how */
};

void test_replay(const struct amount *a, struct tally *t);
void test_mutants(const struct amount *a, struct tally *t);
void test_torn_meta(const struct amount *a, struct tally *t);
void test_faults(const struct amount *a, struct tally *t);
void test_readers(const struct amount *a, struct tally *t);
void test_full(const struct amount *a, struct tally *t);
void test_rot(const struct amount *a, struct tally *t);
void test_cut(const struct amount *a, struct tally *t);
void test_backup(const struct amount *a, struct tally *t);

/* Run `job(ctx, i)` for each i below n in `workers` processes that take turns, each in a child of
 * its own that may do as it likes: see(ctx, i, status) gets how it ended, and false ends it all.
 * A child is ended after 60 s (by SIGALRM): a hang. Gives how many were run. */
typedef int crash_job(void *ctx, unsigned i);
typedef bool crash_see(void *ctx, unsigned i, int status, const char *said);
unsigned crash_run(unsigned n, unsigned workers, crash_job *job, crash_see *see, void *ctx);
/* What a job says before it ends, for see(). */
void crash_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
double crash_seconds(void);
