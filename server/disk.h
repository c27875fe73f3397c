/* SPDX-License-Identifier: Apache-2.0
 *
 * Room on the disk, and what may still be written when it gets short (threats.md D10, D4): a pure
 * decision with its memory in a struct, and around it the two things that touch the world, the
 * reading of the file system and the ballast: a file that holds some octets back, given up when
 * nothing else is left so that records can still be deleted.
 */
#pragma once
#include "proto/base/err.h"
#include "proto/base/now.h"

#include <stdbool.h>

enum disk_state {
	DISK_NORMAL,
	DISK_WARN,	 /* everything goes; somebody should look */
	DISK_NO_CREATES, /* nothing that makes a new record */
	DISK_READ_ONLY, /* deletes alone, out of the ballast; nothing at all after disk errors */
};
enum { DISK_STATES = 4 };

/* A level is reached when fewer octets are free than `permille` of the file system, but at least
 * `floor` and at most `cap`: a tenth of a large disk is no shortage, a fiftieth of a tiny one is
 * no room. */
struct disk_level {
	uint32_t permille;
	uint64_t floor, cap;
};
struct disk_limits {
	struct disk_level levels[DISK_STATES]; /* DISK_NORMAL's is not looked at */
	uint64_t hold_ms; /* how long it must look better before it counts as better */
	uint64_t
		io_window_ms; /* a second disk error within this: read-only until the restart */
	uint64_t ballast;     /* octets; a sixty-fourth of a small disk */
};
/* 10 %, 5 %, 2 %; 60 s; 64 MiB. */
extern const struct disk_limits disk_limits_default;

/* One look. */
struct disk_reading {
	uint64_t free, total; /* of the file system, for us */
	unsigned
		full_errors; /* commits since the last look that found no room (a quota, a limit on
	                          files: the file system does not show those) */
	unsigned io_errors; /* commits since then that met a disk error */
};

/* Why it is in its state. */
enum disk_reason { DISK_FINE, DISK_SPACE, DISK_REFUSED, DISK_ERRORS };

struct disk_watch { /* zeros to begin */
	enum disk_state state;
	enum disk_reason reason;
	struct disk_reading last;
	hlv_mono_ns better_since_ns; /* 0: it does not look better now */
	hlv_mono_ns io_error_ns;     /* of the last one; 0: none */
};

/* Pure. Worse counts at once; better only when it lasted. */
enum disk_state disk_decide(struct disk_watch *w, const struct disk_limits *limits,
			    struct disk_reading reading, hlv_mono_ns now_ns);

enum disk_write { DISK_CREATE, DISK_CHANGE, DISK_DELETE };
bool disk_admits(const struct disk_watch *w, enum disk_write write);

/* Which threshold, how much is free, what to do: one line; empty when all is well. */
enum { DISK_TEXT = 256 };
void disk_text(const struct disk_watch *w, const struct disk_limits *limits, const char *dir,
	       char text[DISK_TEXT]);

/* --- the world --- */

struct disk {
	const char *dir; /* borrowed */
	const struct disk_limits *limits;
	struct disk_watch watch;
	uint64_t held; /* octets of ballast on the disk now */
};

/* Makes the ballast if there is room for it. */
void disk_init(struct disk *d, const char *dir, const struct disk_limits *limits,
	       hlv_mono_ns now_ns);
/* Each second, and after a commit that failed: reads the file system, decides, gives the ballast
 * up or makes it again. What the ballast gave back does not count as free. */
enum disk_state disk_look(struct disk *d, unsigned full_errors, unsigned io_errors,
			  hlv_mono_ns now_ns);
