/* SPDX-License-Identifier: Apache-2.0
 *
 * Broken input. What the reference refuses we refuse, and what it accepts we accept and can
 * write again so that the same is read back; the exceptions are in explained.txt. Besides, each
 * message cut at every octet and with every octet turned over must be survived.
 */
#include <stdlib.h>

#include "tests/vectors/check.h"

/* Both directions without a judgement: anything may be refused, nothing may go wrong. */
static enum hlv_err look_into(struct hlv_bytes whole, struct hlv_writer *w)
{
	struct hlv_message m;
	HLV_TRY(hlv_message_decode(whole, &m));
	struct hlv_credential c;
	if (m.hdr.rc != 0) {
		struct hlv_response rs;
		HLV_TRY(hlv_response_decode(&m, &rs));
		hlv_response_encode(w, &m.env, &m.hdr, &rs);
	} else {
		struct hlv_request rq;
		HLV_TRY(hlv_request_decode(&m, &rq));
		hlv_request_encode(w, &rq);
	}
	/* 5.1: a credential outside a session is nobody's business, however broken: its verdict
	 * does not count here. */
	uint8_t room[HLV_UDP_PACKET];
	struct hlv_writer credential = hlv_writer(room, sizeof(room));
	if (hlv_credential_decode(m.credential, &c) == HLV_OK)
		hlv_credential_encode(&credential, &c);
	return HLV_OK;
}

/* What was accepted is written; what was written is read, and written the same again. */
static bool check_fixpoint(const struct vector *v, struct hlv_bytes written)
{
	struct hlv_writer again = message_writer(v);
	enum hlv_err err = look_into(written, &again);
	if (err != HLV_OK)
		return vector_differs(v, "what we wrote is refused: %s", hlv_strerror(err));
	return check_written(v, "written again", &again, written);
}

/* On a copy of exactly that size, so that a sanitizer sees each octet too far. */
static void survive(struct hlv_bytes octets, struct hlv_writer *scratch)
{
	uint8_t *copy = malloc(octets.n ? octets.n : 1);
	if (!copy)
		return;
	if (octets.n)
		memcpy(copy, octets.p, octets.n);
	scratch->n = 0;
	scratch->bad = false;
	if (look_into(hlv_bytes(copy, octets.n), scratch) != HLV_OK)
		scratch->bad = true;
	free(copy);
}

/* The length field is made to fit the cut, so that the cut meets the decoders of the bodies and
 * not only the envelope's. */
static void survive_cuts(const struct vector *v, struct hlv_bytes whole)
{
	uint8_t *copy = hlv_alloc(v->arena, whole.n);
	struct hlv_writer scratch = message_writer(v);
	if (!copy || whole.n < HLV_ENVELOPE_SIZE)
		return;
	memcpy(copy, whole.p, whole.n);
	for (size_t n = 0; n < whole.n; n++) {
		survive(hlv_bytes(whole.p, n), &scratch);
		if (n < HLV_ENVELOPE_SIZE)
			continue;
		hlv_store_u32(copy + 16, (uint32_t)(n - HLV_ENVELOPE_SIZE));
		survive(hlv_bytes(copy, n), &scratch);
		if (n < HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE)
			continue;
		hlv_store_u32(copy + 40, (uint32_t)(n - HLV_ENVELOPE_SIZE - HLV_HEADER_SIZE));
		survive(hlv_bytes(copy, n), &scratch);
		memcpy(copy + 40, whole.p + 40, 4);
	}
}

static void survive_flips(const struct vector *v, struct hlv_bytes whole)
{
	uint8_t *copy = hlv_alloc(v->arena, whole.n);
	struct hlv_writer scratch = message_writer(v);
	if (!copy || whole.n == 0)
		return;
	memcpy(copy, whole.p, whole.n);
	for (size_t i = 0; i < whole.n; i++) {
		static const uint8_t masks[] = {0xFF, 0x80, 0x01};
		for (size_t k = 0; k < sizeof(masks); k++) {
			copy[i] = (uint8_t)(whole.p[i] ^ masks[k]);
			survive(hlv_bytes(copy, whole.n), &scratch);
		}
		copy[i] = whole.p[i];
	}
}

bool topic_malformed(const struct vector *v)
{
	survive_cuts(v, v->hex);
	survive_flips(v, v->hex);
	struct hlv_writer w = message_writer(v);
	enum hlv_err err = look_into(v->hex, &w);
	bool accepted = strcmp(js_str(v->decoded, "reference_decoder"), "accepted") == 0;
	if (err == HLV_OK && !accepted)
		return vector_differs(v, "accepted");
	if (err != HLV_OK && accepted)
		return vector_differs(v, "refused: %s", hlv_strerror(err));
	return err != HLV_OK || check_fixpoint(v, hlv_written(&w));
}
