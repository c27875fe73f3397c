/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "proto/wire/codes.h"

enum { ROOM = 2 * HLV_MESSAGE_MAX, WRITERS = 8, LIMIT = 64 << 20 };

struct hlv_arena *fuzz_arena(void)
{
	static struct hlv_arena a;
	if (a.limit == 0)
		hlv_arena_init(&a, LIMIT);
	hlv_arena_reset(&a);
	return &a;
}

struct hlv_writer fuzz_writer(void)
{
	static uint8_t rooms[WRITERS][ROOM];
	static unsigned next;
	return hlv_writer(rooms[next++ % WRITERS], ROOM);
}

struct hlv_bytes fuzz_copy(struct hlv_arena *a, struct hlv_bytes b)
{
	return hlv_arena_copy(a, b);
}
