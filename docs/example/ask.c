/* SPDX-License-Identifier: Apache-2.0
 *
 * Ask a server for one identifier with libhelve: encode, send, decode, verify, print.
 *   cc ask.c $(pkg-config --cflags --libs helve) -o ask && ./ask 88.118.8/PUMP-8 node/keys/pubkey.bin
 * A third argument is the port.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/sec/sign.h"

int main(int argc, char **argv)
{
	uint8_t question[2400], answer[HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX], key_octets[4096];
	FILE *f = argc >= 3 ? fopen(argv[2], "rb") : NULL;
	struct hlv_key *key;
	if (!f || hlv_pubkey_decode(hlv_bytes(key_octets, fread(key_octets, 1, 4096, f)), &key))
		return 2;
	fclose(f);

	struct hlv_request rq = {
		.m.env = {.major = 2, .minor = 11, .suggest_major = 2, .suggest_minor = 11},
		.m.hdr = {.op = HLV_OP_RESOLUTION,
			  .flags = HLV_F_PUBLIC_ONLY | HLV_F_CERTIFIED},
		.handle = hlv_text(argv[1]),
	};
	struct hlv_writer w = hlv_writer(question, sizeof question);
	hlv_request_encode(&w, &rq);

	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(HLV_PORT)};
	if (argc > 3)
		to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (w.bad || connect(fd, (struct sockaddr *)&to, sizeof to) ||
	    write(fd, w.p, w.n) != (ssize_t)w.n)
		return 1;
	size_t n = 0, want = HLV_ENVELOPE_SIZE;
	for (ssize_t got; n < want && (got = read(fd, answer + n, want - n)) > 0;) {
		n += (size_t)got;
		if (n == HLV_ENVELOPE_SIZE && hlv_load_u32(answer + 16) <= HLV_MESSAGE_MAX)
			want += hlv_load_u32(answer + 16);
	}
	close(fd);

	struct hlv_message m;
	struct hlv_response rs;
	if (hlv_message_decode(hlv_bytes(answer, n), &m) || hlv_message_verify(&m, key) ||
	    hlv_response_decode(&m, &rs) || rs.rc != HLV_RC_SUCCESS ||
	    !hlv_eq(rs.handle, rq.handle))
		return 1;
	struct hlv_reader r = hlv_reader(rs.values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < rs.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++)
		printf("%u %.*s %.*s\n", v.index, (int)v.type.n, (const char *)v.type.p,
		       (int)v.data.n, (const char *)v.data.p);
	hlv_key_free(key);
	return 0;
}
