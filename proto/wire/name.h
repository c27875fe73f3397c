/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers as text: prefix and suffix, prefix handles, case folding, validity
 * (protocol.md 6.6, RFC 3651 2). Only ASCII letters are ever folded; nothing is normalised.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/reader.h"
#include "proto/base/writer.h"
#include "proto/wire/value.h"

/* Split at the first slash. Without one: the prefix is "0.NA" and the suffix is the whole. */
struct hlv_name {
	struct hlv_bytes prefix, suffix;
	bool slash;
};
struct hlv_name hlv_name_split(struct hlv_bytes id);

/* How many leading octets a case-insensitive registry folds: all of them, but of an identifier whose
 * suffix is a DID, or begins with a GS1 key (gs1.h), the prefix alone: there "ab1" and "AB1" are two
 * objects (industrial.md 2.1). Everything that compares or looks up whole identifiers goes by this. */
size_t hlv_name_fold_n(struct hlv_bytes id);
/* For who has found the first slash, at id.p + slash. Every question pays for it. */
size_t hlv_name_fold_sensitive(struct hlv_bytes id, size_t slash);
static inline size_t hlv_name_fold_from(struct hlv_bytes id, size_t slash)
{
	/* "did:", or an AI of two to four digits and a slash: the shortest such suffixes have more
	 * octets than this looks at. */
	const uint8_t *s = id.p + slash + 1;
	if (id.n - slash < 6)
		return id.n;
	if (*s == 'd' ? s[1] == 'i' && s[3] == ':'
		      : (uint8_t)(*s - '0') <= 9 && (s[2] == '/' || s[3] == '/' || s[4] == '/'))
		return hlv_name_fold_sensitive(id, slash);
	return id.n;
}
/* Equal in such a registry. */
bool hlv_name_eq_full(struct hlv_bytes a, struct hlv_bytes b);
/* Equal but for ASCII case of the prefix; identifiers that begin with "0." or have no slash are
 * folded wholly: how caches and references to administrators compare. */
bool hlv_name_eq_prefix(struct hlv_bytes a, struct hlv_bytes b);

/* Into `w` as the registry has it. */
void hlv_name_put_folded(struct hlv_writer *w, struct hlv_bytes id);
/* Upper case into `w`: all of it, or the part that the prefix comparison folds. */
void hlv_name_put_upper(struct hlv_writer *w, struct hlv_bytes id);
void hlv_name_put_upper_prefix(struct hlv_writer *w, struct hlv_bytes id);

/* Does it begin with "0.NA/", in any case? */
bool hlv_name_is_prefix_handle(struct hlv_bytes id);
/* "0.NA/" and a name with a dot in it. */
bool hlv_name_is_derived_prefix(struct hlv_bytes id);
/* The prefix handle that decides about `id`: "0.NA/" + prefix in upper case; "0.NA/0.NA" for
 * every prefix handle and every name without a slash. */
void hlv_name_put_prefix_handle(struct hlv_writer *w, struct hlv_bytes id);
/* `id` as it is looked up: "20.500" means "0.NA/20.500"; upper-cased then. */
void hlv_name_put_resolvable(struct hlv_writer *w, struct hlv_bytes id);
/* "0.NA/a.b.c" -> "0.NA/a.b"; empty when there is no dot left. Borrows from `id`. */
struct hlv_bytes hlv_name_parent_prefix(struct hlv_bytes id);

/* Strict UTF-8 (no overlong forms, surrogates, or code points above 10FFFF). */
bool hlv_utf8_valid(struct hlv_bytes b);
/* What may be registered: strict UTF-8, no C0 control characters, 1 .. 2048 octets. */
bool hlv_name_is_registrable(struct hlv_bytes id);
/* Data that is shown as text: UTF-8 without control characters but tab, CR and LF. */
bool hlv_is_text(struct hlv_bytes b);

/* "300:0.NA/88" -> index and handle; without digits before the first colon the whole is the
 * handle and the index is 0. Borrows from `text`. */
struct hlv_ref hlv_ref_parse(struct hlv_bytes text);
/* Does the listed administrator match the requester? Prefix fold; index 0 in the list: any. */
bool hlv_ref_matches(const struct hlv_ref *listed, const struct hlv_ref *who);
