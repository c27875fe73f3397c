/* SPDX-License-Identifier: Apache-2.0
 *
 * The reference tool's batch files, carried out on a registry in memory. Whatever the file
 * says, the registry stays sound; and its records, written as a batch file and carried out on
 * an empty registry, make the same records.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/base/buf.h"
#include "proto/net/json.h"
#include "proto/wire/codes.h"
#include "tests/fuzz/fuzz.h"
#include "tools/helvectl/batch.h"

static const uint64_t NOW_MS = 1700000000000;

struct world {
	struct store *store;
	struct store_view *view;
	struct registry *registry;
	struct hlv_buf
		records; /* keys and value lists of the live records, one behind the other */
	struct hlv_buf batch; /* the same as commands */
};

static void note_failure(void *ctx, uint64_t line, struct hlv_bytes handle, const char *reason)
{
	(void)ctx;
	(void)handle;
	hlv_require(line > 0 && reason[0] != '\0');
}

static void note_progress(void *ctx, uint64_t octets, uint64_t commands)
{
	(void)ctx;
	(void)octets;
	(void)commands;
}

static void world_open(struct world *w)
{
	*w = (struct world){0};
	hlv_require(store_mem_open(&w->store) == HLV_OK);
	hlv_require(w->store->ops->view_open(w->store, &w->view) == HLV_OK);
	w->registry = registry_new(w->store, w->view);
	hlv_require(w->registry);
}

static void world_close(struct world *w)
{
	w->store->ops->close(w->store);
	hlv_buf_free(&w->records);
	hlv_buf_free(&w->batch);
}

/* batch_run() reads a file: one in memory. */
static struct batch_result run_batch(struct world *w, struct hlv_bytes text)
{
	struct batch_result result = {0};
	char path[64], why[STORE_WHY];
	static int fd = -1;
	if (fd < 0)
		fd = memfd_create("batch", MFD_CLOEXEC);
	hlv_require(fd >= 0 && ftruncate(fd, 0) == 0);
	hlv_require(text.n == 0 || pwrite(fd, text.p, text.n, 0) == (ssize_t)text.n);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	enum hlv_err err = batch_run(path, w->registry, NOW_MS, note_failure, note_progress,
				     NULL, &result, why);
	hlv_require(err == HLV_OK || err == HLV_E_MALFORMED || err == HLV_E_LIMIT);
	hlv_require(registry_flush(w->registry) == HLV_OK);
	return result;
}

static bool note_record(void *ctx, struct hlv_bytes key, struct hlv_bytes value)
{
	struct world *w = ctx;
	struct hlv_record rec;
	hlv_require(hlv_record_decode(value, key, &rec) == HLV_OK);
	if (rec.flags & HLV_RECORD_DELETED)
		return true;
	if (!hlv_json_holds(&rec.values))
		return true; /* nor does a batch file: it falls back to JSON */
	hlv_buf_put(&w->records, key);
	hlv_buf_put(&w->records, rec.name);
	hlv_buf_put(&w->records, rec.list);
	batch_put_record(&w->batch, rec.name, &rec.values);
	return true;
}

static bool note_fault(void *ctx, const struct store_report *so_far, const char *fault)
{
	(void)ctx;
	(void)so_far;
	if (fault)
		fprintf(stderr, "%s\n", fault);
	hlv_require(!fault);
	return true;
}

static void look(struct world *w)
{
	struct store_report report = {0};
	const struct store_ops *ops = w->store->ops;
	registry_free(w->registry); /* it has the view */
	hlv_require(ops->view_begin(w->view) == HLV_OK);
	hlv_require(store_verify(w->store, w->view, note_fault, NULL, &report) == HLV_OK);
	hlv_require(ops->scan(w->view, SPACE_RECORD, (struct hlv_bytes){0}, note_record, w) ==
		    HLV_OK);
	ops->view_end(w->view);
	hlv_require(!w->records.bad && !w->batch.bad);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n > HLV_MESSAGE_MAX)
		return 0;
	struct world first, second;
	world_open(&first);
	run_batch(&first, hlv_bytes(data, n));
	look(&first);
	world_open(&second);
	struct batch_result again = run_batch(&second, hlv_buf_bytes(&first.batch));
	look(&second);
	hlv_require(again.failed == 0);
	hlv_require(hlv_eq(hlv_buf_bytes(&first.records), hlv_buf_bytes(&second.records)));
	world_close(&first);
	world_close(&second);
	return 0;
}
