/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of the program `sim`. Each says on one line what it saw, and returns how many of its
 * checks failed.
 */
#pragma once
#include "tests/sim/town.h"

struct sim_tally {
	uint64_t passed, failed;
	uint64_t questions, shown, stale, refused, right, packets, walks;
};

/* One seed: a random service, random trouble, then peace. False: what was wrong is printed. */
bool seed_run(uint64_t seed, bool verbose, struct sim_tally *t, uint64_t *trace);

/* Trees that mean harm; and honest ones of four levels. */
void trees_run(uint64_t from, uint64_t n, bool verbose, struct sim_tally *t);
void trees_honest(uint64_t from, uint64_t n, struct sim_tally *t);

/* What is promised in figures (docs/threats.md). `name`: one of them; NULL: all. `rounds`: forged
 * answers of the spoofer. */
void figures_run(const char *name, uint64_t rounds, struct sim_tally *t);
