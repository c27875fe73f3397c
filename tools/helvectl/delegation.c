/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/delegation.h"

static const struct {
	const char *type;
	enum delegation_role role;
} types[] = {
	{"HS_SITE", ROLE_ITEMS},	   {"HS_SITE.6", ROLE_ITEMS},
	{"HS_SERV", ROLE_ITEMS},	   {"HS_SITE.PREFIX", ROLE_PREFIXES},
	{"HS_NA_DELEGATE", ROLE_PREFIXES}, {"HS_SERV.PREFIX", ROLE_PREFIXES},
};

bool delegation_type(struct hlv_bytes type, enum delegation_role role)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].role & role && hlv_eq_fold(type, hlv_text(types[i].type)))
			return true;
	return false;
}

/* What is still to be put, and where the next gap is looked for. */
struct placing {
	const struct delegation *d;
	struct node_values *values;
	uint32_t now_s, index;
	size_t n; /* of those that are to be put */
};

static size_t in_role(const struct delegation *d, size_t k, const char *site_type,
		      const char *service_type, const char **type, struct hlv_bytes *data)
{
	if (k < d->nsites) {
		*type = site_type;
		*data = d->sites[k];
		return 1;
	}
	if (k < d->nsites + d->nservices) {
		*type = service_type;
		*data = hlv_text(d->services[k - d->nsites]);
		return 1;
	}
	return 0;
}

/* The k-th value that is wished for: those for items come first. */
static bool wished(const struct delegation *d, size_t k, const char **type,
		   struct hlv_bytes *data)
{
	size_t each = d->nsites + d->nservices;
	if (d->role & ROLE_ITEMS) {
		if (in_role(d, k, "HS_SITE", "HS_SERV", type, data))
			return true;
		k -= each;
	}
	return d->role & ROLE_PREFIXES &&
	       in_role(d, k, "HS_SITE.PREFIX", "HS_SERV.PREFIX", type, data);
}

/* Into the indexes below `limit` that are free. */
static void place(struct placing *p, uint64_t limit)
{
	const char *type;
	struct hlv_bytes data;
	while (p->index < limit && wished(p->d, p->n, &type, &data)) {
		node_values_add(p->values, p->index++, type, HLV_PERM_DEFAULT, data, p->now_s);
		p->n++;
	}
}

void delegation_apply(const struct delegation *d, const struct hlv_list *old, uint32_t now_s,
		      struct node_values *values)
{
	struct placing p = {d, values, now_s, 1, 0};
	struct hlv_reader r = hlv_reader(old->raw);
	node_values_begin(values);
	for (uint32_t i = 0; i < old->n; i++) {
		struct hlv_value v;
		if (hlv_value_decode(&r, &v) != HLV_OK || delegation_type(v.type, d->role))
			continue;
		/* Values stand in ascending order: gaps in front of this one are free. */
		place(&p, v.index);
		if (p.index <= v.index)
			p.index = v.index + 1;
		node_values_copy(values, &v);
	}
	place(&p, UINT64_MAX);
}
