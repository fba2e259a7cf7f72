/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/base64.h"

/* RFC 4648 10, then octets that text has not. */
static const struct { struct str bytes, text; } cases[] = {
	{ STR_INIT(""), STR_INIT("") },
	{ STR_INIT("f"), STR_INIT("Zg==") },
	{ STR_INIT("fo"), STR_INIT("Zm8=") },
	{ STR_INIT("foo"), STR_INIT("Zm9v") },
	{ STR_INIT("foob"), STR_INIT("Zm9vYg==") },
	{ STR_INIT("fooba"), STR_INIT("Zm9vYmE=") },
	{ STR_INIT("foobar"), STR_INIT("Zm9vYmFy") },
	{ STR_INIT("\0\xff\xfe"), STR_INIT("AP/+") },
	{ STR_INIT("\0"), STR_INIT("AA==") },
	{ STR_INIT("\xff\xff"), STR_INIT("//8=") },
	{ STR_INIT("\xfb\xf0"), STR_INIT("+/A=") },
};

static const struct str wrong[] = {
	STR_INIT("Z"), STR_INIT("Zg"), STR_INIT("Zg="), STR_INIT("Zm9vY"),
	STR_INIT("===="), STR_INIT("Z==="), STR_INIT("=Zg="), STR_INIT("Zg=="  "Zg=="),
	STR_INIT("Zg=A"), STR_INIT("Zm9 "), STR_INIT("Zm9v\r\n"), STR_INIT("Zm9-"),
	STR_INIT("Zm9_"), STR_INIT("Zm\0v"), STR_INIT("Zm9\xc3"), STR_INIT("*"),
	STR_INIT("Zh=="), /* bits behind the octet */
	STR_INIT("Zm9="),
};

static void both_ways(void **state)
{
	char memory[64];
	struct buf out;
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		buf_init_fixed(&out, memory, sizeof memory);
		base64_encode(&out, cases[i].bytes);
		assert_str(buf_view(&out), cases[i].text, i);
		buf_reset(&out);
		assert_true(base64_decode(&out, cases[i].text));
		assert_str(buf_view(&out), cases[i].bytes, i);
	}
}

static void refused(void **state)
{
	char memory[64];
	struct buf out;
	(void)state;
	for (size_t i = 0; i < ROWS(wrong); i++) {
		buf_init_fixed(&out, memory, sizeof memory);
		if (base64_decode(&out, wrong[i])) fail_msg("row %zu", i);
	}
	buf_init_fixed(&out, memory, 5);
	assert_true(base64_decode(&out, STR("Zm9vYmFy")));
	assert_true(out.overflowed);
	buf_init_fixed(&out, memory, 7);
	base64_encode(&out, STR("foobar"));
	assert_true(out.overflowed);
}

static void url_alphabet(void **state)
{
	static const struct { struct str text; const char *bytes; } rows[] = {
		{ STR_INIT(""), "" },          { STR_INIT("Zg"), "f" },
		{ STR_INIT("Zm8"), "fo" },     { STR_INIT("Zm9v"), "foo" },
		{ STR_INIT("-_-_"), "\xfb\xff\xbf" },
		{ STR_INIT("Zg=="), NULL },    { STR_INIT("Z"), NULL },
		{ STR_INIT("Zm9vY"), NULL },   { STR_INIT("+/+/"), NULL },
		{ STR_INIT("Zh"), NULL },      { STR_INIT("Zm9"), NULL },
		{ STR_INIT("Zm\0v"), NULL },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[64];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		bool good = base64url_decode(&out, rows[i].text);
		if (good != (rows[i].bytes != NULL)) fail_msg("row %zu", i);
		if (good) assert_str(buf_view(&out), str_of(rows[i].bytes), i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(both_ways), cmocka_unit_test(refused),
					    cmocka_unit_test(url_alphabet) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
