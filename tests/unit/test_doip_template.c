/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/web/doip_template.h"

#include "tests/unit/in_arena.h"

static struct hlv_json_error error;

static struct hlv_json parse(const char *text)
{
	struct hlv_json j = {.error = &error};
	if (hlv_json_read(&j, hlv_text(text), &arena, &error) != HLV_OK)
		fail_msg("%s: %s", text, error.text);
	return j;
}

#define ONE(schema)                                                                            \
	"{\"basicInfo\":{},\"itemInfos\":[{\"itemBasicInfo\":{\"enName\":\"a\"},"              \
	"\"itemSchemaInfo\":{" schema "}}]}"

/* --- values --- */

#define LONG "12345678901234567890123456789012345678" /* 38 digits */

static const struct value_row {
	const char *schema, *text;
	bool bad;
} value_rows[] = {
	{"", "", false},
	{"", "x", false},
	{"\"minLength\":1", "", true},
	{"\"maxLength\":2", "\xE6\xB3\xB5\xE6\xB3\xB5", false}, /* two characters, six octets */
	{"\"maxLength\":2", "abc", true},
	{"", "\xFF", true},
	{"", "\xE6\xB3", true},
	{"\"charRange\":[\"A\",\"B\"]", "B", false},
	{"\"charRange\":[\"A\",\"B\"]", "b", true},
	{"\"charRange\":[]", "b", false},
	{"\"dataType\":2", "0", false},
	{"\"dataType\":2", "-0.0", false},
	{"\"dataType\":2", "+1.5", false},
	{"\"dataType\":2", "", true},
	{"\"dataType\":2", "-", true},
	{"\"dataType\":2", ".5", true},
	{"\"dataType\":2", "5.", true},
	{"\"dataType\":2", "1 ", true},
	{"\"dataType\":2", "0x10", true},
	{"\"dataType\":2", "1e5", true},
	{"\"dataType\":2", "1.2.3", true},
	{"\"dataType\":2", "NaN", true},
	{"\"dataType\":2", LONG, false},
	{"\"dataType\":2", LONG "9", true},
	{"\"dataType\":2", "000" LONG ".000", false},
	{"\"dataType\":2,\"accuracy\":0", "1.0", false},
	{"\"dataType\":2,\"accuracy\":0", "1.1", true},
	{"\"dataType\":2,\"accuracy\":2", "1.12", false},
	{"\"dataType\":2,\"accuracy\":2", "1.123", true},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "-5", false},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "-5.0001", true},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "-4.99", false},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "9.99", false},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "10.00", false},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "10.01", true},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "11", true},
	{"\"dataType\":2,\"numberRange\":\"-5,10\"", "100", true},
	{"\"dataType\":2,\"numberRange\":\"[0~1]\"", "0.5", false},
	{"\"dataType\":2,\"numberRange\":[0,1]", "2", true},
	{"\"dataType\":2,\"numberRange\":\",1\"", "-99", false},
	{"\"dataType\":2,\"numberRange\":\",1\"", "1.1", true},
	{"\"dataType\":2,\"numberRange\":\"1,\"", "0.9", true},
	{"\"dataType\":2,\"numberRange\":\"0.10,0.2\"", "0.1", false},
	{"\"dataType\":2,\"numberRange\":\"0.10,0.2\"", "0.09", true},
	{"\"dataType\":2,\"numberRange\":\"" LONG ",\"", LONG, false},
	{"\"dataType\":2,\"numberRange\":\"" LONG ",\"",
	 "12345678901234567890123456789012345677", true},
	{"\"dataType\":3", "2024-02-29", false},
	{"\"dataType\":3", "2023-02-29", true},
	{"\"dataType\":3", "2000-02-29", false},
	{"\"dataType\":3", "1900-02-29", true},
	{"\"dataType\":3", "2024-13-01", true},
	{"\"dataType\":3", "2024-00-10", true},
	{"\"dataType\":3", "2024-04-31", true},
	{"\"dataType\":3", "2024-4-1", true},
	{"\"dataType\":3", "2024/04/01", true},
	{"\"dataType\":3", "", true},
	{"\"dataType\":3,\"dateFormat\":\"yyyyMMddHHmmss\"", "20240229235959", false},
	{"\"dataType\":3,\"dateFormat\":\"yyyyMMddHHmmss\"", "20240229240000", true},
	{"\"dataType\":3,\"dateFormat\":\"HH:mm\"", "23:59", false},
	{"\"dataType\":3,\"dateFormat\":\"HH:mm\"", "23:60", true},
};

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(value_rows); i++) {
		const struct value_row *row = &value_rows[i];
		char text[512], name[600], why[DOIP_WHY] = "";
		snprintf(text, sizeof text, ONE("%s"), row->schema);
		snprintf(name, sizeof name, "%s: '%s'", row->schema, row->text);
		struct hlv_json j = parse(text);
		struct doip_template t;
		if (doip_template_read(&j, j.root, &t, why) != DOIP_OK)
			fail_msg("%s: %s", name, why);
		enum doip_code code = doip_item_check(&t.items[0], hlv_text(row->text), why);
		if (code != (row->bad ? DOIP_BAD_ITEM : DOIP_OK))
			fail_msg("%s: %d %s", name, (int)code, why);
		hlv_arena_reset(&arena);
	}
}

/* --- templates --- */

static const struct form_row {
	const char *text;
	enum doip_code want;
} form_rows[] = {
	{ONE(""), DOIP_OK},
	{"{}", DOIP_FORM_BASIC},
	{"[]", DOIP_FORM_BASIC},
	{"null", DOIP_FORM_BASIC},
	{"{\"basicInfo\":[]}", DOIP_FORM_BASIC},
	{"{\"basicInfo\":{}}", DOIP_FORM_ITEMS},
	{"{\"basicInfo\":{},\"itemInfos\":{}}", DOIP_FORM_ITEMS},
	{"{\"basicInfo\":{},\"itemInfos\":[]}", DOIP_FORM_ITEMS},
	{"{\"basicInfo\":{},\"itemInfos\":[1]}", DOIP_FORM_ITEMS},
	{"{\"basicInfo\":{},\"itemInfos\":[{\"itemBasicInfo\":{\"enName\":1}}]}",
	 DOIP_FORM_ITEMS},
	{"{\"basicInfo\":{},\"itemInfos\":[{\"itemBasicInfo\":{\"enName\":\"a\","
	 "\"itemIndex\":1}}]}",
	 DOIP_FORM_INDEX},
	{"{\"basicInfo\":{},\"itemInfos\":[{\"itemBasicInfo\":{\"enName\":\"a\","
	 "\"itemIndex\":4294967296}}]}",
	 DOIP_FORM_INDEX},
	{"{\"basicInfo\":{},\"itemInfos\":[{\"itemBasicInfo\":{\"enName\":\"a\","
	 "\"state\":2}}]}",
	 DOIP_FORM_INDEX},
	{ONE("\"dataType\":0"), DOIP_FORM_SCHEMA},
	{ONE("\"dataType\":\"text\""), DOIP_FORM_SCHEMA},
	{ONE("\"accuracy\":39"), DOIP_FORM_SCHEMA},
	{ONE("\"numberRange\":\"5\""), DOIP_FORM_SCHEMA},
	{ONE("\"numberRange\":[1]"), DOIP_FORM_SCHEMA},
	{ONE("\"numberRange\":\"\""), DOIP_OK},
	{ONE("\"charRange\":\"\""), DOIP_OK},
	{ONE("\"charRange\":null"), DOIP_OK},
};

static void test_forms(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(form_rows); i++) {
		char why[DOIP_WHY] = "";
		struct hlv_json j = parse(form_rows[i].text);
		struct doip_template t;
		enum doip_code code = doip_template_read(&j, j.root, &t, why);
		if (code != form_rows[i].want || (code != DOIP_OK && *why == '\0'))
			fail_msg("%s: %d %s", form_rows[i].text, (int)code, why);
		hlv_arena_reset(&arena);
	}
}

/* Without memory: refused, never more. */
static void test_memory(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < 4096; limit += 16) {
		struct hlv_arena small;
		struct hlv_json j = {.error = &error};
		char why[DOIP_WHY];
		struct doip_template t;
		hlv_arena_init(&small, limit);
		if (hlv_json_read(&j, hlv_text(ONE("\"numberRange\":\"1,2\"")), &small,
				  &error) == HLV_OK)
			(void)doip_template_read(&j, j.root, &t, why);
		hlv_arena_fini(&small);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_memory),
	};
	return run_in_arena(tests);
}
