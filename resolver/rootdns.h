/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps the recursor told of where the root is, out of DNS (finder.h): a thread of its own looks
 * when the records' life is over, so that nobody who answers ever waits for DNS. What was
 * found last is on disk; while DNS is silent, says nothing or is not to be believed, it holds.
 */
#pragma once
#include "resolver/recursor.h"

struct rootdns_options {
	const char *domain;		   /* all copied but the recursor */
	const struct hlv_addrs *servers;   /* none: those of /etc/resolv.conf */
	const struct hlv_strings *anchors; /* DS, DNSKEY */
	const char *path;		   /* of what is kept */
	struct recursor *recursor;
};

struct rootdns;
/* Tells the recursor what the file knows, and begins to look. NULL: the system has no more. */
struct rootdns *rootdns_start(const struct rootdns_options *o);
/* Is any place known? Else wait until the first look is over, `ms` milliseconds at most. */
void rootdns_wait(struct rootdns *r, uint32_t ms);
/* Is no place known, not even a kept one? Then `room` says why. */
bool rootdns_is_lost(struct rootdns *r, char room[256]);
/* Look at once. */
void rootdns_look_again(struct rootdns *r);
/* {"domain":"...","proof":"secure","servers":["192.0.2.1:2641"],"looked":"...","why":"..."} */
void rootdns_put_status(struct rootdns *r, struct hlv_buf *json);
void rootdns_stop(struct rootdns *r); /* NULL is fine */
