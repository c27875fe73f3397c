/* SPDX-License-Identifier: Apache-2.0
 *
 * The little registry that questions are asked of: in memory, made once. It holds the names
 * that the golden vectors ask for, public, private and mixed, a prefix that is served elsewhere
 * and one whose derived prefixes are.
 */
#pragma once
#include "server/service.h"

/* The service of a node over that registry; the same each time. */
struct hlv_service *fuzz_service(void);
