/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http_parse.h"

#include <http_parser.h>

/* --- strictness (threats.md 4) --- */

static bool is_token(uint8_t c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c && memchr(others, c, sizeof others - 1));
}

/* One header line without its end: NAME ":" VALUE, nothing that could be folded or cut elsewhere. */
static bool is_header_line(struct hlv_bytes line)
{
	size_t name = 0;
	while (name < line.n && is_token(line.p[name]))
		name++;
	if (name == 0 || name == line.n || line.p[name] != ':')
		return false;
	for (size_t i = name + 1; i < line.n; i++)
		if ((line.p[i] < 0x20 && line.p[i] != '\t') || line.p[i] == 0x7F)
			return false;
	return true;
}

/* METHOD SP target SP HTTP/1.x, one blank each. */
static bool is_request_line(struct hlv_bytes line)
{
	size_t blanks = 0;
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == ' ')
			blanks++;
		else if (line.p[i] < 0x21 || line.p[i] == 0x7F)
			return false;
		else if (blanks == 0 && !is_token(line.p[i]))
			return false;
	}
	struct hlv_bytes end = hlv_skip(line, line.n < 9 ? 0 : line.n - 9);
	return blanks == 2 && hlv_starts_with(end, hlv_text(" HTTP/1.")) && end.n == 9;
}

/* All lines end in CR LF, and neither stands anywhere else. */
static bool is_strict(struct hlv_bytes head)
{
	bool first = true;
	while (head.n > 2) {
		const uint8_t *cr = memchr(head.p, '\r', head.n);
		if (!cr || (size_t)(cr - head.p) + 1 >= head.n || cr[1] != '\n')
			return false;
		struct hlv_bytes line = hlv_head(head, (size_t)(cr - head.p));
		if (first ? !is_request_line(line) : line.n > 0 && !is_header_line(line))
			return false;
		first = false;
		head = hlv_skip(head, line.n + 2);
	}
	return true;
}

/* --- http_parser --- */

struct reading {
	struct http_request *rq;
	bool full, twice;
};

static int on_url(http_parser *p, const char *at, size_t n)
{
	struct reading *r = p->data;
	r->rq->target = hlv_bytes(at, n);
	return 0;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	struct reading *r = p->data;
	if (r->rq->nheaders == HTTP_HEADERS_MAX) {
		r->full = true;
		return 1;
	}
	r->rq->headers[r->rq->nheaders++].name = hlv_bytes(at, n);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct reading *r = p->data;
	struct hlv_bytes value = hlv_bytes(at, n);
	while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	r->rq->headers[r->rq->nheaders - 1].value = value;
	return 0;
}

static int on_head(http_parser *p)
{
	(void)p;
	return 1; /* no body for the parser: it is taken elsewhere */
}

static enum web_method method_of(unsigned method)
{
	switch (method) {
	case HTTP_GET:
		return WEB_GET;
	case HTTP_HEAD:
		return WEB_HEAD;
	case HTTP_POST:
		return WEB_POST;
	case HTTP_PUT:
		return WEB_PUT;
	case HTTP_DELETE:
		return WEB_DELETE;
	case HTTP_OPTIONS:
		return WEB_OPTIONS;
	case HTTP_PATCH:
		return WEB_PATCH;
	}
	return WEB_OTHER;
}

static bool is_named(const struct http_header *h, const char *name)
{
	return hlv_eq_fold(h->name, hlv_text(name));
}

/* How long the body is, said once and in one way. */
static bool read_framing(struct http_request *rq)
{
	size_t lengths = 0, codings = 0;
	rq->content_length = UINT64_MAX;
	for (size_t i = 0; i < rq->nheaders; i++) {
		const struct http_header *h = &rq->headers[i];
		if (is_named(h, "Content-Length")) {
			uint64_t n = 0;
			lengths++;
			if (h->value.n == 0 || h->value.n > 18)
				return false;
			for (size_t k = 0; k < h->value.n; k++) {
				if (h->value.p[k] < '0' || h->value.p[k] > '9')
					return false;
				n = n * 10 + (uint64_t)(h->value.p[k] - '0');
			}
			rq->content_length = n;
		} else if (is_named(h, "Transfer-Encoding")) {
			codings++;
			rq->chunked = hlv_eq_fold(h->value, hlv_text("chunked"));
			if (!rq->chunked || rq->old)
				return false;
		} else if (is_named(h, "Upgrade")) {
			return false;
		}
	}
	return lengths <= 1 && codings <= 1 && lengths + codings <= 1;
}

static void split_target(struct http_request *rq)
{
	struct hlv_bytes t = rq->target;
	/* RFC 9112 3.2.2: the absolute form must be taken too. */
	if (hlv_starts_with(t, hlv_text("http://")) ||
	    hlv_starts_with(t, hlv_text("https://"))) {
		t = hlv_skip(t, t.p[4] == 's' ? 8 : 7);
		const uint8_t *slash = t.n ? memchr(t.p, '/', t.n) : NULL;
		t = slash ? hlv_skip(t, (size_t)(slash - t.p)) : hlv_text("/");
	}
	const uint8_t *mark = t.n ? memchr(t.p, '?', t.n) : NULL;
	rq->path = mark ? hlv_head(t, (size_t)(mark - t.p)) : t;
	rq->query = mark ? hlv_skip(t, (size_t)(mark - t.p) + 1) : hlv_bytes(NULL, 0);
}

static enum http_parsed refuse(unsigned *status, unsigned code)
{
	*status = code;
	return HTTP_REFUSED;
}

enum http_parsed http_parse_head(struct hlv_bytes in, struct http_request *rq, size_t *n,
				 unsigned *status)
{
	/* RFC 9112 2.2: an empty line before the request line is to be tolerated. */
	size_t blank = in.n >= 2 && in.p[0] == '\r' && in.p[1] == '\n' ? 2 : 0;
	struct hlv_bytes head = hlv_skip(in, blank);
	const uint8_t *end = head.n ? memmem(head.p, head.n, "\r\n\r\n", 4) : NULL;
	if (!end && head.n > HTTP_HEAD_MAX)
		return refuse(status, 431);
	/* What can become no head is told at once. */
	if (!end && head.n && !is_token(head.p[0]))
		return refuse(status, 400);
	if (!end)
		return HTTP_MORE;
	head.n = (size_t)(end - head.p) + 4;
	if (head.n > HTTP_HEAD_MAX)
		return refuse(status, 431);
	if (!is_strict(head))
		return refuse(status, 400);
	static const http_parser_settings settings = {.on_url = on_url,
						      .on_header_field = on_field,
						      .on_header_value = on_value,
						      .on_headers_complete = on_head};
	struct reading r = {.rq = rq};
	http_parser p;
	http_parser_init(&p, HTTP_REQUEST);
	p.data = &r;
	rq->nheaders = 0;
	size_t used = http_parser_execute(&p, &settings, (const char *)head.p, head.n);
	if (r.full)
		return refuse(status, 431);
	if (HTTP_PARSER_ERRNO(&p) == HPE_INVALID_METHOD)
		return refuse(status, 501);
	if (HTTP_PARSER_ERRNO(&p) != HPE_OK || used != head.n || p.http_major != 1 || p.upgrade)
		return refuse(status, 400);
	rq->method = method_of(p.method);
	rq->method_name =
		hlv_head(head, (size_t)((const uint8_t *)memchr(head.p, ' ', head.n) - head.p));
	rq->old = p.http_minor == 0;
	rq->keep_alive = http_should_keep_alive(&p);
	rq->chunked = false;
	rq->body = hlv_bytes(NULL, 0);
	if (!read_framing(rq))
		return refuse(status, 400);
	split_target(rq);
	*n = blank + head.n;
	return HTTP_PARSED;
}

/* --- the body --- */

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

static int hex_digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One octet of what stands around the data of chunks (RFC 9112 7.1); extensions are skipped, trailers are
 * not taken. */
static bool step(struct http_body *b, uint8_t c)
{
	int digit = hex_digit(c);
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
