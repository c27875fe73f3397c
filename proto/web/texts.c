/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/texts.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct hlv_bytes trim(struct hlv_bytes b)
{
	while (b.n && is_blank(b.p[0]))
		b = hlv_skip(b, 1);
	while (b.n && is_blank(b.p[b.n - 1]))
		b.n--;
	return b;
}

static void hold(struct texts *t, struct hlv_bytes piece)
{
	if (t->held.n + piece.n > t->max)
		t->is_long = true;
	else
		hlv_buf_put(&t->held, piece);
}

/* A text has come to its end with `piece`; false: it is blank. */
static bool give(struct texts *t, struct hlv_bytes piece, enum texts_verdict *verdict,
		 struct hlv_bytes *text)
{
	*verdict = TEXTS_TEXT;
	if (t->held.n || t->is_long || piece.n > t->max) {
		hold(t, piece);
		piece = hlv_buf_bytes(&t->held);
		t->told = true;
	}
	if (t->is_long || t->held.bad)
		*verdict = TEXTS_LONG;
	t->is_long = false;
	*text = trim(piece);
	return text->n > 0 || *verdict == TEXTS_LONG;
}

/* --- lines --- */

static enum texts_verdict next_line(struct texts *t, struct hlv_bytes *in, bool last,
				    struct hlv_bytes *text)
{
	enum texts_verdict verdict;
	while (in->n) {
		const uint8_t *end = memchr(in->p, '\n', in->n);
		struct hlv_bytes line = end ? hlv_head(*in, (size_t)(end - in->p)) : *in;
		*in = hlv_skip(*in, line.n + (end ? 1 : 0));
		if (!end) {
			hold(t, line);
			break;
		}
		t->number++;
		if (give(t, line, &verdict, text))
			return verdict;
		hlv_buf_clear(&t->held);
		t->told = false;
	}
	if (!last)
		return TEXTS_MORE;
	t->form = TEXTS_CLOSED;
	t->number++;
	return give(t, hlv_bytes(NULL, 0), &verdict, text) ? verdict : TEXTS_END;
}

/* --- an array --- */

/* Does the element go on behind this octet? */
static bool goes_on(struct texts *t, uint8_t c)
{
	if (t->escaped) {
		t->escaped = false;
		return true;
	}
	if (t->quoted) {
		t->escaped = c == '\\';
		t->quoted = c != '"';
		return true;
	}
	if (t->depth == 0 && (c == ',' || c == ']'))
		return false;
	t->quoted = c == '"';
	if (c == '{' || c == '[')
		t->depth++;
	else if ((c == '}' || c == ']') && t->depth > 0)
		t->depth--;
	return true;
}

static enum texts_verdict next_element(struct texts *t, struct hlv_bytes *in, bool last,
				       struct hlv_bytes *text)
{
	enum texts_verdict verdict;
	size_t n = 0;
	while (n < in->n && goes_on(t, in->p[n]))
		n++;
	struct hlv_bytes piece = hlv_head(*in, n);
	if (n == in->n) {
		hold(t, piece);
		*in = (struct hlv_bytes){0};
		return last ? TEXTS_BROKEN : TEXTS_MORE;
	}
	bool closes = in->p[n] == ']';
	*in = hlv_skip(*in, n + 1);
	if (closes)
		t->form = TEXTS_CLOSED;
	t->number++;
	if (give(t, piece, &verdict, text))
		return verdict;
	/* "[]" has no element; "[1,]" and "[,1]" are no JSON. */
	return closes && t->number == 1 ? TEXTS_MORE : TEXTS_BROKEN;
}

/* --- both --- */

/* The first octet that says anything decides. */
static void begin(struct texts *t, struct hlv_bytes *in)
{
	while (in->n && is_blank(in->p[0])) {
		t->number += in->p[0] == '\n';
		*in = hlv_skip(*in, 1);
	}
	if (in->n == 0)
		return;
	t->form = in->p[0] == '[' ? TEXTS_ARRAY : TEXTS_LINES;
	if (t->form == TEXTS_ARRAY) {
		t->number = 0;
		*in = hlv_skip(*in, 1);
	}
}

/* Behind the last text blanks alone may stand. */
static enum texts_verdict close_texts(struct hlv_bytes *in, bool last)
{
	bool blank = trim(*in).n == 0;
	*in = (struct hlv_bytes){0};
	if (!blank)
		return TEXTS_BROKEN;
	return last ? TEXTS_END : TEXTS_MORE;
}

enum texts_verdict texts_next(struct texts *t, struct hlv_bytes *in, bool last,
			      struct hlv_bytes *text)
{
	enum texts_verdict verdict = TEXTS_MORE;
	if (t->told)
		hlv_buf_clear(&t->held);
	t->told = false;
	*text = (struct hlv_bytes){0};
	if (t->form == TEXTS_NEW)
		begin(t, in);
	switch (t->form) {
	case TEXTS_NEW:
		return last ? TEXTS_END : TEXTS_MORE;
	case TEXTS_LINES:
		return next_line(t, in, last, text);
	case TEXTS_ARRAY:
		verdict = next_element(t, in, last, text);
		if (verdict != TEXTS_MORE || t->form != TEXTS_CLOSED)
			break;
		return close_texts(in, last); /* it was empty */
	case TEXTS_CLOSED:
		return close_texts(in, last);
	}
	if (verdict == TEXTS_BROKEN) /* and so it stays */
		*in = (struct hlv_bytes){0};
	return verdict;
}

void texts_free(struct texts *t)
{
	hlv_buf_free(&t->held);
}
