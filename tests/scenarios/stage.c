/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenarios/player.h"

/* --- words --- */

/* "5ms", "-30s", "2h", "3d"; a bare number is seconds. */
bool word_time(const char *text, int64_t *out_ms)
{
	static const struct {
		const char *unit;
		int64_t ms;
	} units[] = {{"ms", 1},	     {"s", 1000},     {"m", 60000},
		     {"h", 3600000}, {"d", 86400000}, {"", 1000}};
	char *end;
	int64_t n = strtoll(text, &end, 10);
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (end != text && strcmp(end, units[i].unit) == 0) {
			*out_ms = n * units[i].ms;
			return true;
		}
	return false;
}

uint64_t word_ns(struct play *p, const char *text)
{
	int64_t ms = 0;
	if (!word_time(text, &ms) || ms < 0)
		play_fail(p, "\"%s\" is no time", text);
	return (uint64_t)ms * MS;
}

/* "name=value": the value, or NULL. */
const char *word_value(const char *word, const char *name)
{
	size_t n = strlen(name);
	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

const char *words_option(char **words, size_t n, const char *name)
{
	for (size_t i = 1; i < n; i++)
		if (word_value(words[i], name))
			return word_value(words[i], name);
	return NULL;
}

uint32_t words_number(char **words, size_t n, const char *name, uint32_t otherwise)
{
	const char *text = words_option(words, n, name);
	return text ? (uint32_t)strtoul(text, NULL, 10) : otherwise;
}

bool words_have(char **words, size_t n, const char *word)
{
	for (size_t i = 1; i < n; i++)
		if (strcmp(words[i], word) == 0)
			return true;
	return false;
}

const char *words_after(char **words, size_t n, const char *word)
{
	for (size_t i = 1; i + 1 < n; i++)
		if (strcmp(words[i], word) == 0)
			return words[i + 1];
	return NULL;
}

/* "=3", "<=3", ">=3" */
void play_compare(struct play *p, const char *what, const char *text, uint64_t is)
{
	uint64_t wanted = strtoull(text + strcspn(text, "0123456789"), NULL, 10);
	bool fits = strncmp(text, "<=", 2) == 0	  ? is <= wanted
		    : strncmp(text, ">=", 2) == 0 ? is >= wanted
						  : is == wanted;
	if (!fits)
		play_fail(p, "%s: %llu, expected %s", what, (unsigned long long)is, text);
}

struct node_sim *play_node(struct play *p, const char *name)
{
	struct node_sim *n = node_find(p->w, name);
	if (!n)
		play_fail(p, "there is no node \"%s\"", name);
	return n ? n : p->w->nodes[0];
}

struct zone_sim *play_zone(struct play *p, const char *prefix)
{
	struct zone_sim *z = town_find(&p->town, strcmp(prefix, ".") ? prefix : "");
	if (!z)
		play_fail(p, "there is no zone \"%s\"", prefix);
	return z ? z : p->town.zones[0];
}

/* --- the world --- */

void stage_option(struct play *p, char **words, size_t n)
{
	struct world_options *o = &p->w->o;
	const char *v = n > 2 ? words[2] : "";
	uint32_t number = (uint32_t)strtoul(v, NULL, 10);
	bool yes = strcmp(v, "yes") == 0 || strcmp(v, "on") == 0;
	int64_t ms = 0;
	if (word_time(v, &ms))
		number = (uint32_t)(ms / 1000);
	const char *name = n > 1 ? words[1] : "";
	if (strcmp(name, "stale") == 0)
		o->stale_s = number;
	else if (strcmp(name, "prefetch") == 0)
		o->prefetch_hits = number;
	else if (strcmp(name, "ttl-min") == 0)
		p->w->rules.ttl_min_s = o->ttl_min_s = number;
	else if (strcmp(name, "ttl-max") == 0)
		p->w->rules.ttl_max_s = o->ttl_max_s = number;
	else if (strcmp(name, "negative") == 0)
		p->w->rules.negative_max_s = o->negative_max_s = number;
	else if (strcmp(name, "cache") == 0)
		o->cache_octets = strtoull(v, NULL, 10);
	else if (strcmp(name, "aliases") == 0)
		p->w->rules.follow_aliases = o->follow_aliases = yes;
	else if (strcmp(name, "insecure") == 0)
		p->w->anchors.insecure = o->insecure = yes;
	else if (strcmp(name, "refresh-root") == 0)
		o->refresh_root = yes;
	else if (strcmp(name, "seed") == 0)
		hlv_rand_seed(&p->w->rand, strtoull(v, NULL, 10));
	else if (strcmp(name, "unsigned") == 0)
		p->w->rules.validate.unsigned_policy = strcmp(v, "refuse") == 0
							       ? UNSIGNED_REFUSE
						       : strcmp(v, "log") == 0 ? UNSIGNED_LOG
									       : UNSIGNED_ALLOW;
	else
		play_fail(p, "there is no option \"%s\"", name);
}

void stage_zone(struct play *p, char **words, size_t n)
{
	const char *prefix = strcmp(words[1], ".") ? words[1] : "";
	if (*prefix && p->town.n == 0) {
		play_fail(p, "the root, \".\", comes first");
		return;
	}
	struct zone_spec spec = {
		.servers = words_number(words, n, "servers", 1),
		.mirrors = words_number(words, n, "mirrors", 0),
		.hash_option = (uint8_t)words_number(words, n, "hash", HLV_HASH_ALL),
		.ttl_s = words_number(words, n, "ttl", 86400),
		.keyed = words_have(words, n, "key"),
		.keyless_site = words_have(words, n, "keyless"),
		.tls = words_have(words, n, "tls"),
		.shared = words_have(words, n, "shared"),
		.by_service = words_have(words, n, "service"),
	};
	town_zone(&p->town, prefix, &spec);
}

void stage_put(struct play *p, char **words, size_t n)
{
	if (n < 3 || words[2][0] != 'g') {
		play_fail(p, "put ID gN [ttl=S]");
		return;
	}
	struct zone_sim *z = town_zone_of(&p->town, words[1]);
	truth_put(p->w, z->nodes[0], words[1], (uint32_t)strtoul(words[2] + 1, NULL, 10),
		  words_number(words, n, "ttl", 86400));
}

void stage_remove(struct play *p, char **words, size_t n)
{
	(void)n;
	struct zone_sim *z = town_zone_of(&p->town, words[1]);
	truth_remove(p->w, z->nodes[0], words[1]);
}

static struct hlv_bytes data_of(struct play *p, const char *text)
{
	struct node_sim *nodes[8];
	size_t n = 0;
	if (strncmp(text, "key:", 4) == 0)
		return pubkey_of_role(text + 4);
	bool fat = strncmp(text, "fat:", 4) == 0;
	if (!fat && strncmp(text, "site:", 5) != 0)
		return hlv_arena_copy(&p->w->arena, hlv_text(text));
	char room[WORLD_NAME * 4], *rest = room, *name;
	snprintf(room, sizeof room, "%s", text + (fat ? 4 : 5));
	while ((name = strtok_r(n ? NULL : room, ",", &rest)) && n < 8)
		nodes[n++] = play_node(p, name);
	return site_octets(&p->w->arena, &(struct site_spec){.nodes = nodes,
							     .n = n,
							     .hash_option = HLV_HASH_ALL,
							     .primary = true,
							     .fat = fat ? 17000 : 0,
							     .tls = nodes[0]->tls});
}

struct record_sim *stage_record(struct play *p, const char *id)
{
	struct record_sim *r = p->records;
	while (r && strcmp(r->id, id) != 0)
		r = r->next;
	if (r)
		return r;
	r = calloc(1, sizeof *r);
	hlv_require(r != NULL);
	snprintf(r->id, sizeof r->id, "%s", id);
	r->next = p->records;
	return p->records = r;
}

void stage_add(struct play *p, const char *id, const struct value_sim *v)
{
	struct record_sim *r = stage_record(p, id);
	size_t at = 0;
	while (at < r->n && r->v[at].index != v->index)
		at++;
	hlv_require(at < sizeof r->v / sizeof *r->v);
	r->v[at] = *v;
	r->n += at == r->n;
	node_put(p->w, town_zone_of(&p->town, id)->nodes[0], id, r->v, r->n);
	truth_of(p->w, id)->anything = true; /* what it says is the script's to check */
}

void stage_value(struct play *p, char **words, size_t n)
{
	if (n < 5) {
		play_fail(p, "value ID INDEX TYPE DATA [ttl=S]");
		return;
	}
	stage_add(p, words[1],
		  &(struct value_sim){.index = (uint32_t)strtoul(words[2], NULL, 10),
				      .type = hlv_arena_str(&p->w->arena, hlv_text(words[3])),
				      .data = data_of(p, words[4]),
				      .ttl_s = words_number(words, n, "ttl", 86400)});
}

void stage_must_sign(struct play *p, char **words, size_t n)
{
	size_t i = p->w->rules.validate.nmust_sign++;
	hlv_require(i < 16);
	snprintf(p->must_prefix[i], WORLD_NAME, "%s", strcmp(words[1], ".") ? words[1] : "");
	snprintf(p->must_signer[i], WORLD_NAME, "%s", n > 2 ? words[2] : "");
	p->w->must[i] = (struct must_sign){.prefix = hlv_text(p->must_prefix[i])};
	if (n > 2)
		p->w->must[i].signer = hlv_ref_parse(hlv_text(p->must_signer[i]));
	if (p->started)
		world_reload(p->w);
}

static void add_start(struct play *p, const char *prefix, const struct hlv_bytes *sites,
		      size_t n, bool forwarder)
{
	size_t i = p->w->rules.nstarts++;
	hlv_require(i < 16);
	uint8_t *room = hlv_alloc(&p->w->arena, 8192);
	struct hlv_writer out = hlv_writer(room, 8192);
	for (size_t k = 0; k < n; k++)
		hlv_put_lp32(&out, sites[k]);
	p->w->starts[i].zone = (struct zone){
		.prefix = hlv_arena_copy(&p->w->arena, hlv_text(prefix)),
		.sites = {(uint32_t)n, hlv_written(&out)},
		.proof = PROOF_SECURE,
		.is_forwarder = forwarder,
		.until_ms = UINT64_MAX,
	};
}

void stage_start(struct play *p, char **words, size_t n)
{
	(void)n;
	struct zone_sim *z = play_zone(p, words[2]);
	add_start(p, words[1], z->sites, z->nsites, false);
}

void stage_forward(struct play *p, char **words, size_t n)
{
	(void)n;
	struct node_sim *one[] = {play_node(p, words[2])};
	struct hlv_bytes site = site_octets(
		&p->w->arena,
		&(struct site_spec){
			.nodes = one, .n = 1, .hash_option = HLV_HASH_ALL, .primary = true});
	add_start(p, words[1], &site, 1, true);
}

void stage_anchor(struct play *p, char **words, size_t n)
{
	enum hlv_err err = anchors_add(&p->w->anchors, n > 3 ? words[3] : "300:0.0/0.0",
				       n > 2 ? words[2] : "", pubkey_of_role(words[1]),
				       ANCHOR_VALID, p->w->now.wall_ms);
	if (err != HLV_OK)
		play_fail(p, "anchor: %s", hlv_strerror(err));
}

void play_begin(struct play *p)
{
	p->started = true;
	if (p->town.n == 0)
		town_zone(&p->town, "", &(struct zone_spec){.servers = 1});
	world_start(p->w, false);
}
