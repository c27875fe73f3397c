/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "resolver/finder_inner.h"

/* RFC 4035 5: from the anchor downwards, one label after the other. At each name the parent says, signed,
 * which keys its child has (DS), that it has none (NSEC, NSEC3), or that there is no zone of its own. */

enum {
	KEYS_MAX = 16, /* of one zone: checks are keys times signatures */
	SIGNATURES_MAX = 8,
	ITERATIONS_MAX = 100, /* of NSEC3 (RFC 9276 3.2); from then on as if unsigned */
};

/* --- anchors --- */

bool look_read_anchors(const struct hlv_strings *texts, ldns_rr_list *out, char *why)
{
	for (size_t i = 0; texts && i < texts->n; i++) {
		ldns_rr *rr = NULL;
		const char *text = texts->list[i];
		ldns_status s = ldns_rr_new_frm_str(&rr, text, 3600, NULL, NULL);
		if (s != LDNS_STATUS_OK) {
			snprintf(why, FINDER_WHY, "dns-anchor: '%.120s': %s", text,
				 ldns_get_errorstr_by_id(s));
			return false;
		}
		ldns_rr_type type = ldns_rr_get_type(rr);
		if (type != LDNS_RR_TYPE_DS && type != LDNS_RR_TYPE_DNSKEY) {
			snprintf(why, FINDER_WHY,
				 "dns-anchor: '%.120s': expected a DS or DNSKEY record", text);
			ldns_rr_free(rr);
			return false;
		}
		ldns_rr_list_push_rr(out, rr);
	}
	return true;
}

/* --- one set of records --- */

static bool is_strong_algorithm(uint8_t algorithm)
{
	switch (algorithm) {
	case LDNS_RSASHA256:
	case LDNS_RSASHA512:
	case LDNS_ECDSAP256SHA256:
	case LDNS_ECDSAP384SHA384:
	case LDNS_ED25519:
	case LDNS_ED448:
		return true;
	}
	return false;
}

static uint8_t algorithm_of(const ldns_rr *ds)
{
	return ldns_rdf2native_int8(ldns_rr_rdf(ds, 1));
}

/* RFC 4035 5.2: a child whose keys are all of kinds that we do not know, or that can be forged. */
static bool is_usable_ds(const ldns_rr *ds)
{
	uint8_t digest = ldns_rdf2native_int8(ldns_rr_rdf(ds, 2));
	return is_strong_algorithm(algorithm_of(ds)) &&
	       (digest == LDNS_SHA256 || digest == LDNS_SHA384);
}

static bool is_usable_key(const ldns_rr *key)
{
	uint16_t flags = ldns_rdf2native_int16(ldns_rr_rdf(key, 0));
	return (flags & LDNS_KEY_ZONE_KEY) && !(flags & LDNS_KEY_REVOKE_KEY) &&
	       is_strong_algorithm(ldns_rdf2native_int8(ldns_rr_rdf(key, 2)));
}

/* The signatures over `type` at `name` that the zone itself could have made. A wild card's has fewer labels
 * than the name: without the proof that there is nothing nearer it says nothing (RFC 4035 5.3.4). */
static ldns_rr_list *signatures(const ldns_rr_list *all, const ldns_rdf *name,
				ldns_rr_type type, const ldns_rdf *zone)
{
	ldns_rr_list *out = ldns_rr_list_new();
	unsigned labels = ldns_dname_label_count(name);
	if (labels > 0 && ldns_dname_is_wildcard(name))
		labels--; /* RFC 4034 3.1.3 */
	for (size_t i = 0; out && all && i < ldns_rr_list_rr_count(all); i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_RRSIG ||
		    ldns_dname_compare(ldns_rr_owner(rr), name) != 0 ||
		    ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)) != type ||
		    ldns_dname_compare(ldns_rr_rrsig_signame(rr), zone) != 0 ||
		    ldns_rdf2native_int8(ldns_rr_rrsig_labels(rr)) != labels)
			continue;
		if (ldns_rr_list_rr_count(out) < SIGNATURES_MAX)
			ldns_rr_list_push_rr(out, rr); /* still the packet's */
	}
	return out;
}

static ldns_rr_list *records(const ldns_rr_list *all, const ldns_rdf *name, ldns_rr_type type)
{
	ldns_rr_list *out = ldns_rr_list_new();
	for (size_t i = 0; out && all && i < ldns_rr_list_rr_count(all); i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		if (ldns_rr_get_type(rr) == type &&
		    ldns_dname_compare(ldns_rr_owner(rr), name) == 0)
			ldns_rr_list_push_rr(out, rr);
	}
	return out;
}

static bool is_signed(struct look *l, const ldns_rr_list *section, const ldns_rdf *name,
		      ldns_rr_type type, const ldns_rdf *zone, const ldns_rr_list *keys)
{
	ldns_rr_list *set = records(section, name, type);
	ldns_rr_list *by = signatures(section, name, type, zone);
	bool good = set && by && ldns_rr_list_rr_count(set) > 0 &&
		    ldns_rr_list_rr_count(by) > 0 &&
		    ldns_verify_time(set, by, keys, (time_t)l->now_s, NULL) == LDNS_STATUS_OK;
	ldns_rr_list_free(set);
	ldns_rr_list_free(by);
	return good;
}

/* --- zones --- */

static struct cut *new_cut(struct look *l, const ldns_rdf *name, enum standing standing)
{
	if (l->ncuts == CUTS_MAX)
		return NULL;
	struct cut *c = &l->cuts[l->ncuts];
	*c = (struct cut){.name = ldns_rdf_clone(name), .standing = standing};
	if (!c->name)
		return NULL;
	l->ncuts++;
	return c;
}

static bool vouches(const ldns_rr *anchor, const ldns_rr *key)
{
	if (ldns_rr_get_type(anchor) == LDNS_RR_TYPE_DNSKEY)
		return ldns_rr_compare(anchor, key) == 0;
	return is_usable_ds(anchor) && ldns_rr_compare_ds(key, anchor);
}

/* Its keys, signed by one that `by` (DS, or an anchor) names. */
static struct cut *enter(struct look *l, const ldns_rdf *name, const ldns_rr_list *by)
{
	char text[256];
	struct cut *c = new_cut(l, name, STANDS_BOGUS);
	ldns_pkt *p = c ? look_ask(l, name, LDNS_RR_TYPE_DNSKEY) : NULL;
	if (!p) {
		if (c)
			c->standing = STANDS_SILENT;
		return c;
	}
	ldns_rr_list *set = records(ldns_pkt_answer(p), name, LDNS_RR_TYPE_DNSKEY);
	ldns_rr_list *named = ldns_rr_list_new();
	c->keys = ldns_rr_list_new();
	for (size_t i = 0; i < ldns_rr_list_rr_count(set) && i < KEYS_MAX; i++) {
		ldns_rr *key = ldns_rr_list_rr(set, i);
		if (!is_usable_key(key))
			continue;
		ldns_rr_list_push_rr(c->keys, ldns_rr_clone(key));
		for (size_t k = 0; k < ldns_rr_list_rr_count(by); k++)
			if (ldns_dname_compare(ldns_rr_owner(ldns_rr_list_rr(by, k)), name) ==
				    0 &&
			    vouches(ldns_rr_list_rr(by, k), key)) {
				ldns_rr_list_push_rr(named, key);
				break;
			}
	}
	if (ldns_rr_list_rr_count(named) > 0 &&
	    is_signed(l, ldns_pkt_answer(p), name, LDNS_RR_TYPE_DNSKEY, name, named))
		c->standing = STANDS_SECURE;
	else
		look_say(l, "the keys of %s are not those that its %s names",
			 look_name(name, text),
			 by == l->anchors ? "dns-anchor" : "parent's DS record");
	ldns_rr_list_free(named);
	ldns_rr_list_free(set);
	ldns_pkt_free(p);
	return c;
}

/* --- what is proven not to be there --- */

enum denial {
	DENIES_NOTHING,
	DENIES_ZONE, /* no zone begins at this name */
	DENIES_KEYS, /* one does, without keys */
};

static enum denial by_types(const ldns_rdf *types)
{
	if (!types || ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_DS) ||
	    ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_SOA))
		return DENIES_NOTHING; /* of the child itself, or a lie */
	return ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_NS) ? DENIES_KEYS : DENIES_ZONE;
}

static enum denial by_nsec(const ldns_rr *nsec, const ldns_rdf *name)
{
	const ldns_rdf *owner = ldns_rr_owner(nsec);
	const ldns_rdf *types = ldns_nsec_get_bitmap(nsec);
	if (ldns_dname_compare(owner, name) == 0)
		return by_types(types);
	/* What stands at a delegation says nothing about what is below it (RFC 6840 4.1). */
	if (ldns_dname_is_subdomain(name, owner) && types &&
	    (ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_DNAME) ||
	     (ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_NS) &&
	      !ldns_nsec_bitmap_covers_type(types, LDNS_RR_TYPE_SOA))))
		return DENIES_NOTHING;
	return ldns_nsec_covers_name(nsec, name) ? DENIES_ZONE : DENIES_NOTHING;
}

static enum denial by_nsec3(const ldns_rr *nsec3, const ldns_rdf *name, const ldns_rdf *zone)
{
	enum denial out = DENIES_NOTHING;
	if (ldns_nsec3_algorithm(nsec3) != LDNS_SHA1)
		return out;
	if (ldns_nsec3_iterations(nsec3) > ITERATIONS_MAX)
		return DENIES_KEYS;
	ldns_rdf *hashed = ldns_nsec3_hash_name_frm_nsec3(nsec3, name);
	if (hashed && ldns_dname_cat(hashed, zone) == LDNS_STATUS_OK) {
		ldns_dname2canonical(hashed);
		if (ldns_dname_compare(ldns_rr_owner(nsec3), hashed) == 0)
			/* No types at all: names below it alone (RFC 5155 7.1). */
			out = ldns_nsec3_bitmap(nsec3) ? by_types(ldns_nsec3_bitmap(nsec3))
						       : DENIES_ZONE;
		else if (ldns_nsec_covers_name(nsec3, hashed))
			out = ldns_nsec3_optout(nsec3) ? DENIES_KEYS : DENIES_ZONE;
	}
	ldns_rdf_deep_free(hashed);
	return out;
}

static enum denial denied(struct look *l, const ldns_pkt *p, const ldns_rdf *name,
			  const struct cut *parent)
{
	const ldns_rr_list *all = ldns_pkt_authority(p);
	enum denial out = DENIES_NOTHING;
	for (size_t i = 0; all && i < ldns_rr_list_rr_count(all) && i < KEYS_MAX; i++) {
		ldns_rr *rr = ldns_rr_list_rr(all, i);
		ldns_rr_type type = ldns_rr_get_type(rr);
		if ((type != LDNS_RR_TYPE_NSEC && type != LDNS_RR_TYPE_NSEC3) ||
		    !is_signed(l, all, ldns_rr_owner(rr), type, parent->name, parent->keys))
			continue;
		ldns_rr2canonical(rr);
		enum denial this = type == LDNS_RR_TYPE_NSEC ? by_nsec(rr, name)
							     : by_nsec3(rr, name, parent->name);
		/* The weaker word of two counts. */
		if (this > out)
			out = this;
	}
	return out;
}

/* --- downwards --- */

/* `name` lies in `parent`, or begins a zone of its own. */
static const struct cut *below(struct look *l, const struct cut *parent, const ldns_rdf *name)
{
	char text[256];
	const struct cut *out = NULL;
	ldns_pkt *p = look_ask(l, name, LDNS_RR_TYPE_DS);
	if (!p)
		return new_cut(l, name, STANDS_SILENT);
	ldns_rr_list *set = records(ldns_pkt_answer(p), name, LDNS_RR_TYPE_DS);
	if (ldns_rr_list_rr_count(set) > 0) {
		bool usable = false;
		for (size_t i = 0; i < ldns_rr_list_rr_count(set); i++)
			usable |= is_usable_ds(ldns_rr_list_rr(set, i));
		if (!is_signed(l, ldns_pkt_answer(p), name, LDNS_RR_TYPE_DS, parent->name,
			       parent->keys)) {
			look_say(l, "the DS record of %s is not signed as it must be",
				 look_name(name, text));
			out = new_cut(l, name, STANDS_BOGUS);
		} else {
			out = usable ? enter(l, name, set) : new_cut(l, name, STANDS_INSECURE);
		}
	} else {
		switch (denied(l, p, name, parent)) {
		case DENIES_ZONE:
			out = parent;
			break;
		case DENIES_KEYS:
			out = new_cut(l, name, STANDS_INSECURE);
			break;
		case DENIES_NOTHING:
			look_say(l, "nothing proves that %s has no keys of its own",
				 look_name(name, text));
			out = new_cut(l, name, STANDS_BOGUS);
			break;
		}
	}
	ldns_rr_list_free(set);
	ldns_pkt_free(p);
	return out;
}

static bool has_anchor(const struct look *l, const ldns_rdf *name)
{
	for (size_t i = 0; i < ldns_rr_list_rr_count(l->anchors); i++)
		if (ldns_dname_compare(ldns_rr_owner(ldns_rr_list_rr(l->anchors, i)), name) ==
		    0)
			return true;
	return false;
}

static const struct cut *known(const struct look *l, const ldns_rdf *name)
{
	for (size_t i = 0; i < l->nnames; i++)
		if (ldns_dname_compare(l->names[i].name, name) == 0)
			return l->names[i].cut;
	return NULL;
}

/* The zone that `name` is in; NULL: too many, or no memory. Depth: labels of a name, 127 at most. */
static const struct cut *zone_of(struct look *l, const ldns_rdf *name)
{
	const struct cut *out = known(l, name);
	if (out)
		return out;
	if (has_anchor(l, name)) {
		out = enter(l, name, l->anchors);
	} else if (ldns_dname_label_count(name) == 0) {
		out = new_cut(l, name, STANDS_INSECURE);
	} else {
		ldns_rdf *up = ldns_dname_left_chop(name);
		const struct cut *parent = up ? zone_of(l, up) : NULL;
		ldns_rdf_deep_free(up);
		out = parent && parent->standing == STANDS_SECURE ? below(l, parent, name)
								  : parent;
	}
	if (out && l->nnames < NAMES_MAX) {
		l->names[l->nnames].name = ldns_rdf_clone(name);
		l->names[l->nnames].cut = out;
		l->nnames += l->names[l->nnames].name != NULL;
	}
	return out;
}

enum standing look_judge(struct look *l, const ldns_pkt *p, const ldns_rdf *name,
			 ldns_rr_type type)
{
	char text[256];
	const struct cut *zone = zone_of(l, name);
	if (!zone) {
		look_say(l, "too many zones above %s", look_name(name, text));
		return STANDS_SILENT;
	}
	if (zone->standing != STANDS_SECURE)
		return zone->standing;
	if (is_signed(l, ldns_pkt_answer(p), name, type, zone->name, zone->keys))
		return STANDS_SECURE;
	look_say(l, "the records of %s are not signed as they must be", look_name(name, text));
	return STANDS_BOGUS;
}

void look_forget(struct look *l)
{
	for (size_t i = 0; i < l->nnames; i++)
		ldns_rdf_deep_free(l->names[i].name);
	for (size_t i = 0; i < l->ncuts; i++) {
		ldns_rdf_deep_free(l->cuts[i].name);
		ldns_rr_list_deep_free(l->cuts[i].keys);
	}
	ldns_rr_list_deep_free(l->anchors);
}
