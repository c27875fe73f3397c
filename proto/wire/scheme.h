/* SPDX-License-Identifier: Apache-2.0
 *
 * What people type and scanners give, as an identifier of the registry: a handle in any wrapping, a
 * GS1 key, an OID, an Ecode, a DID, a VAA code (industrial.md 2). Schemes other than handles have
 * their records under handle prefixes that the configuration names, so that every client of the
 * protocol can ask for them:
 *
 *   88.118.8/01/09506000134352/21/77   88.118.8/1.2.156.3001.7   88.118.8/did:bid:ef7z...
 *   88.118.8/1.0064.1234567890
 *
 * Pure: no look-up, no network. It is not for what a registry stores; that is name.h.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/wire/gs1.h"

/* industrial.md 2.1 */
enum hlv_scheme {
	HLV_SCHEME_HANDLE = 1,
	HLV_SCHEME_OID,
	HLV_SCHEME_GS1,
	HLV_SCHEME_ECODE,
	HLV_SCHEME_DID
};

enum { HLV_SCHEME_RULES_MAX = 64, HLV_SCHEME_FIELD_MAX = 255 };

/* Where the records of a scheme, or of a part of it, are. */
struct hlv_scheme_rule {
	int scheme;			      /* enum hlv_scheme; 0: a host of URLs */
	char which[HLV_SCHEME_FIELD_MAX + 1]; /* "": all; company prefix, arcs, method, V.NSI */
	char prefix[HLV_SCHEME_FIELD_MAX + 1]; /* a handle prefix; of a host: its name */
};
struct hlv_schemes {
	size_t n;
	struct hlv_scheme_rule rules[HLV_SCHEME_RULES_MAX];
};

/* A row of the option `schemes`: "gs1 88.118.8", "gs1:9506000 88.118.9", "oid 88.118.8",
 * "oid:1.2.156.3001 88.118.8", "did 88.118.8", "did:bid 88.118.8", "ecode:1.0064 88.118.8",
 * "host id.example.cn". On failure `why` is one line. */
enum hlv_err HLV_MUST_USE hlv_schemes_add(struct hlv_schemes *s, struct hlv_bytes row,
					  char why[HLV_SCHEME_WHY]);

struct hlv_named {
	enum hlv_scheme scheme;
	struct hlv_bytes key; /* the canonical text, in its scheme */
	struct hlv_bytes
		id; /* the identifier in our registry; of other schemes PREFIX "/" key */
	struct hlv_bytes query; /* of a URL: behind "?", as it came */
	bool attributes;	/* a GS1 text had other AIs than those of the key */
	bool reordered;		/* its qualifiers were not in their order */
	bool certain; /* it can be of no other scheme: what is wrong with it is wrong */
};

/* Results are in the arena. HLV_E_MALFORMED: `why` is one line for whoever gave the text.
 * HLV_E_NOT_FOUND: well formed, but no rule says where its scheme's records are; scheme and key are
 * filled in. Schemes may be NULL: no rules. */
enum hlv_err HLV_MUST_USE hlv_scheme_read(const struct hlv_schemes *s, struct hlv_bytes text,
					  struct hlv_arena *a, struct hlv_named *out,
					  char why[HLV_SCHEME_WHY]);
/* The path of a GS1 Digital Link on a host of ours, "/01/9506000134352/21/a%2Fb", as it stands in the
 * request line: HLV_E_NOT_FOUND with an empty key when it does not begin with a primary AI. */
enum hlv_err HLV_MUST_USE hlv_scheme_read_link(const struct hlv_schemes *s,
					       struct hlv_bytes path, struct hlv_arena *a,
					       struct hlv_named *out, char why[HLV_SCHEME_WHY]);
/* Services look every question up; nearly all begin with a dotted prefix and have a slash. */
static inline bool hlv_scheme_is_plain(struct hlv_bytes text)
{
	return text.n > 4 && (uint8_t)(text.p[0] - '0') <= 9 &&
	       (text.p[1] == '.' || text.p[2] == '.' || text.p[3] == '.') &&
	       memchr(text.p + 2, '/', text.n - 2) != NULL;
}
/* For a question that is not plain: what to look up. *id stays empty when that is the text itself.
 * HLV_E_MALFORMED: it is certainly meant to be something, and is not (`why`). */
enum hlv_err HLV_MUST_USE hlv_scheme_look_up(const struct hlv_schemes *s, struct hlv_bytes text,
					     struct hlv_arena *a, struct hlv_bytes *id,
					     char why[HLV_SCHEME_WHY]);
