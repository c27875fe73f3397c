/* SPDX-License-Identifier: Apache-2.0
 *
 * Records and sites as JSON: the REST API's objects, which are also what dump and load write
 * and read (spec: protocol.md 15.2, rest-clients.md R6-R10). Printing streams into a buffer;
 * parsing uses cJSON behind limits (json_tree.h). UTF-8 is neither escaped nor checked
 * twice.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "proto/base/err.h"
#include "proto/wire/site.h"
#include "proto/wire/value.h"

/* A quoted JSON string; octets that are not UTF-8 become U+FFFD. */
void hlv_json_put_str(struct hlv_buf *b, struct hlv_bytes text);
/* {"index":1,"type":"URL","data":{"format":"string","value":"..."},"ttl":86400,...}: key order,
 * formats and what is left out as the reference (R7, R8). Data that a format cannot hold falls
 * back to base64. */
void hlv_json_put_value(struct hlv_buf *b, const struct hlv_value *v);
/* Its data alone: {"format":"string","value":"..."} */
void hlv_json_put_data(struct hlv_buf *b, const struct hlv_value *v);
/* [ {"handle":"...","index":300}, ... ] */
void hlv_json_put_refs(struct hlv_buf *b, const struct hlv_list *refs);
/* YYYY-MM-DDThh:mm:ssZ, quoted; 2^31 and above is before 1970, as the reference has it. */
void hlv_json_put_time(struct hlv_buf *b, uint32_t seconds);
/* Can the frames of all values be written as JSON and read back the same? */
bool hlv_json_holds(const struct hlv_list *values);
/* [ values ] */
void hlv_json_put_values(struct hlv_buf *b, const struct hlv_list *values);
/* {"handle":"...","values":[...]}, so that parsing gives back the same octets whatever they are: for
 * dumps and backups. A timestamp of zero is shown; values that JSON cannot hold (an unknown TTL
 * type, a type that is not UTF-8) make the whole list
 * {"handle":"...","count":N,"raw":"base64"}. */
void hlv_json_put_record_exact(struct hlv_buf *b, struct hlv_bytes handle,
			       const struct hlv_list *values);
/* siteinfo.json; HLV_E_MALFORMED when `data` is no site record, HLV_E_UNSUPPORTED when it is
 * one that the JSON form cannot hold. */
enum hlv_err HLV_MUST_USE hlv_json_put_site(struct hlv_buf *b, struct hlv_bytes data);

struct hlv_json_error {
	size_t offset;	/* octets into the text, where known */
	char text[200]; /* one line: which field, what is wrong, what is expected */
};

/* One record object (R8 input forms: string, base64, hex, admin, vlist, site, key, a bare
 * string or number; R9 numbers as strings). `values` gets the encoded value list with its
 * count; a value without a timestamp gets `now_s`. The handle is in the arena, empty when there
 * is none: a bare array of values and a single value object are taken too (bodies of PUT). The
 * arena also holds the parser's nodes: some 20 octets for each of the text. Octets of `values`
 * on failure: any. */
enum hlv_err HLV_MUST_USE hlv_json_parse_record(struct hlv_bytes text, uint32_t now_s,
						struct hlv_arena *a, struct hlv_bytes *handle,
						struct hlv_writer *values,
						struct hlv_json_error *error);
/* siteinfo.json -> site record octets. */
enum hlv_err HLV_MUST_USE hlv_json_parse_site(struct hlv_bytes text, struct hlv_writer *site,
					      struct hlv_json_error *error);
/* A JWK (kty RSA, DSA, EC, OKP, SM2) <-> public key value data. */
enum hlv_err HLV_MUST_USE hlv_json_put_key(struct hlv_buf *b, struct hlv_bytes data);
enum hlv_err HLV_MUST_USE hlv_json_parse_key(struct hlv_bytes text, struct hlv_writer *data,
					     struct hlv_json_error *error);
