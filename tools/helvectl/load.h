/* SPDX-License-Identifier: Apache-2.0
 *
 * Bulk registration: files of records into the registry, sorted first and appended where that is
 * possible, with a journal entry for each range instead of one for each record. A record that
 * cannot be taken goes to FILE.rejected with its line and the reason; the others are loaded. A
 * load that was interrupted goes on where it stood: its place is kept in the registry itself,
 * in the transaction that moves it. Knows neither the command line nor the terminal.
 */
#pragma once
#include "server/store.h"
#include "tools/helvectl/source.h"

struct load_progress {
	uint64_t records;     /* loaded or rejected so far */
	uint64_t done, total; /* octets, of reading or of writing; total 0: not known */
	bool writing;	      /* what was sorted is being written now */
};

struct load_options {
	const char *const *files;
	size_t nfiles; /* at most LOAD_FILES_MAX */
	bool guess;    /* the format of each file by its first octets */
	enum source_format format;
	bool dry_run;	  /* look for what would be rejected, write nothing */
	bool resume;	  /* go on with the load that was interrupted, if there was one */
	bool replace;	  /* identifiers that exist are overwritten, not rejected */
	bool atomic;	  /* over the wire: a chunk with a failed record is refused whole */
	bool strict;	  /* only what is under a prefix that is homed here */
	unsigned threads; /* 0: 2 */
	size_t memory;	  /* octets for sorting; 0: 512 MiB */
	size_t chunk;	  /* octets that are parsed at once; 0: 4 MiB */
	size_t group;	  /* records that are written at once; 0: 32768, the most */
	size_t txn;	 /* octets of one transaction, for a server that takes them by messages;
			     then a group may be in by half when a load is resumed. 0: no bound */
	const char *dir; /* for what does not fit: the registry's directory */
	uint64_t now_ms;
	void (*progress)(void *ctx, const struct load_progress *);
	void *ctx;
};
enum { LOAD_FILES_MAX = 1000 };

struct load_result {
	uint64_t loaded, failed;
	uint64_t homed;	     /* prefixes */
	char why[STORE_WHY]; /* one line, when it ended early */
};

/* HLV_OK when all was read, also when records were rejected. HLV_E_UNSUPPORTED: a batch file.
 * HLV_E_USAGE: an interrupted load of other files. */
enum hlv_err HLV_MUST_USE load_run(struct store *store, const struct load_options *o,
				   struct load_result *result);
