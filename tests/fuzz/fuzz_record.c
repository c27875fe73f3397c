/* SPDX-License-Identifier: Apache-2.0
 *
 * Stored records: a disk is a peer too. As they are the checksum refuses nearly all; so each is
 * stamped as well, which makes the checksum fit whatever stands in it.
 */
#include "proto/wire/codes.h"
#include "proto/wire/record.h"
#include "tests/fuzz/fuzz.h"

static void check(struct hlv_bytes stored, struct hlv_bytes key)
{
	struct hlv_record rec;
	if (hlv_record_decode(stored, key, &rec) != HLV_OK)
		return;
	bool has_state = rec.flags & HLV_RECORD_HAS_STATE;
	size_t extension = has_state ? HLV_RECORD_STATE_MAX - HLV_REASON_MAX + rec.reason.n : 0;
	hlv_require(HLV_RECORD_HEADER + extension + rec.name.n + rec.list.n == stored.n);
	hlv_require(has_state == (rec.state != HLV_STATE_ACTIVE || rec.locks != 0));
	hlv_require(hlv_eq(hlv_record_name(stored), rec.name));
	hlv_require(rec.list.n == rec.values.raw.n + 4);
	struct hlv_writer w = fuzz_writer();
	hlv_record_encode(&w, key, &rec);
	hlv_require(hlv_eq(hlv_written(&w), stored));
	/* Values are not walked by the decoder; a walk over anything must end well. */
	struct hlv_reader r = hlv_reader(rec.values.raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < rec.values.n; i++)
		if (hlv_value_decode(&r, &v) != HLV_OK)
			break;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const char key[] = "\x01"
				  "88.118/X";
	struct hlv_arena *a = fuzz_arena();
	if (n > HLV_MESSAGE_MAX)
		return 0;
	hlv_record_name(hlv_bytes(data, n));
	check(hlv_bytes(data, n), hlv_text(key));
	check(hlv_bytes(data, n), hlv_bytes(data, n < 8 ? n : 8));
	if (n < HLV_RECORD_HEADER)
		return 0;
	uint8_t *p = hlv_alloc_raw(a, n);
	hlv_require(p);
	memcpy(p, data, n);
	hlv_record_stamp(p, n, hlv_text(key), 7, 1700000000000);
	check(hlv_bytes(p, n), hlv_text(key));
	return 0;
}
