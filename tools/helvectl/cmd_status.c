/* SPDX-License-Identifier: Apache-2.0
 *
 * status, verify, reload: what a node holds, whether it is as it was written, and a word to its
 * server.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/kinds.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/scan.h"

enum { CONFIG_MAX = 65536, JOURNAL_TIME_AT = 8 };

static const struct option no_options[] = {{0}};

struct status {
	struct ctl *ctl;
	uint64_t records, seq, last_ms;
	struct store_stats stats;
	char key[64], pid[16];	 /* pid: of the server that runs, or empty */
	struct hlv_buf listen;	 /* as helved.yaml has it */
	struct hlv_buf prefixes; /* JSON strings, comma between */
	struct hlv_buf names;	 /* the same for people */
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

/* The line as it stands: which options there are is the server's affair. */
static void read_listen(struct status *s)
{
	char path[PATH_MAX], why[CTL_WHY];
	struct hlv_buf file = {0};
	if (hlv_file_read(ctl_path(s->ctl, "helved.yaml", path), CONFIG_MAX, &file, why) ==
		    HLV_OK &&
	    file.n > 0) {
		const char *line = file.p;
		while (line && strncmp(line, "listen:", 7) != 0) {
			line = strchr(line, '\n');
			line += line != NULL;
		}
		for (line = line ? line + 7 : ""; *line && *line != '\n' && *line != '#';
		     line++)
			if (!strchr(" \"'\r\t", *line))
				hlv_buf_put(&s->listen, hlv_bytes(line, 1));
	}
	struct hlv_bytes list = hlv_buf_bytes(&s->listen);
	if (list.n > 1 && list.p[0] == '[' && list.p[list.n - 1] == ']') {
		s->listen.p[--s->listen.n] = '\0';
		memmove(s->listen.p, s->listen.p + 1, s->listen.n--);
	}
	hlv_buf_str(&s->listen, "");
	hlv_buf_free(&file);
}

static void read_pid(struct status *s)
{
	char path[PATH_MAX];
	int fd = open(ctl_path(s->ctl, "data/helved.lock", path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
		ssize_t n = pread(fd, s->pid, sizeof s->pid - 1, 0);
		s->pid[n > 0 ? n : 0] = '\0';
		s->pid[strcspn(s->pid, "\n")] = '\0';
	}
	close(fd);
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
	read_pid(s);
	return HLV_OK;
}

static void print_json(const struct status *s, const char *time)
{
	struct hlv_buf listen = {0};
	hlv_json_put_str(&listen, hlv_buf_bytes(&s->listen));
	printf("{\"records\":%llu,\"deleted\":%llu,\"prefixes\":[%s],\"octets\":%llu,"
	       "\"mapOctets\":%llu,\"lastChange\":%s,\"seq\":%llu,\"key\":\"%s\",\"listen\":%s,"
	       "\"server\":%s}\n",
	       (unsigned long long)s->records,
	       (unsigned long long)(s->stats.records - s->records),
	       s->prefixes.p ? s->prefixes.p : "", (unsigned long long)s->stats.octets,
	       (unsigned long long)s->stats.map_octets, time, (unsigned long long)s->seq,
	       s->key, listen.p, *s->pid ? s->pid : "null");
	hlv_buf_free(&listen);
}

static const char *unquoted(struct hlv_buf *text)
{
	text->p[--text->n] = '\0';
	return text->p + 1;
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
}

int cmd_status(struct ctl *ctl, int argc, char **argv)
{
	struct status s = {.ctl = ctl};
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
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
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(ctl, ctl->dir, err);
}

/* --- reload --- */

/* The server's lock is held by the process whose number stands in the file, so the signal goes
 * to no other one. */
int cmd_reload(struct ctl *ctl, int argc, char **argv)
{
	struct status s = {.ctl = ctl};
	int64_t pid;
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	read_pid(&s);
	if (!kinds_parse_number(hlv_text(s.pid), 2, INT32_MAX, &pid))
		return ctl_fail(ctl, "no server runs on %s: start helved -c %s/helved.yaml",
				ctl->dir, ctl->dir);
	if (kill((pid_t)pid, SIGHUP) != 0)
		return ctl_fail(ctl, "server (pid %s): %s", s.pid, strerror(errno));
	return CTL_DONE;
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
