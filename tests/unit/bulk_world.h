/* SPDX-License-Identifier: Apache-2.0
 *
 * One chunk of a bulk load, from its octets to what was committed, and what was answered in a line of
 * text.
 */
#pragma once
#include "server/bulk.h"
#include "tests/unit/admins.h"
#include "tests/unit/unit.h"

enum { HEAD = 1 + BULK_KEY + 8 + 4 };

struct load {
	struct admins admins;
	struct hlv_exchange x;
	struct job job;
	uint8_t key[BULK_KEY];
	struct hlv_buf chunk; /* in the making, its count still 0 */
	uint32_t n;
};

static inline int setup(void **state)
{
	struct load *w = calloc(1, sizeof *w);
	assert_non_null(w);
	admins_fill(&w->admins);
	hlv_arena_fini(&w->admins.arena);
	hlv_arena_init(&w->admins.arena, 64 << 20);
	admins_home(&w->admins, "0.NA/88.119");
	admins_put(&w->admins, "0.NA/88.119", "100 HS_ADMIN fff,300:0.NA/88.118");
	hlv_arena_init(&w->x.arena, 4 << 20);
	memset(w->key, 0xAB, sizeof w->key);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct load *w = *state;
	hlv_arena_fini(&w->x.arena);
	hlv_buf_free(&w->chunk);
	admins_close(&w->admins);
	free(w);
	return 0;
}

static inline void begin(struct load *w, uint8_t flags, uint64_t position)
{
	uint8_t head[HEAD];
	struct hlv_writer out = hlv_writer(head, sizeof head);
	hlv_put_u8(&out, flags);
	hlv_put(&out, hlv_bytes(w->key, BULK_KEY));
	hlv_put_u64(&out, position);
	hlv_put_u32(&out, 0);
	hlv_buf_clear(&w->chunk);
	hlv_buf_put(&w->chunk, hlv_written(&out));
	w->n = 0;
}

static inline void add(struct load *w, const char *id, const char *values)
{
	uint8_t *room = malloc(65536);
	assert_non_null(room);
	struct hlv_writer out = hlv_writer(room, 65536);
	struct hlv_list list = admins_values(&w->admins.arena, values);
	hlv_put_lp32(&out, hlv_text(id));
	hlv_put_u32(&out, list.n);
	hlv_put(&out, list.raw);
	assert_false(out.bad);
	hlv_buf_put(&w->chunk, hlv_written(&out));
	free(room);
	w->n++;
}

/* Plan what was begun, with `n` for its count. */
static inline enum bulk_verdict plan_as(struct load *w, uint32_t n)
{
	hlv_store_u32((uint8_t *)w->chunk.p + HEAD - 4, n);
	admins_begin(&w->admins);
	hlv_arena_reset(&w->x.arena);
	w->x.rq = (struct hlv_request){
		.octets = hlv_buf_bytes(&w->chunk),
		.m.hdr.op = HLV_OP_HELVE_BULK,
		.m.env = {.major = 2, .minor = 11, .suggest_major = 2, .suggest_minor = 11}};
	w->x.rs = (struct hlv_response){0};
	struct principal who =
		w->job.who.how
			? w->job.who
			: (struct principal){ACTOR_CHALLENGE, {hlv_text("0.NA/88.118"), 300}};
	w->job = (struct job){.x = &w->x, .who = who};
	return bulk_plan(&w->job, &w->admins.context);
}

static inline enum bulk_verdict plan(struct load *w)
{
	return plan_as(w, w->n);
}

static inline enum hlv_err commit(struct load *w)
{
	admins_end(&w->admins);
	assert_int_equal(w->job.ntxns, 1);
	enum hlv_err err =
		w->admins.store->ops->commit(w->admins.store, w->job.txns, w->job.ntxns);
	return err == HLV_OK ? w->job.txns->err : err;
}

/* "position [WHICH:CODE ...]" */
static inline void describe(const struct load *w, char *out, size_t cap)
{
	if (w->x.rs.rc != HLV_RC_SUCCESS) {
		snprintf(out, cap, "refused %u", w->x.rs.rc);
		return;
	}
	assert_int_equal(w->x.rs.kind, HLV_BODY_OCTETS);
	struct hlv_reader r = hlv_reader(w->x.rs.octets);
	size_t at = (size_t)snprintf(out, cap, "%llu", (unsigned long long)hlv_get_u64(&r));
	uint32_t n = hlv_get_u32(&r);
	for (uint32_t i = 0; i < n && at < cap; i++) {
		uint32_t which = hlv_get_u32(&r), code = hlv_get_u32(&r);
		at += (size_t)snprintf(out + at, cap - at, " %u:%u", which, code);
		hlv_get_lp32(&r);
	}
	assert_true(hlv_finished(&r));
}

static inline void check(struct load *w, const char *row, enum bulk_verdict got,
			 enum bulk_verdict want, const char *answer)
{
	char text[256];
	describe(w, text, sizeof text);
	check_u64(row, got, want);
	if (strcmp(text, answer) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", row, text, answer);
}

static inline void check_record(struct load *w, const char *id, const char *want)
{
	char text[256];
	admins_record(&w->admins, id, text, sizeof text);
	if (strcmp(text, want) != 0)
		fail_msg("%s: \"%s\", expected \"%s\"", id, text, want);
}

static inline uint64_t last_seq(struct load *w)
{
	uint64_t seq;
	admins_begin(&w->admins);
	check_err("seq", store_last_seq(w->admins.store, w->admins.view, &seq), HLV_OK);
	admins_end(&w->admins);
	return seq;
}
