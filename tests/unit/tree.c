/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tree.h"

#include "proto/sec/digest.h"
#include "proto/sec/sign.h"

static const char root_address[] = "192.0.2.1:2641";

/* --- memory --- */

static bool find(void *ctx, enum memory_kind kind, struct hlv_bytes key, struct hlv_arena *a,
		 struct proven *out)
{
	struct tree *t = ctx;
	for (size_t i = 0; i < t->nkept; i++) {
		struct tree_memory *m = &t->kept[i];
		const struct finding *f = &m->proven.finding;
		if (m->kind != kind || !hlv_eq(key, hlv_text(m->key)) ||
		    f->fetched_ms + f->life_s * 1000ULL <= t->now.wall_ms)
			continue;
		*out = m->proven;
		out->finding.values.raw = hlv_arena_copy(a, f->values.raw);
		return true;
	}
	return false;
}

static void keep(void *ctx, enum memory_kind kind, struct hlv_bytes key, const struct proven *p)
{
	struct tree *t = ctx;
	struct tree_memory *m = NULL;
	for (size_t i = 0; i < t->nkept && !m; i++)
		if (t->kept[i].kind == kind && hlv_eq(key, hlv_text(t->kept[i].key)))
			m = &t->kept[i];
	if (!m)
		m = &t->kept[t->nkept++];
	assert_true(t->nkept < TREE_KEPT);
	m->kind = kind;
	snprintf(m->key, sizeof m->key, "%.*s", (int)key.n, (const char *)key.p);
	m->proven = *p;
	m->proven.finding.values.raw = hlv_arena_copy(&t->arena, p->finding.values.raw);
}

static uint32_t newest(void *ctx, struct hlv_bytes key)
{
	struct tree *t = ctx;
	(void)key;
	return t->newest;
}

const struct proven *tree_kept(const struct tree *t, enum memory_kind kind, const char *key)
{
	for (size_t i = 0; i < t->nkept; i++)
		if (t->kept[i].kind == kind && strcmp(t->kept[i].key, key) == 0)
			return &t->kept[i].proven;
	return NULL;
}

void tree_forget(struct tree *t, enum memory_kind kind)
{
	for (size_t i = 0; i < t->nkept;)
		if (t->kept[i].kind == kind)
			t->kept[i] = t->kept[--t->nkept];
		else
			i++;
}

/* --- the world --- */

struct tree_node *tree_node(struct tree *t, const char *address, const char *homes)
{
	assert_true(t->nnodes < TREE_NODES);
	struct tree_node *n = &t->nodes[t->nnodes++];
	*n = (struct tree_node){.address = address, .homes = homes};
	if (t->anchors.n > 0 || t->nnodes == 1) {
		struct hlv_writer w = hlv_writer(hlv_alloc(&t->arena, 512), 512);
		assert_int_equal(hlv_key_generate(t->kind, &n->key), HLV_OK);
		assert_int_equal(hlv_pubkey_encode(&w, n->key), HLV_OK);
		n->pubkey = hlv_written(&w);
	}
	n->site = make_plain_site(&t->arena, address, n->pubkey);
	return n;
}

void tree_init(struct tree *t, bool with_keys)
{
	tree_init_kind(t, with_keys, HLV_KEY_P256);
}

void tree_init_kind(struct tree *t, bool with_keys, enum hlv_key_kind kind)
{
	memset(t, 0, sizeof *t);
	t->kind = kind;
	hlv_arena_init(&t->arena, 256 << 20);
	t->now = (struct hlv_now){1000000000, 1700000000000};
	t->memory = (struct walk_memory){t, find, keep, newest};
	struct tree_node *root = tree_node(t, root_address, "");
	if (!with_keys) {
		hlv_key_free(root->key);
		root->key = NULL;
		root->site = make_plain_site(&t->arena, root_address, hlv_text(""));
	} else {
		assert_int_equal(anchors_add(&t->anchors, "300:0.0/0.0", "", root->pubkey,
					     ANCHOR_VALID, t->now.wall_ms),
				 HLV_OK);
	}
	t->rules = (struct walk_rules){
		.root = {.sites = one_array(&t->arena, root->site),
			 .proof = with_keys ? PROOF_SECURE : PROOF_INSECURE,
			 .is_root = true},
		.validate = {.anchors = &t->anchors},
		.ttl_max_s = 86400,
		.negative_max_s = 300,
		.follow_aliases = true,
	};
}

void tree_fini(struct tree *t)
{
	for (size_t i = 0; i < t->nnodes; i++)
		hlv_key_free(t->nodes[i].key);
	anchors_fini(&t->anchors);
	hlv_arena_fini(&t->arena);
}

struct tree_record *tree_record(struct tree *t, const char *at, const char *id)
{
	assert_true(t->nrecords < TREE_RECORDS);
	struct tree_record *r = &t->records[t->nrecords++];
	memset(r, 0, sizeof *r);
	r->at = at;
	r->rc = HLV_RC_SUCCESS;
	snprintf(r->id, sizeof r->id, "%s", id);
	return r;
}

struct value_form *tree_value(struct tree_record *r, uint32_t index, const char *type,
			      struct hlv_bytes data)
{
	assert_true(r->n < TREE_VALUES);
	r->values[r->n] = (struct value_form)VALUE(index, type, data);
	return &r->values[r->n++];
}

struct tree_record *tree_delegate(struct tree *t, const char *at, const char *prefix,
				  const char *type, const struct tree_node *to)
{
	char id[600];
	snprintf(id, sizeof id, "0.NA/%s", prefix);
	struct tree_record *r = tree_record(t, at, id);
	tree_value(r, 1, type, to->site);
	return r;
}

void tree_four_tiers(struct tree *t)
{
	struct tree_node *top = tree_node(t, "192.0.2.2:2641", "88");
	struct tree_node *second = tree_node(t, "192.0.2.3:2641", "88.118");
	struct tree_node *enterprise = tree_node(t, "192.0.2.4:2641", "88.118.8");
	struct tree_record *r;
	r = tree_delegate(t, root_address, "88", "HS_SITE.PREFIX", top);
	tree_value(r, 2, "HS_SITE", top->site);
	r = tree_delegate(t, top->address, "88.118", "HS_SITE.PREFIX", second);
	tree_value(r, 2, "HS_SITE", second->site);
	tree_delegate(t, second->address, "88.118.8", "HS_SITE", enterprise);
	r = tree_record(t, enterprise->address, "88.118.8/x");
	tree_value(r, 1, "URL", hlv_text("https://x"));
}

/* --- answers --- */

static struct tree_node *node_at(struct tree *t, const struct hlv_addr *a)
{
	char text[HLV_ADDR_TEXT];
	if (a->len == 0)
		return NULL;
	hlv_addr_print(a, text);
	for (size_t i = 0; i < t->nnodes; i++)
		if (strcmp(t->nodes[i].address, text) == 0)
			return &t->nodes[i];
	return NULL;
}

static struct tree_record *record_at(struct tree *t, const struct tree_node *n,
				     struct hlv_bytes id)
{
	for (size_t i = t->nrecords; i > 0; i--) { /* what was added last counts */
		struct tree_record *r = &t->records[i - 1];
		if (strcmp(r->at, n->address) == 0 && hlv_eq_fold(id, hlv_text(r->id)))
			return r;
	}
	return NULL;
}

static bool is_for_derived(const struct value_form *v)
{
	return strcmp(v->type, "HS_SITE.PREFIX") == 0 ||
	       strcmp(v->type, "HS_NA_DELEGATE") == 0 || strcmp(v->type, "HS_SERV.PREFIX") == 0;
}

/* protocol.md 11.2: whose is it? */
static uint32_t decide(struct tree *t, const struct tree_node *n, struct hlv_bytes id,
		       struct hlv_list *values)
{
	struct value_form forms[TREE_VALUES];
	size_t count = 0;
	for (struct hlv_bytes up = hlv_name_parent_prefix(id);
	     hlv_name_is_prefix_handle(id) && up.n > 0 && count == 0;
	     up = hlv_name_parent_prefix(up)) {
		struct tree_record *r = record_at(t, n, up);
		for (size_t i = 0; r && i < r->n; i++)
			if (is_for_derived(&r->values[i]))
				forms[count++] = r->values[i];
	}
	*values = make_values(&t->arena, forms, count);
	if (count > 0)
		return HLV_RC_PREFIX_REFERRAL;
	struct hlv_bytes of =
		hlv_name_is_prefix_handle(id) ? hlv_skip(id, 5) : hlv_name_split(id).prefix;
	bool homed = hlv_name_is_prefix_handle(id) ? prefix_is_under(of, hlv_text(n->homes))
						   : hlv_eq_fold(of, hlv_text(n->homes));
	return homed ? HLV_RC_NOT_FOUND : HLV_RC_NOT_RESPONSIBLE;
}

static struct hlv_bytes spoil(struct hlv_bytes answer, enum trick trick, uint8_t *octets)
{
	if (trick == TRICK_GARBAGE)
		octets[16] = 0xFF;
	if (trick == TRICK_FLIPPED)
		octets[answer.n - 100] ^= 1;
	return answer;
}

static struct hlv_bytes answer(struct tree *t, struct tree_node *n, struct hlv_bytes message,
			       enum trick *trick)
{
	static uint8_t octets[200000];
	struct hlv_message sent;
	struct hlv_request rq;
	assert_int_equal(hlv_message_decode(message, &sent), HLV_OK);
	assert_int_equal(hlv_request_decode(&sent, &rq), HLV_OK);
	t->question = sent;
	struct hlv_bytes id =
		rq.m.hdr.op == HLV_OP_VERIFY_CHALLENGE ? rq.auth.who.handle : rq.handle;
	struct tree_record *r = record_at(t, n, id);
	struct hlv_response rs = {.rc = HLV_RC_SUCCESS, .handle = id};
	*trick = r && r->trick ? r->trick : n->trick;
	if (r) {
		r->asked++;
		rs.rc = r->rc;
		rs.values = make_values(&t->arena, r->values, r->n);
		if (r->rc != HLV_RC_SUCCESS)
			rs.handle = hlv_text(r->handle ? r->handle : "");
	} else {
		rs.rc = decide(t, n, id, &rs.values);
		rs.handle = (struct hlv_bytes){0};
	}
	if (*trick == TRICK_OTHER_NAME)
		rs.handle = hlv_text("88/other");
	struct hlv_envelope env = sent.env;
	struct hlv_header hdr = sent.hdr;
	hdr.rc = rs.rc;
	if (*trick == TRICK_EXPIRED)
		hdr.expiration_s = hlv_now_s(t->now) - 1;
	if (*trick == TRICK_OTHER_OP)
		hdr.op = HLV_OP_GET_SITE_INFO;
	rs.kind = hlv_body_kind(hdr.op, rs.rc);
	rs.verdict = 1;
	uint8_t digest[HLV_HASH_MAX];
	rs.has_digest = *trick != TRICK_NO_DIGEST;
	assert_int_equal(hlv_request_digest(sent.covered, HLV_OUR_VERSION, digest, &rs.digest),
			 HLV_OK);
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	hlv_response_encode(&w, &env, &hdr, &rs);
	const struct hlv_key *key = r && r->key ? r->key : n->key;
	if (key && *trick != TRICK_UNSIGNED)
		assert_int_equal(hlv_message_sign(&w, 0, key, 0), HLV_OK);
	assert_false(w.bad);
	return hlv_arena_copy(&t->arena, spoil(hlv_written(&w), *trick, octets));
}

struct hlv_bytes tree_answer(struct tree *t, const struct hlv_addr *at, bool stream,
			     struct hlv_bytes message)
{
	struct tree_node *n = node_at(t, at);
	enum trick trick = TRICK_SILENT;
	struct hlv_bytes said = {0};
	if (n) {
		n->asked++;
		said = answer(t, n, message, &trick);
	}
	if (trick == TRICK_SILENT || (trick == TRICK_STREAM_ONLY && !stream))
		return (struct hlv_bytes){0};
	return said;
}

/* Each server in turn, as a driver does it; false: nobody answered. */
static bool carry(struct tree *t, struct walk *w, const struct walk_ask *ask)
{
	for (size_t i = 0; i < ask->nservers; i++) {
		const struct hlv_addr *a =
			ask->servers[i].udp.len ? &ask->servers[i].udp : &ask->servers[i].tcp;
		if (!budget_take(&walk_budget(w)->packets, 1)) {
			walk_failed(w, HLV_E_LIMIT, t->now);
			return true;
		}
		t->packets++;
		struct hlv_bytes said = tree_answer(t, a, ask->stream, ask->message);
		if (said.n == 0)
			continue;
		if (!budget_take(&walk_budget(w)->octets, said.n))
			walk_failed(w, HLV_E_LIMIT, t->now);
		else
			walk_feed(w, said, i, t->now);
		return true;
	}
	return false;
}

static void on_event(void *ctx, const struct walk_event *e)
{
	struct tree *t = ctx;
	size_t n = strlen(t->trace);
	char server[HLV_ADDR_TEXT];
	snprintf(t->trace + n, sizeof t->trace - n, "%u/%u %.*s @%.*s %s: %u %s %s\n", e->step,
		 e->depth, (int)e->asked.n, (const char *)e->asked.p, (int)e->zone.n,
		 e->zone.n ? (const char *)e->zone.p : "", hlv_addr_print(&e->server, server),
		 e->rc, proof_name(e->proof), e->why);
}

struct walk *tree_walk(struct tree *t, const struct walk_question *q)
{
	const struct walk_ask *ask;
	struct walk *w = walk_new(&t->rules, &t->memory, q, 1, t->now);
	assert_non_null(w);
	t->asks = t->packets = t->streams = 0;
	t->trace[0] = '\0';
	walk_on_event(w, on_event, t);
	while (walk_next(w, t->now, &ask) == WALK_ASKS) {
		assert_true(ask->nservers > 0 && ask->nservers <= ZONE_TRIED_MAX);
		assert_true(++t->asks < 100);
		t->streams += ask->stream;
		if (!carry(t, w, ask))
			walk_failed(w, HLV_E_TIMEOUT, t->now);
	}
	return w;
}
