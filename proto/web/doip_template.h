/* SPDX-License-Identifier: Apache-2.0
 *
 * Templates of records (industrial.md 3, 9.1): which items a record of one kind has, and what their
 * values look like. Pure: JSON in, verdicts out.
 */
#pragma once
#include "proto/net/json_tree.h"

enum {
	DOIP_ITEMS_MAX = 256,
	DOIP_INDEX_MIN = 2000, /* of items */
	DOIP_TEXT_MAX = 4000,  /* characters of a text */
	DOIP_DIGITS_MAX = 38,  /* of a number */
	DOIP_WHY = 256,
};

enum doip_code {
	DOIP_OK = 1,
	DOIP_NOT_ALLOWED = 103,
	DOIP_NOT_FOUND = 104,
	DOIP_EXISTS = 105,
	DOIP_BAD_PARAMETER = 106,
	DOIP_DECLINED = 200,
	DOIP_AUTH_FAILED = 401,
	DOIP_NO_READ = 403,
	DOIP_NO_SUCH_OPERATION = 404,
	DOIP_UNSUPPORTED = 405,
	DOIP_NO_WRITE = 406,
	DOIP_FAILED = 500,
	DOIP_NOT_PUBLISHED = 600,
	DOIP_BAD_ITEM = 601,
	DOIP_ITEM_DISABLED = 602,
	DOIP_NO_SUCH_ITEM = 603,
	DOIP_NO_TEMPLATE = 604,
	DOIP_NO_TEMPLATE_RIGHT = 605,
	DOIP_UPDATE_ERROR = 609,
	DOIP_NO_DELETE = 700,
	DOIP_NOT_YOURS = 701,
	DOIP_VERSION_MISMATCH = 702,
	DOIP_FORM_BASIC = 807, /* the five of 9.1, "template form errors": ours to tell apart */
	DOIP_FORM_ITEMS = 808,
	DOIP_FORM_INDEX = 809,
	DOIP_FORM_SCHEMA = 810,
	DOIP_FORM_LISTS = 811,
	DOIP_MALFORMED_ID = 40508,
};

enum doip_type { DOIP_TEXT = 1, DOIP_NUMBER = 2, DOIP_DATE = 3 };

struct doip_item {
	struct hlv_bytes name; /* NUL-terminated, as all texts of a JSON tree */
	uint32_t index;
	enum doip_type type;
	int64_t min_length, max_length; /* characters; digits of a number */
	int64_t accuracy;		/* digits behind the point; -1: any */
	bool has_low, has_high;
	struct hlv_bytes low, high;	   /* spelled */
	const struct hlv_json_node *words; /* the texts that are allowed; NULL: any */
	struct hlv_bytes date_format;	   /* "yyyy-MM-dd HH:mm:ss" */
	bool disabled, required;
};

struct doip_template {
	struct hlv_bytes version;
	struct doip_item *items; /* in the arena */
	size_t n;
};

/* DOIP_OK, or the code and `why` (DOIP_WHY octets). */
enum doip_code doip_template_read(struct hlv_json *j, const struct hlv_json_node *content,
				  struct doip_template *out, char *why);
const struct doip_item *doip_template_item(const struct doip_template *t,
					   struct hlv_bytes name);
/* Is `text` a value of the item? */
enum doip_code doip_item_check(const struct doip_item *item, struct hlv_bytes text, char *why);
/* The values of `content` against the template: each item known, enabled and good; with `whole` all
 * required ones there. */
enum doip_code doip_template_check(struct hlv_json *j, const struct doip_template *t,
				   const struct hlv_json_node *content, bool whole, char *why);
