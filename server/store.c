/* SPDX-License-Identifier: Apache-2.0 */
#include "server/store.h"

#include "proto/base/crc32c.h"
#include "server/commit.h"
#include "server/counter.h"

enum { PREFIX_FORMAT = 1, PREFIX_CRC_AT = 9 };

enum hlv_err store_get_record(struct store *store, struct store_view *view,
			      const struct store_key *key, struct hlv_record *rec)
{
	struct hlv_bytes stored, k = store_key_bytes(key);
	HLV_TRY(store->ops->get(view, SPACE_RECORD, k, &stored));
	HLV_TRY(hlv_record_decode(stored, k, rec));
	return rec->flags & HLV_RECORD_DELETED ? HLV_E_NOT_FOUND : HLV_OK;
}

static uint32_t prefix_crc(struct hlv_bytes key, const uint8_t *value)
{
	return hlv_crc32c(hlv_crc32c(0, key), hlv_bytes(value, PREFIX_CRC_AT));
}

void store_prefix_encode(struct hlv_bytes key, uint64_t time_ms, uint8_t out[STORE_PREFIX_SIZE])
{
	out[0] = PREFIX_FORMAT;
	hlv_store_u64(out + 1, time_ms);
	hlv_store_u32(out + PREFIX_CRC_AT, prefix_crc(key, out));
}

enum hlv_err store_prefix_decode(struct hlv_bytes value, struct hlv_bytes key,
				 uint64_t *time_ms)
{
	if (value.n != STORE_PREFIX_SIZE)
		return HLV_E_CORRUPT;
	if (hlv_load_u32(value.p + PREFIX_CRC_AT) != prefix_crc(key, value.p))
		return HLV_E_CORRUPT;
	if (value.p[0] > PREFIX_FORMAT)
		return HLV_E_NEWER;
	*time_ms = hlv_load_u64(value.p + 1);
	return HLV_OK;
}

enum hlv_err store_is_homed(struct store *store, struct store_view *view,
			    struct hlv_bytes prefix_handle, bool *homed)
{
	struct store_key key;
	struct hlv_bytes value;
	uint64_t time_ms;
	store_key(prefix_handle, &key);
	*homed = false;
	enum hlv_err err = store->ops->get(view, SPACE_PREFIX, store_key_bytes(&key), &value);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK)
		return err;
	HLV_TRY(store_prefix_decode(value, store_key_bytes(&key), &time_ms));
	*homed = true;
	return HLV_OK;
}

static enum hlv_err get_meta(struct store *store, struct store_view *view,
			     struct hlv_bytes name, struct hlv_bytes *value)
{
	struct hlv_bytes stored;
	HLV_TRY(store->ops->get(view, SPACE_META, name, &stored));
	return meta_open(stored, name, value);
}

enum hlv_err store_meta_get(struct store *store, struct store_view *view, const char *name,
			    struct hlv_bytes *value)
{
	return get_meta(store, view, hlv_text(name), value);
}

enum hlv_err store_state_hash(struct store *store, struct store_view *view,
			      uint8_t hash[STORE_STATE_HASH])
{
	struct hlv_bytes value;
	HLV_TRY(store_meta_get(store, view, "state", &value));
	if (value.n != STORE_STATE_HASH)
		return HLV_E_CORRUPT;
	memcpy(hash, value.p, STORE_STATE_HASH);
	return HLV_OK;
}

static enum hlv_err get_number(struct store *store, struct store_view *view,
			       struct hlv_bytes name, uint64_t *n)
{
	struct hlv_bytes value;
	*n = 0;
	enum hlv_err err = get_meta(store, view, name, &value);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	if (err != HLV_OK)
		return err;
	if (value.n != 8)
		return HLV_E_CORRUPT;
	*n = hlv_load_u64(value.p);
	return HLV_OK;
}

enum hlv_err store_count(struct store *store, struct store_view *view, struct hlv_bytes prefix,
			 uint64_t *n)
{
	uint8_t name[COUNTER_NAME_MAX];
	return get_number(store, view, counter_name(prefix, name), n);
}

enum hlv_err store_last_seq(struct store *store, struct store_view *view, uint64_t *seq)
{
	return get_number(store, view, hlv_text("seq"), seq);
}
