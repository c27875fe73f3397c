/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/scheme_inner.h"

bool scheme_has_word(struct hlv_bytes text, const char *word)
{
	struct hlv_bytes w = hlv_text(word);
	return text.n >= w.n && hlv_eq_fold(hlv_head(text, w.n), w);
}

/* White space, and what editors and browsers put in its place: U+00A0, U+3000, U+FEFF. */
static size_t white(struct hlv_bytes b)
{
	static const char *const wide[] = {"\xC2\xA0", "\xE3\x80\x80", "\xEF\xBB\xBF"};
	if (b.n && (b.p[0] == ' ' || (b.p[0] >= '\t' && b.p[0] <= '\r')))
		return 1;
	for (size_t i = 0; i < sizeof wide / sizeof *wide; i++)
		if (hlv_starts_with(b, hlv_text(wide[i])))
			return strlen(wide[i]);
	return 0;
}

struct hlv_bytes scheme_trim(struct hlv_bytes text)
{
	size_t n;
	while ((n = white(text)) > 0)
		text = hlv_skip(text, n);
	while (text.n > 0) {
		size_t tail = text.n < 3 ? text.n : 3;
		for (n = tail; n > 0; n--)
			if (white(hlv_bytes(text.p + text.n - n, n)) == n)
				break;
		if (n == 0)
			break;
		text.n -= n;
	}
	return text;
}

const char *scheme_fullwidth(struct hlv_bytes text)
{
	const uint8_t *slash = text.n ? memchr(text.p, '/', text.n) : NULL;
	struct hlv_bytes head = hlv_head(text, slash ? (size_t)(slash - text.p) : text.n);
	for (size_t i = 0; i + 2 < head.n; i++) {
		const uint8_t *c = head.p + i;
		if (c[0] == 0xE3 && c[1] == 0x80 && c[2] == 0x82)
			return "ideographic full stop (U+3002): type \".\"";
		if (c[0] != 0xEF || c[1] != 0xBC)
			continue;
		if (c[2] == 0x8E)
			return "fullwidth full stop (U+FF0E): type \".\"";
		if (c[2] == 0x8F)
			return "fullwidth slash (U+FF0F): type \"/\"";
		if (c[2] == 0x9A)
			return "fullwidth colon (U+FF1A): type \":\"";
		if (c[2] >= 0x90 && c[2] <= 0x99)
			return "fullwidth digits: type ASCII digits";
	}
	return NULL;
}

static size_t find(struct hlv_bytes b, const char *any)
{
	size_t n = 0;
	while (n < b.n && (b.p[n] == 0 || !strchr(any, b.p[n])))
		n++;
	return n;
}

bool scheme_url_split(struct hlv_bytes text, struct scheme_url *url)
{
	*url = (struct scheme_url){0};
	if (!scheme_has_word(text, "http://") && !scheme_has_word(text, "https://"))
		return false;
	text = hlv_skip(text, find(text, ":") + 3);
	text = hlv_head(text, find(text, "#"));
	size_t n = find(text, "/?");
	url->host = hlv_head(text, n);
	text = hlv_skip(text, n);
	n = find(text, "?");
	url->path = hlv_head(text, n);
	url->query = hlv_skip(text, n + 1);
	/* Without who logs in there, and without the port. */
	while ((n = find(url->host, "@")) < url->host.n)
		url->host = hlv_skip(url->host, n + 1);
	if (url->host.n && url->host.p[0] != '[')
		url->host = hlv_head(url->host, find(url->host, ":"));
	return true;
}

struct hlv_bytes scheme_url_id(struct hlv_bytes query)
{
	while (query.n > 0) {
		struct hlv_bytes part = hlv_head(query, find(query, "&;"));
		query = hlv_skip(query, part.n + 1);
		if (hlv_starts_with(part, hlv_text("id=")))
			return hlv_skip(part, 3);
		if (hlv_starts_with(part, hlv_text("handle=")))
			return hlv_skip(part, 7);
	}
	return (struct hlv_bytes){0};
}
