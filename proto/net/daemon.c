/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/net/local.h"
#include "proto/net/log.h"

void hlv_daemon_signals(sigset_t *signals)
{
	static const int wanted[] = {SIGHUP, SIGTERM, SIGINT, SIGUSR1};
	sigemptyset(signals);
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
		sigaddset(signals, wanted[i]);
	sigprocmask(SIG_BLOCK, signals, NULL);
	signal(SIGPIPE, SIG_IGN);
}

/* --- start --- */

static void count_workers(struct hlv_daemon *d, uint32_t configured)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	d->nworkers = configured ? configured : cores > 0 ? (unsigned)cores : 1;
	if (d->nworkers > HLV_DAEMON_WORKERS)
		d->nworkers = HLV_DAEMON_WORKERS;
}

/* One daemon on one directory: the lock also tells helvectl that we run, and who we are. */
enum hlv_err hlv_daemon_lock(struct hlv_daemon *d, const char *dir, uint32_t workers)
{
	char path[HLV_DAEMON_PATH];
	count_workers(d, workers);
	d->started = hlv_clock();
	snprintf(path, sizeof path, "%s/%s.lock", dir, d->name);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (d->lock < 0) {
		snprintf(d->why, sizeof d->why, "%s: %s: make it with helvectl init", dir,
			 strerror(errno));
		return HLV_E_IO;
	}
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0) {
		snprintf(d->why, sizeof d->why,
			 "%s: another %s (or a helvectl that writes) uses this directory", dir,
			 d->name);
		return HLV_E_BUSY;
	}
	char pid[16];
	int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) != 0 || pwrite(d->lock, pid, (size_t)n, 0) != n)
		hlv_warn("lock.pid", "path=%s error=%s", path, strerror(errno));
	return HLV_OK;
}

/* SO_REUSEPORT would let two servers of one user share an address without a word. */
static enum hlv_err check_port_free(struct hlv_daemon *d, const struct hlv_addr *a, int type,
				    const char *option)
{
	char text[HLV_ADDR_TEXT];
	if (hlv_addr_port(a) == 0)
		return HLV_OK;
	int fd = socket(a->sa.any.sa_family, type | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){type == SOCK_STREAM}, sizeof(int));
	if (a->sa.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
	int bound = bind(fd, &a->sa.any, a->len);
	int err = errno;
	close(fd);
	if (bound == 0 || err != EADDRINUSE)
		return HLV_OK;
	snprintf(d->why, sizeof d->why,
		 "cannot listen on %s: taken by another program: stop it or change '%s' in %s",
		 hlv_addr_print(a, text), option, d->path);
	return HLV_E_BUSY;
}

static enum hlv_err check_count(struct hlv_daemon *d, const struct hlv_addrs *addrs,
				const char *option)
{
	if (addrs->n <= HLV_DAEMON_ADDRS)
		return HLV_OK;
	snprintf(d->why, sizeof d->why, "%s: %s: more than %d addresses", d->path, option,
		 HLV_DAEMON_ADDRS);
	return HLV_E_LIMIT;
}

static enum hlv_err bind_stream(struct hlv_daemon *d, struct hlv_daemon_stream *s)
{
	HLV_TRY(check_count(d, s->addrs, s->option));
	for (size_t i = 0; i < s->addrs->n; i++) {
		struct hlv_addr *a = &s->addrs->list[i];
		HLV_TRY(check_port_free(d, a, SOCK_STREAM, s->option));
		if (s->datagrams)
			HLV_TRY(check_port_free(d, a, SOCK_DGRAM, s->option));
		for (unsigned w = 0; w < d->nworkers; w++) {
			struct hlv_sockets *fds = &s->fds[w][i];
			HLV_TRY(s->datagrams
					? hlv_sockets_bind(a, s->option, fds, d->why)
					: hlv_stream_bind(a, s->option, &fds->tcp, d->why));
		}
	}
	return HLV_OK;
}

enum { STREAMS = sizeof((struct hlv_daemon *)0)->streams / sizeof(struct hlv_daemon_stream) };

enum hlv_err hlv_daemon_bind(struct hlv_daemon *d)
{
	struct hlv_addrs *listen = d->listen;
	HLV_TRY(check_count(d, listen, "listen"));
	for (size_t i = 0; i < listen->n; i++) {
		struct hlv_addr *a = &listen->list[i];
		HLV_TRY(check_port_free(d, a, SOCK_STREAM, "listen"));
		HLV_TRY(check_port_free(d, a, SOCK_DGRAM, "listen"));
		for (unsigned w = 0; w < d->nworkers; w++)
			HLV_TRY(hlv_sockets_bind(a, "listen", &d->sockets[w][i], d->why));
	}
	for (size_t i = 0; i < STREAMS; i++)
		if (d->streams[i].addrs)
			HLV_TRY(bind_stream(d, &d->streams[i]));
	return HLV_OK;
}

enum hlv_err hlv_daemon_bind_control(struct hlv_daemon *d, const char *path, bool must)
{
	snprintf(d->control_path, sizeof d->control_path, "%s", path);
	enum hlv_err err = hlv_local_bind(d->control_path, 0660, &d->control, d->why);
	if (err == HLV_OK)
		return HLV_OK;
	d->control = 0;
	*d->control_path = '\0';
	if (err != HLV_E_USAGE || must)
		return err;
	hlv_warn("control", "%s (helvectl works beside a stopped %s only)", d->why, d->name);
	*d->why = '\0';
	return HLV_OK;
}

size_t hlv_daemon_share(size_t most)
{
	struct rlimit rl;
	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_max / 4 >= most)
		return most;
	return (size_t)rl.rlim_max / 4;
}

void hlv_daemon_fit(const struct hlv_daemon *d, struct hlv_limits *limits, size_t others)
{
	rlim_t own = 32 + (rlim_t)others + (rlim_t)d->nworkers * (4 + 3 * d->listen->n);
	for (size_t i = 0; i < STREAMS; i++)
		if (d->streams[i].addrs)
			own += (rlim_t)d->nworkers * 3 * d->streams[i].addrs->n;
	rlim_t want = own + (rlim_t)limits->tcp_connections * d->nworkers;
	struct rlimit rl;
	if (getrlimit(RLIMIT_NOFILE, &rl) != 0 || rl.rlim_cur >= want)
		return;
	rlim_t had = rl.rlim_cur;
	rl.rlim_cur = want < rl.rlim_max ? want : rl.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &rl) != 0)
		rl.rlim_cur = had;
	if (rl.rlim_cur >= want)
		return;
	rlim_t each = rl.rlim_cur > own ? (rl.rlim_cur - own) / d->nworkers : 0;
	limits->tcp_connections = each > 0 ? (uint32_t)each : 1;
	hlv_warn("limits.descriptors",
		 "have=%llu want=%llu tcp_connections=%u hint=raise_LimitNOFILE",
		 (unsigned long long)rl.rlim_cur, (unsigned long long)want,
		 limits->tcp_connections);
}

enum hlv_err hlv_daemon_check_user(struct hlv_daemon *d, const char *user)
{
	if (!*user || getpwnam(user))
		return HLV_OK;
	snprintf(d->why, sizeof d->why, "%s: user: there is no account '%s'", d->path, user);
	return HLV_E_USAGE;
}

enum hlv_err hlv_daemon_drop(struct hlv_daemon *d, const char *user)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	HLV_TRY(hlv_daemon_check_user(d, user));
	const struct passwd *pw = *user ? getpwnam(user) : NULL;
	if (!pw)
		return HLV_OK;
	if (d->control && chown(d->control_path, pw->pw_uid, pw->pw_gid) != 0)
		hlv_warn("control", "path=%s error=%s", d->control_path, strerror(errno));
	if (setgroups(0, NULL) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
		snprintf(d->why, sizeof d->why, "cannot change to user '%s': %s", user,
			 strerror(errno));
		return HLV_E_PERMISSION;
	}
	return HLV_OK;
}

static size_t list_streams(const struct hlv_daemon *d, unsigned worker,
			   struct hlv_stream list[STREAMS * HLV_DAEMON_ADDRS])
{
	size_t n = 0;
	for (size_t i = 0; i < STREAMS; i++) {
		const struct hlv_daemon_stream *s = &d->streams[i];
		for (size_t k = 0; s->addrs && k < s->addrs->n; k++)
			list[n++] = (struct hlv_stream){.fd = s->fds[worker][k].tcp,
							.speech = s->speech,
							.shared = s->shared,
							.udp = s->fds[worker][k].udp,
							.datagrams = s->datagrams};
	}
	return n;
}

enum hlv_err hlv_daemon_start_worker(struct hlv_daemon *d, unsigned number,
				     struct hlv_service *service,
				     const struct hlv_limits *limits, const struct hlv_tls *tls)
{
	uint64_t secret;
	if (!d->verified) {
		if (getentropy(&secret, sizeof secret) != 0)
			return HLV_E_IO;
		d->verified = hlv_verified_new(secret);
	}
	if (!d->verified)
		return HLV_E_NOMEM;
	struct hlv_stream streams[STREAMS * HLV_DAEMON_ADDRS];
	struct hlv_worker_options o = {
		.service = service,
		.limits = limits,
		.web = d->web,
		.verified = d->verified,
		.sockets = d->sockets[number],
		.n = d->listen->n,
		.streams = streams,
		.nstreams = list_streams(d, number, streams),
		.tls = tls,
		.control = number == 0 ? d->control : 0,
		.number = number,
		.query_log = d->query_log,
	};
	struct hlv_worker *w = hlv_worker_start(&o);
	d->workers[number] = w;
	return w ? HLV_OK : HLV_E_NOMEM;
}

/* Told when all is well: who fails to start says one line, why. */
/* --- while it runs --- */

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

void hlv_daemon_put_counters(const struct hlv_daemon *d, struct hlv_buf *json)
{
	struct hlv_stats sum = {0};
	for (unsigned i = 0; i < d->nworkers; i++) {
		struct hlv_worker *w = d->workers[i];
		if (!w)
			continue;
		const struct hlv_stats *s = hlv_worker_stats(w);
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

static void log_stats(const struct hlv_daemon *d)
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

static void tell_ready(const struct hlv_daemon *d)
{
	char text[HLV_ADDR_TEXT];
	for (size_t i = 0; i < d->listen->n; i++)
		hlv_info("listen", "address=%s workers=%u",
			 hlv_addr_print(&d->listen->list[i], text), d->nworkers);
	for (size_t i = 0; i < STREAMS; i++)
		for (size_t k = 0; d->streams[i].addrs && k < d->streams[i].addrs->n; k++)
			hlv_info("listen", "%s=%s workers=%u", d->streams[i].option,
				 hlv_addr_print(&d->streams[i].addrs->list[k], text),
				 d->nworkers);
	/* Scripts wait for that line, whatever the level is; whoever reads JSON gets JSON. */
	fputs(hlv_log_format() == HLV_LOG_JSON ? "{\"event\":\"ready\"}\n" : "ready\n", stderr);
	notify("READY=1");
}

void hlv_daemon_serve(const struct hlv_daemon *d, const sigset_t *signals,
		      void (*reload)(void *ctx), void *ctx)
{
	tell_ready(d);
	for (;;) {
		int sig = sigwaitinfo(signals, NULL);
		switch (sig) {
		case SIGHUP:
			reload(ctx);
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

/* --- the end --- */

void hlv_daemon_stop_workers(struct hlv_daemon *d)
{
	for (unsigned i = 0; i < d->nworkers; i++)
		if (d->workers[i])
			hlv_worker_stop(d->workers[i]);
}

void hlv_daemon_fini(struct hlv_daemon *d)
{
	if (*d->control_path)
		unlink(d->control_path);
	hlv_verified_free(d->verified);
	hlv_query_log_free(d->query_log);
	if (d->lock >= 0)
		close(d->lock);
}
