/* SPDX-License-Identifier: Apache-2.0
 *
 * A configuration read again while questions are answered.
 */
#include "proto/net/log.h"
#include "resolver/helver.h"
#include "resolver/stricter.h"

struct resolver_shared helver_share(const struct helver *h, const struct era *e)
{
	return (struct resolver_shared){.policy = e->policy,
					.schemes = &e->options->scheme_rules,
					.cache = h->cache,
					.copies = h->copies,
					.recursor = h->recursor,
					.site = hlv_buf_bytes(&h->own.site),
					.key = h->own.key,
					.control = h->control};
}

static void forget_unproven(struct helver *h, struct anchors *anchors,
			    struct hlv_buf *rules_now)
{
	(void)stricter_apply(h->era->options->data_dir, &policy_rules(h->era->policy)->validate,
			     anchors, h->cache, rules_now);
}

void helver_forget_kept(struct helver *h)
{
	struct hlv_buf rules = {0};
	size_t saved;
	forget_unproven(h, h->anchors, &rules);
	if (!rules.bad && keep_save(h->keep, h->cache, hlv_clock(), &saved) == HLV_OK)
		stricter_write(h->era->options->data_dir, hlv_buf_bytes(&rules));
	hlv_buf_free(&rules);
}

static void forget_cached(struct engine *engine, struct anchors *anchors, void *helver)
{
	struct helver *h = helver;
	struct hlv_buf rules = {0};
	(void)engine;
	forget_unproven(h, anchors, &rules);
	if (!rules.bad)
		recursor_put_rules(h->recursor, h->era->options->data_dir,
				   hlv_buf_bytes(&rules));
	hlv_buf_free(&rules);
}

/* What a reload gives a worker. */
struct handover {
	const struct hlv_limits *limits;
	const struct web_options *web;
	const struct resolver_shared *shared;
	struct resolver *resolver;
};

static void hand_over(struct hlv_front *front, void *ctx)
{
	struct handover *give = ctx;
	front->limits = give->limits;
	front->web = give->web;
	resolver_set(give->resolver, give->shared);
}

static void add_keys(struct engine *engine, struct anchors *anchors, void *ctx)
{
	const struct policy *policy = ctx;
	(void)engine;
	if (era_add_root_keys(anchors, policy) != HLV_OK)
		hlv_warn("anchors.root", "error=\"unreadable\"");
}

/* Read everything first; a bad file changes nothing. Policy, rules, limits and log level change;
 * sockets, workers, cache, copies and keys need a restart. */
void helver_reload(void *helver)
{
	struct helver *h = helver;
	struct era *e;
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	if (era_load(h, &e) != HLV_OK) {
		hlv_error("reload", "%s (nothing was changed)", h->d.why);
		return;
	}
	h->d.listen = &e->options->listen;
	h->d.streams[0].addrs = &e->options->http;
	h->d.streams[1].addrs = &e->options->dns.listen;
	hlv_daemon_fit(&h->d, &e->options->limits, h->sockets);
	recursor_call(h->recursor, add_keys, e->policy);
	recursor_set_rules(h->recursor, policy_rules(e->policy));
	struct resolver_shared shared = helver_share(h, e);
	for (unsigned i = 0; i < h->d.nworkers; i++) {
		struct handover give = {&e->options->limits, &e->options->web, &shared,
					h->resolvers[i]};
		hlv_worker_call(h->d.workers[i], hand_over, &give);
	}
	h->era->ended_ns = now_ns;
	e->next = h->era;
	h->era = e;
	h->root_is_named = policy_root(e->policy).n > 0;
	recursor_call(h->recursor, forget_cached, h);
	era_free_retired(h, now_ns);
	if (h->rootdns)
		rootdns_look_again(h->rootdns);
	if (hlv_daemon_open_query_log(&h->d, &h->era->options->limits) != HLV_OK)
		hlv_error("reload", "%s (the former one is kept)", h->d.why);
	hlv_info("reload", "path=%s", h->d.path);
}
