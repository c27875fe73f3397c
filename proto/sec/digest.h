/* SPDX-License-Identifier: Apache-2.0
 *
 * Message digests over OpenSSL's EVP, request digests, and the choice of a server in a site
 * (protocol.md 4.0, 6.5).
 */
#pragma once
#include "proto/base/err.h"
#include "proto/wire/message.h"
#include "proto/wire/site.h"

enum hlv_hash { HLV_MD5, HLV_SHA1, HLV_SHA256, HLV_SM3 };
enum { HLV_HASH_MAX = 32 };

/* Octets of the digest. */
size_t hlv_hash_size(enum hlv_hash hash);
/* Digest of the `n` spans in a row into `out`. */
enum hlv_err HLV_MUST_USE hlv_hash_spans(enum hlv_hash hash, const struct hlv_bytes *spans,
					 size_t n, uint8_t out[HLV_HASH_MAX]);
enum hlv_err HLV_MUST_USE hlv_hash(enum hlv_hash hash, struct hlv_bytes b,
				   uint8_t out[HLV_HASH_MAX]);

/* For many digests in a row: what it needs is made once. Heap; one owner. begin, add any number of
 * times, end; what fails on the way is told by end. */
struct hlv_hasher;
enum hlv_err HLV_MUST_USE hlv_hasher_new(enum hlv_hash hash, struct hlv_hasher **hasher);
void hlv_hasher_free(struct hlv_hasher *hasher); /* NULL is fine */
void hlv_hasher_begin(struct hlv_hasher *hasher);
void hlv_hasher_add(struct hlv_hasher *hasher, struct hlv_bytes b);
enum hlv_err HLV_MUST_USE hlv_hasher_end(struct hlv_hasher *hasher, uint8_t out[HLV_HASH_MAX]);

/* The digest of a request for a response of `version` (4.0); d->octets points into `out`. */
enum hlv_err HLV_MUST_USE hlv_request_digest(struct hlv_bytes covered, int version,
					     uint8_t out[HLV_HASH_MAX], struct hlv_digest *d);
/* Does the digest in a response match the request that we sent? */
bool hlv_request_digest_fits(struct hlv_bytes covered, const struct hlv_digest *d);

/* The hash that chooses a server: MD5 of prefix, suffix or all, upper-cased; the last four octets
 * as a signed number, made positive (-2^31 -> 0, decisions.md 11). HLV_E_UNSUPPORTED for an
 * option that does not exist. */
enum hlv_err HLV_MUST_USE hlv_site_hash(struct hlv_bytes id, uint8_t option, uint32_t *hash);
