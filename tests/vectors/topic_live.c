/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages that went between the reference's client and server, in both directions.
 */
#include "tests/vectors/check.h"

/* Sealed messages: envelope checked, body opened by the vector's own plaintext. */
static bool check_sealed(const struct vector *v, struct hlv_bytes whole, const char *plaintext)
{
	struct hlv_message m;
	if (hlv_message_decode(whole, &m) != HLV_E_UNSUPPORTED)
		return vector_differs(v, "an encrypted message is looked into");
	if (!vector_bool(v, "encrypted", m.env.flags & HLV_E_ENCRYPTED, true))
		return false;
	struct hlv_bytes inside = js_hex(v, v->decoded, plaintext);
	m.env.flags &= (uint8_t)~HLV_E_ENCRYPTED;
	m.env.length = (uint32_t)inside.n;
	struct hlv_writer w = message_writer(v);
	hlv_envelope_encode(&w, &m.env);
	hlv_put(&w, inside);
	return check_message(v, hlv_written(&w), NULL);
}

static bool check_encrypted(const struct vector *v)
{
	return check_sealed(v, v->hex, "request_plaintext") &&
	       check_sealed(v, js_hex(v, v->decoded, "response_hex"), "response_plaintext");
}

static bool check_responses(const struct vector *v)
{
	const cJSON *item;
	cJSON_ArrayForEach (item, js_get(v->decoded, "responses")) {
		if (!check_message(v, js_hex(v, item, "hex"), js_get(item, "decoded")))
			return false;
	}
	return true;
}

/* One request, or several in a row as on a TCP connection. */
static bool check_requests(const struct vector *v)
{
	const cJSON *want = js_get(v->decoded, "request");
	struct hlv_reader r = hlv_reader(v->hex);
	while (hlv_left(&r) > 0) {
		size_t from = r.pos;
		struct hlv_envelope e;
		if (hlv_envelope_decode(&r, &e) != HLV_OK)
			return vector_differs(v, "no envelope at octet %zu", from);
		hlv_take(&r, e.length);
		if (!check_message(v, hlv_since(&r, from), want))
			return false;
	}
	return vector_bool(v, "requests read to the end", hlv_finished(&r), true);
}

/* The T flag of packets is not to be trusted (protocol.md 10.1): joined by length alone. */
static bool check_packets(const struct vector *v, const cJSON *packets)
{
	struct hlv_joiner j;
	size_t cap = HLV_MESSAGE_MAX + HLV_ENVELOPE_SIZE;
	hlv_joiner_init(&j, hlv_alloc_raw(v->arena, cap), cap);
	bool done = false;
	const cJSON *packet;
	cJSON_ArrayForEach (packet, packets) {
		const char *path = cJSON_IsString(packet) ? "" : "hex";
		enum hlv_err err = hlv_joiner_feed(&j, js_hex(v, packet, path), &done);
		if (err != HLV_OK)
			return vector_differs(v, "packet: %s", hlv_strerror(err));
	}
	if (!vector_bool(v, "joined", done, true))
		return false;
	struct hlv_bytes whole = hlv_bytes(j.buf, HLV_ENVELOPE_SIZE + j.envelope.length);
	return check_message(v, whole, NULL);
}

bool topic_live_exchanges(const struct vector *v)
{
	if (js_has(v->decoded, "response_plaintext"))
		return check_encrypted(v);
	const cJSON *received = js_get(v->decoded, "packets");
	if (received && !check_packets(v, received))
		return false;
	const cJSON *sent = js_get(v->decoded, "packets_sent");
	if (sent && !check_packets(v, sent))
		return false;
	if (js_has(v->decoded, "response") &&
	    !check_message(v, js_hex(v, v->decoded, "response_hex"),
			   js_get(v->decoded, "response")))
		return false;
	return check_requests(v) && check_responses(v);
}
