/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "server/commit.h"

/* The engine of tests, fuzzing and simulation: one thread, sorted arrays. A commit works on copies
 * of the arrays, so a view keeps what it saw; what a commit replaced is freed when no view is
 * open any more. */

struct node {
	struct node *next; /* on one of the lists below */
	bool fresh, dead;  /* put by the running commit; and put over by it again */
	size_t n, key_n;
	uint8_t octets[]; /* key, then value */
};

struct table {
	struct node **nodes; /* ascending by key */
	size_t n, cap;
	struct table *garbage;
};

struct store_view {
	struct mem_store *store;
	struct store_view *next;
	struct table *tables[SPACES];
};

struct mem_store {
	struct store base;
	struct table *tables[SPACES];
	struct node *old_nodes;
	struct table *old_tables;
	struct store_view *views;
	unsigned open_views;
	unsigned fail_in;
	enum hlv_err fail_with;
};

struct mem_commit {
	struct commit_engine base;
	struct mem_store *s;
	struct table
		*tables[SPACES]; /* copies, or those of the store while they are untouched */
	struct node *put, *replaced; /* to free when it fails, or when it succeeds */
};

static struct mem_store *of(struct store *store)
{
	return (struct mem_store *)store;
}

static struct hlv_bytes key_of(const struct node *node)
{
	return hlv_bytes(node->octets, node->key_n);
}

static struct hlv_bytes value_of(const struct node *node)
{
	return hlv_bytes(node->octets + node->key_n, node->n);
}

static int compare(struct hlv_bytes a, struct hlv_bytes b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n ? memcmp(a.p, b.p, n) : 0;
	return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* The place of the first key that is not below `key`. */
static size_t place_of(const struct table *t, struct hlv_bytes key)
{
	size_t low = 0, high = t->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare(key_of(t->nodes[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *find(const struct table *t, struct hlv_bytes key)
{
	size_t at = place_of(t, key);
	return at < t->n && hlv_eq(key_of(t->nodes[at]), key) ? t->nodes[at] : NULL;
}

static void free_tables(struct table *t)
{
	while (t) {
		struct table *next = t->garbage;
		free(t->nodes);
		free(t);
		t = next;
	}
}

static void free_nodes(struct node *node)
{
	while (node) {
		struct node *next = node->next;
		free(node);
		node = next;
	}
}

static void sweep(struct mem_store *s)
{
	if (s->open_views > 0)
		return;
	free_tables(s->old_tables);
	free_nodes(s->old_nodes);
	s->old_tables = NULL;
	s->old_nodes = NULL;
}

/* --- views --- */

static enum hlv_err mem_view_open(struct store *store, struct store_view **out)
{
	struct store_view *v = calloc(1, sizeof *v);
	if (!v)
		return HLV_E_NOMEM;
	v->store = of(store);
	v->next = v->store->views;
	v->store->views = v;
	*out = v;
	return HLV_OK;
}

static enum hlv_err mem_view_begin(struct store_view *v)
{
	memcpy(v->tables, v->store->tables, sizeof v->tables);
	v->store->open_views++;
	return HLV_OK;
}

static void mem_view_end(struct store_view *v)
{
	v->store->open_views--;
	sweep(v->store);
}

static enum hlv_err mem_get(struct store_view *v, enum store_space space, struct hlv_bytes key,
			    struct hlv_bytes *value)
{
	struct node *node = find(v->tables[space], key);
	if (!node)
		return HLV_E_NOT_FOUND;
	*value = value_of(node);
	return HLV_OK;
}

static enum hlv_err mem_scan(struct store_view *v, enum store_space space,
			     struct hlv_bytes from, store_scan_fn *visit, void *ctx)
{
	struct table *t = v->tables[space];
	for (size_t i = place_of(t, from); i < t->n; i++)
		if (!visit(ctx, key_of(t->nodes[i]), value_of(t->nodes[i])))
			break;
	return HLV_OK;
}

/* --- commit --- */

static struct mem_commit *commit_of(struct commit_engine *e)
{
	return (struct mem_commit *)e;
}

static struct table *copy_table(const struct table *t)
{
	struct table *copy = calloc(1, sizeof *copy);
	size_t cap = t->n + 64;
	struct node **nodes = calloc(cap, sizeof(struct node *));
	if (!copy || !nodes) {
		free(copy);
		free(nodes);
		return NULL;
	}
	if (t->n)
		memcpy(nodes, t->nodes, t->n * sizeof *nodes);
	*copy = (struct table){.nodes = nodes, .n = t->n, .cap = cap};
	return copy;
}

/* The table of this commit, copied before its first change. */
static struct table *writable(struct mem_commit *c, enum store_space space)
{
	struct table *t = c->tables[space];
	if (t != c->s->tables[space])
		return t;
	struct table *copy = copy_table(t);
	if (!copy)
		return NULL;
	c->tables[space] = copy;
	return copy;
}

static enum hlv_err commit_get(struct commit_engine *e, enum store_space space,
			       struct hlv_bytes key, struct hlv_bytes *value)
{
	struct node *node = find(commit_of(e)->tables[space], key);
	if (!node)
		return HLV_E_NOT_FOUND;
	*value = value_of(node);
	return HLV_OK;
}

static bool make_gap(struct table *t, size_t at)
{
	if (t->n == t->cap) {
		size_t cap = t->cap * 2;
		struct node **nodes = realloc(t->nodes, cap * sizeof(struct node *));
		if (!nodes)
			return false;
		t->nodes = nodes;
		t->cap = cap;
	}
	memmove(t->nodes + at + 1, t->nodes + at, (t->n - at) * sizeof(struct node *));
	t->n++;
	return true;
}

static void retire(struct mem_commit *c, struct node *node)
{
	if (node->fresh) {
		node->dead = true;
		return;
	}
	node->next = c->replaced;
	c->replaced = node;
}

static enum hlv_err commit_reserve(struct commit_engine *e, enum store_space space,
				   struct hlv_bytes key, size_t n, uint8_t **place)
{
	struct mem_commit *c = commit_of(e);
	struct table *t = writable(c, space);
	struct node *node = calloc(1, sizeof *node + key.n + n);
	if (!t || !node) {
		free(node);
		return HLV_E_NOMEM;
	}
	node->n = n;
	node->key_n = key.n;
	memcpy(node->octets, key.p, key.n);
	size_t at = place_of(t, key);
	if (at < t->n && hlv_eq(key_of(t->nodes[at]), key)) {
		retire(c, t->nodes[at]);
	} else if (!make_gap(t, at)) {
		free(node);
		return HLV_E_NOMEM;
	}
	t->nodes[at] = node;
	node->fresh = true;
	node->next = c->put;
	c->put = node;
	*place = node->octets + key.n;
	return HLV_OK;
}

static enum hlv_err commit_remove(struct commit_engine *e, enum store_space space,
				  struct hlv_bytes key)
{
	struct mem_commit *c = commit_of(e);
	struct table *t = writable(c, space);
	if (!t)
		return HLV_E_NOMEM;
	size_t at = place_of(t, key);
	if (at == t->n || !hlv_eq(key_of(t->nodes[at]), key))
		return HLV_OK;
	retire(c, t->nodes[at]);
	t->n--;
	memmove(t->nodes + at, t->nodes + at + 1, (t->n - at) * sizeof(struct node *));
	return HLV_OK;
}

static bool commit_is_new(struct commit_engine *e, enum store_space space, struct hlv_bytes key)
{
	struct table *t = commit_of(e)->tables[space];
	return t->n == 0 || compare(key, key_of(t->nodes[t->n - 1])) > 0;
}

static void commit_begin(struct mem_commit *c, struct mem_store *s)
{
	*c = (struct mem_commit){
		.base = {commit_get, commit_reserve, commit_remove, commit_is_new}, .s = s};
	memcpy(c->tables, s->tables, sizeof c->tables);
}

static void commit_drop(struct mem_commit *c)
{
	for (int i = 0; i < SPACES; i++)
		if (c->tables[i] != c->s->tables[i])
			free_tables(c->tables[i]);
	free_nodes(c->put);
}

static void commit_keep(struct mem_commit *c)
{
	struct mem_store *s = c->s;
	while (c->put) {
		struct node *node = c->put;
		c->put = node->next;
		node->fresh = false;
		if (node->dead)
			free(node);
	}
	while (c->replaced) {
		struct node *node = c->replaced;
		c->replaced = node->next;
		node->next = s->old_nodes;
		s->old_nodes = node;
	}
	for (int i = 0; i < SPACES; i++) {
		if (c->tables[i] == s->tables[i])
			continue;
		s->tables[i]->garbage = s->old_tables;
		s->old_tables = s->tables[i];
		s->tables[i] = c->tables[i];
	}
	sweep(s);
}

static enum hlv_err mem_commit(struct store *store, struct store_txn *txns, size_t n)
{
	struct mem_store *s = of(store);
	struct mem_commit c;
	bool changed;
	if (s->fail_in > 0 && --s->fail_in == 0)
		return s->fail_with;
	commit_begin(&c, s);
	enum hlv_err err = commit_group(&c.base, txns, n, &changed);
	if (err != HLV_OK || !changed)
		commit_drop(&c);
	else
		commit_keep(&c);
	return err;
}

void store_mem_fail(struct store *store, unsigned fail_at, enum hlv_err fail_with)
{
	of(store)->fail_in = fail_at;
	of(store)->fail_with = fail_with;
}

/* --- open and close --- */

static void mem_close(struct store *store)
{
	struct mem_store *s = of(store);
	s->open_views = 0;
	sweep(s);
	while (s->views) {
		struct store_view *v = s->views;
		s->views = v->next;
		free(v);
	}
	for (int i = 0; i < SPACES; i++) {
		for (size_t k = 0; s->tables[i] && k < s->tables[i]->n; k++)
			free(s->tables[i]->nodes[k]);
		free_tables(s->tables[i]);
	}
	free(s);
}

static const struct store_ops MEM_OPS = {
	mem_view_open, mem_view_begin, mem_view_end, mem_get, mem_scan, mem_commit, mem_close,
};

/* All runs are alike: the epoch is fixed. */
static enum hlv_err found(struct mem_store *s)
{
	static const uint8_t epoch[16] = "in memory";
	struct mem_commit c;
	commit_begin(&c, s);
	enum hlv_err err = commit_found(&c.base, epoch);
	if (err == HLV_OK)
		commit_keep(&c);
	else
		commit_drop(&c);
	return err;
}

enum hlv_err store_mem_open(struct store **store)
{
	*store = NULL;
	struct mem_store *s = calloc(1, sizeof *s);
	if (!s)
		return HLV_E_NOMEM;
	s->base.ops = &MEM_OPS;
	enum hlv_err err = HLV_OK;
	for (int i = 0; i < SPACES; i++) {
		s->tables[i] = calloc(1, sizeof *s->tables[i]);
		if (!s->tables[i])
			err = HLV_E_NOMEM;
	}
	if (err == HLV_OK)
		err = found(s);
	if (err != HLV_OK) {
		mem_close(&s->base);
		return err;
	}
	*store = &s->base;
	return HLV_OK;
}
