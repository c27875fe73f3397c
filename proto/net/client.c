/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/random.h>
#include <unistd.h>

#include "proto/net/link.h"
#include "proto/wire/envelope.h"
#include "proto/wire/header.h"

enum { FRAME_HEAD = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE };

/* What each step of one question needs. */
struct asking {
	const struct hlv_client *c;
	struct hlv_bytes request;
	struct hlv_envelope env; /* of the request */
	struct hlv_buf *answer;
	struct hlv_client_report *report;
	hlv_mono_ns deadline_ns;
	int fd;
};

void hlv_client_init(struct hlv_client *c, const struct hlv_addr *server)
{
	*c = (struct hlv_client){
		.server = *server,
		.transport = HLV_T_UDP,
		.tries = HLV_CLIENT_TRIES,
		.wait_ms = {500, 1000, 1500, 2000, 2500, 3000, 3500, 4000},
		.total_ms = HLV_CLIENT_TOTAL_MS,
		.answer_max = HLV_CLIENT_ANSWER_MAX,
	};
}

enum hlv_err hlv_client_request_id(uint32_t *id)
{
	return getrandom(id, sizeof *id, 0) == (ssize_t)sizeof *id ? HLV_OK : HLV_E_IO;
}

/* Remember why, for the one who tells people. */
static enum hlv_err os_failed(struct asking *q)
{
	q->report->os_error = errno;
	return HLV_E_IO;
}

/* Until `fd` is ready for `events` or the time is over. */
static enum hlv_err wait_for(struct asking *q, short events, hlv_mono_ns until_ns)
{
	for (;;) {
		hlv_mono_ns now = hlv_clock().mono_ns;
		if (now >= until_ns)
			return HLV_E_TIMEOUT;
		uint64_t left = until_ns - now;
		struct timespec ts = {.tv_sec = (time_t)(left / 1000000000U),
				      .tv_nsec = (long)(left % 1000000000U)};
		struct pollfd p = {.fd = q->fd, .events = events};
		int n = ppoll(&p, 1, &ts, NULL);
		if (n > 0)
			return HLV_OK;
		if (n < 0 && errno != EINTR)
			return os_failed(q);
	}
}

static enum hlv_err open_socket(struct asking *q, int type)
{
	const struct hlv_addr *to = &q->c->server;
	q->fd = socket(to->sa.any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0)
		return os_failed(q);
	/* Connected, so that the kernel drops what other addresses send. */
	if (connect(q->fd, &to->sa.any, to->len) < 0 && errno != EINPROGRESS)
		return os_failed(q);
	return HLV_OK;
}

/* Is it a response under our id? Requests that bounced back have no response code. */
static bool is_ours(const struct asking *q, struct hlv_bytes message, struct hlv_header *h)
{
	struct hlv_reader r = hlv_reader(message);
	struct hlv_envelope e;
	*h = (struct hlv_header){0};
	if (hlv_envelope_decode(&r, &e) != HLV_OK || e.request_id != q->env.request_id)
		return false;
	/* The header of an encrypted message cannot be read here. */
	if (e.flags & HLV_E_ENCRYPTED)
		return true;
	return hlv_header_decode(&r, h) == HLV_OK && h->rc != 0;
}

/* protocol.md 2.1 rule 6: errors from before the request could be read carry no id of ours; on
 * our own connection they can be for nobody else. */
static bool is_early_error(struct hlv_bytes message)
{
	struct hlv_reader r = hlv_reader(message);
	struct hlv_envelope e;
	struct hlv_header h;
	return hlv_envelope_decode(&r, &e) == HLV_OK && e.request_id == UINT32_MAX &&
	       !(e.flags & HLV_E_ENCRYPTED) && hlv_header_decode(&r, &h) == HLV_OK &&
	       h.op == HLV_OP_RESERVED && h.rc != 0;
}

/* threats.md 1: a server that will not send a long answer to an address that anybody may have
 * written on the packet sends envelope and header alone, with the true length. */
static bool is_stub(const struct asking *q, struct hlv_bytes packet)
{
	struct hlv_reader r = hlv_reader(packet);
	struct hlv_envelope e;
	return packet.n == FRAME_HEAD && hlv_envelope_decode(&r, &e) == HLV_OK &&
	       e.request_id == q->env.request_id && e.sequence == 0 &&
	       (e.flags & HLV_E_TRUNCATED) && e.length > HLV_HEADER_SIZE;
}

enum udp_state { UDP_WAITING, UDP_DONE, UDP_TO_TCP };

static enum udp_state udp_packet(struct asking *q, struct hlv_joiner *j,
				 struct hlv_bytes packet)
{
	if (is_stub(q, packet)) {
		q->report->stub = true;
		return UDP_TO_TCP;
	}
	struct hlv_reader r = hlv_reader(packet);
	struct hlv_envelope e;
	bool done = false;
	if (hlv_envelope_decode(&r, &e) != HLV_OK || e.request_id != q->env.request_id ||
	    hlv_joiner_feed(j, packet, &done) != HLV_OK) {
		q->report->ignored++;
		return UDP_WAITING;
	}
	if (!done)
		return UDP_WAITING;
	struct hlv_header h;
	struct hlv_bytes whole = hlv_bytes(j->buf, HLV_ENVELOPE_SIZE + j->envelope.length);
	if (!is_ours(q, whole, &h)) {
		q->report->ignored++;
		hlv_joiner_init(j, j->buf, j->cap);
		return UDP_WAITING;
	}
	/* More messages follow this one: a matter for a stream. */
	return h.flags & HLV_F_CONTINUOUS ? UDP_TO_TCP : UDP_DONE;
}

/* Until the answer is whole or this try's time is over. */
static enum hlv_err udp_receive(struct asking *q, struct hlv_joiner *j, hlv_mono_ns until_ns,
				enum udp_state *state)
{
	uint8_t packet[2048]; /* a longer datagram is cut, and then refused by its length */
	while (*state == UDP_WAITING) {
		HLV_TRY(wait_for(q, POLLIN, until_ns));
		ssize_t n = recv(q->fd, packet, sizeof packet, 0);
		if (n >= 0)
			*state = udp_packet(q, j, hlv_bytes(packet, (size_t)n));
		else if (errno != EAGAIN && errno != EINTR)
			return os_failed(q);
	}
	return HLV_OK;
}

static enum hlv_err udp_tries(struct asking *q, struct hlv_joiner *j, enum udp_state *state)
{
	for (unsigned i = 0; i < q->c->tries && i < HLV_CLIENT_TRIES_MAX; i++) {
		q->report->sent++;
		if (send(q->fd, q->request.p, q->request.n, MSG_NOSIGNAL) < 0)
			return os_failed(q);
		hlv_mono_ns until = hlv_clock().mono_ns + q->c->wait_ms[i] * UINT64_C(1000000);
		if (until > q->deadline_ns)
			until = q->deadline_ns;
		enum hlv_err err = udp_receive(q, j, until, state);
		if (err != HLV_E_TIMEOUT)
			return err;
	}
	return HLV_E_TIMEOUT;
}

/* Sets *state to UDP_TO_TCP when TCP is worth a try. */
static enum hlv_err ask_udp(struct asking *q, enum udp_state *state)
{
	size_t cap = HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX;
	size_t had = q->answer->n;
	uint8_t *room = hlv_buf_room(q->answer, cap);
	if (!room)
		return HLV_E_NOMEM;
	struct hlv_joiner j;
	hlv_joiner_init(&j, room, cap);
	q->report->transport = HLV_T_UDP;

	enum hlv_err err = open_socket(q, SOCK_DGRAM);
	if (err == HLV_OK)
		err = udp_tries(q, &j, state);
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	q->answer->n = had;
	if (err == HLV_OK && *state == UDP_DONE)
		q->answer->n = had + HLV_ENVELOPE_SIZE + j.envelope.length;
	/* No answer, or a port that nobody listens on: what came first, a firewall that knows
	 * only one of the two, or a dead server, TCP will tell. */
	if (err == HLV_E_TIMEOUT || err == HLV_E_IO)
		*state = UDP_TO_TCP;
	return err;
}

static enum hlv_err tcp_connected(struct asking *q)
{
	HLV_TRY(wait_for(q, POLLOUT, q->deadline_ns));
	int err = 0;
	socklen_t len = sizeof err;
	if (getsockopt(q->fd, SOL_SOCKET, SO_ERROR, &err, &len) < 0)
		return os_failed(q);
	errno = err;
	return err == 0 ? HLV_OK : os_failed(q);
}

static enum hlv_err tcp_send(struct asking *q)
{
	struct hlv_bytes left = q->request;
	while (left.n > 0) {
		HLV_TRY(wait_for(q, POLLOUT, q->deadline_ns));
		ssize_t n = send(q->fd, left.p, left.n, MSG_NOSIGNAL);
		if (n >= 0)
			left = hlv_skip(left, (size_t)n);
		else if (errno != EAGAIN && errno != EINTR)
			return os_failed(q);
	}
	return HLV_OK;
}

static enum hlv_err tcp_receive(struct asking *q, uint8_t *p, size_t n)
{
	while (n > 0) {
		HLV_TRY(wait_for(q, POLLIN, q->deadline_ns));
		ssize_t got = recv(q->fd, p, n, 0);
		if (got == 0) {
			errno = ECONNRESET;
			return os_failed(q);
		}
		if (got < 0 && errno != EAGAIN && errno != EINTR)
			return os_failed(q);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return HLV_OK;
}

/* One message, appended to the answer if it is one. */
static enum hlv_err tcp_message(struct asking *q, bool *ours, bool *more)
{
	size_t at = q->answer->n;
	uint8_t head[HLV_ENVELOPE_SIZE];
	HLV_TRY(tcp_receive(q, head, sizeof head));
	struct hlv_reader r = hlv_reader(hlv_bytes(head, sizeof head));
	struct hlv_envelope e;
	HLV_TRY(hlv_envelope_decode(&r, &e));
	if (e.length < HLV_HEADER_SIZE)
		return HLV_E_MALFORMED;
	if (q->answer->n + sizeof head + e.length > q->c->answer_max)
		return HLV_E_LIMIT;
	uint8_t *p = hlv_buf_room(q->answer, sizeof head + e.length);
	if (!p)
		return HLV_E_NOMEM;
	memcpy(p, head, sizeof head);
	HLV_TRY(tcp_receive(q, p + sizeof head, e.length));

	struct hlv_header h;
	struct hlv_bytes message = hlv_bytes(p, sizeof head + e.length);
	*ours = is_ours(q, message, &h) || is_early_error(message);
	*more = *ours && h.flags & HLV_F_CONTINUOUS;
	if (!*ours) {
		q->answer->n = at;
		q->report->ignored++;
	}
	return HLV_OK;
}

static enum hlv_err tcp_exchange(struct asking *q)
{
	int on = 1;
	HLV_TRY(tcp_connected(q));
	(void)setsockopt(q->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	HLV_TRY(tcp_send(q));
	bool ours = false, more = false;
	do
		HLV_TRY(tcp_message(q, &ours, &more));
	while (!ours || more);
	return HLV_OK;
}

static enum hlv_err ask_tcp(struct asking *q)
{
	size_t had = q->answer->n;
	q->report->transport = HLV_T_TCP;
	q->report->os_error = 0;
	q->report->sent++;
	enum hlv_err err = open_socket(q, SOCK_STREAM);
	if (err == HLV_OK)
		err = tcp_exchange(q);
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
	if (err != HLV_OK)
		q->answer->n = had;
	return err;
}

static enum hlv_err ask_tls(struct asking *q)
{
	char why[256];
	struct hlv_link *l;
	struct hlv_link_to to = {.transport = HLV_T_TLS,
				 .addr = q->c->server,
				 .connect_ms = q->c->total_ms,
				 .server_key = q->c->server_key,
				 .any_server = q->c->any_server};
	q->report->transport = HLV_T_TLS;
	q->report->sent++;
	errno = 0;
	enum hlv_err err = hlv_link_open(&to, &l, why);
	if (err != HLV_OK) {
		q->report->os_error = err == HLV_E_IO ? errno : 0;
		return err;
	}
	hlv_mono_ns now = hlv_clock().mono_ns;
	uint64_t left = now < q->deadline_ns ? q->deadline_ns - now : 0;
	size_t had = q->answer->n;
	err = hlv_link_ask(l, q->request, q->answer, (uint32_t)(left / 1000000));
	if (err == HLV_OK && q->answer->n - had > q->c->answer_max)
		err = HLV_E_LIMIT;
	if (err != HLV_OK)
		q->answer->n = had;
	q->report->os_error = hlv_link_os_error(l);
	hlv_link_close(l);
	return err;
}

static enum hlv_err ask(struct asking *q)
{
	switch (q->c->transport) {
	case HLV_T_TLS:
		return ask_tls(q);
	case HLV_T_LOCAL:
		return HLV_E_UNSUPPORTED;
	case HLV_T_TCP:
		return ask_tcp(q);
	case HLV_T_UDP:
		break;
	}
	/* Servers do not join requests from addresses that they do not know (threats.md 1). */
	if (q->request.n > HLV_UDP_PACKET)
		return ask_tcp(q);
	enum udp_state state = UDP_WAITING;
	enum hlv_err err = ask_udp(q, &state);
	return state == UDP_TO_TCP ? ask_tcp(q) : err;
}

enum hlv_err hlv_client_ask(const struct hlv_client *c, struct hlv_bytes request,
			    struct hlv_buf *answer, struct hlv_client_report *report)
{
	*report = (struct hlv_client_report){0};
	hlv_mono_ns start = hlv_clock().mono_ns;
	struct asking q = {
		.c = c,
		.request = request,
		.answer = answer,
		.report = report,
		.deadline_ns = start + c->total_ms * UINT64_C(1000000),
		.fd = -1,
	};
	struct hlv_reader r = hlv_reader(request);
	HLV_TRY(hlv_envelope_decode(&r, &q.env));
	enum hlv_err err = ask(&q);
	report->ns = hlv_clock().mono_ns - start;
	return err;
}
