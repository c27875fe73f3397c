/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys in files, for init and key: read in any form that we know, written in the reference's.
 */
#pragma once
#include "proto/base/buf.h"
#include "proto/sec/key.h"
#include "tools/helvectl/ctl.h"

enum { KEYS_MAX = 16384 };

enum hlv_err HLV_MUST_USE keys_encode_public(const struct hlv_key *key, struct hlv_buf *out);
/* privkey.bin, mode 0600: plain, or sealed when there is a passphrase. A line is told. */
bool keys_write_private(const struct ctl *ctl, const char *path, const struct hlv_key *key,
			struct hlv_bytes passphrase);
/* A private or public key in any form: key file, PEM, JWK. `passphrase_file` is asked for when
 * the file is sealed: NULL none, "-" the terminal. A line is told; NULL then. */
struct hlv_key *keys_read(const struct ctl *ctl, const char *path, const char *passphrase_file);
/* The first line of a file of ours alone, of the terminal ("-") or of a descriptor ("fd:3"). A
 * line is told. */
bool keys_read_passphrase(const struct ctl *ctl, const char *file, const char *prompt,
			  struct hlv_buf *out);
/* Free what held a secret. */
void keys_wipe(struct hlv_buf *buf);
