/* SPDX-License-Identifier: Apache-2.0
 *
 * The 20-octet envelope in front of every message (protocol.md 2, RFC 3652 2.1), and the cutting
 * of long messages into datagrams and their joining (protocol.md 10.1).
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "proto/wire/codes.h"

enum { HLV_E_COMPRESSED = 0x80, HLV_E_ENCRYPTED = 0x40, HLV_E_TRUNCATED = 0x20 };

struct hlv_envelope {
	uint8_t major, minor;  /* decide how this message is encoded */
	uint8_t flags;	       /* HLV_E_* */
	uint8_t suggest_major; /* the newest version that the sender speaks ... */
	uint8_t suggest_minor; /* ... both 0: nothing suggested */
	uint32_t session_id;   /* signed on the wire's other side: only > 0 names one */
	uint32_t request_id;
	uint32_t sequence; /* number of this packet of a cut message, from 0 */
	uint32_t length;   /* octets of header + body + credential, uncut */
};

/* Any lengths are accepted up to HLV_MESSAGE_MAX; HLV_E_MALFORMED when there are fewer than 20
 * octets, HLV_E_LIMIT when the length is over the maximum (the other fields are valid then). */
enum hlv_err HLV_MUST_USE hlv_envelope_decode(struct hlv_reader *r, struct hlv_envelope *e);
void hlv_envelope_encode(struct hlv_writer *w, const struct hlv_envelope *e);

/* Versions as comparable numbers, HLV_V(). Major 5 was once a misnumbered 2.0; octets are signed
 * in the reference (protocol.md 2.1, rules 5 and 7). */
int hlv_version(uint8_t major, uint8_t minor);
/* What the sender would like best: its suggestion, or the message's version without one. */
int hlv_envelope_suggested(const struct hlv_envelope *e);
/* The version of our answer: the lower of the suggestion and ours. */
int hlv_envelope_answer_version(const struct hlv_envelope *e);

/* Packets that a message of `length` octets takes by UDP; at least 1. */
uint32_t hlv_packet_count(uint32_t length);
/* Write packet `i` of `message` (envelope included, as built for TCP) to `out`, which holds
 * HLV_UDP_PACKET octets; sets the T flag when there are several. Returns the packet's size. */
size_t hlv_packet_cut(struct hlv_bytes message, uint32_t i, uint8_t *out);

/* Joins the packets of one message, in any order, duplicates dropped. The owner supplies the
 * buffer; what may be joined, for whom and how long is policy and not decided here. */
struct hlv_joiner {
	uint8_t *buf; /* room for HLV_ENVELOPE_SIZE + length octets */
	size_t cap;
	struct hlv_envelope envelope; /* of the first packet that came */
	uint32_t packets;	      /* in all; 0 before the first */
	uint32_t missing;
	uint64_t seen[(HLV_MESSAGE_MAX / HLV_UDP_PAYLOAD + 64) / 64];
};
void hlv_joiner_init(struct hlv_joiner *j, uint8_t *buf, size_t cap);
/* HLV_OK with *done set when the message is whole: envelope (sequence 0) and message stand in
 * j->buf. A packet that does not fit the others is HLV_E_MALFORMED and changes nothing; a message
 * larger than the buffer is HLV_E_LIMIT. */
enum hlv_err HLV_MUST_USE hlv_joiner_feed(struct hlv_joiner *j, struct hlv_bytes packet,
					  bool *done);
