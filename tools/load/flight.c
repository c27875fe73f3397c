/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/load/flight.h"

#include <stdlib.h>

bool flight_init(struct flight *f, uint32_t room, uint32_t lanes, uint32_t base)
{
	uint32_t size = 1024;
	while (size < room && size < UINT32_C(1) << 28)
		size *= 2;
	*f = (struct flight){
		.ring = calloc(size, sizeof *f->ring),
		.busy = calloc(lanes, sizeof *f->busy),
		.mask = size - 1,
		.base = base,
	};
	return f->ring && f->busy;
}

void flight_fini(struct flight *f)
{
	free(f->ring);
	free(f->busy);
	*f = (struct flight){0};
}

void flight_end(struct flight *f, struct shot *shot)
{
	shot->open = false;
	f->busy[shot->lane]--;
	f->open--;
}

static void give_up(struct flight *f, struct shot *shot)
{
	if (!shot->open)
		return;
	flight_end(f, shot);
	f->lost++;
}

struct shot *flight_begin(struct flight *f, uint16_t lane, uint32_t *id)
{
	if (f->head - f->tail > f->mask)
		give_up(f, &f->ring[f->tail++ & f->mask]);
	struct shot *shot = &f->ring[f->head & f->mask];
	*id = f->base + f->head++;
	*shot = (struct shot){.lane = lane, .open = true};
	f->busy[lane]++;
	f->open++;
	return shot;
}

void flight_undo(struct flight *f)
{
	flight_end(f, &f->ring[--f->head & f->mask]);
}

struct shot *flight_find(struct flight *f, uint32_t id)
{
	uint32_t n = id - f->base;
	if (n - f->tail >= f->head - f->tail)
		return NULL;
	struct shot *shot = &f->ring[n & f->mask];
	return shot->open ? shot : NULL;
}

void flight_expire(struct flight *f, uint64_t sent_ns)
{
	for (; f->tail != f->head; f->tail++) {
		struct shot *shot = &f->ring[f->tail & f->mask];
		if (shot->open && shot->sent_ns >= sent_ns)
			return;
		give_up(f, shot);
	}
}

void flight_drop_lane(struct flight *f, uint16_t lane)
{
	for (uint32_t i = f->tail; i != f->head && f->busy[lane] > 0; i++)
		if (f->ring[i & f->mask].lane == lane)
			give_up(f, &f->ring[i & f->mask]);
}
