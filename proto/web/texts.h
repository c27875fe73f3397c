/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON texts out of a body that comes in pieces: one a line (JSON Lines), or the elements of one array.
 * What the texts say is their reader's business, and so is memory: no more than one text is ever held.
 */
#pragma once
#include "proto/base/buf.h"

enum texts_verdict {
	TEXTS_MORE,   /* *in is used up, and the body goes on */
	TEXTS_TEXT,   /* *text, until the next call */
	TEXTS_LONG,   /* one of more than t->max octets, which is passed over */
	TEXTS_BROKEN, /* an array that is none: nothing more can be read */
	TEXTS_END,
};

struct texts {
	size_t max;	 /* octets of one text */
	uint64_t number; /* of the text: its line, or its place in the array; from 1 */
	/* --- its own --- */
	enum { TEXTS_NEW, TEXTS_LINES, TEXTS_ARRAY, TEXTS_CLOSED } form;
	struct hlv_buf held; /* what earlier pieces have of a text */
	bool told;	     /* what is held was given out */
	bool is_long;
	/* Within an element of an array. */
	bool quoted, escaped;
	uint32_t depth;
};

/* The next text of *in, which loses what was read. `last`: nothing comes behind *in. */
enum texts_verdict texts_next(struct texts *t, struct hlv_bytes *in, bool last,
			      struct hlv_bytes *text);
void texts_free(struct texts *t);
