/* SPDX-License-Identifier: Apache-2.0
 *
 * What a load run sends and how it judges what comes back. Questions are stamped from a form
 * that was encoded once; answers are judged by the few octets that tell, and looked into only
 * when that was asked for, so that the generator stays faster than what it measures.
 */
#pragma once
#include "proto/wire/message.h"

struct question_form {
	uint8_t head[HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE];
	bool certified; /* answers must carry a signature */
	bool check;	/* answers must repeat the identifier and hold values */
};

/* Octets of a question about the longest name. */
enum { QUESTION_MAX = HLV_ENVELOPE_SIZE + HLV_HEADER_SIZE + 16 + 440 };

/* All values of an identifier, `flags` as in the header. */
void question_form_init(struct question_form *form, uint32_t flags, int version,
			uint32_t now_s);
/* Into `out` (QUESTION_MAX octets); returns the size. */
size_t question_build(const struct question_form *form, uint32_t id, struct hlv_bytes name,
		      uint8_t *out);

#define VERDICTS(X)                                                                            \
	X(VERDICT_OK, "ok")                                                                    \
	X(VERDICT_OTHER_CODE, "other_code")                                                    \
	X(VERDICT_STUB, "too_long_for_udp")                                                    \
	X(VERDICT_UNSIGNED, "unsigned")                                                        \
	X(VERDICT_WRONG, "wrong_identifier")                                                   \
	X(VERDICT_STRAY, "stray")

enum verdict {
#define X(name, text) name,
	VERDICTS(X)
#undef X
		VERDICTS_N
};

/* The first packet (or the whole) of an answer of at least 44 octets. */
enum verdict question_judge(const struct question_form *form, struct hlv_bytes answer,
			    struct hlv_bytes name);
