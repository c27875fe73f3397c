/* SPDX-License-Identifier: Apache-2.0
 *
 * A walk over live records in key order, with their checksums checked.
 */
#pragma once
#include "server/store.h"

/* Return false to stop. */
typedef bool scan_record_fn(void *ctx, const struct hlv_record *rec);
/* `prefix`: "88.118.8" and not what is derived from it; empty: all. */
enum hlv_err HLV_MUST_USE scan_records(struct store *store, struct store_view *view,
				       struct hlv_bytes prefix, scan_record_fn *fn, void *ctx);
/* The homed prefixes, as they are spelled in the registry's keys: "0.NA/88.118". */
typedef bool scan_prefix_fn(void *ctx, struct hlv_bytes handle);
enum hlv_err HLV_MUST_USE scan_prefixes(struct store *store, struct store_view *view,
					scan_prefix_fn *fn, void *ctx);
