/* SPDX-License-Identifier: Apache-2.0
 *
 * The backup drill: copies made while somebody writes without a pause, each opened and compared
 * with what the registry was at the place where the copy ends.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "server/store_file.h"
#include "tests/crash/crash.h"

enum { SEQS = 1 << 20 };

struct writer {
	struct world w;
	uint64_t *digests;	 /* by place */
	_Atomic uint64_t newest; /* place whose digest is written down */
	atomic_bool stop, ended;
	atomic_uint failed;
};

static void *keep_writing(void *arg)
{
	struct writer *k = arg;
	struct group g;
	while (!atomic_load(&k->stop) && k->w.groups < SEQS / GROUP_MAX / 2) {
		uint64_t seq, digest;
		world_group(&k->w, &g);
		if (world_commit(&k->w, g.txns, g.n) != HLV_OK ||
		    world_digest(&k->w, &seq, &digest) != HLV_OK) {
			atomic_fetch_add(&k->failed, 1);
			break;
		}
		__atomic_store_n(&k->digests[seq], digest, __ATOMIC_RELEASE);
		atomic_store(&k->newest, seq);
	}
	atomic_store(&k->ended, true);
	return NULL;
}

/* The writer has its turn between two backups, on however few and busy cores. */
static void wait_for_more(struct writer *k, uint64_t seq)
{
	while (atomic_load(&k->newest) <= seq && !atomic_load(&k->ended))
		sched_yield();
}

/* The copy, opened as the registry that it is to be. The digest of its place may not be written
 * down yet: the writer reads it after its commit. */
static bool is_whole(struct writer *k, const char *dir, uint64_t *seq, char *why)
{
	struct world copy = {0};
	struct group g;
	uint64_t digest, faults, want;
	hlv_rand_seed(&copy.rand, 1);
	bool good = world_open(&copy, dir, false) == HLV_OK &&
		    world_digest(&copy, seq, &digest) == HLV_OK &&
		    world_verify(&copy, &faults) == HLV_OK && faults == 0;
	while (good && (want = __atomic_load_n(&k->digests[*seq], __ATOMIC_ACQUIRE)) == 0 &&
	       atomic_load(&k->failed) == 0)
		sched_yield();
	if (good)
		good = digest == want;
	if (good) {
		world_group(&copy, &g);
		good = world_commit(&copy, g.txns, g.n) == HLV_OK;
	}
	snprintf(why, STORE_WHY, "%s", copy.why);
	world_fini(&copy);
	return good;
}

static bool drill(struct writer *k, const char *parent, unsigned i, uint64_t *seq, char *why)
{
	char dir[96], path[128];
	snprintf(dir, sizeof dir, "%s/copy", parent);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	scratch_remove(dir);
	(void)i;
	if (store_file_make_dir(dir, why) != HLV_OK)
		return false;
	if (store_backup(k->w.store, path, why) != HLV_OK)
		return false;
	return is_whole(k, dir, seq, why);
}

void test_backup(const struct amount *a, struct tally *t)
{
	struct writer k = {.digests = calloc(SEQS, sizeof *k.digests)};
	char dir[64], why[STORE_WHY] = "", first[STORE_WHY] = "";
	pthread_t thread;
	unsigned n = a->n ? a->n : 100, good = 0;
	uint64_t seq = 0, last = 0, moved = 0;
	struct group g;
	scratch_make(dir, "backup");
	hlv_rand_seed(&k.w.rand, a->seed);
	if (!k.digests || world_open(&k.w, dir, true) != HLV_OK)
		abort();
	world_group(&k.w, &g);
	if (world_commit(&k.w, g.txns, g.n) != HLV_OK ||
	    world_digest(&k.w, &seq, &k.digests[g.n]) != HLV_OK ||
	    pthread_create(&thread, NULL, keep_writing, &k) != 0)
		abort();
	double began = crash_seconds();
	for (unsigned i = 0; i < n; i++) {
		wait_for_more(&k, seq);
		bool whole = drill(&k, dir, i, &seq, why);
		good += whole;
		moved += seq > last;
		last = seq;
		if (!whole && !*first)
			snprintf(first, sizeof first, ": backup %u: %s", i, why);
	}
	double took = crash_seconds() - began;
	atomic_store(&k.stop, true);
	pthread_join(thread, NULL);
	tally(t, good == n && k.failed == 0 && moved > n / 2,
	      "backup drill: seed %llu: %u of %u right, of %llu different places, under %.0f "
	      "groups a second%s",
	      (unsigned long long)a->seed, good, n, (unsigned long long)moved,
	      k.w.groups / took, first);
	world_fini(&k.w);
	scratch_remove(dir);
	free(k.digests);
}
