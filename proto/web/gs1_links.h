/* SPDX-License-Identifier: Apache-2.0
 *
 * The links of a GS1 key: values of type gs1:LINKTYPE, whose data is a URL, or JSON with href, title,
 * type, hreflang and context. Which of them an asker gets, and all of them as a linkset (RFC 9264,
 * GS1-conformant resolver standard 1.2.0).
 */
#pragma once
#include "proto/web/redirect.h"

enum { GS1_LINKS_MAX = 512, GS1_TEXTS_MAX = 16 };

struct gs1_texts {
	struct hlv_bytes list[GS1_TEXTS_MAX];
	size_t n;
};

struct gs1_link {
	struct hlv_bytes type; /* "pip" of gs1:pip */
	struct hlv_bytes href, title, media;
	struct gs1_texts languages, contexts;
	uint32_t max_age;
};

struct gs1_links {
	struct gs1_link *list;
	size_t n;
	struct hlv_bytes description; /* of the thing itself; empty: none */
};

/* Copies what it keeps into the call's arena. Links whose target is no http(s) address, and values
 * that cannot be read, are left out. A record without gs1:defaultLink lends its URL for one; of
 * several, the first is the default and the others are alternatives (defaultLinkMulti). */
enum hlv_err HLV_MUST_USE gs1_links_read(struct http_call *call, const struct hlv_exchange *x,
					 struct gs1_links *out);

/* Into `links` what it inherits from the level above: links of types that it has none of. Without memory
 * it inherits nothing. */
void gs1_links_inherit(struct http_call *call, struct gs1_links *links,
		       const struct gs1_links *above);

/* "gs1:pip", or the vocabulary's address of it, names "pip"; empty: no link type. */
struct hlv_bytes gs1_link_type(struct hlv_bytes text);

/* Those that serve this asker best among the links of a type (by Accept-Language, Accept and ?context=):
 * `best` has room for all. More than one: they cannot be told apart. 0: none of that type. */
size_t gs1_links_choose(struct http_call *call, const struct gs1_links *links,
			struct hlv_bytes type, const struct gs1_link **best);
/* What an asker gets who names no type. */
size_t gs1_links_default(struct http_call *call, const struct gs1_links *links,
			 const struct gs1_link **best);

/* Seconds that all of them may be kept. */
uint32_t gs1_links_age(const struct gs1_links *links);
/* {"linkset":[{"anchor":...}]}: those of `only`, or with NULL all of them. */
void gs1_links_put(struct hlv_buf *b, const struct gs1_links *links, struct hlv_bytes anchor,
		   const struct gs1_link *const *only, size_t nonly);
