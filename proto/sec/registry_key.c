/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/registry_key.h"

#include "proto/sec/digest.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"

/* A long key ends in one of these, which no UTF-8 text contains, and a digest. */
enum {
	CANONICAL_MAX = HLV_REGISTRY_KEY_MAX - 1,
	LONG_HEAD = 440,
	LONG_MARK = 0xFF,
	TOO_LONG_MARK = 0xFE,
	RESOLVABLE_MAX = 5 + HLV_IDENTIFIER_MAX, /* "0.NA/" in front */
};

static size_t put_long(struct hlv_bytes canonical, uint8_t mark,
		       uint8_t out[HLV_REGISTRY_KEY_MAX])
{
	struct hlv_writer w = hlv_writer(out, HLV_REGISTRY_KEY_MAX);
	uint8_t digest[HLV_HASH_MAX];
	hlv_require(hlv_hash(HLV_SHA256, canonical, digest) == HLV_OK);
	hlv_put_u8(&w, HLV_SCHEME_HANDLE);
	hlv_put(&w, hlv_head(canonical, LONG_HEAD));
	hlv_put_u8(&w, mark);
	hlv_put(&w, hlv_bytes(digest, sizeof digest));
	return w.n;
}

size_t hlv_registry_key(struct hlv_bytes id, uint8_t out[HLV_REGISTRY_KEY_MAX])
{
	if (id.n > HLV_IDENTIFIER_MAX) {
		/* Never registered, so it needs a key that no registered one has, no more. */
		return put_long(id, TOO_LONG_MARK, out);
	}
	const uint8_t *slash = id.n ? memchr(id.p, '/', id.n) : NULL;
	size_t fold = slash ? hlv_name_fold_from(id, (size_t)(slash - id.p)) : id.n;
	uint8_t canonical[RESOLVABLE_MAX];
	bool is_short = id.n + (slash ? 0 : 5) <= CANONICAL_MAX;
	struct hlv_writer w = is_short ? hlv_writer(out + 1, CANONICAL_MAX)
				       : hlv_writer(canonical, sizeof canonical);
	if (!slash)
		hlv_put(&w, hlv_text("0.NA/"));
	hlv_name_put_upper(&w, hlv_head(id, fold));
	if (fold < id.n)
		hlv_put(&w, hlv_skip(id, fold));
	if (!is_short) {
		return put_long(hlv_written(&w), LONG_MARK, out);
	}
	out[0] = HLV_SCHEME_HANDLE;
	return w.n + 1;
}
