/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <sys/random.h>

#include "tests/crash/crash.h"

static const struct {
	const char *name;
	void (*run)(const struct amount *, struct tally *);
} tests[] = {
	{"replay", test_replay}, {"mutants", test_mutants}, {"torn", test_torn_meta},
	{"faults", test_faults}, {"readers", test_readers}, {"rot", test_rot},
	{"cut", test_cut},	 {"backup", test_backup},   {"full", test_full},
};

static int usage(void)
{
	fputs("usage: crash [-s SEED] [-n COUNT] [-j PROCESSES] [-d DIR] [-o FAULT] TEST...\n",
	      stderr);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		fprintf(stderr, "  %s\n", tests[i].name);
	return 2;
}

int main(int argc, char **argv)
{
	struct amount a = {.workers = 2};
	struct tally t = {0};
	int opt;
	if (getrandom(&a.seed, sizeof a.seed, 0) != (ssize_t)sizeof a.seed)
		return 2;
	a.seed %= 1000000000;
	while ((opt = getopt(argc, argv, "s:n:j:d:o:")) != -1) {
		switch (opt) {
		case 's':
			a.seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			a.n = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'j':
			a.workers = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'o':
			a.one = optarg;
			break;
		case 'd':
			a.dir = optarg;
			break;
		default:
			return usage();
		}
	}
	if (optind == argc)
		return usage();
	for (int i = optind; i < argc; i++) {
		size_t k = 0;
		while (k < sizeof tests / sizeof *tests && strcmp(tests[k].name, argv[i]) != 0)
			k++;
		if (k == sizeof tests / sizeof *tests)
			return usage();
		tests[k].run(&a, &t);
	}
	printf("%u passed, %u failed\n", t.passed, t.failed);
	return t.failed > 0;
}
