/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/dig/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/json.h"
#include "proto/wire/site.h"
#include "resolver/anchor.h"
#include "resolver/drive.h"
#include "tools/args.h"
#include "tools/dig/ask.h"
#include "tools/show.h"

static const char root_file[] = "/etc/helve/root.json";

/* The root and what is believed because of it; then what was seen on the way down. */
struct trace {
	const struct dig_options *o;
	struct hlv_arena arena;
	struct anchors anchors;
	struct walk_rules rules;
	struct hlv_buf steps; /* text, or elements of a JSON list */
	unsigned asked;
	char server[HLV_ADDR_TEXT]; /* that was asked last */
	enum show_colour colour;
	double ms;
};

/* --- the root --- */

static bool add_anchors(struct trace *t, struct hlv_bytes record)
{
	size_t unusable;
	return anchors_add_site(&t->anchors, record, hlv_clock().wall_ms, &unusable) ==
		       HLV_OK &&
	       (unusable == 0 || t->anchors.n > 0);
}

static int load_root(struct trace *t)
{
	const char *path = t->o->site_file ? t->o->site_file : root_file;
	char why[256];
	struct hlv_bytes record;
	if (!t->o->site_file && access(root_file, F_OK) != 0) {
		args_complain(
			"+trace starts from the root: +root=SITE.json names its site record "
			"(the root node's site.json), or put it at %s",
			root_file);
		return EXIT_USAGE;
	}
	uint8_t *room = hlv_alloc_raw(&t->arena, (size_t)2 * DIG_SITE_MAX);
	if (!room) {
		args_complain("out of memory");
		return EXIT_OTHER;
	}
	if (!dig_read_site(path, room, &record, why)) {
		args_complain("+root: %s", why);
		return EXIT_USAGE;
	}
	if (!add_anchors(t, record)) {
		args_complain("+root: %s: a key in it is weak or cannot be read", path);
		return EXIT_USAGE;
	}
	size_t n = record.n + 4;
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(&t->arena, n), n);
	hlv_put_lp32(&w, record);
	t->rules.root = (struct zone){
		.sites = {1, hlv_written(&w)}, .proof = PROOF_SECURE, .is_root = true};
	zone_class(&t->rules.root.sites, &t->rules.addresses);
	return DIG_GO_ON;
}

/* --- the steps --- */

static enum show_ink ink_of(enum proof proof)
{
	switch (proof) {
	case PROOF_SECURE:
		return INK_GOOD;
	case PROOF_BOGUS:
		return INK_BAD;
	case PROOF_UNKNOWN:
	case PROOF_INSECURE:
		break;
	}
	return INK_FAINT;
}

static void put_code(struct hlv_buf *b, uint32_t rc)
{
	const char *text = hlv_rc_text(rc);
	hlv_buf_printf(b, "%s (%u)", text ? text : "unknown code", rc);
}

/* ", to 192.0.2.1:2641 192.0.2.2:2641": where the sites of a referral or of a prefix's record are. */
static void put_places(struct hlv_buf *b, const struct hlv_list *values)
{
	struct hlv_reader r = hlv_reader(values->raw);
	const char *before = ", to ";
	struct hlv_addr last = {0};
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		struct hlv_site site;
		struct hlv_site_server server;
		struct hlv_site_interface f = {0};
		struct hlv_addr a;
		char text[HLV_ADDR_TEXT];
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		if ((!hlv_type_is(v.type, "HS_SITE") &&
		     !hlv_type_is(v.type, "HS_NA_DELEGATE")) ||
		    hlv_site_decode(v.data, &site) != HLV_OK || site.servers.n == 0)
			continue;
		struct hlv_reader s = hlv_reader(site.servers.raw);
		hlv_site_next_server(&s, &server);
		s = hlv_reader(server.interfaces.raw);
		if (server.interfaces.n > 0)
			hlv_site_next_interface(&s, &f);
		hlv_addr_from_site(server.address, (uint16_t)f.port, &a);
		/* HS_SITE and HS_SITE.PREFIX are often the same. */
		if (last.len && hlv_addr_eq(&a, &last))
			continue;
		last = a;
		hlv_buf_printf(b, "%s%s", before, hlv_addr_print(&a, text));
		if (site.servers.n > 1)
			hlv_buf_printf(b, " and %u more by hash", site.servers.n - 1);
		before = " ";
	}
}

static void put_step_text(struct trace *t, const struct walk_event *e)
{
	struct hlv_buf *b = &t->steps, why = {0};
	hlv_buf_printf(b, ";; %2u %*s", e->step, (int)(2 * e->depth), "");
	show_text(b, e->asked);
	hlv_buf_str(b, " at ");
	if (e->zone.n == 0)
		hlv_buf_str(b, "the root");
	else
		show_text(b, e->zone);
	if (e->server.len)
		hlv_buf_printf(b, ", %s", t->server);
	hlv_buf_str(b, ": ");
	if (e->rs)
		put_code(b, e->rc);
	if (e->rs && (e->rs->kind == HLV_BODY_RECORD || e->rs->kind == HLV_BODY_REFERRAL))
		put_places(b, &e->rs->values);
	if (!e->rs)
		show_ink(b, t->colour, INK_BAD, "no answer");
	/* It may quote what a server said. */
	hlv_buf_printf(&why, "\n;;    %*s%s: ", (int)(2 * e->depth), "", proof_name(e->proof));
	show_text(&why, hlv_text(e->why));
	show_ink(b, t->colour, ink_of(e->proof), why.p ? why.p : "");
	hlv_buf_free(&why);
	hlv_buf_str(b, "\n");
}

static void put_step_json(struct trace *t, const struct walk_event *e)
{
	struct hlv_buf *b = &t->steps;
	hlv_buf_printf(b, "%s{\"step\":%u,\"depth\":%u,\"asked\":", e->step > 1 ? "," : "",
		       e->step, e->depth);
	hlv_json_put_str(b, e->asked);
	hlv_buf_str(b, ",\"zone\":");
	hlv_json_put_str(b, e->zone);
	if (e->server.len)
		hlv_buf_printf(b, ",\"server\":\"%s\"", t->server);
	if (e->rs)
		hlv_buf_printf(b, ",\"responseCode\":%u", e->rc);
	hlv_buf_printf(b, ",\"proof\":\"%s\",\"why\":", proof_name(e->proof));
	hlv_json_put_str(b, hlv_text(e->why));
	hlv_buf_str(b, "}");
}

static void on_event(void *ctx, const struct walk_event *e)
{
	struct trace *t = ctx;
	t->asked++;
	if (e->server.len)
		hlv_addr_print(&e->server, t->server);
	if (t->o->form == DIG_JSON)
		put_step_json(t, e);
	else if (t->o->form == DIG_TEXT)
		put_step_text(t, e);
}

/* --- what came of it --- */

static bool is_asked_for(const struct dig_options *o, const struct hlv_value *v)
{
	for (size_t i = 0; i < o->nindexes; i++)
		if (o->indexes[i] == v->index)
			return true;
	for (size_t i = 0; i < o->ntypes; i++)
		if (hlv_type_asked(v->type, hlv_text(o->types[i])))
			return true;
	return o->nindexes == 0 && o->ntypes == 0;
}

/* The walk asks for the whole record, since that is what is proven; here it is cut to what was asked
 * for. */
static void choose(struct trace *t, const struct hlv_list *all, struct hlv_list *chosen)
{
	struct hlv_writer w = hlv_writer(hlv_alloc_raw(&t->arena, all->raw.n), all->raw.n);
	struct hlv_reader r = hlv_reader(all->raw);
	*chosen = (struct hlv_list){0};
	for (uint32_t i = 0; i < all->n && w.p; i++) {
		struct hlv_value v;
		size_t at = r.pos;
		if (hlv_value_decode(&r, &v) != HLV_OK)
			return;
		if (!is_asked_for(t->o, &v))
			continue;
		hlv_put(&w, hlv_since(&r, at));
		chosen->n++;
	}
	chosen->raw = hlv_written(&w);
}

static enum dig_exit code_of(const struct walk_result *r, const struct hlv_list *values)
{
	switch (r->proof) {
	case PROOF_SECURE:
		return r->finding.rc == HLV_RC_SUCCESS && values->n > 0 ? EXIT_ANSWERED
									: EXIT_MISSING;
	case PROOF_INSECURE: /* +cert is implied */
	case PROOF_BOGUS:
		return EXIT_UNTRUSTED;
	case PROOF_UNKNOWN:
		break;
	}
	return r->timed_out ? EXIT_NO_REPLY : EXIT_OTHER;
}

static uint32_t shown_code(const struct walk_result *r, const struct hlv_list *values)
{
	if (r->proof < PROOF_INSECURE)
		return r->rc;
	bool none = r->finding.rc == HLV_RC_SUCCESS && values->n == 0;
	return none ? HLV_RC_VALUES_NOT_FOUND : r->finding.rc;
}

/* Insecure: what is below an unsigned delegation, or a root without a key. */
static const char *reason(const struct walk_result *r)
{
	if (r->why[0])
		return r->why;
	return r->proof == PROOF_INSECURE ? "not signed all the way from the root" : "";
}

static void put_text(struct trace *t, struct hlv_buf *b, const struct walk_result *r,
		     const struct hlv_list *values)
{
	struct hlv_buf line = {0};
	hlv_buf_put(b, hlv_buf_bytes(&t->steps));
	hlv_buf_str(b, ";; ");
	show_text(b, t->o->id);
	hlv_buf_str(b, ": ");
	if (r->proof >= PROOF_INSECURE) {
		put_code(b, shown_code(r, values));
		hlv_buf_str(b, ", ");
	}
	const char *why = reason(r);
	hlv_buf_printf(&line, "%s%s", proof_name(r->proof), why[0] ? ": " : "");
	show_text(&line, hlv_text(why));
	show_ink(b, t->colour, ink_of(r->proof), line.p ? line.p : "");
	hlv_buf_free(&line);
	hlv_buf_printf(b, "\n;; %u step%s in %.1f ms\n", t->asked, t->asked == 1 ? "" : "s",
		       t->ms);
	if (r->proof >= PROOF_INSECURE && values->n > 0)
		show_values(b, values, t->colour);
}

static void put_short(struct trace *t, struct hlv_buf *b, const struct walk_result *r,
		      const struct hlv_list *values)
{
	struct hlv_reader in = hlv_reader(values->raw);
	struct hlv_value v;
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&in, &v) == HLV_OK; i++) {
		show_data(b, &v, NULL);
		hlv_buf_str(b, "\n");
	}
	if (r->proof == PROOF_SECURE && values->n > 0)
		return;
	struct hlv_buf line = {0};
	show_text(&line, t->o->id);
	args_complain("%s: %s%s%s", line.p ? line.p : "", proof_name(r->proof),
		      reason(r)[0] ? ": " : "", reason(r));
	hlv_buf_free(&line);
}

static void put_json(struct trace *t, struct hlv_buf *b, const struct walk_result *r,
		     const struct hlv_list *values)
{
	struct hlv_reader in = hlv_reader(values->raw);
	struct hlv_value v;
	char signature[VALIDATE_WHY + 16] = "none";
	if (r->proof == PROOF_SECURE)
		snprintf(signature, sizeof signature, "verified");
	else if (r->proof != PROOF_INSECURE)
		snprintf(signature, sizeof signature, "failed: %s", reason(r));
	hlv_buf_printf(b, "{\"responseCode\":%u,\"handle\":", shown_code(r, values));
	hlv_json_put_str(b, t->o->id);
	hlv_buf_str(b, ",\"values\":[");
	for (uint32_t i = 0; i < values->n && hlv_value_decode(&in, &v) == HLV_OK; i++) {
		hlv_buf_str(b, i ? "," : "");
		hlv_json_put_value(b, &v);
	}
	hlv_buf_printf(b, "],\"server\":\"%s\",\"ms\":%.2f,\"proof\":\"%s\",\"signature\":",
		       t->server, t->ms, proof_name(r->proof));
	hlv_json_put_str(b, hlv_text(signature));
	hlv_buf_str(b, ",\"trace\":[");
	hlv_buf_put(b, hlv_buf_bytes(&t->steps));
	hlv_buf_str(b, "]}\n");
}

static int print(struct trace *t, const struct walk_result *r)
{
	struct hlv_buf b = {0};
	struct hlv_list values = {0};
	if (r->proof >= PROOF_INSECURE)
		choose(t, &r->finding.values, &values);
	switch (t->o->form) {
	case DIG_TEXT:
		put_text(t, &b, r, &values);
		break;
	case DIG_SHORT:
		put_short(t, &b, r, &values);
		break;
	case DIG_JSON:
		put_json(t, &b, r, &values);
		break;
	}
	bool written = !b.bad && !t->steps.bad &&
		       (b.n == 0 || fwrite(b.p, 1, b.n, stdout) == b.n) && fflush(stdout) == 0;
	hlv_buf_free(&b);
	if (written)
		return (int)code_of(r, &values);
	args_complain("the answer could not be written");
	return EXIT_OTHER;
}

static int walk(struct trace *t)
{
	struct walk_question q = {.id = t->o->id, .authoritative = t->o->authoritative};
	struct hlv_now began = hlv_clock();
	t->rules.validate = (struct validate_rules){.anchors = &t->anchors,
						    .unsigned_policy = UNSIGNED_ALLOW};
	t->rules.ttl_max_s = HLV_TTL_DEFAULT_S;
	struct walk *w = walk_new(&t->rules, NULL, &q, 0, began);
	if (!w) {
		args_complain("out of memory");
		return EXIT_OTHER;
	}
	walk_on_event(w, on_event, t);
	walk_drive(w, NULL);
	t->ms = (double)(hlv_clock().mono_ns - began.mono_ns) / 1e6;
	int code = print(t, walk_result(w));
	walk_free(w);
	return code;
}

int dig_trace(const struct dig_options *o)
{
	enum { ROOM = 4 << 20 };
	struct trace t = {.o = o};
	hlv_arena_init(&t.arena, ROOM);
	t.colour = isatty(STDOUT_FILENO) ? SHOW_COLOURED : SHOW_PLAIN;
	int code = load_root(&t);
	if (code == DIG_GO_ON)
		code = walk(&t);
	hlv_buf_free(&t.steps);
	anchors_fini(&t.anchors);
	hlv_arena_fini(&t.arena);
	return code;
}
