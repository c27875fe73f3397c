/* SPDX-License-Identifier: Apache-2.0
 *
 * The resolver page, the console and their parts: GET /, /p/ID, /console/, /assets/... (web/).
 */
#include "proto/web/pages.h"
#include "proto/web/web.h"

/* Scripts, styles and pictures come from here and from nowhere else, nothing stands inline, nobody may
 * frame a page (threats.md 4). The camera is for scanning codes. */
static const struct {
	const char *name, *value;
} guards[] = {
	{"Content-Security-Policy", "default-src 'self'; base-uri 'none'; object-src 'none'; "
				    "form-action 'self'; frame-ancestors 'none'"},
	{"Referrer-Policy", "no-referrer"},
	{"Permissions-Policy", "camera=(self), microphone=(), geolocation=()"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
};

static const struct web_page *find(struct hlv_bytes path)
{
	for (size_t i = 0; i < web_pages_n; i++)
		if (hlv_eq(path, hlv_text(web_pages_data[i].path)))
			return &web_pages_data[i];
	return NULL;
}

static bool names_word(struct hlv_bytes list, const char *word)
{
	return list.n > 0 && memmem(list.p, list.n, word, strlen(word)) != NULL;
}

static void serve(struct http_call *call, const struct web_page *page, const char *keep)
{
	if (!page) {
		web_error(call, 404, HLV_RC_PROTOCOL_ERROR, "Nothing is here");
		return;
	}
	for (size_t i = 0; i < sizeof guards / sizeof *guards; i++)
		http_header(call, guards[i].name, hlv_text(guards[i].value));
	http_header(call, "Cache-Control", hlv_text(keep));
	http_header(call, "ETag", hlv_text(page->etag));
	if (names_word(http_header_of(call, "if-none-match"), page->etag)) {
		http_reply(call, 304, NULL);
		return;
	}
	bool gzip = page->gzip.n && http_takes_gzip(call);
	if (gzip)
		http_header(call, "Content-Encoding", hlv_text("gzip"));
	hlv_buf_put(&call->out, gzip ? page->gzip : page->raw);
	http_reply(call, 200, page->type);
}

/* The script reads the identifier from the address. */
void web_page_resolver(struct http_call *call)
{
	serve(call, find(hlv_text("index.html")), "no-cache");
}

void web_page_console(struct http_call *call)
{
	if (hlv_eq(call->rq.path, hlv_text("/console"))) {
		http_header(call, "Location", hlv_text("/console/"));
		http_reply(call, 308, NULL);
		return;
	}
	serve(call, find(hlv_text("console/index.html")), "no-cache");
}

/* A file's name changes with its content. */
void web_page_asset(struct http_call *call)
{
	serve(call, find(hlv_skip(call->rq.path, 1)), "public, max-age=31536000, immutable");
}
