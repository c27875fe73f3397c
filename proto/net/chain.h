/* SPDX-License-Identifier: Apache-2.0
 *
 * One step of the way from the root to a record, as JSON, the same from both daemons: which prefix, the
 * servers that its parent names, and how that is known (docs/metrics.md, "The chain of trust").
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/wire/value.h"

struct hlv_chain_step {
	struct hlv_bytes prefix; /* "88.118"; the root's is "0.NA" */
	struct hlv_list sites;	 /* arrays: site records */
	struct hlv_bytes
		service;       /* of a service handle, which the sites are those of; or empty */
	const char *signature; /* "verified", "unsigned", "unknown", "failed: why" */
	struct hlv_bytes by;   /* whose word it is */
	uint32_t left_s;       /* of its life; UINT32_MAX: not known to end */
};

/* `first`: no comma in front. */
void hlv_chain_put(struct hlv_buf *json, const struct hlv_chain_step *step, bool first);
