/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sec/secret.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

enum hlv_err hlv_secret_draw(void *p, size_t n)
{
	return n <= INT_MAX && RAND_bytes(p, (int)n) == 1 ? HLV_OK : HLV_E_CRYPTO;
}

void hlv_wipe(void *p, size_t n)
{
	if (n)
		OPENSSL_cleanse(p, n);
}
