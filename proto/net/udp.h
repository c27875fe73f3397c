/* SPDX-License-Identifier: Apache-2.0
 *
 * UDP in batches: recvmmsg 32, one clock reading and one snapshot for all of them, sendmmsg. Long
 * answers go out in several packets to sources that are known to be real; others get a stub and
 * come by TCP (threats.md 1). Requests in several packets are joined for known sources alone.
 */
#pragma once
#include "proto/net/front.h"

struct hlv_udp;

/* Takes `fd`. NULL without memory. */
struct hlv_udp *hlv_udp_open(struct hlv_front *front, int fd);
/* Nothing more is read. */
void hlv_udp_stop(struct hlv_udp *udp);
/* After mail was opened: what came home goes out. */
void hlv_udp_mail_end(struct hlv_udp *udp);
/* No exchange may be away. */
void hlv_udp_close(struct hlv_udp *udp);
