/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the walk share. A walk is a stack of frames: each resolves one name and hands
 * its outcome to the frame below, which waits for it: the item for its prefix's record, a zone for
 * the sites of a service handle, a record signature for the record of a certificate's holder, an
 * alias for its target. One name is on the stack once: whatever leads back to it is a loop.
 */
#pragma once
#include "resolver/walk.h"

enum {
	FRAMES_MAX = 24,
	CUTS_MAX = BUDGET_DEPTH,
	SERVICES_MAX = 20,	  /* protocol.md 12.2 */
	ASK_ROOM = 16384,	  /* octets of a request */
	WALK_ARENA = 16 << 20,	  /* octets; what may be received is a sixteenth of it */
	DELEGATION_MAX_S = 86400, /* threats.md 7, R3 */
	NEGATIVE_UNSIGNED_S = 30,
	/* Whose word is younger is not asked for it again when his child is of no help: a dead node
	 * with a thousand names must not cost its parent a thousand questions. */
	ASK_AGAIN_S = 30,
};

enum frame_for {
	FOR_ANSWER,  /* the question itself */
	FOR_ALIAS,   /* ... behind an alias */
	FOR_PREFIX,  /* where a prefix is served */
	FOR_SERVICE, /* sites of a service handle */
	FOR_HOLDER,  /* certificates */
};

enum frame_state {
	FRAME_BEGIN,  /* look into memory, find out where to ask */
	FRAME_PREFIX, /* waits for the prefix's record */
	FRAME_SITES,  /* collects sites; waits for service handles */
	FRAME_ASK,    /* next server */
	FRAME_ASKED,  /* waits for the wire */
	FRAME_TRUST,  /* waits for certificates' holders */
	FRAME_ALIAS,  /* waits for the alias's target */
};

/* Where the sites that a frame collects come from: what happens when there are none. */
enum sites_from { FROM_PREFIX, FROM_CUT, FROM_REFERRAL };

/* What came of a frame. */
struct outcome {
	enum proof proof;
	struct finding finding; /* when proven */
	uint32_t rc;		/* else */
	char why[VALIDATE_WHY];
	bool timed_out, at_root;
	bool remembered; /* it was in memory */
	bool unkept;	 /* proven well enough to go on, not to be remembered or shown */
	size_t anchor;
};

/* A prefix referral on the way (see walk.h for its place). */
struct cut {
	enum proof proof;
	struct finding finding;
};

struct frame {
	enum frame_for what;
	enum frame_state state;
	struct hlv_bytes id;	 /* as memory_key() has it */
	struct hlv_bytes prefix; /* of an item; what "0.NA/" stands before in a prefix handle */
	unsigned labels;	 /* of the prefix */
	bool is_prefix;
	bool at_root;	 /* neither item nor ordinary prefix: the root is asked */
	bool primaries;	 /* AT */
	bool again;	 /* the prefix's record was asked for a second time */
	bool by_cut;	 /* begun at a remembered cut, whose place is a guess (walk.h) */
	bool old_cut;	 /* ... and has been remembered for a while */
	bool anew;	 /* memory is not asked */
	bool known;	 /* its prefix's record has been remembered for a while ... */
	bool asked_anew; /* ... and has been asked for again, since nobody there was of help */
	/* the zone, and what is still missing of it */
	struct zone zone;
	enum sites_from from;
	struct hlv_list former; /* values of the prefix's record that it is from */
	struct hlv_bytes services[SERVICES_MAX];
	size_t nservices, next_service;
	/* who is left to ask */
	struct zone_server servers[ZONE_TRIED_MAX];
	size_t nservers;
	bool have_servers, stream;
	unsigned bogus, lame;
	char why[VALIDATE_WHY];
	/* referrals that were followed */
	struct cut cuts[CUTS_MAX];
	size_t ncuts;
	/* what was said, while a second opinion, certificates or an alias are waited for */
	bool suspicious;
	struct outcome said;
	size_t said_by; /* position in servers */
	struct trust *trust;
	unsigned own_fed; /* times that its own record was fed to the trust */
	bool trust_missed;
};

struct walk {
	const struct walk_rules *rules;
	const struct walk_memory *memory;
	const struct walk_question *q;
	struct hlv_arena arena;
	struct budget budget;
	struct frame *frames[FRAMES_MAX];
	size_t nframes;
	struct walk_ask ask;
	size_t ask_at[ZONE_TRIED_MAX]; /* position of ask.servers[i] in the frame's */
	struct walk_result result;
	bool done;
	unsigned step;
	void (*on_event)(void *ctx, const struct walk_event *);
	void *event_ctx;
	uint8_t request[ASK_ROOM];
};

/* walk.c: frames */
static inline struct frame *walk_top(const struct walk *w)
{
	return w->frames[w->nframes - 1];
}
bool walk_is_answer(const struct frame *f);
bool walk_in_holder(const struct walk *w);
/* False: too deep, a loop, or no memory; *why is for people. */
bool walk_push(struct walk *w, enum frame_for what, struct hlv_bytes id, const char **why);
/* The frame on top is finished. */
void walk_pop(struct walk *w, const struct outcome *out, struct hlv_now now);
void walk_fail(struct walk *w, enum proof proof, uint32_t rc, struct hlv_now now,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The whole walk is: a budget is gone. */
void walk_give_up(struct walk *w, bool timed_out, struct hlv_now now, const char *why);

/* Does a rule ask for a signature of what this frame resolves, and it is not proven so? */
static inline bool walk_lacks_proof(const struct walk *w, const struct frame *f,
				    enum proof proof)
{
	return proof != PROOF_SECURE && validate_must(&w->rules->validate, f->id);
}

unsigned prefix_labels(struct hlv_bytes prefix);
struct hlv_bytes prefix_head(struct hlv_bytes prefix, unsigned labels);

/* walk_zone.c: where to ask */
void walk_begin(struct walk *w, struct frame *f, struct hlv_now now);
/* No server of the zone was of help: `out` is what that means, unless the zone was remembered, and its
 * parent knows better. */
void walk_dead_end(struct walk *w, struct frame *f, const struct outcome *out,
		   struct hlv_now now);
void walk_collect(struct walk *w, struct frame *f, struct hlv_now now);
/* Begin to collect the sites among `values` for `zone`; false: there is not even a service handle. */
bool walk_gather(struct walk *w, struct frame *f, const struct hlv_list *values, bool prefixes,
		 const struct zone *zone, enum sites_from from);
void walk_add_service(struct frame *f, struct hlv_bytes handle);
void walk_prefix_came(struct walk *w, struct frame *f, const struct outcome *out,
		      struct hlv_now now);
void walk_service_came(struct walk *w, struct frame *f, const struct outcome *out,
		       struct hlv_now now);

/* walk_read.c */
void walk_drop_server(struct frame *f, size_t server);

/* walk_ask.c */
void walk_prepare(struct walk *w, struct frame *f, struct hlv_now now);

/* walk_end.c: what was said, signatures, aliases, memory */
/* f->said is set but for lives. */
void walk_answered(struct walk *w, struct frame *f, const struct hlv_ref *must_by,
		   struct hlv_now now);
void walk_holder_came(struct walk *w, struct frame *f, const struct outcome *out,
		      struct hlv_now now);
void walk_alias_came(struct walk *w, struct frame *f, const struct outcome *out,
		     struct hlv_now now);
void walk_keep_cuts(struct walk *w, struct frame *f);
/* R3: the referrer's word, never lengthened, nor longer than what we know about the referrer. */
uint32_t walk_delegation_life(const struct walk *w, const struct zone *z, uint32_t life_s,
			      struct hlv_now now);
uint32_t walk_negative_life(const struct walk *w, enum proof proof);
