/* SPDX-License-Identifier: Apache-2.0
 *
 * status, verify, reload: what a node holds, whether it is as it was written, and a word to its
 * server.
 */
#include "proto/net/file.h"
#include "proto/net/json_tree.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/live.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/remote.h"
#include "tools/helvectl/resolver_status.h"
#include "tools/helvectl/scan.h"

enum { JOURNAL_TIME_AT = 8, JSON_ARENA = 4 << 20 };

static const struct option no_options[] = {{0}};

struct status {
	struct ctl *ctl;
	uint64_t records, seq, last_ms;
	struct store_stats stats;
	char key[64], pid[LIVE_PID]; /* pid: of the server that runs, or empty */
	struct hlv_buf listen;	     /* as helved.yaml has it */
	struct hlv_buf prefixes;     /* JSON strings, comma between */
	struct hlv_buf names;	     /* the same for people */
	struct hlv_buf server;	     /* what it says of itself, JSON; empty: nothing */
};

static bool add_prefix(void *ctx, struct hlv_bytes handle)
{
	struct status *s = ctx;
	struct hlv_bytes prefix = hlv_skip(handle, strlen("0.NA/"));
	hlv_buf_str(&s->prefixes, s->prefixes.n ? "," : "");
	hlv_json_put_str(&s->prefixes, prefix);
	hlv_buf_str(&s->names, s->names.n ? " " : "");
	hlv_buf_put(&s->names, prefix);
	return true;
}

/* When the newest journal entry was written (server/journal.h: the time stands at octet 8). */
static enum hlv_err last_change(struct ctl *ctl, uint64_t seq, uint64_t *time_ms)
{
	uint8_t key[8];
	struct hlv_bytes entry;
	*time_ms = 0;
	if (seq == 0)
		return HLV_OK;
	hlv_store_u64(key, seq);
	enum hlv_err err = ctl->store->ops->get(ctl->view, SPACE_JOURNAL,
						hlv_bytes(key, sizeof key), &entry);
	if (err == HLV_E_NOT_FOUND)
		return HLV_OK;
	HLV_TRY(err);
	struct hlv_reader r = hlv_reader(hlv_skip(entry, JOURNAL_TIME_AT));
	*time_ms = hlv_get_u64(&r);
	return HLV_OK;
}

static void read_key(struct status *s)
{
	char path[PATH_MAX], why[CTL_WHY];
	struct hlv_buf file = {0};
	struct hlv_key *key = NULL;
	snprintf(s->key, sizeof s->key, "none");
	if (hlv_file_read(ctl_path(s->ctl, "keys/pubkey.bin", path), KEYS_MAX, &file, why) ==
		    HLV_OK &&
	    hlv_pubkey_decode(hlv_buf_bytes(&file), &key) == HLV_OK)
		snprintf(s->key, sizeof s->key, "%s", hlv_key_name(key));
	hlv_key_free(key);
	hlv_buf_free(&file);
}

static void read_listen(struct status *s)
{
	live_setting(s->ctl, "listen", &s->listen);
	struct hlv_buf list = s->listen;
	s->listen = (struct hlv_buf){0};
	for (size_t i = 0; i < list.n; i++)
		if (!strchr(" \"'[]\t", list.p[i]))
			hlv_buf_put(&s->listen, hlv_bytes(list.p + i, 1));
	hlv_buf_str(&s->listen, "");
	hlv_buf_free(&list);
}

static enum hlv_err gather(struct status *s)
{
	struct ctl *ctl = s->ctl;
	HLV_TRY(store_count(ctl->store, ctl->view, (struct hlv_bytes){0}, &s->records));
	HLV_TRY(store_stats(ctl->store, ctl->view, &s->stats));
	HLV_TRY(store_last_seq(ctl->store, ctl->view, &s->seq));
	HLV_TRY(last_change(ctl, s->seq, &s->last_ms));
	HLV_TRY(scan_prefixes(ctl->store, ctl->view, add_prefix, s));
	read_key(s);
	read_listen(s);
	live_pid(ctl, s->pid);
	if (*s->pid && *s->pid != '?')
		(void)live_control(ctl, "status", "{}", &s->server); /* told if not */
	return HLV_OK;
}

static void print_json(const struct status *s, const char *time)
{
	struct hlv_buf listen = {0};
	hlv_json_put_str(&listen, hlv_buf_bytes(&s->listen));
	printf("{\"records\":%llu,\"deleted\":%llu,\"prefixes\":[%s],\"octets\":%llu,"
	       "\"mapOctets\":%llu,\"lastChange\":%s,\"seq\":%llu,\"key\":\"%s\",\"listen\":%s,"
	       "\"server\":%s,\"serverStatus\":%s}\n",
	       (unsigned long long)s->records,
	       (unsigned long long)(s->stats.records - s->records),
	       s->prefixes.p ? s->prefixes.p : "", (unsigned long long)s->stats.octets,
	       (unsigned long long)s->stats.map_octets, time, (unsigned long long)s->seq,
	       s->key, listen.p, *s->pid && *s->pid != '?' ? s->pid : "null",
	       s->server.n ? s->server.p : "null");
	hlv_buf_free(&listen);
}

static const char *unquoted(struct hlv_buf *text)
{
	text->p[--text->n] = '\0';
	return text->p + 1;
}

/* A counter: "label value" in the table; nothing when the server does not say. */
static void print_row(const struct hlv_json_node *object, const char *name, const char *label)
{
	int64_t n;
	if (hlv_json_integer(hlv_json_member(object, name), &n))
		printf("%-12s %lld\n", label, (long long)n);
}

static void print_server(const struct status *s)
{
	static const char *const rows[][2] = {
		{"uptime", "uptime (s)"}, {"changes", "changes"},
		{"commits", "commits"},	  {"failedCommits", "failed"},
		{"sessions", "sessions"}, {"challenges", "challenges"},
		{"proofs", "proofs"},	  {"wrongProofs", "wrong proofs"},
	};
	static const char *const counters[][2] = {
		{"udp_queries", "by UDP"},	 {"udp_limited", "rate-limited"},
		{"udp_dropped", "dropped"},	 {"tcp_queries", "by TCP"},
		{"tcp_accepted", "connections"}, {"tls_accepted", "of them TLS"},
		{"tcp_refused", "refused"},	 {"tcp_malformed", "malformed"},
	};
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error;
	hlv_arena_init(&a, JSON_ARENA);
	if (s->server.n &&
	    hlv_json_read(&json, hlv_buf_bytes(&s->server), &a, &error) == HLV_OK) {
		struct hlv_bytes health = hlv_json_text(hlv_json_member(json.root, "health"));
		struct hlv_bytes why = hlv_json_text(hlv_json_member(json.root, "why"));
		printf("health       %.*s%s%.*s\n", (int)health.n, (const char *)health.p,
		       why.n ? ": " : "", (int)why.n, (const char *)why.p);
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
			print_row(json.root, rows[i][0], rows[i][1]);
		for (size_t i = 0; i < sizeof counters / sizeof *counters; i++)
			print_row(hlv_json_member(json.root, "counters"), counters[i][0],
				  counters[i][1]);
	}
	hlv_arena_fini(&a);
}

static void print_text(const struct status *s, const char *time)
{
	printf("records      %llu (%llu deleted)\n"
	       "prefixes     %s\n"
	       "size         %llu octets\n"
	       "last change  %s\n"
	       "journal      at %llu\n"
	       "key          %s\n"
	       "listen       %s\n"
	       "server       %s%s\n",
	       (unsigned long long)s->records,
	       (unsigned long long)(s->stats.records - s->records),
	       s->names.p ? s->names.p : "none", (unsigned long long)s->stats.octets, time,
	       (unsigned long long)s->seq, s->key, s->listen.n ? s->listen.p : "by default",
	       *s->pid ? "runs, pid " : "does not run", s->pid);
	print_server(s);
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	struct status s = {.ctl = ctl};
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	if (ctl->remote)
		return remote_status(ctl);
	if (strcmp(live_daemon(ctl), "helver") == 0)
		return resolver_status(ctl);
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	struct hlv_buf time = {0};
	enum hlv_err err = gather(&s);
	if (err == HLV_OK) {
		if (s.last_ms > 0)
			hlv_json_put_time(&time, (uint32_t)(s.last_ms / 1000));
		if (ctl->json)
			print_json(&s, time.n ? time.p : "null");
		else
			print_text(&s, time.n > 2 ? unquoted(&time) : "never");
	}
	hlv_buf_free(&time);
	hlv_buf_free(&s.listen);
	hlv_buf_free(&s.prefixes);
	hlv_buf_free(&s.names);
	hlv_buf_free(&s.server);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, ctl->dir, err);
}

/* --- reload --- */

int cmd_reload(struct ctl *ctl, int argc, char **argv)
{
	struct hlv_buf answer = {0};
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	bool ok = live_control(ctl, "reload", "{}", &answer);
	hlv_buf_free(&answer);
	return ok ? CTL_DONE : CTL_FAILED;
}

/* --- verify --- */

struct verifying {
	struct ctl *ctl;
	struct progress progress;
	uint64_t total;
};

static bool see(void *ctx, const struct store_report *so_far, const char *fault)
{
	struct verifying *v = ctx;
	if (fault) {
		progress_end(&v->progress);
		ctl_fail(v->ctl, "%s", fault);
	}
	progress_show(&v->progress, "records", so_far->records, so_far->records, v->total);
	return true;
}

int cmd_verify(struct ctl *ctl, int argc, char **argv)
{
	struct verifying v = {.ctl = ctl};
	struct store_report report = {0};
	struct store_stats stats;
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	if (!ctl_open_to_read(ctl))
		return CTL_FAILED;
	progress_begin(&v.progress);
	if (store_stats(ctl->store, ctl->view, &stats) == HLV_OK)
		v.total = stats.records;
	enum hlv_err err = store_verify(ctl->store, ctl->view, see, &v, &report);
	progress_end(&v.progress);
	if (err != HLV_OK)
		return ctl_fail_err(ctl, ctl->dir, err);
	printf(ctl->json
		       ? "{\"records\":%llu,\"deleted\":%llu,\"values\":%llu,\"prefixes\":%llu,"
			 "\"journal\":%llu,\"faults\":%llu}\n"
		       : "records=%llu deleted=%llu values=%llu prefixes=%llu journal=%llu "
			 "faults=%llu\n",
	       (unsigned long long)report.records, (unsigned long long)report.tombstones,
	       (unsigned long long)report.values, (unsigned long long)report.prefixes,
	       (unsigned long long)report.journal, (unsigned long long)report.faults);
	if (report.faults == 0)
		return CTL_DONE;
	return ctl_fail(ctl, "%llu faults: restore a backup",
			(unsigned long long)report.faults);
}
