/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/schemes.h"

enum { WHY = 512 };

enum hlv_err hlv_schemes_load(const struct hlv_strings *rows, const char *path,
			      struct hlv_schemes *out, char *why)
{
	char what[HLV_SCHEME_WHY];
	*out = (struct hlv_schemes){0};
	for (size_t i = 0; i < rows->n; i++) {
		enum hlv_err err = hlv_schemes_add(out, hlv_text(rows->list[i]), what);
		if (err == HLV_OK)
			continue;
		snprintf(why, WHY, "%s: schemes: \"%.100s\": %s", path, rows->list[i], what);
		return err;
	}
	return HLV_OK;
}

static void refuse(struct hlv_exchange *x, uint32_t rc, const char *why)
{
	char *text = hlv_arena_str(&x->arena, hlv_text(why));
	x->rs = (struct hlv_response){.rc = rc,
				      .kind = HLV_BODY_ERROR,
				      .text = text ? hlv_text(text) : (struct hlv_bytes){0}};
}

bool hlv_exchange_name(struct hlv_exchange *x, const struct hlv_schemes *s)
{
	char why[HLV_SCHEME_WHY];
	struct hlv_bytes id;
	if (x->rq.handle.n == 0 || x->rq.m.env.flags & HLV_E_ENCRYPTED)
		return true; /* those who have the key decode it */
	enum hlv_err err = hlv_scheme_look_up(s, x->rq.handle, &x->arena, &id, why);
	if (err != HLV_OK) {
		refuse(x, err == HLV_E_NOMEM ? HLV_RC_ERROR : HLV_RC_INVALID_HANDLE,
		       err == HLV_E_NOMEM ? "The request takes too much memory" : why);
		return false;
	}
	if (id.n) {
		x->rq.asked = x->rq.handle;
		x->rq.handle = id;
	}
	return true;
}
