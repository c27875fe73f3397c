/* SPDX-License-Identifier: Apache-2.0
 *
 * What those who redirect share, proxy.c and gs1.c: which targets are taken, small pages for people,
 * and what a browser accepts.
 */
#pragma once
#include "proto/web/web.h"
#include "proto/wire/value.h"

/* http or https alone (threats.md 4), an authority, and nothing that a header cannot hold. */
bool web_is_target(struct hlv_bytes url);
/* For a URL: letters, digits and `kept` stand for themselves. */
void web_put_encoded(struct hlv_buf *b, struct hlv_bytes text, const char *kept);
/* "/p/ID" of the resolver page, or "/?id=ID" where a path cannot hold it. */
void web_put_page_of(struct hlv_buf *b, struct hlv_bytes id);
/* "https://host" by which we were asked, or the option http-origin; false: there is no usable Host header. */
bool web_put_origin(const struct http_call *call, struct hlv_buf *b);

/* Location and a page that says so; `max_age` UINT32_MAX: nothing about it. */
void web_redirect(struct http_call *call, unsigned status, struct hlv_bytes target,
		  uint32_t max_age);
/* A page of one paragraph, escaped, and a link below it (`href` empty: none). */
void web_page(struct http_call *call, unsigned status, const char *title, struct hlv_bytes text,
	      struct hlv_bytes href, const char *link);

/* How much a media type or a language is wanted, 0 .. 1000 (RFC 9110 12.5); without such a header
 * everything is, by 1000. `exact`: wild cards do not count. */
enum web_exactness { WEB_ANY_RANGE, WEB_EXACT };
unsigned web_accepts(const struct http_call *call, const char *header, struct hlv_bytes what,
		     enum web_exactness exactness);
/* Would a page for people do? */
bool web_wants_page(const struct http_call *call);
