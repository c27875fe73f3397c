/* SPDX-License-Identifier: Apache-2.0 */
#include "server/identity.h"

#include "proto/wire/codes.h"
#include "proto/wire/name.h"

/* Its prefix is homed here; of a prefix handle it is enough that the prefix itself is: a node below
 * another one holds its own key though not the list that its name stands in. */
static enum hlv_err is_here(struct store *store, struct store_view *view, struct hlv_bytes id,
			    bool *here)
{
	uint8_t name[HLV_IDENTIFIER_MAX + 8];
	struct hlv_writer w = hlv_writer(name, sizeof name);
	hlv_name_put_prefix_handle(&w, id);
	*here = false;
	if (w.bad)
		return HLV_OK;
	HLV_TRY(store_is_homed(store, view, hlv_written(&w), here));
	if (*here || !hlv_name_is_prefix_handle(id))
		return HLV_OK;
	return store_is_homed(store, view, id, here);
}

enum hlv_err identity_find(struct store *store, struct store_view *view,
			   const struct hlv_ref *who, const char *type, struct identity *found)
{
	*found = (struct identity){0};
	struct store_key key;
	struct hlv_record rec;
	HLV_TRY(is_here(store, view, who->handle, &found->here));
	if (!found->here)
		return HLV_OK;
	store_key(who->handle, &key);
	enum hlv_err err = store_get_record(store, view, &key, &rec);
	if (err != HLV_OK)
		return err == HLV_E_NOT_FOUND ? HLV_OK : err;
	/* What does not resolve proves nobody either: other nodes would not see these keys. */
	if (rec.state != HLV_STATE_ACTIVE)
		return HLV_OK;
	struct hlv_reader r = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; i < rec.values.n && found->n < IDENTITY_KEYS_MAX; i++) {
		struct hlv_value v;
		HLV_TRY(hlv_value_decode(&r, &v));
		if (hlv_type_is(v.type, type) && (who->index == 0 || who->index == v.index))
			found->keys[found->n++] = v;
	}
	return HLV_OK;
}
