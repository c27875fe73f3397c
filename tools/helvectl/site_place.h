/* SPDX-License-Identifier: Apache-2.0
 *
 * Which of the records here belong to other servers of the site: left behind when it grew.
 */
#pragma once
#include "tools/helvectl/site_edit.h"

/* The option server-number of helved.yaml. */
size_t site_place_number(const struct ctl *ctl);
/* Does this server, counted from 1, answer for the identifier? Records of prefixes are kept by all:
 * each server needs to know who administers. */
bool site_place_is_ours(const struct site_edit *e, size_t number, struct hlv_bytes id);
/* Remove what is not ours, as deletions that can be undone; tells how many. */
int site_prune(struct ctl *ctl, const struct site_edit *e);
