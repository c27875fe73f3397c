/* SPDX-License-Identifier: Apache-2.0
 *
 * The control socket: a Unix socket of the file system, on which the native protocol is spoken. Who
 * may write to the file may connect, and the system says who it is (SO_PEERCRED).
 */
#pragma once
#include <stdint.h>

#include "proto/base/err.h"

/* Listen at `path` with the file's permissions `mode`. A socket file that nobody answers at is of
 * a dead server and is replaced; HLV_E_BUSY when somebody does, HLV_E_IO when something else is
 * in the way. `why`: 256 octets. The caller unlinks the file in the end. */
enum hlv_err HLV_MUST_USE hlv_local_bind(const char *path, unsigned mode, int *fd, char *why);
/* A connected socket that does not block. HLV_E_IO: nobody is there (errno); HLV_E_PERMISSION;
 * HLV_E_USAGE: no path for a socket. */
enum hlv_err HLV_MUST_USE hlv_local_connect(const char *path, int *fd);
/* The user behind a connection; UINT32_MAX when the system does not say. */
uint32_t hlv_local_uid(int fd);
