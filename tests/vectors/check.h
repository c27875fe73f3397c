/* SPDX-License-Identifier: Apache-2.0
 *
 * What several topics share: comparing decoded structs with the `decoded` objects of the
 * vectors, and whole messages in both directions. Each function is true when nothing differs
 * and tells the first difference otherwise.
 */
#pragma once
#include "proto/wire/credential.h"
#include "proto/wire/message.h"
#include "proto/wire/site.h"
#include "tests/vectors/vectors.h"

bool check_envelope(const struct vector *v, const struct hlv_envelope *e, const cJSON *want);
/* `want` holds `header` and `flags`; either may be absent. */
bool check_header(const struct vector *v, const struct hlv_header *h, const cJSON *want);
bool check_value(const struct vector *v, const struct hlv_value *value, const cJSON *want);
bool check_values(const struct vector *v, const struct hlv_list *list, const cJSON *want);
/* `want`: an array of {handle, index}. */
bool check_refs(const struct vector *v, const struct hlv_list *list, const cJSON *want);
/* An encoded site record: decode, compare, encode, compare. */
bool check_site(const struct vector *v, struct hlv_bytes data, const cJSON *want);

/* A message with envelope, both directions: decode, compare everything that `want` names,
 * encode from what was decoded, compare the octets. `want` may be NULL. */
bool check_message(const struct vector *v, struct hlv_bytes whole, const cJSON *want);
/* The same for header + body + credential alone, as of `version` ("2.11"). */
bool check_bare_message(const struct vector *v, struct hlv_bytes bare, const char *version,
			const cJSON *want);

/* `bare` behind an envelope of that version, in the vector's arena. */
struct hlv_bytes with_envelope(const struct vector *v, struct hlv_bytes bare,
			       const char *version);
/* What an encoder has written must be `want`. */
bool check_written(const struct vector *v, const char *what, const struct hlv_writer *w,
		   struct hlv_bytes want);
/* "2.11" as HLV_V(2, 11). */
int parse_version(const char *text);
/* A writer with room for any message, in the vector's arena. */
struct hlv_writer message_writer(const struct vector *v);

/* The vector's octets as JSON and back (topic_json.c). */
bool check_value_json(const struct vector *v);
bool check_admin_json(const struct vector *v);
bool check_vlist_json(const struct vector *v);
bool check_site_json(const struct vector *v);
bool check_key_json(const struct vector *v);
