/* SPDX-License-Identifier: Apache-2.0
 *
 * Small files, read whole: keys, site records, configuration beside YAML. The one line of trouble
 * goes into `why` (256 octets), ready for people.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/base/err.h"

/* HLV_E_NOT_FOUND, HLV_E_IO, HLV_E_LIMIT above `max` octets. */
enum hlv_err HLV_MUST_USE hlv_file_read(const char *path, size_t max, struct hlv_buf *out,
					char *why);
/* A private key or a passphrase: a regular file of our own user (or root's), readable by nobody
 * else, not reached through a symbolic link; HLV_E_PERMISSION otherwise (threats.md 5). */
enum hlv_err HLV_MUST_USE hlv_file_read_secret(const char *path, size_t max,
					       struct hlv_buf *out, char *why);
/* Write to a temporary name, fsync, rename, fsync the directory: the old file or the new one. */
enum hlv_err HLV_MUST_USE hlv_file_write(const char *path, unsigned mode, struct hlv_bytes data,
					 char *why);
/* Make durable what was renamed into or out of the directory of `path`. */
void hlv_file_sync_directory(const char *path);
