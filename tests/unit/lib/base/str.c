/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

static const struct str none = { NULL, 0 };

static void views(void **state)
{
	static const struct {
		struct str in;
		size_t from, len;
		struct str want;
	} cases[] = {
		{ STR_INIT("hello"), 1, 3, STR_INIT("ell") },
		{ STR_INIT("hello"), 0, 99, STR_INIT("hello") },
		{ STR_INIT("hello"), 5, 1, STR_INIT("") },
		{ STR_INIT("hello"), 9, 1, STR_INIT("") },
		{ STR_INIT("hello"), 2, SIZE_MAX, STR_INIT("llo") },
		{ STR_INIT(""), 0, 1, STR_INIT("") },
		{ { NULL, 0 }, 3, 3, STR_INIT("") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++)
		assert_str(str_sub(cases[i].in, cases[i].from, cases[i].len), cases[i].want, i);
	assert_str(str_from(STR("hello"), 3), STR("lo"), 0);
	assert_str(str_of("text"), STR("text"), 0);
	assert_str(str_of(NULL), none, 0);
}

static void trims(void **state)
{
	static const struct {
		struct str in, want;
	} cases[] = {
		{ STR_INIT(" \t x y\t "), STR_INIT("x y") },
		{ STR_INIT("x"), STR_INIT("x") },
		{ STR_INIT(" \t "), STR_INIT("") },
		{ STR_INIT(""), STR_INIT("") },
		{ STR_INIT("\r\nx"), STR_INIT("\r\nx") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++)
		assert_str(str_trim(cases[i].in), cases[i].want, i);
}

static void compares(void **state)
{
	static const struct {
		struct str a, b;
		bool eq, nocase;
		int order;
	} cases[] = {
		{ STR_INIT("abc"), STR_INIT("abc"), true, true, 0 },
		{ STR_INIT("abc"), STR_INIT("ABC"), false, true, 1 },
		{ STR_INIT("abc"), STR_INIT("abcd"), false, false, -1 },
		{ STR_INIT("b"), STR_INIT("abc"), false, false, 1 },
		{ STR_INIT(""), STR_INIT(""), true, true, 0 },
		{ STR_INIT("a\0b"), STR_INIT("a\0c"), false, false, -1 },
		{ STR_INIT("\xc4"), STR_INIT("\xe4"), false, false, -1 }, /* ASCII case only */
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		int order = str_cmp(cases[i].a, cases[i].b);
		assert_int_equal(str_eq(cases[i].a, cases[i].b), cases[i].eq);
		assert_int_equal(str_eq_nocase(cases[i].a, cases[i].b), cases[i].nocase);
		assert_int_equal((order > 0) - (order < 0), cases[i].order);
	}
	assert_true(str_eq(none, STR("")));
}

static void starts_and_ends(void **state)
{
	(void)state;
	assert_true(str_starts(STR("MAIL FROM"), STR("MAIL")));
	assert_false(str_starts(STR("mail FROM"), STR("MAIL")));
	assert_false(str_starts(STR("MAI"), STR("MAIL")));
	assert_true(str_starts(STR("x"), none));
	assert_true(str_starts_nocase(STR("mail FROM"), STR("MAIL")));
	assert_false(str_starts_nocase(STR("mai"), STR("MAIL")));
	assert_true(str_ends_nocase(STR("a.EXAMPLE"), STR(".example")));
	assert_false(str_ends_nocase(STR("example"), STR(".example")));
}

static void finds_and_cuts(void **state)
{
	(void)state;
	assert_int_equal(str_find(STR("a@b@c"), '@'), 1);
	assert_int_equal(str_rfind(STR("a@b@c"), '@'), 3);
	assert_int_equal(str_find(STR("abc"), '@'), -1);
	assert_int_equal(str_find(none, '@'), -1);
	assert_int_equal(str_rfind(none, '@'), -1);
	assert_int_equal(str_find(STR("a\0b"), 'b'), 2);

	struct str rest = STR("a,,b");
	assert_str(str_cut(&rest, ','), STR("a"), 0);
	assert_str(str_cut(&rest, ','), STR(""), 1);
	assert_str(str_cut(&rest, ','), STR("b"), 2);
	assert_int_equal(rest.len, 0);
	assert_str(str_cut(&rest, ','), STR(""), 3);

	rest = STR(" \tone  two\tthree ");
	assert_str(str_word(&rest), STR("one"), 0);
	assert_str(str_word(&rest), STR("two"), 1);
	assert_str(str_word(&rest), STR("three"), 2);
	assert_str(str_word(&rest), STR(""), 3);
}

static void numbers(void **state)
{
	static const struct {
		struct str in;
		bool good;
		uint64_t want;
	} decimal[] = {
		{ STR_INIT("0"), true, 0 },
		{ STR_INIT("007"), true, 7 },
		{ STR_INIT("18446744073709551615"), true, UINT64_MAX },
		{ STR_INIT("18446744073709551616"), false, 0 },
		{ STR_INIT("99999999999999999999"), false, 0 },
		{ STR_INIT(""), false, 0 },
		{ STR_INIT("+1"), false, 0 },
		{ STR_INIT("-1"), false, 0 },
		{ STR_INIT("1 "), false, 0 },
		{ STR_INIT("1\0"), false, 0 },
	};
	static const struct {
		struct str in;
		bool good;
		uint64_t want;
	} hex[] = {
		{ STR_INIT("0"), true, 0 },
		{ STR_INIT("fFfFfFfFfFfFfFfF"), true, UINT64_MAX },
		{ STR_INIT("0123456789abcdef"), true, 0x0123456789abcdef },
		{ STR_INIT("00000000000000000"), false, 0 },
		{ STR_INIT(""), false, 0 },
		{ STR_INIT("0x1"), false, 0 },
		{ STR_INIT("g"), false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(decimal); i++) {
		uint64_t got = 0;
		assert_int_equal(str_to_u64(decimal[i].in, &got), decimal[i].good);
		assert_int_equal(got, decimal[i].want);
	}
	for (size_t i = 0; i < ROWS(hex); i++) {
		uint64_t got = 0;
		assert_int_equal(str_from_hex64(hex[i].in, &got), hex[i].good);
		assert_int_equal(got, hex[i].want);
	}
}

static void to_cstr(void **state)
{
	char small[4];
	(void)state;
	assert_true(str_to_cstr(STR("abc"), small, sizeof small));
	assert_string_equal(small, "abc");
	assert_false(str_to_cstr(STR("abcd"), small, sizeof small));
	assert_string_equal(small, "abc");
	assert_true(str_to_cstr(none, small, sizeof small));
	assert_string_equal(small, "");
	assert_false(str_to_cstr(STR("x"), small, 1));
	assert_string_equal(small, "");
}

static void characters(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool digit = i >= '0' && i <= '9';
		bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
		assert_int_equal(ascii_is_digit(c), digit);
		assert_int_equal(ascii_is_alpha(c), alpha);
		assert_int_equal(ascii_is_alnum(c), digit || alpha);
		assert_int_equal(ascii_is_ctl(c), i < 0x20 || i == 0x7f);
		assert_int_equal(ascii_is_print(c), i >= 0x20 && i < 0x7f);
		assert_int_equal(ascii_is_blank(c), i == ' ' || i == '\t');
		assert_int_equal(ascii_hex(c) >= 0, digit || (alpha && (i | 32) <= 'f'));
	}
	assert_int_equal(ascii_lower('Z'), 'z');
	assert_int_equal(ascii_lower('['), '[');
	assert_int_equal(ascii_hex('C'), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views),   cmocka_unit_test(trims),
		cmocka_unit_test(compares), cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(finds_and_cuts), cmocka_unit_test(numbers),
		cmocka_unit_test(to_cstr), cmocka_unit_test(characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
