/* SPDX-License-Identifier: Apache-2.0
 *
 * The least that a server can do: take datagrams in batches, answer each with the same octets
 * under the request's id. What this reaches on a machine, pinned as the server is pinned, is
 * the yardstick E of docs/performance.md; figures are told as shares of it.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/net/addr.h"
#include "proto/wire/envelope.h"
#include "proto/wire/header.h"
#include "tools/args.h"

enum {
	BATCH_MAX = 64,
	PACKET = 2048,
	SOCKET_BUFFER = 8 << 20,
	SMALLEST = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + 4
};

struct echo {
	uint32_t batch, size;
	struct sockaddr_storage from[BATCH_MAX];
	struct mmsghdr msgs[BATCH_MAX];
	struct iovec in[BATCH_MAX], out[BATCH_MAX];
	uint8_t asked[BATCH_MAX][PACKET], answer[BATCH_MAX][PACKET];
};

static void fill_answers(struct echo *e)
{
	struct hlv_envelope env = {.major = 2,
				   .minor = 11,
				   .suggest_major = 2,
				   .suggest_minor = 11,
				   .length = e->size - HLV_ENVELOPE_SIZE};
	struct hlv_header hdr = {
		.op = HLV_OP_RESOLUTION, .rc = HLV_RC_SUCCESS, .body_len = e->size - SMALLEST};
	for (uint32_t i = 0; i < e->batch; i++) {
		struct hlv_writer w = hlv_writer(e->answer[i], PACKET);
		hlv_envelope_encode(&w, &env);
		hlv_header_encode(&w, &hdr);
		e->in[i] = (struct iovec){e->asked[i], PACKET};
		e->out[i] = (struct iovec){e->answer[i], e->size};
		e->msgs[i].msg_hdr = (struct msghdr){.msg_name = &e->from[i], .msg_iovlen = 1};
	}
}

static void serve(struct echo *e, int fd)
{
	for (;;) {
		for (uint32_t i = 0; i < e->batch; i++) {
			e->msgs[i].msg_hdr.msg_iov = &e->in[i];
			e->msgs[i].msg_hdr.msg_namelen = sizeof e->from[i];
		}
		int n = recvmmsg(fd, e->msgs, e->batch, MSG_WAITFORONE, NULL);
		if (n < 0)
			return;
		for (int i = 0; i < n; i++) {
			memcpy(e->answer[i] + 8, e->asked[i] + 8, 4);
			e->msgs[i].msg_hdr.msg_iov = &e->out[i];
		}
		for (int sent = 0, k; sent < n; sent += k) {
			k = sendmmsg(fd, e->msgs + sent, (unsigned)(n - sent), 0);
			if (k < 0)
				k = 1; /* this one cannot be sent: the next */
		}
	}
}

int main(int argc, char **argv)
{
	static struct echo e;
	struct hlv_addr at;
	int size = SOCKET_BUFFER;
	args_program("echo");
	e.batch = 32;
	if (argc < 3 || argc > 4 || hlv_addr_parse(argv[1], 0, &at) != HLV_OK ||
	    !args_u32("octets", argv[2], SMALLEST, PACKET, &e.size) ||
	    (argc == 4 && !args_u32("batch", argv[3], 1, BATCH_MAX, &e.batch))) {
		args_complain("usage: echo ADDRESS:PORT OCTETS [BATCH]");
		return 2;
	}
	int fd = socket(at.sa.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, &at.sa.any, at.len) < 0) {
		perror("echo: bind");
		return 1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	fill_answers(&e);
	fputs("ready\n", stderr);
	serve(&e, fd);
	return 1;
}
