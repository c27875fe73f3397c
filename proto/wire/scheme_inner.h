/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of scheme.h share, and nobody else.
 */
#pragma once
#include "proto/wire/scheme.h"

/* One reading: what every step needs. */
struct scheming {
	const struct hlv_schemes *rules;
	struct hlv_arena *arena;
	struct hlv_named *out;
	char *why;
};

__attribute__((format(printf, 2, 3))) enum hlv_err scheme_wrong(struct scheming *s,
								const char *format, ...);
/* Sets out->id from out->scheme, out->key and what the rules look at. */
enum hlv_err scheme_put(struct scheming *s, struct hlv_bytes subject);

/* --- scheme_text.c --- */

bool scheme_has_word(struct hlv_bytes text,
		     const char *word); /* at its beginning, in any case */
struct hlv_bytes scheme_trim(struct hlv_bytes text);
/* Fullwidth characters where a prefix should be: NULL, or what to say. */
const char *scheme_fullwidth(struct hlv_bytes text);

struct scheme_url {
	struct hlv_bytes host, path, query; /* as they stand; path with its slash */
};
bool scheme_url_split(struct hlv_bytes text, struct scheme_url *url);
/* The value of ?id= or ?handle=; empty without. */
struct hlv_bytes scheme_url_id(struct hlv_bytes query);

/* --- scheme_gs1.c --- */

/* Pairs as an identifier; `others`: AIs that are neither key nor qualifier may be among them. */
enum hlv_err scheme_gs1(struct scheming *s, const struct hlv_gs1_pair *pairs, size_t n,
			bool others);
/* "(01)09506000134352(21)77", or with FNC1 or a symbology identifier in front. */
bool scheme_is_elements(struct hlv_bytes text);
enum hlv_err scheme_elements(struct scheming *s, struct hlv_bytes text);
/* A Digital Link path; `stem`: another path may be in front of the key. False: it is none. */
bool scheme_is_link(struct hlv_bytes path, bool stem);
enum hlv_err scheme_link(struct scheming *s, struct hlv_bytes path, bool stem);
/* 8, 12, 13 or 14 digits? */
bool scheme_is_gtin(struct hlv_bytes text);
enum hlv_err scheme_gtin(struct scheming *s, struct hlv_bytes digits);

/* --- scheme_epc.c --- */

/* What is behind "urn:epc:". */
enum hlv_err scheme_epc(struct scheming *s, struct hlv_bytes text);

/* --- scheme_other.c --- */

enum hlv_err scheme_oid(struct scheming *s, struct hlv_bytes text);
enum hlv_err scheme_did(struct scheming *s, struct hlv_bytes text);
/* "1.0064.1234" or "100641234". */
enum hlv_err scheme_ecode(struct scheming *s, struct hlv_bytes text);
/* Does a rule name the V and NSI that the text begins with? */
bool scheme_is_ecode(const struct scheming *s, struct hlv_bytes text);
