/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/match.h"

#include "proto/sec/digest.h"

/* protocol.md 2.1 rule 6: an error from before the request could be read. */
static bool is_early_error(const struct hlv_message *m)
{
	return m->hdr.op == HLV_OP_RESERVED && m->hdr.rc != 0;
}

enum match match_answer(const struct match_question *q, uint32_t request_id,
			struct hlv_bytes message, bool stream)
{
	struct hlv_message m;
	struct hlv_response rs;
	enum hlv_err err = hlv_message_decode(message, &m);
	if (message.n >= HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE && stream && is_early_error(&m))
		return MATCH_BROKEN;
	if (message.n < HLV_ENVELOPE_SIZE || m.env.request_id != request_id)
		return MATCH_NOT;
	if (err != HLV_OK)
		return MATCH_BROKEN;
	if (m.hdr.op != q->op || m.hdr.rc == 0)
		return MATCH_NOT;
	/* Of a list in several messages one is no answer; nothing that is asked here is a list. */
	if (m.hdr.flags & HLV_F_CONTINUOUS || hlv_response_decode(&m, &rs) != HLV_OK)
		return MATCH_BROKEN;
	if (rs.has_digest && !hlv_request_digest_fits(q->covered, &rs.digest))
		return MATCH_NOT;
	if (rs.kind == HLV_BODY_RECORD && !hlv_name_eq_prefix(rs.handle, q->id))
		return MATCH_NOT;
	return MATCH_ANSWER;
}

enum match_packet match_packet(const struct match_question *q, uint32_t request_id,
			       struct hlv_bytes packet)
{
	struct hlv_reader r = hlv_reader(packet);
	struct hlv_envelope e;
	struct hlv_header h;
	enum hlv_err err = hlv_envelope_decode(&r, &e);
	if (packet.n < HLV_ENVELOPE_SIZE || e.request_id != request_id)
		return PACKET_NOT;
	if (err != HLV_OK)
		return PACKET_BROKEN; /* longer than any message */
	bool bare = packet.n == HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE && e.sequence == 0 &&
		    e.flags & HLV_E_TRUNCATED && e.length > HLV_HEADER_SIZE;
	if (!bare)
		return PACKET_PART;
	return hlv_header_decode(&r, &h) == HLV_OK && h.op == q->op && h.rc != 0 ? PACKET_STUB
										 : PACKET_NOT;
}
