/* SPDX-License-Identifier: Apache-2.0
 *
 * The findings of helvectl doctor, and those of its checks that ask over the network.
 */
#pragma once
#include "proto/wire/site.h"
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
/* Does the parent, if parent.json names one, delegate our prefixes to this site? And what does its
 * clock say? */
void doctor_check_parent(struct doctor *d);
