/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole TCP stream against the real front end, over loopback: whatever a peer sends before it
 * closes its side, the server answers with whole messages only, never more of them than
 * envelopes came in (and one early error), and closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/tcp.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

static struct {
	struct hlv_front front;
	struct hlv_limits limits;
	struct hlv_tcp *tcp;
	struct sockaddr_in addr;
	struct hlv_buf received;
} net;

static void open_front(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(net.addr);
	net.addr = (struct sockaddr_in){.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	hlv_require(bind(fd, (struct sockaddr *)&net.addr, len) == 0);
	hlv_require(getsockname(fd, (struct sockaddr *)&net.addr, &len) == 0);
	hlv_require(listen(fd, 16) == 0);
	net.limits = (struct hlv_limits){.tcp_connections = 64,
					 .tcp_per_source = 64,
					 .tcp_requests = 1000,
					 .tcp_first_s = 60,
					 .tcp_message_s = 60,
					 .tcp_idle_s = 60,
					 .tcp_sdk_idle_s = 60,
					 .tcp_stall_s = 60,
					 .tcp_life_s = 600};
	net.front = (struct hlv_front){.base = event_base_new(),
				       .service = fuzz_service(),
				       .limits = &net.limits,
				       .verified = hlv_verified_new(1),
				       .scratch = malloc(HLV_SCRATCH)};
	net.tcp = hlv_tcp_open(&net.front, fd, &conn_native, NULL);
	hlv_require(net.tcp && net.front.verified && net.front.scratch);
}

/* Read what is there; false at the peer's end. */
static bool take(int fd)
{
	for (;;) {
		void *room = hlv_buf_room(&net.received, 65536);
		hlv_require(room);
		ssize_t n = recv(fd, room, 65536, MSG_DONTWAIT);
		net.received.n -= 65536 - (n > 0 ? (size_t)n : 0);
		if (n <= 0)
			return n < 0;
	}
}

/* From another loopback address each time: closed connections keep their ports for a while, and
 * a campaign would run out of those of one address. -1: the port that the system chose is still
 * kept for such a one. */
static int connect_once(void)
{
	static uint32_t next;
	uint32_t host = 0x7F010000 + next++ % 0xFFFF + 1;
	struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	hlv_require(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0);
	if (connect(fd, (struct sockaddr *)&net.addr, sizeof(net.addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int connect_front(void)
{
	int fd = -1;
	for (int tries = 0; tries < 100 && fd < 0; tries++)
		fd = connect_once();
	hlv_require(fd >= 0);
	return fd;
}

/* Send all, close our side, and run the server's loop until it has closed its own. */
static void talk(struct hlv_bytes in)
{
	int fd = connect_front();
	size_t sent = 0;
	bool shut = false, open = true;
	while (open) {
		if (sent < in.n) {
			ssize_t n =
				send(fd, in.p + sent, in.n - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
			sent = n > 0 ? sent + (size_t)n : sent;
			if (n < 0 && errno != EAGAIN)
				sent = in.n; /* the server has had enough */
		}
		if (sent == in.n && !shut) {
			shutdown(fd, SHUT_WR);
			shut = true;
		}
		event_base_loop(net.front.base, EVLOOP_NONBLOCK);
		open = take(fd);
	}
	close(fd);
	event_base_loop(net.front.base, EVLOOP_NONBLOCK);
}

static size_t envelopes_in(struct hlv_bytes in)
{
	size_t n = 0;
	struct hlv_reader r = hlv_reader(in);
	struct hlv_envelope e;
	while (hlv_left(&r) > 0) {
		n++;
		if (hlv_envelope_decode(&r, &e) != HLV_OK)
			break;
		hlv_take(&r, e.length);
	}
	return n;
}

static size_t check_answers(struct hlv_bytes out)
{
	struct hlv_reader r = hlv_reader(out);
	size_t n = 0;
	for (; hlv_left(&r) > 0; n++) {
		size_t from = r.pos;
		struct hlv_envelope e;
		struct hlv_message m;
		hlv_require(hlv_envelope_decode(&r, &e) == HLV_OK);
		hlv_take(&r, e.length);
		hlv_require(!r.bad);
		hlv_require(hlv_message_decode(hlv_since(&r, from), &m) == HLV_OK);
		hlv_require(m.hdr.rc != HLV_RC_RESERVED);
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (!net.tcp)
		open_front();
	if (n > HLV_MESSAGE_MAX)
		return 0;
	hlv_buf_clear(&net.received);
	talk(hlv_bytes(data, n));
	hlv_require(check_answers(hlv_buf_bytes(&net.received)) <=
		    envelopes_in(hlv_bytes(data, n)) + 1);
	return 0;
}
