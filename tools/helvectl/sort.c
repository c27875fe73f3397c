/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/sort.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { HEAD = 20, IO_ROOM = 1 << 20 };

/* What is compared first: eight octets of the key behind the part that all keys share. */
struct run_slot {
	uint64_t window;
	size_t at;
};

/* The next entry of one run, in memory or in a file. */
struct cursor {
	struct entry entry;
	struct run run;
	size_t i;
	int fd;	       /* -1: in memory */
	uint8_t *room; /* a piece of the file */
	size_t cap, pos, n;
	off_t file_at; /* of what follows the piece */
};

struct merge {
	struct cursor **heap; /* the smallest first, once it is ordered */
	size_t n, cap;
	bool ordered, pending; /* pending: the first one's entry was given out */
};

/* By key; then by place in the input. */
static int entry_compare(const struct entry *a, const struct entry *b)
{
	int c = hlv_compare(a->key, b->key);
	if (c)
		return c;
	if (a->chunk != b->chunk)
		return a->chunk < b->chunk ? -1 : 1;
	return (a->line > b->line) - (a->line < b->line);
}

/* --- the form in memory and in files: five numbers, the key, the record --- */

static void put_head(uint8_t *p, const struct entry *e)
{
	const uint32_t head[] = {(uint32_t)e->key.n, (uint32_t)e->stored.n, e->chunk, e->line,
				 e->at};
	memcpy(p, head, HEAD);
}

static size_t get_head(const uint8_t *p, struct entry *e)
{
	uint32_t head[HEAD / 4];
	memcpy(head, p, HEAD);
	e->key = hlv_bytes(p + HEAD, head[0]);
	e->stored = hlv_bytes(p + HEAD + head[0], head[1]);
	e->chunk = head[2];
	e->line = head[3];
	e->at = head[4];
	return HEAD + (size_t)head[0] + head[1];
}

/* --- runs in memory --- */

static bool make_slot(struct run *run)
{
	if (run->n < run->cap)
		return true;
	size_t cap = run->cap ? run->cap * 2 : 1024;
	struct run_slot *slots = realloc(run->slots, cap * sizeof *slots);
	if (!slots)
		return false;
	run->slots = slots;
	run->cap = cap;
	return true;
}

static size_t common_octets(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n, i = 0;
	while (i < n && a.p[i] == b.p[i])
		i++;
	return i;
}

enum hlv_err run_add(struct run *run, const struct entry *e)
{
	struct entry other;
	if (!make_slot(run))
		return HLV_E_NOMEM;
	if (run->n == 0) {
		run->ascending = true;
		run->common = e->key.n;
	} else {
		run_get(run, run->n - 1, &other);
		run->ascending = run->ascending && hlv_compare(other.key, e->key) <= 0;
		size_t common = common_octets(other.key, e->key);
		run->common = common < run->common ? common : run->common;
	}
	size_t at = run->octets.n;
	uint8_t *p = hlv_buf_room(&run->octets, HEAD + e->key.n + e->stored.n);
	if (!p)
		return HLV_E_NOMEM;
	put_head(p, e);
	memcpy(p + HEAD, e->key.p, e->key.n);
	memcpy(p + HEAD + e->key.n, e->stored.p, e->stored.n);
	run->slots[run->n++] = (struct run_slot){.at = at};
	return HLV_OK;
}

void run_get(const struct run *run, size_t i, struct entry *e)
{
	get_head((const uint8_t *)run->octets.p + run->slots[i].at, e);
}

static int by_window(const void *a, const void *b, void *ctx)
{
	const struct run_slot *x = a, *y = b;
	const struct run *run = ctx;
	if (x->window != y->window)
		return x->window < y->window ? -1 : 1;
	struct entry e, f;
	get_head((const uint8_t *)run->octets.p + x->at, &e);
	get_head((const uint8_t *)run->octets.p + y->at, &f);
	return entry_compare(&e, &f);
}

/* What growing by doubling left over: a load holds many runs. */
static void give_back(struct run *run)
{
	char *p = realloc(run->octets.p, run->octets.n + 1);
	if (p) {
		run->octets.p = p;
		run->octets.cap = run->octets.n + 1;
	}
}

void run_sort(struct run *run)
{
	give_back(run);
	if (run->ascending || run->n == 0) /* without entries there are no slots to sort */
		return;
	for (size_t i = 0; i < run->n; i++) {
		struct entry e;
		run_get(run, i, &e);
		struct hlv_bytes rest = hlv_head(hlv_skip(e.key, run->common), 8);
		uint8_t octets[8] = {0};
		uint64_t window = 0;
		if (rest.n)
			memcpy(octets, rest.p, rest.n);
		for (size_t k = 0; k < sizeof octets; k++)
			window = window << 8 | octets[k];
		run->slots[i].window = window;
	}
	qsort_r(run->slots, run->n, sizeof *run->slots, by_window, run);
}

static size_t run_memory(const struct run *run)
{
	return run->octets.cap + run->cap * sizeof *run->slots;
}

void run_free(struct run *run)
{
	hlv_buf_free(&run->octets);
	free(run->slots);
	*run = (struct run){0};
}

/* --- cursors --- */

static void cursor_free(struct cursor *c)
{
	run_free(&c->run);
	free(c->room);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* Have `need` octets in the room, from c->pos on; HLV_E_NOT_FOUND at the end of the file. */
static enum hlv_err fill(struct cursor *c, size_t need)
{
	if (c->n - c->pos >= need)
		return HLV_OK;
	memmove(c->room, c->room + c->pos, c->n - c->pos);
	c->n -= c->pos;
	c->pos = 0;
	if (need > c->cap) {
		uint8_t *room = realloc(c->room, need);
		if (!room)
			return HLV_E_NOMEM;
		c->room = room;
		c->cap = need;
	}
	while (c->n < need) {
		ssize_t got = pread(c->fd, c->room + c->n, c->cap - c->n, c->file_at);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 || (got == 0 && c->n > 0))
			return HLV_E_IO;
		if (got == 0)
			return HLV_E_NOT_FOUND;
		c->n += (size_t)got;
		c->file_at += got;
	}
	return HLV_OK;
}

static enum hlv_err next_of_file(struct cursor *c)
{
	HLV_TRY(fill(c, HEAD));
	HLV_TRY(fill(c, get_head(c->room + c->pos, &c->entry)));
	c->pos += get_head(c->room + c->pos, &c->entry);
	return HLV_OK;
}

static enum hlv_err cursor_next(struct cursor *c)
{
	if (c->fd >= 0)
		return next_of_file(c);
	if (c->i == c->run.n)
		return HLV_E_NOT_FOUND;
	run_get(&c->run, c->i++, &c->entry);
	return HLV_OK;
}

/* --- the merge --- */

struct merge *merge_new(void)
{
	return calloc(1, sizeof(struct merge));
}

void merge_free(struct merge *m)
{
	for (size_t i = 0; m && i < m->n; i++)
		cursor_free(m->heap[i]);
	if (m)
		free(m->heap);
	free(m);
}

static enum hlv_err add_cursor(struct merge *m, struct cursor **out)
{
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct cursor **heap = realloc(m->heap, cap * sizeof(struct cursor *));
		if (!heap)
			return HLV_E_NOMEM;
		m->heap = heap;
		m->cap = cap;
	}
	struct cursor *c = calloc(1, sizeof *c);
	if (!c)
		return HLV_E_NOMEM;
	c->fd = -1;
	m->heap[m->n++] = c;
	*out = c;
	return HLV_OK;
}

enum hlv_err merge_add(struct merge *m, struct run *take_run)
{
	struct cursor *c;
	HLV_TRY(add_cursor(m, &c));
	c->run = *take_run;
	*take_run = (struct run){0};
	return HLV_OK;
}

size_t merge_memory(const struct merge *m)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n; i++)
		n += run_memory(&m->heap[i]->run);
	return n;
}

static bool is_before(const struct merge *m, size_t i, size_t k)
{
	return entry_compare(&m->heap[i]->entry, &m->heap[k]->entry) < 0;
}

static void sink(struct merge *m, size_t i)
{
	for (;;) {
		size_t least = i;
		for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < m->n; k++)
			if (is_before(m, k, least))
				least = k;
		if (least == i)
			return;
		struct cursor *c = m->heap[i];
		m->heap[i] = m->heap[least];
		m->heap[least] = c;
		i = least;
	}
}

/* Advance the cursor at `i`; one that is used up goes, and the last one takes its place. */
static enum hlv_err advance(struct merge *m, size_t i)
{
	enum hlv_err err = cursor_next(m->heap[i]);
	if (err != HLV_E_NOT_FOUND)
		return err;
	cursor_free(m->heap[i]);
	m->heap[i] = m->heap[--m->n];
	return HLV_OK;
}

static enum hlv_err order(struct merge *m)
{
	for (size_t i = m->n; i > 0; i--)
		HLV_TRY(advance(m, i - 1));
	for (size_t i = m->n; i > 0; i--)
		sink(m, i - 1);
	m->ordered = true;
	return HLV_OK;
}

enum hlv_err merge_next(struct merge *m, struct entry *e)
{
	if (!m->ordered)
		HLV_TRY(order(m));
	if (m->pending) {
		HLV_TRY(advance(m, 0));
		sink(m, 0);
	}
	m->pending = m->n > 0;
	if (m->n == 0)
		return HLV_E_NOT_FOUND;
	*e = m->heap[0]->entry;
	return HLV_OK;
}

/* --- files --- */

static enum hlv_err put_file(int fd, struct hlv_buf *b)
{
	for (size_t at = 0; at < b->n;) {
		ssize_t n = write(fd, b->p + at, b->n - at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == ENOSPC || errno == EDQUOT ? HLV_E_FULL : HLV_E_IO;
		at += (size_t)n;
	}
	hlv_buf_clear(b);
	return HLV_OK;
}

static enum hlv_err put_entries(struct merge *m, int fd, struct hlv_buf *b)
{
	struct entry e;
	enum hlv_err err;
	while ((err = merge_next(m, &e)) == HLV_OK) {
		uint8_t head[HEAD];
		put_head(head, &e);
		hlv_buf_put(b, hlv_bytes(head, HEAD));
		hlv_buf_put(b, e.key);
		hlv_buf_put(b, e.stored);
		if (b->bad)
			return HLV_E_NOMEM;
		if (b->n >= IO_ROOM)
			HLV_TRY(put_file(fd, b));
	}
	return err == HLV_E_NOT_FOUND ? put_file(fd, b) : err;
}

/* The runs in memory out of `m` into a merge of their own. */
static enum hlv_err take_memory(struct merge *m, struct merge *memory)
{
	size_t kept = 0;
	memory->heap = malloc(m->n * sizeof(struct cursor *));
	if (!memory->heap)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < m->n; i++) {
		if (m->heap[i]->fd >= 0)
			m->heap[kept++] = m->heap[i];
		else
			memory->heap[memory->n++] = m->heap[i];
	}
	m->n = kept;
	return HLV_OK;
}

static enum hlv_err spill_to(struct merge *m, struct merge *memory, int fd)
{
	struct hlv_buf b = {0};
	struct cursor *c;
	enum hlv_err err = put_entries(memory, fd, &b);
	hlv_buf_free(&b);
	if (err == HLV_OK)
		err = add_cursor(m, &c);
	if (err != HLV_OK) {
		close(fd);
		return err;
	}
	c->fd = fd;
	c->cap = IO_ROOM;
	c->room = malloc(IO_ROOM);
	return c->room ? HLV_OK : HLV_E_NOMEM;
}

enum hlv_err merge_spill(struct merge *m, const char *dir)
{
	struct merge memory = {0};
	if (m->n == 0)
		return HLV_OK;
	/* Without a name: gone with the process, however that ends. */
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno == ENOSPC ? HLV_E_FULL : HLV_E_IO;
	enum hlv_err err = take_memory(m, &memory);
	if (err == HLV_OK)
		err = spill_to(m, &memory, fd);
	else
		close(fd);
	for (size_t i = 0; i < memory.n; i++)
		cursor_free(memory.heap[i]);
	free(memory.heap);
	return err;
}
