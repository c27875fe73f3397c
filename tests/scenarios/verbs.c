/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>

#include "tests/scenarios/player.h"

enum { FOREVER_S = 60 /* that a step waits for an answer */ };

/* A node, a zone's nodes, or all. */
static void each_node(struct play *p, const char *who,
		      void (*fn)(struct play *p, struct node_sim *n, char **words,
				 size_t nwords),
		      char **words, size_t nwords)
{
	struct node_sim *n = node_find(p->w, who);
	if (n) {
		fn(p, n, words, nwords);
		return;
	}
	if (strcmp(who, "all") == 0) {
		for (size_t i = 0; i < p->w->nnodes; i++)
			fn(p, p->w->nodes[i], words, nwords);
		return;
	}
	struct zone_sim *z = play_zone(p, who);
	for (size_t i = 0; i < z->nnodes; i++)
		fn(p, z->nodes[i], words, nwords);
}

/* --- steps --- */

static void mark(struct play *p)
{
	p->opens_mark = p->w->opens;
	p->udp_mark = p->w->opens_udp;
	p->stream_mark = p->w->opens_stream;
}

static void do_ask(struct play *p, char **words, size_t n)
{
	mark(p);
	p->last = desk_ask(p->w, words[1], words_number(words, n, "client", 1),
			   words_have(words, n, "at"));
	const char *name = words_after(words, n, "as");
	if (name && p->nnamed < NAMED_MAX) {
		snprintf(p->named[p->nnamed].name, sizeof p->named[0].name, "%s", name);
		p->named[p->nnamed++].ask = p->last;
	}
	if (!words_have(words, n, "nowait"))
		world_settle(p->w, FOREVER_S * SECOND);
	if (!words_have(words, n, "nowait") && p->last->open)
		play_fail(p, "%s: no answer in %u s", words[1], FOREVER_S);
}

static void do_rounds(struct play *p, char **words, size_t n)
{
	uint64_t rounds = strtoull(words[1], NULL, 10);
	mark(p);
	for (uint64_t i = 0; i < rounds && !p->w->wrong[0]; i++) {
		char id[WORLD_NAME];
		const char *star = strchr(words[2], '*'); /* each time another name */
		if (star)
			snprintf(id, sizeof id, "%.*s%llu%s", (int)(star - words[2]), words[2],
				 (unsigned long long)i, star + 1);
		else
			snprintf(id, sizeof id, "%s", words[2]);
		p->last =
			desk_ask(p->w, id, words_number(words, n, "client", (uint32_t)i % 200),
				 words_have(words, n, "at"));
		if (!words_have(words, n, "nowait"))
			world_settle(p->w, FOREVER_S * SECOND);
		const char *every = words_option(words, n, "every");
		if (every)
			world_advance(p->w, word_ns(p, every));
	}
}

/* One word of `expect`; false: not met. */
static bool meets(struct play *p, const struct ask_sim *a, char *word)
{
	const char *v;
	char *eq = strchr(word, '=');
	if (isdigit((unsigned char)*word))
		return a->answered && a->rc == strtoul(word, NULL, 10);
	if (strcmp(word, "open") == 0)
		return a->open;
	if (!a->answered)
		return false;
	if (*word == 'g' && isdigit((unsigned char)word[1])) {
		struct hlv_bytes gen = ask_value(a, "GEN");
		size_t n = strlen(word);
		return a->shown && gen.n > n && memcmp(gen.p, word, n) == 0 && gen.p[n] == ' ';
	}
	if (strcmp(word, "secure") == 0)
		return a->shown && a->proof == PROOF_SECURE;
	if (strcmp(word, "insecure") == 0)
		return a->shown && a->proof == PROOF_INSECURE;
	if (strcmp(word, "stale") == 0)
		return a->shown && a->stale;
	if (strcmp(word, "fresh") == 0)
		return a->shown && !a->stale;
	if (strcmp(word, "refused") == 0)
		return !a->shown;
	if (strcmp(word, "cache") == 0)
		return a->from_cache;
	if (strcmp(word, "engine") == 0)
		return !a->from_cache;
	if ((v = word_value(word, "within")))
		return a->done - a->asked <= strtoull(v, NULL, 10) * MS;
	if ((v = word_value(word, "after")))
		return a->done - a->asked >= strtoull(v, NULL, 10) * MS;
	if ((v = word_value(word, "why")))
		return strstr(a->why, v) != NULL;
	if ((v = word_value(word, "values")))
		return a->n_values == strtoul(v, NULL, 10);
	if ((v = word_value(word, "packets")))
		return a->opens == strtoull(v, NULL, 10);
	if ((v = word_value(word, "packets<")))
		return a->opens <= strtoull(v, NULL, 10);
	if ((v = word_value(word, "life<")))
		return a->life_s <= strtoul(v, NULL, 10);
	if (eq) {
		*eq = 0;
		return hlv_eq(ask_value(a, word), hlv_text(eq + 1));
	}
	play_fail(p, "expect: what is \"%s\"?", word);
	return false;
}

static void do_expect(struct play *p, char **words, size_t n)
{
	const struct ask_sim *a = p->last;
	size_t first = 1;
	for (size_t i = 0; i < p->nnamed; i++)
		if (n > 1 && strcmp(words[1], p->named[i].name) == 0) {
			a = p->named[i].ask;
			first = 2;
		}
	if (!a) {
		play_fail(p, "nothing was asked");
		return;
	}
	for (size_t i = first; i < n; i++) {
		char word[LINE_MAX_];
		snprintf(word, sizeof word, "%s", words[i]);
		if (meets(p, a, words[i]))
			continue;
		struct hlv_bytes gen = ask_value(a, "GEN");
		play_fail(p,
			  "%s: expected %s, got %s %u \"%.*s\" %s%s after %.1f ms, %llu "
			  "packets: %s",
			  a->id, word, a->answered ? "" : "no answer", a->rc, (int)gen.n,
			  gen.n ? (const char *)gen.p : "",
			  a->shown ? proof_name(a->proof) : "refused", a->stale ? " stale" : "",
			  (double)(a->done - a->asked) / (double)MS,
			  (unsigned long long)a->opens, a->why);
	}
}

static void do_packets(struct play *p, char **words, size_t n)
{
	(void)n;
	play_compare(p, "packets", words[1], p->w->opens - p->opens_mark);
}

static void do_streams(struct play *p, char **words, size_t n)
{
	(void)n;
	play_compare(p, "streams", words[1], p->w->opens_stream - p->stream_mark);
}

static void do_asked(struct play *p, char **words, size_t n)
{
	if (n > 2)
		play_compare(p, words[1], words[2], play_node(p, words[1])->asked);
}

static void do_advance(struct play *p, char **words, size_t n)
{
	(void)n;
	world_advance(p->w, word_ns(p, words[1]));
}

static void do_settle(struct play *p, char **words, size_t n)
{
	world_settle(p->w, n > 1 ? word_ns(p, words[1]) : FOREVER_S * SECOND);
}

static void do_mark(struct play *p, char **words, size_t n)
{
	(void)words, (void)n;
	mark(p);
	for (size_t i = 0; i < p->w->nnodes; i++)
		p->w->nodes[i]->asked = 0;
}

static void do_flush(struct play *p, char **words, size_t n)
{
	cache_flush(p->w->cache, n > 1 ? words[1] : "");
	engine_forget_failures(p->w->engine);
}

static void do_refresh(struct play *p, char **words, size_t n)
{
	(void)n;
	mark(p);
	engine_refresh(p->w->engine, hlv_text(words[1]), p->w->now);
	world_advance(p->w, 10 * SECOND);
}

static void set_node(struct play *p, struct node_sim *n, char **words, size_t nwords)
{
	(void)p, (void)nwords;
	if (strcmp(words[0], "cut") == 0 || strcmp(words[0], "heal") == 0)
		n->line.cut = words[0][0] == 'c';
	else
		n->down = words[0][0] == 'd';
}

static void do_node(struct play *p, char **words, size_t n)
{
	each_node(p, words[1], set_node, words, n);
}

static void set_line(struct play *p, struct node_sim *n, char **words, size_t nwords)
{
	static const char *const modes[] = {"ok", "refused", "silent", "reset"};
	const char *stream = words_option(words, nwords, "stream");
	n->line.loss = words_number(words, nwords, "loss", n->line.loss);
	n->line.dup = words_number(words, nwords, "dup", n->line.dup);
	n->line.delay_ms = words_number(words, nwords, "delay", n->line.delay_ms);
	n->line.jitter_ms = words_number(words, nwords, "jitter", n->line.jitter_ms);
	n->stubs |= words_have(words, nwords, "stubs");
	for (unsigned i = 0; stream && i < 4; i++)
		if (strcmp(stream, modes[i]) == 0) {
			n->line.stream = (enum stream_mode)i;
			return;
		}
	if (stream)
		play_fail(p, "no such stream: %s", stream);
}

static void do_line(struct play *p, char **words, size_t n)
{
	each_node(p, words[1], set_line, words, n);
}

static void set_lie(struct play *p, struct node_sim *n, char **words, size_t nwords)
{
	const char *about = words_after(words, nwords, "about"),
		   *to = words_after(words, nwords, "to");
	if (!lie_parse(words[2], &n->lie))
		play_fail(p, "nobody lies like that: %s", words[2]);
	n->lie_signed = words_have(words, nwords, "signed");
	snprintf(n->lie_about, sizeof n->lie_about, "%s", about ? about : "");
	n->lie_to = to ? play_node(p, to) : NULL;
}

static void do_lie(struct play *p, char **words, size_t n)
{
	if (n > 2)
		each_node(p, words[1], set_lie, words, n);
	else
		play_fail(p, "lie WHO KIND");
}

static void set_truth(struct play *p, struct node_sim *n, char **words, size_t nwords)
{
	(void)p, (void)words, (void)nwords;
	n->lie = LIE_TRUTH;
}

static void do_truth(struct play *p, char **words, size_t n)
{
	each_node(p, words[1], set_truth, words, n);
}

static void do_publish(struct play *p, char **words, size_t n)
{
	(void)n;
	struct zone_sim *z = play_zone(p, words[1]);
	z->gone = words[0][0] == 'u';
	town_publish(&p->town, z);
}

static void do_ttl(struct play *p, char **words, size_t n)
{
	struct zone_sim *z = play_zone(p, words[1]);
	z->ttl_s = n > 2 ? (uint32_t)strtoul(words[2], NULL, 10) : 0;
	town_publish(&p->town, z);
}

static void do_home(struct play *p, char **words, size_t n)
{
	struct node_sim *node =
		n > 2 ? play_node(p, words[2]) : play_zone(p, words[1])->nodes[0];
	if (words[0][0] == 'h')
		node_home(p->w, node, words[1]);
	else
		node_unhome(p->w, node, words[1]);
}

/* The nodes of a zone have another key; who has not heard of it from the parent cannot verify. */
static void do_rekey(struct play *p, char **words, size_t n)
{
	struct zone_sim *z = play_zone(p, words[1]);
	for (size_t i = 0; i < z->nnodes && n > 2; i++) {
		z->nodes[i]->key = key_of_role(words[2]);
		z->nodes[i]->pubkey = pubkey_of_role(words[2]);
		z->nodes[i]->serial++;
	}
	if (z->nnodes > 0 && z->nsites == 1)
		z->sites[0] =
			node_site(p->w, z->nodes, z->nnodes, z->nodes[0]->hash_option, true);
}

/* To one new node with the same registry and key; the old ones stay where they are. */
static void do_move(struct play *p, char **words, size_t n)
{
	(void)n;
	struct zone_sim *z = play_zone(p, words[1]);
	char name[32];
	snprintf(name, sizeof name, "%.20s@%zu", z->prefix, p->w->nnodes);
	struct node_sim *node = node_new(p->w, name, NULL, z->nodes[0]);
	node->key = z->nodes[0]->key;
	node->pubkey = z->nodes[0]->pubkey;
	z->nodes[0] = node;
	z->nnodes = z->nsites = 1;
	z->sites[0] = node_site(p->w, &node, 1, HLV_HASH_ALL, true);
}

static void do_restart(struct play *p, char **words, size_t n)
{
	world_start(p->w, n > 1 && strcmp(words[1], "keep") == 0);
}

static void do_jump(struct play *p, char **words, size_t n)
{
	int64_t ms = 0;
	if (n < 2 || !word_time(words[1], &ms))
		play_fail(p, "jump TIME");
	world_jump(p->w, ms);
}

static struct play *spoofing; /* one thread, one play */

static void spoof(struct world *w, const struct sock_sim *s)
{
	uint64_t sock = s->id;
	uint32_t id = hlv_load_u32(s->octets + 8);
	unsigned n = s->way == FLIGHT_UDP ? spoofing->spoofs : 0;
	struct hlv_arena a;
	hlv_arena_init(&a, 4 << 20);
	struct hlv_bytes asked = hlv_arena_copy(&a, hlv_bytes(s->octets, s->n));
	for (unsigned i = 0; i < n && net_find(w, sock); i++) {
		uint32_t guess = (uint32_t)hlv_rand_below(&w->rand, UINT64_C(1) << 31);
		net_inject(w, sock, liar_forge(w, asked, guess == id ? ~id : guess, &a));
	}
	hlv_arena_fini(&a);
}

static void do_spoof(struct play *p, char **words, size_t n)
{
	spoofing = p;
	p->spoofs = n > 1 ? (unsigned)strtoul(words[1], NULL, 10) : 0;
	p->w->spoof = p->spoofs ? spoof : NULL;
}

static void do_excuse(struct play *p, char **words, size_t n)
{
	(void)n;
	truth_of(p->w, words[1])->anything = true;
}

static void do_stat(struct play *p, char **words, size_t n)
{
	const struct engine_stats *s = engine_stats(p->w->engine);
#define X(field)                                                                               \
	if (n > 2 && strcmp(words[1], #field) == 0) {                                          \
		play_compare(p, #field, words[2], s->field);                                   \
		return;                                                                        \
	}
	ENGINE_STATS(X)
#undef X
	play_fail(p, "stat NAME =N");
}

static void do_anchors(struct play *p, char **words, size_t n)
{
	static const char *const states[] = {"seen", "pending", "valid", "missing", "revoked"};
	size_t i = strtoull(words[1], NULL, 10);
	if (n < 3) {
		play_compare(p, "anchors", words[1], p->w->anchors.n);
		return;
	}
	if (i >= p->w->anchors.n)
		play_fail(p, "there are %zu anchors", p->w->anchors.n);
	else if (strcmp(states[p->w->anchors.list[i].state], words[2]) != 0)
		play_fail(p, "anchor %zu is %s", i, states[p->w->anchors.list[i].state]);
}

static void do_written(struct play *p, char **words, size_t n)
{
	(void)n;
	play_compare(p, "written", words[1], p->w->anchors_written);
}

void play_line(struct play *p, char **words, size_t n)
{
	static const struct {
		const char *verb;
		void (*fn)(struct play *p, char **words, size_t n);
		size_t words;
		bool step;
	} verbs[] = {
		{"option", stage_option, 3, false},  {"zone", stage_zone, 2, false},
		{"put", stage_put, 3, false},	     {"value", stage_value, 5, false},
		{"remove", stage_remove, 2, false},  {"must-sign", stage_must_sign, 2, false},
		{"start", stage_start, 3, false},    {"forward", stage_forward, 3, false},
		{"anchor", stage_anchor, 2, false},  {"ask", do_ask, 2, true},
		{"rounds", do_rounds, 3, true},	     {"expect", do_expect, 2, true},
		{"packets", do_packets, 2, true},    {"streams", do_streams, 2, true},
		{"asked", do_asked, 3, true},	     {"advance", do_advance, 2, true},
		{"settle", do_settle, 1, true},	     {"mark", do_mark, 1, true},
		{"flush", do_flush, 1, true},	     {"refresh", do_refresh, 2, true},
		{"cut", do_node, 2, false},	     {"heal", do_node, 2, false},
		{"down", do_node, 2, false},	     {"up", do_node, 2, false},
		{"line", do_line, 3, false},	     {"lie", do_lie, 3, false},
		{"truth", do_truth, 2, false},	     {"publish", do_publish, 2, false},
		{"unpublish", do_publish, 2, false}, {"ttl", do_ttl, 3, false},
		{"home", do_home, 2, false},	     {"unhome", do_home, 2, false},
		{"rekey", do_rekey, 3, false},	     {"move", do_move, 2, false},
		{"restart", do_restart, 2, true},    {"jump", do_jump, 2, true},
		{"spoof", do_spoof, 2, false},	     {"excuse", do_excuse, 2, false},
		{"stat", do_stat, 3, true},	     {"anchors", do_anchors, 2, true},
		{"written", do_written, 2, true},    {"sign", seal_sign, 4, false},
		{"cert", seal_cert, 6, false},
	};
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
		if (strcmp(words[0], verbs[i].verb) != 0)
			continue;
		if (n < verbs[i].words) {
			play_fail(p, "%s: words are missing", words[0]);
			return;
		}
		if (verbs[i].step && !p->started)
			play_begin(p);
		verbs[i].fn(p, words, n);
		return;
	}
	play_fail(p, "what is \"%s\"?", words[0]);
}
