/* SPDX-License-Identifier: Apache-2.0
 *
 * Identifiers as people and scanners give them. What is read as one is one: it can be looked up, its
 * canonical text reads as itself, and walking up from it ends.
 */
#include "proto/wire/scheme.h"

#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "tests/fuzz/fuzz.h"

static const char *const rows[] = {
	"gs1 88.118.8",	  "gs1:9506000 88.118.9",   "oid 88.118.8",	 "did 88.118.8",
	"ecode 88.118.8", "ecode:1.0064 88.118.64", "host id.example.cn"};

static const struct hlv_schemes *rules(void)
{
	static struct hlv_schemes s;
	char why[HLV_SCHEME_WHY];
	for (size_t i = 0; s.n < sizeof rows / sizeof *rows; i++)
		hlv_require(hlv_schemes_add(&s, hlv_text(rows[i]), why) == HLV_OK);
	return &s;
}

static void check_gs1(const struct hlv_named *named)
{
	size_t prefix = named->id.n - named->key.n - 1;
	hlv_require(hlv_gs1_begins(named->key) && hlv_name_fold_n(named->id) == prefix);
	struct hlv_bytes up = named->key;
	for (unsigned i = 0; up.n > 0; i++) {
		hlv_require(i <= HLV_GS1_QUALIFIERS_MAX && hlv_gs1_begins(up));
		up = hlv_gs1_up(up);
	}
}

static void check_named(const struct hlv_named *named, struct hlv_arena *a)
{
	struct hlv_named again;
	char why[HLV_SCHEME_WHY];
	hlv_require(hlv_name_is_registrable(named->id));
	hlv_require(hlv_name_split(named->id).slash);
	if (named->scheme == HLV_SCHEME_HANDLE)
		return; /* whose name may look like anything else */
	hlv_require(hlv_eq(hlv_skip(named->id, named->id.n - named->key.n), named->key));
	if (named->scheme == HLV_SCHEME_GS1)
		check_gs1(named);
	if (named->scheme == HLV_SCHEME_ECODE)
		return; /* dotted, it is one only where a rule says so */
	hlv_require(hlv_scheme_read(rules(), named->key, a, &again, why) == HLV_OK);
	hlv_require(hlv_eq(again.key, named->key) && hlv_eq(again.id, named->id));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_bytes in = fuzz_copy(a, hlv_bytes(data, n)), id;
	struct hlv_named named;
	char why[HLV_SCHEME_WHY] = "";
	enum hlv_err err = hlv_scheme_read(rules(), in, a, &named, why);
	hlv_require(err == HLV_OK || *why);
	if (err == HLV_OK)
		check_named(&named, a);
	err = hlv_scheme_read_link(rules(), in, a, &named, why);
	if (err == HLV_OK)
		check_named(&named, a);
	err = hlv_scheme_look_up(rules(), in, a, &id, why);
	if (err == HLV_OK && id.n > 0)
		hlv_require(id.n <= HLV_IDENTIFIER_MAX);
	/* Equal keys, equal names; and a name is equal to itself. */
	hlv_require(hlv_name_eq_full(in, in) && hlv_name_fold_n(in) <= in.n);
	return 0;
}
