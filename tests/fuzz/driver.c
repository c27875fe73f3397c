/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target without libFuzzer: every file of the folders that are named, as it is and
 * then changed in a number of ways that a fixed seed chooses. The same seed gives the same run.
 *   TARGET [-n CHANGES] [-k FILE] FOLDER-OR-FILE ...
 * With -k each input stands in FILE while it runs: after a crash, the one that did it.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/base/buf.h"
#include "proto/base/rand.h"
#include "tests/fuzz/fuzz.h"

enum { CHANGES = 200, PATH_LEN = 1024 };

static struct {
	struct hlv_rand rand;
	unsigned changes; /* of each input */
	unsigned inputs, runs;
	struct hlv_buf last; /* another input, to splice with */
	const char *keep;    /* where the input in hand is kept, or NULL */
} run;

static void keep(struct hlv_bytes b)
{
	FILE *f = fopen(run.keep, "we");
	hlv_require(f && fwrite(b.p, 1, b.n, f) == b.n && fclose(f) == 0);
}

static void run_one(struct hlv_bytes b)
{
	if (run.keep)
		keep(b);
	/* Its own allocation, so that a sanitizer sees one octet too far. */
	uint8_t *copy = malloc(b.n ? b.n : 1);
	hlv_require(copy);
	if (b.n)
		memcpy(copy, b.p, b.n);
	LLVMFuzzerTestOneInput(copy, b.n);
	free(copy);
	run.runs++;
}

static size_t below(size_t n)
{
	return n ? (size_t)hlv_rand_below(&run.rand, n) : 0;
}

/* The numbers that break length arithmetic. */
static uint32_t odd_number(void)
{
	static const uint32_t odd[] = {0,	   1,	       4,	   0x7F,
				       0xFF,	   0x100,      0xFFFF,	   0x10000,
				       0x100001,   0x3FFFFFFF, 0x40000000, 0x7FFFFFFF,
				       0x80000000, 0xFFFFFFFC, 0xFFFFFFFF};
	return odd[below(sizeof(odd) / sizeof(odd[0]))];
}

static size_t change_once(uint8_t *p, size_t n)
{
	size_t at = below(n);
	switch (below(6)) {
	case 0:
		p[at] ^= (uint8_t)(1U << below(8));
		return n;
	case 1:
		p[at] = (uint8_t)below(256);
		return n;
	case 2:
		if (n - at >= 4)
			hlv_store_u32(p + at, odd_number());
		return n;
	case 3: /* cut out */
	{
		size_t len = below(n - at) + 1;
		memmove(p + at, p + at + len, n - at - len);
		return n - len;
	}
	case 4: /* cut off */
		return at;
	case 5: /* a part of another input */
	{
		size_t len = run.last.n < n - at ? run.last.n : n - at;
		if (len)
			memcpy(p + at, run.last.p + below(run.last.n - len + 1), len);
		return n;
	}
	}
	return n;
}

static void run_changed(struct hlv_bytes b)
{
	uint8_t *p = malloc(b.n ? b.n : 1);
	hlv_require(p);
	for (unsigned i = 0; i < run.changes && b.n > 0; i++) {
		size_t n = b.n;
		memcpy(p, b.p, b.n);
		for (size_t k = below(4) + 1; k > 0 && n > 0; k--)
			n = change_once(p, n);
		run_one(hlv_bytes(p, n));
	}
	free(p);
}

static void run_file(const char *path)
{
	FILE *f = fopen(path, "re");
	struct hlv_buf b = {0};
	size_t n = 1;
	while (f && n > 0) {
		char *room = hlv_buf_room(&b, 4096);
		hlv_require(room);
		n = fread(room, 1, 4096, f);
		b.n -= 4096 - n;
	}
	if (!f || ferror(f)) {
		perror(path);
		exit(1);
	}
	fclose(f);
	run.inputs++;
	run_one(hlv_buf_bytes(&b));
	run_changed(hlv_buf_bytes(&b));
	hlv_buf_free(&run.last);
	run.last = b;
}

static void run_folder(const char *path)
{
	struct dirent **names;
	int n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char file[PATH_LEN];
		snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run_file(file);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

int main(int argc, char **argv)
{
	hlv_rand_seed(&run.rand, 1);
	run.changes = CHANGES;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (strcmp(argv[i], "-n") == 0 && i + 1 < argc) {
			run.changes = (unsigned)strtoul(argv[++i], NULL, 10);
			continue;
		}
		if (strcmp(argv[i], "-k") == 0 && i + 1 < argc) {
			run.keep = argv[++i];
			continue;
		}
		if (stat(argv[i], &st) != 0)
			continue; /* a target may have no corpus of its own */
		if (S_ISDIR(st.st_mode))
			run_folder(argv[i]);
		else
			run_file(argv[i]);
	}
	hlv_buf_free(&run.last);
	printf("%u inputs, %u runs\n", run.inputs, run.runs);
	return run.inputs > 0 ? 0 : 1;
}
