/* SPDX-License-Identifier: Apache-2.0
 *
 * The readers of bulk formats: what each makes of a file, record by record, and the reason that
 * it gives for what it does not take.
 */
#include "tests/unit/unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "tools/helvectl/source.h"

enum { ARENA = 64 * 1024 * 1024, NOW = 1700000000, STEPS_MAX = 8 };

/* What one source_next() must give: handle and number of values (-1: only homed), or a piece of
 * the reason. */
struct step {
	enum source_result result;
	const char *handle;
	int values;
	const char *says;
	uint64_t line;
};

struct row {
	const char *name;
	enum source_format format;
	const char *text;
	struct step steps[STEPS_MAX];
};

#define REC(handle, n, line)                                                                   \
	{                                                                                      \
		SOURCE_RECORD, handle, n, NULL, line                                           \
	}
#define BAD(says, line)                                                                        \
	{                                                                                      \
		SOURCE_REJECTED, NULL, 0, says, line                                           \
	}
#define BROKEN(says)                                                                           \
	{                                                                                      \
		SOURCE_BROKEN, NULL, 0, says, 0                                                \
	}
#define END                                                                                    \
	{                                                                                      \
		SOURCE_END, NULL, 0, NULL, 0                                                   \
	}
#define V(i) "{\"index\":" #i ",\"type\":\"URL\",\"data\":\"x\"}"
#define R(h, values) "{\"handle\":\"" h "\",\"values\":[" values "]}"

static const struct row rows[] = {
	{"jsonl: none", SOURCE_JSONL, "", {END}},
	{"jsonl: two and blank lines",
	 SOURCE_JSONL,
	 "\n" R("a/1", V(1)) "\n\n" R("a/2", V(1) "," V(2)),
	 {REC("a/1", 1, 2), REC("a/2", 2, 4), END}},
	{"jsonl: CR LF",
	 SOURCE_JSONL,
	 R("a/1", V(1)) "\r\n" R("a/2", V(1)) "\r\n",
	 {REC("a/1", 1, 1), REC("a/2", 1, 2), END}},
	{"jsonl: one wrong line",
	 SOURCE_JSONL,
	 "oops\n" R("a/1", V(1)) "\n",
	 {BAD("neither", 1), REC("a/1", 1, 2), END}},
	{"jsonl: no values", SOURCE_JSONL, R("a/1", "") "\n", {REC("a/1", 0, 1), END}},
	{"jsonl: tab in a name", SOURCE_JSONL, R("a/1\\t2", V(1)), {REC("a/1\t2", 1, 1), END}},
	{"jsonl: newline in a name",
	 SOURCE_JSONL,
	 R("a/1\\n2", V(1)),
	 {BAD("control", 1), END}},
	{"jsonl: no handle", SOURCE_JSONL, "{\"values\":[]}", {BAD("handle", 1), END}},
	{"jsonl: empty handle", SOURCE_JSONL, R("", V(1)), {BAD("handle", 1), END}},
	{"jsonl: no slash", SOURCE_JSONL, R("88.118", V(1)), {BAD("slash", 1), END}},
	{"jsonl: empty suffix", SOURCE_JSONL, R("a/", V(1)), {REC("a/", 1, 1), END}},
	{"jsonl: index twice", SOURCE_JSONL, R("a/1", V(1) "," V(1)), {BAD("twice", 1), END}},
	{"jsonl: index zero", SOURCE_JSONL, R("a/1", V(0)), {BAD("index 0", 1), END}},
	{"jsonl: index negative", SOURCE_JSONL, R("a/1", V(-5)), {BAD("index -5", 1), END}},
	{"jsonl: homed",
	 SOURCE_JSONL,
	 "{\"handle\":\"0.NA/a\",\"values\":[],\"homed\":true}",
	 {REC("0.NA/a", 0, 1), END}},
	{"jsonl: homed alone",
	 SOURCE_JSONL,
	 "{\"handle\":\"0.NA/a\",\"homed\":true}",
	 {REC("0.NA/a", -1, 1), END}},
	{"jsonl: homed, no prefix",
	 SOURCE_JSONL,
	 "{\"handle\":\"a/b\",\"homed\":true}",
	 {BAD("homed", 1), END}},
	{"jsonl: the word in data",
	 SOURCE_JSONL,
	 R("a/1", "{\"index\":1,\"type\":\"T\",\"data\":\"\\\"homed\\\":true\"}"),
	 {REC("a/1", 1, 1), END}},

	{"hsv9: empty dump", SOURCE_HSV9, "{\"handleRecords\":{}}", {END}},
	{"hsv9: prefixes alone", SOURCE_HSV9, "{\"homedPrefixes\":[]}", {END}},
	{"hsv9: neither list", SOURCE_HSV9, "{}", {BROKEN("no handleRecords")}},
	{"hsv9: one record",
	 SOURCE_HSV9,
	 "{\"handle\":\"88.1/a\",\"values\":[]}",
	 {BROKEN("no handleRecords")}},
	{"hsv9: both lists",
	 SOURCE_HSV9,
	 "{\"homedPrefixes\":[\"0.NA/a\",\n\"0.NA/b\"],\"handleRecords\":{\"A/1\":" R(
		 "A/1", V(1)) ",\n\"A/2\":" R("A/2", V(1)) "}}\n",
	 {REC("0.NA/a", -1, 1), REC("0.NA/b", -1, 2), REC("A/1", 1, 2), REC("A/2", 1, 3), END}},
	{"hsv9: other order, other members",
	 SOURCE_HSV9,
	 " {\"x\":1,\"handleRecords\":{},\"y\":[{}],\"z\":\"}\",\"homedPrefixes\":[]} ",
	 {END}},
	{"hsv9: braces in strings",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/}\\\"\":" R(
		 "A/}\\\"", "{\"index\":1,\"type\":\"T\",\"data\":\"}]{\\\\\"}") "}}",
	 {REC("A/}\"", 1, 1), END}},
	{"hsv9: one wrong record",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/1\":{\"handle\":\"A/1\",\"values\":[{}]},\"A/2\":" R(
		 "A/2", V(1)) "}}",
	 {BAD("index", 1), REC("A/2", 1, 1), END}},
	{"hsv9: two names",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/1\":" R("A/2", V(1)) "}}",
	 {BAD("differs", 1), END}},
	{"hsv9: record is a number",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/1\":5}}",
	 {BAD("object", 1), END}},
	{"hsv9: prefix is no prefix",
	 SOURCE_HSV9,
	 "{\"homedPrefixes\":[\"a/b\",7]}",
	 {BAD("homed", 1), BAD("handle", 1), END}},
	{"hsv9: cut in a record",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/1\":{\"handle\":\"A",
	 {BROKEN("middle")}},
	{"hsv9: cut in prefixes",
	 SOURCE_HSV9,
	 "{\"homedPrefixes\":[\"0.NA",
	 {BROKEN("middle")}},
	{"hsv9: cut behind a record",
	 SOURCE_HSV9,
	 "{\"handleRecords\":{\"A/1\":" R("A/1", V(1)),
	 {REC("A/1", 1, 1), BROKEN("middle")}},
	{"hsv9: an array", SOURCE_HSV9, "[]", {BROKEN("begin")}},
	{"hsv9: nothing", SOURCE_HSV9, "", {BROKEN("begin")}},
	{"hsv9: more behind", SOURCE_HSV9, "{\"homedPrefixes\":[]} x", {BROKEN("behind")}},

	{"csv: header alone", SOURCE_CSV, "handle,index,type,data,ttl,permissions\n", {END}},
	{"csv: nothing", SOURCE_CSV, "", {BROKEN("header")}},
	{"csv: unknown column",
	 SOURCE_CSV,
	 "handle,index,type,data,color\n",
	 {BROKEN("color")}},
	{"csv: column twice", SOURCE_CSV, "handle,index,type,data,data\n", {BROKEN("twice")}},
	{"csv: column missing", SOURCE_CSV, "handle,index,data\n", {BROKEN("expected")}},
	{"csv: rows of two records",
	 SOURCE_CSV,
	 "handle,index,type,data,ttl,permissions\na/1,1,URL,x,60,1110\na/1,2,URL,y,,\na/"
	 "2,1,URL,z,,\n",
	 {REC("a/1", 2, 2), REC("a/2", 1, 4), END}},
	{"csv: columns in another order, CR LF",
	 SOURCE_CSV,
	 "Type,data,HANDLE,index\r\nURL,x,a/1,1\r\n",
	 {REC("a/1", 1, 2), END}},
	{"csv: quotes",
	 SOURCE_CSV,
	 "handle,index,type,data\n\"a/\"\"1\"\"\",1,URL,\"two\nlines, and a "
	 "comma\"\na/2,1,URL,\"\"\n",
	 {REC("a/\"1\"", 1, 2), REC("a/2", 1, 4), END}},
	{"csv: no end of line",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,x",
	 {REC("a/1", 1, 2), END}},
	{"csv: a record without values",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,,,\n",
	 {REC("a/1", 0, 2), END}},
	{"csv: formats",
	 SOURCE_CSV,
	 "handle,index,type,data,format\na/1,1,T,QQ==,base64\na/1,2,T,41,hex\n"
	 "a/1,3,HS_VLIST,[],vlist\n",
	 {REC("a/1", 3, 2), END}},
	{"csv: homed",
	 SOURCE_CSV,
	 "handle,index,type,data,format,homed\n0.NA/a,,,,none,true\n",
	 {REC("0.NA/a", -1, 2), END}},
	{"csv: too few cells",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL\na/2,1,URL,x\n",
	 {BAD("cells", 2), REC("a/2", 1, 3), END}},
	{"csv: too many cells",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,x,y\n",
	 {BAD("cells", 2), END}},
	{"csv: quote inside",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,x\"y\na/2,1,URL,x\n",
	 {BAD("quote", 2), REC("a/2", 1, 3), END}},
	{"csv: quote not closed",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,\"x\n",
	 {BAD("quote", 2), END}},
	{"csv: index is a word",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,one,URL,x\n",
	 {BAD("index", 2), END}},
	{"csv: index missing",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,,URL,x\n",
	 {BAD("index", 2), END}},
	{"csv: one wrong row rejects its record",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,x\na/1,zz,URL,x\na/1,3,URL,x\na/2,1,URL,x\n",
	 {BAD("index", 2), REC("a/2", 1, 5), END}},
	{"csv: JSON that breaks out",
	 SOURCE_CSV,
	 "handle,index,type,data,format\na/1,1,HS_VLIST,\"[]}},{\"\"index\"\":2\",vlist\n",
	 {BAD("JSON", 2), END}},
	{"csv: not UTF-8",
	 SOURCE_CSV,
	 "handle,index,type,data\na/1,1,URL,\xFF\n",
	 {BAD("UTF-8", 2), END}},
	{"csv: no handle",
	 SOURCE_CSV,
	 "handle,index,type,data\n,1,URL,x\n",
	 {BAD("handle", 2), END}},
	{"csv: unknown format",
	 SOURCE_CSV,
	 "handle,index,type,data,format\na/1,1,URL,1,zip\n",
	 {BAD("zip", 2), END}},
};

static void write_file(char *path, const char *text)
{
	snprintf(path, 64, "/tmp/helve-source-XXXXXX");
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int values_of(const struct source_record *rec)
{
	struct hlv_reader r = hlv_reader(rec->list);
	return rec->list.n == 0 ? -1 : (int)hlv_get_u32(&r);
}

static void check_step(const char *name, size_t i, const struct step *want,
		       enum source_result got, const struct source_record *rec)
{
	if (got != want->result)
		fail_msg("%s, step %zu: result %d, expected %d (%s)", name, i, (int)got,
			 (int)want->result, rec->reason);
	if (want->line && rec->line != want->line)
		fail_msg("%s, step %zu: line %d, expected %d", name, i, (int)rec->line,
			 (int)want->line);
	if (want->says && !strstr(rec->reason, want->says))
		fail_msg("%s, step %zu: says \"%s\"", name, i, rec->reason);
	if (want->result != SOURCE_RECORD)
		return;
	check_text(name, rec->handle, want->handle);
	if (values_of(rec) != want->values)
		fail_msg("%s, step %zu: %d values", name, i, values_of(rec));
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char path[64], why[256];
		struct source *s;
		struct hlv_arena a;
		write_file(path, rows[i].text);
		check_err(rows[i].name, source_open(rows[i].format, path, &s, why), HLV_OK);
		hlv_arena_init(&a, ARENA);
		enum source_result got = SOURCE_RECORD;
		for (size_t k = 0; got != SOURCE_END && got != SOURCE_BROKEN; k++) {
			struct source_record rec;
			hlv_arena_reset(&a);
			assert_true(k < STEPS_MAX);
			got = source_next(s, NOW, &a, &rec);
			check_step(rows[i].name, k, &rows[i].steps[k], got, &rec);
		}
		hlv_arena_fini(&a);
		source_close(s);
		unlink(path);
	}
}

static const struct {
	const char *text;
	enum hlv_err err;
	enum source_format format;
} guesses[] = {
	{"", HLV_OK, SOURCE_JSONL},
	{R("a/1", ""), HLV_OK, SOURCE_JSONL},
	{"{ \"homedPrefixes\" : []}", HLV_OK, SOURCE_HSV9},
	{"{\n  \"handleRecords\": {}}", HLV_OK, SOURCE_HSV9},
	{"handle,index,type,data\n", HLV_OK, SOURCE_CSV},
	{"CREATE a/b\n", HLV_OK, SOURCE_BATCH},
	{"\n\nauthenticate SECKEY:1:a/b\n", HLV_OK, SOURCE_BATCH},
	{"#! replace\n", HLV_OK, SOURCE_BATCH},
	{"hello", HLV_E_UNSUPPORTED, SOURCE_JSONL},
	{"[1]", HLV_E_UNSUPPORTED, SOURCE_JSONL},
	{"<xml/>", HLV_E_UNSUPPORTED, SOURCE_JSONL},
};

static void test_guess(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(guesses); i++) {
		char path[64], why[256];
		enum source_format format;
		write_file(path, guesses[i].text);
		enum hlv_err err = source_guess(path, &format, why);
		unlink(path);
		check_err(guesses[i].text, err, guesses[i].err);
		if (err == HLV_OK)
			check_u64(guesses[i].text, (uint64_t)format,
				  (uint64_t)guesses[i].format);
	}
}

static void test_no_file(void **state)
{
	(void)state;
	char why[256] = "";
	struct source *s;
	enum source_format format;
	check_err("missing", source_open(SOURCE_JSONL, "/nonexistent/x", &s, why),
		  HLV_E_NOT_FOUND);
	assert_non_null(strstr(why, "/nonexistent/x"));
	check_err("folder", source_open(SOURCE_JSONL, "/tmp", &s, why), HLV_E_IO);
	check_err("guess", source_guess("/nonexistent/x", &format, why), HLV_E_NOT_FOUND);
	assert_false(source_format_parse("xml", &format));
}

/* The reference's own export: every record is taken, or told why not. */
static void test_real_dump(void **state)
{
	(void)state;
	char path[512], why[256];
	const char *data = getenv("HELVE_TEST_DATA");
	struct source *s;
	struct hlv_arena a;
	unsigned records = 0, prefixes = 0;
	struct stat st;
	if (!data)
		skip();
	snprintf(path, sizeof path, "%s/hsv9-dump.json", data);
	check_err("dump", source_open(SOURCE_HSV9, path, &s, why), HLV_OK);
	hlv_arena_init(&a, ARENA);
	struct source_record rec;
	enum source_result got;
	while ((got = source_next(s, NOW, &a, &rec)) == SOURCE_RECORD) {
		prefixes += rec.homed;
		records += !rec.homed;
		hlv_arena_reset(&a);
	}
	if (got != SOURCE_END)
		fail_msg("line %d: %s", (int)rec.line, rec.reason);
	check_u64("records", records, 5000);
	check_u64("prefixes", prefixes, 5);
	assert_int_equal(stat(path, &st), 0);
	check_u64("octets", source_done(s), (uint64_t)st.st_size);
	hlv_arena_fini(&a);
	source_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_guess),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_real_dump),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
