/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls that fail (threats.md 6, "Nth-call faults"): a script of 200 operations runs with its n-th
 * write, sync, open, allocation ... failing, once or from then on, for every n. The script does
 * what the registrar does: an acknowledged change counts, a refused one does not, after a disk
 * error the registry is opened again, and the second one ends all writing. Then, with a disk that
 * works again, what is there must be what was acknowledged.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/crash.h"

enum { OPS = 200, NAMES = 23, NAME = 32, TEXT = 64, LAST_WORDS = 30 };

/* What an identifier may hold: one text for certain, or one of two when nobody knows. */
struct expected {
	char text[TEXT], maybe[TEXT]; /* "": no record */
	bool doubtful;
};

struct script {
	struct world w;
	struct expected names[NAMES];
	unsigned io_errors, acked, refused, unknown;
	bool read_only;
};

static void name_of(unsigned i, char name[NAME])
{
	snprintf(name, NAME, "88.118.8/F%02u", i);
}

/* An answer is right, or an error. */
static bool is_right(struct script *s, unsigned i)
{
	const struct expected *e = &s->names[i];
	char name[NAME], text[TEXT];
	name_of(i, name);
	enum hlv_err err = world_read(&s->w, name, text, sizeof text);
	if (err != HLV_OK && err != HLV_E_NOT_FOUND)
		return true;
	return strcmp(text, e->text) == 0 || (e->doubtful && strcmp(text, e->maybe) == 0);
}

struct change {
	unsigned name;
	char text[TEXT]; /* "": deleted */
};

static void settle(struct script *s, const struct change *changes, size_t n, bool known)
{
	for (size_t i = 0; i < n; i++) {
		struct expected *e = &s->names[changes[i].name];
		if (known)
			e->doubtful = false;
		else
			e->doubtful = true;
		snprintf(known ? e->text : e->maybe, TEXT, "%s", changes[i].text);
	}
}

/* The registrar's rule (threats.md D4). True: the changes are in after all. */
static bool recover(struct script *s, bool *known)
{
	bool landed;
	s->read_only = ++s->io_errors > 1;
	*known = store_reopen(s->w.store, &landed, s->w.why) == HLV_OK;
	s->read_only = s->read_only || !*known;
	return *known && landed;
}

static size_t make_changes(struct script *s, unsigned op, struct change changes[2])
{
	size_t n = 1 + op % 2;
	for (size_t i = 0; i < n; i++) {
		changes[i].name = (op * 7 + (unsigned)i * 3) % NAMES;
		snprintf(changes[i].text, TEXT, "https://example.cn/%u", op);
		if (op % 5 == 4 && s->names[changes[i].name].text[0])
			changes[i].text[0] = '\0';
	}
	return n;
}

static bool operate(struct script *s, unsigned op)
{
	struct change changes[2];
	struct store_put puts[2];
	struct store_txn txns[2];
	size_t n = make_changes(s, op, changes);
	hlv_arena_reset(&s->w.arena);
	for (size_t i = 0; i < n; i++) {
		char name[NAME];
		name_of(changes[i].name, name);
		puts[i] = world_put(&s->w, name, changes[i].text[0] ? changes[i].text : "gone",
				    op % 11 == 0 ? 6000 : 40, !changes[i].text[0]);
		txns[i] = (struct store_txn){
			.puts = &puts[i], .nputs = 1, .time_ms = 1700000000000 + op};
	}
	if (s->w.arena.bad) {
		s->refused++;
		return true;
	}
	enum hlv_err err = HLV_E_PERMISSION;
	if (!s->read_only)
		err = s->w.store->ops->commit(s->w.store, txns, n);
	bool in = err == HLV_OK && txns[0].err == HLV_OK && (n < 2 || txns[1].err == HLV_OK);
	bool known = true;
	if (err == HLV_E_IO)
		in = recover(s, &known);
	if (in || !known)
		settle(s, changes, n, known);
	s->acked += in;
	s->refused += !in && known;
	s->unknown += !known;
	return is_right(s, (op * 13 + 5) % NAMES) && is_right(s, changes[0].name);
}

/* How it was with a disk that works: the registry of the script, opened anew. */
static int judge(struct script *s)
{
	uint64_t faults;
	char dir[128];
	memcpy(dir, s->w.dir, sizeof dir);
	fault_set(&(struct fault){0});
	world_close(&s->w);
	if (world_open(&s->w, dir, false) != HLV_OK) {
		crash_say("does not open afterwards: %s", s->w.why);
		return 3;
	}
	if (world_verify(&s->w, &faults) != HLV_OK || faults > 0) {
		crash_say("afterwards: %s", s->w.why);
		return 4;
	}
	for (unsigned i = 0; i < NAMES; i++) {
		if (!is_right(s, i)) {
			crash_say("afterwards name %u is wrong: \"%s\" expected", i,
				  s->names[i].text);
			return 5;
		}
	}
	s->read_only = false;
	s->io_errors = 0;
	unsigned acked = s->acked;
	for (unsigned op = OPS; op < OPS + 3; op++)
		if (!operate(s, op) || s->acked != ++acked) {
			crash_say("afterwards nothing can be changed");
			return 6;
		}
	return 0;
}

/* When it starts: in the script, or before the registry is opened. */
enum phase { RUNNING, OPENING };

struct plan {
	struct fault *faults;
	enum phase phase;
	unsigned n, bad, hung;
	char first[600];
};

static int run_script(const struct fault *f, enum phase phase, unsigned counts[FAULT_KINDS])
{
	static struct script s;
	unsigned ops = phase == RUNNING ? OPS : 6;
	char dir[64];
	int rc = 0;
	scratch_make(dir, "fault");
	crash_say("%s ended in the middle", dir);
	if (world_open(&s.w, dir, true) != HLV_OK)
		return 1;
	operate(&s, 0); /* OpenSSL does not bear a failing malloc in its first use */
	if (phase == OPENING) {
		char again[64];
		memcpy(again, dir, sizeof again);
		world_close(&s.w);
		fault_set(f);
		s.read_only = world_open(&s.w, again, false) != HLV_OK;
		ops = s.read_only ? 0 : ops;
	} else {
		fault_set(f);
	}
	unsigned rest = LAST_WORDS;
	for (unsigned op = 1; op < ops && rc == 0; op++) {
		if (!operate(&s, op)) {
			crash_say("wrong answer at operation %u", op);
			rc = 2;
		}
		/* A while after it failed once all is as it was: the judge may come. */
		if (f->at && !f->for_good && fault_fired() && --rest == 0)
			break;
	}
	for (int i = 0; counts && i < FAULT_KINDS; i++)
		counts[i] = fault_count((enum fault_kind)i);
	if (rc == 0)
		rc = judge(&s);
	if (rc == 0 && !f->at && (s.refused > 0 || s.unknown > 0))
		rc = 7;
	world_fini(&s.w);
	scratch_remove(dir);
	return rc;
}

static int run_fault(void *ctx, unsigned i)
{
	const struct plan *p = ctx;
	return run_script(&p->faults[i], p->phase, NULL);
}

static bool see_fault(void *ctx, unsigned i, int status, const char *said)
{
	struct plan *p = ctx;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return true;
	const struct fault *f = &p->faults[i];
	p->bad++;
	p->hung += WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
	if (!*p->first)
		snprintf(p->first, sizeof p->first, ": -o %d,%u,%d,%d: status 0x%x: %.400s",
			 f->kind, f->at, f->error,
			 (f->for_good ? 1 : 0) + (f->part ? 2 : 0) +
				 (p->phase == OPENING ? 4 : 0),
			 (unsigned)status, said);
	return true;
}

/* Counts how often each kind is called when nothing fails. */
static int count_calls(void *ctx, unsigned i)
{
	unsigned counts[FAULT_KINDS];
	(void)ctx;
	int rc = run_script(&(struct fault){0}, (enum phase)i, counts);
	crash_say("%u %u %u %u %u %u", counts[0], counts[1], counts[2], counts[3], counts[4],
		  counts[5]);
	return rc;
}

static bool see_counts(void *ctx, unsigned i, int status, const char *said)
{
	unsigned *counts = (unsigned *)ctx + i * FAULT_KINDS;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0 ||
	    sscanf(said, "%u %u %u %u %u %u", &counts[0], &counts[1], &counts[2], &counts[3],
		   &counts[4], &counts[5]) != FAULT_KINDS)
		counts[0] = 0;
	return true;
}

static unsigned plan_faults(struct plan *p, enum fault_kind kind, unsigned calls, int error,
			    unsigned step, unsigned from)
{
	for (unsigned at = from; at <= calls; at += step) {
		for (int how = 0; how < 2; how++)
			p->faults[p->n++] = (struct fault){
				.kind = kind, .at = at, .for_good = how, .error = error};
		if (kind == FAULT_WRITE && error == ENOSPC)
			p->faults[p->n++] = (struct fault){
				.kind = kind, .at = at, .part = true, .error = error};
	}
	return p->n;
}

static const struct {
	enum fault_kind kind;
	const char *name;
	int errors[4];
	unsigned step; /* in CI; every call with -n 1 */
} rows[] = {
	{FAULT_WRITE, "write", {EIO}, 1},
	{FAULT_WRITE, "write", {ENOSPC, EDQUOT}, 3},
	{FAULT_SYNC, "sync", {EIO, ENOSPC, EDQUOT}, 1},
	{FAULT_SIZE, "truncate", {EIO, ENOSPC, EFBIG}, 1},
	{FAULT_OPEN, "open", {EIO, EMFILE, ENOMEM}, 1},
	{FAULT_MALLOC, "malloc", {ENOMEM}, 5},
	{FAULT_MAP, "mmap", {ENOMEM}, 1},
};

static void run_phase(const struct amount *a, enum phase phase, const unsigned *counts,
		      struct tally *t)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		double began = crash_seconds();
		unsigned calls = counts[rows[i].kind];
		unsigned step = a->n == 1 || phase == OPENING ? 1 : rows[i].step;
		struct plan p = {.phase = phase,
				 .faults = calloc((size_t)calls * 9 + 9, sizeof *p.faults)};
		for (int k = 0; k < 4 && rows[i].errors[k]; k++)
			plan_faults(&p, rows[i].kind, calls, rows[i].errors[k], step,
				    1 + (unsigned)(a->seed % step));
		crash_run(p.n, a->workers, run_fault, see_fault, &p);
		if (p.n > 0)
			tally(t, p.bad == 0,
			      "%s fails%s: %u runs (each %u. of %u calls) in %.1f s: %u bad, "
			      "%u hung%s",
			      rows[i].name, phase == OPENING ? " at the start" : "", p.n, step,
			      calls, crash_seconds() - began, p.bad, p.hung, p.first);
		free(p.faults);
	}
}

void test_faults(const struct amount *a, struct tally *t)
{
	unsigned counts[2][FAULT_KINDS] = {0};
	struct fault one = {0};
	int kind, how;
	if (a->one && sscanf(a->one, "%d,%u,%d,%d", &kind, &one.at, &one.error, &how) == 4) {
		one.kind = (enum fault_kind)kind;
		one.for_good = how & 1;
		one.part = how & 2;
		tally(t, run_script(&one, how & 4 ? OPENING : RUNNING, NULL) == 0, "fault %s",
		      a->one);
		return;
	}
	crash_run(2, 1, count_calls, see_counts, counts);
	tally(t, counts[0][FAULT_WRITE] > OPS && counts[0][FAULT_SYNC] >= OPS - 1,
	      "script of %d operations: %u writes, %u syncs, %u truncates, %u mallocs; a "
	      "start: "
	      "%u opens, %u mmaps, %u mallocs",
	      OPS, counts[0][FAULT_WRITE], counts[0][FAULT_SYNC], counts[0][FAULT_SIZE],
	      counts[0][FAULT_MALLOC], counts[1][FAULT_OPEN], counts[1][FAULT_MAP],
	      counts[1][FAULT_MALLOC]);
	run_phase(a, RUNNING, counts[0], t);
	run_phase(a, OPENING, counts[1], t);
}
