/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dns/zones.h"

#include <stdio.h>

#include "proto/base/arena.h"
#include "proto/base/hex.h"
#include "proto/dns/idn.h"
#include "proto/wire/name.h"

enum { WORDS_MAX = 3 + HLV_DNS_SERVERS_MAX, WHY = 256, ARENA_LIMIT = 16 << 20 };

/* --- the option's rows --- */

static size_t split(const char *row, struct hlv_bytes words[WORDS_MAX + 1])
{
	size_t n = 0;
	while (n <= WORDS_MAX) {
		row += strspn(row, " \t");
		size_t len = strcspn(row, " \t");
		if (len == 0)
			break;
		words[n++] = hlv_bytes(row, len);
		row += len;
	}
	return n;
}

static enum hlv_err take_name(struct hlv_arena *a, struct hlv_bytes text,
			      struct hlv_bytes *name)
{
	uint8_t given[HLV_DNAME_MAX + 1], lower[HLV_DNAME_MAX];
	struct hlv_writer w = hlv_writer(given, sizeof given);
	HLV_TRY(hlv_dname_parse(text, &w));
	struct hlv_writer l = hlv_writer(lower, sizeof lower);
	hlv_dname_put_lower(&l, hlv_written(&w));
	*name = hlv_arena_copy(a, hlv_written(&l));
	return a->bad ? HLV_E_NOMEM : HLV_OK;
}

static const struct {
	const char *word;
	enum hlv_dns_kind kind;
	bool has_prefix;
} kinds[] = {
	{"identifiers", HLV_DNS_IDENTIFIERS, true},
	{"oid", HLV_DNS_OIDS, false},
	{"gs1", HLV_DNS_GS1S, true},
};

/* Which words are the prefix and the servers. */
static bool read_kind(const struct hlv_bytes *words, size_t n, struct hlv_dns_zone *z,
		      struct hlv_bytes *prefix, size_t *servers)
{
	z->kind = HLV_DNS_NAMES;
	*prefix = words[1];
	*servers = 2;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!hlv_eq(words[1], hlv_text(kinds[i].word)))
			continue;
		z->kind = kinds[i].kind;
		*servers = kinds[i].has_prefix ? 3 : 2;
		*prefix = kinds[i].has_prefix && n > 2 ? words[2] : (struct hlv_bytes){0};
		return !kinds[i].has_prefix || n > 2;
	}
	return n == 2;
}

static const char *read_row(struct hlv_arena *a, const char *row, struct hlv_dns_zone *z)
{
	struct hlv_bytes words[WORDS_MAX + 1], prefix;
	size_t n = split(row, words), servers;
	if (n < 2 || n > WORDS_MAX)
		return "write \"zone identifier\" or \"zone identifiers PREFIX [server ...]\"";
	if (take_name(a, words[0], &z->apex) != HLV_OK)
		return "the zone is no domain name";
	if (!read_kind(words, n, z, &prefix, &servers))
		return "write \"zone identifier\", or \"zone identifiers PREFIX\", \"zone "
		       "oid\", \"zone gs1 AI\" and names of servers";
	if (prefix.n > HLV_DNS_PREFIX_MAX || (prefix.n > 0 && !hlv_name_is_registrable(prefix)))
		return "this cannot be an identifier";
	z->prefix = hlv_arena_copy(a, prefix);
	for (size_t i = servers; i < n; i++)
		if (z->nservers == HLV_DNS_SERVERS_MAX ||
		    take_name(a, words[i], &z->servers[z->nservers++]) != HLV_OK)
			return "the name of a server is no domain name";
	return a->bad ? "out of memory" : NULL;
}

enum hlv_err hlv_dns_zones_parse(char *const *rows, size_t n, struct hlv_dns_zones *zones,
				 char *why)
{
	*zones = (struct hlv_dns_zones){.arena = calloc(1, sizeof *zones->arena)};
	if (!zones->arena)
		return HLV_E_NOMEM;
	hlv_arena_init(zones->arena, ARENA_LIMIT);
	zones->list = hlv_alloc(zones->arena, n * sizeof *zones->list);
	for (size_t i = 0; zones->list && i < n; i++) {
		const char *wrong = read_row(zones->arena, rows[i], &zones->list[i]);
		const struct hlv_dns_zone *same =
			wrong ? NULL : hlv_dns_zone_of(zones, zones->list[i].apex);
		if (same && hlv_dname_eq(same->apex, zones->list[i].apex))
			wrong = "this zone is there twice";
		if (wrong) {
			snprintf(why, WHY, "dns-zones: \"%s\": %s", rows[i], wrong);
			hlv_dns_zones_fini(zones);
			return HLV_E_USAGE;
		}
		zones->n = i + 1;
	}
	if (zones->list)
		return HLV_OK;
	hlv_dns_zones_fini(zones);
	return HLV_E_NOMEM;
}

void hlv_dns_zones_fini(struct hlv_dns_zones *zones)
{
	if (zones->arena)
		hlv_arena_fini(zones->arena);
	free(zones->arena);
	*zones = (struct hlv_dns_zones){0};
}

const struct hlv_dns_zone *hlv_dns_zone_of(const struct hlv_dns_zones *zones,
					   struct hlv_bytes name)
{
	const struct hlv_dns_zone *best = NULL;
	for (size_t i = 0; i < zones->n; i++) {
		const struct hlv_dns_zone *z = &zones->list[i];
		if ((!best || z->apex.n > best->apex.n) && hlv_dname_is_below(name, z->apex))
			best = z;
	}
	return best;
}

/* --- names into identifiers --- */

/* "-HH" stands for one octet. */
static bool put_unescaped(struct hlv_writer *w, struct hlv_bytes text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] != '-') {
			hlv_put_u8(w, text.p[i]);
			continue;
		}
		int octet = hlv_hex_octet(hlv_skip(text, i + 1));
		if (octet < 0)
			return false;
		hlv_put_u8(w, (uint8_t)octet);
		i += 2;
	}
	return true;
}

static bool put_label(struct hlv_writer *w, struct hlv_bytes label)
{
	enum { MARK = 4 };
	/* What joins labels is no part of one, but by an escape: else two names were one
	 * identifier. */
	if (memchr(label.p, '/', label.n))
		return false;
	if (label.n > MARK && hlv_eq_fold(hlv_head(label, MARK), hlv_text("hx--")))
		return put_unescaped(w, hlv_skip(label, MARK));
	if (!hlv_idn_decode(label, w))
		hlv_put(w, label);
	return true;
}

static bool is_digits(struct hlv_bytes label)
{
	for (size_t i = 0; i < label.n; i++)
		if (label.p[i] < '0' || label.p[i] > '9')
			return false;
	return true;
}

/* The labels under the zone, the zone's side first; `first` goes before the first, `between` before
 * each other. */
static bool put_labels(const struct hlv_dns_zone *zone, struct hlv_bytes name,
		       const char *first, const char *between, struct hlv_writer *w)
{
	unsigned n = hlv_dname_labels(name) - hlv_dname_labels(zone->apex);
	const char *joint = first;
	while (n-- > 0) {
		struct hlv_bytes label = hlv_dname_label(hlv_dname_up(name, n));
		hlv_put(w, hlv_text(joint));
		joint = between;
		if (zone->kind == HLV_DNS_OIDS || zone->kind == HLV_DNS_GS1S) {
			if (!is_digits(label) || (zone->kind == HLV_DNS_GS1S && label.n != 1))
				return false;
			hlv_put(w, label);
		} else if (!put_label(w, label)) {
			return false;
		}
	}
	return true;
}

bool hlv_dns_identifier(const struct hlv_dns_zone *zone, struct hlv_bytes name,
			struct hlv_writer *w)
{
	size_t from = w->n;
	bool ok = false;
	hlv_put(w, zone->prefix);
	switch (zone->kind) {
	case HLV_DNS_NAMES:
		ok = put_labels(zone, name, "/", "/", w);
		break;
	case HLV_DNS_IDENTIFIERS:
		ok = put_labels(zone, name, "/", ".", w);
		break;
	case HLV_DNS_OIDS:
		ok = put_labels(zone, name, "", ".", w);
		break;
	case HLV_DNS_GS1S:
		ok = put_labels(zone, name, "/", "", w);
		break;
	}
	return ok && !w->bad && hlv_name_is_registrable(hlv_bytes(w->p + from, w->n - from));
}
