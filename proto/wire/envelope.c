/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/envelope.h"

enum { FLAG_BITS = 0xE0, SUGGEST_BITS = 0x1F };

enum hlv_err hlv_envelope_decode(struct hlv_reader *r, struct hlv_envelope *e)
{
	e->major = hlv_get_u8(r);
	e->minor = hlv_get_u8(r);
	uint8_t third = hlv_get_u8(r);
	e->flags = third & FLAG_BITS;
	e->suggest_major = third & SUGGEST_BITS;
	e->suggest_minor = hlv_get_u8(r);
	e->session_id = hlv_get_u32(r);
	e->request_id = hlv_get_u32(r);
	e->sequence = hlv_get_u32(r);
	e->length = hlv_get_u32(r);
	if (r->bad)
		return HLV_E_MALFORMED;
	return e->length > HLV_MESSAGE_MAX ? HLV_E_LIMIT : HLV_OK;
}

void hlv_envelope_encode(struct hlv_writer *w, const struct hlv_envelope *e)
{
	hlv_put_u8(w, e->major);
	hlv_put_u8(w, e->minor);
	hlv_put_u8(w, (uint8_t)((e->flags & FLAG_BITS) | (e->suggest_major & SUGGEST_BITS)));
	hlv_put_u8(w, e->suggest_minor);
	hlv_put_u32(w, e->session_id);
	hlv_put_u32(w, e->request_id);
	hlv_put_u32(w, e->sequence);
	hlv_put_u32(w, e->length);
}

int hlv_version(uint8_t major, uint8_t minor)
{
	if (major == 5)
		return HLV_V(2, 0);
	return HLV_V((int8_t)major, (int8_t)minor);
}

int hlv_envelope_suggested(const struct hlv_envelope *e)
{
	if (e->suggest_major == 0)
		return hlv_version(e->major, e->minor);
	return hlv_version(e->suggest_major, e->suggest_minor);
}

int hlv_envelope_answer_version(const struct hlv_envelope *e)
{
	int asked = hlv_envelope_suggested(e);
	if (asked > HLV_OUR_VERSION)
		return HLV_OUR_VERSION;
	/* Nothing older than 2.0 exists: octets that claim so get its encoding. */
	return asked < HLV_V(2, 0) ? HLV_V(2, 0) : asked;
}

uint32_t hlv_packet_count(uint32_t length)
{
	return length == 0 ? 1 : (length + HLV_UDP_PAYLOAD - 1) / HLV_UDP_PAYLOAD;
}

size_t hlv_packet_cut(struct hlv_bytes message, uint32_t i, uint8_t *out)
{
	struct hlv_bytes rest =
		hlv_skip(message, HLV_ENVELOPE_SIZE + (size_t)i * HLV_UDP_PAYLOAD);
	struct hlv_bytes part = hlv_head(rest, HLV_UDP_PAYLOAD);
	memcpy(out, message.p, HLV_ENVELOPE_SIZE);
	if (message.n > HLV_UDP_PACKET)
		out[2] |= HLV_E_TRUNCATED;
	hlv_store_u32(out + 12, i);
	if (part.n)
		memcpy(out + HLV_ENVELOPE_SIZE, part.p, part.n);
	return HLV_ENVELOPE_SIZE + part.n;
}

void hlv_joiner_init(struct hlv_joiner *j, uint8_t *buf, size_t cap)
{
	*j = (struct hlv_joiner){.buf = buf, .cap = cap};
}

static enum hlv_err joiner_begin(struct hlv_joiner *j, const struct hlv_envelope *e)
{
	if (e->length > j->cap || HLV_ENVELOPE_SIZE > j->cap - e->length)
		return HLV_E_LIMIT;
	j->envelope = *e;
	j->packets = j->missing = hlv_packet_count(e->length);
	struct hlv_envelope whole = *e;
	whole.sequence = 0;
	whole.flags &= (uint8_t)~HLV_E_TRUNCATED;
	struct hlv_writer w = hlv_writer(j->buf, j->cap);
	hlv_envelope_encode(&w, &whole);
	return HLV_OK;
}

enum hlv_err hlv_joiner_feed(struct hlv_joiner *j, struct hlv_bytes packet, bool *done)
{
	*done = false;
	struct hlv_reader r = hlv_reader(packet);
	struct hlv_envelope e;
	HLV_TRY(hlv_envelope_decode(&r, &e));
	struct hlv_bytes part = hlv_take_rest(&r);

	/* Each packet but the last is full; the last holds exactly the rest. */
	uint32_t packets = hlv_packet_count(e.length);
	if (e.sequence >= packets)
		return HLV_E_MALFORMED;
	size_t at = (size_t)e.sequence * HLV_UDP_PAYLOAD;
	size_t want = e.sequence + 1 < packets ? (size_t)HLV_UDP_PAYLOAD : e.length - at;
	if (part.n != want)
		return HLV_E_MALFORMED;

	if (j->packets == 0)
		HLV_TRY(joiner_begin(j, &e));
	if (e.length != j->envelope.length || e.request_id != j->envelope.request_id)
		return HLV_E_MALFORMED;
	uint64_t bit = UINT64_C(1) << e.sequence % 64;
	if (j->seen[e.sequence / 64] & bit)
		return HLV_OK;
	j->seen[e.sequence / 64] |= bit;
	if (part.n)
		memcpy(j->buf + HLV_ENVELOPE_SIZE + at, part.p, part.n);
	*done = --j->missing == 0;
	return HLV_OK;
}
