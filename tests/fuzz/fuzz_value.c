/* SPDX-License-Identifier: Apache-2.0
 *
 * What stands in records: values and lists of them, administrators, references, names. Decoding
 * and encoding gives the same octets; the functions over names keep their promises.
 */
#include "proto/wire/admin.h"
#include "proto/wire/codes.h"
#include "proto/wire/name.h"
#include "proto/wire/record.h"
#include "proto/wire/site.h"
#include "tests/fuzz/fuzz.h"

static void check_sorted(const struct hlv_list *list, struct hlv_bytes sorted)
{
	struct hlv_reader r = hlv_reader(sorted);
	uint32_t last = 0;
	for (uint32_t i = 0; i < list->n; i++) {
		struct hlv_value v;
		hlv_require(hlv_value_decode(&r, &v) == HLV_OK);
		hlv_require(v.index > last);
		last = v.index;
	}
	hlv_require(hlv_finished(&r));
}

static void check_value(struct hlv_bytes in)
{
	struct hlv_reader r = hlv_reader(in);
	struct hlv_value v;
	if (hlv_value_decode(&r, &v) != HLV_OK)
		return;
	struct hlv_writer w = fuzz_writer();
	hlv_value_encode(&w, &v);
	hlv_require(hlv_eq(hlv_written(&w), hlv_head(in, r.pos)));
	hlv_require(hlv_value_expired(&v, 0, UINT32_MAX));
	hlv_require(v.type.n == 0 || v.type.p[v.type.n - 1] == '.' ||
		    hlv_type_asked(v.type, v.type));
	hlv_type_is(v.type, "HS_SITE");
}

static void check_values(struct hlv_arena *a, struct hlv_bytes in)
{
	struct hlv_reader r = hlv_reader(in);
	struct hlv_list list;
	if (hlv_values_decode(&r, &list) != HLV_OK)
		return;
	struct hlv_writer w = fuzz_writer();
	hlv_list_encode(&w, &list);
	hlv_require(hlv_eq(hlv_written(&w), hlv_head(in, r.pos)));
	struct hlv_writer sorted = hlv_writer(hlv_alloc_raw(a, list.raw.n), list.raw.n);
	uint8_t flags;
	if (hlv_values_sort(&list, &sorted, &flags) == HLV_OK)
		check_sorted(&list, hlv_written(&sorted));
}

static void check_admin(struct hlv_bytes in)
{
	struct hlv_admin admin;
	struct hlv_list refs;
	struct hlv_writer w = fuzz_writer();
	if (hlv_admin_decode(in, &admin) == HLV_OK) {
		hlv_admin_encode(&w, &admin);
		hlv_require(hlv_eq(hlv_written(&w), in));
	}
	if (hlv_vlist_decode(in, &refs) == HLV_OK) {
		w.n = 0;
		hlv_list_encode(&w, &refs);
		hlv_require(hlv_eq(hlv_written(&w), in));
	}
}

static void check_name(struct hlv_bytes in)
{
	struct hlv_writer w = fuzz_writer(), upper = fuzz_writer(), resolvable = fuzz_writer();
	struct hlv_name name = hlv_name_split(in);
	hlv_require(!name.slash || name.prefix.n + 1 + name.suffix.n == in.n);
	hlv_name_put_upper_prefix(&w, in);
	hlv_name_put_folded(&upper, in);
	hlv_require(hlv_name_eq_prefix(hlv_written(&w), in));
	hlv_require(hlv_name_eq_full(hlv_written(&upper), in));
	hlv_name_put_resolvable(&resolvable, in);
	hlv_require(hlv_name_split(hlv_written(&resolvable)).slash);
	w.n = 0;
	hlv_name_put_prefix_handle(&w, in);
	hlv_require(hlv_name_is_prefix_handle(hlv_written(&w)));
	hlv_require(!hlv_name_is_registrable(in) || (hlv_utf8_valid(in) && hlv_is_text(in)));
	struct hlv_bytes up = in;
	while (hlv_name_is_derived_prefix(up)) {
		struct hlv_bytes parent = hlv_name_parent_prefix(up);
		hlv_require(parent.n < up.n);
		up = parent;
	}
	struct hlv_ref ref = hlv_ref_parse(in);
	hlv_require(ref.handle.n <= in.n && ref.index <= INT32_MAX);
	hlv_require(hlv_ref_matches(&ref, &ref));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_bytes in = hlv_bytes(data, n);
	if (n > HLV_MESSAGE_MAX)
		return 0;
	check_value(in);
	check_values(a, in);
	check_admin(in);
	check_name(in);
	uint16_t perms;
	if (hlv_admin_perms_parse(in, &perms) == HLV_OK) {
		char text[13];
		hlv_admin_perms_print(perms, text);
		hlv_require(hlv_eq(hlv_text(text), in));
	}
	return 0;
}
