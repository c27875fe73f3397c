/* SPDX-License-Identifier: Apache-2.0
 *
 * What helver keeps in LMDB (the cache, copies of prefixes) can be fetched anew: a file that a power cut
 * or a bad disk has spoilt is set aside for whoever wants to look at it, and is no reason not to start.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct MDB_env;

/* Does this code of LMDB's say that the file is no good? */
bool damage_is(int rc);
/* A file that ends before its last page would be read behind its end. */
bool damage_is_whole(struct MDB_env *env);
/* dir/data.mdb becomes dir/data.mdb.damaged; one line for people into `why`. */
bool damage_set_aside(const char *dir, const char *because, char *why, size_t size);
