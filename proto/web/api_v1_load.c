/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /api/v1/load: records as JSON Lines become chunks of HELVE_BULK (docs/protocol.md), and each
 * record's result is told when its chunk is durable. One chunk is under way while the next one is
 * gathered, so chunks grow with the load; while there is no room for either, nothing is read.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>

#include "proto/net/json.h"
#include "proto/sec/digest.h"
#include "proto/web/login.h"
#include "proto/web/texts.h"

enum {
	KEY = 16,
	CHUNK_RECORDS = 4000,
	CHUNK_OCTETS = HLV_MESSAGE_MAX - 1024,
	CHUNK_HEAD = 1 + KEY + 8 + 4,
	LINE_MAX_OCTETS = 1 << 20,
	LINE_ARENA = 48 << 20, /* its tree: some 20 octets for each of the text */
	LIST_SPARE = 64,       /* a value list is shorter than its text but for this */
	KEY_TEXT_MAX = 255,
	ALL_OR_NOTHING = 1, /* flags of the operation */
	OVERWRITE = 2,
	DRY_RUN = 4,
};

struct chunk {
	struct hlv_writer w;
	uint32_t n;
	uint64_t lines[CHUNK_RECORDS]; /* of each record */
	uint8_t body[CHUNK_OCTETS];
};

struct load {
	struct http_call *call;
	struct hlv_peer peer;	/* with the claim of whom the first answer knew */
	struct hlv_claim claim; /* proven by it */
	uint8_t flags, key[KEY];
	bool failures_only;
	struct texts texts;
	struct hlv_buf kept;   /* what feed() brought, and there was no room for */
	struct hlv_bytes rest; /* of it, or of what feed() brought: still to be read */
	struct hlv_arena arena;
	struct chunk *chunks, *filling, *sent; /* two of them, when somebody is admitted */
	struct hlv_bytes handle, list;	       /* a record for which there was no room */
	bool pending;
	uint64_t position; /* of the next record */
	uint64_t done;	   /* position that an earlier upload with this key has reached */
	uint64_t loaded, failed, repeated;
	hlv_mono_ns began_ns;
	bool away; /* `sent` is under way, or the question whether he may */
	bool last, finished, crowded, running;
	struct hlv_buf out;
	struct hlv_buf why; /* it ends before its end */
	uint32_t why_rc;
};

static void go_on(struct load *l);

/* --- what is told --- */

static void put(struct load *l)
{
	if (l->out.n > 0 && !http_put(l->call, hlv_buf_bytes(&l->out)))
		l->crowded = !l->call->gone;
	hlv_buf_clear(&l->out);
}

static void tell(struct load *l, uint64_t line, struct hlv_bytes handle, uint32_t rc,
		 struct hlv_bytes text)
{
	if (rc == HLV_RC_SUCCESS && l->failures_only)
		return;
	hlv_buf_printf(&l->out, "{\"line\":%" PRIu64 ",\"handle\":", line);
	hlv_json_put_str(&l->out, handle);
	hlv_buf_printf(&l->out, ",\"responseCode\":%u", rc);
	if (rc != HLV_RC_SUCCESS) {
		const char *code = hlv_rc_text(rc);
		hlv_buf_str(&l->out, ",\"message\":");
		hlv_json_put_str(&l->out, text.n ? text : hlv_text(code ? code : "Refused"));
	}
	hlv_buf_str(&l->out, "}\n");
}

static void reject(struct load *l, struct hlv_bytes handle, const char *text)
{
	l->failed++;
	tell(l, l->texts.number, handle, HLV_RC_PROTOCOL_ERROR, hlv_text(text));
	put(l);
}

static void tell_end(struct load *l)
{
	uint64_t took_ms = (hlv_clock().mono_ns - l->began_ns) / 1000000;
	hlv_buf_printf(&l->out, "{\"done\":%s", l->why_rc ? "false" : "true");
	if (l->why_rc) {
		hlv_buf_printf(&l->out, ",\"responseCode\":%u,\"message\":", l->why_rc);
		hlv_json_put_str(&l->out, hlv_buf_bytes(&l->why));
	}
	hlv_buf_printf(&l->out, ",\"loaded\":%" PRIu64 ",\"failed\":%" PRIu64, l->loaded,
		       l->failed);
	if (l->repeated)
		hlv_buf_printf(&l->out, ",\"repeated\":%" PRIu64, l->repeated);
	hlv_buf_printf(&l->out, ",\"seconds\":%" PRIu64 ".%03u}\n", took_ms / 1000,
		       (unsigned)(took_ms % 1000));
	put(l);
}

/* Nothing more is taken, for that reason. */
static void stop(struct load *l, uint32_t rc, struct hlv_bytes why)
{
	const char *code = hlv_rc_text(rc);
	l->finished = true;
	l->pending = false;
	l->filling->n = 0;
	if (l->why_rc)
		return;
	l->why_rc = rc;
	hlv_buf_put(&l->why, why.n ? why : hlv_text(code ? code : "Refused"));
}

/* --- chunks --- */

static void begin_chunk(struct load *l)
{
	struct chunk *c = l->filling;
	c->w = hlv_writer(c->body, sizeof c->body);
	c->n = 0;
	hlv_put_u8(&c->w, l->flags);
	hlv_put(&c->w, hlv_bytes(l->key, KEY));
	hlv_put_u64(&c->w, l->position);
	hlv_put_u32(&c->w, 0);
}

struct failure {
	uint32_t which, rc;
	struct hlv_bytes text;
};

static int by_which(const void *a, const void *b)
{
	const struct failure *x = a, *y = b;
	return (x->which > y->which) - (x->which < y->which);
}

/* The failures of an answer, in order of the records; false: it cannot be read. */
static bool read_failures(struct hlv_bytes octets, struct failure **out, uint32_t *n)
{
	struct hlv_reader r = hlv_reader(octets);
	hlv_get_u64(&r);
	*n = hlv_get_count(&r, 12);
	*out = calloc(*n + 1, sizeof **out);
	if (!*out)
		return false;
	for (uint32_t i = 0; i < *n; i++) {
		struct failure *f = &(*out)[i];
		f->which = hlv_get_u32(&r);
		f->rc = hlv_get_u32(&r);
		f->text = hlv_get_lp32(&r);
	}
	qsort(*out, *n, sizeof **out, by_which);
	return !r.bad;
}

/* Each record of l->sent, with what became of it. */
static void tell_chunk(struct load *l, const struct failure *failures, uint32_t nfailures)
{
	const struct chunk *c = l->sent;
	struct hlv_reader r = hlv_reader(hlv_skip(hlv_written(&c->w), CHUNK_HEAD));
	bool none = l->flags & ALL_OR_NOTHING && l->failed + nfailures > 0;
	for (uint32_t i = 0, at = 0; i < c->n; i++) {
		struct hlv_list values;
		struct hlv_bytes handle = hlv_get_lp32(&r);
		if (hlv_values_decode(&r, &values) != HLV_OK)
			return; /* we wrote it */
		if (at < nfailures && failures[at].which == i) {
			tell(l, c->lines[i], handle, failures[at].rc, failures[at].text);
			l->failed++;
			while (at < nfailures && failures[at].which == i)
				at++;
		} else if (none) {
			tell(l, c->lines[i], handle, HLV_RC_ERROR,
			     hlv_text("Not taken: others failed, and it was all or nothing"));
			l->failed++;
		} else {
			tell(l, c->lines[i], handle, HLV_RC_SUCCESS, (struct hlv_bytes){0});
			l->loaded++;
		}
	}
	put(l);
}

static void came(struct hlv_exchange *x, void *ctx)
{
	struct load *l = ctx;
	struct failure *failures = NULL;
	struct hlv_bytes why = {0};
	uint32_t n;
	l->away = false;
	if (x->rs.kind == HLV_BODY_ERROR)
		why = x->rs.text;
	if (x->rs.rc != HLV_RC_SUCCESS)
		stop(l, x->rs.rc, why);
	else if (read_failures(x->rs.octets, &failures, &n))
		tell_chunk(l, failures, n);
	else
		stop(l, HLV_RC_ERROR, hlv_text("An answer that cannot be read"));
	free(failures);
	go_on(l);
}

static void swap_chunks(struct load *l)
{
	struct chunk *c = l->filling;
	hlv_fill_u32(&c->w, CHUNK_HEAD - 4, c->n);
	l->filling = l->sent;
	l->sent = c;
	begin_chunk(l);
}

static void send_chunk(struct load *l)
{
	swap_chunks(l);
	if (l->flags & ALL_OR_NOTHING && l->failed > 0) {
		tell_chunk(l, NULL, 0);
		return;
	}
	l->away = true;
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_BULK,
				 .octets = hlv_written(&l->sent->w)};
	hlv_ask(l->call->front, &l->peer, hlv_clock(), &rq, came, l);
}

/* --- records --- */

static bool fits(struct chunk *c, struct hlv_bytes handle, struct hlv_bytes list)
{
	size_t before = c->w.n;
	hlv_put_lp32(&c->w, handle);
	hlv_put(&c->w, list);
	if (!c->w.bad)
		return true;
	c->w.bad = false;
	c->w.n = before;
	return false;
}

/* Into the chunk, or it stays pending. False: not before the chunk that is under way is done. */
static bool place(struct load *l)
{
	struct chunk *c = l->filling;
	if (c->n < CHUNK_RECORDS && fits(c, l->handle, l->list)) {
		c->lines[c->n++] = l->texts.number;
		l->position++;
		l->pending = false;
	} else if (c->n == 0) {
		l->pending = false;
		reject(l, l->handle, "Too large for a message");
	} else if (l->flags & ALL_OR_NOTHING) {
		stop(l, HLV_RC_PROTOCOL_ERROR,
		     hlv_text("All or nothing is for 4000 records and 250 KB at the most: "
			      "nothing was registered"));
	} else if (l->away) {
		return false;
	} else {
		send_chunk(l);
	}
	return true;
}

/* An earlier upload with the same key has come past it. */
static void pass_over(struct load *l)
{
	l->position++;
	l->repeated++;
	begin_chunk(l);
	if (l->failures_only)
		return;
	hlv_buf_printf(&l->out, "{\"line\":%" PRIu64 ",\"handle\":", l->texts.number);
	hlv_json_put_str(&l->out, l->handle);
	hlv_buf_str(&l->out, ",\"responseCode\":1,\"repeated\":true}\n");
	put(l);
}

static void take_line(struct load *l, struct hlv_bytes text)
{
	struct hlv_json_error error = {0};
	l->handle = (struct hlv_bytes){0};
	hlv_arena_reset(&l->arena);
	uint8_t *list = hlv_alloc_raw(&l->arena, text.n + LIST_SPARE);
	struct hlv_writer w = hlv_writer(list, list ? text.n + LIST_SPARE : 0);
	uint32_t now_s = hlv_now_s(l->call->now);
	if (hlv_json_parse_record(text, now_s, &l->arena, &l->handle, &w, &error) != HLV_OK) {
		reject(l, l->handle, *error.text ? error.text : "Too large to be read");
		return;
	}
	if (l->handle.n == 0 || l->handle.n > HLV_IDENTIFIER_MAX) {
		reject(l, hlv_head(l->handle, 64),
		       l->handle.n ? "handle: longer than 2048 octets" : "handle: missing");
		return;
	}
	l->list = hlv_written(&w);
	l->pending = l->position >= l->done;
	if (!l->pending)
		pass_over(l);
}

/* One more record; false: none can be taken now. */
static bool take_one(struct load *l)
{
	struct hlv_bytes text;
	if (l->pending)
		return place(l);
	if (l->finished || l->crowded)
		return false;
	switch (texts_next(&l->texts, &l->rest, l->last, &text)) {
	case TEXTS_TEXT:
		take_line(l, text);
		return true;
	case TEXTS_LONG:
		reject(l, (struct hlv_bytes){0}, "Longer than 1048576 octets");
		return true;
	case TEXTS_BROKEN:
		l->texts.number++;
		reject(l, (struct hlv_bytes){0}, "The array ends here");
		l->finished = true;
		return false;
	case TEXTS_END:
		l->finished = true;
		return false;
	case TEXTS_MORE:
		break;
	}
	return false;
}

/* --- the call --- */

static void release(struct load *l)
{
	texts_free(&l->texts);
	hlv_buf_free(&l->kept);
	hlv_buf_free(&l->out);
	hlv_buf_free(&l->why);
	hlv_arena_fini(&l->arena);
	free(l->chunks);
	free(l);
}

static void end(struct load *l)
{
	struct http_call *call = l->call;
	if (l->chunks)
		tell_end(l);
	release(l);
	http_end(call);
}

/* Nobody waits for what is left; what is under way is waited for. */
static void give_up(struct load *l)
{
	l->finished = l->last = true;
	l->pending = l->crowded = false;
	if (l->filling)
		l->filling->n = 0;
}

static void take_and_send(struct load *l)
{
	bool whole = l->flags & ALL_OR_NOTHING;
	do {
		while (take_one(l))
			;
		if (l->away || l->pending || l->filling->n == 0 || (whole && !l->finished))
			return;
		send_chunk(l);
	} while (!l->away);
}

static bool is_over(const struct load *l)
{
	return l->finished && l->last && !l->away && !l->pending && l->filling->n == 0;
}

/* False: all is said, and l is gone. */
static bool run(struct load *l)
{
	struct http_call *call = l->call;
	if (l->running || !l->chunks)
		return true;
	l->running = true;
	if (call->gone)
		give_up(l);
	take_and_send(l);
	if (!is_over(l))
		http_flush(call); /* which may find that the peer is gone */
	if (call->gone)
		give_up(l);
	l->running = false;
	if (l->finished)
		l->rest = (struct hlv_bytes){0}; /* what follows is read and dropped */
	if (!is_over(l))
		return true;
	end(l);
	return false;
}

static void go_on(struct load *l)
{
	struct http_call *call = l->call;
	if (!l->running && run(l) && call->hold && l->rest.n == 0)
		http_feed_more(call);
}

static void feed(struct http_call *call, struct hlv_bytes piece, bool last)
{
	struct load *l = call->state;
	l->last = last;
	l->rest = piece;
	if (!run(l) || l->rest.n == 0)
		return;
	/* No room: the rest of the piece, which is gone soon, and then no other one. */
	hlv_buf_clear(&l->kept);
	hlv_buf_put(&l->kept, l->rest);
	l->rest = hlv_buf_bytes(&l->kept);
	l->finished = l->finished || l->kept.bad;
	call->hold = true;
}

static void room(struct http_call *call)
{
	struct load *l = call->state;
	l->crowded = false;
	go_on(l);
}

/* --- its beginning --- */

/* Who it is was found out with the first question: the chunks need no other proof. */
static void keep_login(struct load *l, const struct hlv_exchange *x)
{
	struct http_call *call = l->call;
	l->peer = call->peer;
	if (!x->login)
		return;
	l->claim =
		(struct hlv_claim){.kind = HLV_CLAIM_PROVEN,
				   .who = {hlv_arena_copy(&call->arena, x->login->who.handle),
					   x->login->who.index},
				   .proven = x->login->proven};
	if (!call->arena.bad)
		l->peer.claim = &l->claim;
}

static void refuse(struct load *l, const struct hlv_response *rs)
{
	struct http_call *call = l->call;
	const char *text = hlv_rc_text(rs->rc);
	bool told = rs->kind == HLV_BODY_ERROR && rs->text.n;
	hlv_buf_printf(&call->out, "{\"responseCode\":%u,\"message\":", rs->rc);
	hlv_json_put_str(&call->out, told ? rs->text : hlv_text(text ? text : "Refused"));
	hlv_buf_str(&call->out, "}");
	release(l);
	web_answer(call, web_status(call, rs->rc, false));
}

/* May he, and how far has an earlier upload come? */
static void admitted(struct hlv_exchange *x, void *ctx)
{
	struct load *l = ctx;
	struct http_call *call = l->call;
	l->away = false;
	if (web_refused(call, x)) {
		release(l);
		return;
	}
	if (x->rs.rc != HLV_RC_SUCCESS) {
		refuse(l, &x->rs);
		return;
	}
	struct hlv_reader r = hlv_reader(x->rs.octets);
	l->done = hlv_get_u64(&r);
	if (l->flags & DRY_RUN)
		l->done = 0;
	keep_login(l, x);
	l->chunks = calloc(2, sizeof *l->chunks);
	if (!l->chunks) {
		release(l);
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	l->filling = &l->chunks[0];
	l->sent = &l->chunks[1];
	begin_chunk(l);
	http_begin(call, 200, WEB_LINES);
	go_on(l);
}

static bool read_mode(struct http_call *call, uint8_t *flags)
{
	struct hlv_bytes mode;
	*flags = http_query_flag(call, "allOrNothing") ? ALL_OR_NOTHING : 0;
	if (http_query_flag(call, "dryRun"))
		*flags |= DRY_RUN;
	if (!http_query(call, "mode", 0, &mode) || hlv_eq(mode, hlv_text("create")))
		return true;
	*flags |= OVERWRITE;
	return hlv_eq(mode, hlv_text("replace"));
}

/* One key of two people, or of two ways to load, is two keys. */
static bool make_key(struct http_call *call, uint8_t flags, uint8_t key[KEY])
{
	struct hlv_bytes text = http_header_of(call, "Idempotency-Key");
	const struct hlv_ref *who = &call->peer.claim->who;
	uint8_t digest[HLV_HASH_MAX], head[5];
	if (text.n == 0)
		return getrandom(key, KEY, 0) == KEY;
	head[0] = flags;
	hlv_store_u32(head + 1, who->index);
	struct hlv_bytes spans[] = {hlv_bytes(head, sizeof head), who->handle, hlv_text("\n"),
				    text};
	if (hlv_hash_spans(HLV_SHA256, spans, 4, digest) != HLV_OK)
		return false;
	memcpy(key, digest, KEY);
	return true;
}

static void ask_whether_he_may(struct load *l)
{
	uint8_t octets[CHUNK_HEAD];
	struct hlv_writer w = hlv_writer(octets, sizeof octets);
	hlv_put_u8(&w, l->flags);
	hlv_put(&w, hlv_bytes(l->key, KEY));
	hlv_put_u64(&w, 0);
	hlv_put_u32(&w, 0);
	l->away = true;
	struct hlv_request rq = {.m.hdr.op = HLV_OP_HELVE_BULK, .octets = hlv_written(&w)};
	hlv_ask(l->call->front, &l->call->peer, l->call->now, &rq, admitted, l);
}

void web_v1_load(struct http_call *call)
{
	uint8_t flags, key[KEY];
	struct hlv_bytes report = {0};
	if (!web_login(call))
		return;
	if (!call->peer.claim) {
		hlv_buf_printf(&call->out,
			       "{\"responseCode\":%u,\"message\":\"Who registers? Log in\"}",
			       HLV_RC_AUTHENTICATION_NEEDED);
		web_answer(call, web_status(call, HLV_RC_AUTHENTICATION_NEEDED, false));
		return;
	}
	if (!read_mode(call, &flags)) {
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR, "mode: create or replace");
		return;
	}
	if (http_header_of(call, "Idempotency-Key").n > KEY_TEXT_MAX) {
		web_error(call, 400, HLV_RC_PROTOCOL_ERROR,
			  "Idempotency-Key: longer than 255 octets");
		return;
	}
	struct load *l = calloc(1, sizeof *l);
	if (!l || !make_key(call, flags, key)) {
		free(l);
		web_error(call, 503, HLV_RC_BUSY, "Out of memory");
		return;
	}
	l->call = call;
	l->flags = flags;
	memcpy(l->key, key, KEY);
	(void)http_query(call, "report", 0, &report);
	l->failures_only = hlv_eq(report, hlv_text("failures"));
	l->texts.max = LINE_MAX_OCTETS;
	l->began_ns = hlv_clock().mono_ns;
	hlv_arena_init(&l->arena, LINE_ARENA);
	call->state = l;
	call->feed = feed;
	call->room = room;
	ask_whether_he_may(l);
}
