/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/http_parse.h"

#include <stdlib.h>

#include "tests/unit/unit.h"

/* A stream of requests as a connection reads it: what was understood, as text, one request a line:
 * METHOD path ? query host [body]; "!400" when it was refused, "..." when more was awaited. */
struct stream {
	struct http_scan scan;
	struct http_request rq;
	struct http_body body;
	bool receiving, refused;
	struct hlv_buf held, said;
};

static void put_span(struct stream *s, const char *before, struct hlv_bytes span)
{
	hlv_buf_str(&s->said, before);
	hlv_buf_put(&s->said, span);
}

static size_t take_body(struct stream *s, struct hlv_bytes in)
{
	struct hlv_bytes piece;
	size_t n;
	enum http_parsed parsed = http_body_take(&s->body, in, &piece, &n);
	hlv_buf_put(&s->said, piece);
	s->receiving = parsed == HTTP_MORE;
	s->refused = parsed == HTTP_REFUSED;
	hlv_buf_str(&s->said, s->refused ? "!400" : s->receiving ? "" : "]\n");
	return n;
}

static size_t take_head(struct stream *s, struct hlv_bytes in)
{
	size_t n;
	unsigned status;
	enum http_parsed parsed = http_parse_head(&s->scan, in, &s->rq, &n, &status);
	if (parsed == HTTP_MORE)
		return 0;
	if (parsed == HTTP_REFUSED) {
		s->refused = true;
		hlv_buf_printf(&s->said, "!%u", status);
		return in.n;
	}
	s->scan = (struct http_scan){0};
	put_span(s, "", s->rq.method_name);
	put_span(s, " ", s->rq.path);
	put_span(s, "?", s->rq.query);
	put_span(s, " ", s->rq.host);
	hlv_buf_str(&s->said, s->rq.keep_alive ? " [" : " close [");
	s->receiving =
		s->rq.chunked || (s->rq.content_length != UINT64_MAX && s->rq.content_length);
	if (s->receiving)
		http_body_begin(&s->body, &s->rq);
	else
		hlv_buf_str(&s->said, "]\n");
	return n;
}

static void receive(struct stream *s, struct hlv_bytes more)
{
	hlv_buf_put(&s->held, more);
	size_t used = 0;
	while (!s->refused && used < s->held.n) {
		/* Of exactly that size, so that a sanitizer sees one octet too far. */
		struct hlv_bytes rest = hlv_skip(hlv_buf_bytes(&s->held), used);
		uint8_t *copy = malloc(rest.n);
		memcpy(copy, rest.p, rest.n);
		rest.p = copy;
		size_t n = s->receiving ? take_body(s, rest) : take_head(s, rest);
		free(copy);
		if (n == 0)
			break;
		used += n;
	}
	struct hlv_buf left = {0};
	hlv_buf_put(&left, hlv_skip(hlv_buf_bytes(&s->held), used));
	hlv_buf_free(&s->held);
	s->held = left;
}

/* The first `cut` octets, then the rest in pieces of `step`. */
static char *read_all(struct hlv_bytes in, size_t cut, size_t step)
{
	struct stream s = {0};
	receive(&s, hlv_head(in, cut));
	for (size_t i = cut; i < in.n; i += step)
		receive(&s, hlv_head(hlv_skip(in, i), step));
	if (!s.refused && (s.receiving || s.held.n))
		hlv_buf_str(&s.said, "...");
	hlv_buf_free(&s.held);
	hlv_buf_str(&s.said, "");
	return s.said.p ? s.said.p : strdup("");
}

static const struct {
	const char *name, *in, *said;
} cases[] = {
#define H "Host: a\r\n"
	{"plain", "GET /x HTTP/1.1\r\n" H "\r\n", "GET /x? a []\n"},
	{"query", "GET /x?y=%20z HTTP/1.1\r\n" H "\r\n", "GET /x?y=%20z a []\n"},
	{"two", "GET /1 HTTP/1.1\r\n" H "\r\nHEAD /2 HTTP/1.1\r\n" H "\r\n",
	 "GET /1? a []\nHEAD /2? a []\n"},
	{"1.0", "GET /x HTTP/1.0\r\n\r\n", "GET /x?  close []\n"},
	{"1.0 that stays", "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
	 "GET /x?  []\n"},
	{"close", "GET /x HTTP/1.1\r\n" H "Connection: close\r\n\r\n", "GET /x? a close []\n"},
	{"empty line first", "\r\nGET /x HTTP/1.1\r\n" H "\r\n", "GET /x? a []\n"},
	{"two empty lines first", "\r\n\r\nGET /x HTTP/1.1\r\n" H "\r\n", "!400"},
	{"URL", "GET HTTP://a/x?y HTTP/1.1\r\n" H "\r\n", "GET /x?y a []\n"},
	{"URL without a path", "GET http://a HTTP/1.1\r\n" H "\r\n", "GET /? a []\n"},
	{"URL with a query alone", "GET http://a?y HTTP/1.1\r\n" H "\r\n", "GET /?y a []\n"},
	{"URL of another host", "GET http://b/ HTTP/1.1\r\n" H "\r\n", "!400"},
	{"URL with a user", "GET http://u@a/ HTTP/1.1\r\nHost: u@a\r\n\r\n", "!400"},
	{"star", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "OPTIONS *? a []\n"},
	{"star for GET", "GET * HTTP/1.1\r\n" H "\r\n", "!400"},
	{"no slash", "GET x HTTP/1.1\r\n" H "\r\n", "!400"},
	{"fragment", "GET /x#y HTTP/1.1\r\n" H "\r\n", "!400"},
	{"body",
	 "PUT /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /y HTTP/1.1\r\n" H "\r\n",
	 "PUT /x? a [abc]\nGET /y? a []\n"},
	{"empty body", "PUT /x HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "PUT /x? a []\n"},
	{"body to come", "PUT /x HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab",
	 "PUT /x? a [ab..."},
	{"chunks",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
	 "3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\nGET /y HTTP/1.1\r\n" H "\r\n",
	 "PUT /x? a [abc0123456789]\nGET /y? a []\n"},
	{"twelve chunks",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	 "1\r\na\r\n1\r\nb\r\n1\r\nc\r\n1\r\nd\r\n1\r\ne\r\n1\r\nf\r\n"
	 "1\r\ng\r\n1\r\nh\r\n1\r\ni\r\n1\r\nj\r\n1\r\nk\r\n1\r\nl\r\n0\r\n\r\n",
	 "PUT /x? a [abcdefghijkl]\n"},
	{"chunk without a size",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n", "PUT /x? a [!400"},
	{"chunk size with 0x",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
	 "PUT /x? a [!400"},
	{"chunk size of nine digits",
	 "PUT /x HTTP/1.1\r\n" H
	 "Transfer-Encoding: chunked\r\n\r\n000000001\r\na\r\n0\r\n\r\n",
	 "PUT /x? a [!400"},
	{"chunk longer than said",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
	 "PUT /x? a [a!400"},
	{"chunk line ends in LF",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n",
	 "PUT /x? a [!400"},
	{"trailer",
	 "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
	 "PUT /x? a [!400"},
	{"both lengths",
	 "PUT /x HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
	 "!400"},
	{"two lengths",
	 "PUT /x HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", "!400"},
	{"length list", "PUT /x HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", "!400"},
	{"length signed", "PUT /x HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", "!400"},
	{"length huge", "PUT /x HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n",
	 "!400"},
	{"coding in 1.0", "PUT /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "!400"},
	{"coding list", "PUT /x HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n",
	 "!400"},
	{"coding twice",
	 "PUT /x HTTP/1.1\r\n" H
	 "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	 "!400"},
	{"no host", "GET /x HTTP/1.1\r\n\r\n", "!400"},
	{"empty host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", "!400"},
	{"two hosts", "GET /x HTTP/1.1\r\n" H H "\r\n", "!400"},
	{"host with a path", "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", "!400"},
	{"folded", "GET /x HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n", "!400"},
	{"blank before colon", "GET /x HTTP/1.1\r\n" H "X : a\r\n\r\n", "!400"},
	{"no colon", "GET /x HTTP/1.1\r\n" H "X\r\n\r\n", "!400"},
	{"no name", "GET /x HTTP/1.1\r\n" H ": a\r\n\r\n", "!400"},
	{"bare LF", "GET /x HTTP/1.1\n" H "\n", "!400"},
	{"bare LF in a header", "GET /x HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", "!400"},
	{"bare CR", "GET /x HTTP/1.1\r\n" H "X: a\rY: b\r\n\r\n", "!400"},
	{"two blanks", "GET  /x HTTP/1.1\r\n" H "\r\n", "!400"},
	{"tab", "GET\t/x HTTP/1.1\r\n" H "\r\n", "!400"},
	{"0.9", "GET /x\r\n", "!400"},
	{"2.0", "PRI * HTTP/2.0\r\n\r\n", "!505"},
	{"1.2", "GET /x HTTP/1.2\r\n" H "\r\n", "!505"},
	{"1.10", "GET /x HTTP/1.10\r\n" H "\r\n", "!400"},
	{"small letters", "GET /x http/1.1\r\n" H "\r\n", "!400"},
	{"unknown method", "BREW /x HTTP/1.1\r\n" H "\r\n", "!501"},
	{"connect", "CONNECT a:443 HTTP/1.1\r\n" H "\r\n", "!501"},
	{"websocket",
	 "GET /x HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "!400"},
	{"h2c is not taken up",
	 "GET /x HTTP/1.1\r\n" H "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
	 "HTTP2-Settings: AAMAAABk\r\n\r\nGET /y HTTP/1.1\r\n" H "\r\n",
	 "GET /x? a []\nGET /y? a []\n"},
	{"nor is TLS",
	 "GET /x HTTP/1.1\r\n" H "Upgrade: TLS/1.2\r\nConnection: Upgrade\r\n\r\nGET /y "
	 "HTTP/1.1\r\n" H "\r\n",
	 "GET /x? a []\nGET /y? a []\n"},
	{"TLS and another", "GET /x HTTP/1.1\r\n" H "Upgrade: TLS/1.2, websocket\r\n\r\n",
	 "!400"},
	{"NUL in the path", "GET /%00 HTTP/1.1\r\n" H "\r\n", "!400"},
	{"line end in the path", "GET /%0d%0a HTTP/1.1\r\n" H "\r\n", "!400"},
	{"overlong", "GET /%c0%af HTTP/1.1\r\n" H "\r\n", "!400"},
	{"surrogate", "GET /%ed%a0%80 HTTP/1.1\r\n" H "\r\n", "!400"},
	{"half a letter", "GET /%e9%bd HTTP/1.1\r\n" H "\r\n", "!400"},
	{"half a percent", "GET /%4 HTTP/1.1\r\n" H "\r\n", "!400"},
	{"percent and no digits", "GET /%zz HTTP/1.1\r\n" H "\r\n", "!400"},
	{"control in the query", "GET /?a=%1b HTTP/1.1\r\n" H "\r\n", "!400"},
	{"Chinese", "GET /%e9%bd%bf HTTP/1.1\r\n" H "\r\n", "GET /%e9%bd%bf? a []\n"},
	{"Chinese unescaped", "GET /\xe9\xbd\xbf HTTP/1.1\r\n" H "\r\n",
	 "GET /\xe9\xbd\xbf? a []\n"},
};

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char *said = read_all(hlv_text(cases[i].in), strlen(cases[i].in), 1);
		if (strcmp(said, cases[i].said) != 0)
			fail_msg("%s: read as \"%s\", not \"%s\"", cases[i].name, said,
				 cases[i].said);
		free(said);
	}
}

static void test_every_split(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct hlv_bytes in = hlv_text(cases[i].in);
		for (size_t cut = 0; cut <= in.n; cut++) {
			char *rest = read_all(in, cut, in.n), *each = read_all(in, cut, 1);
			if (strcmp(rest, cases[i].said) != 0 ||
			    strcmp(each, cases[i].said) != 0)
				fail_msg("%s: cut at %zu it reads \"%s\" and \"%s\"",
					 cases[i].name, cut, rest, each);
			free(rest);
			free(each);
		}
	}
}

/* "GET /" `path` times 'a', `headers` headers of `value` octets: what the limits say. */
static void check_size(size_t path, size_t headers, size_t value, const char *want)
{
	struct hlv_buf in = {0};
	hlv_buf_str(&in, "GET /");
	for (size_t i = 0; i < path; i++)
		hlv_buf_str(&in, "a");
	hlv_buf_str(&in, " HTTP/1.1\r\nHost: a\r\n");
	for (size_t i = 0; i < headers; i++) {
		hlv_buf_str(&in, "X: ");
		for (size_t k = 0; k < value; k++)
			hlv_buf_str(&in, "v");
		hlv_buf_str(&in, "\r\n");
	}
	hlv_buf_str(&in, "\r\n");
	char *said = read_all(hlv_buf_bytes(&in), in.n, 1);
	if (strncmp(said, want, strlen(want)) != 0)
		fail_msg("path %zu, %zu headers of %zu: %s", path, headers, value, said);
	free(said);
	hlv_buf_free(&in);
}

/* A name is of tokens, as RFC 9110 5.6.2 has them. */
static void test_tokens(void **state)
{
	(void)state;
	static const char others[] = "!#$%&'*+-.^_`|~";
	for (unsigned c = 1; c < 256; c++) {
		char in[64];
		bool token = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
			     (c >= 'a' && c <= 'z') || strchr(others, (int)c);
		snprintf(in, sizeof in, "GET /x HTTP/1.1\r\nHost: a\r\nX%cY: z\r\n\r\n",
			 (int)c);
		char *said = read_all(hlv_text(in), strlen(in), 1);
		/* "X:Y: z" is a header too, of another name. */
		assert_string_equal(said, token || c == ':' ? "GET /x? a []\n" : "!400");
		free(said);
	}
}

static void test_limits(void **state)
{
	(void)state;
	check_size(12000, 0, 0, "GET ");
	check_size(13000, 0, 0, "!414");
	check_size(1, HTTP_HEADERS_MAX - 1, 1, "GET ");
	check_size(1, HTTP_HEADERS_MAX, 1, "!431");
	check_size(1, 1, 16000, "GET ");
	check_size(1, 1, 17000, "!431");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_every_split),
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_limits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
