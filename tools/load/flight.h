/* SPDX-License-Identifier: Apache-2.0
 *
 * The questions that are under way: a ring in the order of sending, which is also the order in
 * which they are given up. A request id is a place in the ring plus a random base, so that an
 * answer finds its question without a search and strays from an earlier run find none.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shot {
	uint64_t due_ns;  /* when it should have been sent: what latency is counted from */
	uint64_t sent_ns; /* when it was: what patience is counted from */
	uint32_t name;	  /* which was asked for */
	uint16_t lane;	  /* socket or connection */
	uint16_t missing; /* packets of the answer that are still to come; 0 before the first */
	bool open;
};

struct flight {
	struct shot *ring;
	uint32_t mask;
	uint32_t base;	     /* request id of the first question */
	uint32_t head, tail; /* numbers of the next and of the oldest question; they wrap */
	uint32_t *busy;	     /* open questions for each lane */
	uint32_t open;	     /* in all */
	uint64_t lost;
};

/* `room` is rounded up to a power of two. */
bool flight_init(struct flight *f, uint32_t room, uint32_t lanes, uint32_t base);
void flight_fini(struct flight *f);

/* A question goes out: fill in the shot, its request id comes back in *id. When the ring is
 * full the oldest question is given up. */
struct shot *flight_begin(struct flight *f, uint16_t lane, uint32_t *id);
/* The last question that began did not go out after all. */
void flight_undo(struct flight *f);
/* The open question with this request id, or NULL. */
struct shot *flight_find(struct flight *f, uint32_t id);
void flight_end(struct flight *f, struct shot *shot);
/* Give up what was sent before `sent_ns`. */
void flight_expire(struct flight *f, uint64_t sent_ns);
/* Give up all that a lane has under way. */
void flight_drop_lane(struct flight *f, uint16_t lane);
