/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor: does the node stand as its files say? Each finding is a line: what was looked at, and
 * when something is wrong, what to do. Changes nothing.
 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "proto/net/client.h"
#include "proto/net/file.h"
#include "proto/net/json_tree.h"
#include "proto/wire/site.h"
#include "tools/helvectl/doctor.h"
#include "tools/helvectl/keys.h"
#include "tools/helvectl/live.h"
#include "tools/helvectl/scan.h"

enum {
	ROOM_FEW = 64 << 20, /* octets: below it is about to stop */
	ARENA_LIMIT = 4 << 20,
};
static const uint64_t FOUNDED_MS = UINT64_C(1704067200000); /* 2024: no clock is before */

void doctor_say(struct doctor *d, enum verdict verdict, const char *check, const char *format,
		...)
{
	static const char *const words[] = {"ok", "warning", "wrong"};
	char text[CTL_WHY];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	d->count[verdict]++;
	if (d->ctl->json) {
		struct hlv_buf b = {0};
		hlv_buf_printf(&b, "%s{\"check\":\"%s\",\"verdict\":\"%s\",\"text\":",
			       d->said++ ? "," : "", check, words[verdict]);
		hlv_json_put_str(&b, hlv_text(text));
		printf("%s}", b.p ? b.p : "");
		hlv_buf_free(&b);
		return;
	}
	printf("%-8s %-12s %s\n", words[verdict], check, text);
}

/* --- keys --- */

static void check_secret_file(struct doctor *d, const char *name, struct hlv_key **key)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	struct hlv_buf file = {0};
	uint8_t plain[KEYS_MAX];
	struct hlv_writer w = hlv_writer(plain, sizeof plain);
	enum hlv_err err =
		hlv_file_read_secret(ctl_path(d->ctl, name, path), KEYS_MAX, &file, why);
	if (err != HLV_OK) {
		doctor_say(d, err == HLV_E_NOT_FOUND ? DOCTOR_WARNING : DOCTOR_WRONG, "keys",
			   "%s", why);
	} else if (file.n > 4 && hlv_keyfile_needs_passphrase(hlv_buf_bytes(&file))) {
		doctor_say(d, DOCTOR_OK, "keys", "%s: sealed, for its owner alone", name);
	} else if (hlv_keyfile_open(hlv_buf_bytes(&file), (struct hlv_bytes){0}, &w) !=
			   HLV_OK ||
		   hlv_privkey_decode(hlv_written(&w), key) != HLV_OK) {
		doctor_say(d, DOCTOR_WRONG, "keys", "%s: no private key", name);
	} else {
		doctor_say(d, DOCTOR_OK, "keys", "%s: %s, for its owner alone", name,
			   hlv_key_name(*key));
	}
	explicit_bzero(plain, sizeof plain);
	keys_wipe(&file);
}

static struct hlv_key *read_public(struct doctor *d, const char *name)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	struct hlv_buf file = {0};
	struct hlv_key *key = NULL;
	if (hlv_file_read(ctl_path(d->ctl, name, path), KEYS_MAX, &file, why) != HLV_OK)
		doctor_say(d, DOCTOR_WRONG, "keys", "%s", why);
	else if (hlv_pubkey_decode(hlv_buf_bytes(&file), &key) != HLV_OK)
		doctor_say(d, DOCTOR_WRONG, "keys", "%s: no public key", name);
	hlv_buf_free(&file);
	return key;
}

/* The site record's key is the one that we sign with. */
static void check_site_key(struct doctor *d, const struct hlv_key *public)
{
	struct hlv_reader r = hlv_reader(d->site.servers.raw);
	for (uint32_t i = 0; i < d->site.servers.n; i++) {
		struct hlv_site_server server;
		struct hlv_key *key = NULL;
		hlv_site_next_server(&r, &server);
		bool same = server.key.n && hlv_pubkey_decode(server.key, &key) == HLV_OK &&
			    hlv_key_same_public(key, public);
		hlv_key_free(key);
		if (same) {
			doctor_say(d, DOCTOR_OK, "site", "shows the key in keys/pubkey.bin");
			return;
		}
	}
	doctor_say(d, DOCTOR_WRONG, "site",
		   "site.bin shows another key than keys/pubkey.bin: answers will not verify; "
		   "make the record anew, and have the parent delegate to it");
}

static void check_keys(struct doctor *d)
{
	struct hlv_key *server = NULL, *admin = NULL;
	check_secret_file(d, "keys/privkey.bin", &server);
	check_secret_file(d, "keys/admpriv.bin", &admin);
	struct hlv_key *public = read_public(d, "keys/pubkey.bin");
	if (public && server && !hlv_key_same_public(public, server))
		doctor_say(d, DOCTOR_WRONG, "keys",
			   "keys/pubkey.bin is not the public half of keys/privkey.bin");
	if (public && d->has_site)
		check_site_key(d, public);
	hlv_key_free(public);
	hlv_key_free(server);
	hlv_key_free(admin);
}

/* --- the site record --- */

static void read_site(struct doctor *d)
{
	char path[PATH_MAX], why[CTL_WHY] = "";
	struct hlv_buf json = {0};
	if (hlv_file_read(ctl_path(d->ctl, "site.bin", path), NODE_SITE_MAX, &d->site_octets,
			  why) != HLV_OK) {
		doctor_say(d, DOCTOR_WRONG, "site", "%s", why);
		return;
	}
	d->has_site = hlv_site_decode(hlv_buf_bytes(&d->site_octets), &d->site) == HLV_OK &&
		      d->site.servers.n > 0;
	if (!d->has_site) {
		doctor_say(d, DOCTOR_WRONG, "site", "site.bin is no site record");
		return;
	}
	if (!node_read_site(d->ctl, d->ctl->dir, &json)) /* told */
		doctor_say(d, DOCTOR_WRONG, "site", "site.json cannot be read");
	else if (!hlv_eq(hlv_buf_bytes(&json), hlv_buf_bytes(&d->site_octets)))
		doctor_say(
			d, DOCTOR_WRONG, "site",
			"site.json and site.bin differ: others are given the one, the server "
			"shows the other");
	else
		doctor_say(d, DOCTOR_OK, "site", "serial %u, %u servers", d->site.serial,
			   d->site.servers.n);
	hlv_buf_free(&json);
}

/* --- the machine --- */

static void check_space(struct doctor *d)
{
	char path[PATH_MAX], file[PATH_MAX];
	struct statvfs fs;
	struct stat st = {0};
	if (statvfs(ctl_path(d->ctl, "data", path), &fs) != 0) {
		doctor_say(d, DOCTOR_WRONG, "space", "%s: %s", path, strerror(errno));
		return;
	}
	(void)stat(ctl_path(d->ctl, "data/data.mdb", file), &st);
	uint64_t room = (uint64_t)fs.f_bavail * fs.f_frsize;
	uint64_t used = (uint64_t)st.st_blocks * 512;
	enum verdict verdict = room < ROOM_FEW	 ? DOCTOR_WRONG
			       : room < used / 5 ? DOCTOR_WARNING
						 : DOCTOR_OK;
	doctor_say(d, verdict, "space", "%llu MiB free, the registry takes %llu MiB%s",
		   (unsigned long long)(room >> 20), (unsigned long long)(used >> 20),
		   verdict == DOCTOR_OK ? "" : ": make room");
}

static void check_clock(struct doctor *d)
{
	uint64_t now = ctl_now_ms(), last = d->last_change_ms;
	if (now < FOUNDED_MS)
		doctor_say(d, DOCTOR_WRONG, "clock", "is before 2024: set it");
	else if (last > now + 2000)
		doctor_say(d, DOCTOR_WRONG, "clock",
			   "is %llu s behind the newest change in the registry: it was set "
			   "back, or that change was made by a wrong one",
			   (unsigned long long)((last - now) / 1000));
	else
		doctor_say(d, DOCTOR_OK, "clock", "not behind the newest change");
}

/* --- the server --- */

static void check_health(struct doctor *d, struct hlv_bytes answer)
{
	struct hlv_arena a;
	struct hlv_json json;
	struct hlv_json_error error;
	hlv_arena_init(&a, ARENA_LIMIT);
	if (hlv_json_read(&json, answer, &a, &error) == HLV_OK) {
		struct hlv_bytes health = hlv_json_text(hlv_json_member(json.root, "health"));
		struct hlv_bytes why = hlv_json_text(hlv_json_member(json.root, "why"));
		bool fine = hlv_eq(health, hlv_text("fine"));
		doctor_say(d, fine ? DOCTOR_OK : DOCTOR_WRONG, "health", "%.*s%s%.*s",
			   (int)health.n, (const char *)health.p, why.n ? ": " : "", (int)why.n,
			   (const char *)why.p);
	}
	hlv_arena_fini(&a);
}

static void check_server(struct doctor *d)
{
	char pid[LIVE_PID];
	struct hlv_buf answer = {0};
	live_pid(d->ctl, pid);
	d->runs = *pid && *pid != '?';
	if (!d->runs) {
		doctor_say(d, DOCTOR_WARNING, "server",
			   "does not run: start helved -c %s/helved.yaml", d->ctl->dir);
		return;
	}
	if (live_control(d->ctl, "status", "{}", &answer)) {
		doctor_say(d, DOCTOR_OK, "server",
			   "runs, pid %s, and answers by its control socket", pid);
		check_health(d, hlv_buf_bytes(&answer));
	} else {
		doctor_say(d, DOCTOR_WRONG, "server",
			   "runs, pid %s, but its control socket does not answer", pid);
	}
	hlv_buf_free(&answer);
}

/* --- what the registry says --- */

static bool note_prefix(void *ctx, struct hlv_bytes handle)
{
	struct doctor *d = ctx;
	if (hlv_eq_fold(handle, hlv_text("0.NA/0.NA")) ||
	    hlv_eq_fold(handle, hlv_text("0.NA/0.0")))
		return true;
	if (d->nprefixes < DOCTOR_PREFIXES)
		snprintf(d->prefixes[d->nprefixes++], NODE_NAME_MAX, "%.*s", (int)handle.n,
			 (const char *)handle.p);
	return true;
}

/* server/journal.h: the time stands at octet 8 of an entry. */
static void read_registry(struct doctor *d)
{
	uint64_t seq;
	uint8_t key[8];
	struct hlv_bytes entry;
	struct ctl *ctl = d->ctl;
	if (!ctl_open_to_read(ctl)) { /* told */
		doctor_say(d, DOCTOR_WRONG, "registry", "cannot be read");
		return;
	}
	enum hlv_err err = store_last_seq(ctl->store, ctl->view, &seq);
	if (err == HLV_OK)
		err = scan_prefixes(ctl->store, ctl->view, note_prefix, d);
	hlv_store_u64(key, seq);
	if (err == HLV_OK &&
	    ctl->store->ops->get(ctl->view, SPACE_JOURNAL, hlv_bytes(key, sizeof key),
				 &entry) == HLV_OK &&
	    entry.n >= 16)
		d->last_change_ms = hlv_load_u64(entry.p + 8);
	ctl->store->ops->view_end(ctl->view);
	if (err != HLV_OK)
		doctor_say(d, DOCTOR_WRONG, "registry", "%s: run helvectl verify",
			   hlv_strerror(err));
	else
		doctor_say(d, DOCTOR_OK, "registry", "opens; helvectl verify reads all of it");
}

int cmd_doctor(struct ctl *ctl, int argc, char **argv)
{
	static const struct option no_options[] = {{0}};
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind < argc)
		return ctl_usage(ctl, "what is '%s'?", argv[optind]);
	char path[PATH_MAX];
	if (access(ctl_path(ctl, "helver.yaml", path), F_OK) == 0 &&
	    access(ctl_path(ctl, "helved.yaml", path), F_OK) != 0)
		return ctl_fail(ctl,
				"%s: a resolver's directory, doctor looks at nodes: see "
				"helver -C and helvectl status",
				ctl->dir);
	struct doctor *d = calloc(1, sizeof *d);
	if (!d)
		return ctl_fail_err(ctl, "doctor", HLV_E_NOMEM);
	d->ctl = ctl;
	if (ctl->json)
		printf("{\"findings\":[");
	read_site(d);
	check_keys(d);
	read_registry(d);
	check_server(d);
	if (d->has_site)
		doctor_check_ports(d);
	doctor_check_parent(d);
	doctor_check_placement(d);
	doctor_check_delegations(d);
	check_clock(d);
	check_space(d);
	unsigned wrong = d->count[DOCTOR_WRONG], warnings = d->count[DOCTOR_WARNING];
	if (ctl->json)
		printf("],\"wrong\":%u,\"warnings\":%u}\n", wrong, warnings);
	hlv_buf_free(&d->site_octets);
	free(d);
	return wrong == 0 ? CTL_DONE : ctl_fail(ctl, "%u wrong, %u warnings", wrong, warnings);
}
