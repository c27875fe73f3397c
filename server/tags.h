/* SPDX-License-Identifier: Apache-2.0
 *
 * The national SDK numbers its sessions itself, from 10001 in each process, and wants its own
 * numbers back (industrial.md 5.1). So a number means something on its connection alone: here it
 * leads to our ids. A table of fixed size: what is squeezed out has to log in again.
 */
#pragma once
#include <stdbool.h>

#include "proto/base/now.h"
#include "proto/net/service.h"

struct tag {
	uint64_t conn;
	uint32_t number;  /* theirs */
	uint32_t pending; /* our ids; 0: none */
	uint32_t session;
};

struct tags;
struct tags *tags_new(uint64_t secret); /* NULL without memory */
void tags_free(struct tags *t);
/* Zeros behind conn and number when there was none. */
struct tag *tags_get(struct tags *t, uint64_t conn, uint32_t number);
