/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp/address.h"

static const struct {
	const char *in;
	enum smtp_path_kind kind;
	enum smtp_path_result want;
	const char *canonical, *rest;
} paths[] = {
#define F SMTP_FORWARD_PATH
#define R SMTP_REVERSE_PATH
	{ "<a@b.example>", F, SMTP_PATH_OK, "a@b.example", "" },
	{ "<a@b.example> SIZE=1", R, SMTP_PATH_OK, "a@b.example", " SIZE=1" },
	{ "<>", R, SMTP_PATH_OK, "", "" },
	{ "<> RET=HDRS", R, SMTP_PATH_OK, "", " RET=HDRS" },
	{ "<>", F, SMTP_PATH_NULL, NULL, NULL }, /* Q269611 */
	{ "<a=b@c>", F, SMTP_PATH_OK, "a=b@c", "" }, /* Q166616 */
	{ "<a@3com.example>", F, SMTP_PATH_OK, "a@3com.example", "" }, /* Q146677 */
	{ "<a@123>", F, SMTP_PATH_OK, "a@123", "" },
	{ "<a@b_c.example>", F, SMTP_PATH_OK, "a@b_c.example", "" },
	{ "<a.b.c@d>", F, SMTP_PATH_OK, "a.b.c@d", "" },
	{ "<@x,@y.z:a@b>", F, SMTP_PATH_OK, "a@b", "" }, /* Q140940 */
	{ "<@x:a@b>", R, SMTP_PATH_OK, "a@b", "" },
	{ "<\"a b\"@c>", F, SMTP_PATH_OK, "\"a b\"@c", "" },
	{ "<\"ab\"@c>", F, SMTP_PATH_OK, "ab@c", "" }, /* quotes only where needed */
	{ "<\"a\\b\"@c>", F, SMTP_PATH_OK, "ab@c", "" },
	{ "<\"a.b\"@c>", F, SMTP_PATH_OK, "a.b@c", "" },
	{ "<\"a..b\"@c>", F, SMTP_PATH_OK, "\"a..b\"@c", "" },
	{ "<\".a\"@c>", F, SMTP_PATH_OK, "\".a\"@c", "" },
	{ "<\"\"@c>", F, SMTP_PATH_OK, "\"\"@c", "" },
	{ "<\"a\\\"b\\\\\"@c>", F, SMTP_PATH_OK, "\"a\\\"b\\\\\"@c", "" },
	{ "<\"a@b\"@c>", F, SMTP_PATH_OK, "\"a@b\"@c", "" }, /* Q264330 */
	{ "<a@[192.0.2.1]>", F, SMTP_PATH_OK, "a@[192.0.2.1]", "" },
	{ "<a@[IPv6:::1]>", F, SMTP_PATH_OK, "a@[IPv6:::1]", "" },
	{ "<a@[::1]>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@[IPv6:1.2.3.4]>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@[1.2.3.4", F, SMTP_PATH_NO_BRACKETS, NULL, NULL },
	{ "<a@[>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@]>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<PostMaster>", F, SMTP_PATH_OK, "PostMaster", "" }, /* Q245041 */
	{ "<postmaster>", R, SMTP_PATH_NO_DOMAIN, NULL, NULL },
	{ "<post>", F, SMTP_PATH_NO_DOMAIN, NULL, NULL },
	{ "<\"postmaster\">", F, SMTP_PATH_NO_DOMAIN, NULL, NULL },
	{ "", F, SMTP_PATH_NO_BRACKETS, NULL, NULL },
	{ "a@b", F, SMTP_PATH_NO_BRACKETS, NULL, NULL },
	{ "<", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<a", F, SMTP_PATH_NO_BRACKETS, NULL, NULL },
	{ "<a@b", F, SMTP_PATH_NO_BRACKETS, NULL, NULL },
	{ "<a@>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<@b>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<@b:>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<@:a@b>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<@x,y:a@b>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<@x,", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@b.>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@.b>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@b..c>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@b-.c>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a@b >", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL }, /* Q228998 */
	{ "<a@b@c>", F, SMTP_PATH_BAD_DOMAIN, NULL, NULL },
	{ "<a b@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<a.@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<.a@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<\"a@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<\"a\x01\"@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<\"a\\\xc3\xa9\"@c>", F, SMTP_PATH_BAD_LOCAL, NULL, NULL },
	{ "<\xc3\xa9@c>", F, SMTP_PATH_OK, "\xc3\xa9@c", "" },
	{ "<a@\xc3\xa9.c>", F, SMTP_PATH_OK, "a@\xc3\xa9.c", "" },
	{ "<\xc3@c>", F, SMTP_PATH_BAD_UTF8, NULL, NULL },
	{ "<a@\xc2\x85>", F, SMTP_PATH_BAD_UTF8, NULL, NULL },
};

static void parse_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		struct smtp_path path;
		struct str rest;
		char text[300];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		print_message("%s\n", paths[i].in);
		assert_int_equal(
			smtp_path_parse(str_of(paths[i].in), paths[i].kind, &path, &rest),
			paths[i].want);
		if (paths[i].want != SMTP_PATH_OK) continue;
		smtp_path_write(&out, &path);
		assert_true(str_eq(buf_view(&out), str_of(paths[i].canonical)));
		assert_true(str_eq(rest, str_of(paths[i].rest)));
		assert_int_equal(path.is_null, path.whole.len == 0);
	}
}

static enum smtp_path_result parse_sized(size_t local, size_t domain)
{
	char text[800];
	struct buf out;
	struct smtp_path path;
	struct str rest;
	buf_init_fixed(&out, text, sizeof text);
	buf_byte(&out, '<');
	for (size_t i = 0; i < local; i++) buf_byte(&out, 'a');
	buf_byte(&out, '@');
	for (size_t i = 0; i < domain; i++) buf_byte(&out, i % 2 ? '.' : 'b');
	buf_byte(&out, '>');
	return smtp_path_parse(buf_view(&out), SMTP_FORWARD_PATH, &path, &rest);
}

static void lengths(void **state)
{
	(void)state;
	assert_int_equal(parse_sized(64, 189), SMTP_PATH_OK);
	assert_int_equal(parse_sized(64, 191), SMTP_PATH_LONG);
	assert_int_equal(parse_sized(65, 3), SMTP_PATH_LOCAL_LONG);
	assert_int_equal(parse_sized(1, 251), SMTP_PATH_OK);
	assert_int_equal(parse_sized(1, 255), SMTP_PATH_LONG);
	assert_int_equal(parse_sized(1, 257), SMTP_PATH_DOMAIN_LONG);
	assert_int_equal(parse_sized(100, 257), SMTP_PATH_LOCAL_LONG);
}

static void equality(void **state)
{
	(void)state;
	static const struct { const char *a, *b; bool same; } rows[] = {
		{ "a@b", "a@b", true },          { "a@b", "A@B", true },
		{ "\"a\"@b", "a@b", true },      { "\"a\\b\"@c", "AB@c", true },
		{ "a@b", "a@c", false },         { "a@b", "ab@b", false },
		{ "ab@b", "a@b", false },        { "\"a b\"@c", "\"a  b\"@c", false },
		{ "\"a@b\"@c", "a@b", false },   { "postmaster", "POSTMASTER", true },
		{ "", "", true },                { "", "a@b", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct str a = str_of(rows[i].a), b = str_of(rows[i].b);
		struct smtp_path p = { 0 }, q = { 0 };
		assert_int_equal(smtp_address_eq(a, b), rows[i].same);
		smtp_address_split(a, &p.local, &p.domain);
		smtp_address_split(b, &q.local, &q.domain);
		assert_int_equal(smtp_path_eq(&p, &q), rows[i].same);
	}
}

static void unquote(void **state)
{
	(void)state;
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "a.b", "a.b" }, { "\"a b\"", "a b" }, { "\"a\\\"\\\\\"", "a\"\\" },
		{ "\"\"", "" },   { "\"", "\"" },       { "", "" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char text[32];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		smtp_local_unquote(&out, str_of(rows[i].in));
		assert_true(str_eq(buf_view(&out), str_of(rows[i].want)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_paths),
		cmocka_unit_test(lengths),
		cmocka_unit_test(equality),
		cmocka_unit_test(unquote),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
