/* SPDX-License-Identifier: Apache-2.0
 *
 * Sites as the national SDK wants them (industrial.md 5.3). Asked for a bare prefix and HS_SITE, it
 * takes the first value, connects to its first server with a TCP interface, follows no referral and
 * no HS_SERV, and reads IPv4 addresses as ::ffff:a.b.c.d alone. So it is given sites that are ready to be
 * used, those with TCP first.
 */
#pragma once
#include "proto/wire/site.h"

/* Write the public HS_SITE values among `values`, which were checked, in that form and order;
 * returns how many. */
uint32_t hlv_sdk_put_sites(struct hlv_writer *w, const struct hlv_list *values);
/* Without any: the `nth` service handle (HS_SERV, from 0) that is to be resolved in their place;
 * empty when there are no more. Borrows. */
struct hlv_bytes hlv_sdk_service(const struct hlv_list *values, uint32_t nth);
