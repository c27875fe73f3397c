/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/policy.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/site_file.h"
#include "proto/sec/key.h"
#include "resolver/names.h"

enum { WHY = 512, WORDS_MAX = 3, WORD_MAX = PATH_MAX };

struct policy {
	const struct resolver_options *o;
	struct hlv_arena arena; /* of all that the rules point to */
	struct names *names;
	bool says_anything, refuses;
	struct proven nothing; /* what is answered for what is blocked */
	struct emit_rules emit, emit_own;
	struct walk_rules rules;
	struct walk_start *starts;
	struct must_sign *must_sign;
	struct copy_source *copies;
	struct hlv_nets allowed; /* addresses that may be asked whatever their class */
	struct hlv_bytes root;
};

/* While it is loaded. */
struct loading {
	struct policy *p;
	const char *option, *text; /* at hand */
	char word[WORDS_MAX][WORD_MAX];
	size_t words;
	char *why;
};

__attribute__((format(printf, 3, 4))) static enum hlv_err
complain(struct loading *l, enum hlv_err err, const char *format, ...)
{
	int n = snprintf(l->why, WHY, "%s: '%s': ", l->option, l->text);
	va_list args;
	va_start(args, format);
	if (n > 0 && n < WHY)
		vsnprintf(l->why + n, (size_t)(WHY - n), format, args);
	va_end(args);
	return err;
}

/* --- one entry of a list --- */

static enum hlv_err split(struct loading *l, size_t least, size_t most)
{
	l->words = 0;
	for (const char *s = l->text + strspn(l->text, " "); *s; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");
		if (l->words == most || n >= WORD_MAX)
			return complain(l, HLV_E_USAGE, "too many words, or too long");
		memcpy(l->word[l->words], s, n);
		l->word[l->words++][n] = '\0';
		s += n;
	}
	if (l->words < least)
		return complain(l, HLV_E_USAGE, "a word is missing: see helver -s");
	return HLV_OK;
}

/* "88.118", "0.NA/88.118", or "." for everything, in upper case. */
static enum hlv_err read_prefix(struct loading *l, struct hlv_bytes *out)
{
	struct hlv_bytes text = hlv_text(l->word[0]);
	if (hlv_name_is_prefix_handle(text))
		text = hlv_name_split(text).suffix;
	*out = (struct hlv_bytes){0};
	if (hlv_eq(text, hlv_text(".")))
		return HLV_OK;
	if (text.n == 0 || text.n > HLV_IDENTIFIER_MAX || !hlv_name_is_registrable(text) ||
	    memchr(text.p, '/', text.n))
		return complain(l, HLV_E_USAGE, "'%s' is no prefix: as 88.118.8, or . for all",
				l->word[0]);
	uint8_t *copy = hlv_alloc_raw(&l->p->arena, text.n);
	if (!copy)
		return HLV_E_NOMEM;
	hlv_upper_copy(copy, text.p, text.n);
	*out = hlv_bytes(copy, text.n);
	return HLV_OK;
}

static enum hlv_err read_site(struct loading *l, const char *path, struct hlv_bytes *out)
{
	struct hlv_buf site = {0};
	char why[WHY] = "";
	enum hlv_err err = hlv_site_file_read(path, &site, why);
	if (err == HLV_OK)
		*out = hlv_arena_copy(&l->p->arena, hlv_buf_bytes(&site));
	hlv_buf_free(&site);
	if (err != HLV_OK)
		return complain(l, err, "%s", *why ? why : hlv_strerror(err));
	return l->p->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

static struct hlv_bytes first_key(struct hlv_bytes octets)
{
	struct hlv_site site;
	struct hlv_site_server server = {0};
	if (octets.n == 0 || hlv_site_decode(octets, &site) != HLV_OK || site.servers.n == 0)
		return (struct hlv_bytes){0};
	struct hlv_reader r = hlv_reader(site.servers.raw);
	hlv_site_next_server(&r, &server);
	return server.key;
}

/* A site of one server at that address, with the first key of `keys`, or none. */
static enum hlv_err make_site(struct loading *l, const struct hlv_addr *a,
			      struct hlv_bytes keys, struct hlv_bytes *out)
{
	uint8_t interfaces[16];
	struct hlv_writer i = hlv_writer(interfaces, sizeof interfaces);
	uint32_t port = hlv_addr_port(a);
	struct hlv_site_server server = {.id = 1, .key = first_key(keys)};
	hlv_addr_to_site(a, server.address);
	hlv_site_put_interface(&i,
			       &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_UDP, port});
	hlv_site_put_interface(&i,
			       &(struct hlv_site_interface){HLV_IF_QUERY, HLV_IF_TCP, port});
	server.interfaces = (struct hlv_list){2, hlv_written(&i)};
	size_t room = 128 + server.key.n;
	uint8_t *list = hlv_alloc_raw(&l->p->arena, room),
		*octets = hlv_alloc_raw(&l->p->arena, 2 * room);
	if (l->p->arena.bad)
		return HLV_E_NOMEM;
	struct hlv_writer s = hlv_writer(list, room), w = hlv_writer(octets, 2 * room);
	hlv_site_put_server(&s, &server);
	hlv_site_encode(&w, &(struct hlv_site){.format = 1,
					       .major = 2,
					       .minor = 11,
					       .serial = 1,
					       .flags = HLV_SITE_PRIMARY,
					       .hash_option = HLV_HASH_ALL,
					       .servers = {1, hlv_written(&s)}});
	*out = hlv_written(&w);
	return w.bad || s.bad ? HLV_E_NOMEM : HLV_OK;
}

/* What a file of ours says about where a prefix is served is as good as an anchor; an address
 * without a key is where to ask, and no more. */
static enum hlv_err set_zone(struct loading *l, struct hlv_bytes site, struct zone *z)
{
	uint8_t *list = hlv_alloc_raw(&l->p->arena, site.n + 4);
	if (!list)
		return HLV_E_NOMEM;
	struct hlv_writer w = hlv_writer(list, site.n + 4);
	hlv_put_lp32(&w, site);
	z->sites = (struct hlv_list){1, hlv_written(&w)};
	z->proof = first_key(site).n > 0 ? PROOF_SECURE : PROOF_INSECURE;
	z->until_ms = UINT64_MAX;
	return HLV_OK;
}

static enum hlv_err add_forward(struct loading *l, struct zone *z)
{
	struct hlv_addr a;
	struct hlv_bytes site = {0}, keys = {0};
	HLV_TRY(split(l, 2, 3));
	HLV_TRY(read_prefix(l, &z->prefix));
	z->is_forwarder = true;
	if (hlv_addr_parse(l->word[1], HLV_PORT, &a) == HLV_OK) {
		if (l->words == 3)
			HLV_TRY(read_site(l, l->word[2], &keys));
		HLV_TRY(make_site(l, &a, keys, &site));
	} else {
		if (l->words == 3)
			return complain(l, HLV_E_USAGE,
					"expected PREFIX ADDRESS:PORT [site.json]");
		HLV_TRY(read_site(l, l->word[1], &site));
	}
	return set_zone(l, site, z);
}

static enum hlv_err add_stub(struct loading *l, struct zone *z)
{
	struct hlv_bytes site;
	HLV_TRY(split(l, 2, 2));
	HLV_TRY(read_prefix(l, &z->prefix));
	if (z->prefix.n == 0)
		return complain(l, HLV_E_USAGE, "for everything there is 'root'");
	HLV_TRY(read_site(l, l->word[1], &site));
	return set_zone(l, site, z);
}

static enum hlv_err add_must_sign(struct loading *l, struct must_sign *m)
{
	HLV_TRY(split(l, 1, 2));
	HLV_TRY(read_prefix(l, &m->prefix));
	if (l->words < 2)
		return HLV_OK;
	struct hlv_ref who = hlv_ref_parse(hlv_text(l->word[1]));
	if (who.handle.n == 0 || !hlv_name_split(who.handle).slash)
		return complain(l, HLV_E_USAGE, "'%s' is no identity: as 300:0.NA/88.118.8",
				l->word[1]);
	for (const struct must_sign *other = l->p->must_sign; other < m; other++)
		if (other->signer.handle.n > 0 && hlv_eq(other->prefix, m->prefix))
			return complain(l, HLV_E_USAGE, "a second signer for the same prefix");
	m->signer = (struct hlv_ref){hlv_arena_copy(&l->p->arena, who.handle), who.index};
	return l->p->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

/* --- the lists --- */

/* Several for one prefix are a group: whoever answers best is asked, and the others when he does not.
 * A server without a key among others that have one proves no more than if it stood alone. */
static enum hlv_err join(struct loading *l, struct zone *group, const struct zone *more)
{
	size_t room = group->sites.raw.n + more->sites.raw.n;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(&l->p->arena, room), room);
	if (group->is_forwarder != more->is_forwarder)
		return complain(l, HLV_E_USAGE, "this prefix stands in 'forward', too");
	if (l->p->arena.bad)
		return HLV_E_NOMEM;
	hlv_put(&w, group->sites.raw);
	hlv_put(&w, more->sites.raw);
	group->sites = (struct hlv_list){group->sites.n + more->sites.n, hlv_written(&w)};
	if (more->proof > group->proof)
		group->proof = more->proof;
	return HLV_OK;
}

static enum hlv_err put_start(struct loading *l, size_t *n, const struct zone *z)
{
	for (size_t i = 0; i < *n; i++)
		if (hlv_eq(l->p->starts[i].zone.prefix, z->prefix))
			return join(l, &l->p->starts[i].zone, z);
	l->p->starts[(*n)++].zone = *z;
	return HLV_OK;
}

static enum hlv_err load_starts(struct loading *l)
{
	const struct hlv_strings *lists[] = {&l->p->o->forward, &l->p->o->stub};
	static const char *const names[] = {"forward", "stub"};
	size_t n = 0;
	l->p->starts =
		hlv_alloc(&l->p->arena, (lists[0]->n + lists[1]->n) * sizeof *l->p->starts);
	if (!l->p->starts)
		return HLV_E_NOMEM;
	for (size_t k = 0; k < 2; k++) {
		for (size_t i = 0; i < lists[k]->n; i++) {
			l->option = names[k];
			l->text = lists[k]->list[i];
			struct zone z = {0};
			HLV_TRY(k == 0 ? add_forward(l, &z) : add_stub(l, &z));
			HLV_TRY(put_start(l, &n, &z));
		}
	}
	l->p->rules.starts = l->p->starts;
	l->p->rules.nstarts = n;
	return HLV_OK;
}

static size_t count_servers(struct hlv_bytes octets, struct hlv_site *site)
{
	return hlv_site_decode(octets, site) == HLV_OK ? site->servers.n : 0;
}

static size_t count_all(const struct zone *z)
{
	struct hlv_reader r = hlv_reader(z->sites.raw);
	struct hlv_site site;
	size_t n = 0;
	for (uint32_t i = 0; i < z->sites.n; i++)
		n += count_servers(hlv_next_array(&r), &site);
	return n;
}

/* Whom the configuration names by address may be asked there. */
static void allow_servers(struct hlv_nets *nets, struct hlv_bytes octets)
{
	struct hlv_site site;
	size_t n = count_servers(octets, &site);
	struct hlv_reader r = hlv_reader(site.servers.raw);
	for (size_t i = 0; i < n; i++) {
		struct hlv_site_server server;
		struct hlv_addr a;
		hlv_site_next_server(&r, &server);
		hlv_addr_from_site(server.address, HLV_PORT, &a);
		nets->list[nets->n++] = hlv_net_of(&a);
	}
}

static enum hlv_err load_allowed(struct loading *l)
{
	struct policy *p = l->p;
	const struct hlv_nets *listed = &p->o->upstream_nets;
	size_t n = listed->n;
	for (size_t i = 0; i < p->rules.nstarts; i++)
		n += count_all(&p->starts[i].zone);
	p->allowed.list = hlv_alloc(&p->arena, n * sizeof *p->allowed.list);
	if (!p->allowed.list)
		return HLV_E_NOMEM;
	for (; p->allowed.n < listed->n; p->allowed.n++)
		p->allowed.list[p->allowed.n] = listed->list[p->allowed.n];
	for (size_t i = 0; i < p->rules.nstarts; i++) {
		const struct hlv_list *sites = &p->starts[i].zone.sites;
		struct hlv_reader r = hlv_reader(sites->raw);
		for (uint32_t k = 0; k < sites->n; k++)
			allow_servers(&p->allowed, hlv_next_array(&r));
	}
	p->rules.addresses.allowed = n > 0 ? &p->allowed : NULL;
	return HLV_OK;
}

static enum hlv_err load_must_sign(struct loading *l)
{
	const struct hlv_strings *list = &l->p->o->must_sign;
	l->p->must_sign = hlv_alloc(&l->p->arena, list->n * sizeof *l->p->must_sign);
	if (!l->p->must_sign)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < list->n; i++) {
		l->option = "must-sign";
		l->text = list->list[i];
		HLV_TRY(add_must_sign(l, &l->p->must_sign[i]));
	}
	l->p->rules.validate.must_sign = l->p->must_sign;
	l->p->rules.validate.nmust_sign = list->n;
	return HLV_OK;
}

static enum hlv_err add_copy(struct loading *l, struct copy_source *c)
{
	struct hlv_bytes prefix, site;
	HLV_TRY(split(l, 2, 2));
	HLV_TRY(read_prefix(l, &prefix));
	if (prefix.n == 0)
		return complain(l, HLV_E_USAGE, "everything is too much for a copy");
	HLV_TRY(read_site(l, l->word[1], &site));
	/* R7: what a copy holds is believed for its node's key. Nobody looks for a signer's there. */
	uint8_t room[MEMORY_KEY_MAX];
	struct hlv_writer item = hlv_writer(room, sizeof room);
	hlv_put(&item, prefix);
	hlv_put(&item, hlv_text("/"));
	if (validate_signer(&l->p->rules.validate, hlv_written(&item)).handle.n > 0)
		return complain(
			l, HLV_E_USAGE,
			"must-sign names a signer for it, and a copy shows no signatures; "
			"a stub does");
	for (const struct copy_source *other = l->p->copies; other < c; other++)
		if (hlv_eq(hlv_text(other->prefix), prefix))
			return complain(l, HLV_E_USAGE, "a second copy of the same prefix");
	c->prefix = hlv_arena_str(&l->p->arena, prefix);
	c->site = hlv_arena_str(&l->p->arena, hlv_text(l->word[1]));
	return l->p->arena.bad ? HLV_E_NOMEM : HLV_OK;
}

static enum hlv_err load_copies(struct loading *l)
{
	const struct hlv_strings *list = &l->p->o->copy;
	l->p->copies = hlv_alloc(&l->p->arena, list->n * sizeof *l->p->copies);
	if (!l->p->copies)
		return HLV_E_NOMEM;
	for (size_t i = 0; i < list->n; i++) {
		l->option = "copy";
		l->text = list->list[i];
		HLV_TRY(add_copy(l, &l->p->copies[i]));
	}
	return HLV_OK;
}

static bool all_is_forwarded(const struct policy *p)
{
	for (size_t i = 0; i < p->rules.nstarts; i++)
		if (p->starts[i].zone.is_forwarder && p->starts[i].zone.prefix.n == 0)
			return true;
	return false;
}

static enum hlv_err load_root(struct loading *l)
{
	char path[PATH_MAX];
	const struct resolver_options *o = l->p->o;
	if (*o->root)
		snprintf(path, sizeof path, "%s", o->root);
	else
		snprintf(path, sizeof path, "%s/../root.json", o->data_dir);
	l->option = "root";
	l->text = path;
	l->p->rules.root =
		(struct zone){.proof = PROOF_INSECURE, .is_root = true, .until_ms = UINT64_MAX};
	if (!*o->root && access(path, F_OK) != 0 && (all_is_forwarded(l->p) || *o->root_domain))
		return HLV_OK;
	HLV_TRY(read_site(l, path, &l->p->root));
	HLV_TRY(set_zone(l, l->p->root, &l->p->rules.root));
	/* decisions.md 17. */
	zone_class(&l->p->rules.root.sites, &l->p->rules.addresses);
	return HLV_OK;
}

static bool is_barred(const void *ctx, struct hlv_bytes key)
{
	return names_blocks(ctx, key);
}

static enum hlv_err load_names(struct loading *l)
{
	const struct resolver_options *o = l->p->o;
	struct policy *p = l->p;
	p->names = names_new();
	if (!p->names)
		return HLV_E_NOMEM;
	if (*o->block)
		HLV_TRY(names_read_blocked(p->names, o->block, l->why));
	if (*o->overrides)
		HLV_TRY(names_read_answers(p->names, o->overrides, hlv_clock().wall_ms,
					   l->why));
	p->says_anything = !names_is_empty(p->names);
	if (p->says_anything) {
		p->rules.bars = is_barred;
		p->rules.bars_ctx = p->names;
	}
	return HLV_OK;
}

/* --- words --- */

static void load_words(struct policy *p)
{
	const struct resolver_options *o = p->o;
	const char *trusted = o->trusted, *uns = o->unsigned_policy;
	p->emit.trusted = strcmp(trusted, "off") == 0	    ? TRUSTED_OFF
			  : strcmp(trusted, "enforce") == 0 ? TRUSTED_ENFORCE
							    : TRUSTED_REPORT;
	p->emit.secure_only = strcmp(uns, "refuse") == 0;
	p->refuses = strcmp(o->block_answer, "refused") == 0;
	p->emit_own = p->emit;
	p->emit_own.secure_only = false;
	if (p->emit_own.trusted == TRUSTED_ENFORCE)
		p->emit_own.trusted = TRUSTED_REPORT;
	struct walk_rules *r = &p->rules;
	r->validate.unsigned_policy = strcmp(uns, "allow") == 0	   ? UNSIGNED_ALLOW
				      : strcmp(uns, "refuse") == 0 ? UNSIGNED_REFUSE
								   : UNSIGNED_LOG;
	r->addresses.own = &o->listen;
	r->ttl_min_s = o->ttl_min_s;
	r->ttl_max_s = o->ttl_max_s;
	r->negative_max_s = o->negative_ttl_max_s;
	r->follow_aliases = o->follow_aliases;
	struct finding none = {.rc = HLV_RC_NOT_FOUND};
	hlv_require(prove(PROOF_INSECURE, &none, &p->nothing));
}

enum hlv_err policy_load(const struct resolver_options *o, const struct anchors *anchors,
			 struct policy **out, char *why)
{
	struct policy *p = calloc(1, sizeof *p);
	struct loading *l = calloc(1, sizeof *l);
	enum hlv_err err = p && l ? HLV_OK : HLV_E_NOMEM;
	*why = '\0';
	if (err == HLV_OK) {
		hlv_arena_init(&p->arena, SIZE_MAX);
		p->o = o;
		p->rules.validate.anchors = anchors;
		*l = (struct loading){.p = p, .why = why};
		load_words(p);
		err = load_starts(l);
	}
	if (err == HLV_OK)
		err = load_allowed(l);
	if (err == HLV_OK)
		err = load_must_sign(l);
	if (err == HLV_OK)
		err = load_copies(l);
	if (err == HLV_OK)
		err = load_root(l);
	if (err == HLV_OK)
		err = load_names(l);
	if (err != HLV_OK && !*why)
		snprintf(why, WHY, "policy: %s", hlv_strerror(err));
	free(l);
	if (err != HLV_OK) {
		policy_free(p);
		return err;
	}
	*out = p;
	return HLV_OK;
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	names_free(p->names);
	hlv_arena_fini(&p->arena);
	free(p);
}

/* --- questions to it --- */

bool policy_admits(const struct policy *p, const struct hlv_addr *client)
{
	return hlv_nets_have(&p->o->allow_query, client);
}

enum policy_verdict policy_find(const struct policy *p, struct hlv_bytes key,
				struct proven *out)
{
	if (!p->says_anything)
		return POLICY_RESOLVE;
	if (names_blocks(p->names, key)) {
		*out = p->nothing;
		return POLICY_BLOCK;
	}
	struct finding f = {.rc = HLV_RC_SUCCESS};
	if (!names_answers(p->names, key, &f.values))
		return POLICY_RESOLVE;
	hlv_require(prove(PROOF_INSECURE, &f, out));
	return POLICY_ANSWER;
}

bool policy_refuses_blocked(const struct policy *p)
{
	return p->refuses;
}

void policy_set_serial(struct policy *p, uint16_t serial)
{
	p->emit.site_serial = p->emit_own.site_serial = serial;
}

const struct walk_rules *policy_rules(const struct policy *p)
{
	return &p->rules;
}

const struct emit_rules *policy_emit(const struct policy *p)
{
	return &p->emit;
}

const struct emit_rules *policy_emit_own(const struct policy *p)
{
	return &p->emit_own;
}

const struct copy_source *policy_copies(const struct policy *p, size_t *n)
{
	*n = p->o->copy.n;
	return p->copies;
}

struct hlv_bytes policy_root(const struct policy *p)
{
	return p->root;
}
