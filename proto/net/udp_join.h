/* SPDX-License-Identifier: Apache-2.0
 *
 * Requests that come in several datagrams (protocol.md 10.1), joined for sources whose address is
 * known to be real, and for nobody else: 16 KiB each, 8 per source, 64 in all of a worker, two
 * seconds. No thread and no timer: a full table drops its oldest (threats.md 1).
 */
#pragma once
#include "proto/net/service.h"

struct hlv_udp_join;

struct hlv_udp_join *hlv_udp_join_new(void); /* NULL without memory */
void hlv_udp_join_free(struct hlv_udp_join *j);

/* Is this packet a part of a longer message? The length decides, not the T flag. */
bool hlv_udp_is_part(struct hlv_bytes packet);
/* The whole message once its last part has come, good until the next call; else empty. */
struct hlv_bytes hlv_udp_join(struct hlv_udp_join *j, struct hlv_bytes packet,
			      const struct hlv_peer *peer, struct hlv_now now);
