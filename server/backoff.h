/* SPDX-License-Identifier: Apache-2.0
 *
 * Wrong answers slow down whoever gives them, and nobody else (threats.md 3): for each identity and
 * source network (IPv4 /24, IPv6 /48) 0.5 s, doubled up to 60 s; never a lock on the identity as
 * such, so administrators elsewhere are not shut out. Ten minutes without another one make it
 * good. A table of fixed size: what is squeezed out of it is forgotten. Owned by one thread.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/net/addr.h"
#include "proto/wire/value.h"

enum {
	BACKOFF_FIRST_MS = 500,
	BACKOFF_MOST_MS = 60000,
	BACKOFF_FORGET_MS = 600000,
};

struct backoff;
/* `secret` keys the hash. NULL without memory. */
struct backoff *backoff_new(uint64_t secret);
void backoff_free(struct backoff *b);
/* 0: go on; else milliseconds that this identity has to wait there. Ask before anything about the
 * identity is looked at: who has to wait learns nothing, be his answer right or wrong. Always 0
 * for the control socket, which has no network. */
uint32_t backoff_wait_ms(const struct backoff *b, const struct hlv_ref *who,
			 const struct hlv_addr *source, struct hlv_now now);
/* A wrong answer; also to a challenge whose identity does not exist. */
void backoff_failed(struct backoff *b, const struct hlv_ref *who, const struct hlv_addr *source,
		    struct hlv_now now);
void backoff_succeeded(struct backoff *b, const struct hlv_ref *who,
		       const struct hlv_addr *source);
