/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/question.h"

/* Places in envelope and header (protocol.md 2, 3). */
enum {
	AT_ID = 8,
	AT_LENGTH = 16,
	AT_RC = 24,
	AT_FLAGS = 28,
	AT_BODY_LEN = 40,
	FRAME_HEAD = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE
};

void question_form_init(struct question_form *form, uint32_t flags, int version, uint32_t now_s)
{
	*form = (struct question_form){0};
	struct hlv_writer w = hlv_writer(form->head, sizeof form->head);
	uint8_t major = (uint8_t)(version / 256), minor = (uint8_t)(version % 256);
	struct hlv_envelope env = {
		.major = major, .minor = minor, .suggest_major = major, .suggest_minor = minor};
	struct hlv_header hdr = {.op = HLV_OP_RESOLUTION,
				 .flags = flags,
				 .site_serial = UINT16_MAX,
				 .expiration_s = now_s + HLV_EXPIRATION_S};
	hlv_envelope_encode(&w, &env);
	hlv_header_encode(&w, &hdr);
}

size_t question_build(const struct question_form *form, uint32_t id, struct hlv_bytes name,
		      uint8_t *out)
{
	/* Body: the identifier, no indexes, no types (4.1); behind it no credential. */
	uint32_t body = (uint32_t)(4 + name.n + 4 + 4);
	memcpy(out, form->head, FRAME_HEAD);
	hlv_store_u32(out + AT_ID, id);
	hlv_store_u32(out + AT_LENGTH, HLV_HEADER_SIZE + body + 4);
	hlv_store_u32(out + AT_BODY_LEN, body);
	uint8_t *p = out + FRAME_HEAD;
	hlv_store_u32(p, (uint32_t)name.n);
	memcpy(p + 4, name.p, name.n);
	memset(p + 4 + name.n, 0, 12);
	return FRAME_HEAD + body + 4;
}

/* The body may go on in later packets: only what stands in front is looked at. */
static bool repeats(struct hlv_bytes answer, struct hlv_bytes name)
{
	struct hlv_reader r = hlv_reader(hlv_skip(answer, FRAME_HEAD));
	if (hlv_load_u32(answer.p + AT_FLAGS) & HLV_F_REQUEST_DIGEST) {
		/* 4.0: MD5, SHA-1, SHA-256 by one octet. */
		static const uint8_t sizes[] = {0, 16, 20, 32};
		uint8_t kind = hlv_get_u8(&r);
		hlv_take(&r, kind < sizeof sizes ? sizes[kind] : 0);
	}
	struct hlv_bytes handle = hlv_get_lp32(&r);
	return !r.bad && hlv_eq(handle, name) && hlv_get_u32(&r) > 0;
}

enum verdict question_judge(const struct question_form *form, struct hlv_bytes answer,
			    struct hlv_bytes name)
{
	uint32_t length = hlv_load_u32(answer.p + AT_LENGTH);
	uint32_t body = hlv_load_u32(answer.p + AT_BODY_LEN);
	if (answer.n == FRAME_HEAD && length > HLV_HEADER_SIZE)
		return VERDICT_STUB;
	if (hlv_load_u32(answer.p + AT_RC) != HLV_RC_SUCCESS)
		return VERDICT_OTHER_CODE;
	/* Behind the body: the credential's length, and more only if there is one. */
	if (form->certified && length <= (uint64_t)HLV_HEADER_SIZE + body + 4)
		return VERDICT_UNSIGNED;
	if (form->check && !repeats(answer, name))
		return VERDICT_WRONG;
	return VERDICT_OK;
}
