/* SPDX-License-Identifier: Apache-2.0
 *
 * The test program stands between LMDB and the kernel: it defines pwrite(), fdatasync() and the
 * like itself, so that the real code of the store runs unchanged on calls that are written down
 * (the tape, for crash states) or fail on purpose (faults). Dynamic linking takes a program's own
 * definition before libc's; nothing is preloaded.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* --- written down --- */

enum tape_file { TAPE_DATA, TAPE_HEAD, TAPE_FILES };
enum tape_kind {
	TAPE_WRITE,
	TAPE_SIZE, /* ftruncate */
	TAPE_SYNC, /* all before it on this file is on the disk */
	TAPE_ACK,  /* the writer was told that this is durable */
};
struct tape_event {
	enum tape_kind kind;
	enum tape_file file;
	bool durable; /* a write through a descriptor with O_DSYNC */
	off_t at;     /* or the new size */
	size_t n;
	uint8_t *octets;
	uint64_t seq, digest; /* of an ACK */
};
struct tape {
	struct tape_event *events;
	size_t n, cap;
};
/* From now on, until tape_stop(): what happens to files that are named data.mdb or head. */
void tape_start(struct tape *t);
void tape_stop(void);
size_t tape_ack(struct tape *t, uint64_t seq, uint64_t digest); /* its place on the tape */
void tape_free(struct tape *t);

/* --- failing --- */

enum fault_kind { FAULT_WRITE, FAULT_SYNC, FAULT_SIZE, FAULT_OPEN, FAULT_MALLOC, FAULT_MAP };
enum { FAULT_KINDS = 6 };
struct fault {
	enum fault_kind kind;
	unsigned at;   /* the n-th call from now on, counted from 1; 0: none fails */
	bool for_good; /* and all after it */
	bool part;     /* a write writes half of what it should first */
	int error;
};
/* Counts begin anew. */
void fault_set(const struct fault *f);
unsigned fault_count(enum fault_kind kind);
bool fault_fired(void);

/* --- planted mistakes: the tests must find them --- */

enum mutant {
	MUTANT_NONE,
	MUTANT_NO_META_SYNC,  /* LMDB's flag */
	MUTANT_NO_SYNC,	      /* LMDB's flag */
	MUTANT_EARLY_ACK,     /* acknowledged before the commit (by the writer) */
	MUTANT_SPLIT_JOURNAL, /* the journal in a second LMDB transaction */
};
extern enum mutant mutant;
