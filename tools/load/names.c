/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/rand.h"

enum { WHY = 256 };

static enum hlv_err map_file(const char *path, struct hlv_bytes *file, char *why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, WHY, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return HLV_E_IO;
	}
	void *p = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
				 : MAP_FAILED;
	close(fd);
	if (p == MAP_FAILED) {
		snprintf(why, WHY, "%s: %s", path, st.st_size ? strerror(errno) : "empty file");
		return HLV_E_IO;
	}
	*file = hlv_bytes(p, (size_t)st.st_size);
	return HLV_OK;
}

/* The line that begins at `at`, without its end. */
static struct hlv_bytes line_at(struct hlv_bytes file, size_t at)
{
	struct hlv_bytes rest = hlv_skip(file, at);
	const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
	struct hlv_bytes line = hlv_head(rest, end ? (size_t)(end - rest.p) : rest.n);
	if (line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static size_t next_line(struct hlv_bytes file, size_t at)
{
	const uint8_t *end = memchr(file.p + at, '\n', file.n - at);
	return end ? (size_t)(end - file.p) + 1 : file.n;
}

/* Where each line that is not empty begins, in file order. */
static enum hlv_err find_lines(struct hlv_bytes file, const char *path, struct names *names,
			       char *why)
{
	size_t cap = 0, line_no = 0;
	for (size_t at = 0; at < file.n; at = next_line(file, at)) {
		line_no++;
		size_t n = line_at(file, at).n;
		if (n > NAMES_LENGTH_MAX) {
			snprintf(why, WHY, "%s:%zu: %zu octets are too long for one datagram",
				 path, line_no, n);
			return HLV_E_LIMIT;
		}
		if (names->n == cap) {
			cap = cap ? cap * 2 : 1024;
			size_t *more = realloc(names->at, cap * sizeof *more);
			if (!more)
				return HLV_E_NOMEM;
			names->at = more;
		}
		if (n > 0)
			names->at[names->n++] = at;
	}
	if (names->n > 0)
		return HLV_OK;
	snprintf(why, WHY, "%s: no identifiers in it", path);
	return HLV_E_NOT_FOUND;
}

static void shuffle(struct names *names, uint64_t seed)
{
	struct hlv_rand r;
	hlv_rand_seed(&r, seed);
	for (size_t i = names->n; i > 1; i--) {
		size_t k = (size_t)hlv_rand_below(&r, i);
		size_t swap = names->at[i - 1];
		names->at[i - 1] = names->at[k];
		names->at[k] = swap;
	}
}

/* Copy the names into the order of asking; from here on `at` points into the copy. */
static enum hlv_err lay_out(struct hlv_bytes file, struct names *names)
{
	size_t total = 0;
	for (size_t i = 0; i < names->n; i++)
		total += 2 + line_at(file, names->at[i]).n;
	names->octets = malloc(total);
	if (!names->octets)
		return HLV_E_NOMEM;
	uint8_t *p = names->octets;
	for (size_t i = 0; i < names->n; i++) {
		struct hlv_bytes line = line_at(file, names->at[i]);
		names->at[i] = (size_t)(p - names->octets);
		*p++ = (uint8_t)(line.n >> 8);
		*p++ = (uint8_t)line.n;
		memcpy(p, line.p, line.n);
		p += line.n;
	}
	return HLV_OK;
}

enum hlv_err names_load(const char *path, uint64_t seed, size_t first, struct names *names,
			char *why)
{
	*names = (struct names){0};
	struct hlv_bytes file;
	HLV_TRY(map_file(path, &file, why));
	snprintf(why, WHY, "%s: out of memory", path);
	enum hlv_err err = find_lines(file, path, names, why);
	if (err == HLV_OK) {
		shuffle(names, seed);
		if (first > 0 && first < names->n)
			names->n = first;
		err = lay_out(file, names);
	}
	munmap((void *)(uintptr_t)file.p, file.n);
	if (err != HLV_OK)
		names_free(names);
	return err;
}

void names_free(struct names *names)
{
	free(names->octets);
	free(names->at);
	*names = (struct names){0};
}
