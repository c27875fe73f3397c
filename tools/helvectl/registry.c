/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/registry.h"

#include <stdlib.h>
#include <unistd.h>

#include "proto/base/crc32c.h"

enum {
	GROUP_MAX = 1000, /* transactions of one commit, threats.md 6 */
	GROUP_OCTETS = 8 * 1024 * 1024,
	ARENA_LIMIT = 64 * 1024 * 1024,
	WAITING_SLOTS = 4096, /* power of two, more than GROUP_MAX */
};

struct registry {
	struct store *store;
	struct store_view *view;
	struct hlv_arena arena; /* of the group */
	struct store_txn txns[GROUP_MAX];
	struct store_check checks[GROUP_MAX];
	struct store_put puts[GROUP_MAX];
	size_t n;
	uint32_t waiting[WAITING_SLOTS]; /* hashes of the group's keys; 0: free */
	bool reading;
};

struct store_actor registry_actor(void)
{
	return (struct store_actor){.how = ACTOR_LOCAL, .who.index = (uint32_t)getuid()};
}

struct registry *registry_new(struct store *store, struct store_view *view)
{
	struct registry *r = calloc(1, sizeof *r);
	if (!r)
		return NULL;
	r->store = store;
	r->view = view;
	hlv_arena_init(&r->arena, ARENA_LIMIT);
	return r;
}

static void stop_reading(struct registry *r)
{
	if (r->reading)
		r->store->ops->view_end(r->view);
	r->reading = false;
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	stop_reading(r);
	hlv_arena_fini(&r->arena);
	free(r);
}

enum hlv_err registry_flush(struct registry *r)
{
	if (r->n == 0)
		return HLV_OK;
	stop_reading(r);
	enum hlv_err err = r->store->ops->commit(r->store, r->txns, r->n);
	for (size_t i = 0; i < r->n && err == HLV_OK; i++)
		err = r->txns[i].err;
	r->n = 0;
	memset(r->waiting, 0, sizeof r->waiting);
	hlv_arena_reset(&r->arena);
	return err;
}

/* Where the hash of `key` is or belongs. A hash that two keys share costs a commit, no more. */
static uint32_t *waiting_slot(struct registry *r, enum store_space space, struct hlv_bytes key)
{
	uint32_t hash = hlv_crc32c((uint32_t)space + 1, key);
	hash += hash == 0;
	uint32_t at = hash % WAITING_SLOTS;
	while (r->waiting[at] != 0 && r->waiting[at] != hash)
		at = (at + 1) % WAITING_SLOTS;
	return &r->waiting[at];
}

static void set_waiting(struct registry *r, enum store_space space, struct hlv_bytes key)
{
	uint32_t hash = hlv_crc32c((uint32_t)space + 1, key);
	*waiting_slot(r, space, key) = hash + (hash == 0);
}

/* Make sure that the view shows `key` as it will be after the group. */
static enum hlv_err settle(struct registry *r, enum store_space space, struct hlv_bytes key)
{
	if (r->n == GROUP_MAX || r->arena.used > GROUP_OCTETS ||
	    *waiting_slot(r, space, key) != 0)
		HLV_TRY(registry_flush(r));
	if (r->reading)
		return HLV_OK;
	HLV_TRY(r->store->ops->view_begin(r->view));
	r->reading = true;
	return HLV_OK;
}

static enum hlv_err find(struct registry *r, const struct store_key *key,
			 struct hlv_record *rec, bool *there)
{
	struct hlv_bytes stored;
	*rec = (struct hlv_record){0};
	HLV_TRY(settle(r, SPACE_RECORD, store_key_bytes(key)));
	enum hlv_err err =
		r->store->ops->get(r->view, SPACE_RECORD, store_key_bytes(key), &stored);
	*there = false;
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	HLV_TRY(err);
	HLV_TRY(hlv_record_decode(stored, store_key_bytes(key), rec));
	*there = !(rec->flags & HLV_RECORD_DELETED);
	return HLV_OK;
}

enum hlv_err registry_get(struct registry *r, struct hlv_bytes id, struct hlv_record *rec)
{
	struct store_key key;
	bool there;
	store_key(id, &key);
	HLV_TRY(find(r, &key, rec, &there));
	if (!there)
		*rec = (struct hlv_record){0}; /* not what a tombstone holds */
	return there ? HLV_OK : HLV_E_NOT_FOUND;
}

/* `seq`, `key` and `value` as store.h wants them; the key is copied. */
static enum hlv_err add(struct registry *r, enum store_space space, struct hlv_bytes key,
			uint64_t seq, struct hlv_bytes value, uint64_t time_ms)
{
	size_t i = r->n;
	struct hlv_bytes kept = hlv_arena_copy(&r->arena, key);
	if (r->arena.bad)
		return HLV_E_NOMEM;
	r->checks[i] = (struct store_check){space, kept, seq};
	r->puts[i] = (struct store_put){space, kept, value};
	r->txns[i] = (struct store_txn){.actor = registry_actor(),
					.checks = &r->checks[i],
					.nchecks = 1,
					.puts = &r->puts[i],
					.nputs = 1,
					.time_ms = time_ms};
	set_waiting(r, space, key);
	r->n++;
	return HLV_OK;
}

static enum hlv_err encode(struct registry *r, const struct store_key *key,
			   const struct hlv_record *rec, struct hlv_bytes *stored)
{
	size_t room =
		HLV_RECORD_HEADER + HLV_RECORD_STATE_MAX + rec->name.n + 4 + rec->values.raw.n;
	uint8_t *p = hlv_alloc_raw(&r->arena, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	hlv_record_encode(&w, store_key_bytes(key), rec);
	*stored = hlv_written(&w);
	return w.bad ? HLV_E_NOMEM : HLV_OK;
}

enum hlv_err registry_put(struct registry *r, struct hlv_bytes id, struct hlv_bytes list,
			  uint64_t time_ms)
{
	struct hlv_reader reader = hlv_reader(list);
	struct hlv_list given;
	struct store_key key;
	struct hlv_record old, rec = {.name = id};
	struct hlv_bytes stored;
	bool there;
	store_key(id, &key);
	HLV_TRY(find(r, &key, &old, &there));
	if (there) { /* its state and locks are no values */
		rec.state = old.state;
		rec.locks = old.locks;
		rec.state_since_ms = old.state_since_ms;
		rec.reason = old.reason;
	}
	HLV_TRY(hlv_values_decode(&reader, &given));
	uint8_t *sorted = hlv_alloc_raw(&r->arena, given.raw.n);
	struct hlv_writer w = hlv_writer(sorted, sorted ? given.raw.n : 0);
	HLV_TRY(hlv_values_sort(&given, &w, &rec.flags));
	rec.values = (struct hlv_list){given.n, hlv_written(&w)};
	if (there && hlv_eq(old.name, id) && old.values.n == given.n &&
	    hlv_eq(old.values.raw, rec.values.raw))
		return HLV_OK;
	HLV_TRY(encode(r, &key, &rec, &stored));
	return add(r, SPACE_RECORD, store_key_bytes(&key), old.seq, stored, time_ms);
}

enum hlv_err registry_set_state(struct registry *r, struct hlv_bytes id,
				const struct registry_state *to, uint64_t time_ms)
{
	struct store_key key;
	struct hlv_record rec;
	struct hlv_bytes stored;
	bool there;
	store_key(id, &key);
	HLV_TRY(find(r, &key, &rec, &there));
	if (!there)
		return HLV_E_NOT_FOUND;
	uint8_t state = to->has_state ? to->state : rec.state;
	uint16_t locks = (uint16_t)((rec.locks | to->lock) & ~to->unlock);
	struct hlv_bytes reason = to->has_state || to->reason.n ? to->reason : rec.reason;
	if (state == rec.state && locks == rec.locks && hlv_eq(reason, rec.reason))
		return HLV_OK;
	if (state != rec.state || rec.state_since_ms == 0)
		rec.state_since_ms = time_ms;
	rec.state = state;
	rec.locks = locks;
	rec.reason = reason;
	HLV_TRY(encode(r, &key, &rec, &stored));
	return add(r, SPACE_RECORD, store_key_bytes(&key), rec.seq, stored, time_ms);
}

enum hlv_err registry_remove(struct registry *r, struct hlv_bytes id, uint64_t time_ms)
{
	struct store_key key;
	struct hlv_record rec;
	struct hlv_bytes stored;
	bool there;
	store_key(id, &key);
	HLV_TRY(find(r, &key, &rec, &there));
	if (!there)
		return HLV_E_NOT_FOUND;
	rec.flags |= HLV_RECORD_DELETED;
	HLV_TRY(encode(r, &key, &rec, &stored));
	return add(r, SPACE_RECORD, store_key_bytes(&key), rec.seq, stored, time_ms);
}

static enum hlv_err is_homed(struct registry *r, struct hlv_bytes prefix, struct store_key *key,
			     bool *homed)
{
	struct hlv_bytes stored;
	store_key(prefix, key);
	HLV_TRY(settle(r, SPACE_PREFIX, store_key_bytes(key)));
	enum hlv_err err =
		r->store->ops->get(r->view, SPACE_PREFIX, store_key_bytes(key), &stored);
	*homed = err == HLV_OK;
	return err == HLV_E_NOT_FOUND ? HLV_OK : err;
}

enum hlv_err registry_home(struct registry *r, struct hlv_bytes prefix, uint64_t time_ms)
{
	struct store_key key;
	bool homed;
	HLV_TRY(is_homed(r, prefix, &key, &homed));
	if (homed)
		return HLV_E_EXISTS;
	uint8_t *value = hlv_alloc_raw(&r->arena, STORE_PREFIX_SIZE);
	if (!value)
		return HLV_E_NOMEM;
	store_prefix_encode(store_key_bytes(&key), time_ms, value);
	return add(r, SPACE_PREFIX, store_key_bytes(&key), 0,
		   hlv_bytes(value, STORE_PREFIX_SIZE), time_ms);
}

enum hlv_err registry_unhome(struct registry *r, struct hlv_bytes prefix, uint64_t time_ms)
{
	struct store_key key;
	bool homed;
	HLV_TRY(is_homed(r, prefix, &key, &homed));
	if (!homed)
		return HLV_E_NOT_FOUND;
	return add(r, SPACE_PREFIX, store_key_bytes(&key), 1, (struct hlv_bytes){0}, time_ms);
}
