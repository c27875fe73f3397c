/* SPDX-License-Identifier: Apache-2.0
 *
 * What helveload is for us, for a DNS server: TXT questions about names out of a file, so many
 * under way or at a fixed rate, counted and timed in the same way (tools/load/load.h), so that a
 * resolver of names can be set beside our resolver of identifiers. One socket; datagrams of one
 * size go to the kernel as one (UDP_SEGMENT). An answer is good when it is one, repeats the id, has
 * code 0 and holds one record.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/udp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/base/bytes.h"
#include "proto/net/addr.h"
#include "proto/net/client.h"
#include "tools/args.h"
#include "tools/load/histogram.h"
#include "tools/load/names.h"

enum {
	BATCH = 64,
	PACKET = 1024,
	SOCKET_BUFFER = 8 << 20,
	IDS = 1 << 16,
	WINDOW_MAX = IDS / 4,
	HEAD = 12,
	TYPE_TXT = 16,
	CLASS_IN = 1,
	SECOND_NS = 1000000000,
};

struct shot {
	hlv_mono_ns due_ns, sent_ns;
	bool open;
};

struct dns_load {
	struct hlv_addr server;
	double rate, seconds;
	bool dnssec; /* ask for signatures, and count answers with one alone */
	uint32_t window, timeout_ms;
	uint64_t count;
	struct names names;
	size_t next_name;
	int fd;
	struct shot shots[IDS]; /* by the question's id */
	uint64_t head, tail;	/* numbers of the next question, of the oldest open one */
	uint64_t open, ok, other, stray, lost;
	uint32_t octets; /* of the last good answer */
	struct histogram latency;
	hlv_mono_ns start_ns, now_ns, last_ns;
	struct mmsghdr out[BATCH], in[BATCH];
	struct iovec out_iov[BATCH], in_iov[BATCH];
	union {
		struct cmsghdr align;
		char octets[CMSG_SPACE(sizeof(uint16_t))];
	} segments[BATCH];
	uint8_t asked[BATCH][PACKET], answered[BATCH][PACKET];
};

/* Header, name, type, class, and OPT with DO when signatures are wanted; returns the size. A name of
 * the file has at most 440 octets. */
static size_t build(uint8_t *out, uint16_t id, struct hlv_bytes name, bool dnssec)
{
	static const uint8_t opt[] = {0, 0, 41, 1232 >> 8, 1232 & 0xFF, 0, 0, 0x80, 0, 0, 0};
	static const uint8_t rest[] = {1, 0, 0, 1, 0, 0, 0, 0, 0, 0}; /* RD; one question */
	out[0] = (uint8_t)(id >> 8);
	out[1] = (uint8_t)id;
	memcpy(out + 2, rest, sizeof rest);
	uint8_t *label = out + HEAD, *p = label + 1;
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] != '.') {
			*p++ = name.p[i];
			continue;
		}
		*label = (uint8_t)(p - label - 1);
		label = p++;
	}
	*label = (uint8_t)(p - label - 1);
	static const uint8_t end[] = {0, 0, TYPE_TXT, 0, CLASS_IN};
	memcpy(p, end, sizeof end);
	p += sizeof end;
	if (dnssec) {
		out[HEAD - 1] = 1;
		memcpy(p, opt, sizeof opt);
		p += sizeof opt;
	}
	return (size_t)(p - out);
}

static hlv_mono_ns due_at(const struct dns_load *l, uint64_t k)
{
	return l->start_ns + (hlv_mono_ns)((double)k * SECOND_NS / l->rate);
}

static bool sending(const struct dns_load *l)
{
	return (double)(l->now_ns - l->start_ns) < l->seconds * SECOND_NS &&
	       (l->count == 0 || l->head < l->count);
}

static uint64_t due(const struct dns_load *l)
{
	uint64_t n = l->window > l->open ? l->window - l->open : 0;
	if (l->rate > 0) {
		double elapsed = (double)(l->now_ns - l->start_ns) / SECOND_NS;
		uint64_t by_now = (uint64_t)(elapsed * l->rate) + 1;
		n = by_now > l->head ? by_now - l->head : 0;
	}
	if (n > IDS - (l->head - l->tail))
		n = IDS - (l->head - l->tail); /* an id is not used twice at a time */
	if (l->count > 0 && n > l->count - l->head)
		n = l->count - l->head;
	return n < BATCH ? n : BATCH;
}

static size_t ask(struct dns_load *l, uint8_t *out)
{
	uint64_t k = l->head++;
	l->shots[k % IDS] = (struct shot){.due_ns = l->rate > 0 ? due_at(l, k) : l->now_ns,
					  .sent_ns = l->now_ns,
					  .open = true};
	l->open++;
	struct hlv_bytes name = names_get(&l->names, l->next_name);
	l->next_name = l->next_name + 1 < l->names.n ? l->next_name + 1 : 0;
	return build(out, (uint16_t)k, name, l->dnssec);
}

/* Neighbours of one size make one message. */
static unsigned group(struct dns_load *l, size_t n)
{
	unsigned messages = 0;
	for (size_t i = 0; i < n;) {
		uint16_t size = (uint16_t)l->out_iov[i].iov_len;
		struct msghdr *m = &l->out[messages].msg_hdr;
		*m = (struct msghdr){.msg_iov = &l->out_iov[i]};
		while (i < n && l->out_iov[i].iov_len == size)
			i++, m->msg_iovlen++;
		if (m->msg_iovlen > 1) {
			m->msg_control = l->segments[messages].octets;
			m->msg_controllen = sizeof l->segments[messages].octets;
			struct cmsghdr *c = CMSG_FIRSTHDR(m);
			*c = (struct cmsghdr){.cmsg_level = SOL_UDP,
					      .cmsg_type = UDP_SEGMENT,
					      .cmsg_len = CMSG_LEN(sizeof size)};
			memcpy(CMSG_DATA(c), &size, sizeof size);
		}
		messages++;
	}
	return messages;
}

static void send_batch(struct dns_load *l)
{
	size_t n = sending(l) ? due(l) : 0;
	for (size_t i = 0; i < n; i++)
		l->out_iov[i] = (struct iovec){l->asked[i], ask(l, l->asked[i])};
	/* What the kernel does not take counts as lost. */
	if (n > 0 && sendmmsg(l->fd, l->out, group(l, n), 0) < 0 && errno != EAGAIN)
		perror("dnsload: send");
}

static void judge(struct dns_load *l, struct hlv_bytes answer)
{
	struct shot *shot = answer.n > HEAD ? &l->shots[answer.p[0] << 8 | answer.p[1]] : NULL;
	if (!shot || !shot->open || !(answer.p[2] & 0x80)) {
		l->stray++;
		return;
	}
	shot->open = false;
	l->open--;
	if (answer.p[3] % 16 != 0 || answer.p[6] != 0 || answer.p[7] != 1 + l->dnssec) {
		l->other++;
		return;
	}
	l->ok++;
	l->octets = (uint32_t)answer.n;
	l->last_ns = l->now_ns;
	histogram_add(&l->latency, l->now_ns - shot->due_ns);
}

static void receive_batch(struct dns_load *l)
{
	int n = recvmmsg(l->fd, l->in, BATCH, MSG_DONTWAIT, NULL);
	if (n > 0)
		l->now_ns = hlv_clock().mono_ns;
	else
		sched_yield();
	for (int i = 0; i < n; i++)
		judge(l, hlv_bytes(l->answered[i], l->in[i].msg_len));
}

static void expire(struct dns_load *l)
{
	for (; l->tail < l->head; l->tail++) {
		struct shot *shot = &l->shots[l->tail % IDS];
		if (shot->open && l->now_ns - shot->sent_ns < l->timeout_ms * UINT64_C(1000000))
			return;
		l->open -= shot->open;
		l->lost += shot->open;
		shot->open = false;
	}
}

static void run(struct dns_load *l)
{
	for (size_t i = 0; i < BATCH; i++) {
		l->in_iov[i] = (struct iovec){l->answered[i], PACKET};
		l->in[i].msg_hdr = (struct msghdr){.msg_iov = &l->in_iov[i], .msg_iovlen = 1};
	}
	l->start_ns = l->now_ns = l->last_ns = hlv_clock().mono_ns;
	while (sending(l) || l->open > 0) {
		send_batch(l);
		receive_batch(l);
		l->now_ns = hlv_clock().mono_ns;
		expire(l);
	}
}

static bool open_socket(struct dns_load *l)
{
	int size = SOCKET_BUFFER;
	l->fd = socket(l->server.sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || connect(l->fd, &l->server.sa.any, l->server.len) < 0) {
		perror("dnsload: socket");
		return false;
	}
	if (setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return true;
}

static double us(const struct dns_load *l, double q)
{
	return (double)histogram_quantile(&l->latency, q) / 1000;
}

static void report(const struct dns_load *l)
{
	double seconds = (double)(l->last_ns - l->start_ns) / SECOND_NS;
	printf("{\"seconds\":%.3f,\"sent\":%llu,\"ok\":%llu,\"other code\":%llu,\"stray\":%llu,"
	       "\"lost\":%llu,\"octets\":%u,\"qps\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
	       "\"p999_us\":%.1f}\n",
	       seconds, (unsigned long long)l->head, (unsigned long long)l->ok,
	       (unsigned long long)l->other, (unsigned long long)l->stray,
	       (unsigned long long)l->lost, l->octets,
	       seconds > 0 ? (double)l->ok / seconds : 0, us(l, 0.5), us(l, 0.99),
	       us(l, 0.999));
}

static bool options(struct dns_load *l, int argc, char **argv)
{
	static const struct option long_options[] = {
		{"rate", required_argument, NULL, 'r'},
		{"window", required_argument, NULL, 'w'},
		{"seconds", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'c'},
		{"timeout", required_argument, NULL, 't'},
		{"dnssec", no_argument, NULL, 'd'},
		{0},
	};
	bool ok = true;
	for (int o; ok && (o = getopt_long(argc, argv, "", long_options, NULL)) != -1;) {
		switch (o) {
		case 'r':
			ok = args_decimal("--rate", optarg, 0.001, 1e8, &l->rate);
			break;
		case 'w':
			ok = args_u32("--window", optarg, 1, WINDOW_MAX, &l->window);
			break;
		case 's':
			ok = args_decimal("--seconds", optarg, 0.001, 86400, &l->seconds);
			break;
		case 'c':
			ok = args_u64("--count", optarg, 1, UINT64_MAX, &l->count);
			break;
		case 't':
			ok = args_u32("--timeout", optarg, 1, 60000, &l->timeout_ms);
			break;
		case 'd':
			l->dnssec = true;
			break;
		default:
			ok = false;
		}
	}
	if (ok && optind == argc - 2 && hlv_addr_parse(argv[optind], 0, &l->server) == HLV_OK)
		return true;
	args_complain("usage: dnsload [--rate N | --window N] [--seconds S] [--count N] "
		      "[--timeout MS] [--dnssec] ADDRESS:PORT NAMES");
	return false;
}

int main(int argc, char **argv)
{
	static struct dns_load l = {
		.window = 256, .seconds = 10, .timeout_ms = 1000}; /* as helveload */
	char why[256];
	args_program("dnsload");
	if (!options(&l, argc, argv))
		return 2;
	if (names_load(argv[optind + 1], 1, 0, &l.names, why) != HLV_OK) {
		args_complain("%s", why);
		return 1;
	}
	if (!open_socket(&l))
		return 1;
	run(&l);
	report(&l);
	names_free(&l.names);
	return l.ok > 0 ? 0 : 1;
}
