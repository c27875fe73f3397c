/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/helvectl/resolver_status.h"

#include "proto/net/json_tree.h"
#include "tools/helvectl/live.h"

enum { JSON_ARENA = 8 << 20 };

/* "label value" in the table; nothing when helver does not say. */
static void print_row(const struct hlv_json_node *object, const char *name, const char *label)
{
	int64_t n;
	if (hlv_json_integer(hlv_json_member(object, name), &n))
		printf("%-16s %lld\n", label, (long long)n);
}

static const char *text_of(const struct hlv_json_node *object, const char *name)
{
	struct hlv_bytes text = hlv_json_text(hlv_json_member(object, name));
	return text.n ? (const char *)text.p : "";
}

struct row {
	const char *name, *label;
};

static void print_rows(const struct hlv_json_node *object, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		print_row(object, rows[i].name, rows[i].label);
}

static void print_anchors(const struct hlv_json_node *list)
{
	for (const struct hlv_json_node *a = hlv_json_first(list); a; a = hlv_json_next(a)) {
		const char *prefix = text_of(a, "prefix");
		printf("%-16s %s, %s, for %s, %s, since %s\n", "anchor", text_of(a, "subject"),
		       text_of(a, "key"), *prefix ? prefix : "everything", text_of(a, "state"),
		       text_of(a, "since"));
	}
}

static void print_copies(const struct hlv_json_node *list)
{
	for (const struct hlv_json_node *c = hlv_json_first(list); c; c = hlv_json_next(c)) {
		const char *synced = text_of(c, "synced"), *why = text_of(c, "why");
		int64_t records = 0;
		(void)hlv_json_integer(hlv_json_member(c, "records"), &records);
		printf("%-16s %s: %lld records, %s %s%s%s\n", "copy", text_of(c, "prefix"),
		       (long long)records, *synced ? "as of" : "never fetched", synced,
		       *why ? "; " : "", why);
	}
}

static void print_root(const struct hlv_json_node *r)
{
	const char *why = r ? text_of(r, "why") : "";
	if (!r)
		return;
	printf("%-16s %s, %s:", "root by DNS", text_of(r, "domain"), text_of(r, "proof"));
	const struct hlv_json_node *list = hlv_json_member(r, "servers");
	for (const struct hlv_json_node *s = hlv_json_first(list); s; s = hlv_json_next(s))
		printf(" %s", (const char *)hlv_json_text(s).p);
	printf("%s%s\n", *why ? "; " : "", why);
}

static void print_text(const struct hlv_json_node *root)
{
	static const struct row rows[] = {{"pid", "pid"}, {"uptime", "uptime (s)"}};
	static const struct row cache[] = {{"entries", "cached"},
					   {"octets", "octets"},
					   {"hits", "hits"},
					   {"misses", "misses"},
					   {"stale_hits", "stale hits"},
					   {"evicted", "evicted"},
					   {"prefetches", "prefetched"}};
	static const struct row resolver[] = {
		{"walks", "walks"},	     {"secure", "secure"},
		{"insecure", "insecure"},    {"bogus", "bogus"},
		{"failed", "failed"},	     {"stale_answers", "stale answers"},
		{"coalesced", "coalesced"},  {"packets_out", "packets out"},
		{"mismatches", "mismatches"}};
	static const struct row counters[] = {{"udp_queries", "by UDP"},
					      {"udp_limited", "rate-limited"},
					      {"tcp_queries", "by TCP"},
					      {"tcp_accepted", "connections"},
					      {"tls_accepted", "of them TLS"}};
	print_rows(root, rows, sizeof rows / sizeof *rows);
	print_rows(hlv_json_member(root, "cache"), cache, sizeof cache / sizeof *cache);
	print_rows(hlv_json_member(root, "resolver"), resolver,
		   sizeof resolver / sizeof *resolver);
	print_rows(hlv_json_member(root, "counters"), counters,
		   sizeof counters / sizeof *counters);
	print_anchors(hlv_json_member(root, "anchors"));
	print_copies(hlv_json_member(root, "copies"));
	print_root(hlv_json_member(root, "root_dns"));
}

int resolver_status(struct ctl *ctl)
{
	struct hlv_buf answer = {0};
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error = {0};
	int code = CTL_FAILED;
	hlv_arena_init(&a, JSON_ARENA);
	if (!live_control(ctl, "status", "{}", &answer))
		goto out;
	code = CTL_DONE;
	if (ctl->json)
		puts(answer.p);
	else if (hlv_json_read(&json, hlv_buf_bytes(&answer), &a, &error) == HLV_OK)
		print_text(json.root);
	else
		code = ctl_fail(ctl, "what helver says cannot be read: %s", error.text);
out:
	hlv_arena_fini(&a);
	hlv_buf_free(&answer);
	return code;
}
