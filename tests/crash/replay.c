/* SPDX-License-Identifier: Apache-2.0
 *
 * Crash states (threats.md 6): a writer's calls are written down once; then the disk is put
 * together as a power cut could have left it, many times over, and each such disk is opened. What
 * was synced is there. Of what was not, each write, or each 512-octet sector of it, may be there or
 * not, since the kernel and the disk write in the order that they like. A sector is written wholly
 * or not at all.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/crash.h"

enum { SECTOR = 512, BATCH = 100, GROUPS = 160, REOPEN_EVERY = 40 };

struct image {
	uint8_t *octets;
	size_t n, cap;
	size_t used; /* behind it, up to the file's size n, all is zero and not held here */
};

struct run {
	struct tape tape;
	struct image start[TAPE_FILES]; /* when the tape began */
	uint64_t start_seq, start_digest;
	uint64_t seed;
	unsigned states; /* to build in all */
	bool stop_at_first;
	unsigned bad, hung;
	char first[600];
};

/* --- images --- */

static void image_room(struct image *m, size_t n)
{
	if (n <= m->cap)
		return;
	m->cap = n * 2;
	m->octets = realloc(m->octets, m->cap);
	if (!m->octets)
		abort();
}

static void image_size(struct image *m, size_t n)
{
	m->used = n < m->used ? n : m->used;
	m->n = n;
}

static void image_write(struct image *m, size_t at, const uint8_t *p, size_t n)
{
	image_room(m, at + n);
	if (at > m->used)
		memset(m->octets + m->used, 0, at - m->used);
	memcpy(m->octets + at, p, n);
	m->used = at + n > m->used ? at + n : m->used;
	m->n = m->used > m->n ? m->used : m->n;
}

static void image_read(struct image *m, const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0) {
		image_room(m, (size_t)st.st_size);
		m->n = m->used = (size_t)st.st_size;
		if (read(fd, m->octets, m->n) != (ssize_t)m->n)
			abort();
	}
	close(fd);
}

static void image_put(const struct image *m, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0 || write(fd, m->octets, m->used) != (ssize_t)m->used ||
	    ftruncate(fd, (off_t)m->n) != 0) /* the rest stays a hole */
		abort();
	close(fd);
}

static struct image image_copy(const struct image *m)
{
	struct image copy = {.n = m->n, .used = m->used};
	image_room(&copy, m->used + 1);
	memcpy(copy.octets, m->octets, m->used);
	return copy;
}

/* --- the writer --- */

static void write_acked(struct run *r, struct world *w, struct group *g)
{
	struct head h;
	uint64_t seq, digest;
	size_t ack = 0;
	if (mutant == MUTANT_EARLY_ACK)
		ack = tape_ack(&r->tape, 0, 0);
	if (world_commit(w, g->txns, g->n) != HLV_OK || world_head(w, &h) != HLV_OK ||
	    head_put(&w->head, &h) != HLV_OK || world_digest(w, &seq, &digest) != HLV_OK)
		abort();
	if (mutant != MUTANT_EARLY_ACK)
		ack = tape_ack(&r->tape, 0, 0);
	r->tape.events[ack].seq = seq;
	r->tape.events[ack].digest = digest;
	if (w->groups % 7 == 0 && head_sync(&w->head) != HLV_OK)
		abort();
}

/* Groups of transactions, and now and then a restart. */
static void record(struct run *r, uint64_t seed, unsigned groups)
{
	struct world w = {0};
	struct group g;
	char dir[64], path[128];
	scratch_make(dir, "tape");
	hlv_rand_seed(&w.rand, seed);
	r->seed = seed;
	if (world_open(&w, dir, true) != HLV_OK)
		abort();
	world_close(&w);
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	image_read(&r->start[TAPE_DATA], path);
	snprintf(path, sizeof path, "%s/head", dir);
	image_read(&r->start[TAPE_HEAD], path);
	tape_start(&r->tape);
	if (world_open(&w, dir, false) != HLV_OK ||
	    world_digest(&w, &r->start_seq, &r->start_digest) != HLV_OK)
		abort();
	for (unsigned i = 0; i < groups; i++) {
		world_group(&w, &g);
		write_acked(r, &w, &g);
		if (i % REOPEN_EVERY == REOPEN_EVERY - 1) {
			world_close(&w);
			if (world_open(&w, dir, false) != HLV_OK)
				abort();
		}
	}
	tape_stop();
	world_fini(&w);
	scratch_remove(dir);
}

static void run_free(struct run *r)
{
	tape_free(&r->tape);
	for (int i = 0; i < TAPE_FILES; i++)
		free(r->start[i].octets);
}

/* --- one state --- */

enum mode { ALL, NONE, SOME_WRITES, SOME_SECTORS, MODES };

static void apply(struct image *m, const struct tape_event *e)
{
	if (e->kind == TAPE_SIZE)
		image_size(m, (size_t)e->at);
	else if (e->kind == TAPE_WRITE)
		image_write(m, (size_t)e->at, e->octets, e->n);
}

static void apply_sectors(struct image *m, const struct tape_event *e, struct hlv_rand *rand)
{
	size_t at = (size_t)e->at, end = at + e->n;
	while (at < end) {
		size_t next = (at / SECTOR + 1) * SECTOR;
		size_t n = (next < end ? next : end) - at;
		if (hlv_rand_below(rand, 2))
			image_write(m, at, e->octets + (at - (size_t)e->at), n);
		at += n;
	}
}

/* What was not synced when the power went, in this mode. */
static void apply_pending(struct image *m, const struct tape_event *e, enum mode mode,
			  struct hlv_rand *rand)
{
	switch (mode) {
	case ALL:
		apply(m, e);
		return;
	case NONE:
	case MODES:
		return;
	case SOME_WRITES:
		if (hlv_rand_below(rand, 2))
			apply(m, e);
		return;
	case SOME_SECTORS:
		if (e->kind == TAPE_WRITE)
			apply_sectors(m, e, rand);
		else if (hlv_rand_below(rand, 2))
			apply(m, e);
		return;
	}
}

/* How many events were on the disk for certain, of file `f`, before event `end`. */
static size_t synced_before(const struct tape *t, enum tape_file f, size_t end)
{
	for (size_t i = end; i > 0; i--)
		if (t->events[i - 1].kind == TAPE_SYNC && t->events[i - 1].file == f)
			return i;
	return 0;
}

/* What is on the disk for certain, moved along the tape. */
struct base {
	struct image images[TAPE_FILES];
	size_t applied[TAPE_FILES];
};

static void base_begin(struct base *b, const struct run *r)
{
	*b = (struct base){0};
	for (int f = 0; f < TAPE_FILES; f++)
		b->images[f] = image_copy(&r->start[f]);
}

static void base_end(struct base *b)
{
	for (int f = 0; f < TAPE_FILES; f++)
		free(b->images[f].octets);
}

/* The disk after the first `end` events, the last of which was under way. `end` never goes back. */
static void build(struct base *b, const struct run *r, size_t end, enum mode mode,
		  struct hlv_rand *rand, struct image images[TAPE_FILES])
{
	const struct tape *t = &r->tape;
	for (int f = 0; f < TAPE_FILES; f++) {
		size_t safe = synced_before(t, (enum tape_file)f, end > 0 ? end - 1 : 0);
		for (; b->applied[f] < safe; b->applied[f]++)
			if (t->events[b->applied[f]].file == (enum tape_file)f)
				apply(&b->images[f], &t->events[b->applied[f]]);
		images[f] = image_copy(&b->images[f]);
		for (size_t i = safe; i < end; i++) {
			const struct tape_event *e = &t->events[i];
			if (e->file != (enum tape_file)f)
				continue;
			if (e->durable && i < end - 1)
				apply(&images[f], e);
			else
				apply_pending(&images[f], e, mode, rand);
		}
	}
}

/* What may be there: all that was acknowledged, and the group under way or not. */
struct allowed {
	uint64_t seq[2], digest[2];
};

static struct allowed allowed_at(const struct run *r, size_t end)
{
	const struct tape *t = &r->tape;
	struct allowed a = {{r->start_seq, 0}, {r->start_digest, 0}};
	for (size_t i = 0; i < end; i++) {
		if (t->events[i].kind == TAPE_ACK) {
			a.seq[0] = t->events[i].seq;
			a.digest[0] = t->events[i].digest;
		}
	}
	a.seq[1] = a.seq[0];
	a.digest[1] = a.digest[0];
	for (size_t i = end; i < t->n; i++) {
		if (t->events[i].kind == TAPE_ACK) {
			a.seq[1] = t->events[i].seq;
			a.digest[1] = t->events[i].digest;
			break;
		}
	}
	return a;
}

static bool is_allowed(const struct allowed *a, uint64_t seq, uint64_t digest)
{
	return (seq == a->seq[0] && digest == a->digest[0]) ||
	       (seq == a->seq[1] && digest == a->digest[1]);
}

/* Life goes on: three more groups, and all is sound. */
static int go_on(struct world *w, uint64_t seq)
{
	struct group g;
	struct head now;
	uint64_t faults;
	for (int i = 0; i < 3; i++) {
		world_group(w, &g);
		if (world_commit(w, g.txns, g.n) != HLV_OK) {
			crash_say("group %d after the crash is refused", i + 1);
			return 1;
		}
		seq += g.n;
	}
	if (world_head(w, &now) != HLV_OK || now.seq != seq) {
		crash_say("after three more groups at %llu, expected %llu",
			  (unsigned long long)now.seq, (unsigned long long)seq);
		return 1;
	}
	if (world_verify(w, &faults) != HLV_OK || faults > 0) {
		crash_say("after three more groups: %s", w->why);
		return 1;
	}
	return 0;
}

static int judge(const char *dir, const struct allowed *a, uint64_t seed)
{
	struct world w = {0};
	struct head guard, registry;
	enum head_verdict found;
	uint64_t seq, digest, faults;
	hlv_rand_seed(&w.rand, seed);
	w.groups = 1000000;
	if (world_open(&w, dir, false) != HLV_OK) {
		crash_say("does not open: %s", w.why);
		return 1;
	}
	if (world_digest(&w, &seq, &digest) != HLV_OK || !is_allowed(a, seq, digest)) {
		crash_say("at place %llu, acknowledged %llu, under way %llu%s",
			  (unsigned long long)seq, (unsigned long long)a->seq[0],
			  (unsigned long long)a->seq[1],
			  seq == a->seq[0] || seq == a->seq[1] ? ": other content" : "");
		return 1;
	}
	if (world_verify(&w, &faults) != HLV_OK || faults > 0) {
		crash_say("%llu faults: %s", (unsigned long long)faults, w.why);
		return 1;
	}
	head_close(&w.head);
	if (head_open(dir, &w.head, &found, &guard) != HLV_OK ||
	    world_head(&w, &registry) != HLV_OK)
		return 1;
	if (head_check(found, &guard, &registry) > HEAD_DAMAGED) {
		crash_say("the guard cries wolf: it is at %llu, the registry at %llu",
			  (unsigned long long)guard.seq, (unsigned long long)registry.seq);
		return 1;
	}
	int rc = go_on(&w, seq);
	world_close(&w);
	return rc;
}

static void put_images(const char *dir, struct image images[TAPE_FILES])
{
	char path[128];
	snprintf(path, sizeof path, "%s/data.mdb", dir);
	image_put(&images[TAPE_DATA], path);
	snprintf(path, sizeof path, "%s/head", dir);
	image_put(&images[TAPE_HEAD], path);
	for (int f = 0; f < TAPE_FILES; f++)
		free(images[f].octets);
	snprintf(path, sizeof path, "%s/lock.mdb", dir);
	unlink(path);
}

/* --- many states --- */

/* A batch of states, in one child: a crash of it is a finding as well. */
static int replay_batch(void *ctx, unsigned number)
{
	const struct run *r = ctx;
	struct hlv_rand rand;
	struct image images[TAPE_FILES];
	struct base base;
	char dir[64];
	int rc = 0;
	scratch_make(dir, "state");
	base_begin(&base, r);
	for (unsigned k = 0; k < BATCH && rc == 0; k++) {
		uint64_t state = (uint64_t)number * BATCH + k;
		size_t end = (size_t)(state * (r->tape.n + 1) / r->states);
		enum mode mode = state % MODES;
		if (end > r->tape.n)
			break;
		hlv_rand_seed(&rand, r->seed ^ state << 20);
		struct allowed a = allowed_at(r, end);
		build(&base, r, end, mode, &rand, images);
		put_images(dir, images);
		crash_say("state %llu (event %zu of %zu, mode %d): ended in the middle",
			  (unsigned long long)state, end, r->tape.n, mode);
		rc = judge(dir, &a, state);
	}
	base_end(&base);
	scratch_remove(dir);
	return rc;
}

static bool see_batch(void *ctx, unsigned number, int status, const char *said)
{
	struct run *r = ctx;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	r->bad++;
	r->hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
	if (!*r->first)
		snprintf(r->first, sizeof r->first, "batch %u: %s", number, said);
	return !r->stop_at_first;
}

/* `n` states spread over the whole tape. */
static unsigned replay(struct run *r, unsigned n, unsigned workers)
{
	r->states = n;
	return crash_run(n / BATCH, workers, replay_batch, see_batch, r) * BATCH;
}

void test_replay(const struct amount *a, struct tally *t)
{
	struct run r = {0};
	double began = crash_seconds();
	record(&r, a->seed, GROUPS);
	double recorded = crash_seconds();
	unsigned n = replay(&r, a->n ? a->n : 20000, a->workers);
	double took = crash_seconds() - recorded;
	tally(t, r.bad == 0 && n > 0,
	      "crash states: seed %llu: %u states of %zu events in %.1f s (%.0f a second; "
	      "recorded in %.1f s): %u bad%s%s",
	      (unsigned long long)a->seed, n, r.tape.n, took, n / took, recorded - began, r.bad,
	      r.bad ? ": " : "", r.first);
	run_free(&r);
}

void test_mutants(const struct amount *a, struct tally *t)
{
	static const struct {
		enum mutant mutant;
		const char *name;
	} rows[] = {{MUTANT_NO_META_SYNC, "no sync of the meta page"},
		    {MUTANT_NO_SYNC, "no sync at all"},
		    {MUTANT_EARLY_ACK, "acknowledged before the commit"},
		    {MUTANT_SPLIT_JOURNAL, "the journal in a second transaction"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct run r = {0};
		mutant = rows[i].mutant;
		record(&r, a->seed, 60);
		mutant = MUTANT_NONE; /* what opens the states is without fault */
		r.stop_at_first = true;
		unsigned n = replay(&r, 4000, a->workers);
		tally(t, r.bad > 0, "mutant: %s: %s after %u states: %s", rows[i].name,
		      r.bad ? "caught" : "NOT CAUGHT", n, r.first);
		run_free(&r);
	}
}

/* --- a torn meta record --- */

/* Outside what disks do (a sector is written wholly), but some have done it. The newest meta record
 * is half old, half new; how it comes out depends on LMDB. Found out means: refused at the start,
 * a fault that verifying finds, or the guard. */
struct torn {
	struct run *run;
	const struct tape_event **metas;
	size_t *places, n;
	unsigned refused, sound, by_guard, by_verify, crashed, silent;
};

enum { TEARS = 2, TEAR_STEP = 8 };

static int torn_state(void *ctx, unsigned i)
{
	struct torn *x = ctx;
	size_t which = i / (TEARS * 20) % x->n;
	const struct tape_event *e = x->metas[which];
	size_t cut = (i / TEARS % 20) * TEAR_STEP;
	struct image images[TAPE_FILES];
	struct base base;
	struct hlv_rand rand;
	struct world w = {0};
	struct head guard, registry;
	enum head_verdict found;
	uint64_t seq, digest, faults;
	char dir[64];
	hlv_rand_seed(&rand, i);
	if (cut >= e->n)
		return 0;
	/* All but the write itself; then one end of it. */
	base_begin(&base, x->run);
	build(&base, x->run, x->places[which], ALL, &rand, images);
	if (i % TEARS == 0)
		image_write(&images[TAPE_DATA], (size_t)e->at, e->octets, cut);
	else
		image_write(&images[TAPE_DATA], (size_t)e->at + cut, e->octets + cut,
			    e->n - cut);
	struct allowed a = allowed_at(x->run, x->places[which]);
	scratch_make(dir, "torn");
	put_images(dir, images);
	crash_say("%s", dir);
	if (world_open(&w, dir, false) != HLV_OK)
		return 1;
	if (world_digest(&w, &seq, &digest) == HLV_OK && is_allowed(&a, seq, digest))
		return 0;
	head_close(&w.head);
	if (head_open(dir, &w.head, &found, &guard) != HLV_OK ||
	    world_head(&w, &registry) != HLV_OK ||
	    head_check(found, &guard, &registry) > HEAD_DAMAGED)
		return 2;
	return world_verify(&w, &faults) != HLV_OK || faults > 0 ? 3 : 4;
}

static bool see_torn(void *ctx, unsigned i, int status, const char *said)
{
	struct torn *x = ctx;
	(void)i;
	scratch_remove(said);
	if (!WIFEXITED(status) || WEXITSTATUS(status) > 4) {
		x->crashed++;
		return true;
	}
	unsigned *const counts[] = {&x->sound, &x->refused, &x->by_guard, &x->by_verify,
				    &x->silent};
	++*counts[WEXITSTATUS(status)];
	return true;
}

void test_torn_meta(const struct amount *a, struct tally *t)
{
	struct run r = {0};
	record(&r, a->seed, 60);
	struct torn x = {.run = &r};
	x.metas = calloc(r.tape.n, sizeof *x.metas);
	x.places = calloc(r.tape.n, sizeof *x.places);
	for (size_t i = 0; i < r.tape.n && x.metas && x.places; i++) {
		const struct tape_event *e = &r.tape.events[i];
		if (e->kind != TAPE_WRITE || e->file != TAPE_DATA || !e->durable)
			continue;
		/* What the first one tears leads to before the tape: to a registry whose index
		 * is not built yet, which the next start builds, and no number tells of. */
		if (allowed_at(&r, i).seq[0] == r.start_seq)
			continue;
		x.metas[x.n] = e;
		x.places[x.n++] = i;
	}
	unsigned n =
		crash_run((unsigned)x.n * TEARS * 20, a->workers, torn_state, see_torn, &x);
	tally(t, x.silent == 0 && x.n > 50,
	      "torn meta record: %u states of %zu meta writes: %u as if whole or not there, %u "
	      "refused, %u by the guard, %u by verifying, %u ended, %u silent",
	      n, x.n, x.sound, x.refused, x.by_guard, x.by_verify, x.crashed, x.silent);
	free(x.metas);
	free(x.places);
	run_free(&r);
}
