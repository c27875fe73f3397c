/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>
#include <unistd.h>

#include "proto/net/file.h"
#include "proto/net/json.h"
#include "resolver/anchor.h"
#include "resolver/policy.h"
#include "tests/unit/unit.h"

/* A directory with files; gone at the end. */
struct fixture {
	char dir[64], conf[128], why[512];
	struct resolver_options options;
	struct anchors anchors;
	struct policy *policy;
};

static char *path_of(struct fixture *f, const char *name)
{
	static char path[4][160];
	static unsigned next;
	char *p = path[next++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", f->dir, name);
	return p;
}

static void write_text(struct fixture *f, const char *name, const char *text)
{
	char why[512];
	check_err(name, hlv_file_write(path_of(f, name), 0644, hlv_text(text), why), HLV_OK);
}

static const char SITE[] =
	"{\"version\":1,\"protocolVersion\":\"2.11\",\"serialNumber\":1,\"primarySite\":true,"
	"\"multiPrimary\":false,\"attributes\":[],\"servers\":[{\"serverId\":1,\"address\":"
	"\"%s\",\"interfaces\":[{\"query\":true,\"admin\":false,\"protocol\":\"TCP\",\"port\":"
	"2641}]}]}";

static void begin(struct fixture *f)
{
	char site[1024];
	memset(f, 0, sizeof *f);
	snprintf(f->dir, sizeof f->dir, "/tmp/helve-policy-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	mkdir(path_of(f, "data"), 0755);
	snprintf(site, sizeof site, SITE, "192.0.2.1");
	write_text(f, "root.json", site);
	snprintf(site, sizeof site, SITE, "10.1.2.3");
	write_text(f, "near.json", site);
	write_text(f, "none.json", "{}");
}

/* The configuration with `lines`; in them @ is the directory. */
static enum hlv_err load(struct fixture *f, const char *lines)
{
	struct hlv_buf b = {0};
	hlv_buf_printf(&b, "data-dir: '%s/data'\n", f->dir);
	for (const char *p = lines; *p; p++)
		hlv_buf_printf(&b, *p == '@' ? "%s" : "%.1s", *p == '@' ? f->dir : p);
	write_text(f, "conf.yaml", b.p);
	hlv_buf_free(&b);
	check_err(lines,
		  hlv_conf_load(path_of(f, "conf.yaml"), resolver_option_rows,
				resolver_option_count, &f->options, f->why),
		  HLV_OK);
	return policy_load(&f->options, &f->anchors, &f->policy, f->why);
}

static void unload(struct fixture *f)
{
	policy_free(f->policy);
	f->policy = NULL;
	hlv_conf_free(resolver_option_rows, resolver_option_count, &f->options);
	memset(&f->options, 0, sizeof f->options);
}

static void end(struct fixture *f)
{
	char command[128];
	snprintf(command, sizeof command, "rm -r '%s'", f->dir);
	assert_int_equal(system(command), 0);
}

static const struct {
	const char *name, *lines, *why; /* why: part of the complaint; NULL: it is fine */
} configurations[] = {
	{"defaults", "", NULL},
	{"root by name", "root: '@/root.json'\n", NULL},
	{"no root", "root: '@/nowhere'\n", "nowhere"},
	{"root that is none", "root: '@/none.json'\n", "root: "},
	{"forward to an address", "forward: [ '88 192.0.2.5' ]\n", NULL},
	{"forward with a key", "forward: [ '88 192.0.2.5:2641 @/near.json' ]\n", NULL},
	{"forward to a site", "forward: [ '. @/near.json' ]\n", NULL},
	{"forward to nothing", "forward: [ '88' ]\n", "forward: '88': a word is missing"},
	{"forward to two sites", "forward: [ '88 @/near.json @/near.json' ]\n", "expected"},
	{"group of forwarders", "forward: [ '88 192.0.2.5', '88 10.0.0.1 @/near.json' ]\n",
	 NULL},
	{"forward and stub", "forward: [ '88 192.0.2.5' ]\nstub: [ '0.na/88 @/near.json' ]\n",
	 "in 'forward', too"},
	{"group of stubs", "stub: [ 'a @/near.json', 'A @/root.json' ]\n", NULL},
	{"stub", "stub: [ '88.118.8 @/near.json' ]\n", NULL},
	{"stub with blanks", "stub: [ '  88.118.8   @/near.json  ' ]\n", NULL},
	{"stub of a prefix handle", "stub: [ '0.NA/88.118.8 @/near.json' ]\n", NULL},
	{"stub for everything", "stub: [ '. @/near.json' ]\n", "root"},
	{"stub of an identifier", "stub: [ '88.118.8/x @/near.json' ]\n", "no prefix"},
	{"too many words", "stub: [ 'a b c d e' ]\n", "too many words"},
	{"must sign", "must-sign: [ '88.118', '88.118.8 300:0.NA/88.118.8' ]\n", NULL},
	{"nobody must sign", "must-sign: [ '88.118 x' ]\n", "identity"},
	{"copy", "copy: [ '88.118.8 @/near.json' ]\n", NULL},
	{"copy beside a rule", "copy: [ '88.118.8 @/near.json' ]\nmust-sign: [ '88.118' ]\n",
	 NULL},
	{"copy that a signer must have signed",
	 "copy: [ '88.118.8 @/near.json' ]\nmust-sign: [ '88.118 300:0.NA/88.118' ]\n",
	 "signer"},
	{"copy above such a prefix",
	 "copy: [ '88.118 @/near.json' ]\nmust-sign: [ '88.118.8 300:0.NA/88.118' ]\n", NULL},
	{"two signers", "must-sign: [ '88.118 300:0.NA/88.118', '88.118 300:0.NA/88' ]\n",
	 "second signer"},
	{"by message, and by a signer", "must-sign: [ '88.118', '88.118 300:0.NA/88.118' ]\n",
	 NULL},
	{"two copies", "copy: [ 'a @/near.json', 'A @/root.json' ]\n", "second copy"},
	{"copy of all", "copy: [ '. @/near.json' ]\n", "too much"},
	{"no overrides", "overrides: '@/nowhere'\n", "nowhere"},
	{"no block list", "block: '@/nowhere'\n", "nowhere"},
};

static void test_configurations(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	for (size_t i = 0; i < COUNT(configurations); i++) {
		enum hlv_err err = load(&f, configurations[i].lines);
		if ((err == HLV_OK) != !configurations[i].why)
			fail_msg("%s: %s", configurations[i].name, f.why);
		if (configurations[i].why && !strstr(f.why, configurations[i].why))
			fail_msg("%s: '%s' does not say '%s'", configurations[i].name, f.why,
				 configurations[i].why);
		unload(&f);
	}
	end(&f);
}

static const struct {
	const char *id;
	enum policy_verdict verdict;
	uint32_t values; /* of an override */
} questions[] = {
	{"88.118.8/plain", POLICY_RESOLVE, 0},
	{"88.118.8/bad", POLICY_BLOCK, 0},
	{"88.118.8/BAD", POLICY_BLOCK, 0}, /* one and the same to a registry */
	{"88.118.8/01/09506000134352/21/ab1", POLICY_BLOCK, 0},
	{"88.118.8/01/09506000134352/21/AB1", POLICY_RESOLVE, 0}, /* another item of GS1's */
	{"88.118.8/badly", POLICY_RESOLVE, 0},
	{"88.119/x", POLICY_BLOCK, 0},
	{"88.119", POLICY_BLOCK, 0},
	{"0.na/88.119", POLICY_BLOCK, 0},
	{"88.119.1/x", POLICY_RESOLVE, 0},
	{"88.1190/x", POLICY_RESOLVE, 0},
	{"ab.120/x", POLICY_BLOCK, 0},
	{"AB.120.1.2/x", POLICY_BLOCK, 0},
	{"0.NA/ab.120.7", POLICY_BLOCK, 0},
	{"ab.1200/x", POLICY_RESOLVE, 0},
	{"7.7/has-advert-in-it", POLICY_BLOCK, 0},
	{"7.7/HAS-ADVERT-IN-IT", POLICY_BLOCK, 0},
	{"88.118.8/forced", POLICY_ANSWER, 2},
	{"88.118.8/FORCED", POLICY_ANSWER, 2},
	{"77.1/nothing", POLICY_ANSWER, 0},
	{"Xy.1/Twice", POLICY_ANSWER, 1},
	{"88.119/forced", POLICY_BLOCK, 0}, /* blocks go first */
};

static void test_find(void **state)
{
	(void)state;
	struct fixture f;
	begin(&f);
	write_text(&f, "block",
		   "# not these\n\n88.118.8/bad\r\n  88.119/ \nab.120.*\n*advert*\n"
		   "88.118.8/01/09506000134352/21/ab1\n");
	write_text(&f, "over",
		   "{\"handle\":\"88.118.8/forced\",\"values\":[{\"index\":9,\"type\":\"URL\","
		   "\"data\":\"u\"},{\"index\":2,\"type\":\"N\",\"data\":\"n\"}]}\n"
		   "{\"handle\":\"77.1/nothing\",\"values\":[]}\n"
		   "{\"handle\":\"88.119/forced\",\"values\":[]}\n"
		   "{\"handle\":\"xy.1/Twice\",\"values\":[]}\n"
		   "{\"handle\":\"XY.1/Twice\",\"values\":[{\"index\":1,\"type\":\"N\","
		   "\"data\":\"n\"}]}\n");
	check_err("load", load(&f, "block: '@/block'\noverrides: '@/over'\n"), HLV_OK);
	for (size_t i = 0; i < COUNT(questions); i++) {
		uint8_t room[MEMORY_KEY_MAX];
		struct proven p;
		struct hlv_value v;
		struct hlv_bytes key = memory_key(hlv_text(questions[i].id), room);
		enum policy_verdict verdict = policy_find(f.policy, key, &p);
		check_u64(questions[i].id, verdict, questions[i].verdict);
		if (verdict == POLICY_RESOLVE)
			continue;
		check_u64(questions[i].id, p.proof, PROOF_INSECURE);
		check_u64(questions[i].id, p.finding.rc,
			  verdict == POLICY_BLOCK ? HLV_RC_NOT_FOUND : HLV_RC_SUCCESS);
		check_u64(questions[i].id, p.finding.values.n, questions[i].values);
		struct hlv_reader r = hlv_reader(p.finding.values.raw);
		for (uint32_t k = 0, last = 0; k < p.finding.values.n; k++, last = v.index) {
			check_err(questions[i].id, hlv_value_decode(&r, &v), HLV_OK);
			assert_true(v.index > last);
		}
	}
	assert_false(policy_refuses_blocked(f.policy));
	unload(&f);
	end(&f);
}

static void test_lines_are_named(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} files[] = {
		{"{\"handle\":\"a/b\",\"values\":[]}\n{", "over:2: "},
		{"\n\n{\"values\":[]}", "over:3: no handle"},
		{"{\"handle\":\"a/b\",\"values\":[{\"index\":1,\"type\":\"N\",\"data\":\"\"},"
		 "{\"index\":1,\"type\":\"N\",\"data\":\"\"}]}",
		 "over:1: an index stands twice"},
	};
	struct fixture f;
	begin(&f);
	for (size_t i = 0; i < COUNT(files); i++) {
		write_text(&f, "over", files[i].text);
		assert_int_not_equal(load(&f, "overrides: '@/over'\n"), HLV_OK);
		if (!strstr(f.why, files[i].why))
			fail_msg("'%s' does not say '%s'", f.why, files[i].why);
		unload(&f);
	}
	write_text(&f, "block", "good/one\n\xff\xfe\n");
	assert_int_not_equal(load(&f, "block: '@/block'\n"), HLV_OK);
	assert_non_null(strstr(f.why, "block:2: not UTF-8"));
	unload(&f);
	end(&f);
}

/* Many are found as fast as few: there is a table. Here only that they are found. */
static void test_many_blocks(void **state)
{
	(void)state;
	struct fixture f;
	struct hlv_buf b = {0};
	begin(&f);
	for (unsigned i = 0; i < 20000; i++)
		hlv_buf_printf(&b, "99.%u/\n", i);
	write_text(&f, "block", b.p);
	hlv_buf_free(&b);
	check_err("load", load(&f, "block: '@/block'\n"), HLV_OK);
	for (unsigned i = 0; i < 20001; i++) {
		char id[32];
		uint8_t room[MEMORY_KEY_MAX];
		struct proven p;
		snprintf(id, sizeof id, "99.%u/x", i);
		check_u64(id, policy_find(f.policy, memory_key(hlv_text(id), room), &p),
			  i < 20000 ? POLICY_BLOCK : POLICY_RESOLVE);
	}
	unload(&f);
	end(&f);
}

/* What the configuration names may be asked wherever it is; what records name may not. */
static void test_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool allowed;
	} cases[] = {{"10.1.2.3", true},  {"10.9.9.9", true},	 {"10.8.8.8", true},
		     {"10.7.7.7", false}, {"172.16.0.1", false}, {"127.0.0.1", false},
		     {"8.8.8.8", true},	  {"192.168.7.7", true}};
	struct fixture f;
	begin(&f);
	check_err("load",
		  load(&f,
		       "stub: [ '88 @/near.json' ]\nforward: [ '99 10.9.9.9', '99 10.8.8.8' ]\n"
		       "upstream-net: [ 192.168.7.0/24 ]\n"),
		  HLV_OK);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct hlv_addr a;
		check_err(cases[i].address, hlv_addr_parse(cases[i].address, 2641, &a), HLV_OK);
		if (zone_address_allowed(&policy_rules(f.policy)->addresses, &a) !=
		    cases[i].allowed)
			fail_msg("%s: %d", cases[i].address, !cases[i].allowed);
	}
	unload(&f);
	end(&f);
}

static void test_admits(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool ours, theirs;
	} cases[] = {{"127.0.0.1", true, false}, {"192.168.1.1", true, false},
		     {"8.8.8.8", false, false},	 {"[::1]", true, false},
		     {"[fd00::1]", true, true},	 {"203.0.113.7", false, true}};
	struct fixture f;
	begin(&f);
	for (int listed = 0; listed < 2; listed++) {
		check_err("load",
			  load(&f,
			       listed ? "allow-query: [ 203.0.113.0/24, \"fd00::/8\" ]\n" : ""),
			  HLV_OK);
		for (size_t i = 0; i < COUNT(cases); i++) {
			struct hlv_addr a;
			check_err(cases[i].address, hlv_addr_parse(cases[i].address, 1, &a),
				  HLV_OK);
			check_u64(cases[i].address, policy_admits(f.policy, &a),
				  listed ? cases[i].theirs : cases[i].ours);
		}
		unload(&f);
	}
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configurations),	cmocka_unit_test(test_find),
		cmocka_unit_test(test_lines_are_named), cmocka_unit_test(test_many_blocks),
		cmocka_unit_test(test_addresses),	cmocka_unit_test(test_admits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
