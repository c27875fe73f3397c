/* SPDX-License-Identifier: Apache-2.0
 *
 * Sessions and tokens of HTTP: what is ours and in time is known, and nothing else.
 */
#include "proto/web/session.h"
#include "proto/web/token.h"
#include "proto/wire/name.h"
#include "tests/unit/unit.h"

static struct hlv_now at(uint64_t second)
{
	return (struct hlv_now){.mono_ns = (1000 + second) * UINT64_C(1000000000),
				.wall_ms = (1700000000 + second) * 1000};
}

struct world {
	struct hlv_arena a;
	struct web_sessions *t;
	struct web_session s;
};

static bool find(struct world *w, const char *text, uint64_t second)
{
	struct web_session found;
	bool known = web_session_find(w->t, hlv_text(text), at(second), &w->a, &found);
	if (known)
		w->s = found;
	return known;
}

static void offer(struct world *w, uint64_t second)
{
	assert_true(web_session_offer(w->t, at(second), &w->s));
}

static void log_in(struct world *w, const char *who, uint64_t second)
{
	struct hlv_login login = {.who = hlv_ref_parse(hlv_text(who)),
				  .proven = {second, 3, "fifteen octets."}};
	assert_true(web_session_login(w->t, &w->s, &login, at(second)));
}

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	hlv_arena_init(&w->a, 1 << 20);
	w->t = web_sessions_new();
	*state = w;
	return w->t ? 0 : -1;
}

static int end(void **state)
{
	struct world *w = *state;
	web_sessions_free(w->t);
	hlv_arena_fini(&w->a);
	free(w);
	return 0;
}

static void test_offers_cost_nothing_and_end(void **state)
{
	struct world *w = *state;
	offer(w, 0);
	struct web_session first = w->s;
	assert_int_equal(web_sessions_count(w->t), 0);
	assert_true(find(w, first.text, WEB_SESSION_OFFER_S - 1));
	assert_memory_equal(w->s.nonce, first.nonce, WEB_SESSION_NONCE);
	assert_false(w->s.logged_in);
	assert_false(find(w, first.text, WEB_SESSION_OFFER_S));
	offer(w, 0);
	assert_memory_not_equal(w->s.nonce, first.nonce, WEB_SESSION_NONCE);
}

static void test_altered_ids_are_unknown(void **state)
{
	struct world *w = *state;
	offer(w, 0);
	struct web_session s = w->s;
	for (size_t i = 0; i < WEB_SESSION_TEXT; i++) {
		char text[WEB_SESSION_TEXT + 1];
		memcpy(text, s.text, sizeof text);
		text[i] = text[i] == 'A' ? 'B' : 'A';
		assert_false(find(w, text, 0));
	}
	assert_false(find(w, "", 0));
	assert_false(find(w, "node01og54718kg9w0tx1ekhja1rgw11", 0));
	struct web_sessions *other = web_sessions_new();
	assert_false(web_session_find(other, hlv_text(s.text), at(0), &w->a, &w->s));
	web_sessions_free(other);
}

static void test_logged_in_until_idle_over_or_ended(void **state)
{
	struct world *w = *state;
	offer(w, 0);
	log_in(w, "300:88.1/a", 0);
	char text[WEB_SESSION_TEXT + 1];
	memcpy(text, w->s.text, sizeof text);
	for (uint64_t s = 0; s < WEB_SESSION_LIFE_S; s += WEB_SESSION_IDLE_S - 1)
		assert_true(find(w, text, s) && w->s.logged_in);
	assert_int_equal(w->s.who.index, 300);
	assert_false(find(w, text, WEB_SESSION_LIFE_S));

	offer(w, 0);
	log_in(w, "300:88.1/a", 0);
	memcpy(text, w->s.text, sizeof text);
	assert_false(find(w, text, WEB_SESSION_IDLE_S));

	offer(w, 0);
	log_in(w, "300:88.1/a", 0);
	memcpy(text, w->s.text, sizeof text);
	web_session_end(w->t, &w->s, at(1));
	assert_false(find(w, text, 1));
	assert_false(find(w, text, WEB_SESSION_OFFER_S + 2));
}

static void test_a_second_login_replaces_the_first(void **state)
{
	struct world *w = *state;
	offer(w, 0);
	log_in(w, "300:88.1/a", 0);
	log_in(w, "301:88.1/b", 1);
	assert_true(find(w, w->s.text, 2));
	assert_int_equal(w->s.who.index, 301);
	assert_int_equal(web_sessions_count(w->t), 1);
}

/* Who has too many loses the one that he has not used for longest; others keep theirs. */
static void test_one_identity_is_bounded(void **state)
{
	struct world *w = *state;
	char first[WEB_SESSION_TEXT + 1], second[WEB_SESSION_TEXT + 1],
		other[WEB_SESSION_TEXT + 1];
	offer(w, 0);
	log_in(w, "300:88.1/OTHER", 0);
	memcpy(other, w->s.text, sizeof other);
	for (int i = 0; i < WEB_SESSIONS_PER_IDENTITY; i++) {
		offer(w, 0);
		log_in(w, i % 2 ? "300:88.1/a" : "300:88.1/A", 0);
		if (i < 2)
			memcpy(i ? second : first, w->s.text, sizeof first);
	}
	assert_true(find(w, first, 1)); /* used: now the second is the oldest */
	offer(w, 2);
	log_in(w, "300:88.1/a", 2);
	assert_int_equal(web_sessions_count(w->t), WEB_SESSIONS_PER_IDENTITY + 1);
	assert_true(find(w, first, 2) && w->s.logged_in);
	assert_true(find(w, other, 2) && w->s.logged_in);
	assert_true(find(w, second, 2) && !w->s.logged_in); /* as if only offered */
}

static void test_all_are_bounded(void **state)
{
	struct world *w = *state;
	for (int i = 0; i < WEB_SESSIONS_MAX + 10; i++) {
		char who[32];
		snprintf(who, sizeof who, "300:88.1/%d", i);
		offer(w, 0);
		log_in(w, who, 0);
	}
	assert_int_equal(web_sessions_count(w->t), WEB_SESSIONS_MAX);
}

static void test_tokens(void **state)
{
	struct world *w = *state;
	struct web web = {.token_key = "a key of thirty-two octets, yes"};
	struct web other = {.token_key = "another key of as many octets.."};
	struct web_token token = {hlv_ref_parse(hlv_text("301:88.118.8/管理员")),
				  WEB_BASIC,
				  1700000100,
				  {UINT64_C(1) << 40, 5, "fifteen octets."}};
	struct web_token got;
	struct hlv_buf text = {0};
	web_token_put(&text, &web, &token);
	struct hlv_bytes t = hlv_buf_bytes(&text);
	assert_true(web_token_open(&web, t, at(99), &w->a, &got));
	assert_int_equal(got.who.index, 301);
	assert_true(hlv_eq(got.who.handle, token.who.handle));
	assert_int_equal(got.how, WEB_BASIC);
	assert_true(got.proven.at_s == token.proven.at_s && got.proven.flags == 5);
	assert_memory_equal(got.proven.digest, token.proven.digest, HLV_PROVEN_DIGEST);
	assert_false(web_token_open(&web, t, at(100), &w->a, &got));
	assert_false(web_token_open(&other, t, at(0), &w->a, &got));
	for (size_t n = 0; n < t.n; n++)
		assert_false(web_token_open(&web, hlv_head(t, n), at(0), &w->a, &got));
	for (size_t i = 0; i < t.n - 1; i++) {
		char was = text.p[i];
		text.p[i] = was == 'A' ? 'B' : 'A';
		assert_false(web_token_open(&web, t, at(0), &w->a, &got));
		text.p[i] = was;
	}
	hlv_buf_free(&text);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_offers_cost_nothing_and_end),
		TEST(test_altered_ids_are_unknown),
		TEST(test_logged_in_until_idle_over_or_ended),
		TEST(test_a_second_login_replaces_the_first),
		TEST(test_one_identity_is_bounded),
		TEST(test_all_are_bounded),
		TEST(test_tokens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
