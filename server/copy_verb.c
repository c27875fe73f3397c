/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/json_tree.h"
#include "server/copy.h"
#include "server/registrar_inner.h"

enum { EPOCH = 16 };

struct wish {
	struct hlv_bytes prefix, from, to, epoch;
	uint64_t since;
};

/* A member whose text is hexadecimal; absent: no octets. */
static enum hlv_err get_octets(struct hlv_json *j, const char *name, size_t max,
			       struct hlv_bytes *out)
{
	struct hlv_bytes text = {0};
	struct hlv_buf octets = {0};
	HLV_TRY(hlv_json_get_string_or(j, j->root, name, &text));
	bool bad = !hlv_buf_unhex(&octets, text) || octets.n > max;
	*out = hlv_arena_copy(j->a, hlv_buf_bytes(&octets));
	hlv_buf_free(&octets);
	return bad ? hlv_json_wrong(j, name, "not hexadecimal, or too long") : HLV_OK;
}

static enum hlv_err read_wish(struct hlv_json *j, struct wish *w)
{
	int64_t since = 0;
	*w = (struct wish){0};
	HLV_TRY(hlv_json_get_string(j, j->root, "prefix", &w->prefix));
	HLV_TRY(get_octets(j, "from", STORE_KEY_MAX, &w->from));
	HLV_TRY(get_octets(j, "to", STORE_KEY_MAX, &w->to));
	HLV_TRY(get_octets(j, "epoch", EPOCH, &w->epoch));
	HLV_TRY(hlv_json_get_integer_or(j, j->root, "since", 0, INT64_MAX, &since));
	w->since = (uint64_t)since;
	return HLV_OK;
}

static enum hlv_err make_page(const struct answer_context *c, struct hlv_bytes verb,
			      const struct wish *w, struct hlv_bytes *page)
{
	if (hlv_eq(verb, hlv_text("copy-begin")))
		return copy_begin(c, w->prefix, page);
	if (hlv_eq(verb, hlv_text("copy-scan")))
		return copy_scan(c, w->prefix, w->from, w->to, page);
	return copy_journal(c, w->prefix, w->epoch, w->since, page);
}

static void refuse(struct job *j, enum hlv_err err)
{
	if (err == HLV_E_NOT_FOUND)
		job_refuse(j, HLV_RC_NOT_RESPONSIBLE, "That prefix doesn't live here");
	else if (err == HLV_E_LIMIT)
		job_refuse(j, HLV_RC_PROTOCOL_ERROR, "No prefix that can be copied");
	else if (err == HLV_E_NOMEM)
		job_refuse(j, HLV_RC_ERROR, "Out of memory");
	else
		job_refuse(j, HLV_RC_ERROR, "The registry cannot be read");
}

void registrar_copy(struct registrar *g, struct job *j, const struct hlv_json *args)
{
	struct hlv_json json = *args;
	struct answer_context answer;
	struct plan_context c;
	struct wish wish;
	struct hlv_bytes page = {0};
	if (read_wish(&json, &wish) != HLV_OK) {
		job_refuse(j, HLV_RC_PROTOCOL_ERROR,
			   hlv_arena_str(&j->x->arena, hlv_text(json.error->text)));
		registrar_reply(g, j);
		return;
	}
	registrar_context(g, j, NULL, &answer, &c);
	enum hlv_err err = make_page(&answer, j->x->rq.handle, &wish, &page);
	if (err == HLV_OK)
		j->x->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_OCTETS, .octets = page};
	else
		refuse(j, err);
	registrar_reply(g, j);
}
