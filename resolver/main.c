/* SPDX-License-Identifier: Apache-2.0
 *
 * helver: arguments, sockets, privileges, start, stop. Everything that can be wrong is found out
 * before the first question is answered, and told in one line.
 */
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/daemon_metrics.h"
#include "proto/net/log.h"
#include "resolver/helver.h"
#include "resolver/metrics.h"

enum {
	EXIT_DATA = 75,
	SOCKETS = 2 * ENGINE_WALKS_MAX, /* for questions of ours, where there are so many */
	ROOT_WAIT_MS = 5000,		/* the first time, for DNS to say where the root is */
};

/* --- start --- */

/* Beside the data directory unless told otherwise. */
static enum hlv_err bind_control(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	char path[PATH_MAX];
	if (*o->control)
		snprintf(path, sizeof path, "%s", o->control);
	else
		snprintf(path, sizeof path, "%s/../helver.sock", o->data_dir);
	return hlv_daemon_bind_control(&h->d, path, *o->control);
}

static enum hlv_err open_cache(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	struct cache_options c = {.octets = o->cache_octets,
				  .stale_s = o->stale_s,
				  .prefetch_hits = o->prefetch_hits};
	size_t loaded = 0, damaged = 0;
	char path[PATH_MAX];
	if (getentropy(&c.secret, sizeof c.secret) != 0)
		return HLV_E_IO;
	h->cache = cache_new(&c);
	if (!h->cache)
		return HLV_E_NOMEM;
	snprintf(path, sizeof path, "%s/cache", o->data_dir);
	HLV_TRY(keep_open(path, 2 * o->cache_octets + ((uint64_t)256 << 20), &h->keep,
			  h->d.why));
	if (*h->d.why) /* something was set aside */
		hlv_warn("cache.open", "%s", h->d.why);
	/* What cannot be read can be asked for again: no reason not to start. */
	if (keep_load(h->keep, h->cache, hlv_clock(), &loaded, &damaged) != HLV_OK)
		hlv_error("cache.load", "%s", keep_why(h->keep));
	hlv_info("cache.load", "entries=%zu damaged=%zu", loaded, damaged);
	helver_forget_kept(h);
	return HLV_OK;
}

static enum hlv_err read_copier(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	if (o->copy.n > 0 && (!*o->copy_identity || !*o->copy_key)) {
		snprintf(h->d.why, sizeof h->d.why,
			 "copy: needs copy-identity and copy-key, one of the node's "
			 "replication-admins");
		return HLV_E_USAGE;
	}
	if (!*o->copy_key)
		return HLV_OK;
	return hlv_prove_read_key(&h->copier, o->copy_key, h->d.why);
}

/* What the configuration says and names. */
static enum hlv_err read_all(struct helver *h)
{
	HLV_TRY(era_begin(h));
	HLV_TRY(read_copier(h));
	return hlv_daemon_check_user(&h->d, h->era->options->user);
}

static enum hlv_err start_copies(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	struct copies_options c = {.dir = h->copies_path,
				   .key = h->copier.key,
				   .identity = o->copy_identity,
				   .interval_s = o->copy_interval_s,
				   .max_age_s = o->copy_max_age_s};
	c.sources = policy_copies(h->era->policy, &c.n);
	return c.n > 0 ? copies_start(&c, &h->copies, h->d.why) : HLV_OK;
}

static enum hlv_err start_recursor(struct helver *h)
{
	struct recursor_options o = {.rules = policy_rules(h->era->policy),
				     .anchors = h->anchors,
				     .anchors_path = h->anchors_path,
				     .cache = h->cache,
				     .keep = h->keep,
				     .sockets = h->sockets,
				     .stale_s = h->era->options->stale_s,
				     .refresh_root = policy_root(h->era->policy).n > 0 ||
						     *h->era->options->root_domain};
	h->recursor = recursor_start(&o);
	return h->recursor ? HLV_OK : HLV_E_NOMEM;
}

/* Borrows from the first era: these options change by a restart alone. */
static enum hlv_err start_rootdns(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	struct rootdns_options r = {.domain = o->root_domain,
				    .servers = &o->root_dns,
				    .anchors = &o->dns_anchor,
				    .path = h->rootdns_path,
				    .recursor = h->recursor};
	if (!*o->root_domain)
		return HLV_OK;
	h->rootdns = rootdns_start(&r);
	if (!h->rootdns)
		return HLV_E_NOMEM;
	h->root_is_named = policy_root(h->era->policy).n > 0;
	if (!h->root_is_named)
		rootdns_wait(h->rootdns, ROOT_WAIT_MS);
	return HLV_OK;
}

static void put_slow(void *ctx, struct hlv_buf *json)
{
	const struct helver *h = ctx;
	hlv_daemon_put_slow(&h->d, json);
}

static void put_counters(void *ctx, struct hlv_buf *json)
{
	const struct helver *h = ctx;
	hlv_daemon_put_counters(&h->d, json);
	if (h->rootdns) {
		hlv_buf_str(json, ",\"root_dns\":");
		rootdns_put_status(h->rootdns, json);
	}
}

static enum hlv_err start_control(struct helver *h)
{
	struct control_options o = {.recursor = h->recursor,
				    .cache = h->cache,
				    .keep = h->keep,
				    .copies = h->copies,
				    .put_counters = put_counters,
				    .put_slow = put_slow,
				    .ctx = h};
	h->control = control_start(&o);
	return h->control ? HLV_OK : HLV_E_NOMEM;
}

static enum hlv_err start_workers(struct helver *h)
{
	struct resolver_shared shared = helver_share(h, h->era);
	for (unsigned i = 0; i < h->d.nworkers; i++) {
		h->resolvers[i] = resolver_new(&shared);
		if (!h->resolvers[i])
			return HLV_E_NOMEM;
		HLV_TRY(hlv_daemon_start_worker(&h->d, i, resolver_service(h->resolvers[i]),
						&h->era->options->limits, h->own.tls));
	}
	return HLV_OK;
}

/* --- what operators see --- */

static struct resolver_watched watched(const struct helver *h)
{
	return (struct resolver_watched){h->recursor, h->cache, h->copies};
}

static void put_metrics(void *ctx, struct hlv_metrics *m)
{
	const struct helver *h = ctx;
	struct resolver_watched w = watched(h);
	hlv_daemon_put_metrics(&h->d, m);
	resolver_put_metrics(&w, m);
}

static void put_stats(void *ctx, struct hlv_buf *json)
{
	const struct helver *h = ctx;
	struct resolver_watched w = watched(h);
	hlv_buf_str(json, "{");
	hlv_daemon_put_stats(&h->d, h->window, json);
	resolver_put_stats(&w, json);
	hlv_buf_str(json, "}");
}

/* Without an anchor that is believed nothing can be proven, and without a root nobody can be asked. That a
 * file names one was looked at before the start; whether DNS does is known later. */
static const char *unready(void *ctx, char room[256])
{
	const struct helver *h = ctx;
	struct engine_stats stats;
	uint64_t anchors;
	if (h->rootdns && !atomic_load_explicit(&h->root_is_named, memory_order_relaxed) &&
	    rootdns_is_lost(h->rootdns, room))
		return room;
	recursor_stats(h->recursor, &stats, &anchors);
	if (anchors > 0 || h->insecure)
		return NULL;
	snprintf(room, 256, "no trust anchor is believed any more: see helvectl anchor");
	return room;
}

static void put_chain(void *ctx, struct hlv_front *front, const struct hlv_exchange *x,
		      struct hlv_bytes id, struct hlv_buf *json)
{
	struct hlv_arena a;
	(void)ctx;
	hlv_arena_init(&a, 1 << 20);
	resolver_put_chain(front->service, id, x->now, &a, json);
	hlv_arena_fini(&a);
}

static enum hlv_err prepare_web(struct helver *h)
{
	h->window = hlv_daemon_window_new();
	if (!h->window)
		return HLV_E_NOMEM;
	h->insecure = h->era->options->insecure;
	h->web = (struct web){.daemon = "helver",
			      .put_counters = put_counters,
			      .ctx = h,
			      .started_ns = hlv_clock().mono_ns,
			      .watch = {h, put_metrics, put_stats, unready, put_chain}};
	h->d.web = &h->era->options->web;
	h->d.streams[0].option = "http";
	h->d.streams[0].addrs = &h->era->options->http;
	h->d.streams[0].speech = &http_speech;
	h->d.streams[0].shared = &h->web;
	return getentropy(h->web.token_key, sizeof h->web.token_key) == 0 ? HLV_OK : HLV_E_IO;
}

static enum hlv_err prepare(struct helver *h)
{
	struct resolver_options *o = h->era->options;
	h->d.listen = &o->listen;
	HLV_TRY(prepare_web(h));
	HLV_TRY(hlv_dns_prepare(&h->dns, &o->dns, &h->d.streams[1], h->d.why));
	HLV_TRY(hlv_daemon_lock(&h->d, o->data_dir, o->workers));
	HLV_TRY(hlv_daemon_bind(&h->d));
	HLV_TRY(own_load(o, &h->own, h->d.why));
	HLV_TRY(bind_control(h));
	h->sockets = hlv_daemon_share(SOCKETS);
	hlv_daemon_fit(&h->d, &o->limits, h->sockets);
	HLV_TRY(read_all(h));
	HLV_TRY(open_cache(h));
	HLV_TRY(hlv_daemon_drop(&h->d, o->user));
	HLV_TRY(hlv_daemon_open_query_log(&h->d, &h->era->options->limits));
	HLV_TRY(start_copies(h));
	HLV_TRY(start_recursor(h));
	HLV_TRY(start_rootdns(h));
	HLV_TRY(start_control(h));
	return start_workers(h);
}

/* --- life --- */

/* Those who answer stop after those who ask, and what is borrowed goes last. */
static void stop(struct helver *h)
{
	if (h->recursor)
		recursor_hurry(h->recursor);
	hlv_daemon_stop_workers(&h->d);
	for (unsigned i = 0; i < h->d.nworkers; i++)
		resolver_free(h->resolvers[i]);
	control_stop(h->control);
	rootdns_stop(h->rootdns);
	recursor_stop(h->recursor);
	if (h->copies)
		copies_stop(h->copies);
	if (h->keep)
		keep_close(h->keep);
	if (h->cache)
		cache_free(h->cache);
	if (h->anchors && !h->recursor) {
		anchors_fini(h->anchors);
		free(h->anchors);
	}
	hlv_prove_forget(&h->copier);
	own_fini(&h->own);
	hlv_dns_shared_fini(&h->dns);
	era_free_all(h);
	hlv_daemon_window_free(h->window);
	hlv_daemon_fini(&h->d);
}

/* A file of ours was cut short or its disk fails under the map (threats.md D11). Only what is safe in
 * a signal handler. */
static void on_sigbus(int sig)
{
	(void)sig;
	static const char line[] = "helver: a file in data-dir cannot be read (cut short, or a "
				   "bad disk): stopping\n";
	if (write(STDERR_FILENO, line, sizeof line - 1) > 0)
		_exit(EXIT_DATA);
	_exit(EXIT_DATA);
}

static int run(struct helver *h)
{
	sigset_t signals;
	hlv_daemon_signals(&signals);
	signal(SIGBUS, on_sigbus);
	enum hlv_err err = prepare(h);
	if (err == HLV_OK)
		hlv_daemon_serve(&h->d, &signals, helver_reload, h);
	else
		fprintf(stderr, "helver: %s\n", *h->d.why ? h->d.why : hlv_strerror(err));
	stop(h);
	return err == HLV_OK ? 0 : 1;
}

/* All that can be checked without a socket. */
static int check(struct helver *h)
{
	enum hlv_err err = read_all(h);
	if (err == HLV_OK)
		puts("configuration is fine");
	else
		fprintf(stderr, "helver: %s\n", *h->d.why ? h->d.why : hlv_strerror(err));
	stop(h);
	return err == HLV_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct helver h = {.d = {.name = "helver", .lock = -1}};
	const struct hlv_daemon_usage usage = {
		.rows = resolver_option_rows,
		.n = resolver_option_count,
		.maker = "helvectl init --resolver",
	};
	enum hlv_daemon_task task = hlv_daemon_arguments(&h.d, argc, argv, &usage);
	if (task != HLV_DAEMON_RUN && task != HLV_DAEMON_CHECK)
		return task == HLV_DAEMON_WRONG ? 2 : 0;
	if (era_read(&h, &h.era) != HLV_OK) {
		fprintf(stderr, "helver: %s\n", *h.d.why ? h.d.why : "out of memory");
		return 1;
	}
	return task == HLV_DAEMON_CHECK ? check(&h) : run(&h);
}
