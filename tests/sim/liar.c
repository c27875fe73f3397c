/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"
#include "tests/sim/world.h"

enum { ROOM = 640 << 10, FAN = 8, HUGE_REPEAT = 60, ENDLESS_REPEAT = 1200, BIG_VALUES = 200 };

static const char *const names[] = {
#define X(name, text) text,
	LIES(X)
#undef X
};

const char *lie_name(enum lie lie)
{
	return names[lie];
}

bool lie_parse(const char *text, enum lie *lie)
{
	for (unsigned i = 0; i < LIES_N; i++)
		if (strcmp(names[i], text) == 0) {
			*lie = (enum lie)i;
			return true;
		}
	return false;
}

/* The message under work: what was asked, and what will be said. */
struct tale {
	struct world *w;
	struct node_sim *n;
	struct hlv_arena *a;
	struct hlv_request rq;
	struct hlv_response rs;
	uint32_t id, op, expiration_s;
	bool wrong_digest, no_digest;
	const struct hlv_key *key; /* NULL: unsigned */
};

static struct hlv_bytes compose(struct tale *t)
{
	static uint8_t room[ROOM]; /* one thread */
	struct hlv_writer w = hlv_writer(room, sizeof room);
	const struct hlv_header *asked = &t->rq.m.hdr;
	struct hlv_envelope env = t->rq.m.env;
	struct hlv_header hdr = {.op = t->op,
				 .flags = asked->flags | HLV_F_AUTHORITATIVE,
				 .site_serial = t->n ? t->n->serial : 1,
				 .recursion = asked->recursion,
				 .expiration_s = t->expiration_s};
	uint8_t digest[HLV_HASH_MAX], other[HLV_HASH_MAX];
	env.flags = 0;
	env.request_id = t->id;
	t->rs.has_digest = asked->flags & HLV_F_REQUEST_DIGEST && !t->no_digest &&
			   hlv_request_digest(t->rq.m.covered, HLV_OUR_VERSION, digest,
					      &t->rs.digest) == HLV_OK;
	if (t->rs.has_digest && t->wrong_digest) {
		memcpy(other, digest, sizeof other);
		other[5] ^= 1;
		t->rs.digest.octets.p = other;
	}
	if (t->no_digest)
		hdr.flags &= ~HLV_F_REQUEST_DIGEST;
	hlv_response_encode(&w, &env, &hdr, &t->rs);
	if (t->key && asked->flags & HLV_F_CERTIFIED && !w.bad)
		hlv_require(hlv_message_sign(&w, 0, t->key, 0) == HLV_OK);
	hlv_require(!w.bad);
	return hlv_arena_copy(t->a, hlv_written(&w));
}

/* --- what is said --- */

static void put(struct tale *t, struct hlv_writer *w, uint32_t index, const char *type,
		struct hlv_bytes data)
{
	hlv_value_encode(w, &(struct hlv_value){.index = index,
						.mtime_s = hlv_now_s(t->w->now),
						.ttl_s = HLV_TTL_DEFAULT_S,
						.perms = HLV_PERM_DEFAULT,
						.type = hlv_text(type),
						.data = data});
	t->rs.values.n++;
	t->rs.values.raw = hlv_written(w);
}

static struct hlv_writer room(struct tale *t, size_t n)
{
	void *p = hlv_alloc_raw(t->a, n);
	hlv_require(p != NULL);
	return hlv_writer(p, n);
}

static void say(struct tale *t, uint32_t rc)
{
	t->rs = (struct hlv_response){.rc = rc,
				      .kind = hlv_body_kind(t->op, rc),
				      .handle = t->rq.handle,
				      .has_handle = true};
}

static bool asks_for_prefix(const struct tale *t)
{
	return hlv_name_is_prefix_handle(t->rq.handle);
}

/* "That is served there": the record of a prefix, or a referral. */
static void say_site(struct tale *t, struct hlv_bytes site, bool refer)
{
	struct hlv_writer w = room(t, site.n + 256);
	bool prefix = asks_for_prefix(t);
	say(t,
	    prefix ? refer ? HLV_RC_PREFIX_REFERRAL : HLV_RC_SUCCESS : HLV_RC_SERVICE_REFERRAL);
	if (t->rs.rc != HLV_RC_SUCCESS)
		t->rs.handle = hlv_bytes(NULL, 0);
	put(t, &w, 1, prefix && refer ? "HS_SITE.PREFIX" : "HS_SITE", site);
}

static void say_site_of(struct tale *t, const struct node_sim *n, bool refer)
{
	struct node_sim *const one[] = {t->w->nodes[n->number]};
	say_site(t,
		 site_octets(t->a, &(struct site_spec){.nodes = one,
						       .n = 1,
						       .primary = true,
						       .hash_option = HLV_HASH_ALL}),
		 refer);
}

static void say_services(struct tale *t)
{
	struct hlv_writer w = room(t, FAN * 256);
	struct hlv_name name = hlv_name_split(t->rq.handle);
	bool is_prefix = asks_for_prefix(t);
	struct hlv_bytes under = is_prefix ? name.suffix : name.prefix;
	say(t, is_prefix ? HLV_RC_PREFIX_REFERRAL : HLV_RC_SERVICE_REFERRAL);
	t->rs.handle = hlv_bytes(NULL, 0);
	for (uint32_t i = 1; i <= FAN; i++) {
		char text[WORLD_NAME];
		int n = snprintf(text, sizeof text, "%.*s/S%x", (int)hlv_head(under, 60).n,
				 (const char *)under.p,
				 (unsigned)hlv_rand_below(&t->w->rand, 1 << 30));
		put(t, &w, i, is_prefix ? "HS_SERV.PREFIX" : "HS_SERV",
		    hlv_bytes(text, (size_t)n));
	}
}

static void say_forged(struct tale *t)
{
	char text[WORLD_NAME + 16];
	struct hlv_writer w = room(t, 1024);
	if (asks_for_prefix(t) && t->n) {
		say_site_of(t, t->n->lie_to ? t->n->lie_to : t->n, false);
		return;
	}
	say(t, HLV_RC_SUCCESS);
	struct hlv_bytes id = hlv_head(t->rq.handle, WORLD_NAME);
	int n = snprintf(text, sizeof text, "g999 %.*s", (int)id.n, (const char *)id.p);
	put(t, &w, 1, "GEN", hlv_bytes(text, (size_t)n));
	put(t, &w, 2, "URL", hlv_text("https://forged.example"));
}

static void say_bad_addresses(struct tale *t)
{
	static const uint8_t list[][16] = {
		{[12] = 127, [15] = 1},
		{[12] = 0},
		{[12] = 224, [15] = 1},
		{[12] = 169, [13] = 254, [14] = 169, [15] = 254},
		{[12] = 10, [15] = 1},
		{[12] = 192, [13] = 168, [15] = 1},
		{[12] = 255, [13] = 255, 255, 255},
		{[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
		{0xfe, 0x80, [15] = 1},
		{0xff, 0x02, [15] = 1},
	};
	struct node_sim *nodes[sizeof list / sizeof list[0]];
	for (size_t i = 0; i < sizeof list / sizeof list[0]; i++)
		nodes[i] = t->n;
	say_site(t,
		 site_octets(t->a, &(struct site_spec){.nodes = nodes,
						       .n = sizeof list / sizeof list[0],
						       .addresses = list}),
		 false);
}

static void say_big(struct tale *t)
{
	struct hlv_writer w = room(t, BIG_VALUES * 1200);
	uint8_t filling[1024];
	memset(filling, 'x', sizeof filling);
	say(t, HLV_RC_SUCCESS);
	for (uint32_t i = 1; i <= BIG_VALUES; i++)
		put(t, &w, i, "FILLING", hlv_bytes(filling, sizeof filling));
}

/* What was true, with a value that nobody asked this node for. */
static void say_more(struct tale *t)
{
	if (t->rs.rc != HLV_RC_SUCCESS || !t->n->lie_to)
		return;
	struct hlv_list honest = t->rs.values;
	struct hlv_writer w = room(t, honest.raw.n + 1024);
	struct node_sim *const one[] = {t->w->nodes[t->n->lie_to->number]};
	hlv_put(&w, honest.raw);
	put(t, &w, 2000, "HS_SITE.PREFIX",
	    site_octets(t->a, &(struct site_spec){.nodes = one, .n = 1}));
}

static void say_repeated_site(struct tale *t, size_t repeat, uint8_t hash_option)
{
	struct node_sim *const one[] = {t->n};
	struct hlv_bytes site = site_octets(
		t->a,
		&(struct site_spec){
			.nodes = one, .n = 1, .repeat = repeat, .hash_option = hash_option});
	say_site(t, site, false);
}

static void say_old(struct tale *t)
{
	struct hlv_message m;
	struct hlv_response rs;
	if (t->n->first.n && hlv_message_decode(hlv_buf_bytes(&t->n->first), &m) == HLV_OK &&
	    hlv_response_decode(&m, &rs) == HLV_OK)
		t->rs = rs;
}

/* --- the lies --- */

static void tell(struct tale *t, enum lie lie)
{
	switch ((int)lie) {
	case LIE_LAME:
		say(t, HLV_RC_NOT_RESPONSIBLE);
		break;
	case LIE_ERROR:
		say(t, HLV_RC_ERROR);
		break;
	case LIE_BUSY:
		say(t, HLV_RC_BUSY);
		break;
	case LIE_DISABLED:
		say(t, HLV_RC_READ_ONLY);
		break;
	case LIE_WRONG_ID:
		t->id ^= 0x55;
		break;
	case LIE_WRONG_OP:
		t->op = HLV_OP_GET_SITE_INFO;
		t->rs = (struct hlv_response){
			.rc = HLV_RC_SUCCESS, .kind = HLV_BODY_SITE, .octets = t->n->site};
		break;
	case LIE_WRONG_NAME:
		t->rs.handle = hlv_text("88.118/SOMEBODY-ELSE");
		break;
	case LIE_WRONG_DIGEST:
		t->wrong_digest = true;
		break;
	case LIE_NO_DIGEST:
		t->no_digest = true;
		break;
	case LIE_EXPIRED:
		t->expiration_s = hlv_now_s(t->w->now) - 86400;
		break;
	case LIE_UNSIGNED:
		t->key = NULL;
		break;
	case LIE_WRONG_KEY:
		t->key = key_of_role("liar");
		break;
	case LIE_FORGED:
		say_forged(t);
		break;
	case LIE_DENIED:
		say(t, HLV_RC_NOT_FOUND);
		break;
	case LIE_NO_VALUES:
		say(t, HLV_RC_VALUES_NOT_FOUND);
		break;
	case LIE_UPWARD:
		say_site_of(t, t->w->nodes[0], true);
		break;
	case LIE_SIDEWAYS:
		say_site_of(t, t->n->lie_to ? t->n->lie_to : t->n, true);
		break;
	case LIE_SELF:
		say_site_of(t, t->n, true);
		break;
	case LIE_CHAIN:
	case LIE_SERVICE:
		say_services(t);
		break;
	case LIE_HUGE:
		say_repeated_site(t, HUGE_REPEAT, HLV_HASH_ALL);
		break;
	case LIE_ENDLESS:
		say_repeated_site(t, ENDLESS_REPEAT, HLV_HASH_ALL);
		break;
	case LIE_BAD_HASH:
		say_repeated_site(t, 3, 7);
		break;
	case LIE_BAD_ADDRESS:
		say_bad_addresses(t);
		break;
	case LIE_FOREIGN:
		say_more(t);
		break;
	case LIE_ALIAS_LOOP: {
		struct hlv_writer w = room(t, 4096);
		say(t, HLV_RC_SUCCESS);
		put(t, &w, 1, "HS_ALIAS", t->rq.handle);
		break;
	}
	case LIE_BIG:
		say_big(t);
		break;
	case LIE_OLD:
		say_old(t);
		break;
	case LIE_EMPTY:
		say(t, HLV_RC_SUCCESS);
		break;
	case LIE_CHALLENGE:
		say(t, HLV_RC_AUTHENTICATION_NEEDED);
		t->rs.octets = hlv_text("0123456789abcdef");
		break;
	}
}

/* Lies that need no words of their own: the honest octets, spoiled. */
static bool spoil(struct tale *t, enum lie lie, struct hlv_bytes honest, struct hlv_bytes *out)
{
	uint8_t *p = hlv_alloc(t->a, honest.n + 64);
	hlv_require(p != NULL);
	memcpy(p, honest.p, honest.n);
	*out = hlv_bytes(p, honest.n);
	switch ((int)lie) {
	case LIE_SILENT:
		*out = hlv_bytes(NULL, 0);
		return true;
	case LIE_GARBAGE:
		for (size_t i = HLV_ENVELOPE_SIZE; i < honest.n; i++)
			p[i] = (uint8_t)hlv_rand_u64(&t->w->rand);
		return true;
	case LIE_SHORT:
		out->n = honest.n / 2;
		return true;
	case LIE_BIT: /* in the body, behind the digest */
		if (honest.n > 100)
			p[90 + hlv_rand_below(&t->w->rand, honest.n - 98)] ^= 4;
		return true;
	case LIE_STUB:
		hlv_native_stub(honest, p);
		out->n = HLV_STUB_SIZE;
		return true;
	case LIE_UNKNOWN_RC:
		hlv_store_u32(p + HLV_ENVELOPE_SIZE + 4, 77);
		return true;
	case LIE_REPLAY:
		if (t->n->first.n == 0)
			return true;
		*out = hlv_arena_copy(t->a, hlv_buf_bytes(&t->n->first));
		memcpy(p, out->p, out->n < honest.n + 64 ? out->n : honest.n + 64);
		hlv_store_u32(p + 8, t->id);
		*out = hlv_bytes(p, out->n < honest.n + 64 ? out->n : honest.n + 64);
		return true;
	}
	return false;
}

struct hlv_bytes liar_answer(struct world *w, struct node_sim *n, struct hlv_bytes message,
			     struct hlv_bytes honest, bool stream, struct hlv_arena *a)
{
	(void)stream;
	struct hlv_message m;
	struct tale t = {.w = w, .n = n, .a = a};
	if (honest.n == 0 || hlv_message_decode(message, &t.rq.m) != HLV_OK ||
	    hlv_request_decode(&t.rq.m, &t.rq) != HLV_OK ||
	    hlv_message_decode(honest, &m) != HLV_OK ||
	    hlv_response_decode(&m, &t.rs) != HLV_OK)
		return honest;
	if (n->lie_about[0] && !hlv_name_eq_full(t.rq.handle, hlv_text(n->lie_about)))
		return honest;
	struct hlv_bytes out;
	t.id = t.rq.m.env.request_id;
	t.op = t.rq.m.hdr.op;
	t.expiration_s = m.hdr.expiration_s;
	t.key = n->lie_signed || n->lie == LIE_WRONG_ID || n->lie == LIE_WRONG_OP ? n->key
										  : NULL;
	if (spoil(&t, n->lie, honest, &out))
		return out;
	tell(&t, n->lie);
	return compose(&t);
}

struct hlv_bytes liar_forge(struct world *w, struct hlv_bytes request, uint32_t request_id,
			    struct hlv_arena *a)
{
	struct tale t = {.w = w, .a = a};
	if (hlv_message_decode(request, &t.rq.m) != HLV_OK ||
	    hlv_request_decode(&t.rq.m, &t.rq) != HLV_OK)
		return hlv_bytes(NULL, 0);
	t.id = request_id;
	t.op = t.rq.m.hdr.op;
	t.expiration_s = hlv_now_s(w->now) + HLV_EXPIRATION_S;
	say_forged(&t);
	return compose(&t);
}
