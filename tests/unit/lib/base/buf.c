/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "lib/base/buf.h"

static void writes_and_grows(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 100000);
	assert_null(b.at);
	for (int i = 0; i < 1000; i++) buf_str(&b, STR("0123456789"));
	assert_false(b.overflowed);
	assert_int_equal(b.len, 10000);
	for (size_t i = 0; i < b.len; i++) assert_int_equal(b.at[i], '0' + (int)(i % 10));
	buf_free(&b);
	assert_null(b.at);
	assert_int_equal(b.max, 100000);
	buf_str(&b, STR("again"));
	assert_str(buf_view(&b), STR("again"), 0);
	buf_free(&b);
}

static void a_write_that_does_not_fit_is_not_made(void **state)
{
	char memory[8];
	struct buf b;
	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_str(&b, STR("12345678"));
	assert_false(b.overflowed);
	buf_str(&b, STR(""));
	assert_false(b.overflowed);
	buf_byte(&b, '9');
	assert_true(b.overflowed);
	assert_str(buf_view(&b), STR("12345678"), 0);

	buf_reset(&b);
	buf_str(&b, STR("12345"));
	buf_str(&b, STR("6789"));
	assert_true(b.overflowed);
	buf_str(&b, STR("6")); /* would fit; the error stays */
	assert_str(buf_view(&b), STR("12345"), 0);
	buf_free(&b); /* the caller's memory */

	buf_init(&b, 300);
	for (int i = 0; i < 31; i++) buf_str(&b, STR("0123456789"));
	assert_true(b.overflowed);
	assert_int_equal(b.len, 300);
	buf_free(&b);
}

static void room_and_added(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 600);
	char *room = buf_room(&b, 500);
	assert_non_null(room);
	memset(room, 'x', 500);
	buf_added(&b, 400);
	assert_int_equal(b.len, 400);
	assert_non_null(buf_room(&b, 200));
	assert_null(buf_room(&b, 201));
	assert_true(b.overflowed);
	buf_reset(&b);
	assert_null(buf_room(&b, SIZE_MAX));
	buf_free(&b);
}

static void consume(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 100);
	buf_consume(&b, 0);
	buf_str(&b, STR("one two"));
	buf_consume(&b, 4);
	assert_str(buf_view(&b), STR("two"), 0);
	buf_consume(&b, 3);
	assert_int_equal(b.len, 0);
	buf_free(&b);
}

static void numbers(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1000);
	buf_u64(&b, 0);
	buf_byte(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	buf_byte(&b, ' ');
	buf_i64(&b, INT64_MIN);
	buf_byte(&b, ' ');
	buf_i64(&b, -1);
	buf_byte(&b, ' ');
	buf_i64(&b, INT64_MAX);
	buf_byte(&b, ' ');
	buf_hex64(&b, 0xabc);
	buf_byte(&b, ' ');
	buf_hex8(&b, 0x0a);
	buf_hex8(&b, 0xff);
	buf_byte(&b, ' ');
	buf_form(&b, STR("a-Z.0_~ /%\xe9\0"));
	buf_crlf(&b);
	assert_str(buf_view(&b),
	           STR("0 18446744073709551615 -9223372036854775808 -1 9223372036854775807 "
	               "0000000000000abc 0AFF a-Z.0_~%20%2F%25%E9%00\r\n"),
	           0);
	buf_free(&b);
}

static void formats(void **state)
{
	char memory[6];
	struct buf b;
	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_fmt(&b, "%d-%s", 12, "ab");
	assert_str(buf_view(&b), STR("12-ab"), 0);
	assert_false(b.overflowed);
	buf_reset(&b);
	buf_fmt(&b, "%s", "123456"); /* its NUL has no room */
	assert_true(b.overflowed);
	assert_int_equal(b.len, 0);
}

static void escapes(void **state)
{
	static const struct {
		struct str in, want;
	} cases[] = {
		{ STR_INIT("plain"), STR_INIT("plain") },
		{ STR_INIT("a\"b\\c"), STR_INIT("a\\x22b\\x5cc") },
		{ STR_INIT("\r\n\0\x1b\x7f"), STR_INIT("\\x0d\\x0a\\x00\\x1b\\x7f") },
		{ STR_INIT("gr\xc3\xbc\xc3\x9f"), STR_INIT("gr\xc3\xbc\xc3\x9f") },
		{ STR_INIT(""), STR_INIT("") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct buf b;
		buf_init(&b, 1000);
		buf_escaped(&b, cases[i].in);
		assert_str(buf_view(&b), cases[i].want, i);
		buf_free(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_and_grows),
		cmocka_unit_test(a_write_that_does_not_fit_is_not_made),
		cmocka_unit_test(room_and_added),
		cmocka_unit_test(consume),
		cmocka_unit_test(numbers),
		cmocka_unit_test(formats),
		cmocka_unit_test(escapes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
