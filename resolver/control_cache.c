/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/control_cache.h"

#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/base64.h"
#include "resolver/keep.h"

enum {
	ANSWER_HARD = 240000, /* of HLV_MESSAGE_MAX */
	LOOKS_MAX = 200000,   /* chains gone through for one answer: some ten milliseconds */
	PATTERN_MAX = 2100,
	LOAD_LIFE_MAX_S = 30 * 86400,
};

struct call {
	struct cache *cache;
	const struct control_rules *rules;
	const struct hlv_json_node *args;
	struct hlv_now now;
	struct hlv_buf *out;
	char *why;
	/* of show and dump */
	char pattern[PATTERN_MAX];
	bool whole;   /* dump: with the finding */
	bool is_name; /* the pattern is one identifier: show its values */
	unsigned n, omitted;
};

static enum hlv_err wrong(struct call *call, const char *what)
{
	snprintf(call->why, CONTROL_CACHE_WHY, "%s", what);
	return HLV_E_USAGE;
}

static enum hlv_err get_pattern(struct call *call)
{
	const struct hlv_json_node *node = hlv_json_member(call->args, "pattern");
	struct hlv_bytes text = hlv_json_text(node);
	if (node && hlv_json_kind(node) != HLV_JSON_STRING)
		return wrong(call, "pattern: expected a string");
	if (text.n >= PATTERN_MAX || (text.n && memchr(text.p, 0, text.n)))
		return wrong(call, "pattern: too long, or with a NUL");
	snprintf(call->pattern, sizeof call->pattern, "%.*s", (int)text.n,
		 text.n ? (const char *)text.p : "");
	call->is_name = text.n && !memchr(text.p, '*', text.n) &&
			!memchr(text.p, '?', text.n) && text.p[text.n - 1] != '/';
	return HLV_OK;
}

/* --- stats, flush --- */

static enum hlv_err stats(struct call *call)
{
	struct cache_stats s;
	const char *comma = "{";
	cache_stats(call->cache, &s);
#define X(name)                                                                                \
	hlv_buf_printf(call->out, "%s\"" #name "\":%" PRIu64, comma, s.name);                  \
	comma = ",";
	CACHE_STATS(X)
#undef X
	hlv_buf_printf(call->out, ",\"max\":%" PRIu64 "}", cache_octets_max(call->cache));
	return HLV_OK;
}

static enum hlv_err flush(struct call *call)
{
	/* A pattern that is missing is no wish to lose everything. */
	if (!hlv_json_member(call->args, "pattern"))
		return wrong(call, "pattern: which? \"\" is everything");
	HLV_TRY(get_pattern(call));
	hlv_buf_printf(call->out, "{\"flushed\":%zu}", cache_flush(call->cache, call->pattern));
	return HLV_OK;
}

/* --- show, dump: one entry a line --- */

static void put_times(struct hlv_buf *b, const struct finding *f, struct hlv_now now)
{
	uint64_t end_ms = f->fetched_ms + (uint64_t)f->life_s * 1000;
	hlv_buf_str(b, ",\"fetched\":");
	hlv_json_put_time(b, (uint32_t)(f->fetched_ms / 1000));
	hlv_buf_printf(b, ",\"life\":%" PRIu32 ",\"left\":%" PRIu64, f->life_s,
		       end_ms > now.wall_ms ? (end_ms - now.wall_ms) / 1000 : 0);
}

static bool put_finding(struct hlv_buf *b, const struct cache_entry *e)
{
	size_t max = FINDING_FIXED + e->key.n + e->proven.finding.values.raw.n;
	uint8_t *room = malloc(max);
	if (!room)
		return false;
	struct hlv_writer w = hlv_writer(room, max);
	finding_encode(&w, e);
	hlv_buf_str(b, ",\"finding\":\"");
	hlv_base64_put(b, hlv_written(&w), HLV_BASE64);
	hlv_buf_str(b, "\"");
	free(room);
	return true;
}

static bool put_entry(void *ctx, const struct cache_entry *e)
{
	struct call *call = ctx;
	struct hlv_buf *b = call->out;
	const struct finding *f = &e->proven.finding;
	size_t need = f->values.raw.n / 3 * 4 + 6 * e->key.n + 300;
	if (!cache_pattern_matches(call->pattern, e->key))
		return true;
	if (call->whole && b->n + need > ANSWER_HARD) {
		call->omitted++;
		return true;
	}
	hlv_buf_str(b, call->n++ ? ",\n{\"id\":" : "\n{\"id\":");
	hlv_json_put_str(b, e->key);
	static const char *const kinds[] = {"record", "cut", "way"};
	hlv_buf_printf(b, ",\"kind\":\"%s\",\"proof\":\"%s\",\"code\":%u,\"values\":%u",
		       kinds[e->kind], proof_name(e->proven.proof), (unsigned)f->rc,
		       (unsigned)f->values.n);
	put_times(b, f, call->now);
	hlv_buf_printf(b, ",\"hits\":%" PRIu32 ",\"octets\":%" PRIu32, e->hits, e->cost);
	if (call->is_name && !call->whole && 8 * f->values.raw.n < ANSWER_HARD / 4) {
		hlv_buf_str(b, ",\"record\":");
		hlv_json_put_values(b, &f->values);
	}
	if (call->whole && !put_finding(b, e))
		b->bad = true;
	hlv_buf_str(b, "}");
	return true;
}

static enum hlv_err get_place(struct call *call, uint64_t *place)
{
	struct hlv_bytes text = hlv_json_text(hlv_json_member(call->args, "place"));
	*place = 0;
	if (text.n > 20)
		return wrong(call, "place: not one of ours");
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return wrong(call, "place: not one of ours");
		*place = *place * 10 + (text.p[i] - '0');
	}
	return HLV_OK;
}

static enum hlv_err show(struct call *call)
{
	uint64_t place;
	bool more = false;
	HLV_TRY(get_pattern(call));
	HLV_TRY(get_place(call, &place));
	hlv_buf_str(call->out, "{\"entries\":[");
	if (call->is_name) {
		uint8_t room[MEMORY_KEY_MAX];
		if (strlen(call->pattern) > HLV_IDENTIFIER_MAX)
			return wrong(call, "pattern: longer than an identifier");
		struct hlv_bytes key = memory_key(hlv_text(call->pattern), room);
		call->pattern[0] = '\0';
		cache_peek(call->cache, MEMORY_RECORD, key, put_entry, call);
		cache_peek(call->cache, MEMORY_CUT, key, put_entry, call);
	} else {
		more = true;
		for (unsigned i = 0;
		     more && i < LOOKS_MAX && call->out->n < CONTROL_CACHE_OCTETS; i++)
			more = cache_scan(call->cache, &place, put_entry, call);
	}
	hlv_buf_str(call->out, "\n]");
	if (more)
		hlv_buf_printf(call->out, ",\"place\":\"%" PRIu64 "\"", place);
	if (call->omitted)
		hlv_buf_printf(call->out, ",\"omitted\":%u", call->omitted);
	hlv_buf_str(call->out, "}");
	return HLV_OK;
}

static enum hlv_err dump(struct call *call)
{
	call->whole = true;
	return show(call);
}

/* --- load --- */

/* What stands in a dump about its proof is believed: whoever may write to the control socket may do
 * more than that. It does not live for ever, though, whatever it says. */
static bool load_one(struct call *call, struct hlv_bytes text, unsigned *taken)
{
	uint8_t *room = malloc(text.n ? text.n : 1);
	if (!room)
		return false;
	struct hlv_writer w = hlv_writer(room, text.n);
	struct cache_entry e;
	bool ok = hlv_base64_parse(text, &w) && !w.bad &&
		  finding_decode(hlv_written(&w), &e) == HLV_OK &&
		  (e.proven.proof == PROOF_SECURE ||
		   call->rules->fits(call->rules->ctx, e.key, e.proven.proof));
	if (ok) {
		if (e.proven.finding.life_s > LOAD_LIFE_MAX_S)
			e.proven.finding.life_s = LOAD_LIFE_MAX_S;
		*taken += cache_put(call->cache, e.kind, e.key, &e.proven, call->now);
	}
	free(room);
	return ok;
}

static enum hlv_err load(struct call *call)
{
	const struct hlv_json_node *list = hlv_json_member(call->args, "entries");
	unsigned refused = 0, taken = 0;
	if (hlv_json_kind(list) != HLV_JSON_ARRAY)
		return wrong(call, "entries: expected an array");
	for (const struct hlv_json_node *e = hlv_json_first(list); e; e = hlv_json_next(e))
		refused += !load_one(call, hlv_json_text(e), &taken);
	hlv_buf_printf(call->out, "{\"read\":%u,\"refused\":%u,\"taken\":%u}",
		       hlv_json_length(list) - refused, refused, taken);
	return HLV_OK;
}

static const struct {
	const char *name;
	enum hlv_err (*run)(struct call *);
} verbs[] = {
	{"cache stats", stats}, {"cache show", show},	{"cache dump", dump},
	{"cache load", load},	{"cache flush", flush},
};

bool control_cache_has(struct hlv_bytes verb)
{
	return hlv_starts_with(verb, hlv_text("cache "));
}

enum hlv_err control_cache(struct cache *c, const struct control_rules *rules,
			   struct hlv_bytes verb, const struct hlv_json_node *args,
			   struct hlv_now now, struct hlv_buf *out, char *why)
{
	enum hlv_err err = HLV_E_UNSUPPORTED;
	struct call *call = calloc(1, sizeof *call);
	snprintf(why, CONTROL_CACHE_WHY, "%s", call ? "No such verb" : "Out of memory");
	if (!call)
		return HLV_E_NOMEM;
	*call = (struct call){
		.cache = c, .rules = rules, .args = args, .now = now, .out = out, .why = why};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (hlv_eq(verb, hlv_text(verbs[i].name)))
			err = verbs[i].run(call);
	free(call);
	return err == HLV_OK && out->bad ? HLV_E_NOMEM : err;
}
