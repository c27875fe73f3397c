/* SPDX-License-Identifier: Apache-2.0 */
#include "server/tags.h"

#include <stdlib.h>

enum {
	BUCKETS = 4096,
	WAYS = 4,
};

struct tags {
	uint64_t secret;
	struct tag tag[BUCKETS][WAYS]; /* newest first */
};

struct tags *tags_new(uint64_t secret)
{
	struct tags *t = calloc(1, sizeof *t);
	if (t)
		t->secret = secret;
	return t;
}

void tags_free(struct tags *t)
{
	free(t);
}

struct tag *tags_get(struct tags *t, uint64_t conn, uint32_t number)
{
	uint64_t h = (conn * 0x9E3779B97F4A7C15U ^ number ^ t->secret) * 0x9E3779B97F4A7C15U;
	struct tag *way = t->tag[h >> 52];
	size_t i = 0;
	while (i < WAYS - 1 && (way[i].conn != conn || way[i].number != number))
		i++;
	struct tag found = way[i];
	if (found.conn != conn || found.number != number)
		found = (struct tag){.conn = conn, .number = number};
	memmove(way + 1, way, i * sizeof *way);
	way[0] = found;
	return way;
}
