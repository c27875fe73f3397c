/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/redirect.h"

#include "proto/net/daemon.h"
#include "proto/web/options.h"

enum { TARGET_MAX = 8192, HOST_MAX = 255 };

static const char HTML[] = "text/html;charset=utf-8";

bool web_is_target(struct hlv_bytes url)
{
	static const char *const schemes[] = {"http://", "https://"};
	size_t n = 0;
	for (size_t i = 0; i < 2; i++)
		if (hlv_eq_fold(hlv_head(url, strlen(schemes[i])), hlv_text(schemes[i])))
			n = strlen(schemes[i]);
	if (n == 0 || url.n <= n || url.n > TARGET_MAX || strchr("/?#\\", url.p[n]))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] == 0x7F || strchr("\"<>\\", url.p[i]))
			return false;
	return true;
}

/* For HTML. */
static void put_escaped(struct hlv_buf *b, struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i];
		if (c == '<' || c == '>' || c == '&' || c == '"' || c == '\'' || c < ' ')
			hlv_buf_printf(b, "&#%u;", c < ' ' ? ' ' : c);
		else
			hlv_buf_put(b, hlv_bytes(&c, 1));
	}
}

void web_put_encoded(struct hlv_buf *b, struct hlv_bytes text, const char *kept)
{
	for (size_t i = 0; i < text.n; i++) {
		uint8_t c = text.p[i], u = hlv_upper(c);
		if ((u >= 'A' && u <= 'Z') || (c >= '0' && c <= '9') || (c && strchr(kept, c)))
			hlv_buf_put(b, hlv_bytes(&c, 1));
		else
			hlv_buf_printf(b, "%%%02X", c);
	}
}

/* Segments that a browser would tidy away: empty, "." and "..". */
static bool survives_as_path(struct hlv_bytes id)
{
	for (size_t at = 0; at <= id.n;) {
		size_t n = 0;
		while (at + n < id.n && id.p[at + n] != '/')
			n++;
		if (n == 0 || (n <= 2 && id.p[at] == '.' && id.p[at + n - 1] == '.'))
			return false;
		at += n + 1;
	}
	return true;
}

void web_put_page_of(struct hlv_buf *b, struct hlv_bytes id)
{
	if (survives_as_path(id)) {
		hlv_buf_str(b, "/p/");
		web_put_encoded(b, id, "-._~/!$'()*+,;:@");
	} else {
		hlv_buf_str(b, "/?id=");
		web_put_encoded(b, id, "-._~/:");
	}
}

enum hlv_err web_check(const struct web_options *o, char *why)
{
	struct hlv_bytes origin = hlv_text(o->origin);
	const char *host = strstr(o->origin, "://");
	if (origin.n == 0 || (web_is_target(origin) && !strpbrk(host + 3, "/?#")))
		return HLV_OK;
	snprintf(why, HLV_DAEMON_WHY, "http-origin: %.200s: write it as https://id.example.cn",
		 o->origin);
	return HLV_E_MALFORMED;
}

bool web_put_origin(const struct http_call *call, struct hlv_buf *b)
{
	struct hlv_bytes host = http_header_of(call, "Host");
	const char *origin = call->front->web->origin;
	if (*origin) {
		hlv_buf_str(b, origin);
		return true;
	}
	if (host.n == 0 || host.n > HOST_MAX)
		return false;
	for (size_t i = 0; i < host.n; i++) {
		uint8_t c = hlv_upper(host.p[i]);
		if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) &&
		    (c == 0 || !strchr(".-:[]", c)))
			return false;
	}
	hlv_buf_str(b, call->peer.transport == HLV_T_TLS ? "https://" : "http://");
	hlv_buf_put(b, host);
	return true;
}

static void reply_page(struct http_call *call, unsigned status)
{
	/* Nothing of a record runs in our name. */
	http_header(call, "Content-Security-Policy", hlv_text("default-src 'none'"));
	http_reply(call, status, HTML);
}

/* Who scanned a code reads perhaps no English. */
static const char *in_chinese(unsigned status)
{
	if (status < 400)
		return "您要找的内容在下面的地址。";
	if (status == 404)
		return "这里没有这个标识。";
	return status < 500 ? "这不是可以解析的标识。" : "现在无法解析，请稍后再试。";
}

void web_page(struct http_call *call, unsigned status, const char *title, struct hlv_bytes text,
	      struct hlv_bytes href, const char *link)
{
	struct hlv_buf *b = &call->out;
	hlv_buf_clear(b);
	hlv_buf_printf(b,
		       "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
		       "<meta name=\"viewport\" content=\"width=device-width\">"
		       "<title>%s</title></head>\n<body><h1>%s</h1>\n<p>",
		       title, title);
	put_escaped(b, text);
	hlv_buf_printf(b, "</p>\n<p lang=\"zh\">%s</p>\n", in_chinese(status));
	if (href.n > 0) {
		hlv_buf_str(b, "<p><a rel=\"nofollow noreferrer\" href=\"");
		put_escaped(b, href);
		hlv_buf_printf(b, "\">%s</a></p>\n", link);
	}
	hlv_buf_str(b, "</body></html>\n");
	reply_page(call, status);
}

void web_redirect(struct http_call *call, unsigned status, struct hlv_bytes target,
		  uint32_t max_age)
{
	struct hlv_buf uri = {0};
	char age[32];
	/* Records hold addresses as people write them; a header has ASCII. */
	for (size_t i = 0; i < target.n; i++)
		if (target.p[i] >= 0x80 || strchr("^`{|}", target.p[i]))
			hlv_buf_printf(&uri, "%%%02X", target.p[i]);
		else
			hlv_buf_put(&uri, hlv_bytes(target.p + i, 1));
	http_header(call, "Location", hlv_buf_bytes(&uri));
	hlv_buf_free(&uri);
	if (max_age != UINT32_MAX) {
		snprintf(age, sizeof age, "max-age=%u", max_age);
		http_header(call, "Cache-Control", hlv_text(age));
	}
	web_page(call, status, "Elsewhere", hlv_text("What you asked for is at"), target,
		 "this address");
}

/* --- what is accepted --- */

static struct hlv_bytes trim(struct hlv_bytes b)
{
	while (b.n && (b.p[0] == ' ' || b.p[0] == '\t'))
		b = hlv_skip(b, 1);
	while (b.n && (b.p[b.n - 1] == ' ' || b.p[b.n - 1] == '\t'))
		b.n--;
	return b;
}

static struct hlv_bytes cut(struct hlv_bytes *rest, char at)
{
	const uint8_t *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
	struct hlv_bytes head = hlv_head(*rest, end ? (size_t)(end - rest->p) : rest->n);
	*rest = hlv_skip(*rest, head.n + 1);
	return trim(head);
}

/* "q=0.8" among parameters: 800. */
static unsigned quality(struct hlv_bytes params)
{
	while (params.n > 0) {
		struct hlv_bytes one = cut(&params, ';');
		if (one.n < 3 || hlv_upper(one.p[0]) != 'Q' || one.p[1] != '=')
			continue;
		unsigned q = one.p[2] == '1' ? 1000 : 0, unit = 100;
		for (size_t i = 4; i < one.n && i < 7 && q < 1000; i++, unit /= 10)
			if (one.p[i] >= '0' && one.p[i] <= '9')
				q += (unsigned)(one.p[i] - '0') * unit;
		return q;
	}
	return 1000;
}

/* How well a range fits: 0 not at all, 1 as a wild card, 2 a wild card of its kind or a wider language,
 * 3 itself. */
static unsigned fit(struct hlv_bytes range, struct hlv_bytes what)
{
	if (hlv_eq_fold(range, what))
		return 3;
	if (hlv_eq(range, hlv_text("*")) || hlv_eq(range, hlv_text("*/*")))
		return 1;
	if (range.n > 2 && range.p[range.n - 1] == '*' && range.p[range.n - 2] == '/')
		return hlv_eq_fold(hlv_head(what, range.n - 1), hlv_head(range, range.n - 1))
			       ? 2
			       : 0;
	/* Basic filtering of RFC 4647: "en" takes "en-GB", and a page in "en" does for "en-GB". */
	size_t n = range.n < what.n ? range.n : what.n;
	struct hlv_bytes longer = range.n < what.n ? what : range;
	bool language = !memchr(longer.p, '/', longer.n) && longer.n > n && longer.p[n] == '-';
	return language && hlv_eq_fold(hlv_head(range, n), hlv_head(what, n)) ? 2 : 0;
}

unsigned web_accepts(const struct http_call *call, const char *header, struct hlv_bytes what,
		     enum web_exactness exactness)
{
	struct hlv_bytes list = http_header_of(call, header);
	unsigned best = 0, q = 0;
	if (list.n == 0)
		return exactness == WEB_EXACT ? 0 : 1000;
	while (list.n > 0) {
		struct hlv_bytes params = cut(&list, ','), range = cut(&params, ';');
		unsigned f = range.n && what.n ? fit(range, what) : 0;
		if (f <= best || (exactness == WEB_EXACT && f < 3))
			continue;
		best = f;
		q = quality(params);
	}
	return q;
}

bool web_wants_page(const struct http_call *call)
{
	return web_accepts(call, "Accept", hlv_text("text/html"), WEB_ANY_RANGE) > 0;
}
