/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/net/meter.h"

#include <stdbool.h>

unsigned hlv_op_slot_of(uint32_t op)
{
	switch (op) {
#define X(name, number, text, shape)                                                           \
	case (number):                                                                         \
		return SLOT_##name;
		HLV_OPS(X)
#undef X
	}
	return HLV_OP_SLOTS;
}

unsigned hlv_rc_slot_of(uint32_t rc)
{
	switch (rc) {
#define X(name, number, text)                                                                  \
	case (number):                                                                         \
		return SLOT_##name;
		HLV_RCS(X)
#undef X
	}
	return HLV_RC_SLOTS;
}

const char *hlv_op_slot_name(unsigned slot)
{
	static const char *const names[] = {
#define X(name, number, text, shape) text,
		HLV_OPS(X)
#undef X
	};
	return slot < HLV_OP_SLOTS ? names[slot] : "other";
}

int hlv_rc_slot_code(unsigned slot)
{
	static const int codes[] = {
#define X(name, number, text) number,
		HLV_RCS(X)
#undef X
	};
	return slot < HLV_RC_SLOTS ? codes[slot] : -1;
}

const char *hlv_way_name(enum hlv_way way)
{
	static const char *const names[] = {"udp",   "tcp", "tls",  "http",
					    "https", "dns", "local"};
	return names[way];
}

const char *hlv_took_name(enum hlv_took took)
{
	static const char *const names[] = {"resolve", "change", "http"};
	return names[took];
}

void hlv_meter_batch(struct hlv_meter *m, hlv_mono_ns began, hlv_mono_ns ended, size_t inflight)
{
	for (unsigned i = 0; i < HLV_TOOKS; i++) {
		if (m->waiting[i] == 0)
			continue;
		hlv_histogram_add(&m->took[i], ended - began, m->waiting[i]);
		m->waiting[i] = 0;
	}
	atomic_store_explicit(&m->inflight, inflight, memory_order_relaxed);
}
