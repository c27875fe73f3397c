/* SPDX-License-Identifier: Apache-2.0
 *
 * index: what the index of values holds (server/index.h), and building it anew. Which types are in it
 * is the option index-types.
 */
#include "proto/net/json.h"
#include "server/index.h"
#include "tools/helvectl/live.h"

enum { ENTRIES_A_VIEW = 100000, HASHES_MAX = 1024 };

static const struct option no_options[] = {{0}};

struct sum {
	uint64_t entries, octets;
};

/* The hash of a type that some entry has, and the rule that it comes under. */
struct known {
	uint8_t hash[INDEX_TYPE_HASH];
	size_t rule; /* ntypes: none, it is to be swept */
};

struct showing {
	struct ctl *ctl;
	struct index_rules rules;
	struct index_progress progress;
	bool building;
	uint64_t records;
	struct sum sums[INDEX_TYPES_MAX + 1];
	struct known known[HASHES_MAX];
	size_t nknown;
	struct store_key from;
	size_t seen;
	bool more;
};

/* Its type is in the record alone. */
static size_t rule_of(const struct showing *s, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct hlv_bytes record_key, octets;
	struct hlv_record rec;
	struct hlv_value v;
	if (index_entry_open(stored, key, &record_key) != HLV_OK ||
	    s->ctl->store->ops->get(s->ctl->view, SPACE_RECORD, record_key, &octets) !=
		    HLV_OK ||
	    hlv_record_decode(octets, record_key, &rec) != HLV_OK)
		return s->rules.ntypes;
	struct hlv_reader r = hlv_reader(rec.values.raw);
	for (uint32_t i = 0; i < rec.values.n && hlv_value_decode(&r, &v) == HLV_OK; i++) {
		uint8_t room[INDEX_KEY_MAX];
		struct hlv_bytes at;
		if (index_key(&v, record_key, room, &at) != HLV_OK || !hlv_eq(at, key))
			continue;
		for (size_t k = 0; k < s->rules.ntypes; k++) {
			const struct index_rules one = {.ntypes = 1,
							.types = {s->rules.types[k]}};
			if (index_has_type(&one, v.type))
				return k;
		}
	}
	return s->rules.ntypes;
}

static size_t find_rule(struct showing *s, struct hlv_bytes key, struct hlv_bytes stored)
{
	for (size_t i = 0; i < s->nknown; i++)
		if (memcmp(s->known[i].hash, key.p, INDEX_TYPE_HASH) == 0)
			return s->known[i].rule;
	size_t rule = rule_of(s, key, stored);
	if (s->nknown < HASHES_MAX && rule < s->rules.ntypes) {
		struct known *k = &s->known[s->nknown++];
		memcpy(k->hash, key.p, INDEX_TYPE_HASH);
		k->rule = rule;
	}
	return rule;
}

static bool count_one(void *ctx, struct hlv_bytes key, struct hlv_bytes stored)
{
	struct showing *s = ctx;
	s->more = s->seen++ == ENTRIES_A_VIEW;
	if (s->more) {
		memcpy(s->from.octets, key.p, key.n);
		s->from.n = (uint16_t)key.n;
		return false;
	}
	struct sum *sum = &s->sums[find_rule(s, key, stored)];
	sum->entries++;
	sum->octets += key.n + stored.n;
	return true;
}

/* In slices, so that no view lasts long beside a server that writes. */
static enum hlv_err count(struct showing *s)
{
	struct ctl *ctl = s->ctl;
	HLV_TRY(index_rules_get(ctl->store, ctl->view, &s->rules));
	HLV_TRY(store_count(ctl->store, ctl->view, (struct hlv_bytes){0}, &s->records));
	enum hlv_err err = index_progress_get(ctl->store, ctl->view, &s->progress);
	s->building = err == HLV_OK || !s->rules.complete;
	do {
		s->seen = 0;
		s->more = false;
		HLV_TRY(ctl->store->ops->scan(ctl->view, SPACE_INDEX, store_key_bytes(&s->from),
					      count_one, s));
		ctl->store->ops->view_end(ctl->view);
		HLV_TRY(ctl->store->ops->view_begin(ctl->view));
	} while (s->more);
	return HLV_OK;
}

static void print_json(const struct showing *s, const struct sum *all)
{
	struct hlv_buf b = {0};
	hlv_buf_str(&b, "{\"types\":[");
	for (size_t i = 0; i < s->rules.ntypes; i++) {
		hlv_buf_str(&b, i ? ",{\"type\":" : "{\"type\":");
		hlv_json_put_str(&b, s->rules.types[i]);
		hlv_buf_printf(&b, ",\"entries\":%llu,\"octets\":%llu,\"building\":%s}",
			       (unsigned long long)s->sums[i].entries,
			       (unsigned long long)s->sums[i].octets,
			       s->rules.building[i] ? "true" : "false");
	}
	hlv_buf_printf(&b, "],\"entries\":%llu,\"octets\":%llu,\"building\":%s}\n",
		       (unsigned long long)all->entries, (unsigned long long)all->octets,
		       s->building ? "true" : "false");
	fwrite(b.p ? b.p : "", 1, b.n, stdout);
	hlv_buf_free(&b);
}

static void print_lines(const struct showing *s, const struct sum *all)
{
	for (size_t i = 0; i < s->rules.ntypes; i++)
		printf("%-32.*s %10llu entries %12llu octets%s\n", (int)s->rules.types[i].n,
		       (const char *)s->rules.types[i].p,
		       (unsigned long long)s->sums[i].entries,
		       (unsigned long long)s->sums[i].octets,
		       s->rules.building[i] ? "  being built" : "");
	printf("types=%zu entries=%llu octets=%llu", s->rules.ntypes,
	       (unsigned long long)all->entries, (unsigned long long)all->octets);
	if (s->building && s->progress.phase == INDEX_ENTER)
		printf(" building: %llu of %llu records",
		       (unsigned long long)s->progress.looked_at,
		       (unsigned long long)s->records);
	else if (s->building)
		printf(" building: %llu entries looked at",
		       (unsigned long long)s->progress.looked_at);
	puts("");
}

static int show(struct ctl *ctl)
{
	struct showing s = {.ctl = ctl};
	struct sum all = {0};
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	enum hlv_err err = count(&s);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, "index", err);
	for (size_t i = 0; i <= s.rules.ntypes; i++) {
		all.entries += s.sums[i].entries;
		all.octets += s.sums[i].octets;
	}
	if (ctl->json)
		print_json(&s, &all);
	else
		print_lines(&s, &all);
	return CTL_DONE;
}

/* --- rebuild --- */

static int rebuild_live(struct ctl *ctl)
{
	struct hlv_buf answer = {0};
	bool good = live_control(ctl, "index", "{\"rebuild\":true}", &answer);
	if (good && ctl->json)
		puts(answer.p);
	else if (good)
		puts("being built: helvectl index shows how far it is");
	hlv_buf_free(&answer);
	return good ? CTL_DONE : CTL_FAILED;
}

/* Of the types that it has: those of the configuration come with the next start. */
static int rebuild(struct ctl *ctl)
{
	char pid[LIVE_PID];
	struct index_rules rules;
	struct hlv_buf text = {0};
	bool changed;
	uint64_t built = 0;
	live_pid(ctl, pid);
	if (*pid && *pid != '?')
		return rebuild_live(ctl);
	if (!ctl_open_alone(ctl))
		return CTL_FAILED;
	enum hlv_err err = ctl->store->ops->view_begin(ctl->view);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, "index", err);
	err = index_rules_get(ctl->store, ctl->view, &rules);
	ctl->store->ops->view_end(ctl->view);
	for (size_t i = 0; err == HLV_OK && i < rules.ntypes; i++) {
		hlv_buf_str(&text, "\n");
		hlv_buf_put(&text, rules.types[i]);
	}
	if (err == HLV_OK)
		err = index_build(ctl->store, ctl->view, hlv_buf_bytes(&text), INDEX_ANEW,
				  &changed, &built);
	hlv_buf_free(&text);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, "index", err);
	printf(ctl->json ? "{\"types\":%zu,\"entries\":%llu}\n" : "types=%zu entries=%llu\n",
	       rules.ntypes, (unsigned long long)built);
	return CTL_DONE;
}

int cmd_index(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	const char *what = optind < argc ? argv[optind++] : "show";
	if (optind == argc && strcmp(what, "show") == 0)
		return show(ctl);
	if (optind == argc && strcmp(what, "rebuild") == 0)
		return rebuild(ctl);
	return ctl_usage(ctl, "expected index show or index rebuild");
}
