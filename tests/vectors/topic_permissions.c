/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may do what: 24 operations of 22 identities on the registry that the topic's "_world" entry
 * describes, through the planner (protocol.md 11.4, 11.5).
 */
#include "server/plan.h"
#include "tests/vectors/check.h"

struct world {
	struct store *store;
	struct store_view *view;
	struct hlv_ref server_admin, home_only_admin;
	struct plan_rules rules;
	struct site_place place;
	struct homed_memo memo;
	struct answer_context answer;
};

static const cJSON *find_world(const struct vector *v)
{
	const cJSON *entry = v->entry;
	/* The first one's predecessor is the last one. */
	while (entry->prev && entry->prev->next)
		entry = entry->prev;
	while (entry && strcmp(js_str(entry, "name"), "_world") != 0)
		entry = entry->next;
	return js_get(entry, "decoded");
}

static bool put(const struct vector *v, struct world *w, enum store_space space,
		const struct store_key *key, struct hlv_bytes value)
{
	struct store_put put = {space, store_key_bytes(key), value};
	struct store_txn txn = {.puts = &put, .nputs = 1, .time_ms = 1};
	enum hlv_err err = w->store->ops->commit(w->store, &txn, 1);
	if (err == HLV_OK && txn.err == HLV_OK)
		return true;
	return vector_differs(v, "the world cannot be made: %s", hlv_strerror(txn.err));
}

static bool put_record(const struct vector *v, struct world *w, const cJSON *values)
{
	struct hlv_writer given = message_writer(v), sorted = message_writer(v);
	struct hlv_writer stored = message_writer(v);
	struct hlv_record rec = {.name = hlv_text(values->string)};
	struct store_key key;
	const cJSON *value;
	uint32_t n = 0;
	cJSON_ArrayForEach (value, values) {
		struct hlv_buf octets = {0};
		if (!hlv_buf_unhex(&octets, hlv_text(cJSON_GetStringValue(value))))
			vector_differs(v, "not hex in the world");
		hlv_put(&given, hlv_buf_bytes(&octets));
		hlv_buf_free(&octets);
		n++;
	}
	struct hlv_list list = {n, hlv_written(&given)};
	if (hlv_values_sort(&list, &sorted, &rec.flags) != HLV_OK)
		return vector_differs(v, "%s: values of the world", values->string);
	rec.values = (struct hlv_list){n, hlv_written(&sorted)};
	store_key(rec.name, &key);
	hlv_record_encode(&stored, store_key_bytes(&key), &rec);
	return put(v, w, SPACE_RECORD, &key, hlv_written(&stored));
}

static bool fill(const struct vector *v, struct world *w, const cJSON *world)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, js_get(world, "homed_prefixes")) {
		struct store_key key;
		uint8_t value[STORE_PREFIX_SIZE];
		store_key(hlv_text(cJSON_GetStringValue(item)), &key);
		store_prefix_encode(store_key_bytes(&key), 1, value);
		if (!put(v, w, SPACE_PREFIX, &key, hlv_bytes(value, sizeof value)))
			return false;
	}
	/* Not by js_get(): the names have dots in them. */
	cJSON_ArrayForEach (item, js_get(world, "handles"))
		if (!put_record(v, w, item))
			return false;
	const cJSON *config = js_get(world, "server_config");
	w->server_admin = hlv_ref_parse(js_text(config, "server_admins"));
	w->home_only_admin = hlv_ref_parse(js_text(config, "home_only_admins"));
	w->rules = (struct plan_rules){
		.lists = {.server_admins = &w->server_admin,
			  .nserver_admins = 1,
			  .home_only_admins = &w->home_only_admin,
			  .nhome_only_admins = 1},
		.list_handles = true,
		.prefix_admins = true,
	};
	w->place = (struct site_place){.servers = 1};
	w->answer = (struct answer_context){.store = w->store,
					    .view = w->view,
					    .place = &w->place,
					    .memo = &w->memo,
					    .arena = v->arena};
	return true;
}

/* The code that the planner's verdict comes to. Backups are asked for by way of the lists. */
static uint32_t code_of(const struct world *w, const struct principal *who,
			const struct hlv_request *rq)
{
	static const uint8_t random[16];
	struct plan plan;
	struct hlv_response rs;
	struct plan_context c = {
		.answer = &w->answer, .rules = &w->rules, .random = random, .now = {0}};
	struct authz z = {.from = &w->answer, .lists = &w->rules.lists};
	if (rq->m.hdr.op == HLV_OP_BACKUP_SERVER)
		return authz_is_listed(&z, &who->who, &w->server_admin, 1) == AUTHZ_YES
			       ? HLV_RC_SUCCESS
			       : HLV_RC_INVALID_ADMIN;
	switch (plan_request(&c, who, rq, &plan, &rs)) {
	case PLAN_REFUSED:
	case PLAN_ANSWER:
		return rs.rc;
	case PLAN_CHALLENGE:
		return HLV_RC_AUTHENTICATION_NEEDED;
	case PLAN_LIST:
	case PLAN_COMMIT:
		return HLV_RC_SUCCESS;
	case PLAN_FETCH:
		break;
	}
	return HLV_RC_UNABLE_TO_AUTHENTICATE;
}

static bool check_code(const struct vector *v, struct world *w)
{
	struct hlv_message m;
	struct hlv_request rq;
	struct hlv_bytes whole = with_envelope(v, v->hex, "2.11");
	struct principal who = {ACTOR_SESSION, hlv_ref_parse(js_text(v->decoded, "identity"))};
	const struct principal nobody = {.how = ACTOR_PUBLIC};
	if (hlv_message_decode(whole, &m) != HLV_OK || hlv_request_decode(&m, &rq) != HLV_OK)
		return vector_differs(v, "the request is malformed");
	if (!vector_u64(v, "response code", code_of(w, &who, &rq),
			js_u64(v->decoded, "response_code")))
		return false;
	/* Nobody is told that he has no rights before he has said who he is. */
	return rq.m.hdr.op == HLV_OP_BACKUP_SERVER ||
	       vector_bool(v, "refused without being asked",
			   code_of(w, &nobody, &rq) == HLV_RC_INVALID_ADMIN, false);
}

static bool check_in_world(const struct vector *v)
{
	struct world w = {0};
	if (store_mem_open(&w.store) != HLV_OK)
		return vector_differs(v, "no memory");
	bool ok = w.store->ops->view_open(w.store, &w.view) == HLV_OK &&
		  fill(v, &w, find_world(v)) && w.store->ops->view_begin(w.view) == HLV_OK;
	if (ok) {
		ok = check_code(v, &w);
		w.store->ops->view_end(w.view);
	}
	w.store->ops->close(w.store);
	return ok;
}

bool topic_permissions(const struct vector *v)
{
	if (!js_has(v->decoded, "operation"))
		return true;
	return check_bare_message(v, v->hex, "2.11", NULL) && check_in_world(v);
}
