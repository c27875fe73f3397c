/* SPDX-License-Identifier: Apache-2.0
 *
 * quota: what an identity or a prefix may register, and how many changes it may make a day. The
 * server counts, so it is asked and told; without one there is nothing to limit.
 */
#include "proto/net/json_tree.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/live.h"

enum { ARENA_LIMIT = 4 << 20 };

static long long number(const struct hlv_json_node *row, const char *name)
{
	int64_t n = 0;
	(void)hlv_json_integer(hlv_json_member(row, name), &n);
	return n;
}

static void print_rows(const struct hlv_json_node *list)
{
	for (const struct hlv_json_node *row = hlv_json_first(list); row;
	     row = hlv_json_next(row)) {
		struct hlv_bytes subject = hlv_json_text(hlv_json_member(row, "subject"));
		printf("%.*s records=%lld registered=%lld per-day=%lld used-today=%lld\n",
		       (int)subject.n, (const char *)subject.p, number(row, "records"),
		       number(row, "registered"), number(row, "perDay"),
		       number(row, "usedToday"));
	}
}

static int quota_list(struct ctl *ctl)
{
	struct hlv_buf answer = {0};
	struct hlv_arena a;
	struct hlv_json_error error;
	struct hlv_json json;
	if (!live_control(ctl, "quota", "{}", &answer))
		return CTL_FAILED;
	hlv_arena_init(&a, ARENA_LIMIT);
	int code = CTL_DONE;
	if (ctl->json)
		puts(answer.p);
	else if (hlv_json_read(&json, hlv_buf_bytes(&answer), &a, &error) == HLV_OK)
		print_rows(json.root);
	else
		code = ctl_fail(ctl, "the server's answer cannot be read: %s", error.text);
	hlv_arena_fini(&a);
	hlv_buf_free(&answer);
	return code;
}

static int quota_set(struct ctl *ctl, const char *subject, int64_t records, int64_t per_day)
{
	struct hlv_buf arguments = {0}, answer = {0};
	hlv_buf_str(&arguments, "{\"subject\":");
	hlv_json_put_str(&arguments, hlv_text(subject));
	hlv_buf_printf(&arguments, ",\"records\":%lld,\"perDay\":%lld}", (long long)records,
		       (long long)per_day);
	bool ok = arguments.p && live_control(ctl, "quota", arguments.p, &answer);
	hlv_buf_free(&arguments);
	hlv_buf_free(&answer);
	return ok ? CTL_DONE : CTL_FAILED;
}

int cmd_quota(struct ctl *ctl, int argc, char **argv)
{
	static const struct option options[] = {{"records", required_argument, NULL, 'r'},
						{"per-day", required_argument, NULL, 'd'},
						{0}};
	int64_t records = 0, per_day = 0;
	int c;
	ctl_options_begin();
	while ((c = ctl_option(ctl, argc, argv, options)) != -1) {
		if (c == '?')
			return CTL_USAGE;
		if (!kinds_parse_number(hlv_text(optarg), 1, INT64_MAX,
					c == 'r' ? &records : &per_day))
			return ctl_usage(ctl, "--%s '%s': expected a whole number from 1 on",
					 c == 'r' ? "records" : "per-day", optarg);
	}
	const char *what = optind < argc ? argv[optind++] : "list";
	const char *subject = optind < argc ? argv[optind++] : NULL;
	bool limits = records > 0 || per_day > 0;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	if (strcmp(what, "list") == 0 && !subject && !limits)
		return quota_list(ctl);
	if (strcmp(what, "set") == 0 && subject && limits)
		return quota_set(ctl, subject, records, per_day);
	if (strcmp(what, "clear") == 0 && subject && !limits)
		return quota_set(ctl, subject, 0, 0);
	return ctl_usage(ctl, "expected quota list, quota set SUBJECT with a limit, or quota "
			      "clear SUBJECT; a subject is a prefix or INDEX:HANDLE");
}
