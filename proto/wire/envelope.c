/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/envelope.h"

enum { FLAG_BITS = 0xE0, SUGGEST_BITS = 0x1F };

enum hlv_err hlv_envelope_decode(struct hlv_reader *r, struct hlv_envelope *e)
{
	struct hlv_bytes b = hlv_take(r, HLV_ENVELOPE_SIZE);
	if (b.n == 0)
		return HLV_E_MALFORMED;
	e->major = b.p[0];
	e->minor = b.p[1];
	e->flags = b.p[2] & FLAG_BITS;
	e->suggest_major = b.p[2] & SUGGEST_BITS;
	e->suggest_minor = b.p[3];
	e->session_id = hlv_load_u32(b.p + 4);
	e->request_id = hlv_load_u32(b.p + 8);
	e->sequence = hlv_load_u32(b.p + 12);
	e->length = hlv_load_u32(b.p + 16);
	return e->length > HLV_MESSAGE_MAX ? HLV_E_LIMIT : HLV_OK;
}

void hlv_envelope_encode(struct hlv_writer *w, const struct hlv_envelope *e)
{
	uint8_t *p = hlv_put_room(w, HLV_ENVELOPE_SIZE);
	if (!p)
		return;
	p[0] = e->major;
	p[1] = e->minor;
	p[2] = (uint8_t)((e->flags & FLAG_BITS) | (e->suggest_major & SUGGEST_BITS));
	p[3] = e->suggest_minor;
	hlv_store_u32(p + 4, e->session_id);
	hlv_store_u32(p + 8, e->request_id);
	hlv_store_u32(p + 12, e->sequence);
	hlv_store_u32(p + 16, e->length);
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
