/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/wire/filter.h"
#include "proto/wire/site.h"
#include "resolver/emit.h"
#include "tests/unit/unit.h"

enum { NOW_S = 1700000000, PO = 0x01000000 };

/* A record's values, one a row. */
struct seed {
	uint32_t index, ttl_s;
	uint8_t ttl_kind, perms;
	const char *type, *data; /* data of sites: "4" or "6", then "t" with TCP */
};

static struct hlv_bytes make_site(uint8_t *room, size_t cap, const char *how)
{
	struct hlv_writer w = hlv_writer(room, cap), lists = {0};
	uint8_t octets[256];
	lists = hlv_writer(octets, sizeof octets);
	bool tcp = strchr(how, 't');
	struct hlv_site_server server = {.id = 1, .address = {[12] = 10, [15] = 1}};
	if (how[0] == '6')
		server.address[0] = 0xFD;
	uint8_t interface[16];
	struct hlv_writer i = hlv_writer(interface, sizeof interface);
	hlv_site_put_interface(&i, &(struct hlv_site_interface){
					   HLV_IF_QUERY, tcp ? HLV_IF_TCP : HLV_IF_UDP, 2641});
	server.interfaces = (struct hlv_list){1, hlv_written(&i)};
	hlv_site_put_server(&lists, &server);
	hlv_site_encode(&w, &(struct hlv_site){.format = 1,
					       .major = 2,
					       .minor = 11,
					       .servers = {1, hlv_written(&lists)}});
	return hlv_written(&w);
}

static struct hlv_list make_values(const struct seed *seeds, size_t n, uint8_t *room,
				   size_t cap)
{
	struct hlv_writer w = hlv_writer(room, cap);
	for (size_t i = 0; i < n; i++) {
		uint8_t site[256];
		struct hlv_bytes data = hlv_text(seeds[i].data);
		if (hlv_eq(hlv_text(seeds[i].type), hlv_text("HS_SITE")))
			data = make_site(site, sizeof site, seeds[i].data);
		hlv_value_encode(&w, &(struct hlv_value){.index = seeds[i].index,
							 .mtime_s = 7,
							 .ttl_kind = seeds[i].ttl_kind,
							 .ttl_s = seeds[i].ttl_s,
							 .perms = seeds[i].perms,
							 .type = hlv_text(seeds[i].type),
							 .data = data});
	}
	assert_false(w.bad);
	return (struct hlv_list){(uint32_t)n, hlv_written(&w)};
}

static const struct seed plain[] = {
	{1, 100, 0, 0x0E, "URL", "https://a"}, {2, 50, 0, 0x0E, "URL.QR", "b"},
	{3, 86400, 0, 0x0E, "name", "c"},      {4, NOW_S + 500, 1, 0x0E, "until", "d"},
	{5, 100, 0, 0x0C, "hidden", "e"},      {6, 100, 0, 0x0E, "HS_SECKEY", "f"},
};
static const struct seed with_signature[] = {
	{1, 100, 0, 0x0E, "URL", "https://a"},
	{400, 86400, 0, 0x0E, "HS_SIGNATURE", "sig"},
};
static const struct seed sites[] = {
	{1, 900, 0, 0x0E, "HS_SITE", "4"},
	{2, 900, 0, 0x0E, "HS_SITE", "4t"},
	{3, 900, 0, 0x0E, "HS_SITE", "6t"},
	{100, 900, 0, 0x0E, "HS_ADMIN", "x"},
};
static const struct seed services[] = {
	{1, 900, 0, 0x0E, "HS_SERV", "0.SERV/A"},
	{2, 900, 0, 0x0E, "HS_SERV", "0.SERV/B"},
};

static const struct {
	const char *name;
	const struct seed *seeds;
	size_t n;
	const char *handle, *type; /* type: NULL: none */
	uint32_t index, left_s;
	uint32_t rc;
	const char *found; /* "index:ttl" */
} rows[] = {
	{"everything, TTLs as they stand", plain, 6, "a/b", NULL, 0, UINT32_MAX, 1,
	 "1:100 2:50 3:86400 4:1700000500"},
	{"no TTL above what is left", plain, 6, "a/b", NULL, 0, 60, 1,
	 "1:60 2:50 3:60 4:1700000060"},
	{"nothing is left", plain, 6, "a/b", NULL, 0, 0, 1, "1:0 2:0 3:0 4:1700000000"},
	{"stale", plain, 6, "a/b", NULL, 0, EMIT_STALE, 1, "1:30 2:30 3:30 4:1700000030"},
	{"stale and signed", with_signature, 2, "a/b", NULL, 0, EMIT_STALE, 1,
	 "1:100 400:86400"},
	{"by type", plain, 6, "a/b", "url", 0, 60, 1, "1:60"},
	{"by family", plain, 6, "a/b", "url.", 0, 60, 1, "1:60 2:50"},
	{"by index and type", plain, 6, "a/b", "NAME", 2, 60, 1, "2:50 3:60"},
	{"an index that is not there", plain, 6, "a/b", NULL, 99, 60, 200, ""},
	{"a hidden value is not there", plain, 6, "a/b", NULL, 5, 60, 200, ""},
	{"a secret key never", plain, 6, "a/b", "HS_SECKEY", 0, 60, 200, ""},
	{"signed TTLs stay", with_signature, 2, "a/b", NULL, 0, 10, 1, "1:100 400:86400"},
	{"also of one value", with_signature, 2, "a/b", "URL", 0, 10, 1, "1:100"},
	{"no values", plain, 0, "a/b", NULL, 0, 10, 200, ""},
	{"sites of a bare prefix, TCP first", sites, 4, "88.118", "hs_site", 0, 60, 1,
	 "2:60 3:60 1:60"},
	{"sites of its handle, as they stand", sites, 4, "0.NA/88.118", "HS_SITE", 0, 60, 1,
	 "1:60 2:60 3:60"},
	{"a bare prefix, all types", sites, 4, "88.118", NULL, 0, 60, 1,
	 "1:60 2:60 3:60 100:60"},
};

struct fixture {
	struct hlv_exchange x;
	uint8_t lists[256], values[4096];
};

static void ask(struct fixture *f, const char *handle, const char *type, uint32_t index)
{
	memset(f, 0, sizeof *f);
	hlv_arena_init(&f->x.arena, 1 << 20);
	f->x.now.wall_ms = UINT64_C(1000) * NOW_S;
	f->x.rq.handle = hlv_text(handle);
	struct hlv_writer w = hlv_writer(f->lists, sizeof f->lists);
	if (index) {
		hlv_put_u32(&w, index);
		f->x.rq.indexes = (struct hlv_list){1, hlv_bytes(f->lists, 4)};
	}
	size_t at = w.n;
	if (type) {
		hlv_put_lp32(&w, hlv_text(type));
		f->x.rq.types = (struct hlv_list){1, hlv_bytes(f->lists + at, w.n - at)};
	}
}

static void proven_of(enum proof proof, uint32_t rc, struct hlv_list values, struct proven *out)
{
	struct finding finding = {.rc = rc, .values = values};
	assert_true(prove(proof, &finding, out));
}

static void describe(const struct hlv_list *values, char *out, size_t cap)
{
	struct hlv_reader r = hlv_reader(values->raw);
	size_t at = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		at += (size_t)snprintf(out + at, cap - at, "%s%u:%u", i ? " " : "", v.index,
				       v.ttl_s);
	}
	assert_true(hlv_finished(&r));
}

static void test_rows(void **state)
{
	(void)state;
	const struct emit_rules rules = {.trusted = TRUSTED_REPORT, .site_serial = 9};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fixture f;
		struct proven p;
		char text[256];
		ask(&f, rows[i].handle, rows[i].type, rows[i].index);
		proven_of(PROOF_SECURE, 1,
			  make_values(rows[i].seeds, rows[i].n, f.values, sizeof f.values), &p);
		uint8_t before[sizeof f.values];
		memcpy(before, f.values, sizeof before);
		emit(&f.x, &rules, &p, rows[i].left_s);
		check_u64(rows[i].name, f.x.rs.rc, rows[i].rc);
		describe(&f.x.rs.values, text, sizeof text);
		if (strcmp(text, rows[i].found) != 0)
			fail_msg("%s: %s, expected %s", rows[i].name, text, rows[i].found);
		if (f.x.rs.rc == HLV_RC_SUCCESS)
			check_bytes(rows[i].name, f.x.rs.handle, hlv_text(rows[i].handle));
		check_u64(rows[i].name, f.x.site_serial, 9);
		/* What was cached is others' too. */
		assert_memory_equal(before, f.values, sizeof before);
		hlv_arena_fini(&f.x.arena);
	}
}

static void test_sdk_addresses(void **state)
{
	(void)state;
	const struct emit_rules rules = {0};
	struct fixture f;
	struct proven p;
	ask(&f, "88.118", "HS_SITE", 0);
	proven_of(PROOF_SECURE, 1, make_values(sites, COUNT(sites), f.values, sizeof f.values),
		  &p);
	emit(&f.x, &rules, &p, 60);
	struct hlv_reader r = hlv_reader(f.x.rs.values.raw);
	static const uint8_t mapped[16] = {[10] = 0xFF, 0xFF, 10, 0, 0, 1},
			     six[16] = {[0] = 0xFD, [12] = 10, [15] = 1};
	for (int i = 0; i < 3; i++) {
		struct hlv_value v;
		struct hlv_site site;
		struct hlv_site_server server;
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		assert_int_equal(hlv_site_decode(v.data, &site), HLV_OK);
		struct hlv_reader s = hlv_reader(site.servers.raw);
		hlv_site_next_server(&s, &server);
		assert_memory_equal(server.address, i == 1 ? six : mapped, 16);
	}
	hlv_arena_fini(&f.x.arena);
}

static void test_services(void **state)
{
	(void)state;
	struct fixture f;
	struct proven p;
	ask(&f, "88.118", "HS_SITE", 0);
	proven_of(PROOF_SECURE, 1, make_values(services, 2, f.values, sizeof f.values), &p);
	check_bytes("first", emit_service(&f.x, &p, 0), hlv_text("0.SERV/A"));
	check_bytes("second", emit_service(&f.x, &p, 1), hlv_text("0.SERV/B"));
	assert_int_equal(emit_service(&f.x, &p, 2).n, 0);
	f.x.rq.handle = hlv_text("0.NA/88.118");
	assert_int_equal(emit_service(&f.x, &p, 0).n, 0);
	f.x.rq.handle = hlv_text("88.118");
	proven_of(PROOF_SECURE, 1, make_values(sites, 4, f.values, sizeof f.values), &p);
	assert_int_equal(emit_service(&f.x, &p, 0).n, 0);
	hlv_arena_fini(&f.x.arena);
}

/* industrial.md 5.1, 7. */
static void test_trusted(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum trusted_mode mode;
		enum proof proof;
		uint32_t flags, found_rc, rc, answer;
	} cases[] = {
		{"off", TRUSTED_OFF, PROOF_SECURE, 2, 1, 1, 0},
		{"secure", TRUSTED_REPORT, PROOF_SECURE, 2, 1, 1, 3},
		{"insecure", TRUSTED_REPORT, PROOF_INSECURE, 2, 1, 1, 2},
		{"not asked", TRUSTED_REPORT, PROOF_SECURE, 0, 1, 1, 0},
		{"securely nothing", TRUSTED_REPORT, PROOF_SECURE, 2, 100, 100, 3},
		{"enforced, secure", TRUSTED_ENFORCE, PROOF_SECURE, 2, 1, 1, 3},
		{"enforced, insecure", TRUSTED_ENFORCE, PROOF_INSECURE, 2, 1, 2, 2},
		{"enforced for all", TRUSTED_ENFORCE, PROOF_INSECURE, 0, 1, 2, 0},
		{"enforced, nothing", TRUSTED_ENFORCE, PROOF_INSECURE, 0, 100, 2, 0},
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct fixture f;
		struct proven p;
		const struct emit_rules rules = {.trusted = cases[i].mode};
		ask(&f, "a/b", NULL, 0);
		f.x.rq.m.hdr.flags = cases[i].flags | PO;
		proven_of(cases[i].proof, cases[i].found_rc,
			  make_values(plain, cases[i].found_rc == 1 ? 1 : 0, f.values,
				      sizeof f.values),
			  &p);
		emit(&f.x, &rules, &p, 60);
		check_u64(cases[i].name, f.x.rs.rc, cases[i].rc);
		check_u64(cases[i].name, f.x.answer_flags, cases[i].answer);
		hlv_arena_fini(&f.x.arena);
	}
}

/* What is not proven is no answer, whatever comes this way. */
static void test_unproven(void **state)
{
	(void)state;
	const struct emit_rules rules = {0};
	struct proven p = {0};
	struct fixture f;
	ask(&f, "a/b", NULL, 0);
	p.finding = (struct finding){
		.rc = 1, .values = make_values(plain, 1, f.values, sizeof f.values)};
	emit(&f.x, &rules, &p, 60);
	assert_int_equal(f.x.rs.rc, HLV_RC_ERROR);
	p.proof = PROOF_BOGUS;
	emit(&f.x, &rules, &p, 60);
	assert_int_equal(f.x.rs.rc, HLV_RC_ERROR);
	static const uint32_t claims[] = {1, 100, 200};
	for (size_t i = 0; i < COUNT(claims); i++) {
		emit_refusal(&f.x, &rules, claims[i], "why");
		assert_int_equal(f.x.rs.rc, HLV_RC_ERROR);
	}
	emit_refusal(&f.x, &rules, HLV_RC_BUSY, "why");
	assert_int_equal(f.x.rs.rc, HLV_RC_BUSY);
	check_text("text", f.x.rs.text, "why");
	hlv_arena_fini(&f.x.arena);
}

static void test_too_many_filters(void **state)
{
	(void)state;
	const struct emit_rules rules = {0};
	struct proven p;
	struct fixture f;
	ask(&f, "a/b", NULL, 0);
	uint8_t *many = calloc(HLV_VALUES_MAX + 1, 4);
	f.x.rq.indexes = (struct hlv_list){HLV_VALUES_MAX + 1,
					   hlv_bytes(many, 4 * (HLV_VALUES_MAX + 1))};
	proven_of(PROOF_SECURE, 1, make_values(plain, 1, f.values, sizeof f.values), &p);
	emit(&f.x, &rules, &p, 60);
	assert_int_equal(f.x.rs.rc, HLV_RC_PROTOCOL_ERROR);
	free(many);
	hlv_arena_fini(&f.x.arena);
}

static void test_no_memory(void **state)
{
	(void)state;
	const struct emit_rules rules = {0};
	struct proven p;
	struct fixture f;
	ask(&f, "a/b", NULL, 0);
	proven_of(PROOF_SECURE, 1, make_values(plain, 3, f.values, sizeof f.values), &p);
	f.x.arena.limit = 8;
	emit(&f.x, &rules, &p, 60);
	assert_int_equal(f.x.rs.rc, HLV_RC_ERROR);
	hlv_arena_fini(&f.x.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),	  cmocka_unit_test(test_sdk_addresses),
		cmocka_unit_test(test_services),  cmocka_unit_test(test_trusted),
		cmocka_unit_test(test_unproven),  cmocka_unit_test(test_too_many_filters),
		cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
