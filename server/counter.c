/* SPDX-License-Identifier: Apache-2.0 */
#include "server/counter.h"

#include "proto/base/crc32c.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"

void counters_init(struct counters *c)
{
	*c = (struct counters){0};
	hlv_arena_init(&c->arena, SIZE_MAX);
}

void counters_fini(struct counters *c)
{
	hlv_arena_fini(&c->arena);
}

static struct counter **bucket(struct counters *c, struct hlv_bytes name)
{
	return &c->buckets[hlv_crc32c(0, name) % COUNTER_BUCKETS];
}

struct counter *counters_find(struct counters *c, struct hlv_bytes name)
{
	for (struct counter *k = *bucket(c, name); k; k = k->next)
		if (hlv_eq(k->name, name))
			return k;
	return NULL;
}

struct hlv_bytes counter_name(struct hlv_bytes prefix, uint8_t out[COUNTER_NAME_MAX])
{
	struct hlv_writer w = hlv_writer(out, COUNTER_NAME_MAX);
	hlv_put(&w, hlv_text("count"));
	if (prefix.n) {
		struct store_key key;
		store_key(prefix, &key); /* without a slash: that of the prefix handle */
		hlv_put(&w, store_key_bytes(&key));
	}
	return hlv_written(&w);
}

static struct counter *find_or_add(struct counters *c, struct hlv_bytes identifier)
{
	uint8_t handle[5 + HLV_IDENTIFIER_MAX], octets[COUNTER_NAME_MAX];
	struct hlv_writer w = hlv_writer(handle, sizeof handle);
	hlv_name_put_prefix_handle(&w, identifier);
	struct hlv_bytes name = counter_name(hlv_written(&w), octets);
	struct counter *k = counters_find(c, name);
	if (k)
		return k;
	k = hlv_alloc(&c->arena, sizeof *k);
	name = hlv_arena_copy(&c->arena, name);
	if (c->arena.bad)
		return NULL;
	k->name = name;
	k->next = *bucket(c, name);
	*bucket(c, name) = k;
	return k;
}

enum hlv_err counters_move(struct counters *c, struct hlv_bytes identifier, int by)
{
	struct hlv_bytes prefix = hlv_name_split(identifier).prefix;
	if (!c->recent || !hlv_eq(prefix, c->recent_prefix)) {
		c->recent = find_or_add(c, identifier);
		c->recent_prefix = prefix;
	}
	if (!c->recent)
		return HLV_E_NOMEM;
	c->recent->moved += by;
	c->all += by;
	return HLV_OK;
}
