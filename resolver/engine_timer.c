/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/engine_inner.h"

static void put(struct timers *t, uint32_t place, struct timer *timer)
{
	t->heap[place - 1] = timer;
	timer->place = place;
}

static void rise(struct timers *t, uint32_t place, struct timer *timer)
{
	for (; place > 1 && t->heap[place / 2 - 1]->at_ns > timer->at_ns; place /= 2)
		put(t, place, t->heap[place / 2 - 1]);
	put(t, place, timer);
}

static void sink(struct timers *t, uint32_t place, struct timer *timer)
{
	for (uint32_t child; (child = 2 * place) <= t->n; place = child) {
		if (child < t->n && t->heap[child]->at_ns < t->heap[child - 1]->at_ns)
			child++;
		if (t->heap[child - 1]->at_ns >= timer->at_ns)
			break;
		put(t, place, t->heap[child - 1]);
	}
	put(t, place, timer);
}

void timer_clear(struct timers *t, struct timer *timer)
{
	uint32_t place = timer->place;
	if (!place)
		return;
	timer->place = 0;
	struct timer *last = t->heap[--t->n];
	if (last == timer)
		return;
	if (place > 1 && t->heap[place / 2 - 1]->at_ns > last->at_ns)
		rise(t, place, last);
	else
		sink(t, place, last);
}

void timer_set(struct timers *t, struct timer *timer, hlv_mono_ns at_ns)
{
	if (timer->place && timer->at_ns == at_ns)
		return;
	timer_clear(t, timer);
	if (at_ns == UINT64_MAX)
		return;
	hlv_require(t->n < t->cap); /* there is a place for each slot and box */
	timer->at_ns = at_ns;
	rise(t, ++t->n, timer);
}

struct timer *timer_due(struct timers *t, hlv_mono_ns now_ns)
{
	if (t->n == 0 || t->heap[0]->at_ns > now_ns)
		return NULL;
	struct timer *timer = t->heap[0];
	timer_clear(t, timer);
	return timer;
}
