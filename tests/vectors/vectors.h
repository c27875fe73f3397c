/* SPDX-License-Identifier: Apache-2.0
 *
 * Golden vectors: octets and meanings that an independent implementation made, one JSON file a
 * topic. Each entry of each file goes to the checker of its topic, which decodes, compares
 * every field, encodes, and compares every octet. This header is also the one door to cJSON in
 * the tests: checkers read `decoded` with the small js_ functions below.
 */
#pragma once
#include <cjson/cJSON.h>

#include "proto/base/arena.h"
#include "proto/base/bytes.h"

struct vector {
	const char *topic;	 /* the file's name without .json */
	const char *name;	 /* unique within the topic */
	const char *description; /* what the entry shows; never NULL */
	struct hlv_bytes hex;	 /* the octets; empty when the entry has none */
	const cJSON *decoded;	 /* what they mean; may be NULL */
	const cJSON *entry;	 /* the whole entry, for fields beside these */
	struct hlv_arena *arena; /* reset after each entry */
	char *why;		 /* the first difference, set by the functions below */
};

/* One checker a topic: true when nothing differs. X(topic); the function is topic_NAME() and is
 * weak, so that a build without its file still links (its topic fails as "no checker"). */
#define TOPICS(X)                                                                              \
	X(admin_records)                                                                       \
	X(auth_challenge)                                                                      \
	X(config_files)                                                                        \
	X(credentials_mac)                                                                     \
	X(credentials_signed)                                                                  \
	X(dns)                                                                                 \
	X(envelopes)                                                                           \
	X(error_responses)                                                                     \
	X(handle_values)                                                                       \
	X(hashing)                                                                             \
	X(headers)                                                                             \
	X(http_live)                                                                           \
	X(identifiers)                                                                         \
	X(json_api)                                                                            \
	X(live_exchanges)                                                                      \
	X(malformed)                                                                           \
	X(messages)                                                                            \
	X(permissions)                                                                         \
	X(private_keys)                                                                        \
	X(public_keys)                                                                         \
	X(replication)                                                                         \
	X(requests)                                                                            \
	X(responses)                                                                           \
	X(sessions)                                                                            \
	X(site_info)                                                                           \
	X(trust)                                                                               \
	X(ttl_expiry)                                                                          \
	X(type_matching)                                                                       \
	X(vlists)

#define X(topic) bool topic_##topic(const struct vector *v) __attribute__((weak));
TOPICS(X)
#undef X

/* Tell the difference; the first one stays. Always false: `return vector_differs(v, ...)`. */
bool vector_differs(const struct vector *v, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Compare, and tell a difference under the name `what`. */
bool vector_u64(const struct vector *v, const char *what, uint64_t got, uint64_t want);
bool vector_bool(const struct vector *v, const char *what, bool got, bool want);
bool vector_bytes(const struct vector *v, const char *what, struct hlv_bytes got,
		  struct hlv_bytes want);

/* A member by its path ("request.envelope.major", "values.0.index"); NULL when absent. */
const cJSON *js_get(const cJSON *from, const char *path);
/* The member's meaning; `js_u64` takes numbers and decimal strings. Absent gives 0, false,
 * empty. */
uint64_t js_u64(const cJSON *from, const char *path);
bool js_bool(const cJSON *from, const char *path);
const char *js_str(const cJSON *from, const char *path); /* NULL when absent or no string */
struct hlv_bytes js_text(const cJSON *from, const char *path);
/* A member that holds hex digits, as octets in the vector's arena. */
struct hlv_bytes js_hex(const struct vector *v, const cJSON *from, const char *path);
bool js_has(const cJSON *from, const char *path); /* present and not null */
