/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/event/instant.h"

static struct str written(char *memory, size_t size, int64_t ms)
{
	struct buf out;
	buf_init_fixed(&out, memory, size);
	event_time_write(&out, ms);
	return buf_view(&out);
}

static void test_write(void **state)
{
	static const struct { int64_t ms; struct str want; } cases[] = {
		{ 0, STR_INIT("1970-01-01T00:00:00.000Z") },
		{ -5, STR_INIT("1970-01-01T00:00:00.000Z") },
		{ 951782400001, STR_INIT("2000-02-29T00:00:00.001Z") },
		{ 951868799999, STR_INIT("2000-02-29T23:59:59.999Z") },
		{ 1763777726123, STR_INIT("2025-11-22T02:15:26.123Z") },
		{ 1798761599000, STR_INIT("2026-12-31T23:59:59.000Z") },
		{ 4107542400000, STR_INIT("2100-03-01T00:00:00.000Z") },
		{ 253402300799999, STR_INIT("9999-12-31T23:59:59.999Z") },
		{ INT64_MAX, STR_INIT("9999-12-31T23:59:59.999Z") },
	};
	char memory[32];
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		assert_true(str_eq(written(memory, sizeof memory, cases[i].ms), cases[i].want));
}

static void test_every_day(void **state)
{
	char memory[32];
	(void)state;
	for (int64_t day = 0; day < 150 * 366; day++) {
		int64_t back;
		assert_true(event_time_parse(written(memory, sizeof memory, day * 86400000), &back));
		assert_int_equal(back, day * 86400000);
		assert_true(event_time_parse(str_sub(written(memory, sizeof memory, day * 86400000), 0,
		                                     EVENT_DAY_LEN), &back));
		assert_int_equal(back, day * 86400000);
	}
}

static void test_parse(void **state)
{
	static const struct { struct str in; int64_t want; } cases[] = { /* -1: bad */
		{ STR_INIT("2025-11-22T02:15:26.123Z"), 1763777726123 },
		{ STR_INIT("2025-11-22t02:15:26z"), 1763777726000 },
		{ STR_INIT("2025-11-22 02:15:26"), 1763777726000 },
		{ STR_INIT("2025-11-22T03:15:26.5+01:00"), 1763777726500 },
		{ STR_INIT("2025-11-22T01:45:26.1239-00:30"), 1763777726123 },
		{ STR_INIT("2025-11-22"), 1763769600000 },
		{ STR_INIT("2024-02-29"), 1709164800000 },
		{ STR_INIT("2025-02-29"), -1 },
		{ STR_INIT("2025-13-01"), -1 },
		{ STR_INIT("2025-00-01"), -1 },
		{ STR_INIT("2025-04-31"), -1 },
		{ STR_INIT("1969-12-31"), -1 },
		{ STR_INIT("1970-01-01T00:00:00+01:00"), -1 },
		{ STR_INIT("2025-11-22T24:00:00Z"), -1 },
		{ STR_INIT("2025-11-22T02:15"), -1 },
		{ STR_INIT("2025-11-22T02:15:26."), -1 },
		{ STR_INIT("2025-11-22T02:15:26Zx"), -1 },
		{ STR_INIT("2025-11-22T02:15:26+1:00"), -1 },
		{ STR_INIT("2025-11-22X02:15:26"), -1 },
		{ STR_INIT("25-11-22"), -1 },
		{ STR_INIT("-025-11-22"), -1 },
		{ STR_INIT(""), -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got;
		assert_int_equal(event_time_parse(cases[i].in, &got), cases[i].want >= 0);
		if (cases[i].want >= 0) assert_int_equal(got, cases[i].want);
	}
}

static void test_since(void **state)
{
	enum { NOW = 1000000000 };
	static const struct { struct str in; int64_t want; } cases[] = {
		{ STR_INIT("90s"), NOW - 90000 },
		{ STR_INIT("1h30m"), NOW - 5400000 },
		{ STR_INIT("2d"), NOW - 172800000 },
		{ STR_INIT("1w"), NOW - 604800000 },
		{ STR_INIT("0s"), NOW },
		{ STR_INIT("100w"), 0 },
		{ STR_INIT("1970-01-02"), 86400000 },
		{ STR_INIT("2"), -1 },
		{ STR_INIT("h"), -1 },
		{ STR_INIT("2x"), -1 },
		{ STR_INIT("-2h"), -1 },
		{ STR_INIT("2h "), -1 },
		{ STR_INIT("9999999999h"), -1 },
		{ STR_INIT("999999999w999999999w"), -1 },
		{ STR_INIT(""), -1 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int64_t got;
		assert_int_equal(event_since_parse(cases[i].in, NOW, &got), cases[i].want >= 0);
		if (cases[i].want >= 0) assert_int_equal(got, cases[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_every_day),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_since),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
