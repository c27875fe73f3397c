/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups of transactions as the control socket carries them: what is accepted, encoded again, is
 * the same octets; and no input takes more memory than its length allows.
 */
#include "server/txn_wire.h"
#include "tests/fuzz/fuzz.h"

enum { OCTETS_EACH = 24 }; /* of memory for an octet of input: a transaction without anything */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct store_actor actor = {.how = ACTOR_LOCAL};
	static uint8_t again[TXN_WIRE_MAX];
	struct hlv_arena *a = fuzz_arena();
	struct store_txn *txns;
	size_t count;
	if (n > TXN_WIRE_MAX)
		return 0;
	struct hlv_bytes octets = fuzz_copy(a, hlv_bytes(data, n));
	size_t used = a->used;
	enum hlv_err err = txn_wire_decode(octets, &actor, a, &txns, &count);
	hlv_require(a->used - used <= OCTETS_EACH * n + 64);
	if (err != HLV_OK)
		return 0;
	struct hlv_writer w = hlv_writer(again, sizeof again);
	hlv_put_u32(&w, (uint32_t)count);
	for (size_t i = 0; i < count; i++)
		txn_wire_put(&w, &txns[i]);
	hlv_require(!w.bad && hlv_eq(hlv_written(&w), octets));
	(void)!txn_wire_get_answer(octets, txns, count);
	return 0;
}
