/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/walk_inner.h"

#include <stdio.h>
#include <stdlib.h>

/* --- names --- */

struct hlv_bytes memory_key(struct hlv_bytes id, uint8_t room[MEMORY_KEY_MAX])
{
	struct hlv_writer w = hlv_writer(room, MEMORY_KEY_MAX);
	if (id.n > HLV_IDENTIFIER_MAX)
		return (struct hlv_bytes){0};
	if (id.n && memchr(id.p, '/', id.n))
		hlv_name_put_upper_prefix(&w, id);
	else
		hlv_name_put_resolvable(&w, id); /* 0.NA/ and upper case */
	return hlv_written(&w);
}

void memory_put_way(struct hlv_writer *w, struct hlv_bytes handle, unsigned labels)
{
	char number[16];
	snprintf(number, sizeof number, "..%u", labels); /* no prefix has an empty label */
	hlv_put(w, handle);
	hlv_put(w, hlv_text(number));
}

unsigned prefix_labels(struct hlv_bytes prefix)
{
	unsigned n = prefix.n > 0;
	for (size_t i = 0; i < prefix.n; i++)
		n += prefix.p[i] == '.';
	return n;
}

struct hlv_bytes prefix_head(struct hlv_bytes prefix, unsigned labels)
{
	if (labels == 0)
		return (struct hlv_bytes){0};
	for (size_t i = 0; i < prefix.n; i++)
		if (prefix.p[i] == '.' && --labels == 0)
			return hlv_head(prefix, i);
	return prefix;
}

/* --- frames --- */

bool walk_is_answer(const struct frame *f)
{
	return f->what == FOR_ANSWER || f->what == FOR_ALIAS;
}

bool walk_in_holder(const struct walk *w)
{
	for (size_t i = 0; i < w->nframes; i++)
		if (w->frames[i]->what == FOR_HOLDER)
			return true;
	return false;
}

static bool is_on_stack(const struct walk *w, struct hlv_bytes id)
{
	for (size_t i = 0; i < w->nframes; i++)
		if (hlv_name_eq_prefix(w->frames[i]->id, id))
			return true;
	return false;
}

static void name_frame(struct frame *f, struct hlv_bytes id)
{
	f->id = id;
	f->is_prefix = hlv_name_is_prefix_handle(id);
	f->prefix = f->is_prefix ? hlv_skip(id, 5) : hlv_name_split(id).prefix;
	f->labels = prefix_labels(f->prefix);
	/* 12.2: "0.", "0/" and what has no slash is asked at the root; of these, prefix handles may
	 * be delegated. */
	f->at_root =
		hlv_eq(f->prefix, hlv_text("0")) || hlv_starts_with(f->prefix, hlv_text("0."));
}

bool walk_push(struct walk *w, enum frame_for what, struct hlv_bytes id, const char **why)
{
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_bytes key = memory_key(id, room);
	*why = "too many names depend on each other";
	if (key.n == 0 || w->nframes == FRAMES_MAX)
		return false;
	*why = "the names lead back to where they began";
	if (is_on_stack(w, key))
		return false;
	*why = "out of memory";
	struct frame *f = hlv_alloc(&w->arena, sizeof *f);
	struct hlv_bytes copy = hlv_arena_copy(&w->arena, key);
	if (w->arena.bad)
		return false;
	f->what = what;
	name_frame(f, copy);
	w->frames[w->nframes++] = f;
	return true;
}

static void finish(struct walk *w, const struct outcome *out)
{
	struct walk_result *r = &w->result;
	r->proof = out->proof;
	r->finding = out->finding;
	r->rc = out->rc;
	r->timed_out = out->timed_out;
	r->anchor = out->anchor;
	r->at_root = out->at_root;
	memcpy(r->why, out->why, sizeof r->why);
	w->done = true;
}

void walk_pop(struct walk *w, const struct outcome *given, struct hlv_now now)
{
	struct outcome out = *given; /* it may be in the frame that goes */
	walk_keep_cuts(w, walk_top(w));
	enum frame_for what = walk_top(w)->what;
	w->frames[--w->nframes] = NULL;
	if (what == FOR_ANSWER) {
		finish(w, &out);
		return;
	}
	struct frame *f = walk_top(w);
	switch (what) {
	case FOR_PREFIX:
		walk_prefix_came(w, f, &out, now);
		break;
	case FOR_SERVICE:
		walk_service_came(w, f, &out, now);
		break;
	case FOR_HOLDER:
		walk_holder_came(w, f, &out, now);
		break;
	case FOR_ALIAS:
		walk_alias_came(w, f, &out, now);
		break;
	case FOR_ANSWER:
		break;
	}
}

void walk_fail(struct walk *w, enum proof proof, uint32_t rc, struct hlv_now now,
	       const char *format, ...)
{
	struct outcome out = {.proof = proof, .rc = rc};
	va_list args;
	va_start(args, format);
	vsnprintf(out.why, sizeof out.why, format, args);
	va_end(args);
	walk_pop(w, &out, now);
}

void walk_give_up(struct walk *w, bool timed_out, struct hlv_now now, const char *why)
{
	(void)now;
	struct outcome out = {.rc = HLV_RC_ERROR, .timed_out = timed_out};
	snprintf(out.why, sizeof out.why, "%s", why);
	while (w->nframes > 0) {
		walk_keep_cuts(w, walk_top(w));
		w->nframes--;
	}
	finish(w, &out);
}

/* --- the walk from outside --- */

static void refuse(struct walk *w, uint32_t rc, const char *why)
{
	struct outcome out = {.rc = rc};
	snprintf(out.why, sizeof out.why, "%s", why);
	finish(w, &out);
}

struct walk *walk_new(const struct walk_rules *rules, const struct walk_memory *memory,
		      const struct walk_question *q, uint64_t seed, struct hlv_now now)
{
	static const struct walk_memory nothing;
	const char *why;
	struct walk *w = calloc(1, sizeof *w);
	(void)seed; /* all that is random is the sender's: ids, ports, whom to ask first */
	if (!w)
		return NULL;
	w->rules = rules;
	w->memory = memory ? memory : &nothing;
	w->q = q;
	hlv_arena_init(&w->arena, WALK_ARENA);
	budget_start(&w->budget, now);
	if (q->budget)
		w->budget = *q->budget;
	if (q->id.n == 0 || q->id.n > HLV_IDENTIFIER_MAX)
		refuse(w, HLV_RC_INVALID_HANDLE, "an identifier has 1 to 2048 octets");
	else if (q->recursion >= 10)
		refuse(w, HLV_RC_RECURSION_TOO_HIGH, "too many servers have passed this on");
	else if (!walk_push(w, FOR_ANSWER, q->id, &why))
		refuse(w, HLV_RC_ERROR, why);
	return w;
}

void walk_free(struct walk *w)
{
	if (!w)
		return;
	hlv_arena_fini(&w->arena);
	free(w);
}

void walk_on_event(struct walk *w, void (*fn)(void *ctx, const struct walk_event *), void *ctx)
{
	w->on_event = fn;
	w->event_ctx = ctx;
}

struct budget *walk_budget(struct walk *w)
{
	return &w->budget;
}

static void step(struct walk *w, struct hlv_now now)
{
	struct frame *f = walk_top(w);
	switch (f->state) {
	case FRAME_BEGIN:
		walk_begin(w, f, now);
		break;
	case FRAME_SITES:
		walk_collect(w, f, now);
		break;
	case FRAME_ASK:
		walk_prepare(w, f, now);
		break;
	case FRAME_PREFIX:
	case FRAME_ASKED:
	case FRAME_TRUST:
	case FRAME_ALIAS:
		hlv_require(false); /* these wait for a frame above them, or for the wire */
	}
}

enum walk_want walk_next(struct walk *w, struct hlv_now now, const struct walk_ask **ask)
{
	while (!w->done) {
		if (w->arena.bad) {
			walk_give_up(w, false, now, "out of memory");
		} else if (now.mono_ns >= w->budget.until_ns) {
			walk_give_up(w, true, now, "no answer in time");
		} else if (walk_top(w)->state == FRAME_ASKED) {
			*ask = &w->ask;
			return WALK_ASKS;
		} else {
			step(w, now);
		}
	}
	return WALK_DONE;
}

const struct walk_result *walk_result(const struct walk *w)
{
	return &w->result;
}
