/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http_parse.h"

#include <http_parser.h>

#include "proto/base/hex.h"
#include "proto/wire/name.h"

enum {
	METHOD_MAX = 32,
	TARGET_MAX =
		12 << 10, /* an identifier of 2,048 octets in three digits each, and a query */
	HOST_MAX = 512,
};

/* --- the octets, as they come (threats.md 4) --- */

enum state {
	BEGIN,	  /* RFC 9112 2.2: an empty line before the request line is to be tolerated */
	BEGIN_LF, /* ... one */
	METHOD_FIRST,
	METHOD,
	TARGET,
	VERSION,
	LINE_LF,
	NAME_FIRST,
	NAME,
	VALUE,
	VALUE_LF,
	END_LF,
	DONE,
};

/* RFC 9110 5.6.2: letters, digits and !#$%&'*+-.^_`|~, a bit for each. */
static bool is_token(uint8_t c)
{
	static const uint32_t tokens[4] = {0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF};
	return c < 0x80 && tokens[c >> 5] >> (c & 31) & 1;
}

static bool is_text(uint8_t c)
{
	return (c >= 0x20 || c == '\t') && c != 0x7F;
}

/* One more octet of the request line: METHOD SP target SP HTTP/1.x, one blank each. 0, or the status
 * to refuse it with. */
static unsigned step_line(struct http_scan *s, uint8_t c)
{
	static const char version[] = "HTTP/1.";
	size_t i = s->at - s->from;
	switch (s->state) {
	case METHOD:
		if (c == ' ' && i > 0) {
			s->state = TARGET;
			s->from = s->at + 1;
			return 0;
		}
		return !is_token(c) ? 400 : i >= METHOD_MAX ? 501 : 0;
	case TARGET:
		if (c == ' ' && i > 0) {
			s->state = VERSION;
			s->from = s->at + 1;
			return 0;
		}
		return c <= 0x20 || c == 0x7F || c == '#' ? 400 : i >= TARGET_MAX ? 414 : 0;
	case VERSION:
		if (i < 5)
			return c == (uint8_t)version[i] ? 0 : 400;
		if (i < 8)
			return c == (uint8_t)version[i] || (i == 7 && (c == '0' || c == '1'))
				       ? 0
				       : 505;
		s->state = LINE_LF;
		return c == '\r' ? 0 : 400;
	}
	return 400;
}

/* One more octet of NAME ":" VALUE, nothing that could be folded or cut elsewhere. */
static unsigned step_field(struct http_scan *s, uint8_t c)
{
	switch (s->state) {
	case NAME_FIRST:
		if (c == '\r') {
			s->state = END_LF;
			return 0;
		}
		s->state = NAME;
		if (++s->lines > HTTP_HEADERS_MAX)
			return 431;
		return is_token(c) ? 0 : 400;
	case NAME:
		if (c == ':')
			s->state = VALUE;
		return c == ':' || is_token(c) ? 0 : 400;
	case VALUE:
		if (c == '\r')
			s->state = VALUE_LF;
		return c == '\r' || is_text(c) ? 0 : 400;
	}
	return 400;
}

static unsigned step(struct http_scan *s, uint8_t c)
{
	switch ((enum state)s->state) {
	case BEGIN:
		s->from = s->at;
		s->state = c == '\r' ? BEGIN_LF : METHOD;
		return c == '\r' || is_token(c) ? 0 : 400;
	case BEGIN_LF:
		s->state = METHOD_FIRST;
		return c == '\n' ? 0 : 400;
	case METHOD_FIRST:
		s->from = s->at;
		s->state = METHOD;
		return is_token(c) ? 0 : 400;
	case METHOD:
	case TARGET:
	case VERSION:
		return step_line(s, c);
	case NAME_FIRST:
	case NAME:
	case VALUE:
		return step_field(s, c);
	case LINE_LF:
	case VALUE_LF:
		s->state = NAME_FIRST;
		return c == '\n' ? 0 : 400;
	case END_LF:
		s->state = DONE;
		return c == '\n' ? 0 : 400;
	case DONE:
		break;
	}
	return 400;
}

/* 0, or the status to refuse it with. */
static unsigned scan(struct http_scan *s, struct hlv_bytes in)
{
	while (s->at < in.n && s->state != DONE) {
		if (s->at == HTTP_HEAD_MAX)
			return 431;
		unsigned status = step(s, in.p[s->at]);
		if (status)
			return status;
		s->at++;
	}
	return 0;
}

/* --- http_parser --- */

static int on_url(http_parser *p, const char *at, size_t n)
{
	struct http_request *rq = p->data;
	rq->target = hlv_bytes(at, n);
	return 0;
}

static int on_field(http_parser *p, const char *at, size_t n)
{
	struct http_request *rq = p->data;
	if (rq->nheaders == HTTP_HEADERS_MAX)
		return 1;
	rq->headers[rq->nheaders++].name = hlv_bytes(at, n);
	return 0;
}

static int on_value(http_parser *p, const char *at, size_t n)
{
	struct http_request *rq = p->data;
	struct hlv_bytes value = hlv_bytes(at, n);
	while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t'))
		value.n--;
	rq->headers[rq->nheaders - 1].value = value;
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

/* Digits alone; RFC 9112 6.3 lets a list of equal ones pass, we do not. */
static bool read_length(struct hlv_bytes text, uint64_t *n)
{
	*n = 0;
	if (text.n == 0 || text.n > 18)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*n = *n * 10 + (uint64_t)(text.p[i] - '0');
	}
	return true;
}

/* RFC 9110 7.8: an offer may be ignored. Java's own client makes that of h2c with each first request,
 * Apache's HttpClient (5.4 and later) that of TLS with each in the clear. Whoever asks for another
 * protocol wants no HTTP. */
static bool is_passed_over(struct hlv_bytes upgrade)
{
	static const char *const offers[] = {"h2c", "TLS/1.0", "TLS/1.1", "TLS/1.2", "TLS/1.3"};
	for (size_t i = 0; i < sizeof offers / sizeof *offers; i++)
		if (hlv_eq_fold(upgrade, hlv_text(offers[i])))
			return true;
	return false;
}

/* What decides how the request is read: each said once, and in one way. */
static bool read_fields(struct http_request *rq)
{
	size_t lengths = 0, codings = 0, hosts = 0;
	for (size_t i = 0; i < rq->nheaders; i++) {
		const struct http_header *h = &rq->headers[i];
		if (is_named(h, "Content-Length")) {
			lengths++;
			if (!read_length(h->value, &rq->content_length))
				return false;
		} else if (is_named(h, "Transfer-Encoding")) {
			codings++;
			rq->chunked = true;
			if (!hlv_eq_fold(h->value, hlv_text("chunked")) || rq->old)
				return false;
		} else if (is_named(h, "Host")) {
			hosts++;
			rq->host = h->value;
		} else if (is_named(h, "Upgrade")) {
			if (!is_passed_over(h->value))
				return false;
		}
	}
	return lengths + codings <= 1 && hosts <= 1 && (hosts == 1 || rq->old);
}

static bool is_host(struct hlv_bytes host)
{
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = host.p[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z');
		if (!alnum && !memchr("-._:[]%", c, 7))
			return false;
	}
	return host.n > 0 && host.n <= HOST_MAX;
}

/* Nothing to decode, and nothing but visible ASCII: what else there was, scan() has refused. */
static bool is_plain(struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == '%' || text.p[i] >= 0x80)
			return false;
	return true;
}

/* Decoded once it is text: UTF-8 in its one form, without control octets. */
static bool is_clean(struct hlv_bytes text)
{
	uint8_t decoded[TARGET_MAX];
	size_t n = 0;
	if (is_plain(text))
		return true;
	for (size_t i = 0; i < text.n && n < sizeof decoded; i++) {
		int c = text.p[i];
		if (c == '%') {
			c = hlv_hex_octet(hlv_skip(text, i + 1));
			if (c < 0)
				return false;
			i += 2;
		}
		if (c < 0x20 || c == 0x7F)
			return false;
		decoded[n++] = (uint8_t)c;
	}
	return hlv_utf8_valid(hlv_bytes(decoded, n));
}

static bool starts_with_fold(struct hlv_bytes b, const char *head)
{
	size_t n = strlen(head);
	return b.n >= n && hlv_eq_fold(hlv_head(b, n), hlv_text(head));
}

/* RFC 9112 3.2: the path, "*", or the whole URL, whose host is then the one that counts. */
static bool read_target(struct http_request *rq)
{
	struct hlv_bytes t = rq->target;
	bool http = starts_with_fold(t, "http://"), https = starts_with_fold(t, "https://");
	if (http || https) {
		t = hlv_skip(t, http ? 7 : 8);
		size_t n = 0;
		while (n < t.n && t.p[n] != '/' && t.p[n] != '?')
			n++;
		struct hlv_bytes host = hlv_head(t, n);
		if (rq->host.n && !hlv_eq_fold(host, rq->host))
			return false;
		rq->host = host;
		t = hlv_skip(t, n);
	}
	const uint8_t *mark = t.n ? memchr(t.p, '?', t.n) : NULL;
	rq->path = mark ? hlv_head(t, (size_t)(mark - t.p)) : t;
	rq->query = mark ? hlv_skip(t, (size_t)(mark - t.p) + 1) : hlv_bytes(NULL, 0);
	if (rq->path.n == 0 && (http || https))
		rq->path = hlv_text("/");
	bool star = hlv_eq(rq->target, hlv_text("*")) && rq->method == WEB_OPTIONS;
	return (star || (rq->path.n && rq->path.p[0] == '/')) && is_clean(rq->path) &&
	       is_clean(rq->query);
}

/* --- all of it --- */

/* 0, or the status to refuse it with. */
static unsigned read_head(struct hlv_bytes head, struct http_request *rq)
{
	static const http_parser_settings settings = {.on_url = on_url,
						      .on_header_field = on_field,
						      .on_header_value = on_value,
						      .on_headers_complete = on_head};
	http_parser p;
	http_parser_init(&p, HTTP_REQUEST);
	p.data = rq;
	*rq = (struct http_request){.content_length = UINT64_MAX};
	size_t used = http_parser_execute(&p, &settings, (const char *)head.p, head.n);
	if (HTTP_PARSER_ERRNO(&p) == HPE_INVALID_METHOD)
		return 501;
	if (HTTP_PARSER_ERRNO(&p) != HPE_OK || used != head.n || p.http_major != 1)
		return 400;
	rq->method = method_of(p.method);
	const uint8_t *blank = memchr(head.p, ' ', head.n);
	rq->method_name = hlv_head(head, (size_t)(blank - head.p));
	rq->old = p.http_minor == 0;
	rq->keep_alive = http_should_keep_alive(&p);
	if (p.method == HTTP_CONNECT)
		return 501;
	bool exact = read_fields(rq) && read_target(rq);
	return exact && (rq->host.n == 0 ? rq->old : is_host(rq->host)) ? 0 : 400;
}

enum http_parsed http_parse_head(struct http_scan *s, struct hlv_bytes in,
				 struct http_request *rq, size_t *n, unsigned *status)
{
	*status = scan(s, in);
	if (*status)
		return HTTP_REFUSED;
	if (s->state != DONE)
		return HTTP_MORE;
	size_t blank = in.p[0] == '\r' ? 2 : 0;
	*n = s->at;
	*status = read_head(hlv_bytes(in.p + blank, s->at - blank), rq);
	return *status ? HTTP_REFUSED : HTTP_PARSED;
}
