/* SPDX-License-Identifier: Apache-2.0
 *
 * Resolution goes on while the disk fails under the writer: threads read without a pause, commits
 * fail in their middle and leave LMDB in a state in which it refuses readers as well, and the
 * registry is opened again under the readers' views. Not one read may fail or be wrong.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/crash/crash.h"

enum { THREADS = 3, NAMES = 50, NAME = 32, TEXT = 48, CALLS = 12 };

struct reader {
	struct world w; /* borrows the store; a view of its own */
	pthread_t thread;
	atomic_bool *stop;
	unsigned reads, wrong, failed;
};

static void name_of(unsigned i, char name[NAME])
{
	snprintf(name, NAME, "88.118.8/T%02u", i);
}

static void *keep_reading(void *arg)
{
	struct reader *r = arg;
	while (!atomic_load(r->stop)) {
		char name[NAME], text[TEXT];
		unsigned i = r->reads++ % NAMES;
		name_of(i, name);
		enum hlv_err err = world_read(&r->w, name, text, sizeof text);
		r->failed += err != HLV_OK && err != HLV_E_NOT_FOUND;
		r->wrong += err == HLV_E_NOT_FOUND ||
			    (err == HLV_OK && strcmp(text, "https://example.cn/t") != 0);
	}
	return NULL;
}

static enum hlv_err put(struct world *w, unsigned i)
{
	char name[NAME];
	name_of(i, name);
	hlv_arena_reset(&w->arena);
	struct store_put p = world_put(w, name, "https://example.cn/t", i % 7 * 300, false);
	struct store_txn txn = {.puts = &p, .nputs = 1, .time_ms = 1700000000000};
	return world_commit(w, &txn, 1);
}

void test_readers(const struct amount *a, struct tally *t)
{
	struct world w = {0};
	struct reader readers[THREADS] = {0};
	struct hlv_rand rand;
	atomic_bool stop = false;
	char dir[64];
	unsigned n = a->n ? a->n : 500, failed = 0, again = 0, landed = 0;
	uint64_t faults = 0, reads = 0, wrong = 0, errors = 0;
	scratch_make(dir, "readers");
	hlv_rand_seed(&rand, a->seed);
	if (world_open(&w, dir, true) != HLV_OK)
		abort();
	for (unsigned i = 0; i < NAMES; i++)
		if (put(&w, i) != HLV_OK)
			abort();
	for (int i = 0; i < THREADS; i++) {
		readers[i].w.store = w.store;
		readers[i].stop = &stop;
		if (w.store->ops->view_open(w.store, &readers[i].w.view) != HLV_OK ||
		    pthread_create(&readers[i].thread, NULL, keep_reading, &readers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < n; i++) {
		struct fault f = {.kind = hlv_rand_below(&rand, 4) ? FAULT_WRITE : FAULT_SYNC,
				  .error = EIO};
		f.at = 1 + (unsigned)hlv_rand_below(&rand, f.kind == FAULT_SYNC ? 1 : CALLS);
		fault_set(&f);
		enum hlv_err err = put(&w, i % NAMES);
		fault_set(&(struct fault){0});
		if (err == HLV_OK)
			continue;
		bool in = false;
		failed++;
		again += err == HLV_E_IO && store_reopen(w.store, &in, w.why) == HLV_OK;
		landed += in;
	}
	atomic_store(&stop, true);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(readers[i].thread, NULL);
		reads += readers[i].reads;
		wrong += readers[i].wrong;
		errors += readers[i].failed;
	}
	if (world_verify(&w, &faults) != HLV_OK)
		faults++;
	tally(t, wrong == 0 && errors == 0 && faults == 0 && again == failed && failed > n / 4,
	      "read while the disk fails: seed %llu: %u of %u commits failed, %u times opened "
	      "again (%u were in), %llu reads by %d threads: %llu wrong, %llu failed",
	      (unsigned long long)a->seed, failed, n, again, landed, (unsigned long long)reads,
	      THREADS, (unsigned long long)wrong, (unsigned long long)errors);
	world_fini(&w);
	scratch_remove(dir);
}
