/* SPDX-License-Identifier: Apache-2.0
 *
 * Octets in, octets out: the native front end and the authoritative service over a registry in
 * memory. Whatever is asked, the answer is a message that decodes, carries the question's id
 * and operation, and never more than a message may hold; the same question has the same answer.
 */
#include "proto/net/front_native.h"
#include "proto/sec/digest.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/world.h"

static unsigned answered;

static void done(struct hlv_exchange *x)
{
	(void)x;
	answered++;
}

static void check_answer(const struct hlv_message *question, struct hlv_bytes octets)
{
	struct hlv_message m;
	struct hlv_response rs;
	hlv_require(hlv_message_decode(octets, &m) == HLV_OK);
	hlv_require(m.env.request_id == question->env.request_id);
	hlv_require(m.hdr.op == question->hdr.op && m.hdr.rc != HLV_RC_RESERVED);
	/* An operation that nobody knows is refused by its own number: not for our decoder. */
	if (!hlv_op_name(m.hdr.op))
		return;
	hlv_require(hlv_response_decode(&m, &rs) == HLV_OK);
	if (rs.has_digest && question->covered.n && m.env.minor >= 1)
		hlv_require(hlv_request_digest_fits(question->covered, &rs.digest));
}

/* False: not to be answered. */
static bool ask(struct hlv_service *service, struct hlv_bytes in, struct hlv_exchange *x,
		struct hlv_writer *w)
{
	answered = 0;
	enum hlv_native_verdict verdict = hlv_native_decode(in, x);
	switch (verdict) {
	case HLV_NATIVE_DROP:
		return false;
	case HLV_NATIVE_REPLY:
		break;
	case HLV_NATIVE_SUBMIT:
		service->submit(service, x);
		hlv_require(answered == 1);
		break;
	}
	hlv_native_encode(x, service, w);
	hlv_require(!w->bad);
	return true;
}

static void check(struct hlv_service *service, struct hlv_bytes in, uint8_t transport)
{
	struct hlv_writer first = fuzz_writer(), second = fuzz_writer();
	struct hlv_writer *writers[] = {&first, &second};
	for (int i = 0; i < 2; i++) {
		struct hlv_exchange x = {
			.peer = {.transport = transport,
				 .interface_kind = HLV_IF_ADMIN | HLV_IF_QUERY,
				 .verified = true},
			.now = {.mono_ns = 1, .wall_ms = 1700000000000},
			.done = done,
		};
		hlv_arena_init(&x.arena, 4 << 20);
		service->batch_begin(service, x.now);
		if (ask(service, in, &x, writers[i]))
			check_answer(&x.rq.m, hlv_written(writers[i]));
		service->batch_end(service);
		hlv_arena_fini(&x.arena);
	}
	hlv_require(hlv_eq(hlv_written(&first), hlv_written(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_service *service = fuzz_service();
	if (n < HLV_ENVELOPE_SIZE || n > HLV_ENVELOPE_SIZE + HLV_MESSAGE_MAX)
		return 0;
	check(service, hlv_bytes(data, n), HLV_T_UDP);
	if (n < HLV_STUB_SIZE)
		return 0;
	/* Again with lengths that fit, so that the questions are reached. */
	uint8_t *p = malloc(n);
	hlv_require(p);
	memcpy(p, data, n);
	p[2] &= (uint8_t)~HLV_E_ENCRYPTED;
	hlv_store_u32(p + 16, (uint32_t)(n - HLV_ENVELOPE_SIZE));
	if (hlv_load_u32(p + 40) > n - HLV_STUB_SIZE)
		hlv_store_u32(p + 40, (uint32_t)(n - HLV_STUB_SIZE));
	check(service, hlv_bytes(p, n), HLV_T_TCP);
	free(p);
	return 0;
}
