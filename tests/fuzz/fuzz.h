/* SPDX-License-Identifier: Apache-2.0
 *
 * The face of every fuzz target: libFuzzer's entry point, and what several of them use. A
 * target is linked with libFuzzer (meson -Dfuzz=true) and, always, with driver.c, which runs
 * its corpus as an ordinary test. A property that does not hold stops the process by
 * hlv_require().
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/err.h"
#include "proto/base/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A cleared arena. */
struct hlv_arena *fuzz_arena(void);
/* A writer with room for two messages; the eighth one after it has the same room. */
struct hlv_writer fuzz_writer(void);
/* A copy of exactly that size, so that a sanitizer sees one octet too far. */
struct hlv_bytes fuzz_copy(struct hlv_arena *a, struct hlv_bytes b);
