/* SPDX-License-Identifier: Apache-2.0 */
#include "server/chain.h"

#include "proto/net/chain.h"
#include "resolver/walk.h"

static bool sends_elsewhere(const struct hlv_response *rs)
{
	return rs->kind == HLV_BODY_RECORD &&
	       (rs->rc == HLV_RC_SERVICE_REFERRAL || rs->rc == HLV_RC_PREFIX_REFERRAL);
}

/* A node vouches for itself; whether its parent does is what a resolver finds out. */
void chain_put_own(struct hlv_bytes site, const struct hlv_exchange *x, struct hlv_bytes id,
		   struct hlv_buf *json)
{
	struct hlv_bytes prefix = prefix_governing(id);
	struct hlv_list sites, services;
	struct hlv_arena a;
	hlv_arena_init(&a, 1 << 20);
	size_t n = site.n + 4;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(&a, n), n);
	hlv_put_lp32(&w, site);
	struct hlv_chain_step own = {.prefix = prefix.n ? prefix : hlv_text("0.NA"),
				     .sites = {1, hlv_written(&w)},
				     .signature = "unknown",
				     .by = hlv_text("this node"),
				     .left_s = UINT32_MAX};
	hlv_buf_str(json, "\"steps\":[");
	if (sends_elsewhere(&x->rs))
		own.prefix = hlv_text("");
	hlv_chain_put(json, &own, true);
	if (sends_elsewhere(&x->rs) &&
	    zone_sites(&x->rs.values, x->rs.rc == HLV_RC_PREFIX_REFERRAL, &a, &sites,
		       &services) == HLV_OK) {
		struct hlv_chain_step next = {.prefix = prefix,
					      .sites = sites,
					      .signature = "unknown",
					      .by = hlv_text("this node"),
					      .left_s = UINT32_MAX};
		hlv_chain_put(json, &next, false);
	}
	hlv_buf_str(json, "]");
	hlv_arena_fini(&a);
}
