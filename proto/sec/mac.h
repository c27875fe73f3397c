/* SPDX-License-Identifier: Apache-2.0
 *
 * Keyed digests by the names that peers give them (protocol.md 5.3, 8.1): the old ones put the
 * key in front of the octets and behind them, the newer ones are HMAC. Which of them is good
 * enough for whom is decided elsewhere.
 */
#pragma once
#include "proto/sec/digest.h"

struct hlv_mac {
	uint8_t octets[HLV_HASH_MAX];
	size_t n;
};

enum hlv_mac_kind {
	HLV_MAC_MD5 = 1,
	HLV_MAC_SHA1 = 2,
	HLV_MAC_SHA256 = 3,
	HLV_MAC_HMAC_SHA1 = 0x12,
	HLV_MAC_HMAC_SHA256 = 0x13,
};

/* One octet (0 means 1), or a name: "MD5", "SHA1", "SHA-1", "SHA-256", "SHA256" as spelled
 * here; HMAC's names in any case and with any punctuation. HLV_E_UNSUPPORTED for others. */
enum hlv_err HLV_MUST_USE hlv_mac_parse(struct hlv_bytes algorithm, enum hlv_mac_kind *kind);
/* The MAC of the `n` spans in a row; at most HLV_MAC_SPANS_MAX. HLV_E_KEY for an empty key. */
enum { HLV_MAC_SPANS_MAX = 6 };
enum hlv_err HLV_MUST_USE hlv_mac(enum hlv_mac_kind kind, struct hlv_bytes key,
				  const struct hlv_bytes *spans, size_t n, struct hlv_mac *mac);
/* Equal? In constant time but for the lengths. */
bool hlv_mac_is(const struct hlv_mac *mac, struct hlv_bytes octets);
