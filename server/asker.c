/* SPDX-License-Identifier: Apache-2.0 */
#include "server/asker.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "proto/net/actor.h"
#include "proto/net/client.h"
#include "proto/sec/digest.h"
#include "proto/sec/sign.h"

enum {
	STEPS_MAX = 8,	   /* sites that are asked for one question (threats.md 7) */
	SITE_MS = 5000,	   /* for one site ... */
	TOTAL_MS = 10000,  /* ... and for all; and until the first is asked */
	SILENT_MS = 10000, /* who did not answer is left alone for so long */
	SILENT_MAX = 16,
	ROOM = 16384,	    /* of a request */
	SITES_ROOM = 65536, /* of the site in hand */
	ARENA_LIMIT = 4 << 20,
	ASKED_PREFIX = 2100,
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

/* One question on its way from site to site. */
struct walk {
	struct asker *a;
	struct ask *ask;
	struct hlv_bytes site; /* whom to ask next; in the arena */
	bool loopback;	       /* the first site was on this machine: so may the others be */
	hlv_mono_ns until_ns;
};

/* What a site said. */
struct reply {
	struct hlv_message m;
	struct hlv_response rs;
};

/* --- sites --- */

static bool first_site(const struct hlv_list *values, struct hlv_bytes *site)
{
	struct hlv_reader r = hlv_reader(values->raw);
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_site s;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return false;
		if ((hlv_type_is(v.type, "HS_SITE") || hlv_type_is(v.type, "HS_NA_DELEGATE")) &&
		    hlv_site_decode(v.data, &s) == HLV_OK && s.servers.n > 0) {
			*site = v.data;
			return true;
		}
	}
	return false;
}

/* The server of the site that is responsible, and where it takes questions. */
static bool choose_server(const struct hlv_site *site, struct hlv_bytes id,
			  struct hlv_site_server *server, struct hlv_client *client)
{
	uint32_t hash = 0;
	struct hlv_addr addr;
	if (site->servers.n == 0 || hlv_site_hash(id, site->hash_option, &hash) != HLV_OK)
		return false;
	struct hlv_reader r = hlv_reader(site->servers.raw);
	for (uint32_t i = 0; i <= hash % site->servers.n; i++)
		hlv_site_next_server(&r, server);
	r = hlv_reader(server->interfaces.raw);
	bool found = false;
	for (uint32_t i = 0; i < server->interfaces.n; i++) {
		struct hlv_site_interface f;
		hlv_site_next_interface(&r, &f);
		if (!(f.kind & HLV_IF_QUERY) || f.port == 0 || f.port > UINT16_MAX ||
		    f.protocol > HLV_IF_TCP || (found && f.protocol != HLV_IF_TCP))
			continue;
		hlv_addr_from_site(server->address, (uint16_t)f.port, &addr);
		hlv_client_init(client, &addr);
		if (f.protocol == HLV_IF_TCP)
			client->transport = HLV_T_TCP;
		found = true;
	}
	return found;
}

/* --- one site --- */

/* On this machine, whatever it is called: nobody sends us there (threats.md 4). */
static bool is_own_machine(const struct hlv_addr *a)
{
	if (a->sa.any.sa_family == AF_INET)
		return hlv_addr_is_loopback(a) || a->sa.v4.sin_addr.s_addr == 0;
	return hlv_addr_is_loopback(a) || IN6_IS_ADDR_UNSPECIFIED(&a->sa.v6.sin6_addr);
}

static bool is_silent(const struct asker *a, const struct hlv_addr *server, hlv_mono_ns now_ns)
{
	for (size_t i = 0; i < SILENT_MAX; i++)
		if (a->silent[i].until_ns > now_ns && hlv_addr_eq(&a->silent[i].server, server))
			return true;
	return false;
}

/* Put the question, within what time there is. */
static enum hlv_err ask_server(struct walk *w, struct hlv_client *client, struct hlv_bytes sent)
{
	struct asker *a = w->a;
	struct hlv_client_report report;
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	if (now_ns >= w->until_ns || atomic_load(&a->hurried) ||
	    is_silent(a, &client->server, now_ns))
		return HLV_E_TIMEOUT;
	uint64_t left_ms = (w->until_ns - now_ns) / 1000000 + 1;
	client->total_ms = left_ms < SITE_MS ? (uint32_t)left_ms : SITE_MS;
	enum hlv_err err = hlv_client_ask(client, sent, &w->ask->answer, &report);
	if (err == HLV_E_TIMEOUT)
		a->silent[a->nsilent++ % SILENT_MAX] = (struct silent){
			client->server, hlv_clock().mono_ns + SILENT_MS * 1000000ULL};
	return err;
}

static bool is_signed_by(const struct hlv_message *m, const struct hlv_site_server *server)
{
	struct hlv_key *key;
	if (hlv_pubkey_decode(server->key, &key) != HLV_OK)
		return false;
	bool good = hlv_message_verify(m, key) == HLV_OK;
	hlv_key_free(key);
	return good;
}

/* Ask the site in hand; what it says borrows from ask->answer. */
static enum hlv_err ask_site(struct walk *w, struct hlv_request *rq, struct reply *reply)
{
	struct hlv_site site;
	struct hlv_site_server server;
	struct hlv_client client;
	uint8_t octets[ROOM];
	struct hlv_writer out = hlv_writer(octets, sizeof octets);
	if (hlv_site_decode(w->site, &site) != HLV_OK ||
	    !choose_server(&site, rq->handle, &server, &client))
		return HLV_E_NOT_FOUND;
	if (is_own_machine(&client.server) && !w->loopback)
		return HLV_E_PERMISSION;
	struct hlv_now now = hlv_clock();
	rq->m.env = (struct hlv_envelope){.major = 2,
					  .minor = 11,
					  .suggest_major = HLV_OUR_VERSION / 256,
					  .suggest_minor = HLV_OUR_VERSION % 256};
	rq->m.hdr.flags = HLV_F_CERTIFIED | HLV_F_AUTHORITATIVE | HLV_F_REQUEST_DIGEST |
			  HLV_F_CACHE_CERTIFY | HLV_F_PUBLIC_ONLY;
	rq->m.hdr.site_serial = site.serial;
	rq->m.hdr.expiration_s = hlv_now_s(now) + HLV_EXPIRATION_S;
	HLV_TRY(hlv_client_request_id(&rq->m.env.request_id));
	hlv_request_encode(&out, rq);
	if (out.bad)
		return HLV_E_LIMIT;
	struct hlv_bytes sent = hlv_written(&out), covered;
	struct hlv_message own;
	HLV_TRY(hlv_message_decode(sent, &own));
	covered = own.covered;
	hlv_buf_clear(&w->ask->answer);
	HLV_TRY(ask_server(w, &client, sent));
	HLV_TRY(hlv_message_decode(hlv_buf_bytes(&w->ask->answer), &reply->m));
	HLV_TRY(hlv_response_decode(&reply->m, &reply->rs));
	if (!reply->rs.has_digest || !hlv_request_digest_fits(covered, &reply->rs.digest) ||
	    reply->m.hdr.expiration_s < hlv_now_s(now) || !is_signed_by(&reply->m, &server))
		return HLV_E_SIGNATURE;
	return HLV_OK;
}

/* --- the walk --- */

static void put_index(struct hlv_writer *w, uint32_t index, struct hlv_list *list)
{
	hlv_put_u32(w, index);
	*list = (struct hlv_list){1, hlv_written(w)};
}

static struct hlv_request question(const struct ask *ask, struct hlv_writer *index)
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
	if (ask->who.index)
		put_index(index, ask->who.index, &rq.indexes);
	return rq;
}

/* The site does not hold the identity: where does it say that the prefix is served? */
static enum hlv_err ask_prefix(struct walk *w, struct reply *reply)
{
	uint8_t name[ASKED_PREFIX], type[16];
	struct hlv_writer n = hlv_writer(name, sizeof name), t = hlv_writer(type, sizeof type);
	hlv_put(&n, hlv_text("0.NA/"));
	hlv_put(&n, hlv_name_split(w->ask->who.handle).prefix);
	hlv_put_lp32(&t, hlv_text("HS_SITE"));
	struct hlv_request rq = {.m.hdr.op = HLV_OP_RESOLUTION,
				 .handle = hlv_written(&n),
				 .types = {1, hlv_written(&t)}};
	return ask_site(w, &rq, reply);
}

static enum hlv_err go_to(struct walk *w, const struct hlv_list *values)
{
	struct hlv_bytes site;
	if (!first_site(values, &site))
		return HLV_E_NOT_FOUND;
	w->site = hlv_arena_copy(&w->a->arena, site);
	return w->a->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err step(struct walk *w, bool *finished)
{
	uint8_t index[4];
	struct hlv_writer room = hlv_writer(index, sizeof index);
	struct hlv_request rq = question(w->ask, &room);
	struct reply reply;
	HLV_TRY(ask_site(w, &rq, &reply));
	*finished = true;
	switch (reply.rs.rc) {
	case HLV_RC_SUCCESS:
		w->ask->values = reply.rs.values;
		w->ask->holds = reply.rs.verdict == 1;
		return HLV_OK;
	case HLV_RC_NOT_FOUND:
	case HLV_RC_VALUES_NOT_FOUND:
		return HLV_OK; /* the responsible node says that there is none */
	case HLV_RC_NOT_RESPONSIBLE:
		HLV_TRY(ask_prefix(w, &reply));
		break;
	}
	bool referral = reply.rs.rc == HLV_RC_SERVICE_REFERRAL ||
			reply.rs.rc == HLV_RC_PREFIX_REFERRAL ||
			reply.rs.kind == HLV_BODY_RECORD;
	if (!referral)
		return HLV_E_NOT_FOUND;
	*finished = false;
	return go_to(w, &reply.rs.values);
}

/* Where to begin: what we have delegated ourselves, else the node above. */
static enum hlv_err begin(struct walk *w)
{
	struct asker *a = w->a;
	struct store_key key;
	struct homed_memo memo = {0};
	struct hlv_list sites = {0};
	struct hlv_record rec;
	enum verdict verdict = VERDICT_NOT_HERE;
	bool found;
	store_key(w->ask->who.handle, &key);
	HLV_TRY(a->store->ops->view_begin(a->view));
	enum hlv_err err =
		delegate_find(a->store, a->view, &w->ask->place, &memo, w->ask->who.handle,
			      &key, REFER, &a->arena, &verdict, &sites, &rec, &found);
	if (err == HLV_OK &&
	    (verdict == VERDICT_SERVICE_REFERRAL || verdict == VERDICT_PREFIX_REFERRAL))
		err = go_to(w, &sites);
	a->store->ops->view_end(a->view);
	if (w->site.n == 0)
		w->site = w->ask->parent;
	return err == HLV_OK && w->site.n == 0 ? HLV_E_NOT_FOUND : err;
}

static bool starts_here(struct hlv_bytes record)
{
	struct hlv_site site;
	struct hlv_site_server server;
	struct hlv_client client;
	return hlv_site_decode(record, &site) == HLV_OK &&
	       choose_server(&site, hlv_text("0.NA/0.NA"), &server, &client) &&
	       is_own_machine(&client.server);
}

static enum hlv_err walk(struct asker *a, struct ask *ask)
{
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	const hlv_mono_ns bound_ns = TOTAL_MS * 1000000ULL;
	struct walk w = {.a = a, .ask = ask, .until_ns = now_ns + bound_ns};
	bool finished = false;
	if (now_ns - ask->asked_ns > bound_ns)
		return HLV_E_TIMEOUT; /* behind others that took long */
	HLV_TRY(begin(&w));
	w.loopback = starts_here(w.site);
	for (unsigned i = 0; i < STEPS_MAX && !finished; i++)
		HLV_TRY(step(&w, &finished));
	return finished ? HLV_OK : HLV_E_LIMIT;
}

static void take(struct hlv_mail *mail, void *ctx)
{
	struct asker *a = ctx;
	struct ask *ask = (struct ask *)(void *)mail; /* its first member */
	ask->err = walk(a, ask);
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
