/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base/arena.h"

#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ONE_MALLOC_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_MALLOC_EACH 1
#endif
#endif
#ifndef ONE_MALLOC_EACH
#define ONE_MALLOC_EACH 0
#endif

/* The first chunk is kept over resets, so that a warm exchange allocates nothing. */
enum { FIRST_CHUNK = 4096, ALIGN = 16 };

struct hlv_chunk {
	struct hlv_chunk *next;
	size_t cap;
	size_t n;
	size_t pad; /* keeps mem aligned */
	uint8_t mem[];
};

void hlv_arena_init(struct hlv_arena *a, size_t limit)
{
	*a = (struct hlv_arena){.limit = limit};
}

void hlv_arena_reset(struct hlv_arena *a)
{
	while (a->chunks && (ONE_MALLOC_EACH || a->chunks->next)) {
		struct hlv_chunk *c = a->chunks;
		a->chunks = c->next;
		free(c);
	}
	if (a->chunks)
		a->chunks->n = 0;
	a->used = 0;
	a->bad = false;
}

void hlv_arena_fini(struct hlv_arena *a)
{
	while (a->chunks) {
		struct hlv_chunk *c = a->chunks;
		a->chunks = c->next;
		free(c);
	}
	*a = (struct hlv_arena){.limit = a->limit};
}

static struct hlv_chunk *grow(struct hlv_arena *a, size_t n)
{
	size_t cap = n;
	if (!ONE_MALLOC_EACH) {
		size_t step = a->chunks ? a->chunks->cap * 2 : FIRST_CHUNK;
		cap = n > step ? n : step;
	}
	struct hlv_chunk *c = malloc(sizeof *c + cap);
	if (!c)
		return NULL;
	*c = (struct hlv_chunk){.next = a->chunks, .cap = cap};
	a->chunks = c;
	return c;
}

void *hlv_alloc_raw(struct hlv_arena *a, size_t n)
{
	if (a->bad || n > a->limit - a->used) {
		a->bad = true;
		return NULL;
	}
	size_t room = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	struct hlv_chunk *c = a->chunks;
	if (ONE_MALLOC_EACH || !c || room > c->cap - c->n) {
		c = grow(a, ONE_MALLOC_EACH ? n : room);
		if (!c) {
			a->bad = true;
			return NULL;
		}
	}
	void *p = c->mem + c->n;
	c->n += ONE_MALLOC_EACH ? n : room;
	a->used += n;
	return p;
}

void *hlv_alloc(struct hlv_arena *a, size_t n)
{
	void *p = hlv_alloc_raw(a, n);
	if (p && n)
		memset(p, 0, n);
	return p;
}

struct hlv_bytes hlv_arena_copy(struct hlv_arena *a, struct hlv_bytes b)
{
	if (b.n == 0)
		return (struct hlv_bytes){0};
	void *p = hlv_alloc_raw(a, b.n);
	if (!p)
		return (struct hlv_bytes){0};
	memcpy(p, b.p, b.n);
	return hlv_bytes(p, b.n);
}

char *hlv_arena_str(struct hlv_arena *a, struct hlv_bytes b)
{
	char *s = hlv_alloc_raw(a, b.n + 1);
	if (!s)
		return NULL;
	if (b.n)
		memcpy(s, b.p, b.n);
	s[b.n] = '\0';
	return s;
}
