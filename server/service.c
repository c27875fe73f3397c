/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service.h"

#include <stdlib.h>

#include "proto/net/log.h"
#include "proto/net/schemes.h"
#include "proto/net/sign_cache.h"
#include "proto/sec/cipher.h"
#include "server/chain.h"
#include "server/dispatch.h"
#include "server/registrar.h"

struct server {
	struct hlv_service service;
	struct store *store;
	struct store_view *view;
	bool reading; /* the view holds a snapshot */
	struct site_place place;
	struct homed_memo memo; /* of the snapshot in hand */
	const struct node *node;
	struct registrar *registrar;
	struct recursing recursing;
	const struct hlv_schemes *schemes; /* NULL: no rules */
	struct hlv_sign_cache *cache;
	uint16_t generation;	   /* of the node */
	hlv_mono_ns complained_ns; /* when an error was last logged; 0: never */
};

static const hlv_mono_ns COMPLAIN_EVERY_NS = 10000000000U;

static struct server *of(struct hlv_service *service)
{
	return (struct server *)(void *)service; /* its first member */
}

static void batch_begin(struct hlv_service *service, struct hlv_now now)
{
	(void)now;
	struct server *s = of(service);
	s->memo = (struct homed_memo){0};
	s->reading = s->store->ops->view_begin(s->view) == HLV_OK;
}

/* The snapshot's place in the journal, and which node we are: a reload may change what is answered
 * while the registry stays. */
static uint64_t state(struct hlv_service *service)
{
	struct server *s = of(service);
	uint64_t seq;
	if (!s->reading || store_last_seq(s->store, s->view, &seq) != HLV_OK)
		return 0;
	return (uint64_t)s->generation << 48 ^ (seq + 1);
}

static void batch_end(struct hlv_service *service)
{
	struct server *s = of(service);
	if (s->reading)
		s->store->ops->view_end(s->view);
	s->reading = false;
}

/* An answer of "server error" means that something here is broken: somebody must look. */
static void complain(struct server *s, const struct hlv_exchange *x)
{
	if (s->complained_ns && x->now.mono_ns - s->complained_ns < COMPLAIN_EVERY_NS)
		return;
	s->complained_ns = x->now.mono_ns;
	struct hlv_bytes id = hlv_head(x->rq.handle, 128);
	hlv_error("registry.read", "identifier=%.*s error=\"%.*s\" hint=helvectl_verify",
		  (int)id.n, id.n ? (const char *)id.p : "", (int)x->rs.text.n,
		  (const char *)x->rs.text.p);
}

/* To the registrar, which sends it home. */
static bool give_away(struct server *s, struct hlv_exchange *x)
{
	if (!s->registrar)
		return false;
	if (hlv_exchange_keep(x) != HLV_OK) {
		answer_error(&x->rs, HLV_RC_ERROR, "The request takes too much memory");
		return false;
	}
	if (registrar_submit(s->registrar, x))
		return true;
	answer_error(&x->rs, HLV_RC_BUSY, "Too many changes are waiting: try again");
	return false;
}

/* The next page of a long answer. */
static void resume(struct hlv_service *service, struct hlv_exchange *x)
{
	if (registrar_submit(of(service)->registrar, x))
		return;
	x->more = false;
	answer_error(&x->rs, HLV_RC_BUSY, "Too many changes are waiting: try again");
	x->done(x);
}

/* Is it a question that the registry sends elsewhere, from somebody whom we ask for? */
static bool is_recursed(const struct server *s, const struct hlv_exchange *x)
{
	if (!s->recursing.submit || x->rq.m.hdr.op != HLV_OP_RESOLUTION ||
	    !(x->rq.m.hdr.flags & HLV_F_RECURSE) || x->peer.transport == HLV_T_LOCAL)
		return false;
	return (x->rs.rc == HLV_RC_NOT_RESPONSIBLE || x->rs.rc == HLV_RC_SERVICE_REFERRAL ||
		x->rs.rc == HLV_RC_PREFIX_REFERRAL) &&
	       hlv_nets_have(s->recursing.sources, &x->peer.addr);
}

/* false: it has its answer. */
static bool recurse(struct server *s, struct hlv_exchange *x)
{
	enum { RECURSION_MAX = 10 }; /* protocol.md 3 */
	if (x->rq.m.hdr.recursion >= RECURSION_MAX) {
		answer_error(&x->rs, HLV_RC_RECURSION_TOO_HIGH,
			     "Asked on behalf of too many others");
		return false;
	}
	if (hlv_exchange_keep(x) != HLV_OK) {
		answer_error(&x->rs, HLV_RC_ERROR, "The request takes too much memory");
		return false;
	}
	x->rs = (struct hlv_response){0};
	x->authoritative = false; /* whoever is, it is not we */
	s->recursing.submit(s->recursing.ctx, x);
	return true;
}

/* A question may name its identifier in any scheme (proto/net/schemes.h). False: it has its answer. */
static bool is_named(struct server *s, struct hlv_exchange *x)
{
	return x->rq.m.hdr.op != HLV_OP_RESOLUTION || hlv_scheme_is_plain(x->rq.handle) ||
	       hlv_exchange_name(x, s->schemes);
}

/* False: it was given away. */
static bool is_answered(struct server *s, struct hlv_exchange *x)
{
	struct answer_context c = {
		.store = s->store,
		.view = s->view,
		.place = &s->place,
		.memo = &s->memo,
		.site = s->node->site,
		.arena = &x->arena,
	};
	if (!s->reading) {
		answer_error(&x->rs, HLV_RC_ERROR, "The registry cannot be read");
		return true;
	}
	if (!is_named(s, x))
		return true;
	if (!dispatch(&c, x) && give_away(s, x))
		return false;
	return !is_recursed(s, x) || !recurse(s, x);
}

static void submit(struct hlv_service *service, struct hlv_exchange *x)
{
	struct server *s = of(service);
	x->site_serial = s->node->serial;
	x->authoritative = s->node->primary;
	if (!is_answered(s, x))
		return;
	if (x->rs.rc == HLV_RC_ERROR)
		complain(s, x);
	x->done(x);
}

/* Everything behind the envelope becomes ciphertext (protocol.md 9.3). */
static enum hlv_err encrypt(const struct hlv_protection *p, struct hlv_arena *a,
			    struct hlv_writer *w, size_t at)
{
	size_t body = at + HLV_ENVELOPE_SIZE;
	struct hlv_bytes plain = hlv_arena_copy(a, hlv_bytes(w->p + body, w->n - body));
	if (a->bad)
		return HLV_E_NOMEM;
	w->n = body;
	HLV_TRY(hlv_encrypt((enum hlv_cipher)p->cipher, p->cipher_key, p->version, NULL, plain,
			    w));
	if (w->bad)
		return HLV_E_LIMIT;
	w->p[at + 2] |= HLV_E_ENCRYPTED;
	hlv_fill_u32(w, body - 4, (uint32_t)(w->n - body));
	return HLV_OK;
}

static enum hlv_err protect(const struct hlv_protection *p, struct hlv_arena *a,
			    struct hlv_writer *w, size_t at)
{
	if (p->mac_key.n > 0)
		HLV_TRY(hlv_message_mac(w, at, p->mac_key, p->counter));
	return p->cipher ? encrypt(p, a, w, at) : HLV_OK;
}

static enum hlv_err seal(struct hlv_service *service, struct hlv_exchange *x,
			 struct hlv_writer *w, size_t at)
{
	struct server *s = of(service);
	if (x->protection)
		return protect(x->protection, &x->arena, w, at);
	if (s->cache && x->rq.m.hdr.flags & HLV_F_CERTIFIED)
		hlv_sign_cached(s->cache, w, at);
	return HLV_OK;
}

struct server *server_new(struct store *store, const struct node *node,
			  struct registrar *registrar)
{
	struct server *s = calloc(1, sizeof *s);
	if (!s)
		return NULL;
	s->service = (struct hlv_service){.submit = submit,
					  .resume = resume,
					  .batch_begin = batch_begin,
					  .batch_end = batch_end,
					  .seal = seal,
					  .state = state};
	s->store = store;
	s->registrar = registrar;
	if (store->ops->view_open(store, &s->view) != HLV_OK ||
	    server_set_node(s, node) != HLV_OK) {
		server_free(s);
		return NULL;
	}
	return s;
}

struct hlv_service *server_service(struct server *s)
{
	return &s->service;
}

enum hlv_err server_set_node(struct server *s, const struct node *node)
{
	struct hlv_sign_cache *cache = NULL;
	if (node->key) {
		cache = hlv_sign_cache_new(node->key);
		if (!cache)
			return HLV_E_NOMEM;
	}
	hlv_sign_cache_free(s->cache);
	s->cache = cache;
	s->node = node;
	s->generation++;
	s->place = (struct site_place){node->hash_option, node->servers, node->own};
	return HLV_OK;
}

void server_set_recursing(struct server *s, const struct recursing *recursing)
{
	s->recursing = *recursing;
}

void server_set_schemes(struct server *s, const struct hlv_schemes *schemes)
{
	s->schemes = schemes;
}

void server_free(struct server *s)
{
	if (!s)
		return;
	hlv_sign_cache_free(s->cache);
	free(s);
}

void server_put_chain(struct hlv_service *service, const struct hlv_exchange *x,
		      struct hlv_bytes id, struct hlv_buf *json)
{
	chain_put_own(of(service)->node->site, x, id, json);
}
