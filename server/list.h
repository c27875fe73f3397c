/* SPDX-License-Identifier: Apache-2.0
 *
 * Long answers to LIST_HANDLES and LIST_HOMED_NAS: fifty names a message (protocol.md 4.2), each
 * page from a snapshot of its own, so that no reader holds pages for long (threats.md D8), and all from
 * the same memory: a list may be longer than an exchange's arena.
 */
#pragma once
#include "server/job.h"

/* The next page behind j->state (NULL: the first) into x->rs; sets x->more. */
void list_page(struct job *j, struct store *store, struct store_view *view);
