/* SPDX-License-Identifier: Apache-2.0
 *
 * Audit entries off the disk: what is accepted is canonical, so that a hash over it means one
 * thing, and a walk that is fed anything ends well.
 */
#include "proto/wire/codes.h"
#include "server/audit.h"
#include "tests/fuzz/fuzz.h"

static void check(struct hlv_bytes stored)
{
	struct audit_entry e;
	struct hlv_buf b = {0};
	if (audit_decode(stored, &e) != HLV_OK)
		return;
	audit_encode(&b, &e);
	hlv_require(!b.bad && hlv_eq(hlv_buf_bytes(&b), stored));
	hlv_buf_free(&b);
}

static void walk(struct hlv_bytes stored)
{
	struct audit_check c = {0};
	uint8_t key[AUDIT_KEY_SIZE];
	struct audit_entry e;
	hlv_require(audit_check_init(&c) == HLV_OK);
	if (audit_decode(stored, &e) == HLV_OK && e.seq > 0) {
		c.at.seq = e.seq - 1;
		memcpy(c.at.hash, e.prev, AUDIT_HASH);
	}
	enum hlv_err err = audit_check_feed(&c, audit_key(c.at.seq + 1, key), stored);
	hlv_require(err == HLV_OK || c.why[0]);
	audit_check_fini(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct audit_head head;
	struct hlv_bytes signature, key, in = hlv_bytes(data, n);
	if (n > HLV_MESSAGE_MAX)
		return 0;
	check(in);
	walk(in);
	if (audit_head_parse(in, &head) == HLV_OK) {
		char text[AUDIT_HEAD_TEXT];
		audit_head_print(&head, text);
	}
	struct store_put put = {SPACE_AUDIT, hlv_head(in, AUDIT_KEY_SIZE),
				hlv_skip(in, AUDIT_KEY_SIZE)};
	if (audit_checkpoint_read(&put, &head, &signature, &key) == HLV_OK)
		hlv_require(signature.n + key.n + AUDIT_HASH + 8 == put.value.n);
	return 0;
}
