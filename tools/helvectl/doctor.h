/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings of helvectl doctor, and those of its checks that ask over the network.
 */
#pragma once
#include "proto/net/client.h"
#include "tools/helvectl/node.h"

enum verdict { DOCTOR_OK, DOCTOR_WARNING, DOCTOR_WRONG, DOCTOR_VERDICTS };
enum { DOCTOR_PREFIXES = 8 };

struct doctor {
	struct ctl *ctl;
	unsigned count[DOCTOR_VERDICTS], said;
	struct hlv_buf site_octets;
	struct hlv_site site; /* of site.bin, with has_site */
	bool has_site, runs;
	uint64_t last_change_ms;
	char prefixes[DOCTOR_PREFIXES][NODE_NAME_MAX]; /* the first that are homed here */
	size_t nprefixes;
};
void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *format,
		...) __attribute__((format(printf, 4, 5)));

/* Does what the site record names answer, and with this very record? */
void doctor_check_ports(struct doctor *d);
/* One question, its answer decoded; it borrows from `raw`. */
struct doctor_reply {
	struct hlv_buf raw;
	struct hlv_message m;
	struct hlv_response rs;
};
enum hlv_err doctor_ask(const struct hlv_addr *addr, enum hlv_transport transport,
			struct hlv_request *rq, struct doctor_reply *reply);
/* The first TCP interface of a site that takes questions. */
bool doctor_address_of(const struct hlv_site *site, struct hlv_addr *addr);
/* Of a site with several servers: are there records here that are another's? */
void doctor_check_placement(struct doctor *d);
/* Do the sites to which prefixes are delegated here answer, with the record that we show? */
void doctor_check_delegations(struct doctor *d);
/* Does the parent, if parent.json names one, delegate our prefixes to this site? And what does its
 * clock say? */
void doctor_check_parent(struct doctor *d);
