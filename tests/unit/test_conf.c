/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "server/options.h"
#include "tests/unit/unit.h"

/* A file, and what is said about it; NULL: it is fine. `%s` in front of the text is the path. */
static const struct {
	const char *name, *text, *why;
} rows[] = {
	{"least", "data-dir: /tmp/x\n", NULL},
	{"all kinds",
	 "data-dir: /tmp/x\nlisten: [ \"127.0.0.1:1\", \"[::1]:2\" ]\nworkers: 3\n"
	 "map-size: 32GiB\ntrusted-net: [ 10.0.0.0/8 ]\nlog-level: warn\n",
	 NULL},
	{"one address without a list", "data-dir: /tmp/x\nlisten: 127.0.0.1\n", NULL},
	{"comments", "# nothing\ndata-dir: /tmp/x # here\n", NULL},
	{"empty", "",
	 ": data-dir is missing: Directory of the registry (made by helvectl init)"},
	{"typing error", "data-dir: /tmp/x\nworker: 2\n",
	 ":2:1: unknown option 'worker': did you mean 'workers'?"},
	{"unknown", "data-dir: /tmp/x\nfrobnicate: 2\n",
	 ":2:1: unknown option 'frobnicate': see the sample configuration"},
	{"twice", "data-dir: /a\ndata-dir: /b\n", ":2:1: data-dir is given twice"},
	{"no number", "data-dir: /tmp/x\nworkers: many\n",
	 ":2:10: workers: 'many' is no number"},
	{"negative", "data-dir: /tmp/x\nworkers: -1\n", ":2:10: workers: '-1' is no number"},
	{"number with a tail", "data-dir: /tmp/x\nworkers: 2x\n",
	 ":2:10: workers: '2x' is no number"},
	{"out of range", "data-dir: /tmp/x\nworkers: 1000\n",
	 ":2:10: workers: 1000 is not in 0..256"},
	{"bad size", "data-dir: /tmp/x\nmap-size: 3 bananas\n",
	 ":2:11: map-size: '3 bananas' is no size (a number, or one with KiB, MiB, GiB)"},
	{"size overflows", "data-dir: /tmp/x\nmap-size: 99999999999TiB\n",
	 ":2:11: map-size: '99999999999TiB' is no size (a number, or one with KiB, MiB, GiB)"},
	{"bad address", "data-dir: /tmp/x\nlisten: [ \"300.0.0.1:1\" ]\n",
	 ":2:9: listen: '300.0.0.1:1' is no address (examples: 127.0.0.1:2641, [::1]:2641)"},
	{"bad port", "data-dir: /tmp/x\nlisten: [ \"127.0.0.1:70000\" ]\n",
	 ":2:9: listen: '127.0.0.1:70000' is no address (examples: 127.0.0.1:2641, "
	 "[::1]:2641)"},
	{"bad network", "data-dir: /tmp/x\ntrusted-net: [ 10.0.0.0/33 ]\n",
	 ":2:14: trusted-net: '10.0.0.0/33' is no network (examples: 10.0.0.0/8, fd00::/8)"},
	{"bad choice", "data-dir: /tmp/x\nlog-level: loud\n",
	 ":2:12: log-level: 'loud' is none of: error warn info debug"},
	{"list where one is wanted", "data-dir: [ a, b ]\n",
	 ":1:11: data-dir: one value is expected, not a list"},
	{"map where a value is wanted", "data-dir: { a: b }\n",
	 ":1:11: a plain value is expected here"},
	{"a list at the top", "- a\n", ":1:1: 'option: value' lines are expected"},
	{"no YAML", "data-dir: [ /tmp/x\n", ":2:1: did not find expected ',' or ']'"},
};

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void test_rows(void **state)
{
	(void)state;
	char path[] = "/tmp/helve-conf-XXXXXX";
	close(mkstemp(path));
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct server_options o = {0};
		char why[512] = "", want[512] = "";
		write_file(path, rows[i].text);
		enum hlv_err err =
			hlv_conf_load(path, server_option_rows, server_option_count, &o, why);
		if (rows[i].why)
			snprintf(want, sizeof want, "%s%s", path, rows[i].why);
		check_text(rows[i].name, hlv_text(why), want);
		assert_int_equal(err == HLV_OK, rows[i].why == NULL);
		if (err == HLV_OK)
			hlv_conf_free(server_option_rows, server_option_count, &o);
	}
	unlink(path);
}

static void test_missing_file(void **state)
{
	(void)state;
	struct server_options o = {0};
	char why[512];
	assert_int_equal(hlv_conf_load("/tmp/helve-no-such-file", server_option_rows,
				       server_option_count, &o, why),
			 HLV_E_IO);
	assert_string_equal(why, "/tmp/helve-no-such-file: No such file or directory");
}

static void test_networks(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool in;
	} cases[] = {
		{"10.1.2.3", true},	{"11.0.0.1", false},  {"192.168.7.1", true},
		{"192.168.8.1", false}, {"fd12::1", true},    {"fe80::1", false},
		{"127.0.0.1", true},	{"127.0.0.2", false}, {"::ffff:10.1.2.3", true},
	};
	char path[] = "/tmp/helve-conf-XXXXXX", why[512];
	close(mkstemp(path));
	write_file(path, "data-dir: /x\ntrusted-net: [ 10.0.0.0/8, 192.168.0.0/21, fd00::/8, "
			 "127.0.0.1 ]\n");
	struct server_options o = {0};
	check_err(path, hlv_conf_load(path, server_option_rows, server_option_count, &o, why),
		  HLV_OK);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hlv_addr a;
		check_err(cases[i].address, hlv_addr_parse(cases[i].address, 0, &a), HLV_OK);
		check_u64(cases[i].address, hlv_nets_have(&o.limits.trusted, &a), cases[i].in);
	}
	hlv_conf_free(server_option_rows, server_option_count, &o);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_networks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
