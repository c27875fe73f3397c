/* SPDX-License-Identifier: Apache-2.0
 *
 * Time as a value: read once for each batch by the room that owns the clock (proto/net), and
 * handed down. Nothing below proto/net asks for the time.
 */
#pragma once
#include <stdint.h>

typedef uint64_t hlv_mono_ns; /* CLOCK_MONOTONIC, nanoseconds */

struct hlv_now {
	hlv_mono_ns mono_ns; /* for deadlines and ages */
	uint64_t wall_ms;    /* for the wire and the store: milliseconds since 1970 */
};

static inline uint32_t hlv_now_s(struct hlv_now now)
{
	return (uint32_t)(now.wall_ms / 1000);
}
