/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference tool's batch files: commands (CREATE, ADD, MODIFY, REMOVE, DELETE,
 * AUTHENTICATE) that are carried out one after the other. Offline there is nobody to
 * authenticate to; what an AUTHENTICATE line names is kept, and a CREATE is refused when the
 * prefix record gives this identity no right to it. Without such a line everything is allowed.
 *
 * Lines that begin with "#!" are ours, other lines with '#' are comments: "#! home 0.NA/P"
 * homes a prefix, "#! empty ID" makes a record without values, "#! time INDEX=SECONDS ..."
 * gives the values of the next CREATE the times that they had. Kinds BASE64 and VALUE (a JSON
 * value) hold what the reference's kinds cannot.
 */
#pragma once
#include "tools/helvectl/registry.h"

struct batch_result {
	uint64_t done, failed;
};

/* A command that failed: the line on which it begins, the identifier, why. */
typedef void batch_failed_fn(void *ctx, uint64_t line, struct hlv_bytes handle,
			     const char *reason);
typedef void batch_progress_fn(void *ctx, uint64_t octets, uint64_t commands);

/* `registry` NULL: the file's form is checked, nothing else. An error is the registry's or the
 * file's (`why`, 256 octets); the result counts what was done before it. */
enum hlv_err HLV_MUST_USE batch_run(const char *path, struct registry *registry,
				    uint64_t now_ms, batch_failed_fn *failed,
				    batch_progress_fn *progress, void *ctx,
				    struct batch_result *result, char *why);

/* One record as commands that make it again. */
struct hlv_buf;
void batch_put_record(struct hlv_buf *b, struct hlv_bytes handle,
		      const struct hlv_list *values);
