/* SPDX-License-Identifier: Apache-2.0 */
#include "server/change.h"

static bool is_prefix(struct change *ch)
{
	if (hlv_name_is_prefix_handle(ch->id) && ch->id.n > 5 &&
	    hlv_name_is_registrable(ch->id))
		return true;
	return change_refuse(ch, HLV_RC_INVALID_HANDLE, "Not a prefix handle: 0.NA/prefix");
}

/* 11.4: whether there is such a prefix handle is not asked, nor whether it is ours (11.2): that is
 * what this says. Homing what is homed is no error. */
bool plan_home(struct change *ch)
{
	struct hlv_arena *arena = ch->a->arena;
	bool homed, home = ch->rq->m.hdr.op == HLV_OP_HOME_NA;
	if (!is_prefix(ch) || !change_is_known(ch) || !change_is_server_admin(ch))
		return false;
	enum hlv_err err = store_is_homed(ch->a->store, ch->a->view, ch->id, &homed);
	if (err != HLV_OK)
		return change_failed(ch, err);
	if (homed == home)
		return change_nothing(ch);
	store_key(ch->id, &ch->key);
	struct hlv_bytes key = hlv_arena_copy(arena, store_key_bytes(&ch->key));
	uint8_t *value = hlv_alloc(arena, STORE_PREFIX_SIZE);
	if (arena->bad)
		return change_failed(ch, HLV_E_NOMEM);
	store_prefix_encode(key, ch->c->now.wall_ms, value);
	struct store_put put = {SPACE_PREFIX, key,
				hlv_bytes(value, home ? STORE_PREFIX_SIZE : 0)};
	struct store_check check = {SPACE_PREFIX, key, homed ? 1 : 0};
	return change_rests_on(ch, &check) && change_commit(ch, &put);
}

static bool list_from(struct change *ch, enum store_space space)
{
	ch->plan->list_space = space;
	ch->verdict = PLAN_LIST;
	return true;
}

bool plan_list_homed(struct change *ch)
{
	if (!change_is_known(ch) || !change_is_server_admin(ch))
		return false;
	store_key(hlv_text("0.NA/"), &ch->plan->list_from);
	return list_from(ch, SPACE_PREFIX);
}

/* The keys of what a prefix holds begin with "PREFIX/". */
static bool prefix_keys(struct change *ch)
{
	uint8_t room[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	hlv_put(&w, hlv_name_split(ch->id).suffix);
	hlv_put_u8(&w, '/');
	struct hlv_bytes prefix = hlv_written(&w);
	store_key(prefix, &ch->plan->list_from);
	/* Longer keys end in a hash. */
	return ch->plan->list_from.n == 1 + prefix.n ||
	       change_refuse(ch, HLV_RC_INVALID_HANDLE, "Prefix is too long to be listed");
}

bool plan_list_handles(struct change *ch)
{
	struct hlv_record rec = {0};
	bool homed;
	if (!ch->c->rules->list_handles)
		return change_refuse(ch, HLV_RC_NOT_SUPPORTED,
				     "Listing handles is switched off");
	if (!is_prefix(ch))
		return false;
	enum hlv_err err = store_is_homed(ch->a->store, ch->a->view, ch->id, &homed);
	if (err != HLV_OK)
		return change_failed(ch, err);
	if (!homed)
		return change_refuse(ch, HLV_RC_NOT_RESPONSIBLE,
				     "That prefix doesn't live here");
	if (!change_is_known(ch))
		return false;
	store_key(ch->id, &ch->key);
	err = store_get_record(ch->a->store, ch->a->view, &ch->key, &rec);
	if (err == HLV_E_NOT_FOUND)
		rec.values = (struct hlv_list){0};
	else if (err != HLV_OK)
		return change_failed(ch, err);
	return change_may(ch, HLV_ADMIN_LIST_HANDLES, &rec.values) && prefix_keys(ch) &&
	       list_from(ch, SPACE_RECORD);
}
