/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http_parse.h"

#include "proto/base/hex.h"

enum {
	BODY_PLAIN,
	CHUNK_SIZE,
	CHUNK_REST,
	CHUNK_LF,
	CHUNK_DATA,
	CHUNK_CR,
	CHUNK_END,
	LAST_CR,
	LAST_LF,
	BODY_DONE
};
enum { CHUNK_LINE_MAX = 256 };

void http_body_begin(struct http_body *b, const struct http_request *rq)
{
	*b = (struct http_body){.state = rq->chunked ? CHUNK_SIZE : BODY_PLAIN};
	if (!rq->chunked)
		b->left = rq->content_length == UINT64_MAX ? 0 : rq->content_length;
}

/* One octet of what stands around the data of chunks (RFC 9112 7.1); extensions are skipped, trailers are
 * not taken. */
static bool step(struct http_body *b, uint8_t c)
{
	int digit = hlv_hex_digit(c);
	switch (b->state) {
	case CHUNK_SIZE:
		if (digit >= 0 && b->line < 8) {
			b->left = b->left * 16 + (unsigned)digit;
			b->line++;
			return true;
		}
		if (b->line == 0)
			return false;
		b->state = c == '\r' ? CHUNK_LF : CHUNK_REST;
		return c == '\r' || c == ';';
	case CHUNK_REST:
		if (c == '\r')
			b->state = CHUNK_LF;
		return ++b->line < CHUNK_LINE_MAX && c != '\n' && c != 0;
	case CHUNK_LF:
		b->state = b->left ? CHUNK_DATA : LAST_CR;
		return c == '\n';
	case CHUNK_CR:
		b->state = CHUNK_END;
		return c == '\r';
	case CHUNK_END:
		b->state = CHUNK_SIZE;
		b->line = 0;
		return c == '\n';
	case LAST_CR:
		b->state = LAST_LF;
		return c == '\r';
	case LAST_LF:
		b->state = BODY_DONE;
		return c == '\n';
	}
	return false;
}

enum http_parsed http_body_take(struct http_body *b, struct hlv_bytes in,
				struct hlv_bytes *piece, size_t *n)
{
	*n = 0;
	*piece = hlv_bytes(NULL, 0);
	while (*n < in.n && b->state != BODY_PLAIN && b->state != CHUNK_DATA &&
	       b->state != BODY_DONE)
		if (!step(b, in.p[(*n)++]))
			return HTTP_REFUSED;
	if (b->state == BODY_PLAIN || b->state == CHUNK_DATA) {
		*piece = hlv_skip(in, *n);
		if (piece->n > b->left)
			*piece = hlv_head(*piece, (size_t)b->left);
		b->left -= piece->n;
		*n += piece->n;
		if (b->left == 0)
			b->state = b->state == BODY_PLAIN ? BODY_DONE : CHUNK_CR;
	}
	return b->state == BODY_DONE ? HTTP_PARSED : HTTP_MORE;
}
