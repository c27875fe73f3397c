/* SPDX-License-Identifier: Apache-2.0
 *
 * helved: arguments, configuration, sockets, privileges, start, reload, stop. Everything that can
 * be wrong is found out before the first question is answered, and told in one line.
 */
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/dns/front.h"
#include "proto/net/daemon_metrics.h"
#include "proto/net/log.h"
#include "proto/net/site_file.h"
#include "proto/web/doip.h"
#include "proto/web/session.h"
#include "proto/web/web.h"
#include "server/metrics.h"
#include "server/node.h"
#include "server/recurse.h"

enum {
	EXIT_REGISTRY = 75,
	SOCKETS = 1024, /* for questions of ours, when we recurse */
};

/* All that main owns. */
struct helved {
	struct hlv_daemon d;
	struct web web;
	struct hlv_daemon_window *window; /* of latencies */
	struct hlv_dns_shared dns;
	struct server_options *options;
	struct node *node;
	struct store *store;
	struct registrar_rules *rules;
	struct registrar *registrar;
	struct recursion *recursion; /* NULL: for nobody */
	size_t sockets;		     /* for its questions */
	struct server *servers[HLV_DAEMON_WORKERS];
};

static enum hlv_err open_store(struct helved *h)
{
	struct store_lmdb_options o = {.map_size = (size_t)h->options->map_size,
				       .verify_later = true};
	return store_lmdb_open(h->options->data_dir, &o, &h->store, h->d.why);
}

/* Beside the data directory unless told otherwise. */
static enum hlv_err bind_control(struct helved *h)
{
	char path[PATH_MAX];
	node_path(h->options, h->options->control, "helved.sock", path);
	return hlv_daemon_bind_control(&h->d, path, *h->options->control);
}

static void put_stats(void *ctx, struct hlv_buf *json)
{
	struct helved *h = ctx;
	hlv_buf_str(json, "{");
	hlv_daemon_put_stats(&h->d, h->window, json);
	registrar_meter_put_stats(registrar_meter_of(h->registrar), json);
	hlv_buf_str(json, "}");
}

static void put_slow(void *ctx, struct hlv_buf *json)
{
	const struct helved *h = ctx;
	hlv_daemon_put_slow(&h->d, json);
}

static void put_counters(void *ctx, struct hlv_buf *json)
{
	const struct helved *h = ctx;
	hlv_daemon_put_counters(&h->d, json);
}

static enum hlv_err make_rules(struct helved *h, const struct server_options *o,
			       const struct node *node, struct registrar_rules **out)
{
	struct registrar_rules *rules = calloc(1, sizeof *rules);
	if (!rules)
		return HLV_E_NOMEM;
	node_rules(o, node, rules);
	rules->put_counters = put_counters;
	rules->put_slow = put_slow;
	rules->put_stats = put_stats;
	rules->ctx = h;
	*out = rules;
	return HLV_OK;
}

static enum hlv_err start_registrar(struct helved *h)
{
	HLV_TRY(make_rules(h, h->options, h->node, &h->rules));
	return registrar_start(h->store, h->node, h->rules, &h->registrar, h->d.why);
}

static enum hlv_err start_recursion(struct helved *h)
{
	struct recursion_options o = {
		.sockets = h->sockets, .root = h->node->parent, .site_serial = h->node->serial};
	struct hlv_buf root = {0};
	if (h->options->allow_recursion.n == 0)
		return HLV_OK;
	if (o.root.n == 0)
		o.root = h->node->site;
	enum hlv_err err = HLV_OK;
	if (*h->options->root) {
		err = hlv_site_file_read(h->options->root, &root, h->d.why);
		o.root = hlv_buf_bytes(&root);
	}
	if (err == HLV_OK)
		err = recursion_start(&o, &h->recursion, h->d.why);
	hlv_buf_free(&root);
	return err;
}

static void set_recursing(struct helved *h, unsigned worker, const struct server_options *o)
{
	struct recursing recursing = {0};
	if (h->recursion)
		recursing = recursion_for(h->recursion, &o->allow_recursion);
	server_set_recursing(h->servers[worker], &recursing);
}

static enum hlv_err start_workers(struct helved *h)
{
	for (unsigned i = 0; i < h->d.nworkers; i++) {
		h->servers[i] = server_new(h->store, h->node, h->registrar);
		if (!h->servers[i])
			return HLV_E_NOMEM;
		set_recursing(h, i, h->options);
		server_set_schemes(h->servers[i], &h->options->scheme_rules);
		HLV_TRY(hlv_daemon_start_worker(&h->d, i, server_service(h->servers[i]),
						&h->options->limits, h->node->tls));
	}
	return HLV_OK;
}

static void free_options(struct server_options *o)
{
	if (o)
		hlv_conf_free(server_option_rows, server_option_count, o);
	free(o);
}

static enum hlv_err load_options(const char *path, struct server_options **out, char *why)
{
	struct server_options *o = calloc(1, sizeof *o);
	if (!o)
		return HLV_E_NOMEM;
	enum hlv_err err = hlv_conf_load(path, server_option_rows, server_option_count, o, why);
	if (err == HLV_OK)
		err = hlv_dns_check(&o->dns, why);
	if (err == HLV_OK)
		err = web_check(&o->web, why);
	if (err != HLV_OK) {
		free_options(o);
		return err;
	}
	err = hlv_schemes_load(&o->schemes, path, &o->scheme_rules, why);
	if (err != HLV_OK) {
		free_options(o);
		return err;
	}
	o->web.schemes = &o->scheme_rules;
	hlv_log_set(o->log_level, o->log_format);
	*out = o;
	return HLV_OK;
}

/* What a reload gives a worker. */
struct handover {
	const struct hlv_limits *limits;
	const struct node *node;
	struct server *server;
	struct helved *helved;
	const struct server_options *options;
	unsigned worker;
	enum hlv_err err;
};

static void hand_over(struct hlv_front *front, void *ctx)
{
	struct handover *h = ctx;
	front->limits = h->limits;
	front->web = &h->options->web;
	front->tls = h->node->tls;
	h->err = server_set_node(h->server, h->node);
	set_recursing(h->helved, h->worker, h->options);
	server_set_schemes(h->server, &h->options->scheme_rules);
}

/* Read everything first; a bad file changes nothing. Limits, site, key, log level and for whom we
 * recurse change; sockets, workers, the registry, the root of recursion and its beginning need a
 * restart. The former ones are freed when every worker
 * has taken the new ones. */
static void reload(void *ctx)
{
	struct helved *h = ctx;
	struct server_options *options;
	struct node *node;
	if (load_options(h->d.path, &options, h->d.why) != HLV_OK) {
		hlv_error("reload", "%s (nothing was changed)", h->d.why);
		return;
	}
	if (node_load(options, &node, h->d.why) != HLV_OK) {
		hlv_log_set(h->options->log_level, h->options->log_format);
		hlv_error("reload", "%s (nothing was changed)", h->d.why);
		free_options(options);
		return;
	}
	options->web.key = node->key;
	struct registrar_rules *rules;
	if (make_rules(h, options, node, &rules) != HLV_OK) {
		hlv_error("reload", "out of memory (nothing was changed)");
		node_free(node);
		free_options(options);
		return;
	}
	hlv_daemon_fit(&h->d, &options->limits, h->sockets);
	if (options->allow_recursion.n > 0 && !h->recursion)
		hlv_warn("reload", "option=allow-recursion hint=begins_with_a_restart");
	registrar_set(h->registrar, node, rules);
	for (unsigned i = 0; i < h->d.nworkers; i++) {
		struct handover give = {.limits = &options->limits,
					.node = node,
					.server = h->servers[i],
					.helved = h,
					.options = options,
					.worker = i};
		hlv_worker_call(h->d.workers[i], hand_over, &give);
		hlv_require(give.err == HLV_OK);
	}
	node_free(h->node);
	free_options(h->options);
	free(h->rules);
	h->node = node;
	h->options = options;
	h->d.listen = &options->listen;
	h->d.streams[0].addrs = &options->http;
	h->d.streams[1].addrs = &options->dns.listen;
	h->rules = rules;
	if (hlv_daemon_open_query_log(&h->d, &h->options->limits) != HLV_OK)
		hlv_error("reload", "%s (the former one is kept)", h->d.why);
	hlv_info("reload", "serial=%u", h->node->serial);
}

static void stop(struct helved *h)
{
	registrar_hurry(h->registrar);
	recursion_hurry(h->recursion);
	hlv_daemon_stop_workers(&h->d);
	for (unsigned i = 0; i < h->d.nworkers; i++)
		server_free(h->servers[i]);
	registrar_stop(h->registrar);
	recursion_stop(h->recursion);
	if (h->store)
		h->store->ops->close(h->store);
	web_sessions_free(h->web.sessions);
	doip_issued_free(h->web.issued);
	node_free(h->node);
	free_options(h->options);
	free(h->rules);
	hlv_daemon_window_free(h->window);
	hlv_dns_shared_fini(&h->dns);
	hlv_daemon_fini(&h->d);
}

/* The registry's file was cut short or its disk fails under the map (threats.md D11): nothing read
 * from it can be trusted any more. Only what is safe in a signal handler. */
static void on_sigbus(int sig)
{
	(void)sig;
	static const char line[] =
		"helved: the registry's file cannot be read (cut short, or a "
		"bad disk): stopping; run helvectl verify before the next "
		"start\n";
	if (write(STDERR_FILENO, line, sizeof line - 1) > 0)
		_exit(EXIT_REGISTRY);
	_exit(EXIT_REGISTRY);
}

/* --- what operators see --- */

static void put_metrics(void *ctx, struct hlv_metrics *m)
{
	struct helved *h = ctx;
	hlv_daemon_put_metrics(&h->d, m);
	registrar_meter_put(registrar_meter_of(h->registrar), m);
}

static const char *unready(void *ctx, char room[256])
{
	struct helved *h = ctx;
	return registrar_meter_unready(registrar_meter_of(h->registrar), room);
}

static void put_chain(void *ctx, struct hlv_front *front, const struct hlv_exchange *x,
		      struct hlv_bytes id, struct hlv_buf *json)
{
	(void)ctx;
	server_put_chain(front->service, x, id, json);
}

static enum hlv_err prepare_web(struct helved *h)
{
	h->window = hlv_daemon_window_new();
	if (!h->window)
		return HLV_E_NOMEM;
	h->web = (struct web){.daemon = "helved",
			      .registry = true,
			      .put_counters = put_counters,
			      .ctx = h,
			      .started_ns = hlv_clock().mono_ns,
			      .watch = {h, put_metrics, put_stats, unready, put_chain}};
	h->d.web = &h->options->web;
	h->d.streams[0].option = "http";
	h->d.streams[0].addrs = &h->options->http;
	h->d.streams[0].speech = &http_speech;
	h->d.streams[0].shared = &h->web;
	h->web.sessions = web_sessions_new();
	h->web.issued = doip_issued_new();
	if (!h->web.sessions || !h->web.issued)
		return HLV_E_NOMEM;
	return getentropy(h->web.token_key, sizeof h->web.token_key) == 0 ? HLV_OK : HLV_E_IO;
}

static enum hlv_err prepare(struct helved *h)
{
	h->d.listen = &h->options->listen;
	HLV_TRY(prepare_web(h));
	HLV_TRY(hlv_dns_prepare(&h->dns, &h->options->dns, &h->d.streams[1], h->d.why));
	HLV_TRY(hlv_daemon_lock(&h->d, h->options->data_dir, h->options->workers));
	HLV_TRY(node_load(h->options, &h->node, h->d.why));
	h->options->web.key = h->node->key;
	HLV_TRY(hlv_daemon_bind(&h->d));
	HLV_TRY(bind_control(h));
	h->sockets = h->options->allow_recursion.n > 0 ? hlv_daemon_share(SOCKETS) : 0;
	hlv_daemon_fit(&h->d, &h->options->limits, h->sockets);
	HLV_TRY(open_store(h));
	HLV_TRY(hlv_daemon_drop(&h->d, h->options->user));
	HLV_TRY(hlv_daemon_open_query_log(&h->d, &h->options->limits));
	HLV_TRY(start_registrar(h));
	HLV_TRY(start_recursion(h));
	return start_workers(h);
}

static int run(struct helved *h)
{
	sigset_t signals;
	hlv_daemon_signals(&signals);
	signal(SIGBUS, on_sigbus);

	enum hlv_err err = prepare(h);
	if (err == HLV_OK)
		hlv_daemon_serve(&h->d, &signals, reload, h);
	else
		fprintf(stderr, "helved: %s\n", *h->d.why ? h->d.why : hlv_strerror(err));
	stop(h);
	return err == HLV_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct helved h = {.d = {.name = "helved", .lock = -1}};
	const struct hlv_daemon_usage usage = {
		.rows = server_option_rows,
		.n = server_option_count,
		.maker = "helvectl init",
	};
	enum hlv_daemon_task task = hlv_daemon_arguments(&h.d, argc, argv, &usage);
	if (task != HLV_DAEMON_RUN && task != HLV_DAEMON_CHECK)
		return task == HLV_DAEMON_WRONG ? 2 : 0;
	if (load_options(h.d.path, &h.options, h.d.why) != HLV_OK) {
		fprintf(stderr, "helved: %s\n", h.d.why);
		return 1;
	}
	if (task == HLV_DAEMON_RUN)
		return run(&h);
	puts("configuration is fine");
	free_options(h.options);
	return 0;
}
