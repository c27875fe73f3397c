/* SPDX-License-Identifier: Apache-2.0
 *
 * One packet to one address and the packet that answers it, for a thread that may wait and that can be
 * called off: by UDP from a socket of its own, or by TCP with two octets of length in front
 * (RFC 1035 4.2). Which octets are an answer is for the asker to know.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/net/addr.h"

struct hlv_inquiry {
	struct hlv_addr to;
	bool stream;
	uint32_t wait_ms; /* for all of it */
	int off_fd;	  /* readable: called off */
	/* By UDP, what does not fit is not heard: anybody can send there. */
	bool (*fits)(struct hlv_bytes sent, struct hlv_bytes came);
};

/* Appends the answer. HLV_E_TIMEOUT; HLV_E_IO: refused, unreachable, ended; HLV_E_BUSY: called off;
 * HLV_E_LIMIT: longer than 65535 octets; HLV_E_NOMEM. */
enum hlv_err HLV_MUST_USE hlv_inquire(const struct hlv_inquiry *q, struct hlv_bytes octets,
				      struct hlv_buf *answer);
