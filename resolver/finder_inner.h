/* SPDX-License-Identifier: Apache-2.0
 *
 * One look, shared by the files of the finder: what was asked, and what is known about the zones
 * on the way (finder_trust.c).
 */
#pragma once
#include <ldns/ldns.h>

#include "resolver/finder.h"

enum { CUTS_MAX = 32, NAMES_MAX = 64 };

enum standing {
	STANDS_SECURE,
	STANDS_INSECURE, /* no anchor above it, or proven to be delegated without keys */
	STANDS_BOGUS,
	STANDS_SILENT, /* nobody could be asked */
};

/* A zone. */
struct cut {
	ldns_rdf *name;
	ldns_rr_list *keys; /* its own, believed: STANDS_SECURE */
	enum standing standing;
};

struct look {
	const struct finder *f;
	int64_t now_s;
	unsigned asked;
	uint32_t ttl_s; /* the shortest so far */
	char *why;
	ldns_rr_list *anchors;
	struct cut cuts[CUTS_MAX];
	size_t ncuts;
	struct {
		ldns_rdf *name;
		const struct cut *cut;
	} names[NAMES_MAX]; /* whose zone is known */
	size_t nnames;
};

void look_say(struct look *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* NULL: no answer, and look_say() has been called. To be freed by ldns_pkt_free(). */
ldns_pkt *look_ask(struct look *l, const ldns_rdf *name, ldns_rr_type type);
/* "_hdl._udp.example." for people. */
const char *look_name(const ldns_rdf *name, char out[256]);
/* How the set of records of that name and type in `p` is known. */
enum standing look_judge(struct look *l, const ldns_pkt *p, const ldns_rdf *name,
			 ldns_rr_type type);
bool look_read_anchors(const struct hlv_strings *texts, ldns_rr_list *out, char *why);
void look_forget(struct look *l);
