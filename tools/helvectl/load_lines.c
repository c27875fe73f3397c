/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/load_lines.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "tools/helvectl/source.h"

enum { SAMPLE = 64 << 10 };

/* Fill the buffer from `offset` with `most` octets; fewer at the end of the file alone. */
static enum hlv_err read_text(int fd, uint64_t offset, size_t most, struct hlv_buf *text)
{
	char *p = hlv_buf_room(text, most);
	size_t n = 0;
	if (!p)
		return HLV_E_NOMEM;
	while (n < most) {
		ssize_t got = pread(fd, p + n, most - n, (off_t)(offset + n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return HLV_E_IO;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	text->n = n;
	return HLV_OK;
}

/* Octets from `offset` up to and with the next line end. */
static enum hlv_err skip_line(int fd, uint64_t offset, uint64_t *n)
{
	struct hlv_buf text = {0};
	enum hlv_err err;
	*n = 0;
	while ((err = read_text(fd, offset + *n, LOAD_LINES_CHUNK, &text)) == HLV_OK &&
	       text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		*n += end ? (uint64_t)(end - text.p) + 1 : text.n;
		if (end)
			break;
		hlv_buf_clear(&text);
	}
	hlv_buf_free(&text);
	return err;
}

enum hlv_err load_lines_get(int fd, uint64_t offset, size_t most, struct hlv_buf *text,
			    uint64_t *used)
{
	uint64_t rest = 0;
	HLV_TRY(read_text(fd, offset, most, text));
	*used = text->n;
	if (text->n < most)
		return HLV_OK;
	const char *end = memrchr(text->p, '\n', text->n);
	if (end) {
		*used = text->n = (size_t)(end - text->p) + 1;
		return HLV_OK;
	}
	if (most < LOAD_LINES_CHUNK) {
		hlv_buf_clear(text);
		return load_lines_get(fd, offset, LOAD_LINES_CHUNK, text, used);
	}
	HLV_TRY(skip_line(fd, offset + text->n, &rest));
	*used += rest;
	return HLV_OK;
}

/* The key of the first whole line at or behind `offset`; false when there is none to be had. */
static bool sample_key(int fd, uint64_t offset, struct hlv_arena *a, struct store_key *key)
{
	hlv_arena_reset(a);
	char *p = hlv_alloc_raw(a, SAMPLE);
	ssize_t n = p ? pread(fd, p, SAMPLE, (off_t)offset) : 0;
	if (n <= 0)
		return false;
	struct hlv_bytes text = hlv_bytes(p, (size_t)n);
	const uint8_t *end = memchr(text.p, '\n', text.n);
	if (offset > 0 && end) {
		text = hlv_skip(text, (size_t)(end - text.p) + 1);
		end = text.n ? memchr(text.p, '\n', text.n) : NULL;
	}
	struct source_record rec;
	if (!end ||
	    source_jsonl_line(hlv_head(text, (size_t)(end - text.p)), 0, a, &rec) != HLV_OK)
		return false;
	store_key(rec.handle, key);
	return true;
}

bool load_lines_in_order(const char *file, uint64_t size, uint64_t step, struct store_key *last)
{
	struct hlv_arena a;
	bool in_order = true;
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	hlv_arena_init(&a, SIZE_MAX);
	for (uint64_t at = 0; fd >= 0 && at < size && in_order; at += step) {
		struct store_key key;
		if (!sample_key(fd, at, &a, &key))
			continue;
		in_order = hlv_compare(store_key_bytes(last), store_key_bytes(&key)) < 0;
		*last = key;
	}
	hlv_arena_fini(&a);
	if (fd >= 0)
		close(fd);
	return in_order;
}
