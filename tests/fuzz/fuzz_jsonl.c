/* SPDX-License-Identifier: Apache-2.0
 *
 * A line of JSON Lines: a record that is taken can be written, exactly, and the line that was
 * written is taken as the same record. A line that is refused has a reason.
 */
#include "proto/net/json.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"
#include "tools/helvectl/source_fast.h"

enum { NOW_S = 1700000000 };

static struct hlv_list list_of(const struct source_record *record)
{
	struct hlv_reader r = hlv_reader(record->list);
	struct hlv_list list;
	hlv_require(hlv_values_decode(&r, &list) == HLV_OK && hlv_finished(&r));
	return list;
}

static void check_written(struct hlv_arena *a, const struct source_record *record)
{
	struct source_record again = {0};
	struct hlv_list list = list_of(record);
	struct hlv_buf text = {0};
	hlv_json_put_record_exact(&text, record->handle, &list);
	hlv_require(!text.bad);
	hlv_require(!memchr(text.p, '\n', text.n));
	hlv_require(source_jsonl_line(hlv_buf_bytes(&text), NOW_S + 1, a, &again) == HLV_OK);
	hlv_require(hlv_eq(again.handle, record->handle) && hlv_eq(again.list, record->list));
	hlv_buf_free(&text);
}

/* What the fast reader takes, the other takes too, and as the same. */
static void check_fast(struct hlv_arena *a, struct hlv_bytes in)
{
	struct source_record fast = {0}, slow = {0};
	if (!source_jsonl_fast(in, NOW_S, a, &fast))
		return;
	enum hlv_err err = source_jsonl_line(in, NOW_S, a, &slow);
	hlv_require(err == HLV_OK);
	hlv_require(hlv_eq(fast.handle, slow.handle));
	hlv_require(hlv_eq(fast.list, slow.list) && fast.homed == slow.homed);
}

static void check_site(struct hlv_bytes in)
{
	struct hlv_json_error error = {0};
	struct hlv_writer first = fuzz_writer(), second = fuzz_writer();
	if (hlv_json_parse_site(in, &first, &error) != HLV_OK) {
		hlv_require(memchr(error.text, '\0', sizeof(error.text)) != NULL);
		return;
	}
	struct hlv_buf text = {0};
	if (hlv_json_put_site(&text, hlv_written(&first)) == HLV_OK) {
		hlv_require(hlv_json_parse_site(hlv_buf_bytes(&text), &second, &error) ==
			    HLV_OK);
		hlv_require(hlv_eq(hlv_written(&first), hlv_written(&second)));
	}
	hlv_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct source_record record = {0};
	struct hlv_bytes in = hlv_bytes(data, n);
	if (n > HLV_MESSAGE_MAX)
		return 0;
	check_site(in);
	check_fast(a, in);
	enum hlv_err err = source_jsonl_line(in, NOW_S, a, &record);
	hlv_require(memchr(record.reason, '\0', sizeof(record.reason)) != NULL);
	if (err != HLV_OK)
		hlv_require(record.reason[0] != '\0');
	else if (record.list.n > 0)
		check_written(a, &record);
	return 0;
}
