/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys as they stand in values and in files: what is accepted can be written, and is the same
 * key when it is read back, from each of its forms.
 */
#include "proto/sec/key.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"

static void check_parts(struct hlv_arena *a, const struct hlv_key *key)
{
	struct hlv_key_parts parts;
	struct hlv_key *again = NULL;
	if (hlv_key_to_parts(key, a, &parts) != HLV_OK)
		return;
	hlv_require(hlv_key_from_parts(&parts, &again) == HLV_OK);
	hlv_require(hlv_key_same_public(key, again));
	hlv_key_free(again);
}

static void check_pem(const struct hlv_key *key)
{
	if (hlv_key_kind(key) == HLV_KEY_DH)
		return; /* a session's, in messages alone: no file has one */
	struct hlv_buf text = {0};
	struct hlv_key *again = NULL;
	if (hlv_key_to_pem(key, false, &text) == HLV_OK) {
		hlv_require(hlv_pubkey_decode(hlv_buf_bytes(&text), &again) == HLV_OK);
		hlv_require(hlv_key_same_public(key, again));
		hlv_key_free(again);
	}
	hlv_buf_free(&text);
}

static void check_public(struct hlv_arena *a, const struct hlv_key *key)
{
	struct hlv_writer first = fuzz_writer(), second = fuzz_writer();
	struct hlv_key *again = NULL;
	hlv_require(hlv_key_name(key)[0] != '\0');
	if (hlv_pubkey_encode(&first, key) != HLV_OK)
		return;
	hlv_require(hlv_pubkey_decode(hlv_written(&first), &again) == HLV_OK);
	hlv_require(hlv_key_same_public(key, again) && !hlv_key_is_private(again));
	hlv_require(hlv_pubkey_encode(&second, again) == HLV_OK);
	hlv_require(hlv_eq(hlv_written(&first), hlv_written(&second)));
	hlv_key_free(again);
	check_parts(a, key);
	check_pem(key);
}

static void check_private(const struct hlv_key *key)
{
	struct hlv_writer w = fuzz_writer();
	struct hlv_key *again = NULL;
	hlv_require(hlv_key_is_private(key));
	if (hlv_privkey_encode(&w, key) != HLV_OK)
		return;
	hlv_require(hlv_privkey_decode(hlv_written(&w), &again) == HLV_OK);
	hlv_require(hlv_key_same_public(key, again) && hlv_key_is_private(again));
	hlv_key_free(again);
}

/* Only what needs no passphrase: stretching one takes longer than all the rest. */
static void check_file(struct hlv_bytes in)
{
	struct hlv_writer plain = fuzz_writer();
	if (hlv_keyfile_needs_passphrase(in))
		return;
	if (hlv_keyfile_open(in, (struct hlv_bytes){0}, &plain) == HLV_OK)
		hlv_require(hlv_written(&plain).n <= in.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct hlv_arena *a = fuzz_arena();
	struct hlv_bytes in = hlv_bytes(data, n);
	struct hlv_key *key;
	if (n > HLV_MESSAGE_MAX)
		return 0;
	check_file(in);
	if (hlv_pubkey_decode(in, &key) == HLV_OK) {
		check_public(a, key);
		hlv_key_free(key);
	}
	if (hlv_privkey_decode(in, &key) == HLV_OK) {
		check_public(a, key);
		check_private(key);
		hlv_key_free(key);
	}
	return 0;
}
