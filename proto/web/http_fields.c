/* SPDX-License-Identifier: Apache-2.0
 *
 * What every answer has of headers without its handler's doing: who may keep it and for how long, who may
 * read it from a page of another origin, how it is packed.
 */
#include "proto/base/siphash.h"
#include "proto/web/http_inner.h"

enum { GZIP_MIN = 1400 }; /* octets: what fits into one packet gains nothing */

static void say(struct http_call *call, const char *text)
{
	conn_put(call->conn, hlv_text(text));
}

static bool has_field(const struct http_call *call, const char *name)
{
	struct hlv_bytes head = hlv_buf_bytes(&call->head);
	size_t n = strlen(name);
	while (head.n > n) {
		if (hlv_eq_fold(hlv_head(head, n), hlv_text(name)) && head.p[n] == ':')
			return true;
		const uint8_t *end = memchr(head.p, '\n', head.n);
		head = end ? hlv_skip(head, (size_t)(end - head.p) + 1) : hlv_bytes(NULL, 0);
	}
	return false;
}

/* --- lists in headers --- */

/* The next element of a list, without blanks around it. */
static bool next_element(struct hlv_bytes *rest, struct hlv_bytes *element)
{
	if (rest->n == 0)
		return false;
	const uint8_t *comma = memchr(rest->p, ',', rest->n);
	struct hlv_bytes e = comma ? hlv_head(*rest, (size_t)(comma - rest->p)) : *rest;
	*rest = hlv_skip(*rest, e.n + 1);
	while (e.n && (e.p[0] == ' ' || e.p[0] == '\t'))
		e = hlv_skip(e, 1);
	while (e.n && (e.p[e.n - 1] == ' ' || e.p[e.n - 1] == '\t'))
		e.n--;
	*element = e;
	return true;
}

/* RFC 9110 12.4.2, in thousandths; what cannot be read is 0. */
static unsigned quality(struct hlv_bytes parameters)
{
	const uint8_t *q = parameters.n ? memmem(parameters.p, parameters.n, "q=", 2) : NULL;
	if (!q)
		return parameters.n ? 0 : 1000;
	struct hlv_bytes text = hlv_skip(parameters, (size_t)(q - parameters.p) + 2);
	unsigned value = 0, digits = 0;
	for (size_t i = 0; i < text.n && digits < 4; i++) {
		if (i == 1 && text.p[i] == '.')
			continue;
		if (text.p[i] < '0' || text.p[i] > '9')
			return 0;
		value = value * 10 + (unsigned)(text.p[i] - '0');
		digits++;
	}
	for (; digits > 0 && digits < 4; digits++)
		value *= 10;
	return value < 1000 ? value : 1000;
}

bool http_takes_gzip(const struct http_call *call)
{
	struct hlv_bytes rest = http_header_of(call, "Accept-Encoding"), e;
	int gzip = -1, any = -1, identity = -1;
	while (next_element(&rest, &e)) {
		const uint8_t *semicolon = e.n ? memchr(e.p, ';', e.n) : NULL;
		struct hlv_bytes coding =
			semicolon ? hlv_head(e, (size_t)(semicolon - e.p)) : e;
		int q = (int)quality(hlv_skip(e, coding.n));
		while (coding.n && coding.p[coding.n - 1] == ' ')
			coding.n--;
		if (hlv_eq_fold(coding, hlv_text("gzip")) ||
		    hlv_eq_fold(coding, hlv_text("x-gzip")))
			gzip = q;
		else if (hlv_eq_fold(coding, hlv_text("identity")))
			identity = q;
		else if (hlv_eq(coding, hlv_text("*")))
			any = q;
	}
	if (gzip < 0)
		gzip = any;
	return gzip > 0 && gzip >= identity;
}

/* --- who may keep it --- */

void http_cache(struct http_call *call, uint32_t max_age_s)
{
	call->cached = true;
	call->max_age_s = max_age_s;
}

void http_weak_tag(struct http_call *call, struct hlv_bytes same)
{
	call->tagged = same;
}

/* What is said to somebody is for nobody else. */
static bool is_private(const struct http_call *call)
{
	return call->peer.claim || http_header_of(call, "Authorization").n > 0;
}

static bool is_read(const struct http_call *call)
{
	return call->rq.method == WEB_GET || call->rq.method == WEB_HEAD;
}

/* A name for these octets, or for what they say: the answer depends on nothing that they do not show. */
static void name_body(struct http_call *call)
{
	static const uint64_t key[2] = {UINT64_C(0x68656C7665), UINT64_C(0x65746167)};
	static const char digits[] = "0123456789abcdef";
	struct hlv_bytes named = call->tagged.n ? call->tagged : hlv_buf_bytes(&call->out);
	uint64_t hash = hlv_siphash_1_3(key, named);
	for (size_t i = 0; i < HTTP_ETAG; i++, hash >>= 4)
		call->etag[i] = digits[hash & 15];
}

/* If-None-Match names this body, packed or not. */
static bool is_known(const struct http_call *call)
{
	struct hlv_bytes rest = http_header_of(call, "If-None-Match"), e;
	while (next_element(&rest, &e)) {
		if (hlv_eq(e, hlv_text("*")))
			return true;
		if (hlv_starts_with(e, hlv_text("W/")))
			e = hlv_skip(e, 2);
		if (e.n > HTTP_ETAG && e.p[0] == '"' &&
		    memcmp(e.p + 1, call->etag, HTTP_ETAG) == 0)
			return true;
	}
	return false;
}

/* --- how it is packed --- */

static bool is_packable(const char *type)
{
	return type && (strncmp(type, "text/", 5) == 0 || strstr(type, "json") ||
			strstr(type, "javascript") || strstr(type, "xml"));
}

static bool wants_gzip(const struct http_call *call)
{
	return is_packable(call->type) && http_takes_gzip(call) &&
	       !has_field(call, "Content-Encoding");
}

void http_begin_gzip(struct http_call *call)
{
	if (wants_gzip(call) && !call->no_body)
		call->gzip = web_gzip_new();
	call->packed = call->gzip;
}

static void pack(struct http_call *call)
{
	struct http_listener *l = call->conn->tcp->own;
	if (call->out.n < GZIP_MIN || !wants_gzip(call))
		return;
	if (!l->gzip)
		l->gzip = web_gzip_new();
	if (!l->gzip)
		return;
	/* The request's body is read by nobody any more. */
	struct hlv_buf packed = call->body;
	hlv_buf_clear(&packed);
	web_gzip_put(l->gzip, hlv_buf_bytes(&call->out), WEB_GZIP_LAST, &packed);
	call->packed = !packed.bad && packed.n < call->out.n;
	call->body = call->packed ? call->out : packed;
	call->out = call->packed ? packed : call->out;
}

void http_finish_body(struct http_call *call)
{
	if (call->cached && (call->status != 200 || !is_read(call) || is_private(call)))
		call->cached = false;
	if (call->cached) {
		name_body(call);
		if (is_known(call)) {
			call->status = 304;
			call->type = NULL;
			call->no_body = true;
			hlv_buf_clear(&call->out);
		}
	}
	pack(call);
}

/* --- headers --- */

static void say_cache_control(struct http_call *call)
{
	if (has_field(call, "Cache-Control"))
		return;
	if (is_private(call)) {
		say(call, "Cache-Control: private, no-store\r\n");
		return;
	}
	if (!call->cached) {
		say(call, "Cache-Control: no-store\r\n");
		return;
	}
	http_say_number(call, "Cache-Control: public, max-age=", call->max_age_s);
	say(call, call->tagged.n ? "ETag: W/\"" : "ETag: \"");
	conn_put(call->conn, hlv_bytes(call->etag, HTTP_ETAG));
	say(call, call->packed ? "-gzip\"\r\n" : "\"\r\n");
}

/* RFC 9110 10.2.3. What is busy now, or stops, is not for long. */
static void say_retry(struct http_call *call)
{
	enum { SOON_S = 2 };
	uint32_t retry_s = call->retry_s ? call->retry_s : call->status == 503 ? SOON_S : 0;
	if (retry_s > 0)
		http_say_number(call, "Retry-After: ", retry_s);
}

/* rest-clients.md R12: any page may ask, none may use the rights of who looks at it: there are no
 * cookies, and credentials are not allowed. */
static void say_origin(struct http_call *call)
{
	struct hlv_bytes origin = http_header_of(call, "Origin");
	if (origin.n == 0)
		return;
	say(call, "Access-Control-Allow-Origin: ");
	conn_put(call->conn, origin);
	say(call, "\r\nAccess-Control-Expose-Headers: Content-Length,ETag,Link,Location,"
		  "Retry-After,WWW-Authenticate\r\n");
}

void http_say_fields(struct http_call *call)
{
	if (call->packed)
		say(call, "Content-Encoding: gzip\r\n");
	say_cache_control(call);
	say_retry(call);
	/* Who logs in sees more than what was kept for everybody. */
	say(call, call->cached ? "Vary: Accept-Encoding, Origin, Authorization\r\n"
			       : "Vary: Accept-Encoding, Origin\r\n");
	say(call, "X-Content-Type-Options: nosniff\r\n");
	say_origin(call);
	bool page = call->type && strncmp(call->type, "text/html", 9) == 0;
	if (page && !has_field(call, "Content-Security-Policy"))
		say(call, "Content-Security-Policy: default-src 'self'; base-uri 'none'; "
			  "object-src 'none'; form-action 'self'; frame-ancestors 'none'\r\n");
}

void web_allow(struct http_call *call)
{
	static const char methods[] = "GET,POST,HEAD,PUT,DELETE,OPTIONS";
	if (http_header_of(call, "Origin").n == 0 ||
	    http_header_of(call, "Access-Control-Request-Method").n == 0) {
		http_header(call, "Allow", hlv_text("GET, HEAD, POST, PUT, DELETE, OPTIONS"));
		if (http_header_of(call, "Origin").n)
			http_header(call, "Access-Control-Allow-Methods", hlv_text(methods));
		http_reply(call, 200, NULL);
		return;
	}
	http_header(call, "Access-Control-Max-Age", hlv_text("86400"));
	http_header(call, "Access-Control-Allow-Methods", hlv_text(methods));
	http_header(call, "Access-Control-Allow-Headers",
		    hlv_text("X-Requested-With,Authorization,Origin,Accept,Content-Type,"
			     "If-None-Match,Idempotency-Key"));
	http_reply(call, 200, NULL);
}
