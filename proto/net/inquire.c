/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/inquire.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PACKET_MAX = 65535 };

struct asking {
	const struct hlv_inquiry *q;
	hlv_mono_ns until_ns;
	int fd;
};

/* Until the socket can be read or written. */
static enum hlv_err wait_for(const struct asking *a, short what)
{
	for (;;) {
		hlv_mono_ns now_ns = hlv_clock().mono_ns;
		struct pollfd p[2] = {{.fd = a->fd, .events = what},
				      {.fd = a->q->off_fd, .events = POLLIN}};
		if (now_ns >= a->until_ns)
			return HLV_E_TIMEOUT;
		int n = poll(p, 2, (int)((a->until_ns - now_ns) / 1000000U) + 1);
		if (n < 0 && errno != EINTR)
			return HLV_E_IO;
		if (n > 0 && p[1].revents)
			return HLV_E_BUSY;
		if (n > 0 && p[0].revents)
			return HLV_OK;
	}
}

static bool is_early(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static enum hlv_err by_datagram(const struct asking *a, struct hlv_bytes octets,
				struct hlv_buf *answer)
{
	uint8_t *room = malloc(PACKET_MAX);
	enum hlv_err err = room ? HLV_OK : HLV_E_NOMEM;
	if (err == HLV_OK && send(a->fd, octets.p, octets.n, MSG_NOSIGNAL) < 0)
		err = HLV_E_IO;
	while (err == HLV_OK) {
		err = wait_for(a, POLLIN);
		if (err != HLV_OK)
			break;
		ssize_t n = recv(a->fd, room, PACKET_MAX, 0);
		if (n < 0 && !is_early())
			err = HLV_E_IO;
		if (n < 0 || !a->q->fits(octets, hlv_bytes(room, (size_t)n)))
			continue;
		hlv_buf_put(answer, hlv_bytes(room, (size_t)n));
		err = answer->bad ? HLV_E_NOMEM : HLV_OK;
		break;
	}
	free(room);
	return err;
}

static enum hlv_err write_all(const struct asking *a, const uint8_t *p, size_t n)
{
	while (n > 0) {
		HLV_TRY(wait_for(a, POLLOUT));
		ssize_t sent = send(a->fd, p, n, MSG_NOSIGNAL);
		if (sent < 0 && !is_early())
			return HLV_E_IO;
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return HLV_OK;
}

static enum hlv_err read_all(const struct asking *a, uint8_t *p, size_t n)
{
	while (n > 0) {
		HLV_TRY(wait_for(a, POLLIN));
		ssize_t got = recv(a->fd, p, n, 0);
		if (got == 0 || (got < 0 && !is_early()))
			return HLV_E_IO;
		if (got > 0) {
			p += got;
			n -= (size_t)got;
		}
	}
	return HLV_OK;
}

static enum hlv_err by_stream(const struct asking *a, struct hlv_bytes octets,
			      struct hlv_buf *answer)
{
	uint8_t length[2] = {(uint8_t)(octets.n >> 8), (uint8_t)octets.n};
	if (octets.n > PACKET_MAX)
		return HLV_E_LIMIT;
	HLV_TRY(write_all(a, length, 2));
	HLV_TRY(write_all(a, octets.p, octets.n));
	HLV_TRY(read_all(a, length, 2));
	size_t n = (size_t)length[0] << 8 | length[1];
	uint8_t *room = hlv_buf_room(answer, n);
	if (!room)
		return HLV_E_NOMEM;
	return read_all(a, room, n);
}

enum hlv_err hlv_inquire(const struct hlv_inquiry *q, struct hlv_bytes octets,
			 struct hlv_buf *answer)
{
	struct asking a = {.q = q,
			   .until_ns = hlv_clock().mono_ns + q->wait_ms * UINT64_C(1000000),
			   .fd = socket(q->to.sa.any.sa_family,
					(q->stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC |
						SOCK_NONBLOCK,
					0)};
	if (a.fd < 0)
		return HLV_E_IO;
	enum hlv_err err = HLV_OK;
	if (connect(a.fd, &q->to.sa.any, q->to.len) != 0 && errno != EINPROGRESS)
		err = HLV_E_IO;
	if (err == HLV_OK)
		err = q->stream ? by_stream(&a, octets, answer)
				: by_datagram(&a, octets, answer);
	close(a.fd);
	return err;
}
