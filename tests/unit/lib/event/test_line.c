/* SPDX-License-Identifier: Apache-2.0 */
/* Quoting, and lines read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/event/format.h"
#include "lib/event/parse.h"
#include "lib/event/quote.h"

static void test_quote(void **state)
{
	static const struct { struct str in, want; } cases[] = {
		{ STR_INIT("plain-1.2@x<y>'"), STR_INIT("plain-1.2@x<y>'") },
		{ STR_INIT(""), STR_INIT("\"\"") },
		{ STR_INIT("a b"), STR_INIT("\"a b\"") },
		{ STR_INIT("a=b"), STR_INIT("\"a=b\"") },
		{ STR_INIT("a\"b"), STR_INIT("\"a\\x22b\"") },
		{ STR_INIT("a\\b"), STR_INIT("\"a\\x5cb\"") },
		{ STR_INIT("a\r\n\t\0z"), STR_INIT("\"a\\x0d\\x0a\\x09\\x00z\"") },
		{ STR_INIT("\x7f"), STR_INIT("\"\\x7f\"") },
		{ STR_INIT("\xc3\xbc"), STR_INIT("\xc3\xbc") },
		{ STR_INIT("\xc3"), STR_INIT("\"\\xc3\"") },
		{ STR_INIT("\xc3\xbc\xff\xc3\xbc"), STR_INIT("\"\xc3\xbc\\xff\xc3\xbc\"") },
		{ STR_INIT("\xc0\xaf"), STR_INIT("\"\\xc0\\xaf\"") },           /* overlong */
		{ STR_INIT("\xed\xa0\x80"), STR_INIT("\"\\xed\\xa0\\x80\"") },  /* surrogate */
		{ STR_INIT("\xf0\x9f\x98\x80"), STR_INIT("\xf0\x9f\x98\x80") },
		{ STR_INIT("\xc2\x9b"), STR_INIT("\"\\xc2\\x9b\"") },           /* CSI in one octet */
		{ STR_INIT("\xe2\x80\xa8"), STR_INIT("\"\\xe2\\x80\\xa8\"") },  /* line separator */
		{ STR_INIT("\xe2\x80\xae"), STR_INIT("\"\\xe2\\x80\\xae\"") },  /* right to left */
		{ STR_INIT("\xe2\x81\xa6"), STR_INIT("\"\\xe2\\x81\\xa6\"") },
		{ STR_INIT("\xef\xbb\xbf"), STR_INIT("\"\\xef\\xbb\\xbf\"") },
		{ STR_INIT("\xe2\x82\xac"), STR_INIT("\xe2\x82\xac") },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct buf out, back;
		buf_init(&out, 256);
		buf_init(&back, 256);
		event_quote(&out, cases[i].in);
		assert_true(str_eq(buf_view(&out), cases[i].want));
		if (out.at[0] == '"') {
			assert_true(event_unquote(&back, str_sub(buf_view(&out), 1, out.len - 2)));
			assert_true(str_eq(buf_view(&back), cases[i].in));
		}
		buf_free(&out);
		buf_free(&back);
	}
}

static void test_unquote_bad(void **state)
{
	static const struct str cases[] = {
		STR_INIT("\\"), STR_INIT("\\x"), STR_INIT("\\x4"), STR_INIT("\\xg0"), STR_INIT("\\n"),
	};
	struct buf out;
	(void)state;
	buf_init(&out, 64);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_false(event_unquote(&out, cases[i]));
	buf_free(&out);
}

#define TS "ts=2025-11-22T02:15:26.123Z "
#define JTS "{\"ts\":\"2025-11-22T02:15:26.123Z\","

static void test_parse(void **state)
{
	static const struct { struct str line; bool good; } cases[] = {
		{ STR_INIT(TS "event=hold number=3020 severity=notice role=spool[0] id=7 from=a@b\n"), true },
		{ STR_INIT(TS "event=hold"), true },
		{ STR_INIT(TS "event=hold x=\"a b\" y=\"\" z=\"\\x00\""), true },
		{ STR_INIT(TS "event=not_yet_known colour=blue"), true },
		{ STR_INIT(TS "event=hold "), true },
		{ STR_INIT(TS), false },                      /* no event */
		{ STR_INIT("event=hold"), false },            /* no time */
		{ STR_INIT("ts=yesterday event=hold"), false },
		{ STR_INIT(TS "event=hold number=x"), false },
		{ STR_INIT(TS "event=hold severity=loud"), false },
		{ STR_INIT(TS "event=hold sid=zz"), false },
		{ STR_INIT(TS "event=hold id=00000000000000000"), false }, /* 17 digits */
		{ STR_INIT(TS "event=hold lonely"), false },
		{ STR_INIT(TS "event=hold =x"), false },
		{ STR_INIT(TS "event=hold Key=x"), false },
		{ STR_INIT(TS "event=hold key="), false },
		{ STR_INIT(TS "event=hold  key=x"), false },
		{ STR_INIT(TS "event=hold key=\"x"), false },
		{ STR_INIT(TS "event=hold key=\"x\"y"), false },
		{ STR_INIT(TS "event=hold key=\"\\x4\""), false },
		{ STR_INIT(TS "event=hold\nevent=drop"), false },
		{ STR_INIT("\n"), false },
		{ STR_INIT(""), false },
		{ STR_INIT("Nov 22 02:15:26 mx postfix/smtpd[1]: connect from unknown[192.0.2.7]"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"number\":3020,\"from\":\"a\\u00e9\\ud83d\\ude00\\n\"}\n"), true },
		{ STR_INIT("{ \"ts\" : \"2025-11-22T02:15:26Z\" , \"event\" : \"hold\" } "), true },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":true,\"b\":null,\"c\":-1.5e3}"), true },
		{ STR_INIT("{}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\""), false },
		{ STR_INIT(JTS "\"event\":\"hold\"}x"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",}"), false },
		{ STR_INIT(JTS "\"event\" \"hold\"}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":[1]}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":{}}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":nil}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":\"\\ud83d\"}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":\"\\ude00\"}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":\"\\q\"}"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":\"\\"), false },
		{ STR_INIT(JTS "\"event\":\"hold\",\"a\":\"\t\"}"), false },
	};
	static struct event_view v;
	struct buf scratch;
	(void)state;
	buf_init(&scratch, EVENT_LINE_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (event_parse(cases[i].line, &scratch, &v) != cases[i].good)
			fail_msg("line %zu: %.*s", i, STR_ARG(cases[i].line));
	buf_free(&scratch);
}

static void test_values(void **state)
{
	static struct event_view v;
	struct buf scratch;
	(void)state;
	buf_init(&scratch, EVENT_LINE_MAX);
	assert_true(event_parse(STR(TS "event=receive number=2002 severity=info role=receive[1] sid=1f "
	                            "id=00000000000004d2 to=\"a\\x20b\" new=1 size=12"), &scratch, &v));
	assert_int_equal(v.name, EVENT_receive);
	assert_int_equal(v.ts_ms, 1763777726123);
	assert_int_equal(v.number, 2002);
	assert_int_equal(v.sid, 0x1f);
	assert_int_equal(v.id, 0x4d2);
	assert_int_equal(v.count, 3);
	assert_true(str_eq(event_view_get(&v, FIELD_to, NULL), STR("a b")));
	assert_true(str_eq(v.values[1].key, STR("new")));
	assert_int_equal(v.values[1].field, FIELD_COUNT);
	bool there;
	assert_int_equal(event_view_get(&v, FIELD_from, &there).len, 0);
	assert_false(there);
	assert_true(event_parse(STR(JTS "\"event\":\"drop\",\"reason\":\"\\u20ac\\/\\b\\f\\r\\t\\\"\\\\\"}"),
	                        &scratch, &v));
	assert_true(str_eq(event_view_get(&v, FIELD_reason, NULL), STR("\xe2\x82\xac/\b\f\r\t\"\\")));
	buf_free(&scratch);
}

static void test_limits(void **state)
{
	static struct event_view v;
	static char line[EVENT_LINE_MAX + 64];
	struct buf out, scratch;
	(void)state;
	buf_init(&scratch, EVENT_LINE_MAX);
	buf_init_fixed(&out, line, sizeof line);
	buf_str(&out, STR(TS "event=hold"));
	for (unsigned i = 0; i < EVENT_VALUES_MAX; i++) buf_str(&out, STR(" a=b"));
	assert_true(event_parse(buf_view(&out), &scratch, &v));
	buf_str(&out, STR(" a=b"));
	assert_false(event_parse(buf_view(&out), &scratch, &v));
	memset(line, 'x', sizeof line);
	memcpy(line, TS "event=hold a=", sizeof TS "event=hold a=" - 1);
	assert_true(event_parse((struct str){ line, EVENT_LINE_MAX }, &scratch, &v));
	assert_false(event_parse((struct str){ line, EVENT_LINE_MAX + 1 }, &scratch, &v));
	buf_free(&scratch);
}

static void test_name(void **state)
{
	static const struct { struct str line; enum event_name want; } cases[] = {
		{ STR_INIT(TS "event=deliver number=2001"), EVENT_deliver },
		{ STR_INIT(TS "event=deliver"), EVENT_deliver },
		{ STR_INIT(TS "event=delivery number=1"), EVENT_NONE },
		{ STR_INIT(JTS "\"event\":\"refuse\",\"number\":1}"), EVENT_refuse },
		{ STR_INIT(JTS "\"number\":1}"), EVENT_NONE },
		{ STR_INIT("event=deliver"), EVENT_NONE },
		{ STR_INIT(""), EVENT_NONE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_int_equal(event_parse_name(cases[i].line), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quote), cmocka_unit_test(test_unquote_bad),
		cmocka_unit_test(test_parse), cmocka_unit_test(test_values),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
