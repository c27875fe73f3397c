/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/siphash.h"
#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/sec/registry_key.h"
#include "proto/wire/name.h"
#include "proto/wire/record.h"
#include "resolver/cache.h"

enum {
	FILE_MAX_OCTETS = 256 << 20,
	LINE_ARENA = 64 << 20,
	LIST_ROOM = HLV_MESSAGE_MAX,
};

enum says { SAYS_BLOCK, SAYS_ANSWER };

struct entry {
	struct entry *next; /* of its bucket */
	enum says says;
	struct hlv_bytes key;
	struct hlv_list values; /* SAYS_ANSWER */
};

struct names {
	struct hlv_arena arena; /* all entries and what they point to */
	struct entry **bucket;
	size_t nbuckets, nentries; /* a power of two, or 0 */
	char **pattern;		   /* those that hashing does not find */
	size_t npatterns, cap;
};

struct names *names_new(void)
{
	struct names *n = calloc(1, sizeof *n);
	if (n)
		hlv_arena_init(&n->arena, SIZE_MAX);
	return n;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	hlv_arena_fini(&n->arena);
	free(n->bucket);
	free(n->pattern);
	free(n);
}

/* --- the table; its owner wrote what is in it, so the hash needs no secret --- */

static struct entry **bucket_of(const struct names *n, struct hlv_bytes key)
{
	static const uint64_t none[2];
	return &n->bucket[hlv_siphash(none, key) & (n->nbuckets - 1)];
}

static const struct entry *find(const struct names *n, enum says says, struct hlv_bytes key)
{
	if (n->nbuckets == 0)
		return NULL;
	for (const struct entry *e = *bucket_of(n, key); e; e = e->next)
		if (e->says == says && hlv_eq(e->key, key))
			return e;
	return NULL;
}

static enum hlv_err grow(struct names *n)
{
	size_t former = n->nbuckets;
	struct entry **old = n->bucket, **fresh;
	if (n->nentries < former)
		return HLV_OK;
	fresh = calloc(former ? 2 * former : 64, sizeof *fresh);
	if (!fresh)
		return HLV_E_NOMEM;
	n->nbuckets = former ? 2 * former : 64;
	n->bucket = fresh;
	for (size_t i = 0; i < former; i++) {
		for (struct entry *e = old[i], *next; e; e = next) {
			struct entry **b = bucket_of(n, e->key);
			next = e->next;
			e->next = *b;
			*b = e;
		}
	}
	free(old);
	return HLV_OK;
}

/* In front of what was said before. */
static enum hlv_err add(struct names *n, enum says says, struct hlv_bytes key,
			struct hlv_list values)
{
	HLV_TRY(grow(n));
	struct entry *e = hlv_alloc(&n->arena, sizeof *e);
	if (!e)
		return HLV_E_NOMEM;
	e->says = says;
	e->key = hlv_arena_copy(&n->arena, key);
	e->values = (struct hlv_list){values.n, hlv_arena_copy(&n->arena, values.raw)};
	struct entry **b = bucket_of(n, key);
	e->next = *b;
	*b = e;
	n->nentries++;
	return n->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

/* As registries compare identifiers, which is not how caches do (protocol.md 6.6): who asks for a blocked
 * one in other letters would get it from there. */
static struct hlv_bytes registered(struct hlv_bytes key, uint8_t room[HLV_REGISTRY_KEY_MAX])
{
	return hlv_bytes(room, hlv_registry_key(key, room));
}

static struct hlv_bytes upper(struct hlv_bytes text, uint8_t room[MEMORY_KEY_MAX])
{
	struct hlv_writer w = hlv_writer(room, MEMORY_KEY_MAX);
	hlv_name_put_upper(&w, text);
	return hlv_written(&w);
}

static enum hlv_err add_pattern(struct names *n, struct hlv_bytes text)
{
	uint8_t room[MEMORY_KEY_MAX];
	if (n->npatterns == n->cap) {
		size_t cap = n->cap ? 2 * n->cap : 16;
		char **list = realloc(n->pattern, cap * sizeof *list);
		if (!list)
			return HLV_E_NOMEM;
		n->pattern = list;
		n->cap = cap;
	}
	char *copy = hlv_arena_str(&n->arena, upper(text, room));
	if (!copy)
		return HLV_E_NOMEM;
	n->pattern[n->npatterns++] = copy;
	return HLV_OK;
}

/* --- lines --- */

struct lines {
	const char *path;
	struct hlv_buf file;
	size_t at;
	unsigned number;
	char *why;
};

static bool next_line(struct lines *l, struct hlv_bytes *line)
{
	struct hlv_bytes rest = hlv_skip(hlv_buf_bytes(&l->file), l->at);
	if (rest.n == 0)
		return false;
	const uint8_t *end = memchr(rest.p, '\n', rest.n);
	*line = hlv_head(rest, end ? (size_t)(end - rest.p) : rest.n);
	l->at += line->n + 1;
	l->number++;
	while (line->n > 0 && memchr(" \t\r", line->p[line->n - 1], 3))
		line->n--;
	while (line->n > 0 && memchr(" \t", line->p[0], 2))
		*line = hlv_skip(*line, 1);
	return true;
}

static enum hlv_err complain(const struct lines *l, enum hlv_err err, const char *what)
{
	snprintf(l->why, NAMES_WHY, "%s:%u: %s", l->path, l->number, what);
	return err;
}

/* --- what is blocked --- */

/* "88.118/" and "88.118.*": a prefix, and a prefix with all below. */
static bool is_hashed(struct hlv_bytes text)
{
	struct hlv_bytes stars = text;
	if (text.n > 2 && text.p[text.n - 1] == '*' && text.p[text.n - 2] == '.')
		stars = hlv_head(text, text.n - 2);
	if (stars.n == 0 || memchr(stars.p, '*', stars.n) || memchr(stars.p, '?', stars.n))
		return false;
	if (stars.n < text.n)
		return !memchr(stars.p, '/', stars.n);
	return true;
}

static enum hlv_err add_blocked(struct names *n, const struct lines *l, struct hlv_bytes text)
{
	uint8_t room[MEMORY_KEY_MAX], own[HLV_REGISTRY_KEY_MAX];
	if (text.n > HLV_IDENTIFIER_MAX)
		return complain(l, HLV_E_LIMIT, "longer than an identifier can be");
	if (!hlv_utf8_valid(text))
		return complain(l, HLV_E_MALFORMED, "not UTF-8");
	if (!is_hashed(text))
		return add_pattern(n, text);
	bool prefix = text.p[text.n - 1] == '/' || text.p[text.n - 1] == '*';
	struct hlv_writer w = hlv_writer(room, sizeof room);
	if (!prefix)
		return add(n, SAYS_BLOCK, registered(memory_key(text, room), own),
			   (struct hlv_list){0});
	hlv_name_put_upper(&w, text);
	return add(n, SAYS_BLOCK, hlv_written(&w), (struct hlv_list){0});
}

enum hlv_err names_read_blocked(struct names *n, const char *path, char *why)
{
	struct lines l = {.path = path, .why = why};
	struct hlv_bytes line;
	enum hlv_err err = hlv_file_read(path, FILE_MAX_OCTETS, &l.file, why);
	while (err == HLV_OK && next_line(&l, &line))
		if (line.n > 0 && line.p[0] != '#')
			err = add_blocked(n, &l, line);
	hlv_buf_free(&l.file);
	return err;
}

/* The prefix of an identifier; of a prefix's own record, that prefix. */
static struct hlv_bytes prefix_of(struct hlv_bytes key)
{
	struct hlv_name name = hlv_name_split(key);
	return hlv_name_is_prefix_handle(key) ? name.suffix : name.prefix;
}

static bool blocks_prefix(const struct names *n, struct hlv_bytes key)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 2];
	struct hlv_bytes prefix = prefix_of(key);
	if (prefix.n > HLV_IDENTIFIER_MAX)
		return false;
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_name_put_upper(&w, prefix);
	room[prefix.n] = '/';
	room[prefix.n + 1] = 0;
	if (find(n, SAYS_BLOCK, hlv_bytes(room, prefix.n + 1)))
		return true;
	for (size_t at = prefix.n; at > 0; at--) {
		if (at < prefix.n && room[at] != '.')
			continue;
		uint8_t saved[2] = {room[at], room[at + 1]};
		room[at] = '.';
		room[at + 1] = '*';
		if (find(n, SAYS_BLOCK, hlv_bytes(room, at + 2)))
			return true;
		room[at] = saved[0];
		room[at + 1] = saved[1];
	}
	return false;
}

bool names_blocks(const struct names *n, struct hlv_bytes key)
{
	uint8_t own[HLV_REGISTRY_KEY_MAX], room[MEMORY_KEY_MAX];
	if (n->nentries > 0 &&
	    (find(n, SAYS_BLOCK, registered(key, own)) || blocks_prefix(n, key)))
		return true;
	if (n->npatterns > 0)
		key = upper(key, room);
	for (size_t i = 0; i < n->npatterns; i++)
		if (cache_pattern_matches(n->pattern[i], key))
			return true;
	return false;
}

/* --- what is answered --- */

struct parser {
	struct names *names;
	struct lines lines;
	struct hlv_arena arena;
	uint8_t *parsed, *sorted;
	uint32_t now_s;
};

static enum hlv_err add_answer(struct parser *p, struct hlv_bytes line)
{
	struct hlv_json_error error = {0};
	struct hlv_bytes handle;
	struct hlv_list list;
	uint8_t flags, room[MEMORY_KEY_MAX], own[HLV_REGISTRY_KEY_MAX];
	struct hlv_writer parsed = hlv_writer(p->parsed, LIST_ROOM);
	struct hlv_writer sorted = hlv_writer(p->sorted, LIST_ROOM);
	hlv_arena_reset(&p->arena);
	enum hlv_err err =
		hlv_json_parse_record(line, p->now_s, &p->arena, &handle, &parsed, &error);
	if (err != HLV_OK || parsed.bad)
		return complain(&p->lines, HLV_E_MALFORMED,
				*error.text ? error.text : "record is too large");
	if (handle.n == 0 || handle.n > HLV_IDENTIFIER_MAX)
		return complain(&p->lines, HLV_E_MALFORMED, "no handle, or one too long");
	struct hlv_reader r = hlv_reader(hlv_written(&parsed));
	HLV_TRY(hlv_values_decode(&r, &list));
	if (hlv_values_sort(&list, &sorted, &flags) != HLV_OK)
		return complain(&p->lines, HLV_E_MALFORMED,
				"an index stands twice, or is not in 1..2147483647");
	list.raw = hlv_written(&sorted);
	return add(p->names, SAYS_ANSWER, registered(memory_key(handle, room), own), list);
}

enum hlv_err names_read_answers(struct names *n, const char *path, uint64_t now_ms, char *why)
{
	struct parser p = {.names = n,
			   .lines = {.path = path, .why = why},
			   .parsed = malloc(LIST_ROOM),
			   .sorted = malloc(LIST_ROOM),
			   .now_s = (uint32_t)(now_ms / 1000)};
	struct hlv_bytes line;
	hlv_arena_init(&p.arena, LINE_ARENA);
	enum hlv_err err = p.parsed && p.sorted
				   ? hlv_file_read(path, FILE_MAX_OCTETS, &p.lines.file, why)
				   : HLV_E_NOMEM;
	while (err == HLV_OK && next_line(&p.lines, &line))
		if (line.n > 0 && line.p[0] != '#')
			err = add_answer(&p, line);
	hlv_buf_free(&p.lines.file);
	hlv_arena_fini(&p.arena);
	free(p.parsed);
	free(p.sorted);
	return err;
}

bool names_answers(const struct names *n, struct hlv_bytes key, struct hlv_list *values)
{
	uint8_t own[HLV_REGISTRY_KEY_MAX];
	if (n->nentries == 0)
		return false;
	const struct entry *e = find(n, SAYS_ANSWER, registered(key, own));
	if (e)
		*values = e->values;
	return e != NULL;
}

bool names_is_empty(const struct names *n)
{
	return n->nentries == 0 && n->npatterns == 0;
}
