/* SPDX-License-Identifier: Apache-2.0
 *
 * The server that runs on a node's directory, if one does: who holds the registry's lock, where
 * its control socket is, and how a verb is asked of it.
 */
#pragma once
#include "proto/base/buf.h"
#include "tools/helvectl/ctl.h"

/* Whose directory this is: "helver" or "helved". Below, helved stands for both. */
const char *live_daemon(const struct ctl *ctl);
/* The number of the process that holds data/helved.lock, as text; "" when nobody does, "?" for a
 * tool, which writes none. */
enum { LIVE_PID = 16 };
void live_pid(const struct ctl *ctl, char pid[LIVE_PID]);
/* A value of helved.yaml that stands on the key's own line, without its quotes; "" when it is not
 * there. Which options there are is the server's affair. */
void live_setting(const struct ctl *ctl, const char *key, struct hlv_buf *value);
/* The control socket's path: as helved.yaml says, by default helved.sock in the node's directory.
 * `out` holds PATH_MAX octets. */
char *live_control_path(const struct ctl *ctl, char *out);

/* Ask the running server: `verb` with JSON arguments ("{}" for none), JSON back. A line is told on
 * failure, the server's own text if it refused; also when none runs. */
bool live_control(struct ctl *ctl, const char *verb, const char *arguments,
		  struct hlv_buf *answer);
