/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/smtp/extra.h"

static void priority(void **state)
{
	(void)state;
	static const struct { const char *in; bool good; int want; } rows[] = {
		{ "0", true, 0 },   { "9", true, 9 },   { "-9", true, -9 }, { "-1", true, -1 },
		{ "", false, 0 },   { "-", false, 0 },  { "+1", false, 0 }, { "10", false, 0 },
		{ "-10", false, 0 }, { "-0", false, 0 }, { "--1", false, 0 }, { "x", false, 0 },
		{ "1 ", false, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_extra_params p = { 0 };
		assert_int_equal(smtp_extra_priority(str_of(rows[i].in), &p), rows[i].good);
		assert_int_equal(p.priority, rows[i].want);
		assert_int_equal(p.asks, rows[i].good ? SMTP_EXTRA_PRIORITY : 0);
	}
}

static void by(void **state)
{
	(void)state;
	static const struct { const char *in; bool good; enum smtp_by mode; int s; bool trace; } rows[] = {
		{ "120;R", true, SMTP_BY_RETURN, 120, false },
		{ "120;rt", true, SMTP_BY_RETURN, 120, true },
		{ "+120;N", true, SMTP_BY_NOTIFY, 120, false },
		{ "-5;NT", true, SMTP_BY_NOTIFY, -5, true },
		{ "0;N", true, SMTP_BY_NOTIFY, 0, false },
		{ "999999999;R", true, SMTP_BY_RETURN, 999999999, false },
		{ "0;R", false, 0, 0, false },      { "-1;R", false, 0, 0, false },
		{ "1000000000;R", false, 0, 0, false }, { "120", false, 0, 0, false },
		{ "120;", false, 0, 0, false },     { ";R", false, 0, 0, false },
		{ "120;X", false, 0, 0, false },    { "120;RX", false, 0, 0, false },
		{ "120;RTT", false, 0, 0, false },  { "1 2;R", false, 0, 0, false },
		{ "+-1;N", false, 0, 0, false },    { "120;T", false, 0, 0, false },
		{ "", false, 0, 0, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_extra_params p = { 0 };
		assert_int_equal(smtp_extra_by(str_of(rows[i].in), &p), rows[i].good);
		assert_int_equal(p.by, rows[i].mode);
		assert_int_equal(p.by_s, rows[i].s);
		assert_int_equal(p.by_trace, rows[i].trace);
	}
}

static void hold(void **state)
{
	(void)state;
	struct smtp_extra_params p = { 0 };
	assert_true(smtp_extra_hold_for(STR("86400"), &p));
	assert_true(p.hold == SMTP_HOLD_FOR && p.hold_s == 86400 && p.asks == SMTP_EXTRA_FUTURE);
	/* RFC 4865 3: %x31-39 *8DIGIT */
	assert_true(smtp_extra_hold_for(STR("999999999"), &p) && p.hold_s == 999999999);
	assert_true(smtp_extra_hold_for(STR("1"), &p) && p.hold_s == 1);
	assert_false(smtp_extra_hold_for(STR("0"), &p));
	assert_false(smtp_extra_hold_for(STR("086400"), &p));
	assert_false(smtp_extra_hold_for(STR("1234567890"), &p));
	assert_false(smtp_extra_hold_for(STR("-1"), &p));
	assert_false(smtp_extra_hold_for(STR(""), &p));
	assert_true(smtp_extra_hold_until(STR("1970-01-02T00:00:00Z"), &p));
	assert_true(p.hold == SMTP_HOLD_UNTIL && p.hold_s == 86400);
	assert_false(smtp_extra_hold_until(STR("tomorrow"), &p));
}

static void date_time(void **state)
{
	(void)state;
	static const struct { const char *in; bool good; int64_t want; } rows[] = {
		{ "1970-01-01T00:00:00Z", true, 0 },
		{ "2026-11-22T12:34:56Z", true, 1795350896 },
		{ "2026-11-22t12:34:56z", true, 1795350896 },
		{ "2026-11-22T12:34:56.789Z", true, 1795350896 },
		{ "2026-11-22T13:34:56+01:00", true, 1795350896 },
		{ "2026-11-22T07:04:56-05:30", true, 1795350896 },
		{ "2000-02-29T00:00:00Z", true, 951782400 },
		{ "2016-12-31T23:59:60Z", true, 1483228800 },
		{ "0000-01-01T00:00:00Z", true, -62167219200 },
		{ "9999-12-31T23:59:59Z", true, 253402300799 },
		{ "1900-02-29T00:00:00Z", false, 0 }, { "2026-02-29T00:00:00Z", false, 0 },
		{ "2026-13-01T00:00:00Z", false, 0 }, { "2026-00-01T00:00:00Z", false, 0 },
		{ "2026-01-00T00:00:00Z", false, 0 }, { "2026-01-01T24:00:00Z", false, 0 },
		{ "2026-01-01T00:60:00Z", false, 0 }, { "2026-01-01T00:00:61Z", false, 0 },
		{ "2026-01-01T00:00:00", false, 0 },  { "2026-01-01T00:00:00.Z", false, 0 },
		{ "2026-01-01T00:00:00+24:00", false, 0 }, { "2026-01-01T00:00:00+0100", false, 0 },
		{ "2026-01-01 00:00:00Z", false, 0 }, { "2026-1-1T00:00:00Z", false, 0 },
		{ "2026-01-01T00:00:00ZZ", false, 0 }, { "", false, 0 }, { "2026-01-01", false, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		int64_t got = 0;
		assert_int_equal(smtp_date_time_parse(str_of(rows[i].in), &got), rows[i].good);
		if (rows[i].good) assert_int_equal(got, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(priority),
		cmocka_unit_test(by),
		cmocka_unit_test(hold),
		cmocka_unit_test(date_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
