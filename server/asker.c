/* SPDX-License-Identifier: Apache-2.0 */
#include "server/asker.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/net/actor.h"
#include "resolver/drive.h"

enum {
	WAITING_MS =
		10000,	   /* behind others that took long; one walk takes half of it at most */
	SILENT_MS = 10000, /* who did not answer is left alone for so long */
	SILENT_MAX = 16,
	ARENA_LIMIT = 4 << 20,
};

struct asker {
	struct hlv_actor *actor;
	struct store *store;
	struct store_view *view;
	struct hlv_arena arena; /* of the question in hand */
	atomic_bool hurried;
	struct silent {
		struct hlv_addr server;
		hlv_mono_ns until_ns;
	} silent[SILENT_MAX]; /* overwritten in turn */
	size_t nsilent;
};

/* --- where to begin --- */

/* What we have delegated ourselves is asked there; everything else begins with the node above, which is
 * believed as a root is: the administrator gave us its site record. */
struct beginning {
	struct asker *a;
	struct ask *ask;
	struct homed_memo memo;
	struct walk_start own;
	struct walk_rules rules;
};

static enum hlv_err look_up(struct beginning *b, struct hlv_bytes id, enum verdict *verdict,
			    struct hlv_list *values)
{
	struct asker *a = b->a;
	struct store_key key;
	struct hlv_record rec;
	bool found;
	*verdict = VERDICT_NOT_HERE;
	store_key(id, &key);
	return delegate_find(a->store, a->view, &b->ask->place, &b->memo, id, &key, REFER,
			     &a->arena, verdict, values, &rec, &found);
}

/* The sites among `values`, if there are any; they outlive the view. */
static enum hlv_err take_sites(struct beginning *b, const struct hlv_list *values,
			       bool prefixes, struct hlv_bytes prefix, struct zone *zone)
{
	struct hlv_list sites, services;
	HLV_TRY(zone_sites(values, prefixes, &b->a->arena, &sites, &services));
	if (sites.n > 0)
		*zone = (struct zone){.prefix = prefix, .sites = sites, .proof = PROOF_SECURE};
	return HLV_OK;
}

static enum hlv_err find_own(struct beginning *b)
{
	struct hlv_bytes id = b->ask->who.handle;
	struct hlv_name name = hlv_name_split(id);
	struct hlv_list values = {0};
	enum verdict verdict;
	HLV_TRY(look_up(b, id, &verdict, &values));
	if (verdict == VERDICT_SERVICE_REFERRAL)
		return take_sites(b, &values, false, name.prefix, &b->own.zone);
	if (verdict == VERDICT_NOT_HERE && !hlv_name_is_prefix_handle(id)) {
		/* Its prefix may be below one that we have delegated with all that is derived. */
		uint8_t room[HLV_IDENTIFIER_MAX + 8];
		struct hlv_writer w = hlv_writer(room, sizeof room);
		hlv_name_put_prefix_handle(&w, id);
		HLV_TRY(look_up(b, hlv_written(&w), &verdict, &values));
	}
	if (verdict == VERDICT_PREFIX_REFERRAL)
		return take_sites(b, &values, true, (struct hlv_bytes){0}, &b->rules.root);
	return HLV_OK;
}

static enum hlv_err begin(struct beginning *b)
{
	struct asker *a = b->a;
	size_t n = b->ask->parent.n + 4;
	HLV_TRY(a->store->ops->view_begin(a->view));
	enum hlv_err err = find_own(b);
	a->store->ops->view_end(a->view);
	HLV_TRY(err);
	if (b->rules.root.sites.n == 0 && b->ask->parent.n > 0) {
		struct hlv_writer w = hlv_writer(hlv_alloc_raw(&a->arena, n), n);
		if (!w.p)
			return HLV_E_NOMEM;
		hlv_put_lp32(&w, b->ask->parent);
		b->rules.root =
			(struct zone){.sites = {1, hlv_written(&w)}, .proof = PROOF_SECURE};
	}
	const struct zone *first = b->own.zone.sites.n ? &b->own.zone : &b->rules.root;
	if (b->own.zone.sites.n > 0) {
		b->rules.starts = &b->own;
		b->rules.nstarts = 1;
	}
	/* Nobody sends us to this machine unless we begin there (threats.md 4). */
	zone_class(&first->sites, &b->rules.addresses);
	b->rules.addresses.private_nets = true;
	return first->sites.n > 0 ? HLV_OK : HLV_E_NOT_FOUND;
}

/* --- whom to ask --- */

static bool is_hurried(void *ctx)
{
	struct asker *a = ctx;
	return atomic_load(&a->hurried);
}

static bool is_silent(void *ctx, const struct hlv_addr *server)
{
	const struct asker *a = ctx;
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	for (size_t i = 0; i < SILENT_MAX; i++)
		if (a->silent[i].until_ns > now_ns && hlv_addr_eq(&a->silent[i].server, server))
			return true;
	return false;
}

static void note_silent(void *ctx, const struct hlv_addr *server)
{
	struct asker *a = ctx;
	a->silent[a->nsilent++ % SILENT_MAX] =
		(struct silent){*server, hlv_clock().mono_ns + SILENT_MS * 1000000ULL};
}

/* --- the question --- */

static struct hlv_request question(const struct ask *ask, uint8_t index[4])
{
	struct hlv_request rq = {.handle = ask->who.handle};
	if (ask->kind == ASK_VERIFY) {
		rq.m.hdr.op = HLV_OP_VERIFY_CHALLENGE;
		rq.auth.who = ask->who;
		rq.auth.nonce = ask->nonce;
		rq.auth.digest = ask->digest;
		rq.auth.proof = ask->proof;
		return rq;
	}
	rq.m.hdr.op = HLV_OP_RESOLUTION;
	if (ask->who.index) {
		hlv_store_u32(index, ask->who.index);
		rq.indexes = (struct hlv_list){1, hlv_bytes(index, 4)};
	}
	return rq;
}

/* What the responsible node has signed, and nothing else. */
static enum hlv_err take_answer(struct ask *ask, const struct walk_result *r)
{
	if (r->proof == PROOF_BOGUS || r->proof == PROOF_INSECURE)
		return HLV_E_SIGNATURE;
	if (r->proof != PROOF_SECURE)
		return r->timed_out ? HLV_E_TIMEOUT : HLV_E_NOT_FOUND;
	if (!r->raw || r->raw->rc != HLV_RC_SUCCESS)
		return HLV_OK; /* the responsible node, or its parent, says that there is none */
	ask->holds = r->raw->verdict == 1;
	hlv_buf_put(&ask->answer, r->raw->values.raw);
	if (ask->answer.bad)
		return HLV_E_NOMEM;
	ask->values = (struct hlv_list){r->raw->values.n, hlv_buf_bytes(&ask->answer)};
	return HLV_OK;
}

static enum hlv_err look(struct asker *a, struct ask *ask)
{
	uint8_t index[4];
	struct hlv_now now = hlv_clock();
	struct beginning b = {.a = a, .ask = ask};
	const struct hlv_request rq = question(ask, index);
	const struct walk_question q = {
		.id = ask->who.handle, .request = &rq, .authoritative = true};
	const struct walk_driver driver = {a, is_hurried, is_silent, note_silent};
	if (now.mono_ns - ask->asked_ns > WAITING_MS * 1000000ULL)
		return HLV_E_TIMEOUT; /* behind others that took long */
	HLV_TRY(begin(&b));
	struct walk *w = walk_new(&b.rules, NULL, &q, 0, now);
	if (!w)
		return HLV_E_NOMEM;
	walk_drive(w, &driver);
	enum hlv_err err = take_answer(ask, walk_result(w));
	walk_free(w);
	return err;
}

static void take(struct hlv_mail *mail, void *ctx)
{
	struct asker *a = ctx;
	struct ask *ask = (struct ask *)(void *)mail; /* its first member */
	ask->err = look(a, ask);
	hlv_arena_reset(&a->arena);
	ask->mail.open = ask->open;
	hlv_mailbox_post(ask->home, &ask->mail);
}

static bool nothing_else(void *ctx, struct hlv_now now)
{
	(void)ctx;
	(void)now;
	return false;
}

struct asker *asker_start(struct store *store)
{
	struct asker *a = calloc(1, sizeof *a);
	if (!a)
		return NULL;
	a->store = store;
	hlv_arena_init(&a->arena, ARENA_LIMIT);
	if (store->ops->view_open(store, &a->view) == HLV_OK)
		a->actor = hlv_actor_start("asker", nothing_else, a);
	if (a->actor)
		return a;
	free(a);
	return NULL;
}

void asker_submit(struct asker *a, struct ask *ask)
{
	ask->asked_ns = hlv_clock().mono_ns;
	ask->mail.open = take;
	hlv_mailbox_post(hlv_actor_mailbox(a->actor), &ask->mail);
}

void asker_hurry(struct asker *a)
{
	if (a)
		atomic_store(&a->hurried, true);
}

void asker_stop(struct asker *a)
{
	if (!a)
		return;
	hlv_actor_stop(a->actor);
	hlv_arena_fini(&a->arena);
	free(a);
}
