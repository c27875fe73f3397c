/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of the LMDB engine, which is three files: store_lmdb.c reads and commits,
 * store_lmdb_open.c opens and closes, store_lmdb_tend.c is for whoever runs a node. They are the
 * one door to LMDB; nobody else includes this.
 */
#pragma once
#include <limits.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/commit.h"
#include "server/store_file.h"

#define LMDB_GIB ((size_t)1 << 30)
enum { LMDB_SPARE_PAGES = 64 }; /* of the small tables and the free list */

/* What a reader has in place of a table that an older registry lacks. */
static const MDB_dbi NO_TABLE = (MDB_dbi)-1;

struct store_view {
	struct lmdb_store *store;
	struct store_view *next;
	MDB_txn *txn; /* reset between views */
};

struct lmdb_store {
	struct store base;
	MDB_env *env;		       /* NULL: could not be opened again */
	MDB_dbi tables[SPACES], names; /* and LMDB's table of their names */
	int fd;		     /* of data.mdb: holds the writer's lock, extends the file */
	char path[PATH_MAX]; /* of the directory */
	bool read_only;
	bool broken;	  /* an input/output error: only opening again tells what happened */
	bool must_verify; /* a sync failed in an earlier run */
	size_t page_size;
	size_t map_max;	 /* 0: as far as address space goes */
	size_t doubtful; /* LMDB's number of the transaction that was committed last */
	/* A backup gives way: to whoever moves the map, and when it is told to. */
	atomic_bool stop_backup;
	/* Guards the map's address: views hold it shared, whoever moves the map alone. Nothing
	 * else is taken while it is held. */
	pthread_rwlock_t map_lock;
	pthread_mutex_t views_lock; /* guards `views`; nothing is taken inside */
	struct store_view *views;
};

/* One LMDB write transaction, as commit.c sees it. */
struct lmdb_commit {
	struct commit_engine base;
	struct lmdb_store *s;
	MDB_txn *txn;
	MDB_cursor *records;
	struct store_key last; /* of the records; n == 0: none */
	size_t pages;	       /* that it may need at the most */
	int rc;		       /* the last failure in LMDB's words */
};

static inline struct lmdb_store *lmdb_of(struct store *store)
{
	return (struct lmdb_store *)store;
}

/* LMDB's codes in our words. */
enum hlv_err lmdb_err(int rc);

static inline MDB_val lmdb_val(struct hlv_bytes b)
{
	union {
		const void *in;
		void *out;
	} p = {b.p}; /* LMDB's struct serves both ways and does not write here */
	return (MDB_val){.mv_size = b.n, .mv_data = p.out};
}

static inline struct hlv_bytes lmdb_bytes(MDB_val v)
{
	return hlv_bytes(v.mv_data, v.mv_size);
}

extern const struct store_ops lmdb_ops;
extern const char *const lmdb_tables[SPACES];
/* A commit in a transaction of the caller's, for what stands in META alone. */
struct lmdb_commit lmdb_opening(struct lmdb_store *s, MDB_txn *txn);
void lmdb_close(struct store *store);
/* Have the map for oneself: no view is open then, and none begins before lmdb_unpark(). False
 * when a view does not end in time. */
bool lmdb_park(struct lmdb_store *s);
void lmdb_unpark(struct lmdb_store *s);
/* Close the environment, parked; the views stay and begin anew in the next one. */
void lmdb_drop_env(struct lmdb_store *s);
/* Open a finished copy of a registry, one file, and look at everything in it. */
enum hlv_err lmdb_verify_copy(const char *file, char *why);
