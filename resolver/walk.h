/* SPDX-License-Identifier: Apache-2.0
 *
 * The delegation walk for one question: from the nearest known zone, or the root, downwards to the
 * responsible site, its answer, and the proof of it (protocol.md 12, threats.md 7 R1-R8). Sans I/O:
 * it says what to ask whom, is fed with the answer or told that there was none, and ends. It
 * remembers through `struct walk_memory` and reads no clock.
 *
 * How it goes: the item 88.118.8/x needs the zone of 88.118.8, that is the record of the prefix
 * handle 0.NA/88.118.8. That is asked for at the nearest zone known to serve derived prefixes
 * above it, in the end the root; a prefix referral (303) leads to a strictly longer prefix, a record
 * with HS_SITE ends the descent. Service handles (HS_SERV), aliases and the holders of certificates
 * are walked afresh from the root of *their* name, on the same budget, in frames of their own.
 *
 * A 303 does not say for which ancestor it speaks. For the next longer prefix above what was asked, or
 * for a shorter one: the last of those on a way is remembered for that next one, which is never more
 * than it speaks for. Of the others it is only guessed (the k-th of m on the way to n labels: n-1-(m-k)
 * labels), for show: how many came behind them is what those say whom they name, and who refers to
 * himself once more would be asked about his siblings (R1).
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/buf.h"
#include "resolver/trust.h"
#include "resolver/zone.h"

/* A configured place to begin, for a prefix and all below it. */
struct walk_start {
	struct zone zone; /* is_forwarder or a pinned site; proof as configured */
};

struct walk_rules {
	struct zone root;
	const struct walk_start *starts; /* forwarders and stubs; the longest prefix wins */
	size_t nstarts;
	struct zone_rules addresses;
	struct validate_rules validate;
	uint32_t ttl_min_s, ttl_max_s; /* of findings */
	uint32_t negative_max_s;       /* signed "not found": 300; unsigned: at most 30 */
	bool follow_aliases;
	/* Names (memory_key()) that no alias may lead to; NULL: none. Any thread. */
	bool (*bars)(const void *ctx, struct hlv_bytes key);
	const void *bars_ctx;
};

enum memory_kind {
	MEMORY_RECORD, /* an identifier's record, a prefix handle's too */
	MEMORY_CUT,    /* HS_SITE.PREFIX values of a prefix: where derived prefixes are asked */
	/* The referrals before the one that is a cut, for people who ask for the chain: of the cut
	 * 0.NA/88.118 "0.NA/88.118..1" has that of, as it seems, 88. Nobody is asked there. */
	MEMORY_WAY,
};

/* What was learned before; all of it may be NULL. */
struct walk_memory {
	void *ctx;
	/* Fresh, under the name as memory_key() makes it; copied into the arena. */
	bool (*find)(void *ctx, enum memory_kind kind, struct hlv_bytes key,
		     struct hlv_arena *a, struct proven *out);
	void (*keep)(void *ctx, enum memory_kind kind, struct hlv_bytes key,
		     const struct proven *p);
	/* The latest time stamp of what was ever validated there, stale or not; 0: nothing. */
	uint32_t (*newest)(void *ctx, struct hlv_bytes key);
};
/* The name under which an identifier is remembered: resolvable, prefix folded (protocol.md 6.6: "all
 * caches"). `room` holds MEMORY_KEY_MAX. */
enum { MEMORY_KEY_MAX = HLV_IDENTIFIER_MAX + 8 };
struct hlv_bytes memory_key(struct hlv_bytes id, uint8_t room[MEMORY_KEY_MAX]);
/* Of MEMORY_WAY: what belongs to the cut of this prefix handle and seems to be of so many labels. */
void memory_put_way(struct hlv_writer *w, struct hlv_bytes handle, unsigned labels);

struct walk_question {
	struct hlv_bytes id;
	/* NULL: the whole public record. Else what is put to the responsible server in its place, with
	 * its operation and body (VERIFY_CHALLENGE, a filter): nothing of its answer is remembered. */
	const struct hlv_request *request;
	uint8_t recursion;  /* of the asker's message */
	bool authoritative; /* AT: primaries, memory is not asked */
	bool refresh;	    /* memory is not asked for the answer itself, but for the way */
	/* What is left of that of the client whose question this is a part of; NULL: a whole one. Read
	 * by walk_new() alone. */
	const struct budget *budget;
};

/* What is to be asked now. Lives until the next call. */
struct walk_ask {
	/* Encoded, with envelope (as for TCP), request id 0: whoever sends it fills in a random one
	 * (HLV_REQUEST_ID_AT octets into the message); header and body, which digests cover, stay. */
	struct hlv_bytes message;
	struct hlv_bytes covered; /* header and body of it */
	struct hlv_bytes id;
	uint32_t op;
	struct hlv_bytes zone; /* prefix, for people */
	struct zone_server servers[ZONE_TRIED_MAX];
	size_t nservers; /* at least 1 */
	bool stream;	 /* by TCP or TLS alone */
};
enum { WALK_REQUEST_ID_AT = 8 };

/* One step as it was seen, for hdig +trace and for logs. */
struct walk_event {
	unsigned step;	/* from 1 */
	unsigned depth; /* of frames: 0 the question itself */
	struct hlv_bytes asked, zone;
	struct hlv_addr server;
	uint32_t rc;
	const struct hlv_response *rs; /* NULL: no answer */
	enum proof proof;
	const char *why;
	enum hlv_err err;
};

enum walk_want { WALK_ASKS, WALK_DONE };

struct walk_result {
	enum proof proof;
	struct finding finding; /* PROOF_SECURE, PROOF_INSECURE */
	/* Otherwise the code and the line for the asker: 2 bogus, 2 nobody answered, 6, ... */
	uint32_t rc;
	char why[VALIDATE_WHY];
	bool timed_out; /* nobody answered: worth trying again */
	const struct hlv_response
		*raw;  /* walk_question.request was given: the answer as it is */
	size_t anchor; /* which anchor validated it, when asked at the root */
	bool at_root;
};

struct walk;
/* `rules`, `memory`, what `q` points to: borrowed until walk_free(). `seed`: for what is random. NULL
 * without memory. */
struct walk *walk_new(const struct walk_rules *rules, const struct walk_memory *memory,
		      const struct walk_question *q, uint64_t seed, struct hlv_now now);
void walk_free(struct walk *w);
void walk_on_event(struct walk *w, void (*fn)(void *ctx, const struct walk_event *), void *ctx);
/* Whoever sends takes packets and octets from it. */
struct budget *walk_budget(struct walk *w);

enum walk_want walk_next(struct walk *w, struct hlv_now now, const struct walk_ask **ask);
/* The answer of ask->servers[server]: one message with its envelope; matched (R4) by whoever
 * received it. A server whose answer is no use is not asked again; the others may be. */
void walk_feed(struct walk *w, struct hlv_bytes message, size_t server, struct hlv_now now);
/* None of them answered (HLV_E_TIMEOUT, HLV_E_IO), or the budget is gone (HLV_E_LIMIT). */
void walk_failed(struct walk *w, enum hlv_err err, struct hlv_now now);
/* After WALK_DONE; borrows from the walk. */
const struct walk_result *walk_result(const struct walk *w);
