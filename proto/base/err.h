/* SPDX-License-Identifier: Apache-2.0
 *
 * The one list of what can go wrong on our side. Protocol response codes are another matter
 * (proto/wire/codes.h); one table in server/dispatch.c maps errors to them.
 */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#define HLV_ERRORS(X)                                                                          \
	X(HLV_OK, "no error")                                                                  \
	X(HLV_E_MALFORMED, "malformed data")                                                   \
	X(HLV_E_LIMIT, "over a limit")                                                         \
	X(HLV_E_UNSUPPORTED, "not supported")                                                  \
	X(HLV_E_NOMEM, "out of memory")                                                        \
	X(HLV_E_NOT_FOUND, "not found")                                                        \
	X(HLV_E_EXISTS, "exists already")                                                      \
	X(HLV_E_CONFLICT, "record changed meanwhile")                                          \
	X(HLV_E_CORRUPT, "stored data fails its checksum")                                     \
	X(HLV_E_NEWER, "made by a newer version")                                              \
	X(HLV_E_BUSY, "in use by another process")                                             \
	X(HLV_E_FULL, "no space left")                                                         \
	X(HLV_E_IO, "input/output error")                                                      \
	X(HLV_E_PERMISSION, "permission denied")                                               \
	X(HLV_E_KEY, "unusable key")                                                           \
	X(HLV_E_PASSPHRASE, "wrong or missing passphrase")                                     \
	X(HLV_E_SIGNATURE, "signature does not verify")                                        \
	X(HLV_E_CRYPTO, "cryptographic library failed")                                        \
	X(HLV_E_TIMEOUT, "no reply in time")                                                   \
	X(HLV_E_USAGE, "wrong usage")

enum hlv_err {
#define X(name, text) name,
	HLV_ERRORS(X)
#undef X
};

#define HLV_MUST_USE __attribute__((warn_unused_result))

/* A short English text, never NULL, never freed. */
const char *hlv_strerror(enum hlv_err err);

/* Return on failure; only where the function owns nothing. */
#define HLV_TRY(expr)                                                                          \
	do {                                                                                   \
		enum hlv_err hlv_try_ = (expr);                                                \
		if (hlv_try_ != HLV_OK)                                                        \
			return hlv_try_;                                                       \
	} while (0)

/* A broken invariant behind which a wrong answer would be signed or stored: stop, always. */
#define hlv_require(cond)                                                                      \
	do {                                                                                   \
		if (!(cond)) {                                                                 \
			fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__,   \
				#cond);                                                        \
			abort();                                                               \
		}                                                                              \
	} while (0)
