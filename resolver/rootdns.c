/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/rootdns.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "proto/net/actor.h"
#include "proto/net/file.h"
#include "proto/net/inquire.h"
#include "proto/net/json.h"
#include "proto/net/log.h"
#include "resolver/finder.h"

enum {
	SERVERS_MAX = 8,
	ROUNDS = 2, /* over all servers, for one question */
	WAIT_MS = 1500,
	LOOK_MS = 20000, /* all questions of one look */
	AGAIN_MIN_S = 60,
	AGAIN_MAX_S = 900, /* after failures */
	FILE_MAX = 8192,
	SITES_ROOM = 16384,
};

static const hlv_mono_ns MS_NS = 1000000, S_NS = 1000000000;

struct rootdns {
	struct rootdns_options o;
	struct hlv_addrs given; /* what it points to, in the arena */
	struct hlv_strings anchors;
	struct hlv_arena arena;
	struct hlv_actor *actor;
	int off_fd;
	sem_t first; /* the first look is over */
	/* its thread's */
	struct hlv_rand rand;
	hlv_mono_ns next_ns, until_ns;
	uint32_t again_s; /* after the next failure */
	bool looked;
	struct hlv_addr servers[SERVERS_MAX];
	size_t nservers;
	/* Of what others may read; nothing is taken inside. */
	pthread_mutex_t lock;
	struct places places;
	uint64_t looked_ms;
	char why[FINDER_WHY];
};

/* --- questions --- */

static bool is_cut(struct hlv_bytes answer)
{
	return answer.n > 2 && (answer.p[2] & 0x02); /* TC */
}

/* An error that another server may not have: anything but "no error" and "no such name". */
static bool is_refusal(struct hlv_bytes answer)
{
	unsigned code = answer.n > 3 ? answer.p[3] & 0x0F : 2;
	return code != 0 && code != 3;
}

static enum hlv_err ask_one(struct rootdns *r, const struct hlv_addr *server,
			    struct hlv_bytes query, struct hlv_buf *answer)
{
	hlv_mono_ns now_ns = hlv_clock().mono_ns;
	struct hlv_inquiry q = {
		.to = *server, .wait_ms = WAIT_MS, .off_fd = r->off_fd, .fits = finder_fits};
	if (now_ns >= r->until_ns)
		return HLV_E_TIMEOUT;
	if (r->until_ns - now_ns < WAIT_MS * MS_NS)
		q.wait_ms = (uint32_t)((r->until_ns - now_ns) / MS_NS) + 1;
	hlv_buf_clear(answer);
	enum hlv_err err = hlv_inquire(&q, query, answer);
	if (err != HLV_OK || !is_cut(hlv_buf_bytes(answer)))
		return err;
	q.stream = true;
	hlv_buf_clear(answer);
	return hlv_inquire(&q, query, answer);
}

static enum hlv_err ask(void *ctx, struct hlv_bytes query, struct hlv_buf *answer)
{
	struct rootdns *r = ctx;
	enum hlv_err err = HLV_E_TIMEOUT;
	for (size_t i = 0; i < ROUNDS * r->nservers; i++) {
		enum hlv_err now = ask_one(r, &r->servers[i % r->nservers], query, answer);
		if (now == HLV_E_BUSY || (now == HLV_OK && !is_refusal(hlv_buf_bytes(answer))))
			return now;
		/* A refusal tells more than silence. */
		if (now == HLV_OK && i + 1 == ROUNDS * r->nservers)
			return now;
		err = now == HLV_OK ? HLV_E_IO : now;
	}
	return err;
}

static void choose_servers(struct rootdns *r)
{
	const struct hlv_addrs *given = r->o.servers;
	r->nservers = 0;
	for (size_t i = 0; i < given->n && i < SERVERS_MAX; i++)
		r->servers[r->nservers++] = given->list[i];
	if (r->nservers == 0)
		r->nservers = finder_system("/etc/resolv.conf", r->servers, SERVERS_MAX);
	if (r->nservers == 0 &&
	    hlv_addr_parse("127.0.0.1:53", 53, &r->servers[0]) == HLV_OK) /* resolv.conf(5) */
		r->nservers = 1;
}

/* --- what was found --- */

struct telling {
	struct engine_root root;
	enum hlv_err err;
};

static void tell(struct engine *e, struct anchors *anchors, void *ctx)
{
	struct telling *t = ctx;
	(void)anchors;
	t->err = engine_set_root(e, &t->root);
}

/* decisions.md 17, but only for what is proven: DNS without signatures could be made by anybody to
 * open the networks behind us to addresses out of records. Then upstream-net says which. */
static enum hlv_err give(struct rootdns *r, const struct places *p)
{
	struct hlv_arena a;
	struct telling t = {.err = HLV_E_NOMEM};
	struct zone_rules class = {0};
	hlv_arena_init(&a, SITES_ROOM);
	if (places_sites(p, &a, &t.root.sites, &t.root.ranks) == HLV_OK) {
		if (p->secure)
			zone_class(&t.root.sites, &class);
		t.root.loopback = class.loopback;
		t.root.private_nets = class.private_nets;
		recursor_call(r->o.recursor, tell, &t);
	}
	hlv_arena_fini(&a);
	return t.err;
}

static void keep(const struct rootdns *r, const struct places *p)
{
	struct hlv_buf text = {0};
	char why[FINDER_WHY] = "";
	places_print(p, r->o.domain, &text);
	if (text.bad || hlv_file_write(r->o.path, 0644, hlv_buf_bytes(&text), why) != HLV_OK)
		hlv_error("root.save", "%s", *why ? why : hlv_strerror(HLV_E_NOMEM));
	hlv_buf_free(&text);
}

static void take(struct rootdns *r, const struct places *p, struct hlv_now now)
{
	char first[HLV_ADDR_TEXT];
	enum hlv_err err = give(r, p);
	if (err != HLV_OK) {
		hlv_error("root.dns", "error=\"%s\"", hlv_strerror(err));
		return;
	}
	pthread_mutex_lock(&r->lock);
	bool same = places_eq(p, &r->places);
	r->places = *p;
	r->looked_ms = now.wall_ms;
	r->why[0] = '\0';
	pthread_mutex_unlock(&r->lock);
	keep(r, p); /* the order is drawn anew each time */
	if (same)
		return;
	hlv_info("root.found", "domain=%s proof=%s servers=%zu first=%s again_s=%u",
		 r->o.domain, p->secure ? "secure" : "insecure", p->n,
		 hlv_addr_print(&p->list[0].at, first), p->ttl_s);
}

static void complain(struct rootdns *r, enum finder_outcome outcome, const char *why,
		     struct hlv_now now)
{
	static const char *const names[] = {"found", "nothing", "silent", "bogus"};
	pthread_mutex_lock(&r->lock);
	size_t n = r->places.n;
	r->looked_ms = now.wall_ms;
	snprintf(r->why, sizeof r->why, "%s: %.240s", names[outcome], why);
	pthread_mutex_unlock(&r->lock);
	hlv_warn("root.dns", "domain=%s outcome=%s why=\"%s\" kept=%zu again_s=%u", r->o.domain,
		 names[outcome], why, n, r->again_s);
}

/* --- its thread --- */

static bool is_off(const struct rootdns *r)
{
	uint64_t count;
	return read(r->off_fd, &count, sizeof count) == sizeof count;
}

static void look(struct rootdns *r, struct hlv_now now)
{
	struct places found;
	char why[FINDER_WHY];
	struct finder f = {.domain = r->o.domain,
			   .anchors = r->o.anchors,
			   .ask = ask,
			   .ctx = r,
			   .rand = &r->rand};
	choose_servers(r);
	r->until_ns = now.mono_ns + LOOK_MS * MS_NS;
	enum finder_outcome outcome = finder_look(&f, now, &found, why);
	struct hlv_now then = hlv_clock();
	uint32_t again_s = found.ttl_s;
	if (outcome == FINDER_FOUND) {
		r->again_s = AGAIN_MIN_S;
		take(r, &found, then);
	} else {
		again_s = r->again_s;
		complain(r, outcome, why, then);
		r->again_s =
			2 * r->again_s < AGAIN_MAX_S ? 2 * r->again_s : (uint32_t)AGAIN_MAX_S;
	}
	r->next_ns = then.mono_ns + again_s * S_NS;
}

static bool work(void *ctx, struct hlv_now now)
{
	struct rootdns *r = ctx;
	if (now.mono_ns < r->next_ns || is_off(r))
		return false;
	look(r, now);
	if (!r->looked)
		sem_post(&r->first);
	r->looked = true;
	return false;
}

static void due(struct hlv_mail *mail, void *receiver)
{
	struct rootdns *r = receiver;
	r->next_ns = 0;
	free(mail);
}

void rootdns_look_again(struct rootdns *r)
{
	struct hlv_mail *mail = calloc(1, sizeof *mail);
	if (!mail)
		return; /* when its time comes */
	mail->open = due;
	hlv_mailbox_post(hlv_actor_mailbox(r->actor), mail);
}

/* --- life --- */

static void recall(struct rootdns *r)
{
	struct hlv_buf text = {0};
	struct places p;
	char why[FINDER_WHY] = "";
	if (access(r->o.path, F_OK) != 0)
		return;
	enum hlv_err err = hlv_file_read(r->o.path, FILE_MAX, &text, why);
	if (err == HLV_OK)
		err = places_parse(hlv_buf_bytes(&text), r->o.domain, &p);
	if (err == HLV_OK)
		err = give(r, &p);
	hlv_buf_free(&text);
	if (err != HLV_OK) {
		hlv_warn("root.kept", "path=%s error=\"%s\" hint=it_is_written_anew", r->o.path,
			 *why ? why : hlv_strerror(err));
		return;
	}
	r->places = p;
	hlv_info("root.kept", "domain=%s proof=%s servers=%zu", r->o.domain,
		 p.secure ? "secure" : "insecure", p.n);
}

/* A reload frees what came out of the configuration. */
static bool copy_options(struct rootdns *r, const struct rootdns_options *o)
{
	struct hlv_arena *a = &r->arena;
	hlv_arena_init(a, SIZE_MAX);
	r->o = *o;
	r->o.domain = hlv_arena_str(a, hlv_text(o->domain));
	r->o.path = hlv_arena_str(a, hlv_text(o->path));
	r->o.servers = &r->given;
	r->o.anchors = &r->anchors;
	r->given.n = o->servers->n < SERVERS_MAX ? o->servers->n : SERVERS_MAX;
	r->given.list = hlv_alloc(a, SERVERS_MAX * sizeof *r->given.list);
	r->anchors.list = hlv_alloc(a, (o->anchors->n + 1) * sizeof *r->anchors.list);
	if (a->bad)
		return false;
	for (size_t i = 0; i < r->given.n; i++)
		r->given.list[i] = o->servers->list[i];
	for (; r->anchors.n < o->anchors->n; r->anchors.n++)
		r->anchors.list[r->anchors.n] =
			hlv_arena_str(a, hlv_text(o->anchors->list[r->anchors.n]));
	return !a->bad;
}

struct rootdns *rootdns_start(const struct rootdns_options *o)
{
	uint64_t seed;
	struct rootdns *r = calloc(1, sizeof *r);
	if (!r || getentropy(&seed, sizeof seed) != 0) {
		free(r);
		return NULL;
	}
	r->again_s = AGAIN_MIN_S;
	hlv_rand_seed(&r->rand, seed);
	r->off_fd = copy_options(r, o) ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
	if (r->off_fd < 0) {
		hlv_arena_fini(&r->arena);
		free(r);
		return NULL;
	}
	pthread_mutex_init(&r->lock, NULL);
	sem_init(&r->first, 0, 0);
	recall(r);
	r->actor = hlv_actor_start("rootdns", work, r);
	if (r->actor) {
		rootdns_look_again(r);
		return r;
	}
	rootdns_stop(r);
	return NULL;
}

void rootdns_wait(struct rootdns *r, uint32_t ms)
{
	struct timespec until;
	pthread_mutex_lock(&r->lock);
	bool known = r->places.n > 0;
	pthread_mutex_unlock(&r->lock);
	if (known)
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	while (sem_timedwait(&r->first, &until) != 0 && errno == EINTR)
		continue;
}

bool rootdns_is_lost(struct rootdns *r, char room[256])
{
	pthread_mutex_lock(&r->lock);
	bool lost = r->places.n == 0;
	if (lost)
		snprintf(room, 256, "no root is known: %.100s: %.120s", r->o.domain,
			 *r->why ? r->why : "DNS was asked and has not answered yet");
	pthread_mutex_unlock(&r->lock);
	return lost;
}

void rootdns_put_status(struct rootdns *r, struct hlv_buf *json)
{
	char text[HLV_ADDR_TEXT];
	pthread_mutex_lock(&r->lock);
	const struct places *p = &r->places;
	hlv_buf_str(json, "{\"domain\":");
	hlv_json_put_str(json, hlv_text(r->o.domain));
	hlv_buf_printf(json, ",\"proof\":\"%s\",\"servers\":[",
		       p->n == 0   ? "unknown"
		       : p->secure ? "secure"
				   : "insecure");
	for (size_t i = 0; i < p->n; i++)
		hlv_buf_printf(json, "%s\"%s\"", i ? "," : "",
			       hlv_addr_print(&p->list[i].at, text));
	hlv_buf_str(json, "],\"looked\":");
	if (r->looked_ms)
		hlv_json_put_time(json, (uint32_t)(r->looked_ms / 1000));
	else
		hlv_buf_str(json, "null");
	hlv_buf_str(json, ",\"why\":");
	hlv_json_put_str(json, hlv_text(r->why));
	hlv_buf_str(json, "}");
	pthread_mutex_unlock(&r->lock);
}

void rootdns_stop(struct rootdns *r)
{
	uint64_t one = 1;
	if (!r)
		return;
	if (write(r->off_fd, &one, sizeof one) < 0)
		hlv_error("root.stop", "errno=%d", errno); /* then the look ends by itself */
	hlv_actor_stop(r->actor);
	close(r->off_fd);
	sem_destroy(&r->first);
	pthread_mutex_destroy(&r->lock);
	hlv_arena_fini(&r->arena);
	free(r);
}
