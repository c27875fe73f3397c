/* SPDX-License-Identifier: Apache-2.0
 *
 * backup, restore: the logical dump in JSON Lines between a header and a trailer, which counts
 * the records and holds the SHA-256 of all lines above it (head -n -1 FILE | sha256sum). Never
 * pages of the engine's file: those are not to be trusted when they come from elsewhere
 * (threats.md D12).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "proto/net/json_tree.h"
#include "proto/sec/digest.h"
#include "proto/wire/state.h"
#include "tools/helvectl/dump.h"
#include "tools/helvectl/node.h"
#include "tools/helvectl/progress.h"
#include "tools/helvectl/source.h"

enum { FORMAT = 1, ARENA_LIMIT = 64 * 1024 * 1024, TRAILER_MAX = 4096 };

static const struct option no_options[] = {{0}};

/* A whole file in the address space; empty when it cannot be had. */
static struct hlv_bytes map_file(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size <= 0)
		return (struct hlv_bytes){0};
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	return p == MAP_FAILED ? (struct hlv_bytes){0} : hlv_bytes(p, (size_t)st.st_size);
}

static void unmap_file(struct hlv_bytes file)
{
	void *p;
	memcpy(&p, &file.p, sizeof p);
	if (file.n > 0)
		munmap(p, file.n);
}

static enum hlv_err digest(struct hlv_bytes text, char out[2 * HLV_HASH_MAX + 1])
{
	uint8_t octets[HLV_HASH_MAX];
	struct hlv_buf digits = {0};
	HLV_TRY(hlv_hash(HLV_SHA256, text, octets));
	hlv_buf_hex(&digits, hlv_bytes(octets, hlv_hash_size(HLV_SHA256)));
	snprintf(out, 2 * HLV_HASH_MAX + 1, "%s", digits.p ? digits.p : "");
	hlv_buf_free(&digits);
	return HLV_OK;
}

/* --- backup --- */

struct backup {
	struct ctl *ctl;
	FILE *file;
	struct progress progress;
	uint64_t lines, total;
};

static bool put_line(void *ctx, struct hlv_bytes text)
{
	struct backup *b = ctx;
	progress_show(&b->progress, "records", b->lines, b->lines, b->total);
	b->lines++;
	return fwrite(text.p, 1, text.n, b->file) == text.n;
}

static enum hlv_err write_body(struct backup *b, struct dump_result *result)
{
	struct ctl *ctl = b->ctl;
	uint64_t seq;
	struct hlv_buf now = {0};
	HLV_TRY(store_last_seq(ctl->store, ctl->view, &seq));
	HLV_TRY(store_count(ctl->store, ctl->view, (struct hlv_bytes){0}, &b->total));
	hlv_json_put_time(&now, (uint32_t)(ctl_now_ms() / 1000));
	fprintf(b->file,
		"{\"helveBackup\":%d,\"version\":\"" HELVE_VERSION "\",\"time\":%s,"
		"\"seq\":%llu}\n",
		FORMAT, now.p ? now.p : "null", (unsigned long long)seq);
	hlv_buf_free(&now);
	return dump_run(ctl, SOURCE_JSONL, (struct hlv_bytes){0}, DUMP_ALL, put_line, b,
			result);
}

static enum hlv_err write_trailer(struct backup *b, const struct dump_result *result)
{
	char hex[2 * HLV_HASH_MAX + 1];
	if (fflush(b->file) != 0)
		return HLV_E_IO;
	struct hlv_bytes body = map_file(fileno(b->file));
	if (body.n == 0)
		return HLV_E_IO;
	enum hlv_err err = digest(body, hex);
	unmap_file(body);
	HLV_TRY(err);
	fprintf(b->file, "{\"records\":%llu,\"prefixes\":%llu,\"sha256\":\"%s\"}\n",
		(unsigned long long)result->records, (unsigned long long)result->prefixes, hex);
	return fflush(b->file) == 0 && fsync(fileno(b->file)) == 0 ? HLV_OK : HLV_E_IO;
}

/* For whoever watches how old the newest backup is (docs/metrics.md). Whoever may read the registry and
 * not write beside it makes a good backup all the same. */
static void leave_mark(const struct ctl *ctl)
{
	char mark[PATH_MAX], why[CTL_WHY];
	if (hlv_file_write(ctl_path(ctl, "data/" STORE_BACKUP_MARK, mark), 0644,
			   (struct hlv_bytes){0}, why) != HLV_OK)
		fprintf(stderr, "helvectl: note: %s: the server will not know of this backup\n",
			why);
}

static int backup(struct ctl *ctl, const char *path)
{
	char tmp[PATH_MAX];
	struct dump_result result;
	struct backup b = {.ctl = ctl};
	snprintf(tmp, sizeof tmp, "%s.tmp", path);
	unlink(tmp);
	int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600); /* it holds secrets */
	b.file = fd < 0 ? NULL : fdopen(fd, "w+");
	if (!b.file)
		return ctl_fail(ctl, "%s: %s", tmp, strerror(errno));
	progress_begin(&b.progress);
	enum hlv_err err = write_body(&b, &result);
	if (err == HLV_OK)
		err = write_trailer(&b, &result);
	int saved = errno;
	if (fclose(b.file) != 0 && err == HLV_OK)
		err = HLV_E_IO;
	progress_end(&b.progress);
	if (err == HLV_OK && rename(tmp, path) != 0)
		err = HLV_E_IO;
	if (err != HLV_OK) {
		unlink(tmp);
		return err == HLV_E_IO ? ctl_fail(ctl, "%s: %s: no backup was made", path,
						  strerror(saved ? saved : errno))
				       : ctl_fail_err(ctl, path, err);
	}
	hlv_file_sync_directory(path);
	leave_mark(ctl);
	printf(ctl->json ? "{\"records\":%llu,\"prefixes\":%llu}\n"
			 : "records=%llu prefixes=%llu\n",
	       (unsigned long long)result.records, (unsigned long long)result.prefixes);
	return CTL_DONE;
}

int cmd_backup(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "into which file?");
	return ctl_open_to_read(ctl) ? backup(ctl, argv[optind]) : CTL_FAILED;
}

/* --- restore --- */

struct restore {
	struct ctl *ctl;
	const char *path;
	struct hlv_bytes body;	    /* behind the header, without the trailer */
	uint64_t records, prefixes; /* as the trailer says */
	uint64_t done, homed;
	struct progress progress;
};

static int damaged(const struct restore *r, const char *what)
{
	return ctl_fail(r->ctl, "%s: %s: nothing was restored; take another backup", r->path,
			what);
}

/* The last line, and what stands above it. */
static bool split_trailer(struct hlv_bytes file, struct hlv_bytes *above,
			  struct hlv_bytes *last)
{
	if (file.n < 2 || file.p[file.n - 1] != '\n')
		return false;
	const uint8_t *end = memrchr(file.p, '\n', file.n - 1);
	if (!end)
		return false;
	*above = hlv_head(file, (size_t)(end - file.p) + 1);
	*last = hlv_skip(file, above->n);
	return last->n <= TRAILER_MAX;
}

static enum hlv_err read_trailer(struct restore *r, struct hlv_bytes above,
				 struct hlv_bytes line, struct hlv_arena *a)
{
	struct hlv_json json;
	struct hlv_json_error error;
	struct hlv_bytes want;
	int64_t records, prefixes;
	char hex[2 * HLV_HASH_MAX + 1];
	HLV_TRY(hlv_json_read(&json, line, a, &error));
	HLV_TRY(hlv_json_get_integer(&json, json.root, "records", 0, INT64_MAX, &records));
	HLV_TRY(hlv_json_get_integer(&json, json.root, "prefixes", 0, INT64_MAX, &prefixes));
	HLV_TRY(hlv_json_get_string(&json, json.root, "sha256", &want));
	HLV_TRY(digest(above, hex));
	r->records = (uint64_t)records;
	r->prefixes = (uint64_t)prefixes;
	return hlv_eq(want, hlv_text(hex)) ? HLV_OK : HLV_E_CORRUPT;
}

static enum hlv_err read_header(struct restore *r, struct hlv_bytes above, struct hlv_arena *a)
{
	struct hlv_json json;
	struct hlv_json_error error;
	int64_t format;
	const uint8_t *end = memchr(above.p, '\n', above.n);
	size_t n = (size_t)(end - above.p);
	HLV_TRY(hlv_json_read(&json, hlv_head(above, n), a, &error));
	HLV_TRY(hlv_json_get_integer(&json, json.root, "helveBackup", 1, INT32_MAX, &format));
	r->body = hlv_skip(above, n + 1);
	return format > FORMAT ? HLV_E_NEWER : HLV_OK;
}

/* Before the registry is touched: is this a backup, and all of it? */
static int check(struct restore *r, struct hlv_bytes file)
{
	struct hlv_bytes above, last;
	struct hlv_arena a;
	hlv_arena_init(&a, ARENA_LIMIT);
	if (!split_trailer(file, &above, &last)) {
		hlv_arena_fini(&a);
		return damaged(r, "cut off, or no backup");
	}
	enum hlv_err err = read_header(r, above, &a);
	enum hlv_err end = err == HLV_OK ? read_trailer(r, above, last, &a) : HLV_OK;
	hlv_arena_fini(&a);
	if (err == HLV_E_NEWER)
		return ctl_fail(r->ctl, "%s: made by a newer version of helvectl", r->path);
	if (err != HLV_OK)
		return damaged(r, "no backup: its first line is no header");
	if (end == HLV_E_CORRUPT)
		return damaged(r, "damaged: the checksum in its last line is of other octets");
	return end == HLV_OK ? CTL_DONE : damaged(r, "cut off: its last line is no trailer");
}

/* {"state":..., "locks":..., "since":..., "reason":...} behind a record: as it was. */
static enum hlv_err put_lifecycle(struct registry *reg, struct source_record *rec,
				  struct hlv_bytes line, struct hlv_arena *a)
{
	struct hlv_json json;
	struct hlv_json_error error;
	struct hlv_bytes state, locks, reason;
	struct registry_state to = {.has_state = true};
	int64_t since;
	if (!memmem(line.p, line.n, "\"lifecycle\":", strlen("\"lifecycle\":")))
		return HLV_OK;
	enum hlv_err err = hlv_json_read(&json, line, a, &error);
	const struct hlv_json_node *node =
		err == HLV_OK ? hlv_json_member(json.root, "lifecycle") : NULL;
	if (err == HLV_OK && !node)
		return HLV_OK; /* it stands in a value */
	if (err == HLV_OK)
		err = hlv_json_get_string(&json, node, "state", &state);
	if (err == HLV_OK)
		err = hlv_json_get_string(&json, node, "locks", &locks);
	if (err == HLV_OK)
		err = hlv_json_get_string(&json, node, "reason", &reason);
	if (err == HLV_OK)
		err = hlv_json_get_integer(&json, node, "since", 0, UINT32_MAX, &since);
	if (err != HLV_OK) {
		snprintf(rec->reason, sizeof rec->reason, "%s", error.text);
		return err;
	}
	HLV_TRY(hlv_state_parse(state, &to.state));
	HLV_TRY(hlv_locks_parse(locks, &to.lock));
	to.reason = reason;
	return registry_set_state(reg, rec->handle, &to, (uint64_t)since * 1000);
}

static enum hlv_err put_one(struct restore *r, struct registry *reg, struct hlv_bytes line,
			    struct hlv_arena *a, struct source_record *rec)
{
	HLV_TRY(source_jsonl_line(line, 0, a, rec));
	if (rec->list.n > 0) {
		HLV_TRY(registry_put(reg, rec->handle, rec->list, ctl_now_ms()));
		HLV_TRY(put_lifecycle(reg, rec, line, a));
		r->done++;
	}
	if (!rec->homed)
		return HLV_OK;
	r->homed++;
	return registry_home(reg, rec->handle, ctl_now_ms());
}

static int fill(struct restore *r, struct registry *reg)
{
	struct hlv_arena a;
	struct hlv_bytes rest = r->body;
	struct source_record rec = {0};
	enum hlv_err err = HLV_OK;
	hlv_arena_init(&a, ARENA_LIMIT);
	while (rest.n > 0 && err == HLV_OK) {
		const uint8_t *end = memchr(rest.p, '\n', rest.n);
		size_t n = end ? (size_t)(end - rest.p) : rest.n;
		hlv_arena_reset(&a);
		err = put_one(r, reg, hlv_head(rest, n), &a, &rec);
		rest = hlv_skip(rest, n + 1);
		progress_show(&r->progress, "records", r->done, r->done, r->records);
	}
	if (err == HLV_OK)
		err = registry_flush(reg);
	progress_end(&r->progress);
	hlv_arena_fini(&a);
	if (err == HLV_OK && (r->done != r->records || r->homed != r->prefixes))
		return ctl_fail(r->ctl, "%s: holds %llu records, its trailer says %llu",
				r->path, (unsigned long long)r->done,
				(unsigned long long)r->records);
	if (err == HLV_E_MALFORMED)
		return ctl_fail(r->ctl,
				"%s: %s: the registry is incomplete: remove %s/data and "
				"restore again",
				r->path, rec.reason, r->ctl->dir);
	return err == HLV_OK ? CTL_DONE : ctl_fail_err(r->ctl, r->path, err);
}

static bool stop_at_first(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	bool *found = ctx;
	(void)key;
	(void)value;
	*found = true;
	return false;
}

/* Is there nothing in it, not even a deleted record? */
static enum hlv_err is_empty(struct ctl *ctl, bool *empty)
{
	const struct store_ops *ops = ctl->store->ops;
	bool found = false;
	HLV_TRY(ops->view_begin(ctl->view));
	enum hlv_err err = ops->scan(ctl->view, SPACE_RECORD, (struct hlv_bytes){0},
				     stop_at_first, &found);
	if (err == HLV_OK)
		err = ops->scan(ctl->view, SPACE_PREFIX, (struct hlv_bytes){0}, stop_at_first,
				&found);
	ops->view_end(ctl->view);
	*empty = !found;
	return err;
}

static bool make_registry(struct ctl *ctl)
{
	char path[PATH_MAX], why[STORE_WHY] = "";
	struct store *store;
	struct store_lmdb_options o = {.create = true};
	ctl_path(ctl, "data", path);
	if (mkdir(path, 0750) != 0 && errno != EEXIST) {
		ctl_fail(ctl,
			 errno == ENOENT ? "%s: %s: make that directory first, with the "
					   "node's keys, site and helved.yaml"
					 : "%s/data: %s",
			 ctl->dir, strerror(errno));
		return false;
	}
	char file[PATH_MAX];
	if (access(ctl_path(ctl, "data/data.mdb", file), F_OK) == 0)
		return true;
	if (store_lmdb_open(path, &o, &store, why) != HLV_OK) {
		ctl_fail(ctl, "%s", why);
		return false;
	}
	store->ops->close(store);
	return true;
}

static int restore_into(struct restore *r)
{
	bool empty;
	if (!make_registry(r->ctl))
		return CTL_FAILED;
	if (!ctl_open_alone(r->ctl))
		return CTL_FAILED;
	struct registry *reg = registry_new(r->ctl->store, r->ctl->view);
	if (!reg)
		return ctl_fail_err(r->ctl, r->ctl->dir, HLV_E_NOMEM);
	int code;
	enum hlv_err err = is_empty(r->ctl, &empty);
	if (err != HLV_OK)
		code = ctl_fail_err(r->ctl, r->ctl->dir, err);
	else if (!empty)
		code = ctl_fail(r->ctl,
				"%s: the registry is not empty: move %s/data away first",
				r->ctl->dir, r->ctl->dir);
	else
		code = fill(r, reg);
	registry_free(reg);
	return code;
}

int cmd_restore(struct ctl *ctl, int argc, char **argv)
{
	ctl_options_begin();
	if (ctl_option(ctl, argc, argv, no_options) != -1)
		return CTL_USAGE;
	if (optind + 1 != argc)
		return ctl_usage(ctl, "from which file?");
	struct restore r = {.ctl = ctl, .path = argv[optind]};
	int fd = open(r.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return ctl_fail(ctl, "%s: %s", r.path, strerror(errno));
	struct hlv_bytes file = map_file(fd);
	close(fd);
	progress_begin(&r.progress);
	int code = check(&r, file);
	if (code == CTL_DONE)
		code = restore_into(&r);
	unmap_file(file);
	if (code == CTL_DONE)
		printf(ctl->json ? "{\"records\":%llu,\"prefixes\":%llu}\n"
				 : "records=%llu prefixes=%llu\n",
		       (unsigned long long)r.done, (unsigned long long)r.homed);
	return code;
}
