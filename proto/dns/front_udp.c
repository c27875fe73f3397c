/* SPDX-License-Identifier: Apache-2.0
 *
 * DNS by UDP: a finished answer if there is one, else a job; limits for those whose address is not
 * known to be theirs (threats.md 1), which a cookie lifts.
 */
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/dns/cookie.h"
#include "proto/dns/desk.h"
#include "proto/net/packets.h"
#include "proto/net/rate.h"

enum {
	AT_ANSWERS = 6,
	OPT_SIZE = 11,
	DEEP = 10, /* labels below a zone's apex; each is looked up, and its wild card too */
};

struct dns_udp {
	struct hlv_dns_desk desk;
	struct hlv_packets *packets;
	struct hlv_rate *rate;
	struct hlv_now now;
	const struct hlv_bytes *in; /* the batch */
	size_t in_n;
	bool in_batch;
};

/* --- how much, and whether --- */

/* Without the cookie, which is put in afterwards: whoever takes the most that we send gets the same
 * answer with and without one. */
static size_t limit_of(const struct hlv_dns_query *q)
{
	size_t size = q->edns ? q->udp_size : HLV_DNS_UDP_PLAIN;
	if (q->cookie.n > 0)
		size -= HLV_DNS_COOKIE_OPTION;
	return size < HLV_DNS_UDP_BODY ? size : HLV_DNS_UDP_BODY;
}

/* Not for a stranger's word alone: all there is of a name (RFC 8482), which is the longest answer, and a
 * name so deep that helver would ask others many questions for it. TCP or a cookie says who it is. */
static bool is_dear(const struct dns_udp *u, const struct hlv_dns_query *q)
{
	const struct hlv_dns_zone *zone;
	if (q->rcode != HLV_DNS_NOERROR || q->question.n == 0)
		return false;
	zone = hlv_dns_zone_of(&u->desk.shared->zones, q->name);
	if (!zone)
		return false;
	return q->type == HLV_DNS_ANY ||
	       (zone->kind == HLV_DNS_NAMES &&
		hlv_dname_labels(q->name) - hlv_dname_labels(zone->apex) > DEEP);
}

static enum hlv_rate_kind kind_of(unsigned rcode, bool answers, bool authoritative)
{
	if (rcode == HLV_DNS_NXDOMAIN)
		return HLV_RATE_NOT_FOUND;
	if (rcode != HLV_DNS_NOERROR)
		return HLV_RATE_ERROR;
	if (answers)
		return HLV_RATE_ANSWER;
	return authoritative ? HLV_RATE_NOT_FOUND : HLV_RATE_REFERRAL;
}

static enum hlv_rate_kind kind_of_finished(const uint8_t *answer)
{
	unsigned records = (unsigned)(answer[6] << 8 | answer[7]);
	return kind_of(answer[3] & 0xF, records > 0, answer[2] & HLV_DNS_AA >> 8);
}

static enum hlv_rate_kind kind_of_ask(const struct hlv_dns_ask *a)
{
	bool answers = false;
	for (size_t i = 0; i < a->nsets; i++)
		answers |= a->sets[i].section == HLV_DNS_ANSWER;
	return kind_of(a->rcode, answers, a->authoritative && !a->referral);
}

static enum hlv_rate_verdict judge(struct dns_udp *u, const struct hlv_peer *peer,
				   enum hlv_rate_kind kind)
{
	const struct hlv_limits *l = u->desk.front->limits;
	uint32_t per_s = l->rate;
	if (peer->verified)
		per_s = peer->trusted ? l->rate_trusted : l->rate_verified;
	if (per_s == 0)
		return HLV_RATE_PASS;
	enum hlv_rate_verdict verdict =
		hlv_rate_take(u->rate, &peer->addr, kind, per_s, u->now);
	if (verdict != HLV_RATE_PASS)
		hlv_count(&u->desk.front->stats.dns_limited);
	return verdict;
}

static void queue(const struct dns_udp *u, const struct hlv_peer *peer,
		  const union hlv_local *local, const struct hlv_writer *answer)
{
	hlv_packets_queue(u->packets, &peer->addr, local, answer->n);
}

/* --- cookies --- */

static struct hlv_bytes cookie_for(const struct dns_udp *u, const struct hlv_dns_query *q,
				   const struct hlv_addr *to, uint8_t room[HLV_DNS_COOKIE])
{
	if (q->cookie.n == 0)
		return (struct hlv_bytes){0};
	hlv_dns_cookie_make(u->desk.shared->secret, q->cookie.p, to, hlv_now_s(u->now), room);
	return hlv_bytes(room, HLV_DNS_COOKIE);
}

/* --- finished answers --- */

/* Nothing but the question, OPT, and that there is more by TCP. */
static size_t cut(uint8_t *answer, size_t n, const struct hlv_dns_query *q)
{
	size_t head = HLV_DNS_HEADER + q->question.n;
	memset(answer + AT_ANSWERS, 0, HLV_DNS_HEADER - AT_ANSWERS);
	answer[2] |= HLV_DNS_TC >> 8;
	if (!q->edns)
		return head;
	memmove(answer + head, answer + n - OPT_SIZE, OPT_SIZE);
	answer[HLV_DNS_HEADER - 1] = 1;
	return head + OPT_SIZE;
}

static bool answer_finished(struct dns_udp *u, const struct hlv_dns_query *q,
			    const struct hlv_peer *peer, const union hlv_local *local)
{
	uint8_t room[HLV_DNS_COOKIE];
	struct hlv_dns_asker who = {&u->desk, peer, u->now};
	if (q->rcode != HLV_DNS_NOERROR || q->question.n == 0 ||
	    (!peer->verified && is_dear(u, q)))
		return false;
	uint8_t *out = hlv_packets_slot(u->packets);
	size_t n = hlv_dns_desk_finished(&who, q, limit_of(q), out);
	if (n == 0)
		return false;
	enum hlv_rate_verdict verdict = judge(u, peer, kind_of_finished(out));
	if (verdict == HLV_RATE_DROP)
		return true;
	unsigned rcode = out[3] & 0xF;
	if (verdict == HLV_RATE_STUB)
		n = cut(out, n, q);
	struct hlv_writer w = {.p = out, .cap = HLV_DNS_UDP_MAX, .n = n};
	hlv_dns_put_cookie(&w, cookie_for(u, q, &peer->addr, room));
	queue(u, peer, local, &w);
	struct hlv_dns_told told = {.q = q, .to = &peer->addr, .began = u->now, .rcode = rcode};
	hlv_dns_desk_tell(&u->desk, &told);
	return true;
}

/* --- jobs --- */

static void done(struct hlv_dns_job *job)
{
	struct dns_udp *u = job->desk->ctx;
	const struct hlv_dns_query *q = &job->ask.q;
	uint8_t room[HLV_DNS_COOKIE];
	if (!u->in_batch)
		u->now = hlv_clock();
	/* Before it is signed: nobody's flood buys signatures. */
	enum hlv_rate_verdict verdict = judge(u, &job->peer, kind_of_ask(&job->ask));
	struct hlv_dns_form form = {
		.limit = limit_of(q),
		.cut = verdict == HLV_RATE_STUB || (!job->peer.verified && is_dear(u, q)),
	};
	if (verdict != HLV_RATE_DROP) {
		struct hlv_writer w = hlv_writer(hlv_packets_slot(u->packets), HLV_DNS_UDP_MAX);
		hlv_dns_ask_encode(&job->ask, &form, &w);
		if (!w.bad && !form.cut && u->in_batch)
			hlv_dns_desk_keep(&u->desk, &job->ask, form.limit, hlv_written(&w));
		hlv_dns_put_cookie(&w, cookie_for(u, q, &job->peer.addr, room));
		if (!w.bad) {
			queue(u, &job->peer, &job->local, &w);
			hlv_dns_desk_tell_job(job);
		}
	}
	hlv_dns_desk_end(job);
	if (!u->in_batch && !u->desk.front->in_mail)
		hlv_packets_flush(u->packets);
}

static void take(void *ctx, struct hlv_bytes in, const struct hlv_addr *from,
		 const union hlv_local *local)
{
	struct dns_udp *u = ctx;
	struct hlv_front *front = u->desk.front;
	struct hlv_dns_query q;
	hlv_count(&front->stats.dns_queries);
	if (!hlv_dns_query_read(in, &q)) {
		hlv_count(&front->stats.dns_dropped);
		return;
	}
	bool trusted = hlv_nets_have(&front->limits->trusted, from);
	struct hlv_peer peer = {
		.addr = *from,
		.transport = HLV_T_UDP,
		.via = HLV_VIA_DNS,
		.interface_kind = HLV_IF_QUERY,
		.trusted = trusted,
		.verified = trusted || hlv_verified_has(front->verified, from, u->now) ||
			    hlv_dns_cookie_is_ours(u->desk.shared->secret, q.cookie, from,
						   hlv_now_s(u->now)),
	};
	if (answer_finished(u, &q, &peer, local))
		return;
	struct hlv_dns_job *job = hlv_dns_desk_take(&u->desk, in, &peer, u->now);
	if (!job) {
		hlv_count(&front->stats.dns_dropped);
		return;
	}
	job->local = *local;
	if (!peer.verified && is_dear(u, &q))
		done(job); /* which says so, and nothing was looked up */
	else
		hlv_dns_desk_begin(job);
}

static void drop(void *ctx)
{
	struct dns_udp *u = ctx;
	hlv_count(&u->desk.front->stats.dns_dropped);
}

static void begin(void *ctx, const struct hlv_bytes *packets, size_t n)
{
	struct dns_udp *u = ctx;
	u->in = packets;
	u->in_n = n;
	u->now = hlv_clock();
	u->in_batch = true;
	hlv_front_batch_begin(u->desk.front, u->now);
	u->desk.state = hlv_dns_desk_state(&u->desk);
}

static void end(void *ctx)
{
	struct dns_udp *u = ctx;
	hlv_front_batch_end(u->desk.front);
	u->in_batch = false;
	u->desk.state = 0;
}

static void sent(void *ctx)
{
	struct dns_udp *u = ctx;
	uint64_t slow_ns = hlv_front_measure(u->desk.front, u->now);
	if (slow_ns) /* the datagrams are still there */
		hlv_dns_desk_note_slow(&u->desk, u->in, u->in_n, u->now, slow_ns);
}

/* --- a worker's --- */

static void close_front(void *own)
{
	struct dns_udp *u = own;
	hlv_packets_close(u->packets);
	hlv_dns_desk_close(&u->desk);
	hlv_rate_free(u->rate);
	free(u);
}

static void *open_front(struct hlv_front *front, int fd, void *shared)
{
	static const struct hlv_packets_user user = {begin, take, drop, end, sent};
	const struct hlv_dns_shared *s = shared;
	uint64_t secret;
	struct dns_udp *u = calloc(1, sizeof *u);
	if (!u) {
		close(fd);
		return NULL;
	}
	u->desk.done = done;
	u->desk.ctx = u;
	u->packets = hlv_packets_open(front->base, fd, HLV_DNS_UDP_MAX, &user, u);
	u->desk.finished = hlv_dns_finished_new(s->cache_octets, s->secret);
	if (getentropy(&secret, sizeof secret) == 0)
		u->rate = hlv_rate_new(secret);
	if (!hlv_dns_desk_open(&u->desk, front, s) || !u->packets || !u->rate ||
	    !u->desk.finished) {
		close_front(u);
		return NULL;
	}
	return u;
}

static void stop_front(void *own)
{
	struct dns_udp *u = own;
	hlv_packets_stop(u->packets);
}

static void mail_end(void *own)
{
	struct dns_udp *u = own;
	hlv_packets_flush(u->packets);
}

const struct hlv_datagrams hlv_dns_datagrams = {open_front, stop_front, mail_end, close_front};
