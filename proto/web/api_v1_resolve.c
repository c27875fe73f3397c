/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/resolve: many questions in one request, read and answered while they come. A window of
 * them is under way at a time; answers leave in the order of the questions, and while the asker does
 * not read them nothing more of what he asks is read.
 */
#include <stdlib.h>

#include "proto/net/json_tree.h"
#include "proto/web/texts.h"
#include "proto/web/web.h"

enum {
	WINDOW = 64,		  /* questions under way */
	WAITING_MAX = 1 << 20,	  /* octets of answers whose turn has not come */
	QUESTION_MAX = 16 << 10,  /* octets of one question's text */
	QUESTION_ARENA = 1 << 20, /* its tree, and the lists made of it */
	PLACE_KEEP = 4 << 10, /* octets of memory that a place keeps for the next question */
};

struct batch;

/* One question: from its text to its answer's. */
struct question {
	struct batch *batch;
	struct hlv_buf handle; /* as the asker spelled it */
	struct hlv_buf answer;
	bool answered;
};

struct batch {
	struct http_call *call;
	struct texts texts;
	struct hlv_buf kept;   /* what feed() brought, and there was no room for */
	struct hlv_bytes rest; /* of it, or of what feed() brought: still to be read */
	struct hlv_arena arena;
	struct question window[WINDOW]; /* a ring */
	size_t asked, told;  /* numbers of the next question, and of the next answer */
	size_t waiting;	     /* octets */
	bool last, finished; /* nothing comes; nothing is left to be read */
	bool crowded;	     /* until the peer has read more */
	bool running;
};

static void go_on(struct batch *b);

/* --- answers --- */

static void answered(struct question *q)
{
	hlv_buf_str(&q->answer, "\n");
	q->answered = true;
	q->batch->waiting += q->answer.n;
}

static void came(struct hlv_exchange *x, void *ctx)
{
	struct question *q = ctx;
	if (!q->batch->call->gone)
		web_put_answer(&q->answer, &x->rs, hlv_buf_bytes(&q->handle));
	answered(q);
	go_on(q->batch);
}

/* What cannot be asked has an answer all the same, in its place. */
static void refuse(struct question *q, uint64_t number, const char *why)
{
	char text[256];
	snprintf(text, sizeof text, "question %llu: %.200s", (unsigned long long)number, why);
	hlv_buf_printf(&q->answer, "{\"responseCode\":%u,\"message\":", HLV_RC_PROTOCOL_ERROR);
	hlv_json_put_str(&q->answer, hlv_text(text));
	hlv_buf_str(&q->answer, "}");
	answered(q);
}

/* A batch may last for hours: one long record does not keep its memory in each of the places. */
static void clear(struct hlv_buf *b)
{
	if (b->cap > PLACE_KEEP)
		hlv_buf_free(b);
	else
		hlv_buf_clear(b);
}

/* In order. */
static void tell(struct batch *b)
{
	while (b->told < b->asked && !b->crowded) {
		struct question *q = &b->window[b->told % WINDOW];
		if (!q->answered)
			return;
		b->told++;
		b->waiting -= q->answer.n;
		b->crowded = !http_put(b->call, hlv_buf_bytes(&q->answer)) && !b->call->gone;
		clear(&q->answer);
		clear(&q->handle);
	}
}

/* --- questions --- */

static enum hlv_err read_types(struct hlv_json *j, const struct hlv_json_node *array,
			       struct hlv_list *out)
{
	size_t room = QUESTION_MAX + 4 * hlv_json_length(array);
	uint8_t *p = hlv_alloc_raw(j->a, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	for (const struct hlv_json_node *n = hlv_json_first(array); n; n = hlv_json_next(n)) {
		if (hlv_json_kind(n) != HLV_JSON_STRING)
			return hlv_json_wrong(j, "types", "strings are expected");
		hlv_put_lp32(&w, hlv_json_text(n));
		out->n++;
	}
	out->raw = hlv_written(&w);
	return w.bad ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err read_indexes(struct hlv_json *j, const struct hlv_json_node *array,
				 struct hlv_list *out)
{
	size_t room = 4 * hlv_json_length(array);
	uint8_t *p = hlv_alloc_raw(j->a, room);
	struct hlv_writer w = hlv_writer(p, p ? room : 0);
	for (const struct hlv_json_node *n = hlv_json_first(array); n; n = hlv_json_next(n)) {
		int64_t index;
		if (!hlv_json_integer(n, &index) || index < 1 || index > INT32_MAX)
			return hlv_json_wrong(j, "indexes", "numbers from 1 to %d are expected",
					      INT32_MAX);
		hlv_put_u32(&w, (uint32_t)index);
		out->n++;
	}
	out->raw = hlv_written(&w);
	return w.bad ? HLV_E_NOMEM : HLV_OK;
}

/* A misspelled member would change the question without a word. */
static enum hlv_err check_members(struct hlv_json *j, const struct hlv_json_node *object)
{
	uint32_t known = 0;
	static const char *const names[] = {"handle", "types", "indexes"};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		known += hlv_json_member(object, names[i]) != NULL;
	if (known < hlv_json_length(object))
		return hlv_json_wrong(j, "members", "only handle, types and indexes are known");
	return HLV_OK;
}

static enum hlv_err read_question(struct hlv_json *j, struct hlv_request *rq)
{
	const struct hlv_json_node *types, *indexes;
	switch ((int)hlv_json_kind(j->root)) {
	case HLV_JSON_STRING:
		rq->handle = hlv_json_text(j->root);
		return HLV_OK;
	case HLV_JSON_OBJECT:
		HLV_TRY(check_members(j, j->root));
		HLV_TRY(hlv_json_get_string(j, j->root, "handle", &rq->handle));
		break;
	default:
		return hlv_json_wrong(j, "text", "a string or an object is expected");
	}
	types = hlv_json_member(j->root, "types");
	indexes = hlv_json_member(j->root, "indexes");
	if (types) {
		HLV_TRY(hlv_json_get_array(j, j->root, "types", &types));
		HLV_TRY(read_types(j, types, &rq->types));
	}
	if (!indexes)
		return HLV_OK;
	HLV_TRY(hlv_json_get_array(j, j->root, "indexes", &indexes));
	return read_indexes(j, indexes, &rq->indexes);
}

static struct question *take_place(struct batch *b)
{
	struct question *q = &b->window[b->asked++ % WINDOW];
	hlv_buf_clear(&q->handle);
	hlv_buf_clear(&q->answer);
	q->batch = b;
	q->answered = false;
	return q;
}

static void ask(struct batch *b, struct hlv_bytes text)
{
	struct question *q = take_place(b);
	struct hlv_json_error error = {0};
	struct hlv_json j;
	struct hlv_request rq = {
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = HLV_F_PUBLIC_ONLY}};
	hlv_arena_reset(&b->arena);
	enum hlv_err err = hlv_json_read(&j, text, &b->arena, &error);
	if (err == HLV_OK)
		err = read_question(&j, &rq);
	if (err != HLV_OK) {
		refuse(q, b->texts.number, *error.text ? error.text : hlv_strerror(err));
		return;
	}
	hlv_buf_put(&q->handle, rq.handle);
	hlv_ask(b->call->front, &b->call->peer, hlv_clock(), &rq, came, q);
}

/* One more text. False: there is none now. */
static bool ask_next(struct batch *b)
{
	struct hlv_bytes text;
	switch (texts_next(&b->texts, &b->rest, b->last, &text)) {
	case TEXTS_TEXT:
		ask(b, text);
		return true;
	case TEXTS_LONG:
		refuse(take_place(b), b->texts.number, "longer than 16384 octets");
		return true;
	case TEXTS_BROKEN:
		refuse(take_place(b), b->texts.number + 1, "the array ends here");
		b->finished = true;
		return false;
	case TEXTS_END:
		b->finished = true;
		return false;
	case TEXTS_MORE:
		break;
	}
	return false;
}

/* --- the call --- */

static void end(struct batch *b)
{
	struct http_call *call = b->call;
	for (size_t i = 0; i < WINDOW; i++) {
		hlv_buf_free(&b->window[i].handle);
		hlv_buf_free(&b->window[i].answer);
	}
	texts_free(&b->texts);
	hlv_buf_free(&b->kept);
	hlv_arena_fini(&b->arena);
	free(b);
	http_end(call);
}

static bool has_room(const struct batch *b)
{
	return !b->crowded && b->asked - b->told < WINDOW && b->waiting < WAITING_MAX;
}

static void ask_and_tell(struct batch *b)
{
	do
		tell(b);
	while (!b->finished && has_room(b) && ask_next(b));
	tell(b);
}

/* Nobody listens: nothing more is asked, and what was is dropped when it comes. */
static void give_up(struct batch *b)
{
	b->finished = b->last = true;
	b->crowded = false;
}

/* Answers may come within their questions. False: all is said, and b is gone. */
static bool run(struct batch *b)
{
	struct http_call *call = b->call;
	if (b->running)
		return true;
	b->running = true;
	bool own = !call->front->in_batch;
	if (own)
		hlv_front_batch_begin(call->front, hlv_clock());
	if (call->gone)
		give_up(b);
	ask_and_tell(b);
	if (own)
		hlv_front_batch_end(call->front);
	if (!b->finished || b->told < b->asked)
		http_flush(call); /* which may find that the peer is gone */
	if (call->gone) {
		give_up(b);
		tell(b);
	}
	b->running = false;
	if (b->finished)
		b->rest = (struct hlv_bytes){0}; /* what follows is read and dropped */
	if (!b->finished || !b->last || b->told < b->asked)
		return true;
	end(b);
	return false;
}

static void go_on(struct batch *b)
{
	struct http_call *call = b->call;
	if (!b->running && run(b) && call->hold && b->rest.n == 0)
		http_feed_more(call);
}

static void feed(struct http_call *call, struct hlv_bytes piece, bool last)
{
	struct batch *b = call->state;
	b->last = last;
	b->rest = piece;
	if (!run(b) || b->rest.n == 0)
		return;
	/* No room: the rest of the piece, which is gone soon, and then no other one. */
	hlv_buf_clear(&b->kept);
	hlv_buf_put(&b->kept, b->rest);
	b->rest = hlv_buf_bytes(&b->kept);
	b->finished = b->finished || b->kept.bad;
	call->hold = true;
}

static void room(struct http_call *call)
{
	struct batch *b = call->state;
	b->crowded = false;
	go_on(b);
}

void web_v1_resolve(struct http_call *call)
{
	struct batch *b = calloc(1, sizeof *b);
	if (!b) {
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	b->call = call;
	b->texts.max = QUESTION_MAX;
	hlv_arena_init(&b->arena, QUESTION_ARENA);
	call->state = b;
	call->feed = feed;
	call->room = room;
	http_begin(call, 200, WEB_LINES);
}
