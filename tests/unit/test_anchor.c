/* SPDX-License-Identifier: Apache-2.0 */
#include "resolver/anchor.h"

#include "proto/wire/codes.h"
#include "tests/unit/anchor_scripts.h"
#include "tests/unit/unit.h"

enum { KEYS = 26, DATA_MAX = ANCHOR_KEY_MAX };
static const uint64_t START_MS = 1760000000000ULL, DAY_MS = 86400000ULL;

static struct {
	uint8_t octets[DATA_MAX];
	size_t n;
} keys[KEYS];

static struct hlv_bytes key_data(char letter)
{
	return hlv_bytes(keys[letter - 'A'].octets, keys[letter - 'A'].n);
}

/* An RSA key of 1024 bits: its numbers need not be primes to be refused. */
static void make_weak(char letter)
{
	struct hlv_writer w = hlv_writer(keys[letter - 'A'].octets, DATA_MAX);
	uint8_t n[129] = {0};
	memset(n + 1, 0xC5, sizeof n - 1);
	hlv_put_lp32(&w, hlv_text("RSA_PUB_KEY"));
	hlv_put_u16(&w, 0);
	hlv_put_lp32(&w, hlv_bytes("\1\0\1", 3));
	hlv_put_lp32(&w, hlv_bytes(n, sizeof n));
	hlv_put_lp32(&w, (struct hlv_bytes){0});
	keys[letter - 'A'].n = w.n;
}

static int make_keys(void **state)
{
	(void)state;
	for (const char *c = "ABCDEFGHXYZ"; *c; c++) {
		struct hlv_key *key = NULL;
		struct hlv_writer w = hlv_writer(keys[*c - 'A'].octets, DATA_MAX);
		check_err("key", hlv_key_generate(HLV_KEY_P256, &key), HLV_OK);
		check_err("key", hlv_pubkey_encode(&w, key), HLV_OK);
		keys[*c - 'A'].n = w.n;
		hlv_key_free(key);
	}
	make_weak('W');
	return 0;
}

/* --- the player --- */

struct play {
	const char *name;
	struct anchors a;
	struct hlv_buf file; /* what was written last */
	uint64_t now_ms;
	bool changed;
};

static const char *subject_of(char letter)
{
	return letter >= 'X' ? "300:88/0.0" : "0.0/0.0";
}

static const char *prefix_of(char letter)
{
	return letter >= 'X' ? "88" : "";
}

static const struct anchor *find(const struct play *p, char letter, size_t *at)
{
	struct hlv_key *key = NULL;
	const struct anchor *found = NULL;
	if (hlv_pubkey_decode(key_data(letter), &key) != HLV_OK)
		fail_msg("%s: no key %c", p->name, letter);
	for (size_t i = 0; i < p->a.n && !found; i++) {
		if (p->a.list[i].state == ANCHOR_FORGOTTEN ||
		    !hlv_key_same_public(p->a.list[i].key, key))
			continue;
		found = &p->a.list[i];
		*at = i;
	}
	hlv_key_free(key);
	return found;
}

static enum anchor_state parse_state(const char *text)
{
	for (int i = ANCHOR_SEEN; i < ANCHOR_FORGOTTEN; i++)
		if (strcmp(text, anchor_state_name((enum anchor_state)i)) == 0)
			return (enum anchor_state)i;
	return ANCHOR_FORGOTTEN;
}

static void step_anchor(struct play *p, const char *rest)
{
	char letter, state[16], hand[8] = "";
	assert_true(sscanf(rest, " %c %15s %7s", &letter, state, hand) >= 2);
	check_err(p->name,
		  anchors_add(&p->a, subject_of(letter), prefix_of(letter), key_data(letter),
			      parse_state(state), p->now_ms),
		  HLV_OK);
	p->a.list[p->a.n - 1].by_hand = *hand != '\0';
}

/* "A !B ? by A" */
static void step_see(struct play *p, const char *rest)
{
	static uint8_t room[65536];
	struct hlv_writer w = hlv_writer(room, sizeof room);
	struct hlv_list values = {0};
	const char *by = strstr(rest, "by ");
	size_t signer = 0;
	assert_non_null(by);
	for (bool revoked = false; rest < by; rest++) {
		if (*rest == '!') {
			revoked = true;
			continue;
		}
		if (*rest == ' ')
			continue;
		struct hlv_value v = {
			.index = ++values.n,
			.perms = HLV_PERM_DEFAULT,
			.type = hlv_text(revoked ? "HS_PUBKEY.REVOKED" : "HS_PUBKEY"),
			.data = *rest == '?' ? hlv_text("what?") : key_data(*rest)};
		hlv_value_encode(&w, &v);
		revoked = false;
	}
	values.raw = hlv_written(&w);
	if (!find(p, by[3], &signer))
		fail_msg("%s: signer %c is not known", p->name, by[3]);
	p->changed = anchors_observe(&p->a, signer, &values, p->now_ms);
	if (p->changed && !p->a.dirty)
		fail_msg("%s: changed, but not to be written", p->name);
}

static void step_write(struct play *p)
{
	if (!p->a.dirty)
		return;
	hlv_buf_clear(&p->file);
	anchors_print(&p->file, &p->a);
	p->a.dirty = false;
}

static void step_reread(struct play *p)
{
	char why[ANCHOR_WHY] = "";
	anchors_fini(&p->a);
	if (anchors_parse(hlv_buf_bytes(&p->file), &p->a, why) != HLV_OK)
		fail_msg("%s: %s", p->name, why);
}

static void step_is(const struct play *p, const char *line, const char *rest)
{
	char letter, state[16];
	size_t at;
	assert_int_equal(sscanf(rest, " %c %15s", &letter, state), 2);
	const struct anchor *x = find(p, letter, &at);
	if (strcmp(x ? anchor_state_name(x->state) : "none", state) != 0)
		fail_msg("%s: \"%s\": it is %s", p->name, line,
			 x ? anchor_state_name(x->state) : "none");
}

/* Is there one that covers the root and is so? */
static bool any(const struct play *p, bool is_so(const struct anchor *anchor))
{
	const struct hlv_bytes root = {0};
	for (size_t i = 0; i < p->a.n; i++)
		if (is_so(&p->a.list[i]) && anchor_covers(&p->a.list[i], root))
			return true;
	return false;
}

static size_t believed(const struct play *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->a.n; i++)
		n += anchor_is_believed(&p->a.list[i]);
	return n;
}

static void check_step(const struct play *p, const char *line, bool ok)
{
	if (!ok)
		fail_msg("%s: \"%s\" is not so", p->name, line);
}

static bool begins(const char *line, const char *verb, const char **rest)
{
	size_t n = strlen(verb);
	*rest = line + n;
	return strncmp(line, verb, n) == 0 && (line[n] == ' ' || line[n] == '\0');
}

static void step(struct play *p, const char *line)
{
	const char *rest;
	if (begins(line, "anchor", &rest))
		step_anchor(p, rest);
	else if (begins(line, "day", &rest))
		p->now_ms = START_MS + (uint64_t)(int64_t)(strtod(rest, NULL) * (double)DAY_MS);
	else if (begins(line, "see", &rest))
		step_see(p, rest);
	else if (begins(line, "tick", &rest))
		p->changed = anchors_tick(&p->a, p->now_ms);
	else if (begins(line, "write", &rest))
		step_write(p);
	else if (begins(line, "disk-full", &rest))
		check_step(p, line, p->a.dirty); /* the caller's write failed */
	else if (begins(line, "restart", &rest)) {
		p->a.dirty = true;
		step_write(p);
		step_reread(p);
	} else if (begins(line, "crash", &rest))
		step_reread(p);
	else if (begins(line, "is", &rest))
		step_is(p, line, rest);
	else if (begins(line, "believed", &rest))
		check_step(p, line, believed(p) == strtoul(rest, NULL, 10));
	else if (begins(line, "changed", &rest))
		check_step(p, line, p->changed == (strcmp(rest, " yes") == 0));
	else if (begins(line, "required", &rest))
		check_step(p, line, any(p, anchor_binds) == (strcmp(rest, " yes") == 0));
	else if (begins(line, "covered", &rest))
		check_step(p, line, any(p, anchor_is_believed) == (strcmp(rest, " yes") == 0));
	else
		fail_msg("%s: what is \"%s\"?", p->name, line);
}

static void play(const struct anchor_script *script, bool restarting)
{
	struct play p = {.name = script->name, .now_ms = START_MS};
	for (const char *s = script->steps; *s;) {
		char line[128];
		size_t n = strcspn(s, "\n");
		assert_true(n < sizeof line && s[n] == '\n');
		memcpy(line, s, n);
		line[n] = '\0';
		step(&p, line);
		/* Whatever happens, it happens the same over a restart. */
		if (restarting && strncmp(line, "see", 3) == 0 &&
		    !strstr(script->steps, "crash")) {
			bool changed = p.changed;
			step(&p, "restart");
			p.changed = changed;
		}
		s += n + 1;
	}
	anchors_fini(&p.a);
	hlv_buf_free(&p.file);
}

static void test_scripts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(anchor_scripts); i++)
		play(&anchor_scripts[i], false);
}

static void test_scripts_with_restarts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(anchor_scripts); i++)
		play(&anchor_scripts[i], true);
}

/* --- the list --- */

static void test_add(void **state)
{
	(void)state;
	struct anchors a = {0};
	char longest[ANCHOR_SUBJECT_MAX + 1];
	memset(longest, '8', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	const struct {
		const char *name, *subject, *prefix;
		struct hlv_bytes key;
		enum hlv_err want;
	} rows[] = {
		{"first", "0.0/0.0", "", key_data('A'), HLV_OK},
		{"again", "0.0/0.0", "", key_data('A'), HLV_E_EXISTS},
		{"again by another subject", "300:0.0/0.0", "", key_data('A'), HLV_E_EXISTS},
		{"for a prefix too", "88/0.0", "88", key_data('A'), HLV_OK},
		{"the same prefix in another case", "88/0.0", "88", key_data('A'),
		 HLV_E_EXISTS},
		{"weak", "0.0/0.0", "", key_data('W'), HLV_E_KEY},
		{"no key", "0.0/0.0", "", hlv_text("key"), HLV_E_KEY},
		{"nothing", "0.0/0.0", "", {0}, HLV_E_KEY},
		{"no subject", "", "", key_data('B'), HLV_E_USAGE},
		{"long subject", longest, "", key_data('B'), HLV_E_USAGE},
		{"long prefix", "0.0/0.0", longest, key_data('B'), HLV_E_USAGE},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i].name,
			  anchors_add(&a, rows[i].subject, rows[i].prefix, rows[i].key,
				      ANCHOR_VALID, START_MS),
			  rows[i].want);
	check_u64("anchors", a.n, 2);
	a.list[0].state = ANCHOR_REVOKED;
	check_err("revoked",
		  anchors_add(&a, "0.0/0.0", "", key_data('A'), ANCHOR_VALID, START_MS),
		  HLV_E_EXISTS);
	anchors_fini(&a);
}

static void test_full(void **state)
{
	(void)state;
	struct anchors a = {0};
	char prefix[16];
	for (int i = 0; i < ANCHORS_MAX; i++) {
		snprintf(prefix, sizeof prefix, "10.%d", i);
		check_err(prefix,
			  anchors_add(&a, "1/1", prefix, key_data('A'), ANCHOR_VALID, 0),
			  HLV_OK);
	}
	check_err("full", anchors_add(&a, "1/1", "11", key_data('A'), ANCHOR_VALID, 0),
		  HLV_E_LIMIT);
	struct hlv_buf b = {0};
	char why[ANCHOR_WHY] = "";
	anchors_print(&b, &a);
	anchors_fini(&a);
	check_err(why, anchors_parse(hlv_buf_bytes(&b), &a, why), HLV_OK);
	check_u64("read back", a.n, ANCHORS_MAX);
	anchors_fini(&a);
	hlv_buf_free(&b);
}

static void test_covers(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *top;
		bool want;
	} rows[] = {
		{"", "", true},
		{"88", "", true},
		{"88.118", "88.118", true},
		{"88.118.8", "88.118", true},
		{"88.1180", "88.118", false},
		{"88.11", "88.118", false},
		{"", "88.118", false},
		{"A.b", "a", true},
		{"a", "A.b", false},
		{"88118", "88.118", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		if (prefix_is_under(hlv_text(rows[i].prefix), hlv_text(rows[i].top)) !=
		    rows[i].want)
			fail_msg("%s under %s", rows[i].prefix, rows[i].top);
}

static void test_governing(void **state)
{
	(void)state;
	static const struct {
		const char *id, *want;
	} rows[] = {
		{"88.118.8/x", "88.118.8"},
		{"0.NA/88.118.8", "88.118"},
		{"0.na/88.118.8", "88.118"},
		{"88.118.8", "88.118"},
		{"0.NA/88", ""},
		{"88", ""},
		{"0.0/0.0", "0.0"},
		{"88/a/b.c", "88"},
		{"0.NA/0.NA", "0"},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_text(rows[i].id, prefix_governing(hlv_text(rows[i].id)), rows[i].want);
}

static void test_damaged(void **state)
{
	(void)state;
	struct anchors a = {0};
	struct hlv_buf good = {0};
	char why[ANCHOR_WHY];
	check_err("add", anchors_add(&a, "0.0/0.0", "", key_data('A'), ANCHOR_VALID, START_MS),
		  HLV_OK);
	check_err("add",
		  anchors_add(&a, "88/0.0", "88", key_data('B'), ANCHOR_REVOKED, START_MS),
		  HLV_OK);
	anchors_print(&good, &a);
	anchors_fini(&a);
	/* Cut anywhere it is nothing. */
	for (size_t n = 0; n + 2 < good.n; n++) {
		*why = '\0';
		enum hlv_err err = anchors_parse(hlv_bytes(good.p, n), &a, why);
		if (err != HLV_E_MALFORMED || a.n != 0 || *why == '\0')
			fail_msg("cut at %zu: %s (%s)", n, hlv_strerror(err), why);
	}
	static const char *const rows[] = {
		"[]",
		"{}",
		"{\"format\":2,\"anchors\":[]}",
		"{\"format\":1}",
		"{\"format\":1,\"anchors\":{}}",
		"{\"format\":1,\"anchors\":[1]}",
		"{\"format\":1,\"anchors\":[{}]}",
		"{\"format\":1,\"insecure\":1,\"anchors\":[]}",
		"{\"format\":1,\"anchors\":[{\"subject\":\"0.0/0.0\",\"prefix\":\"\",\"state\":"
		"\"valid\",\"since\":1,\"key\":\"AAAA\"}]}",
		"{\"format\":1,\"anchors\":[{\"subject\":\"0.0/0.0\",\"prefix\":\"\",\"state\":"
		"\"forgotten\",\"since\":1,\"key\":\"AAAA\"}]}",
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		check_err(rows[i], anchors_parse(hlv_text(rows[i]), &a, why), HLV_E_MALFORMED);
	check_err("none", anchors_parse(hlv_text("{\"format\":1,\"anchors\":[]}"), &a, why),
		  HLV_OK);
	assert_false(a.insecure);
	check_err("insecure",
		  anchors_parse(hlv_text("{\"format\":1,\"insecure\":true,\"anchors\":[]}"), &a,
				why),
		  HLV_OK);
	assert_true(a.insecure && !a.dirty);
	hlv_buf_free(&good);
}

static void test_next(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum anchor_state state;
		uint64_t age_ms, want_ms;
	} rows[] = {
		{"valid", ANCHOR_VALID, 0, 86400000},
		{"just seen", ANCHOR_SEEN, 0, 86400000},
		{"a day is left", ANCHOR_PENDING, 29 * 86400000ULL, 43200000},
		{"an hour is left", ANCHOR_PENDING, 30 * 86400000ULL - 3600000, 3600000},
		{"over", ANCHOR_PENDING, 31 * 86400000ULL, 3600000},
		{"revoked", ANCHOR_REVOKED, 31 * 86400000ULL, 86400000},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct anchors a = {0};
		check_err(
			"add",
			anchors_add(&a, "0.0/0.0", "", key_data('A'), rows[i].state, START_MS),
			HLV_OK);
		uint64_t now_ms = START_MS + rows[i].age_ms;
		check_u64(rows[i].name, anchors_next_ms(&a, now_ms) - now_ms, rows[i].want_ms);
		anchors_fini(&a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts), cmocka_unit_test(test_scripts_with_restarts),
		cmocka_unit_test(test_add),	cmocka_unit_test(test_full),
		cmocka_unit_test(test_covers),	cmocka_unit_test(test_governing),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_next),
	};
	return cmocka_run_group_tests(tests, make_keys, NULL);
}
