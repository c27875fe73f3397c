/* SPDX-License-Identifier: Apache-2.0
 *
 * Are these octets the answer to that question? (threats.md 7 R4). Pure: id, operation, request
 * digest when there is one, and the identifier when the answer names it. Whose socket it came from was
 * seen to before.
 */
#pragma once
#include "proto/wire/message.h"

struct match_question {
	uint32_t op;
	struct hlv_bytes covered; /* header and body as they were sent */
	struct hlv_bytes id;
};

enum match {
	MATCH_NOT,    /* anybody may have sent it: wait on */
	MATCH_ANSWER, /* and it decodes */
	MATCH_BROKEN, /* his, and no use */
};
/* `message`: one, with its envelope; `stream`: nobody else could have written into it. */
enum match match_answer(const struct match_question *q, uint32_t request_id,
			struct hlv_bytes message, bool stream);

/* One datagram, before parts are joined. */
enum match_packet {
	PACKET_NOT,
	PACKET_PART, /* or all of it: for the joiner */
	PACKET_STUB, /* threats.md 1: too long for UDP, to come by TCP */
	PACKET_BROKEN,
};
enum match_packet match_packet(const struct match_question *q, uint32_t request_id,
			       struct hlv_bytes packet);
