/* SPDX-License-Identifier: Apache-2.0 */
#include "server/group.h"

static uint64_t hash(struct hlv_bytes key)
{
	uint64_t h = 0xCBF29CE484222325U;
	for (size_t i = 0; i < key.n; i++)
		h = (h ^ key.p[i]) * 0x100000001B3U;
	return h;
}

bool group_add(struct group *g, struct job *j)
{
	size_t puts = 0;
	for (size_t i = 0; i < j->ntxns; i++)
		puts += j->txns[i].nputs;
	if (g->njobs == GROUP_JOBS || j->ntxns > GROUP_TXNS - g->ntxns ||
	    (puts > GROUP_TXNS * 2 - g->ntouched && g->njobs > 0))
		return false;
	for (size_t i = 0; i < j->ntxns; i++) {
		const struct store_txn *txn = &j->txns[i];
		/* A job with more puts than are noted is alone in its group. */
		for (size_t k = 0; k < txn->nputs && g->ntouched < GROUP_TXNS * 2; k++)
			g->touched[g->ntouched++] = hash(txn->puts[k].key);
		g->txns[g->ntxns++] = *txn;
	}
	g->jobs[g->njobs++] = j;
	return true;
}

bool group_touches(const struct group *g, struct hlv_bytes id)
{
	struct store_key key;
	if (g->njobs == 0)
		return false;
	if (g->ntouched == GROUP_TXNS * 2)
		return true;
	store_key(id, &key);
	uint64_t h = hash(store_key_bytes(&key));
	for (size_t i = 0; i < g->ntouched; i++)
		if (g->touched[i] == h)
			return true;
	return false;
}

void group_clear(struct group *g)
{
	g->njobs = g->ntxns = g->ntouched = 0;
}
