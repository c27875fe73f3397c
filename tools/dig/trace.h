/* SPDX-License-Identifier: Apache-2.0
 *
 * hdig +trace: the delegation walk from the root, each step of it shown, believed by the keys in
 * the root's site record and nothing else.
 */
#pragma once
#include "tools/dig/options.h"

/* The whole of it; returns the exit code. */
int dig_trace(const struct dig_options *o);
