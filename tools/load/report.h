/* SPDX-License-Identifier: Apache-2.0
 *
 * The result of a load run in words, with the line that scripts read as the last one, or as one
 * JSON object.
 */
#pragma once
#include "tools/load/load.h"

void report_print(const struct load *l);
