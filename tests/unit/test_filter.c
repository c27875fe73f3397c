/* SPDX-License-Identifier: Apache-2.0
 *
 * The filter of a question, sorted or not, takes what the rule takes that is written down here once
 * more in the plainest way.
 */
#include "proto/wire/filter.h"

#include "proto/base/rand.h"
#include "proto/base/writer.h"
#include "tests/unit/unit.h"

enum { LONG = 1 << 17, MANY = HLV_VALUES_MAX };

struct asked {
	uint8_t indexes[4 * MANY], types[LONG];
	struct hlv_request rq;
	struct hlv_filter filter;
};

/* protocol.md 11.3 and 2, read word by word. */
static bool is_asked(const struct hlv_request *rq, const struct hlv_value *v)
{
	if (rq->indexes.n == 0 && rq->types.n == 0)
		return true;
	struct hlv_reader r = hlv_reader(rq->indexes.raw);
	for (uint32_t i = 0; i < rq->indexes.n; i++)
		if (hlv_get_u32(&r) == v->index)
			return true;
	r = hlv_reader(rq->types.raw);
	for (uint32_t i = 0; i < rq->types.n; i++)
		if (hlv_type_asked(v->type, hlv_get_lp32(&r)))
			return true;
	return false;
}

/* Short ones of few letters, so that they meet: dots often, both cases, octets beyond ASCII. */
static size_t draw_type(struct hlv_rand *rand, uint8_t out[16])
{
	static const char letters[] = "aAbB..-/\xc3\xa4";
	size_t n = hlv_rand_below(rand, 7);
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)letters[hlv_rand_below(rand, sizeof letters - 1)];
	return n;
}

static void draw(struct hlv_rand *rand, struct asked *a, uint32_t nindexes, uint32_t ntypes)
{
	struct hlv_writer w = hlv_writer(a->indexes, sizeof a->indexes);
	for (uint32_t i = 0; i < nindexes; i++)
		hlv_put_u32(&w, (uint32_t)hlv_rand_below(rand, 4000) *
					(hlv_rand_below(rand, 9) ? 1 : 1000003));
	a->rq = (struct hlv_request){.indexes = {nindexes, hlv_written(&w)}};
	w = hlv_writer(a->types, sizeof a->types);
	for (uint32_t i = 0; i < ntypes; i++) {
		uint8_t type[16];
		size_t n = draw_type(rand, type);
		hlv_put_lp32(&w, hlv_bytes(type, n));
	}
	assert_false(w.bad);
	a->rq.types = (struct hlv_list){ntypes, hlv_written(&w)};
}

static void check(struct hlv_rand *rand, struct asked *a, unsigned values)
{
	for (unsigned i = 0; i < values; i++) {
		uint8_t type[16];
		size_t n = draw_type(rand, type);
		struct hlv_value v = {.index = (uint32_t)hlv_rand_below(rand, 5000),
				      .type = hlv_bytes(type, n)};
		bool got = hlv_filter_takes(&a->filter, &v);
		if (got != is_asked(&a->rq, &v))
			fail_msg("%u indexes, %u types: %u of '%.*s' %s", a->rq.indexes.n,
				 a->rq.types.n, v.index, (int)n, (const char *)type,
				 got ? "is taken" : "is left out");
	}
}

static void test_as_the_rule_says(void **state)
{
	struct hlv_rand rand;
	struct asked *a = malloc(sizeof *a);
	(void)state;
	assert_non_null(a);
	hlv_rand_seed(&rand, 20261122);
	for (unsigned round = 0; round < 6000; round++) {
		uint32_t most = round % 200 == 0 ? MANY / 2 : round % 3 == 0 ? 60 : 12;
		/* What is left from before must not matter. */
		memset(&a->filter, (int)round, sizeof a->filter);
		draw(&rand, a, (uint32_t)hlv_rand_below(&rand, most + 1),
		     (uint32_t)hlv_rand_below(&rand, most + 1));
		hlv_filter_init(&a->filter, &a->rq, round % 2 ? HLV_VALUES_MAX : 1);
		check(&rand, a, 100);
	}
	free(a);
}

struct row {
	const char *type;
	bool taken;
};

static void put_types(struct asked *a, const char *const *types, size_t n)
{
	struct hlv_writer w = hlv_writer(a->types, sizeof a->types);
	for (size_t i = 0; i < n; i++)
		hlv_put_lp32(&w, hlv_text(types[i]));
	a->rq = (struct hlv_request){.types = {(uint32_t)n, hlv_written(&w)}};
	hlv_filter_init(&a->filter, &a->rq, HLV_VALUES_MAX);
	assert_true(a->filter.sorted);
}

static void test_families(void **state)
{
	static const char *const types[] = {"URL", "a.b.", "A.",  "a.b.c.", "a-", "",
					    ".",   "b..",  "x.y", "x.y",    "..", "zz.zz."};
	static const struct row rows[] = {
		{"url", true},	   {"URL.", false}, {"a", true},      {"A.b", true},
		{"a.", true},	   {"a..", true},   {"a.z.q", true},  {"ab", false},
		{"a-", true},	   {"a-.x", false}, {"", false},      {"b", false},
		{"b.", true},	   {"b..", true},   {"b..c", true},   {"b.c", false},
		{"x.y", true},	   {"x", false},    {"x.y.z", false}, {".", true},
		{"..", true},	   {"..q", true},   {".q", false},    {"zz.zz", true},
		{"zz.zz.a", true}, {"zz.z", false}, {"zz", false},
	};
	struct asked *a = malloc(sizeof *a);
	(void)state;
	assert_non_null(a);
	put_types(a, types, COUNT(types));
	check_u64("families that are within no other", a->filter.nfamilies, 4);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hlv_value v = {.index = 1, .type = hlv_text(rows[i].type)};
		check_u64(rows[i].type, hlv_filter_takes(&a->filter, &v), rows[i].taken);
		check_u64("as the rule says", is_asked(&a->rq, &v), rows[i].taken);
	}
	free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_the_rule_says),
		cmocka_unit_test(test_families),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
