/* SPDX-License-Identifier: Apache-2.0
 *
 * What is read from files before the start, and again by each reload: options, anchors, policy.
 */
#include <stdlib.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/log.h"
#include "resolver/finder.h"
#include "resolver/helver.h"

enum {
	RETIRED_S = 30, /* no walk takes that long (BUDGET_MS) */
	ANCHORS_MAX_OCTETS = 1 << 20,
};

static void era_free(struct era *e)
{
	if (!e)
		return;
	policy_free(e->policy);
	if (e->options)
		hlv_conf_free(resolver_option_rows, resolver_option_count, e->options);
	free(e->options);
	free(e);
}

static enum hlv_err load_options(const char *path, struct resolver_options **out, char *why)
{
	struct resolver_options *o = calloc(1, sizeof *o);
	if (!o)
		return HLV_E_NOMEM;
	enum hlv_err err =
		hlv_conf_load(path, resolver_option_rows, resolver_option_count, o, why);
	if (err == HLV_OK && *o->root_domain)
		err = finder_check(o->root_domain, &o->dns_anchor, why);
	if (err == HLV_OK)
		err = hlv_dns_check(&o->dns, why);
	if (err == HLV_OK)
		err = web_check(&o->web, why);
	if (err == HLV_OK)
		err = hlv_schemes_load(&o->schemes, path, &o->scheme_rules, why);
	if (err != HLV_OK) {
		hlv_conf_free(resolver_option_rows, resolver_option_count, o);
		free(o);
		return err;
	}
	o->web.schemes = &o->scheme_rules;
	hlv_log_set(o->log_level, o->log_format);
	*out = o;
	return HLV_OK;
}

enum hlv_err era_read(struct helver *h, struct era **out)
{
	struct era *e = calloc(1, sizeof *e);
	if (!e)
		return HLV_E_NOMEM;
	enum hlv_err err = load_options(h->d.path, &e->options, h->d.why);
	if (err != HLV_OK) {
		free(e);
		return err;
	}
	*out = e;
	return HLV_OK;
}

/* --- anchors and policy --- */

enum hlv_err era_add_root_keys(struct anchors *a, const struct policy *policy)
{
	struct hlv_bytes site = policy_root(policy);
	size_t unusable;
	if (site.n == 0)
		return HLV_OK;
	HLV_TRY(anchors_add_site(a, site, hlv_clock().wall_ms, &unusable));
	if (unusable > 0)
		hlv_warn("anchors.root", "unusable_keys=%zu", unusable);
	return HLV_OK;
}

static void paths(struct helver *h, const struct resolver_options *o)
{
	if (*o->anchors)
		snprintf(h->anchors_path, sizeof h->anchors_path, "%s", o->anchors);
	else
		snprintf(h->anchors_path, sizeof h->anchors_path, "%s/anchors.json",
			 o->data_dir);
	snprintf(h->rootdns_path, sizeof h->rootdns_path, "%s/root-dns.txt", o->data_dir);
	snprintf(h->copies_path, sizeof h->copies_path, "%s/copies", o->data_dir);
}

static enum hlv_err load_anchors(struct helver *h, const struct resolver_options *o)
{
	struct hlv_buf file = {0};
	char why[HLV_DAEMON_WHY] = "";
	paths(h, o);
	h->anchors = calloc(1, sizeof *h->anchors);
	if (!h->anchors)
		return HLV_E_NOMEM;
	enum hlv_err err = HLV_OK;
	if (access(h->anchors_path, F_OK) == 0) {
		err = hlv_file_read(h->anchors_path, ANCHORS_MAX_OCTETS, &file, h->d.why);
		if (err == HLV_OK)
			err = anchors_parse(hlv_buf_bytes(&file), h->anchors, why);
		if (err != HLV_OK && *why)
			snprintf(h->d.why, sizeof h->d.why, "%s: %s", h->anchors_path, why);
	}
	hlv_buf_free(&file);
	h->anchors->insecure = o->insecure;
	return err;
}

/* threats.md 7, "Anchors": none at all is a choice that must be written down. */
static enum hlv_err check_anchors(struct helver *h)
{
	for (size_t i = 0; i < h->anchors->n; i++)
		if (anchor_is_believed(&h->anchors->list[i]))
			return HLV_OK;
	if (h->era->options->insecure)
		return HLV_OK;
	snprintf(h->d.why, sizeof h->d.why,
		 "no trust anchor is believed: give 'root' a site record with keys, add one "
		 "with "
		 "helvectl anchor, or write 'insecure: true' into %s",
		 h->d.path);
	return HLV_E_KEY;
}

enum hlv_err era_begin(struct helver *h)
{
	struct era *e = h->era;
	HLV_TRY(load_anchors(h, e->options));
	HLV_TRY(policy_load(e->options, h->anchors, &e->policy, h->d.why));
	policy_set_serial(e->policy, h->own.serial);
	HLV_TRY(era_add_root_keys(h->anchors, e->policy));
	return check_anchors(h);
}

/* --- the next one, and the former ones --- */

/* Sockets stay: where the file leaves the port to the system, it is the one that we have. */
static void keep_ports(struct hlv_addrs *listen, const struct hlv_addrs *now)
{
	for (size_t i = 0; i < listen->n && i < now->n; i++)
		if (hlv_addr_port(&listen->list[i]) == 0)
			listen->list[i] = now->list[i];
}

enum hlv_err era_load(struct helver *h, struct era **out)
{
	struct era *e;
	HLV_TRY(era_read(h, &e));
	keep_ports(&e->options->listen, h->d.listen);
	keep_ports(&e->options->http, h->d.streams[0].addrs);
	keep_ports(&e->options->dns.listen, h->d.streams[1].addrs);
	enum hlv_err err = policy_load(e->options, h->anchors, &e->policy, h->d.why);
	if (err != HLV_OK) {
		hlv_log_set(h->era->options->log_level, h->era->options->log_format);
		era_free(e);
		return err;
	}
	policy_set_serial(e->policy, h->own.serial);
	*out = e;
	return HLV_OK;
}

struct use {
	const struct era *era;
	bool any;
};

static void see_use(struct engine *engine, struct anchors *anchors, void *ctx)
{
	struct use *use = ctx;
	(void)anchors;
	use->any = engine_uses(engine, policy_rules(use->era->policy));
}

/* Time is enough for all but a resolver that had no memory for the rules after these. */
static bool is_retired(struct helver *h, const struct era *e, hlv_mono_ns now_ns)
{
	struct use use = {.era = e};
	if (now_ns - e->ended_ns < RETIRED_S * UINT64_C(1000000000))
		return false;
	recursor_call(h->recursor, see_use, &use);
	return !use.any;
}

void era_free_retired(struct helver *h, hlv_mono_ns now_ns)
{
	struct era **at = &h->era->next;
	while (*at) {
		struct era *e = *at;
		if (!is_retired(h, e, now_ns)) {
			at = &e->next;
			continue;
		}
		*at = e->next;
		era_free(e);
	}
}

void era_free_all(struct helver *h)
{
	for (struct era *e = h->era, *next; e; e = next) {
		next = e->next;
		era_free(e);
	}
}
