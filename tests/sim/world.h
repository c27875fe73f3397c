/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole service in one thread and in no time: authoritative nodes that run the real code of
 * server/ over registries in memory, a network that loses, repeats, delays and cuts, people who lie,
 * and one resolver, the real engine over the real cache. Clock and entropy are the world's, so that
 * the same seed gives the same run, to the octet: `trace` is a hash of everything that happened.
 *
 * world.c clock and events, net.c sockets, node.c nodes and their records, liar.c who does not tell
 * the truth, desk.c clients and what they may be told.
 */
#pragma once
#include "proto/base/arena.h"
#include "proto/base/rand.h"
#include "proto/net/front_native.h"
#include "proto/sec/key.h"
#include "resolver/engine.h"
#include "server/store.h"

enum {
	WORLD_NODES = 160,
	WORLD_NAME = 96,
	WORLD_ASKS = 4096,
	WORLD_PORT = 2641,
};
#define MS UINT64_C(1000000) /* in nanoseconds */
#define SECOND UINT64_C(1000000000)

struct world;
struct node_sim;

/* --- the network --- */

enum stream_mode { STREAM_OK, STREAM_REFUSED, STREAM_SILENT, STREAM_RESET };
struct line {			      /* between the resolver and one node, both ways */
	uint32_t loss, dup;	      /* of a thousand */
	uint32_t delay_ms, jitter_ms; /* one way */
	bool cut;
	enum stream_mode stream;
};

/* A socket of the resolver's. */
struct sock_sim {
	struct sock_sim *next;
	uint64_t id;
	enum flight_way way;
	struct hlv_addr addr;
	uint16_t port;	       /* ours, chosen at random */
	struct node_sim *node; /* NULL: nobody has this address */
	uint8_t *octets;       /* what we sent */
	size_t n;
	hlv_mono_ns last; /* a stream keeps its order */
};

/* --- nodes --- */

/* What a node says in place of what it knows. The *signed* ones are signed with its own key all the
 * same: the owner lies; otherwise somebody does who holds the line, or one server of many. */
#define LIES(X)                                                                                \
	X(TRUTH, "truth")                                                                      \
	X(SILENT, "silent")		/* no answer at all */                                 \
	X(LAME, "lame")			/* 301 to everything */                                \
	X(ERROR, "error")		/* 2 */                                                \
	X(BUSY, "busy")			/* 3 */                                                \
	X(DISABLED, "disabled")		/* 7 */                                                \
	X(GARBAGE, "garbage")		/* random octets behind the envelope */                \
	X(SHORT, "short")		/* the first half of the answer */                     \
	X(WRONG_ID, "wrong-id")		/* another request's id */                             \
	X(WRONG_OP, "wrong-op")		/* another operation */                                \
	X(WRONG_NAME, "wrong-name")	/* the record of another identifier */                 \
	X(WRONG_DIGEST, "wrong-digest") /* of another request */                               \
	X(NO_DIGEST, "no-digest")	/* none, although asked for */                         \
	X(BIT, "bit")			/* one bit of the body turned over */                  \
	X(UNSIGNED, "unsigned")		/* the signature left away */                          \
	X(WRONG_KEY, "wrong-key")	/* signed by somebody else */                          \
	X(EXPIRED, "expired")		/* an answer of yesterday's */                         \
	X(FORGED, "forged")		/* values of the liar's choice */                      \
	X(DENIED, "denied")		/* there is no such identifier */                      \
	X(NO_VALUES, "no-values")	/* 200 */                                              \
	X(UPWARD, "upward")		/* referred to the root */                             \
	X(SIDEWAYS, "sideways")		/* referred to another's site */                       \
	X(SELF, "self")			/* referred to itself */                               \
	X(CHAIN, "chain")		/* 303 without end */                                  \
	X(SERVICE, "service")		/* 302 without end */                                  \
	X(HUGE, "huge")			/* a site of 60 servers */                             \
	X(ENDLESS, "endless")		/* a site of 1,200 servers */                          \
	X(BAD_ADDRESS, "bad-address")	/* a site on loopback, multicast, ... */               \
	X(BAD_HASH, "bad-hash")		/* a site with a hash option that there is not */      \
	X(FOREIGN, "foreign")		/* beside the truth, a site for others */              \
	X(ALIAS_LOOP, "alias-loop")	/* an alias of itself */                               \
	X(BIG, "big")			/* 200 KiB of values */                                \
	X(OLD, "old")			/* what the record was before, signed anew */          \
	X(REPLAY, "replay")	    /* the octets of an earlier answer to the same question */ \
	X(STUB, "stub")		    /* "come by TCP", by UDP and by TCP */                     \
	X(UNKNOWN_RC, "unknown-rc") /* a code that there is not */                             \
	X(CHALLENGE, "challenge")   /* 402 */                                                  \
	X(EMPTY, "empty")	    /* a record without a value */
enum lie {
#define X(name, text) LIE_##name,
	LIES(X)
#undef X
		LIES_N
};
const char *lie_name(enum lie lie);
bool lie_parse(const char *text, enum lie *lie);

struct node_sim {
	char name[32];
	unsigned number; /* position in world.nodes; its address follows from it */
	struct hlv_addr addr;
	struct store *store; /* may be another node's: a mirror that is never behind */
	bool owns_store;
	struct store_view *view;
	const struct hlv_key *key; /* NULL: signs nothing */
	struct hlv_bytes pubkey;   /* encoded */
	struct hlv_bytes site;	   /* its site's record */
	uint32_t servers, own;
	uint8_t hash_option;
	uint16_t serial;
	bool primary, tls, down;
	bool stubs;		    /* sources have to show themselves by TCP first */
	hlv_mono_ns verified_until; /* ... and the resolver has */
	struct line line;
	enum lie lie;
	bool lie_signed;
	char lie_about[WORLD_NAME];    /* only when asked for this; empty: always */
	const struct node_sim *lie_to; /* SIDEWAYS, FORGED: where to */
	struct hlv_buf first;	       /* REPLAY: the first answer, octets */
	uint64_t asked;		       /* messages that came */
};

/* --- the truth --- */

struct fact { /* what a name was from `from` on */
	hlv_mono_ns from;
	uint32_t rc; /* 1, 100 */
	uint32_t generation;
	uint32_t ttl_s;
};
struct truth {
	struct truth *next;
	char id[WORLD_NAME];
	bool unchecked;	  /* a liar's own, without a signature: anything goes */
	bool anything;	  /* its owner lies, with his keys: it is what he says */
	bool signed_tree; /* under a must-sign rule: must be secure */
	struct fact facts[8];
	size_t n;
};

/* --- clients --- */

struct ask_sim {
	struct engine_waiter waiter;
	char id[WORLD_NAME];
	bool open, answered;
	bool from_cache; /* the worker's, not the engine's */
	hlv_mono_ns asked, done;
	uint64_t opens; /* packets of the whole world while it was open */
	/* the answer, copied */
	uint32_t rc, n_values, life_s;
	enum proof proof;
	bool shown, stale;
	uint64_t fetched_ms;
	char why[VALIDATE_WHY];
	struct hlv_buf values;
	void (*then)(struct world *w, struct ask_sim *a); /* may be NULL */
};

/* --- the world --- */

typedef void event_fn(struct world *w, uint64_t a, uint64_t b, struct hlv_bytes octets);
struct event {
	hlv_mono_ns at;
	uint64_t seq, a, b;
	event_fn *fn;
	uint8_t *octets;
	size_t n;
};

struct world_options {
	uint64_t seed;
	uint32_t stale_s, prefetch_hits;
	uint32_t ttl_min_s, ttl_max_s, negative_max_s;
	uint64_t cache_octets;
	bool follow_aliases, refresh_root, insecure; /* without anchors */
	enum unsigned_policy unsigned_policy;
};

struct world {
	struct hlv_now now;
	struct hlv_rand rand;
	uint64_t trace, seq;
	struct event *heap;
	size_t nheap, capheap;
	bool verbose;
	char wrong[512]; /* the first thing that should not have been; empty: all is well */

	struct node_sim *nodes[WORLD_NODES];
	size_t nnodes;
	struct sock_sim *socks[256];
	struct hlv_arena arena; /* of what lives as long as the world */

	struct world_options o;
	struct cache *cache;
	struct engine *engine;
	struct anchors anchors;
	struct walk_rules rules;
	struct must_sign must[16];
	struct walk_start starts[16];
	struct hlv_buf anchors_file; /* as last written */
	uint64_t anchors_written;

	struct truth *truths[512];
	struct ask_sim *asks[WORLD_ASKS];
	size_t nasks, open; /* made; not answered yet */

	/* A datagram of an attacker's for each that we send; NULL: none. */
	void (*spoof)(struct world *w, const struct sock_sim *s);
	uint64_t opens, opens_udp, opens_stream, answers, spoofed, spoof_hits;
	/* Packets by second, for rates. */
	uint64_t first_second;
	uint32_t per_second[8192];
};

struct world *world_new(const struct world_options *o);
/* Stops the resolver: whoever waits is answered. False, and why, when something was wrong. */
bool world_end(struct world *w, char wrong[512]);
/* When the root and its anchors are known. Again: another resolver, which has the former's cache if
 * `keep`, written out and read in again. */
void world_start(struct world *w, bool keep);
void world_stop(struct world *w);
/* What is in `rules` holds from now on. */
void world_reload(struct world *w);
/* Until that time, or nothing happens any more. */
void world_run(struct world *w, hlv_mono_ns until);
void world_advance(struct world *w, uint64_t ns);
/* Until nobody waits for an answer; at most so long. */
void world_settle(struct world *w, uint64_t ns);
void world_jump(struct world *w, int64_t wall_ms);
void world_at(struct world *w, hlv_mono_ns at, event_fn *fn, uint64_t a, uint64_t b,
	      struct hlv_bytes octets);
void world_pump(struct world *w);
/* The first complaint is kept. */
void world_wrong(struct world *w, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void world_note(struct world *w, const char *what, uint64_t a, uint64_t b,
		struct hlv_bytes octets);

/* net.c */
void net_open(struct world *w, const struct engine_order *o);
void net_close(struct world *w, uint64_t sock);
struct sock_sim *net_find(struct world *w, uint64_t sock);
void net_free(struct world *w);
/* A datagram for one of the resolver's sockets, from whom it was sent to. */
void net_inject(struct world *w, uint64_t sock, struct hlv_bytes datagram);

/* node.c */
struct value_sim {
	uint32_t index;
	const char *type;
	struct hlv_bytes data;
	uint32_t ttl_s;
};
/* `like`: shares its registry; NULL: a registry of its own. `key`: a role ("root"); NULL: none. */
struct node_sim *node_new(struct world *w, const char *name, const char *key,
			  struct node_sim *like);
struct node_sim *node_find(struct world *w, const char *name);
struct node_sim *node_at(struct world *w, const struct hlv_addr *a);
void node_free(struct node_sim *n);
void node_home(struct world *w, struct node_sim *n, const char *prefix);
void node_unhome(struct world *w, struct node_sim *n, const char *prefix);
void node_put(struct world *w, struct node_sim *n, const char *id, const struct value_sim *v,
	      size_t nvalues);
void node_remove(struct world *w, struct node_sim *n, const char *id);
/* A site of these nodes: they take their places in it, and it is theirs. In the world's arena. */
struct hlv_bytes node_site(struct world *w, struct node_sim *const *nodes, size_t n,
			   uint8_t hash_option, bool primary);
/* One of anybody's, as octets. */
struct site_spec {
	struct node_sim *const *nodes;
	size_t n, repeat; /* each so many times, at other ports */
	uint8_t hash_option;
	bool primary, tls, keyless;
	uint16_t serial;
	size_t fat;			/* octets of an attribute that says nothing */
	const uint8_t (*addresses)[16]; /* in place of nodes' */
};
struct hlv_bytes site_octets(struct hlv_arena *a, const struct site_spec *spec);
/* What it answers to a message; empty: nothing. In the arena. */
struct hlv_bytes node_answer(struct world *w, struct node_sim *n, struct hlv_bytes message,
			     bool stream, struct hlv_arena *a);
/* Keys are made once a process, from the role's name. */
const struct hlv_key *key_of_role(const char *role);
struct hlv_bytes pubkey_of_role(const char *role);

/* liar.c: `honest` is what it would have said. */
struct hlv_bytes liar_answer(struct world *w, struct node_sim *n, struct hlv_bytes message,
			     struct hlv_bytes honest, bool stream, struct hlv_arena *a);
/* A message that answers `request` with these values, as an attacker would make it. */
struct hlv_bytes liar_forge(struct world *w, struct hlv_bytes request, uint32_t request_id,
			    struct hlv_arena *a);

/* desk.c */
struct truth *truth_of(struct world *w, const char *id);
void truth_set(struct world *w, const char *id, uint32_t rc, uint32_t generation,
	       uint32_t ttl_s);
/* Put a record with its generation, and note it. */
void truth_put(struct world *w, struct node_sim *n, const char *id, uint32_t generation,
	       uint32_t ttl_s);
void truth_remove(struct world *w, struct node_sim *n, const char *id);
struct ask_sim *desk_ask(struct world *w, const char *id, unsigned client, bool authoritative);
void desk_answered(struct world *w, struct engine_waiter *waiter);
/* Nothing false, nothing unsigned that must be signed, nothing too old? Else world_wrong(). */
void desk_check(struct world *w, const struct ask_sim *a);
/* Was it answered with what is true now? */
bool desk_is_right(struct world *w, const struct ask_sim *a);
void desk_forget(struct world *w); /* answered ones */
void desk_free(struct world *w);
/* Data of the first value of that type; empty: none. */
struct hlv_bytes ask_value(const struct ask_sim *a, const char *type);
