/* SPDX-License-Identifier: Apache-2.0
 *
 * A DNS server that answers anything when it is asked where the root is. The input: u8 how (1: there is
 * an anchor), then for each question u8 silence (255), the answer's second flag octet, u16 length and what
 * stands behind the question, with its three counts in front. What is found is a few places that can be
 * asked, never below an anchor that nobody can sign for, and the same again out of its file.
 */
#include "proto/base/reader.h"
#include "resolver/finder.h"
#include "tests/fuzz/fuzz.h"

enum { ANCHORED = 1, SILENT = 255, HEADER = 12 };

/* Key and zone are made up: what it signs nobody can sign here, so nothing is ever secure. */
static char anchor[] = "test. IN DS 12345 13 2 "
		       "9614847ece39e1ff9009d2fd7d6c583aa8de04a83ea309e7983b8d0f7d736543";

static enum hlv_err ask(void *ctx, struct hlv_bytes query, struct hlv_buf *answer)
{
	struct hlv_reader *in = ctx;
	if (hlv_get_u8(in) == SILENT || in->bad)
		return HLV_E_TIMEOUT;
	uint8_t code = hlv_get_u8(in);
	struct hlv_bytes rest = hlv_take(in, hlv_get_u16(in));
	size_t end = HEADER;
	while (query.p[end] != 0)
		end += query.p[end] + 1U;
	end += 5;
	uint8_t head[HEADER] = {query.p[0], query.p[1], 0x84, code, 0, 1};
	for (size_t i = 0; i < 6 && i < rest.n; i++)
		head[6 + i] = rest.p[i];
	hlv_buf_put(answer, hlv_bytes(head, HEADER));
	hlv_buf_put(answer, hlv_bytes(query.p + HEADER, end - HEADER));
	hlv_buf_put(answer, hlv_skip(rest, 6));
	hlv_require(answer->bad || finder_fits(query, hlv_buf_bytes(answer)));
	return answer->bad ? HLV_E_NOMEM : HLV_OK;
}

static void check(const struct places *p, bool anchored)
{
	struct places back;
	struct hlv_buf text = {0};
	hlv_require(p->n > 0 && p->n <= PLACES_MAX && !p->secure && !anchored);
	hlv_require(p->ttl_s >= FINDER_TTL_MIN_S && p->ttl_s <= FINDER_TTL_MAX_S);
	for (size_t i = 0; i < p->n; i++)
		hlv_require(p->list[i].at.len > 0 && (p->list[i].udp || p->list[i].tcp) &&
			    p->list[i].rank < PLACES_MAX);
	places_print(p, "id.test", &text);
	hlv_require(text.bad ||
		    (places_parse(hlv_buf_bytes(&text), "id.test", &back) == HLV_OK &&
		     places_eq(p, &back)));
	hlv_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *list[] = {anchor}, why[FINDER_WHY];
	struct hlv_reader in = hlv_reader(hlv_bytes(data, n));
	bool anchored = hlv_get_u8(&in) & ANCHORED;
	struct hlv_strings anchors = {list, anchored};
	struct hlv_rand rand;
	struct places p;
	hlv_rand_seed(&rand, 1);
	struct finder f = {.domain = "id.test",
			   .anchors = &anchors,
			   .ask = ask,
			   .ctx = &in,
			   .rand = &rand};
	enum finder_outcome outcome =
		finder_look(&f, (struct hlv_now){.wall_ms = 1800000000000}, &p, why);
	if (outcome == FINDER_FOUND)
		check(&p, anchored);
	else
		hlv_require(*why != '\0');
	if (places_parse(hlv_bytes(data, n), "id.test", &p) == HLV_OK)
		hlv_require(p.n > 0 && p.n <= PLACES_MAX);
	return 0;
}
