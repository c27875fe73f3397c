/* SPDX-License-Identifier: Apache-2.0
 *
 * helved: arguments, configuration, sockets, privileges, start, reload, stop. Everything that can
 * be wrong is found out before the first question is answered, and told in one line.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/net/local.h"
#include "proto/net/log.h"
#include "proto/net/loop.h"
#include "server/node.h"

enum { WHY = 512, WORKERS_MAX = 256, ADDRS_MAX = 64, EXIT_REGISTRY = 75 };

/* All that main owns. */
struct daemon {
	const char *path; /* of the configuration */
	struct server_options *options;
	struct node *node;
	struct store *store;
	struct registrar_rules *rules;
	struct registrar *registrar;
	struct hlv_verified *verified;
	int lock;
	int control; /* the socket; 0: none */
	char control_path[PATH_MAX];
	unsigned nworkers;
	struct hlv_sockets sockets[WORKERS_MAX][ADDRS_MAX];
	struct server *servers[WORKERS_MAX];
	struct hlv_worker *workers[WORKERS_MAX];
	char why[WHY];
};

static int help(void)
{
	puts("usage: helved -c FILE [-C]\n"
	     "  -c FILE  configuration (helvectl init writes one)\n"
	     "  -C       check the configuration and exit\n"
	     "  -s       print the documented sample configuration\n"
	     "  -V -h    version, help");
	return 0;
}

static int wrong_usage(void)
{
	fputs("helved: wrong usage: helved -c FILE [-C]: see helved -h\n", stderr);
	return 2;
}

/* One server on one registry: the lock also tells helvectl that we run, and who we are. */
static enum hlv_err take_lock(struct daemon *d)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/helved.lock", d->options->data_dir);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (d->lock < 0) {
		snprintf(d->why, WHY, "%s: %s: make the node with helvectl init",
			 d->options->data_dir, strerror(errno));
		return HLV_E_IO;
	}
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
		snprintf(d->why, WHY,
			 "%s: another helved (or a helvectl that writes) uses this registry",
			 d->options->data_dir);
		return HLV_E_BUSY;
	}
	char pid[16];
	int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) != 0 || pwrite(d->lock, pid, (size_t)n, 0) != n)
		hlv_warn("lock.pid", "path=%s error=%s", path, strerror(errno));
	return HLV_OK;
}

static enum hlv_err open_store(struct daemon *d)
{
	struct store_lmdb_options o = {.map_size = (size_t)d->options->map_size,
				       .verify_later = true};
	return store_lmdb_open(d->options->data_dir, &o, &d->store, d->why);
}

static enum hlv_err bind_sockets(struct daemon *d)
{
	struct hlv_addrs *listen = &d->options->listen;
	if (listen->n > ADDRS_MAX) {
		snprintf(d->why, WHY, "%s: listen: more than %d addresses", d->path, ADDRS_MAX);
		return HLV_E_LIMIT;
	}
	for (size_t i = 0; i < listen->n; i++)
		for (unsigned w = 0; w < d->nworkers; w++)
			HLV_TRY(hlv_sockets_bind(&listen->list[i], &d->sockets[w][i], d->why));
	return HLV_OK;
}

/* Beside the data directory unless told otherwise; there a path that is too long for a socket is
 * lived without. */
static enum hlv_err bind_control(struct daemon *d)
{
	node_path(d->options, d->options->control, "helved.sock", d->control_path);
	enum hlv_err err = hlv_local_bind(d->control_path, 0660, &d->control, d->why);
	if (err == HLV_OK)
		return HLV_OK;
	d->control = 0;
	*d->control_path = '\0';
	if (err != HLV_E_USAGE || *d->options->control)
		return err;
	hlv_warn("control", "%s (helvectl works beside a stopped server only)", d->why);
	*d->why = '\0';
	return HLV_OK;
}

/* SO_REUSEPORT would let two servers of one user share an address without a word. */
static enum hlv_err check_ports_free(struct daemon *d)
{
	struct hlv_addrs *listen = &d->options->listen;
	for (size_t i = 0; i < listen->n; i++) {
		struct hlv_addr *a = &listen->list[i];
		if (hlv_addr_port(a) == 0)
			continue;
		int types[] = {SOCK_STREAM, SOCK_DGRAM};
		for (int t = 0; t < 2; t++) {
			int fd = socket(a->sa.any.sa_family, types[t] | SOCK_CLOEXEC, 0);
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){t == 0}, sizeof(int));
			if (a->sa.any.sa_family == AF_INET6)
				setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1},
					   sizeof(int));
			int bound = bind(fd, &a->sa.any, a->len);
			int err = errno;
			close(fd);
			if (bound == 0 || err != EADDRINUSE)
				continue;
			char text[HLV_ADDR_TEXT];
			snprintf(d->why, WHY,
				 "cannot listen on %s: taken by another program: stop it or "
				 "change 'listen' in %s",
				 hlv_addr_print(a, text), d->path);
			return HLV_E_BUSY;
		}
	}
	return HLV_OK;
}

static enum hlv_err drop_privileges(struct daemon *d)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!*d->options->user)
		return HLV_OK;
	const struct passwd *pw = getpwnam(d->options->user);
	if (!pw) {
		snprintf(d->why, WHY, "%s: user: there is no account '%s'", d->path,
			 d->options->user);
		return HLV_E_USAGE;
	}
	if (d->control && chown(d->control_path, pw->pw_uid, pw->pw_gid) != 0)
		hlv_warn("control", "path=%s error=%s", d->control_path, strerror(errno));
	if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
		snprintf(d->why, WHY, "cannot change to user '%s': %s", d->options->user,
			 strerror(errno));
		return HLV_E_PERMISSION;
	}
	return HLV_OK;
}

/* As many descriptors as the connections that are allowed may need; where the system gives fewer,
 * fewer connections: then the longest idle one makes room, and a reload finds descriptors left. */
static void fit_descriptors(const struct daemon *d, struct server_options *o)
{
	rlim_t others = 32 + (rlim_t)d->nworkers * (4 + 3 * o->listen.n);
	rlim_t want = others + (rlim_t)o->limits.tcp_connections * d->nworkers;
	struct rlimit rl;
	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur >= want)
		return;
	rlim_t had = rl.rlim_cur;
	rl.rlim_cur = want < rl.rlim_max ? want : rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		rl.rlim_cur = had;
	if (rl.rlim_cur >= want)
		return;
	rlim_t each = rl.rlim_cur > others ? (rl.rlim_cur - others) / d->nworkers : 0;
	o->limits.tcp_connections = each > 0 ? (uint32_t)each : 1;
	hlv_warn("limits.descriptors",
		 "have=%llu want=%llu tcp_connections=%u hint=raise_LimitNOFILE",
		 (unsigned long long)rl.rlim_cur, (unsigned long long)want,
		 o->limits.tcp_connections);
}

/* The workers' counters, as members of the status object. */
static void put_counters(void *ctx, struct hlv_buf *json)
{
	const struct daemon *d = ctx;
	struct hlv_stats sum = {0};
	for (unsigned i = 0; i < d->nworkers; i++) {
		if (!d->workers[i])
			continue;
		const struct hlv_stats *s = hlv_worker_stats(d->workers[i]);
#define X(name) sum.name += s->name;
		HLV_STATS(X)
#undef X
	}
	hlv_buf_printf(json, ",\"workers\":%u,\"counters\":{", d->nworkers);
	const char *comma = "";
#define X(name)                                                                                \
	hlv_buf_printf(json, "%s\"" #name "\":%llu", comma, (unsigned long long)sum.name);     \
	comma = ",";
	HLV_STATS(X)
#undef X
	hlv_buf_str(json, "}");
}

static enum hlv_err make_rules(struct daemon *d, const struct server_options *o,
			       const struct node *node, struct registrar_rules **out)
{
	struct registrar_rules *rules = calloc(1, sizeof *rules);
	if (!rules)
		return HLV_E_NOMEM;
	node_rules(o, node, rules);
	rules->put_counters = put_counters;
	rules->ctx = d;
	*out = rules;
	return HLV_OK;
}

static enum hlv_err start_registrar(struct daemon *d)
{
	HLV_TRY(make_rules(d, d->options, d->node, &d->rules));
	return registrar_start(d->store, d->node, d->rules, &d->registrar, d->why);
}

static enum hlv_err start_workers(struct daemon *d)
{
	uint64_t secret;
	if (getentropy(&secret, sizeof secret) != 0)
		return HLV_E_IO;
	d->verified = hlv_verified_new(secret);
	if (!d->verified)
		return HLV_E_NOMEM;
	for (unsigned i = 0; i < d->nworkers; i++) {
		d->servers[i] = server_new(d->store, d->node, d->registrar);
		if (!d->servers[i])
			return HLV_E_NOMEM;
		struct hlv_worker_options o = {
			.service = server_service(d->servers[i]),
			.limits = &d->options->limits,
			.verified = d->verified,
			.sockets = d->sockets[i],
			.n = d->options->listen.n,
			.tls = d->node->tls,
			.control = i == 0 ? d->control : 0,
			.number = i,
		};
		d->workers[i] = hlv_worker_start(&o);
		if (!d->workers[i])
			return HLV_E_NOMEM;
	}
	return HLV_OK;
}

/* sd_notify(3), which is one datagram. */
static void notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (!path || !*path || strlen(path) >= sizeof sa.sun_path)
		return;
	memcpy(sa.sun_path, path, strlen(path));
	if (sa.sun_path[0] == '@')
		sa.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa, len) < 0)
		hlv_warn("notify", "error=%s", strerror(errno));
	close(fd);
}

static void free_options(struct server_options *o)
{
	if (o)
		hlv_conf_free(server_option_rows, server_option_count, o);
	free(o);
}

/* A configuration for a later version is not wrong, but nobody should wait for an answer there. */
static void warn_of_unbuilt(const struct server_options *o)
{
	const char *names[] = {o->http.n ? "http" : NULL, o->dns.n ? "dns" : NULL};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i])
			hlv_warn("conf.unbuilt",
				 "option=%s hint=this_version_does_not_listen_there", names[i]);
}

static void set_log_level(const struct server_options *o)
{
	enum hlv_log_level level;
	if (hlv_log_level_parse(o->log_level, &level))
		hlv_log_set_level(level);
}

static enum hlv_err load_options(const char *path, struct server_options **out, char *why)
{
	struct server_options *o = calloc(1, sizeof *o);
	if (!o)
		return HLV_E_NOMEM;
	enum hlv_err err = hlv_conf_load(path, server_option_rows, server_option_count, o, why);
	if (err != HLV_OK) {
		free_options(o);
		return err;
	}
	set_log_level(o);
	warn_of_unbuilt(o);
	*out = o;
	return HLV_OK;
}

/* What a reload gives a worker. */
struct handover {
	const struct hlv_limits *limits;
	const struct node *node;
	struct server *server;
	enum hlv_err err;
};

static void hand_over(struct hlv_front *front, void *ctx)
{
	struct handover *h = ctx;
	front->limits = h->limits;
	front->tls = h->node->tls;
	h->err = server_set_node(h->server, h->node);
}

/* Read everything first; a bad file changes nothing. Limits, site, key and log level change;
 * sockets, workers and the registry need a restart. The former ones are freed when every worker
 * has taken the new ones. */
static void reload(struct daemon *d)
{
	struct server_options *options;
	struct node *node;
	if (load_options(d->path, &options, d->why) != HLV_OK) {
		hlv_error("reload", "%s (nothing was changed)", d->why);
		return;
	}
	if (node_load(options, &node, d->why) != HLV_OK) {
		set_log_level(d->options);
		hlv_error("reload", "%s (nothing was changed)", d->why);
		free_options(options);
		return;
	}
	struct registrar_rules *rules;
	if (make_rules(d, options, node, &rules) != HLV_OK) {
		hlv_error("reload", "out of memory (nothing was changed)");
		node_free(node);
		free_options(options);
		return;
	}
	fit_descriptors(d, options);
	registrar_set(d->registrar, node, rules);
	for (unsigned i = 0; i < d->nworkers; i++) {
		struct handover h = {&options->limits, node, d->servers[i], HLV_OK};
		hlv_worker_call(d->workers[i], hand_over, &h);
		hlv_require(h.err == HLV_OK);
	}
	node_free(d->node);
	free_options(d->options);
	free(d->rules);
	d->node = node;
	d->options = options;
	d->rules = rules;
	hlv_info("reload", "serial=%u", d->node->serial);
}

static void log_stats(const struct daemon *d)
{
	for (unsigned i = 0; i < d->nworkers; i++) {
		const struct hlv_stats *s = hlv_worker_stats(d->workers[i]);
		hlv_info(
			"stats",
			"worker=%u udp=%llu stubs=%llu dropped=%llu tcp=%llu "
			"accepted=%llu evicted=%llu timeouts=%llu malformed=%llu",
			i, (unsigned long long)s->udp_queries, (unsigned long long)s->udp_stubs,
			(unsigned long long)s->udp_dropped, (unsigned long long)s->tcp_queries,
			(unsigned long long)s->tcp_accepted, (unsigned long long)s->tcp_evicted,
			(unsigned long long)s->tcp_timeouts,
			(unsigned long long)s->tcp_malformed);
	}
}

static void stop(struct daemon *d)
{
	registrar_hurry(d->registrar);
	for (unsigned i = 0; i < d->nworkers; i++)
		if (d->workers[i])
			hlv_worker_stop(d->workers[i]);
	for (unsigned i = 0; i < d->nworkers; i++)
		server_free(d->servers[i]);
	registrar_stop(d->registrar);
	if (*d->control_path)
		unlink(d->control_path);
	if (d->store)
		d->store->ops->close(d->store);
	node_free(d->node);
	hlv_verified_free(d->verified);
	free_options(d->options);
	free(d->rules);
	if (d->lock >= 0)
		close(d->lock);
}

/* Told when all is well: who fails to start says one line, why. */
static void log_listen(const struct daemon *d)
{
	const struct hlv_addrs *listen = &d->options->listen;
	char text[HLV_ADDR_TEXT];
	for (size_t i = 0; i < listen->n; i++)
		hlv_info("listen", "address=%s workers=%u",
			 hlv_addr_print(&listen->list[i], text), d->nworkers);
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

static void serve(struct daemon *d, const sigset_t *signals)
{
	log_listen(d);
	fputs("ready\n", stderr);
	notify("READY=1");
	for (;;) {
		int sig = sigwaitinfo(signals, NULL);
		switch (sig) {
		case SIGHUP:
			reload(d);
			break;
		case SIGUSR1:
			log_stats(d);
			break;
		case SIGTERM:
		case SIGINT:
			notify("STOPPING=1");
			log_stats(d);
			hlv_info("stop", "signal=%s", strsignal(sig));
			return;
		}
	}
}

static enum hlv_err prepare(struct daemon *d)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	d->nworkers = d->options->workers ? d->options->workers
		      : cores > 0	  ? (unsigned)cores
					  : 1;
	if (d->nworkers > WORKERS_MAX)
		d->nworkers = WORKERS_MAX;
	HLV_TRY(take_lock(d));
	HLV_TRY(node_load(d->options, &d->node, d->why));
	HLV_TRY(check_ports_free(d));
	HLV_TRY(bind_sockets(d));
	HLV_TRY(bind_control(d));
	fit_descriptors(d, d->options);
	HLV_TRY(open_store(d));
	HLV_TRY(drop_privileges(d));
	HLV_TRY(start_registrar(d));
	return start_workers(d);
}

static int run(struct daemon *d)
{
	/* Blocked before the first thread, so that all inherit it: signals come to main alone. */
	sigset_t signals;
	sigemptyset(&signals);
	int wanted[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		sigaddset(&signals, wanted[i]);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGBUS, on_sigbus);

	enum hlv_err err = prepare(d);
	if (err == HLV_OK)
		serve(d, &signals);
	else
		fprintf(stderr, "helved: %s\n", *d->why ? d->why : hlv_strerror(err));
	stop(d);
	return err == HLV_OK ? 0 : 1;
}

int main(int argc, char **argv)
{
	static struct daemon d = {.lock = -1};
	bool check = false;
	int opt;
	opterr = 0; /* one line is said, by us */
	while ((opt = getopt(argc, argv, "c:CshV")) != -1) {
		switch (opt) {
		case 'c':
			d.path = optarg;
			break;
		case 'C':
			check = true;
			break;
		case 's':
			hlv_conf_sample(server_option_rows, server_option_count);
			return 0;
		case 'h':
			return help();
		case 'V':
			puts("helved " HELVE_VERSION);
			return 0;
		default:
			return wrong_usage();
		}
	}
	if (!d.path || optind < argc)
		return wrong_usage();
	if (load_options(d.path, &d.options, d.why) != HLV_OK) {
		fprintf(stderr, "helved: %s\n", d.why);
		return 1;
	}
	if (!check)
		return run(&d);
	puts("configuration is fine");
	free_options(d.options);
	return 0;
}
