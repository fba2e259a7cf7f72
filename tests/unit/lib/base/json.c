/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/json.h"

static void commas_are_put_in(void **state)
{
	struct buf b;
	struct json j = { .out = &b };
	(void)state;
	buf_init(&b, 1000);
	json_begin_object(&j);
	json_str_at(&j, STR("a"), STR("x"));
	json_i64_at(&j, STR("n"), -5);
	json_key(&j, STR("list"));
	json_begin_array(&j);
	json_bool(&j, true);
	json_bool(&j, false);
	json_nothing(&j);
	json_begin_object(&j);
	json_end_object(&j);
	json_begin_array(&j);
	json_end_array(&j);
	json_end_array(&j);
	json_key(&j, STR("o"));
	json_begin_object(&j);
	json_i64_at(&j, STR("m"), INT64_MIN);
	json_end_object(&j);
	json_str_at(&j, STR("z"), STR(""));
	json_end_object(&j);
	assert_str(buf_view(&b),
	           STR("{\"a\":\"x\",\"n\":-5,\"list\":[true,false,null,{},[]],"
	               "\"o\":{\"m\":-9223372036854775808},\"z\":\"\"}"),
	           0);
	buf_free(&b);
}

static void texts(void **state)
{
	static const struct {
		struct str in, want;
	} cases[] = {
		{ STR_INIT("plain"), STR_INIT("\"plain\"") },
		{ STR_INIT("q\" b\\"), STR_INIT("\"q\\\" b\\\\\"") },
		{ STR_INIT("\n\r\t"), STR_INIT("\"\\n\\r\\t\"") },
		{ STR_INIT("\0\x1b\x7f"), STR_INIT("\"\\u0000\\u001b\\u007f\"") },
		{ STR_INIT("\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80"), STR_INIT("\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x98\x80\"") },
		{ STR_INIT("\xff" "a"), STR_INIT("\"\xef\xbf\xbd" "a\"") },
		{ STR_INIT("\xc3"), STR_INIT("\"\xef\xbf\xbd\"") },
		{ STR_INIT("\xe2\x82" "b"), STR_INIT("\"\xef\xbf\xbd\xef\xbf\xbd" "b\"") },
		{ STR_INIT("\xed\xa0\x80"), STR_INIT("\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"") },
		{ STR_INIT("\xc3\"x"), STR_INIT("\"\xef\xbf\xbd\\\"x\"") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct buf b;
		struct json j = { .out = &b };
		buf_init(&b, 1000);
		json_str(&j, cases[i].in);
		assert_str(buf_view(&b), cases[i].want, i);
		buf_free(&b);
	}
}

static void a_full_buffer_is_noticed(void **state)
{
	char memory[5];
	struct buf b;
	struct json j = { .out = &b };
	(void)state;
	buf_init_fixed(&b, memory, sizeof memory);
	json_begin_object(&j);
	json_str_at(&j, STR("key"), STR("value"));
	json_end_object(&j);
	assert_true(b.overflowed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commas_are_put_in),
		cmocka_unit_test(texts),
		cmocka_unit_test(a_full_buffer_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
