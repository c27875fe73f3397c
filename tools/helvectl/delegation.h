/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a prefix is served, as its record says it: sites and service handles, for its identifiers and
 * for the prefixes that are derived from it (protocol.md 6.2, 11.2). Pure: a record's values and a wish
 * give the values that it should have.
 */
#pragma once
#include "proto/wire/record.h"
#include "tools/helvectl/node.h"

enum { DELEGATION_MAX = 16 /* sites, and service handles */ };

/* Which of the two roles are meant. */
enum delegation_role { ROLE_ITEMS = 1, ROLE_PREFIXES = 2, ROLE_BOTH = 3 };

struct delegation {
	enum delegation_role role;
	struct hlv_bytes sites[DELEGATION_MAX]; /* site records */
	size_t nsites;
	const char *services[DELEGATION_MAX]; /* identifiers whose records hold sites */
	size_t nservices;
	bool remove; /* neither: what is there goes */
};

/* Does a value of this type say where a prefix is served, in (one of) these roles? */
bool delegation_type(struct hlv_bytes type, enum delegation_role role);

/* The values that the record of the prefix should have: what is there and says nothing about these
 * roles stays, the rest is as wished, under the lowest indexes that are free. `old`: ascending. */
void delegation_apply(const struct delegation *d, const struct hlv_list *old, uint32_t now_s,
		      struct node_values *values);
