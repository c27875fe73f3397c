/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>

#include "tests/sim/sim.h"

static const char usage[] =
	"usage: sim [--from S] [--seeds N] [--twice N] [--trees N] [--honest N]\n"
	"           [--figures | --figure NAME] [--rounds N] [-v]\n"
	"  --seeds N   N random services with random trouble, the first with the seed S (1)\n"
	"  --twice N   each N-th of them twice: the trace must be the same\n"
	"  --trees N   N delegation trees that mean harm\n"
	"  --honest N  N honest trees of four levels: packets a question\n"
	"  --rounds N  forged answers in the figure \"spoof\" (100,000)\n"
	"  --figures   what docs/threats.md promises in figures; --figure NAME: one of them\n"
	"  -v          what happens, step by step\n";

static bool number(const char *text, uint64_t *out)
{
	char *end;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno == 0 && *text && !*end;
}

static void run_seeds(uint64_t from, uint64_t n, uint64_t twice, bool verbose,
		      struct sim_tally *t)
{
	uint64_t all = UINT64_C(0xcbf29ce484222325);
	for (uint64_t seed = from; seed < from + n; seed++) {
		uint64_t trace = 0, again = 0;
		struct sim_tally unused = {0};
		bool well = seed_run(seed, verbose, t, &trace);
		if (twice && seed % twice == 0) {
			well &= seed_run(seed, false, &unused, &again);
			if (again != trace) {
				printf("seed %llu: another run, another trace\n",
				       (unsigned long long)seed);
				well = false;
			}
		}
		all = (all ^ trace) * UINT64_C(0x100000001b3);
		*(well ? &t->passed : &t->failed) += 1;
	}
	printf("seeds: %llu, questions %llu (shown %llu, stale %llu, refused %llu, in peace "
	       "right "
	       "%llu), packets %llu in %llu walks, trace %016llx\n",
	       (unsigned long long)n, (unsigned long long)t->questions,
	       (unsigned long long)t->shown, (unsigned long long)t->stale,
	       (unsigned long long)t->refused, (unsigned long long)t->right,
	       (unsigned long long)t->packets, (unsigned long long)t->walks,
	       (unsigned long long)all);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"from", required_argument, NULL, 'f'},
		{"seeds", required_argument, NULL, 's'},
		{"twice", required_argument, NULL, '2'},
		{"trees", required_argument, NULL, 't'},
		{"honest", required_argument, NULL, 'h'},
		{"figures", no_argument, NULL, 'a'},
		{"figure", required_argument, NULL, 'g'},
		{"rounds", required_argument, NULL, 'r'},
		{NULL, 0, NULL, 0},
	};
	uint64_t from = 1, seeds = 0, twice = 0, trees = 0, honest = 0, rounds = 100000;
	bool figures = false, verbose = false, good = true;
	const char *figure = NULL;
	struct sim_tally t = {0};
	for (int c; (c = getopt_long(argc, argv, "v", options, NULL)) != -1;) {
		switch (c) {
		case 'f':
			good &= number(optarg, &from);
			break;
		case 's':
			good &= number(optarg, &seeds);
			break;
		case '2':
			good &= number(optarg, &twice);
			break;
		case 't':
			good &= number(optarg, &trees);
			break;
		case 'h':
			good &= number(optarg, &honest);
			break;
		case 'g':
			figure = optarg;
			figures = true;
			break;
		case 'r':
			good &= number(optarg, &rounds);
			break;
		case 'a':
			figures = true;
			break;
		case 'v':
			verbose = true;
			break;
		default:
			good = false;
		}
	}
	if (!good || optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (seeds)
		run_seeds(from, seeds, twice, verbose, &t);
	if (trees)
		trees_run(from, trees, verbose, &t);
	if (honest)
		trees_honest(from, honest, &t);
	if (figures)
		figures_run(figure, rounds, &t);
	printf("%llu passed, %llu failed\n", (unsigned long long)t.passed,
	       (unsigned long long)t.failed);
	return t.failed > 0;
}
