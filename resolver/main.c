/* SPDX-License-Identifier: Apache-2.0
 *
 * helver: arguments, configuration, sockets, privileges, start, reload, stop. Everything that can
 * be wrong is found out before the first question is answered, and told in one line.
 */
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/dns/front.h"
#include "proto/net/daemon_metrics.h"
#include "proto/net/file.h"
#include "proto/net/log.h"
#include "proto/net/prove.h"
#include "proto/web/web.h"
#include "resolver/anchor.h"
#include "resolver/control.h"
#include "resolver/finder.h"
#include "resolver/metrics.h"
#include "resolver/own.h"
#include "resolver/rootdns.h"
#include "resolver/service.h"
#include "resolver/stricter.h"

enum {
	EXIT_DATA = 75,
	SOCKETS = 2 * ENGINE_WALKS_MAX, /* for questions of ours, where there are so many */
	RETIRED_S = 30,			/* no walk takes that long (BUDGET_MS) */
	ANCHORS_MAX_OCTETS = 1 << 20,
	ROOT_WAIT_MS = 5000, /* the first time, for DNS to say where the root is */
};

/* A configuration with all that borrows from it. */
struct era {
	struct era *next; /* the one before */
	struct resolver_options *options;
	struct policy *policy;
	hlv_mono_ns ended_ns;
};

/* All that main owns. */
struct helver {
	struct hlv_daemon d;
	struct web web;
	struct hlv_daemon_window *window; /* of latencies */
	bool insecure;			  /* as it was started */
	struct hlv_dns_shared dns;
	struct era *era; /* newest first: walks of the former ones may be under way */
	struct own own;
	struct hlv_prove_identity copier;
	struct anchors *anchors; /* until the recursor has them */
	struct cache *cache;
	struct keep *keep;
	struct copies *copies;
	struct recursor *recursor;
	struct rootdns *rootdns; /* NULL: DNS is not asked */
	struct control *control;
	size_t sockets; /* for questions of ours */
	struct resolver *resolvers[HLV_DAEMON_WORKERS];
	char anchors_path[PATH_MAX], copies_path[PATH_MAX], rootdns_path[PATH_MAX];
};

static int help(void)
{
	puts("usage: helver -c FILE [-C]\n"
	     "  -c FILE  configuration (helvectl init --resolver writes one)\n"
	     "  -C       check the configuration and exit\n"
	     "  -s       print the documented sample configuration\n"
	     "  -V -h    version, help");
	return 0;
}

static int wrong_usage(void)
{
	fputs("helver: wrong usage: helver -c FILE [-C]: see helver -h\n", stderr);
	return 2;
}

/* --- configuration --- */

static void set_log(const struct resolver_options *o)
{
	enum hlv_log_level level;
	if (hlv_log_level_parse(o->log_level, &level))
		hlv_log_set_level(level);
	enum hlv_log_format format;
	if (hlv_log_format_parse(o->log_format, &format))
		hlv_log_set_format(format);
}

static void era_free(struct era *e)
{
	if (!e)
		return;
	policy_free(e->policy);
	if (e->options)
		hlv_conf_free(resolver_option_rows, resolver_option_count, e->options);
	free(e->options);
	free(e);
}

static enum hlv_err load_options(const char *path, struct resolver_options **out, char *why)
{
	struct resolver_options *o = calloc(1, sizeof *o);
	if (!o)
		return HLV_E_NOMEM;
	enum hlv_err err =
		hlv_conf_load(path, resolver_option_rows, resolver_option_count, o, why);
	if (err == HLV_OK && *o->root_domain)
		err = finder_check(o->root_domain, &o->dns_anchor, why);
	if (err == HLV_OK)
		err = hlv_dns_check(&o->dns, why);
	if (err == HLV_OK)
		err = hlv_schemes_load(&o->schemes, path, &o->scheme_rules, why);
	if (err != HLV_OK) {
		hlv_conf_free(resolver_option_rows, resolver_option_count, o);
		free(o);
		return err;
	}
	o->web.schemes = &o->scheme_rules;
	set_log(o);
	*out = o;
	return HLV_OK;
}

static void paths(struct helver *h, const struct resolver_options *o)
{
	if (*o->anchors)
		snprintf(h->anchors_path, sizeof h->anchors_path, "%s", o->anchors);
	else
		snprintf(h->anchors_path, sizeof h->anchors_path, "%s/anchors.json",
			 o->data_dir);
	snprintf(h->rootdns_path, sizeof h->rootdns_path, "%s/root-dns.txt", o->data_dir);
	snprintf(h->copies_path, sizeof h->copies_path, "%s/copies", o->data_dir);
}

/* --- anchors --- */

/* The keys of the root's servers are anchors for everything; a key that the file has in whatever state
 * stays in that state. */
static enum hlv_err add_root_keys(struct anchors *a, struct hlv_bytes octets, uint64_t now_ms)
{
	size_t unusable;
	if (octets.n == 0)
		return HLV_OK;
	HLV_TRY(anchors_add_site(a, octets, now_ms, &unusable));
	if (unusable > 0)
		hlv_warn("anchors.root", "unusable_keys=%zu", unusable);
	return HLV_OK;
}

static enum hlv_err load_anchors(struct helver *h, const struct resolver_options *o)
{
	struct hlv_buf file = {0};
	char why[HLV_DAEMON_WHY] = "";
	paths(h, o);
	h->anchors = calloc(1, sizeof *h->anchors);
	if (!h->anchors)
		return HLV_E_NOMEM;
	enum hlv_err err = HLV_OK;
	if (access(h->anchors_path, F_OK) == 0) {
		err = hlv_file_read(h->anchors_path, ANCHORS_MAX_OCTETS, &file, h->d.why);
		if (err == HLV_OK)
			err = anchors_parse(hlv_buf_bytes(&file), h->anchors, why);
		if (err != HLV_OK && *why)
			snprintf(h->d.why, sizeof h->d.why, "%s: %s", h->anchors_path, why);
	}
	hlv_buf_free(&file);
	h->anchors->insecure = o->insecure;
	return err;
}

/* threats.md 7, "Anchors": none at all is a choice that must be written down. */
static enum hlv_err check_anchors(struct helver *h)
{
	for (size_t i = 0; i < h->anchors->n; i++)
		if (anchor_is_believed(&h->anchors->list[i]))
			return HLV_OK;
	if (h->era->options->insecure)
		return HLV_OK;
	snprintf(h->d.why, sizeof h->d.why,
		 "no trust anchor is believed: give 'root' a site record with keys, add one "
		 "with "
		 "helvectl anchor, or write 'insecure: true' into %s",
		 h->d.path);
	return HLV_E_KEY;
}

static enum hlv_err load_policy(struct helver *h)
{
	struct era *e = h->era;
	HLV_TRY(load_anchors(h, e->options));
	HLV_TRY(policy_load(e->options, h->anchors, &e->policy, h->d.why));
	policy_set_serial(e->policy, h->own.serial);
	HLV_TRY(add_root_keys(h->anchors, policy_root(e->policy), hlv_clock().wall_ms));
	return check_anchors(h);
}

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

static void forget_unproven(struct engine *engine, struct anchors *anchors, void *ctx)
{
	const struct helver *h = ctx;
	(void)engine;
	(void)stricter_apply(h->era->options->data_dir, &policy_rules(h->era->policy)->validate,
			     anchors, h->cache);
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
	forget_unproven(NULL, h->anchors, h);
	return HLV_OK;
}

static enum hlv_err read_copier(struct helver *h)
{
	const struct resolver_options *o = h->era->options;
	if (!*o->copy_key)
		return HLV_OK;
	return hlv_prove_read_key(&h->copier, o->copy_key, h->d.why);
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
	if (policy_root(h->era->policy).n == 0)
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

static struct resolver_shared shared_of(const struct helver *h, const struct era *e)
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

static enum hlv_err start_workers(struct helver *h)
{
	struct resolver_shared shared = shared_of(h, h->era);
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

/* Without an anchor that is believed nothing can be proven; whether a root is there was looked at before
 * the start. */
static const char *unready(void *ctx, char room[256])
{
	const struct helver *h = ctx;
	struct engine_stats stats;
	uint64_t anchors;
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
	HLV_TRY(load_policy(h));
	HLV_TRY(open_cache(h));
	HLV_TRY(read_copier(h));
	HLV_TRY(hlv_daemon_drop(&h->d, o->user));
	HLV_TRY(hlv_daemon_open_query_log(&h->d, &h->era->options->limits));
	HLV_TRY(start_copies(h));
	HLV_TRY(start_recursor(h));
	HLV_TRY(start_rootdns(h));
	HLV_TRY(start_control(h));
	return start_workers(h);
}

/* --- reload --- */

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

/* Sockets stay: where the file leaves the port to the system, it is the one that we have. */
static void keep_ports(struct hlv_addrs *listen, const struct hlv_addrs *now)
{
	for (size_t i = 0; i < listen->n && i < now->n; i++)
		if (hlv_addr_port(&listen->list[i]) == 0)
			listen->list[i] = now->list[i];
}

static enum hlv_err load_era(struct helver *h, struct era **out)
{
	struct era *e = calloc(1, sizeof *e);
	if (!e)
		return HLV_E_NOMEM;
	enum hlv_err err = load_options(h->d.path, &e->options, h->d.why);
	if (err == HLV_OK) {
		keep_ports(&e->options->listen, h->d.listen);
		keep_ports(&e->options->http, h->d.streams[0].addrs);
		keep_ports(&e->options->dns.listen, h->d.streams[1].addrs);
		err = policy_load(e->options, h->anchors, &e->policy, h->d.why);
	}
	if (err != HLV_OK) {
		set_log(h->era->options);
		era_free(e);
		return err;
	}
	policy_set_serial(e->policy, h->own.serial);
	*out = e;
	return HLV_OK;
}

static void add_keys(struct engine *engine, struct anchors *anchors, void *ctx)
{
	const struct policy *policy = ctx;
	(void)engine;
	if (add_root_keys(anchors, policy_root(policy), hlv_clock().wall_ms) != HLV_OK)
		hlv_warn("anchors.root", "error=\"unreadable\"");
}

static void free_retired(struct helver *h, hlv_mono_ns now_ns)
{
	struct era **at = &h->era->next;
	while (*at && now_ns - (*at)->ended_ns < RETIRED_S * UINT64_C(1000000000))
		at = &(*at)->next;
	while (*at) {
		struct era *e = *at;
		*at = e->next;
		era_free(e);
	}
}

/* Read everything first; a bad file changes nothing. Policy, rules, limits and log level change;
 * sockets, workers, cache, copies and keys need a restart. */
static void reload(void *ctx)
{
	struct helver *h = ctx;
	struct era *e;
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	if (load_era(h, &e) != HLV_OK) {
		hlv_error("reload", "%s (nothing was changed)", h->d.why);
		return;
	}
	h->d.listen = &e->options->listen;
	h->d.streams[0].addrs = &e->options->http;
	h->d.streams[1].addrs = &e->options->dns.listen;
	hlv_daemon_fit(&h->d, &e->options->limits, h->sockets);
	recursor_call(h->recursor, add_keys, e->policy);
	recursor_set_rules(h->recursor, policy_rules(e->policy));
	struct resolver_shared shared = shared_of(h, e);
	for (unsigned i = 0; i < h->d.nworkers; i++) {
		struct handover give = {&e->options->limits, &e->options->web, &shared,
					h->resolvers[i]};
		hlv_worker_call(h->d.workers[i], hand_over, &give);
	}
	h->era->ended_ns = now_ns;
	e->next = h->era;
	h->era = e;
	recursor_call(h->recursor, forget_unproven, h);
	free_retired(h, now_ns);
	if (h->rootdns)
		rootdns_look_again(h->rootdns);
	if (hlv_daemon_open_query_log(&h->d, &h->era->options->limits) != HLV_OK)
		hlv_error("reload", "%s (the former one is kept)", h->d.why);
	hlv_info("reload", "path=%s", h->d.path);
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
	for (struct era *e = h->era, *next; e; e = next) {
		next = e->next;
		era_free(e);
	}
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
		hlv_daemon_serve(&h->d, &signals, reload, h);
	else
		fprintf(stderr, "helver: %s\n", *h->d.why ? h->d.why : hlv_strerror(err));
	stop(h);
	return err == HLV_OK ? 0 : 1;
}

/* All that can be checked without a socket. */
static int check(struct helver *h)
{
	enum hlv_err err = load_policy(h);
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
	bool checks = false;
	int opt;
	opterr = 0; /* one line is said, by us */
	while ((opt = getopt(argc, argv, "c:CshV")) != -1) {
		switch (opt) {
		case 'c':
			h.d.path = optarg;
			break;
		case 'C':
			checks = true;
			break;
		case 's':
			hlv_conf_sample(resolver_option_rows, resolver_option_count);
			return 0;
		case 'h':
			return help();
		case 'V':
			puts("helver " HELVE_VERSION);
			return 0;
		default:
			return wrong_usage();
		}
	}
	if (!h.d.path || optind < argc)
		return wrong_usage();
	h.era = calloc(1, sizeof *h.era);
	if (!h.era || load_options(h.d.path, &h.era->options, h.d.why) != HLV_OK) {
		fprintf(stderr, "helver: %s\n", *h.d.why ? h.d.why : "out of memory");
		return 1;
	}
	return checks ? check(&h) : run(&h);
}
