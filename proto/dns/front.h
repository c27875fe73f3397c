/* SPDX-License-Identifier: Apache-2.0
 *
 * The DNS front end of a daemon: what its listeners have in common, and the two ways of hearing
 * (front_udp.c, front_tcp.c), which main() hands to the workers.
 */
#pragma once
#include "proto/dns/options.h"
#include "proto/dns/zones.h"
#include "proto/net/daemon.h"
#include "proto/sec/key.h"

/* Owned by main from start to end; a reload does not change it. */
struct hlv_dns_shared {
	struct hlv_dns_zones zones;
	struct hlv_key *key;   /* NULL: nothing is signed */
	uint64_t secret[2];    /* of cookies and tables */
	uint64_t cache_octets; /* of finished answers: of each listener of each worker */
};

/* From the options, before sockets are bound: what a daemon needs to hear DNS. The DS of each zone is
 * logged. `why`: 512 octets, one line. */
enum hlv_err HLV_MUST_USE hlv_dns_prepare(struct hlv_dns_shared *s, struct dns_options *o,
					  struct hlv_daemon_stream *stream, char *why);
/* Only checked. */
enum hlv_err HLV_MUST_USE hlv_dns_check(const struct dns_options *o, char *why);
void hlv_dns_shared_fini(struct hlv_dns_shared *s);

extern const struct hlv_datagrams hlv_dns_datagrams;
extern const struct conn_speech hlv_dns_speech;
