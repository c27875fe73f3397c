/* SPDX-License-Identifier: Apache-2.0
 *
 * Mistakes that somebody could make in the store, planted between it and LMDB: the crash tests
 * must find each, or they find nothing. The store's sources are those of the product.
 */
#include <dlfcn.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>

#include "tests/crash/tape.h"

#define SEEN __attribute__((visibility("default")))
enum { LATER_MAX = 64 };

enum mutant mutant;

static MDB_dbi journal = (MDB_dbi)-1;
static struct {
	MDB_val key, data;
} later[LATER_MAX];
static unsigned nlater;

/* dlsym() gives an object's address for what is a function's. */
static void next(const char *name, void *function)
{
	void *p = dlsym(RTLD_NEXT, name);
	memcpy(function, &p, sizeof p);
}

SEEN int mdb_env_open(MDB_env *env, const char *path, unsigned flags, mdb_mode_t mode)
{
	int (*real)(MDB_env *, const char *, unsigned, mdb_mode_t);
	next("mdb_env_open", &real);
	if (mutant == MUTANT_NO_META_SYNC)
		flags |= MDB_NOMETASYNC;
	if (mutant == MUTANT_NO_SYNC)
		flags |= MDB_NOSYNC;
	return real(env, path, flags, mode);
}

SEEN int mdb_dbi_open(MDB_txn *txn, const char *name, unsigned flags, MDB_dbi *dbi)
{
	int (*real)(MDB_txn *, const char *, unsigned, MDB_dbi *);
	next("mdb_dbi_open", &real);
	int rc = real(txn, name, flags, dbi);
	if (rc == 0 && name && strcmp(name, "journal") == 0)
		journal = *dbi;
	return rc;
}

SEEN int mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *key, MDB_val *data, unsigned flags)
{
	int (*real)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
	next("mdb_put", &real);
	if (mutant != MUTANT_SPLIT_JOURNAL || dbi != journal || nlater == LATER_MAX)
		return real(txn, dbi, key, data, flags);
	void *place = calloc(1, key->mv_size + data->mv_size);
	memcpy(place, key->mv_data, key->mv_size);
	later[nlater].key = (MDB_val){key->mv_size, place};
	data->mv_data = (char *)place + key->mv_size;
	later[nlater++].data = *data;
	return 0;
}

static int put_later(MDB_env *env)
{
	int (*put)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);
	int (*commit)(MDB_txn *);
	MDB_txn *txn;
	next("mdb_put", &put);
	next("mdb_txn_commit", &commit);
	int rc = mdb_txn_begin(env, NULL, 0, &txn);
	for (unsigned i = 0; i < nlater && rc == 0; i++) {
		rc = put(txn, journal, &later[i].key, &later[i].data, 0);
		free(later[i].key.mv_data);
	}
	nlater = 0;
	return rc == 0 ? commit(txn) : rc;
}

SEEN int mdb_txn_commit(MDB_txn *txn)
{
	int (*real)(MDB_txn *);
	next("mdb_txn_commit", &real);
	MDB_env *env = mdb_txn_env(txn);
	int rc = real(txn);
	return rc == 0 && nlater > 0 ? put_later(env) : rc;
}
