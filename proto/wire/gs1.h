/* SPDX-License-Identifier: Apache-2.0
 *
 * GS1 identification keys: the table of primary keys with their qualifiers (GS1 syntax dictionary,
 * `dlpkey`), check digits, and the canonical text of a key, "01/09506000134352/10/L1/21/77"
 * (industrial.md 2.5). In it each value is one field: a slash in a value is "%2F", a percent sign
 * "%25". Pure; how texts of people and scanners become a list of pairs is scheme.h's affair.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/writer.h"

enum {
	HLV_GS1_PAIRS_MAX = 32,
	HLV_GS1_QUALIFIERS_MAX = 3,
	HLV_GS1_VALUE_MAX = 90, /* AIs 91-99 and 8030 */
	HLV_SCHEME_WHY = 192,
};

/* An application identifier and its value, percent-decoded. */
struct hlv_gs1_pair {
	struct hlv_bytes ai, value;
};

struct hlv_gs1_ai;

struct hlv_gs1 {
	const struct hlv_gs1_ai *ai; /* of the primary key */
	uint8_t primary[HLV_GS1_VALUE_MAX];
	size_t nprimary;
	struct hlv_gs1_pair qualifiers[HLV_GS1_QUALIFIERS_MAX]; /* in their order; borrowed */
	size_t nqualifiers;
	bool reordered; /* they were given in another order */
};

/* Digits with their check digit behind them (weights 3, 1, 3 ... from the right): the right one. */
char hlv_gs1_check_digit(const uint8_t *digits, size_t n);

/* Does this AI name a primary key? */
bool hlv_gs1_is_primary(struct hlv_bytes ai);
/* Is the text a primary key in canonical form, alone or followed by "/" and anything: known AI, right
 * length, right check digit? Says the same whatever the case of its letters. */
bool hlv_gs1_begins(struct hlv_bytes path);

/* pairs[0 .. n), of which one is a primary key and the others its qualifiers in any order or, when
 * `attributes` is not NULL, other AIs, which are left out and flagged there. Values are checked. On
 * failure `why` is one line. */
enum hlv_err HLV_MUST_USE hlv_gs1_assemble(const struct hlv_gs1_pair *pairs, size_t n,
					   bool *attributes, struct hlv_gs1 *out,
					   char why[HLV_SCHEME_WHY]);
/* The canonical text. */
void hlv_gs1_put(struct hlv_writer *w, const struct hlv_gs1 *key);
/* The digits in which the GS1 company prefix stands at the beginning: empty without any. */
struct hlv_bytes hlv_gs1_company(const struct hlv_gs1 *key);

/* Canonical text without its last qualifier; empty when there is none left (walk-up). */
struct hlv_bytes hlv_gs1_up(struct hlv_bytes canonical);

/* How an element string is cut: digits of the AI that `text` begins with (0: none known), and how
 * many octets its value has (0: up to FNC1). GS1 General Specifications 7.8.5. */
size_t hlv_gs1_ai_digits(struct hlv_bytes text);
size_t hlv_gs1_fixed_octets(struct hlv_bytes ai);
