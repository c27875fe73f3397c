/* SPDX-License-Identifier: Apache-2.0
 *
 * Envelopes, headers and whole messages, in both directions.
 */
#include <stdlib.h>

#include "tests/vectors/check.h"

bool topic_envelopes(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_envelope e;
	enum hlv_err err = hlv_envelope_decode(&r, &e);
	if (js_has(v->decoded, "error"))
		return vector_bool(v, "refused", err != HLV_OK, true);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	if (!check_envelope(v, &e, v->decoded))
		return false;
	struct hlv_writer w = message_writer(v);
	hlv_envelope_encode(&w, &e);
	return check_written(v, "encoded envelope", &w, v->hex);
}

bool topic_headers(const struct vector *v)
{
	struct hlv_reader r = hlv_reader(v->hex);
	struct hlv_header h;
	enum hlv_err err = hlv_header_decode(&r, &h);
	if (err != HLV_OK)
		return vector_differs(v, "%s", hlv_strerror(err));
	if (!check_header(v, &h, v->decoded))
		return false;
	if (js_has(v->decoded, "logical_response_code")) {
		uint32_t rc = (uint32_t)js_u64(v->decoded, "logical_response_code");
		int version = parse_version(js_str(v->decoded, "version"));
		if (!vector_u64(v, "code on the wire", hlv_rc_to_wire(rc, version), h.rc))
			return false;
	}
	struct hlv_writer w = message_writer(v);
	hlv_header_encode(&w, &h);
	return check_written(v, "encoded header", &w, v->hex);
}

/* Joins `packets` in the order first, last, ...: any order must give the message. */
static bool check_joining(const struct vector *v, const cJSON *packets, struct hlv_bytes whole)
{
	struct hlv_joiner j;
	hlv_joiner_init(&j, hlv_alloc_raw(v->arena, whole.n), whole.n);
	int n = cJSON_GetArraySize(packets);
	bool done = false;
	for (int i = n; i-- > 0;) {
		struct hlv_bytes packet = js_hex(v, cJSON_GetArrayItem(packets, i), "hex");
		for (int twice = 0; twice < 2; twice++) {
			if (done)
				break;
			enum hlv_err err = hlv_joiner_feed(&j, packet, &done);
			if (err != HLV_OK)
				return vector_differs(v, "packet %d: %s", i, hlv_strerror(err));
		}
	}
	return vector_bool(v, "joined", done, true) &&
	       vector_bytes(v, "joined message", hlv_bytes(j.buf, whole.n), whole);
}

static bool check_cutting(const struct vector *v, const cJSON *packets, struct hlv_bytes whole)
{
	uint32_t n = hlv_packet_count((uint32_t)(whole.n - HLV_ENVELOPE_SIZE));
	if (!vector_u64(v, "packets", n, (uint64_t)cJSON_GetArraySize(packets)))
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint8_t packet[HLV_UDP_PACKET];
		const cJSON *want = cJSON_GetArrayItem(packets, (int)i);
		size_t len = hlv_packet_cut(whole, i, packet);
		if (!vector_bytes(v, "packet", hlv_bytes(packet, len), js_hex(v, want, "hex")))
			return false;
	}
	return true;
}

/* `hex` is the message without envelope; the first packet tells the envelope. */
static bool check_packets(const struct vector *v, const cJSON *packets)
{
	struct hlv_bytes first = js_hex(v, js_get(packets, "0"), "hex");
	struct hlv_reader r = hlv_reader(first);
	struct hlv_envelope env;
	if (hlv_envelope_decode(&r, &env) != HLV_OK)
		return vector_differs(v, "the first packet has no envelope");
	const cJSON *packet;
	cJSON_ArrayForEach (packet, packets) {
		struct hlv_reader p = hlv_reader(js_hex(v, packet, "hex"));
		struct hlv_envelope e;
		if (hlv_envelope_decode(&p, &e) != HLV_OK)
			return vector_differs(v, "a packet has no envelope");
		if (js_has(packet, "envelope") &&
		    !check_envelope(v, &e, js_get(packet, "envelope")))
			return false;
		if (js_has(packet, "payload_octets") &&
		    !vector_u64(v, "payload", hlv_left(&p), js_u64(packet, "payload_octets")))
			return false;
	}
	env.flags = 0;
	env.sequence = 0;
	struct hlv_writer w = message_writer(v);
	hlv_envelope_encode(&w, &env);
	hlv_put(&w, v->hex);
	return check_cutting(v, packets, hlv_written(&w)) &&
	       check_joining(v, packets, hlv_written(&w)) &&
	       check_message(v, hlv_written(&w), NULL);
}

bool topic_messages(const struct vector *v)
{
	const cJSON *packets = js_get(v->decoded, "packets");
	if (cJSON_IsArray(packets))
		return check_packets(v, packets);
	if (packets)
		return vector_u64(
			v, "packets",
			hlv_packet_count((uint32_t)js_u64(v->decoded, "message_length")),
			js_u64(v->decoded, "packets"));
	return check_message(v, v->hex, v->decoded);
}

bool topic_requests(const struct vector *v)
{
	return check_bare_message(v, v->hex, js_str(v->decoded, "version"), v->decoded);
}

bool topic_responses(const struct vector *v)
{
	return check_bare_message(v, v->hex, js_str(v->decoded, "version"), v->decoded);
}

bool topic_error_responses(const struct vector *v)
{
	const char *version = js_str(v->decoded, "version");
	if (!js_has(v->decoded, "wire_response_code"))
		return check_bare_message(v, v->hex, version, v->decoded);
	uint32_t wire = (uint32_t)js_u64(v->decoded, "wire_response_code");
	return vector_u64(v, "code read", hlv_rc_from_wire(wire, parse_version(version)),
			  js_u64(v->decoded, "decoded_response_code")) &&
	       check_bare_message(v, v->hex, version, NULL);
}
