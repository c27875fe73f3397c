/* SPDX-License-Identifier: Apache-2.0
 *
 * A parsed JSON text as a tree that lives in an arena, read through a few questions; json.c
 * behind it is the only door to cJSON. Complaints are lines for people that name the field. For
 * records and sites use json.h; this is for those who read other objects.
 */
#pragma once
#include "proto/net/json.h"

struct hlv_json_node;

enum hlv_json_kind {
	HLV_JSON_ABSENT, /* no such member */
	HLV_JSON_NULL,
	HLV_JSON_BOOL,
	HLV_JSON_NUMBER,
	HLV_JSON_STRING,
	HLV_JSON_ARRAY,
	HLV_JSON_OBJECT,
};

struct hlv_json {
	struct hlv_arena *a;
	struct hlv_json_error *error;
	struct hlv_bytes text;
	struct hlv_json_node *root;
	bool spelled;  /* numbers carry their spelling */
	char path[32]; /* what complaints begin with: "values[3]." or empty */
};

/* Parse one text behind the limits of json_scan.h; a key that stands twice in an object is
 * refused. Everything is in the arena. */
enum hlv_err HLV_MUST_USE hlv_json_read(struct hlv_json *j, struct hlv_bytes text,
					struct hlv_arena *a, struct hlv_json_error *error);
/* HLV_E_MALFORMED with "path field: what" as the error's text. */
enum hlv_err hlv_json_wrong(struct hlv_json *j, const char *field, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

enum hlv_json_kind hlv_json_kind(const struct hlv_json_node *node); /* NULL: absent */
const struct hlv_json_node *hlv_json_member(const struct hlv_json_node *object,
					    const char *name);
/* The name of a member of an object, NUL-terminated. */
struct hlv_bytes hlv_json_name(const struct hlv_json_node *member);
/* Elements of an array or members of an object, in order; NULL at the end, and of NULL. */
const struct hlv_json_node *hlv_json_first(const struct hlv_json_node *node);
const struct hlv_json_node *hlv_json_next(const struct hlv_json_node *node);
uint32_t hlv_json_length(const struct hlv_json_node *node);

/* A string's octets, NUL-terminated; empty for other kinds. */
struct hlv_bytes hlv_json_text(const struct hlv_json_node *node);
/* The text of a string, number or truth value as it was spelled; false for other kinds. */
bool hlv_json_spelling(struct hlv_json *j, const struct hlv_json_node *node,
		       struct hlv_bytes *text);
bool hlv_json_is_true(const struct hlv_json_node *node);
/* A whole number, or its digits as a string (rest-clients.md R9). */
bool hlv_json_integer(const struct hlv_json_node *node, int64_t *out);

/* A member of a kind, or one line about what was expected. `_or`: absent leaves *out alone. */
enum hlv_err HLV_MUST_USE hlv_json_get_integer(struct hlv_json *j,
					       const struct hlv_json_node *object,
					       const char *name, int64_t min, int64_t max,
					       int64_t *out);
enum hlv_err HLV_MUST_USE hlv_json_get_integer_or(struct hlv_json *j,
						  const struct hlv_json_node *object,
						  const char *name, int64_t min, int64_t max,
						  int64_t *out);
enum hlv_err HLV_MUST_USE hlv_json_get_string(struct hlv_json *j,
					      const struct hlv_json_node *object,
					      const char *name, struct hlv_bytes *out);
enum hlv_err HLV_MUST_USE hlv_json_get_string_or(struct hlv_json *j,
						 const struct hlv_json_node *object,
						 const char *name, struct hlv_bytes *out);
enum hlv_err HLV_MUST_USE hlv_json_get_bool_or(struct hlv_json *j,
					       const struct hlv_json_node *object,
					       const char *name, bool *out);
enum hlv_err HLV_MUST_USE hlv_json_get_array(struct hlv_json *j,
					     const struct hlv_json_node *object,
					     const char *name,
					     const struct hlv_json_node **out);
/* A JWK as public key value data (proto/sec/key.h); look at data->bad. */
enum hlv_err HLV_MUST_USE hlv_json_get_key(struct hlv_json *j, const struct hlv_json_node *jwk,
					   struct hlv_writer *data);
/* siteinfo.json's object as a site record's octets; look at site->bad. */
enum hlv_err HLV_MUST_USE hlv_json_get_site(struct hlv_json *j,
					    const struct hlv_json_node *object,
					    struct hlv_writer *site);
/* A value's data in any of its forms: a bare string or number, or {"format":...,"value":...}; look at
 * w->bad. */
enum hlv_err HLV_MUST_USE hlv_json_get_data(struct hlv_json *j,
					    const struct hlv_json_node *data,
					    struct hlv_writer *w);
