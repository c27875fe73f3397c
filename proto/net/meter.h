/* SPDX-License-Identifier: Apache-2.0
 *
 * What a worker counts of what it answered: requests by way, operation and response code, and how
 * long they took. Written by the worker alone, read relaxed by whoever prints it (metrics.h).
 *
 * On the path of a question this is an addition in an array whose line is warm, and one in another.
 * Time is measured for each batch and not for each question: from the reading of the clock with which
 * the batch began (behind recvmmsg) to one when its answers are with the system (behind sendmmsg);
 * all its questions are given that time, which is what the last of them waited. What was given away
 * (to the registrar, to the recursor) is measured for itself, from its batch's beginning to its way
 * home.
 */
#pragma once
#include "proto/base/now.h"
#include "proto/net/histogram.h"
#include "proto/wire/codes.h"

enum hlv_way {
	HLV_WAY_UDP,
	HLV_WAY_TCP,
	HLV_WAY_TLS,
	HLV_WAY_HTTP,
	HLV_WAY_HTTPS,
	HLV_WAY_DNS,
	HLV_WAY_LOCAL, /* the control socket */
	HLV_WAYS,
};

enum hlv_took {
	HLV_TOOK_RESOLVE, /* questions: resolution, site information */
	HLV_TOOK_CHANGE,  /* everything else of the native protocol, logins too */
	HLV_TOOK_HTTP,	  /* a whole request of HTTP, whatever it asked for */
	HLV_TOOKS,
};

/* Places in the arrays, in the order of the lists in codes.h; the last is for all others. */
enum {
#define X(name, number, text, shape) SLOT_##name,
	HLV_OPS(X)
#undef X
		HLV_OP_SLOTS,
};
enum {
#define X(name, number, text) SLOT_##name,
	HLV_RCS(X)
#undef X
		HLV_RC_SLOTS,
};

struct hlv_meter {
	_Atomic uint64_t requests[HLV_WAYS][HLV_OP_SLOTS + 1][HLV_RC_SLOTS + 1];
	_Atomic uint64_t http[6];  /* requests of HTTP by the first digit of their status */
	_Atomic uint64_t inflight; /* as it was when the last batch ended */
	struct hlv_histogram took[HLV_TOOKS];
	uint32_t waiting[HLV_TOOKS]; /* answered in the batch that goes on: the worker's own */
};

unsigned hlv_op_slot_of(uint32_t op);
unsigned hlv_rc_slot_of(uint32_t rc);
/* Names for labels: "resolution", "1", "udp", "resolve". */
const char *hlv_op_slot_name(unsigned slot);
int hlv_rc_slot_code(unsigned slot); /* -1: others */
const char *hlv_way_name(enum hlv_way way);
const char *hlv_took_name(enum hlv_took took);

static inline enum hlv_took hlv_took_of(uint32_t op)
{
	return op == HLV_OP_RESOLUTION || op == HLV_OP_GET_SITE_INFO ? HLV_TOOK_RESOLVE
								     : HLV_TOOK_CHANGE;
}

static inline void hlv_meter_count(struct hlv_meter *m, enum hlv_way way, uint32_t op,
				   uint32_t rc)
{
	unsigned o = op == HLV_OP_RESOLUTION ? SLOT_HLV_OP_RESOLUTION : hlv_op_slot_of(op);
	unsigned r = rc == HLV_RC_SUCCESS ? SLOT_HLV_RC_SUCCESS : hlv_rc_slot_of(rc);
	_Atomic uint64_t *counter = &m->requests[way][o][r];
	uint64_t n = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, n + 1, memory_order_relaxed);
}

/* Answered in the batch: its time is that of the batch. */
static inline void hlv_meter_wait(struct hlv_meter *m, enum hlv_took took)
{
	m->waiting[took]++;
}
/* The batch is over. */
void hlv_meter_batch(struct hlv_meter *m, hlv_mono_ns began, hlv_mono_ns ended,
		     size_t inflight);
