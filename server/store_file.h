/* SPDX-License-Identifier: Apache-2.0
 *
 * The LMDB engine's file as a file: what is looked at before LMDB maps it, so that a store that
 * was cut short, or lies where locks and syncs do not hold, gives one clear line instead of a
 * signal in the middle of an answer (threats.md D1, D6, D11).
 */
#pragma once
#include "server/store.h"

/* An errno in our words. */
enum hlv_err store_file_err(int number);
/* A line for people, "PATH: WHAT"; gives `err` back. */
enum hlv_err store_file_say(char *why, const char *path, const char *what, enum hlv_err err);
/* The same for an errno. */
enum hlv_err store_file_say_errno(char *why, const char *path, int number);

/* Make the directory if it is not there, durably. */
enum hlv_err HLV_MUST_USE store_file_make_dir(const char *path, char *why);
/* HLV_E_UNSUPPORTED for network and user-space file systems. */
enum hlv_err HLV_MUST_USE store_file_check_place(const char *dir, char *why);
/* The writer's lock. A writer that was killed keeps its own until the kernel has taken its memory
 * apart, so that it is asked for more than once. */
bool store_file_lock(int fd);
/* Both meta pages of an existing file: HLV_OK, HLV_E_NOT_FOUND when it is empty, HLV_E_CORRUPT. */
enum hlv_err HLV_MUST_USE store_file_check(int fd, const char *name, char *why);
/* Is this leaf page, `size` octets, what LMDB makes: do the keys that it counts fill what it says is
 * filled? A count with a flipped bit hides the last keys of a page. */
bool store_file_is_whole_leaf(const uint8_t *page, size_t size);
/* Make the file at least `size` octets long, sparse, so that pages that were given out but never
 * written cannot lie behind its end: then a short file is a cut file. */
enum hlv_err HLV_MUST_USE store_file_extend(int fd, uint64_t size);
/* Cut off what was reserved in vain. */
void store_file_trim(int fd, uint64_t size);
/* Is there address space for a map of that size? */
bool store_file_can_map(size_t size);
/* Is the file system, or what this process may write, used up? */
bool store_file_is_full(int fd);
/* Make directory entries durable. */
enum hlv_err HLV_MUST_USE store_file_sync_dir(const char *dir);

/* The file "verify-first" beside the data: a write or a sync failed, so that the next start looks
 * at everything before it writes (threats.md D4). Made as well as it can be on a disk that fails. */
void store_file_mark(const char *dir);
bool store_file_is_marked(const char *dir);
enum hlv_err HLV_MUST_USE store_file_unmark(const char *dir);
