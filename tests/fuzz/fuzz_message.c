/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole messages. What is accepted can be written; what was written is accepted, and written
 * again it is the same octets; cut into datagrams and joined it comes back. Each input is taken
 * as it is and once more with its two length fields made to fit, so that the bodies are
 * reached.
 */
#include "proto/wire/credential.h"
#include "proto/wire/message.h"
#include "tests/fuzz/fuzz.h"

static enum hlv_err rewrite(struct hlv_bytes in, struct hlv_writer *w)
{
	struct hlv_message m;
	HLV_TRY(hlv_message_decode(in, &m));
	if (m.hdr.rc == 0) {
		struct hlv_request rq;
		HLV_TRY(hlv_request_decode(&m, &rq));
		hlv_request_encode(w, &rq);
		return HLV_OK;
	}
	struct hlv_response rs;
	HLV_TRY(hlv_response_decode(&m, &rs));
	hlv_response_encode(w, &m.env, &m.hdr, &rs);
	return HLV_OK;
}

static void check_credential(struct hlv_bytes in)
{
	struct hlv_message m;
	struct hlv_credential c, again;
	uint8_t prefix[HLV_COVERED_PREFIX_MAX];
	if (hlv_message_decode(in, &m) != HLV_OK ||
	    hlv_credential_decode(m.credential, &c) != HLV_OK)
		return;
	hlv_require(hlv_covered_prefix(&m.env, c.counter, prefix) <= sizeof(prefix));
	struct hlv_writer w = fuzz_writer();
	hlv_credential_encode(&w, &c);
	struct hlv_bytes written = hlv_skip(hlv_written(&w), 4);
	hlv_require(hlv_credential_decode(written, &again) == HLV_OK);
	hlv_require(hlv_eq(again.octets, c.octets) && hlv_eq(again.type, c.type));
	hlv_require(hlv_eq(again.algorithm, c.algorithm) && again.counter == c.counter);
}

/* From the last packet to the first. */
static void check_packets(struct hlv_arena *a, struct hlv_bytes message)
{
	struct hlv_joiner j;
	bool done = false;
	hlv_joiner_init(&j, hlv_alloc_raw(a, message.n), message.n);
	for (uint32_t i = hlv_packet_count((uint32_t)(message.n - HLV_ENVELOPE_SIZE));
	     i-- > 0;) {
		uint8_t packet[HLV_UDP_PACKET];
		size_t n = hlv_packet_cut(message, i, packet);
		hlv_require(!done);
		hlv_require(hlv_joiner_feed(&j, hlv_bytes(packet, n), &done) == HLV_OK);
	}
	hlv_require(done);
	/* The joined envelope is that of an uncut message. */
	struct hlv_bytes joined = hlv_bytes(j.buf, message.n);
	hlv_require(hlv_eq(hlv_skip(joined, HLV_ENVELOPE_SIZE),
			   hlv_skip(message, HLV_ENVELOPE_SIZE)));
}

static void check(struct hlv_bytes in)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_writer first = fuzz_writer(), second = fuzz_writer();
	check_credential(in);
	if (rewrite(in, &first) != HLV_OK)
		return;
	struct hlv_bytes once = hlv_written(&first);
	hlv_require(!first.bad);
	if (once.n > HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX)
		return; /* the two octets of 4.5 or a credential's length made it too long */
	hlv_require(rewrite(fuzz_copy(a, once), &second) == HLV_OK);
	hlv_require(hlv_eq(hlv_written(&second), once));
	check_packets(a, once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	check(hlv_bytes(data, n));
	if (n < HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE || n > HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX)
		return 0;
	uint8_t *p = malloc(n);
	hlv_require(p);
	memcpy(p, data, n);
	p[2] &= (uint8_t)~HLV_E_ENCRYPTED;
	hlv_store_u32(p + 16, (uint32_t)(n - HLV_ENVELOPE_SIZE));
	if (hlv_load_u32(p + 40) > n - HLV_ENVELOPE_SIZE - HLV_HEADER_SIZE)
		hlv_store_u32(p + 40, (uint32_t)(n - HLV_ENVELOPE_SIZE - HLV_HEADER_SIZE));
	check(hlv_bytes(p, n));
	free(p);
	return 0;
}
