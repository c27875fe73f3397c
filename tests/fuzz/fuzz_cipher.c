/* SPDX-License-Identifier: Apache-2.0
 *
 * What a peer encrypts for us: the first octet says which form the others are taken for. What
 * opens is closed again to the same octets, what does not leaves nothing behind, and a group that
 * is agreed to gives a key.
 */
#include "proto/sec/cipher.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"

/* industrial.md 5.10, protocol.md 9.3's vectors: the seeds open with these. */
static const uint8_t sm4_key[] = {0xce, 0x52, 0x97, 0x7a, 0x59, 0xfa, 0xf7, 0x4e,
				  0x71, 0xcd, 0x66, 0x75, 0xc0, 0x27, 0x56, 0x06};
static const uint8_t aes_key[] = {0x10, 0x17, 0x1e, 0x25, 0x2c, 0x33, 0x3a, 0x41,
				  0x48, 0x4f, 0x56, 0x5d, 0x64, 0x6b, 0x72, 0x79};
/* Key file content: type name, PKCS#8. */
static const uint8_t sm2_own[] = {
	0x00, 0x00, 0x00, 0x0c, 0x53, 0x4d, 0x32, 0x5f, 0x50, 0x52, 0x49, 0x56, 0x5f, 0x4b,
	0x45, 0x59, 0x00, 0x00, 0x00, 0x8a, 0x30, 0x81, 0x87, 0x02, 0x01, 0x00, 0x30, 0x13,
	0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x81, 0x1c,
	0xcf, 0x55, 0x01, 0x82, 0x2d, 0x04, 0x6d, 0x30, 0x6b, 0x02, 0x01, 0x01, 0x04, 0x20,
	0xb7, 0xb7, 0x38, 0xb1, 0x6f, 0x05, 0xe3, 0x0a, 0x9a, 0xa2, 0xc4, 0xad, 0x7c, 0x0b,
	0xd8, 0xde, 0x9d, 0xc9, 0x73, 0x47, 0xb7, 0x2b, 0x4e, 0xe9, 0x48, 0x80, 0xc3, 0x35,
	0x09, 0x9c, 0x7e, 0x51, 0xa1, 0x44, 0x03, 0x42, 0x00, 0x04, 0xe9, 0x6f, 0x82, 0x99,
	0x91, 0x0e, 0xb4, 0x3a, 0xa5, 0x48, 0x28, 0x8f, 0x67, 0x27, 0xdd, 0xa6, 0x4d, 0x2d,
	0x73, 0xb7, 0x15, 0x32, 0xaa, 0xb5, 0xa6, 0xd5, 0x07, 0x60, 0xee, 0x49, 0x89, 0xab,
	0xe5, 0xf3, 0xbe, 0x3e, 0x3e, 0x9b, 0x1f, 0xc3, 0x76, 0x99, 0x7c, 0x74, 0x3d, 0xbc,
	0xda, 0x04, 0x4e, 0x3e, 0x57, 0xc4, 0x49, 0xa7, 0x35, 0x05, 0x85, 0xf9, 0x94, 0xf9,
	0x84, 0x3d, 0xb6, 0x8e};

enum form { AES_ECB, AES_CBC, SM4, WRAPPED_SM2, WRAPPED_RSA, HALF, FORMS };
enum { HALF_MAX = 600 /* larger groups take longer than all the rest */ };

static void check_message(enum hlv_cipher cipher, struct hlv_bytes key, int version,
			  struct hlv_bytes in)
{
	struct hlv_writer plain = fuzz_writer(), again = fuzz_writer(), sealed = fuzz_writer();
	enum hlv_err err = hlv_decrypt(cipher, key, version, in, &plain);
	if (err == HLV_OK) {
		hlv_require(hlv_encrypt(cipher, key, version, in.p, hlv_written(&plain),
					&again) == HLV_OK);
		hlv_require(hlv_eq(hlv_written(&again), in));
	} else {
		hlv_require(err == HLV_E_MALFORMED && plain.n == 0 && !plain.bad);
	}
	plain = again = fuzz_writer();
	hlv_require(hlv_encrypt(cipher, key, version, NULL, in, &sealed) == HLV_OK);
	hlv_require(sealed.n <= in.n + HLV_CIPHER_OVERHEAD);
	hlv_require(hlv_decrypt(cipher, key, version, hlv_written(&sealed), &plain) == HLV_OK);
	hlv_require(hlv_eq(hlv_written(&plain), in));
}

static void check_wrapped(const struct hlv_key *own, struct hlv_bytes in)
{
	struct hlv_writer key = fuzz_writer(), wrapped = fuzz_writer(), again = fuzz_writer();
	enum hlv_cipher cipher = HLV_CIPHER_NONE, same;
	enum hlv_err err = hlv_key_unwrap(own, in, &cipher, &key);
	if (err != HLV_OK) {
		hlv_require(err == HLV_E_KEY && key.n == 0 && cipher == HLV_CIPHER_NONE);
		return;
	}
	hlv_require(key.n >= 16 && key.n <= HLV_SESSION_KEY_MAX);
	hlv_require(hlv_key_wrap(own, cipher, hlv_written(&key), &wrapped) == HLV_OK);
	hlv_require(hlv_key_unwrap(own, hlv_written(&wrapped), &same, &again) == HLV_OK);
	hlv_require(same == cipher && hlv_eq(hlv_written(&key), hlv_written(&again)));
}

static void check_half(struct hlv_bytes in)
{
	struct hlv_writer own = fuzz_writer(), session = fuzz_writer();
	struct hlv_key *peer, *ours;
	if (in.n > HALF_MAX || hlv_pubkey_decode(in, &peer) != HLV_OK)
		return;
	enum hlv_err err = hlv_dh_agree(peer, HLV_CIPHER_AES, &own, &session);
	if (err == HLV_OK) {
		hlv_require(session.n >= 16 && session.n <= 32);
		hlv_require(hlv_pubkey_decode(hlv_written(&own), &ours) == HLV_OK);
		hlv_require(hlv_key_kind(ours) == HLV_KEY_DH);
		hlv_key_free(ours);
	} else {
		hlv_require(err == HLV_E_KEY && own.n == 0 && session.n == 0);
	}
	hlv_key_free(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct hlv_key *sm2, *rsa;
	if (!sm2) {
		struct hlv_bytes own = hlv_bytes(sm2_own, sizeof sm2_own);
		hlv_require(hlv_privkey_decode(own, &sm2) == HLV_OK);
		hlv_require(hlv_key_generate(HLV_KEY_RSA, &rsa) == HLV_OK);
	}
	if (n == 0 || n > HLV_MESSAGE_MAX)
		return 0;
	struct hlv_bytes in = fuzz_copy(fuzz_arena(), hlv_skip(hlv_bytes(data, n), 1));
	struct hlv_bytes aes = hlv_bytes(aes_key, sizeof aes_key);
	switch ((enum form)(data[0] % FORMS)) {
	case AES_ECB:
		check_message(HLV_CIPHER_AES, aes, HLV_V(2, 3), in);
		break;
	case AES_CBC:
		check_message(HLV_CIPHER_AES, aes, HLV_V(2, 11), in);
		break;
	case SM4:
		check_message(HLV_CIPHER_SM4, hlv_bytes(sm4_key, sizeof sm4_key), HLV_V(2, 10),
			      in);
		break;
	case WRAPPED_SM2:
		check_wrapped(sm2, in);
		break;
	case WRAPPED_RSA:
		check_wrapped(rsa, in);
		break;
	case HALF:
		check_half(in);
		break;
	case FORMS:
		break;
	}
	return 0;
}
