/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/registry.h"
#include "tests/unit/unit.h"

enum { PO = 0x01000000, DNR = 0x00100000, RD = 0x00800000 };

/* A question, and what must come back. */
struct row {
	const char *name;
	const char *id;
	const char *types; /* blank separated; NULL: none */
	uint32_t index;	   /* 0: none */
	uint32_t flags;
	uint32_t rc;
	const char *found; /* "index:type" of the values, blank separated */
};

static const struct row rows[] = {
	{"everything", "88.118.8/JX1", NULL, 0, PO, 1, "1:URL 2:URL.QR 2000:name"},
	{"other case", "88.118.8/jx1", NULL, 0, PO, 1, "1:URL 2:URL.QR 2000:name"},
	{"by index", "88.118.8/JX1", NULL, 2000, PO, 1, "2000:name"},
	{"by type", "88.118.8/JX1", "url", 0, PO, 1, "1:URL"},
	{"by family", "88.118.8/JX1", "URL.", 0, PO, 1, "1:URL 2:URL.QR"},
	{"union of index and type", "88.118.8/JX1", "NAME", 1, PO, 1, "1:URL 2000:name"},
	{"two types", "88.118.8/JX1", "name URL.QR", 0, PO, 1, "2:URL.QR 2000:name"},
	{"without login, all public", "88.118.8/JX1", NULL, 0, 0, 1,
	 "1:URL 2:URL.QR 2000:name"},
	{"private left out", "88.118.8/MIXED", NULL, 0, PO, 1, "1:URL"},
	{"public part of a mixed record", "88.118.8/MIXED", "URL", 0, 0, 1, "1:URL"},
	{"unknown", "88.118.8/NONE", NULL, 0, PO, 100, NULL},
	{"type that is not there", "88.118.8/JX1", "EMAIL", 0, PO, 200, NULL},
	{"index that is not there", "88.118.8/JX1", NULL, 9, PO, 200, NULL},
	{"a lone dot asks for nothing", "88.118.8/JX1", ".", 0, PO, 200, NULL},
	{"only private values", "88.118.8/SECRET", NULL, 0, PO, 200, NULL},
	{"record without values", "88.118.8/EMPTY", NULL, 0, PO, 200, NULL},
	{"needs a login", "88.118.8/SECRET", NULL, 0, 0, 406, NULL},
	{"the first hidden value decides", "88.118.8/MIXED", NULL, 0, 0, 406, NULL},
	{"readable by nobody", "88.118.8/LOCKED", NULL, 0, 0, 401, NULL},
	{"status record", "0.site/STATUS", NULL, 0, PO, 200, NULL},
	{"foreign prefix", "1.2/X", NULL, 0, PO, 301, NULL},
	{"empty prefix", "/x", NULL, 0, PO, 301, NULL},
	{"empty identifier", "", NULL, 0, PO, 301, NULL},
	{"heart-beat of the SDK", "0", NULL, 0, PO, 301, NULL},
	{"served elsewhere", "88.118.20/X", NULL, 0, PO, 302, "1:HS_SITE"},
	{"by a service", "88.118.21/X", NULL, 0, PO, 302, "1:HS_SERV"},
	{"elsewhere, but no referral wanted", "88.118.20/X", NULL, 0, PO | DNR, 301, NULL},
	{"a hidden site refers nobody", "88.118.23/X", NULL, 0, PO, 301, NULL},
	{"prefix record", "0.NA/88.118.20", NULL, 0, PO, 1, "1:HS_SITE 2:DESC"},
	{"prefix record in other case", "0.na/88.118.20", NULL, 0, PO, 1, "1:HS_SITE 2:DESC"},
	{"bare prefix", "88.118.20", NULL, 0, PO, 1, "1:HS_SITE 2:DESC"},
	{"derived prefix that we speak for", "0.NA/88.118.99", NULL, 0, PO, 100, NULL},
	{"derived prefix elsewhere", "0.NA/88.118.22.5", NULL, 0, PO, 303, "2:HS_SITE.PREFIX"},
	{"deeper", "0.NA/88.118.22.5.1", NULL, 0, PO, 303, "2:HS_SITE.PREFIX"},
	{"derived prefix, no referral wanted", "0.NA/88.118.22.5", NULL, 0, PO | DNR, 100,
	 NULL},
	{"HS_SITE alone is none for derived ones", "0.NA/88.118.20.5", NULL, 0, PO, 100, NULL},
	{"prefix of somebody else", "0.NA/1.2", NULL, 0, PO, 301, NULL},
	{"bare prefix's site", "88.118.20", "HS_SITE", 0, PO, 1, "1:HS_SITE"},
	{"bare prefix's site by a service", "88.118.21", "HS_SITE", 0, PO, 1, "1:HS_SITE"},
	{"bare prefix without a public site", "88.118.23", "HS_SITE", 0, PO, 200, NULL},
};

static struct hlv_bytes encode_question(const struct row *row, uint8_t *out, size_t cap)
{
	uint8_t lists[512], index[4];
	struct hlv_writer types = hlv_writer(lists, sizeof lists);
	struct hlv_request rq = {
		.m.env = {.major = 2,
			  .minor = 11,
			  .suggest_major = 2,
			  .suggest_minor = 11,
			  .request_id = 9},
		.m.hdr = {.op = HLV_OP_RESOLUTION, .flags = row->flags | RD},
		.handle = hlv_text(row->id),
	};
	for (const char *p = row->types ? row->types : ""; *p;) {
		size_t n = strcspn(p, " ");
		hlv_put_lp32(&types, hlv_bytes(p, n));
		rq.types.n++;
		p += n;
		p += strspn(p, " ");
	}
	rq.types.raw = hlv_written(&types);
	if (row->index) {
		hlv_store_u32(index, row->index);
		rq.indexes = (struct hlv_list){1, hlv_bytes(index, 4)};
	}
	struct hlv_writer w = hlv_writer(out, cap);
	hlv_request_encode(&w, &rq);
	return hlv_written(&w);
}

static void ask(struct registry *r, const struct row *row, uint8_t *out, size_t cap,
		struct hlv_response *rs)
{
	uint8_t question[4096];
	struct hlv_bytes in = encode_question(row, question, sizeof question);
	struct hlv_bytes answer = registry_ask(r, in, out, cap);
	struct hlv_message m;
	check_err(row->name, hlv_message_decode(answer, &m), HLV_OK);
	check_err(row->name, hlv_response_decode(&m, rs), HLV_OK);
	check_u64(row->name, m.env.request_id, 9);
	check_u64(row->name, m.hdr.site_serial, 7);
}

static void describe(const struct hlv_list *values, char *out, size_t cap)
{
	struct hlv_reader r = hlv_reader(values->raw);
	size_t at = 0;
	out[0] = '\0';
	for (uint32_t i = 0; i < values->n; i++) {
		struct hlv_value v;
		assert_int_equal(hlv_value_decode(&r, &v), HLV_OK);
		at += (size_t)snprintf(out + at, cap - at, "%s%u:%.*s", i ? " " : "", v.index,
				       (int)v.type.n, (const char *)v.type.p);
	}
}

static void test_rows(void **state)
{
	(void)state;
	struct registry r;
	registry_open(&r, 1, 0);
	registry_fill(&r);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[8192];
		char text[512];
		struct hlv_response rs;
		ask(&r, &rows[i], out, sizeof out, &rs);
		check_u64(rows[i].name, rs.rc, rows[i].rc);
		describe(&rs.values, text, sizeof text);
		check_text(rows[i].name, hlv_text(text), rows[i].found ? rows[i].found : "");
		if (rs.rc == HLV_RC_SUCCESS)
			check_text(rows[i].name, rs.handle, rows[i].id);
		assert_true(rs.has_digest);
	}
	registry_close(&r);
}

/* The memo of the last prefix must not outlive what it remembers, nor mix up prefixes. */
static void test_prefix_homed_later(void **state)
{
	(void)state;
	struct registry r;
	struct hlv_response rs;
	uint8_t out[4096];
	const struct row row = {"1.2/X", "1.2/X", NULL, 0, PO, 0, NULL};
	registry_open(&r, 1, 0);
	ask(&r, &row, out, sizeof out, &rs);
	check_u64("before", rs.rc, 301);
	registry_home(&r, "0.NA/1.2");
	ask(&r, &row, out, sizeof out, &rs);
	check_u64("after", rs.rc, 100);
	registry_close(&r);
}

/* Within one snapshot a prefix is looked up once: here or not, it stays what it was. */
static void test_one_snapshot(void **state)
{
	(void)state;
	static const struct row questions[] = {
		{"first of a foreign prefix", "1.2/X", NULL, 0, PO, 301, NULL},
		{"second", "1.2/Y", NULL, 0, PO, 301, NULL},
		{"served elsewhere", "88.118.20/X", NULL, 0, PO, 302, NULL},
		{"again", "88.118.20/Y", NULL, 0, PO, 302, NULL},
		{"ours", "88.118.8/NONE", NULL, 0, PO, 100, NULL},
		{"again ours", "88.118.8/NONE2", NULL, 0, PO, 100, NULL},
		{"a prefix that begins the same", "88.118.80/X", NULL, 0, PO, 301, NULL},
	};
	struct registry r;
	registry_open(&r, 1, 0);
	registry_fill(&r);
	r.in_batch = true;
	for (size_t i = 0; i < COUNT(questions); i++) {
		uint8_t out[4096];
		struct hlv_response rs;
		ask(&r, &questions[i], out, sizeof out, &rs);
		check_u64(questions[i].name, rs.rc, questions[i].rc);
	}
	registry_close(&r);
}

/* Of a site with three servers exactly one is responsible for an identifier (6.5). */
static void test_hashed_site(void **state)
{
	(void)state;
	const struct row row = {"hashed", "88.118.8/JX1", NULL, 0, PO, 0, NULL};
	unsigned answered = 0;
	for (uint32_t own = 0; own < 3; own++) {
		struct registry r;
		struct hlv_response rs;
		uint8_t out[4096];
		registry_open(&r, 3, own);
		registry_fill(&r);
		ask(&r, &row, out, sizeof out, &rs);
		assert_true(rs.rc == 1 || rs.rc == 301);
		if (rs.rc == 301)
			check_text("reason", rs.text, "Request was hashed incorrectly");
		answered += rs.rc == 1;
		registry_close(&r);
	}
	assert_int_equal(answered, 1);
}

/* Out of memory at every possible point: an error answer, then the right one, never another. */
static void test_every_memory_limit(void **state)
{
	(void)state;
	struct registry r;
	registry_open(&r, 1, 0);
	registry_fill(&r);
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[8192];
		struct hlv_response rs;
		size_t limit = 0;
		do {
			r.arena_limit = limit;
			ask(&r, &rows[i], out, sizeof out, &rs);
			assert_true(rs.rc == HLV_RC_ERROR || rs.rc == rows[i].rc);
			limit += limit < 4096 ? 16 : 65536;
		} while (rs.rc == HLV_RC_ERROR && limit < 1 << 20);
		check_u64(rows[i].name, rs.rc, rows[i].rc);
	}
	registry_close(&r);
}

/* industrial.md 5.3: the SDK wants ::ffff:a.b.c.d, everybody else what is stored. */
static void test_bare_site_is_mapped(void **state)
{
	(void)state;
	struct registry r;
	registry_open(&r, 1, 0);
	registry_fill(&r);
	static const struct {
		const char *id;
		bool mapped;
	} cases[] = {{"88.118.20", true}, {"0.NA/88.118.20", false}};
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t out[4096];
		struct hlv_response rs;
		struct row row = {cases[i].id, cases[i].id, "HS_SITE", 0, PO, 1, NULL};
		ask(&r, &row, out, sizeof out, &rs);
		struct hlv_reader reader = hlv_reader(rs.values.raw);
		struct hlv_value v;
		struct hlv_site site;
		struct hlv_site_server server;
		check_err(cases[i].id, hlv_value_decode(&reader, &v), HLV_OK);
		check_err(cases[i].id, hlv_site_decode(v.data, &site), HLV_OK);
		reader = hlv_reader(site.servers.raw);
		hlv_site_next_server(&reader, &server);
		assert_int_equal(server.address[10], cases[i].mapped ? 0xFF : 0);
		assert_int_equal(server.address[15], 1);
	}
	registry_close(&r);
}

/* What each operation is answered with where there is no registrar; an unknown number too. */
static void test_operations(void **state)
{
	(void)state;
	static const struct {
		uint32_t op, session, rc;
	} cases[] = {
		{HLV_OP_GET_SITE_INFO, 0, 1},
		{HLV_OP_CREATE_HANDLE, 0, 5},
		{HLV_OP_DELETE_HANDLE, 0, 5},
		{HLV_OP_LIST_HANDLES, 0, 5},
		{HLV_OP_HOME_NA, 0, 5},
		{HLV_OP_GET_NEXT_TXN_ID, 0, 5},
		{HLV_OP_SESSION_TERMINATE, 0, 5},
		{999, 0, 5},
		{HLV_OP_GET_SITE_INFO, 77, 5},
		{HLV_OP_RESOLUTION, 0x7FFFFFFF, 5},
		{HLV_OP_GET_SITE_INFO, 0x80000000, 1},
	};
	struct registry r;
	registry_open(&r, 1, 0);
	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[32];
		uint8_t body[12] = {0}, question[256], out[4096];
		snprintf(name, sizeof name, "operation %u", cases[i].op);
		struct hlv_writer w = hlv_writer(question, sizeof question);
		hlv_envelope_encode(&w, &(struct hlv_envelope){.major = 2,
							       .minor = 11,
							       .suggest_major = 2,
							       .suggest_minor = 11,
							       .session_id = cases[i].session,
							       .length = 40});
		hlv_header_encode(&w, &(struct hlv_header){.op = cases[i].op, .body_len = 12});
		hlv_put(&w, hlv_bytes(body, sizeof body));
		hlv_put_u32(&w, 0);
		struct hlv_message m;
		check_err(name,
			  hlv_message_decode(registry_ask(&r, hlv_written(&w), out, sizeof out),
					     &m),
			  HLV_OK);
		check_u64(name, m.hdr.rc, cases[i].rc);
		check_u64(name, m.hdr.op, cases[i].op);
	}
	registry_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_every_memory_limit),
		cmocka_unit_test(test_prefix_homed_later),
		cmocka_unit_test(test_one_snapshot),
		cmocka_unit_test(test_hashed_site),
		cmocka_unit_test(test_bare_site_is_mapped),
		cmocka_unit_test(test_operations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
