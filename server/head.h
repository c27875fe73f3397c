/* SPDX-License-Identifier: Apache-2.0
 *
 * The rollback guard (threats.md D6): a small file `head` beside the registry that says how far it
 * had come when the last change was acknowledged. It carries no truth: lost or damaged, nothing
 * is missing. But when it is ahead of the registry, an acknowledged change has vanished (a disk
 * that tears a sector, a copy put back by hand), and whoever starts the node must know before it
 * writes a second history over the first.
 *
 * Two slots, 4 KiB apart so that no sector holds both, written in turn:
 *   0  octets "HLVHEAD1"   16  u64 seq           40  octets hash (32)
 *   8  u64 generation      24  octets epoch (16) 72  u32 CRC-32C over what stands before
 */
#pragma once
#include "proto/base/bytes.h"
#include "proto/base/err.h"

enum { HEAD_EPOCH = 16, HEAD_HASH = 32 };

struct head {
	uint64_t seq;		   /* of the last change that was acknowledged */
	uint8_t epoch[HEAD_EPOCH]; /* of the journal that it stands in */
	uint8_t hash[HEAD_HASH];   /* of the state then; zeros: not known */
};

/* What the guard says of a registry. */
enum head_verdict {
	HEAD_FITS, /* the registry is where the guard says, or further */
	HEAD_NONE, /* no guard yet, or one of another journal: nothing can be said */
	HEAD_DAMAGED, /* neither slot can be read: nothing can be said, and a disk is to be looked at */
	HEAD_VANISHED, /* acknowledged changes are not there: do not write */
	HEAD_DIFFERS,  /* the same place with another state: do not write */
};

struct head_file {
	int fd;
	uint64_t generation;
	bool dirty; /* written since the last sync */
};

/* Open or make `dir`/head, and give what its newest slot says. HEAD_FITS here: `newest` is set;
 * HEAD_NONE and HEAD_DAMAGED: it is not. */
enum hlv_err HLV_MUST_USE head_open(const char *dir, struct head_file *f,
				    enum head_verdict *found, struct head *newest);
/* After each commit, before its answers go out. */
enum hlv_err HLV_MUST_USE head_put(struct head_file *f, const struct head *h);
/* Each second, and before the end; nothing to do when nothing was put. */
enum hlv_err HLV_MUST_USE head_sync(struct head_file *f);
void head_close(struct head_file *f);

/* Pure: the guard as it was found, and what it said, against what the registry holds. */
enum head_verdict head_check(enum head_verdict found, const struct head *newest,
			     const struct head *registry);
/* One line for people: what was found and what to do. `why`: 256 octets; empty for HEAD_FITS and
 * HEAD_NONE. */
void head_text(enum head_verdict verdict, const struct head *newest,
	       const struct head *registry, char *why);

/* After a restore: what stands there is meant to be behind. Removes the file; none is no error. */
enum hlv_err HLV_MUST_USE head_forget(const char *dir);
