/* SPDX-License-Identifier: Apache-2.0
 *
 * An engine with its cache in front of a tree of nodes, and the wire between them: time passes when
 * everybody waits. No sockets, no clock.
 */
#pragma once
#include "resolver/engine.h"
#include "tests/unit/tree.h"

enum { RIG_EVENTS = 20000, RIG_WAITERS = 20000 };

struct rig_event {
	uint64_t at_ns, sock;
	struct hlv_bytes octets;
};

/* A client's question, and what it was told. */
struct rig_waiter {
	struct engine_waiter w;
	char id[64], client[HLV_ADDR_TEXT];
	unsigned answers;
	uint64_t asked_ns, told_ns;
	bool proven, stale;
	enum proof proof;
	uint32_t rc, left_s;
	char text[64]; /* the first value's data, or why */
};

struct rig {
	struct tree tree;
	struct cache *cache;
	struct engine *engine;
	struct hlv_now now;
	uint64_t rtt_ns;
	bool cut; /* nothing arrives anywhere */
	struct hlv_rand rand;
	unsigned loss;		  /* percent, each way together */
	struct rig_event *events; /* a heap by time */
	size_t nevents;
	struct rig_waiter *waiters;
	size_t nwaiters;
	unsigned packets, open, anchors_written;
};

void rig_init(struct rig *r, bool with_keys, bool refresh_root);
void rig_fini(
	struct rig *r); /* and looks whether everything was closed and everybody answered */
struct rig_waiter *rig_ask(struct rig *r, const char *id, const char *client);
struct rig_waiter *rig_ask_as(struct rig *r, const char *id, const char *client,
			      bool authoritative, uint8_t recursion);
void rig_pass(struct rig *r, uint64_t ms);
/* Asks and waits for the answer. */
struct rig_waiter *rig_told(struct rig *r, const char *id);
