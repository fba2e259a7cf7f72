/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/base/units.h"

struct row {
	const char *text;
	bool good;
	int64_t value;
};

static void check(bool (*parse)(struct str, int64_t *), const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t value = -1;
		bool good = parse(str_of(rows[i].text), &value);
		if (good != rows[i].good) fail_msg("row %zu: \"%s\"", i, rows[i].text);
		if (good && value != rows[i].value)
			fail_msg("row %zu: \"%s\" is %lld", i, rows[i].text, (long long)value);
	}
}

static void durations(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "90s", true, 90000 },       { "15m", true, 900000 },  { "4h", true, 14400000 },
		{ "2d", true, 172800000 },    { "1w", true, 604800000 }, { "500ms", true, 500 },
		{ "0", true, 0 },             { "0s", true, 0 },        { "00", true, 0 },
		{ "007s", true, 7000 },
		{ "9223372036854775807ms", true, INT64_MAX },
		{ "9223372036854775s", true, 9223372036854775000 },
		{ "9223372036854776s", false, 0 },    /* over in the product */
		{ "15250284453w", false, 0 },
		{ "9223372036854775808ms", false, 0 }, /* over in the number */
		{ "18446744073709551616s", false, 0 },
		{ "99999999999999999999999999s", false, 0 },
		{ "", false, 0 },      { "s", false, 0 },     { "5", false, 0 },    { "-1s", false, 0 },
		{ "+1s", false, 0 },   { "1.5h", false, 0 },  { "1H", false, 0 },   { "1 h", false, 0 },
		{ " 1h", false, 0 },   { "1h ", false, 0 },   { "1hh", false, 0 },  { "1h30m", false, 0 },
		{ "0x10s", false, 0 }, { "1M", false, 0 },    { "1y", false, 0 },
	};
	check(units_duration, rows, ROWS(rows));
	int64_t value;
	assert_false(units_duration((struct str){ "1\0s", 3 }, &value));
}

static void sizes(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "0", true, 0 },        { "1", true, 1 },          { "64K", true, 65536 },
		{ "50M", true, 52428800 }, { "2G", true, 2147483648 }, { "0G", true, 0 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "8589934591G", true, 9223372035781033984 },
		{ "8589934592G", false, 0 },
		{ "9223372036854775808", false, 0 },
		{ "18446744073709551615K", false, 0 },
		{ "", false, 0 },    { "K", false, 0 },   { "1k", false, 0 }, { "1KB", false, 0 },
		{ "1 K", false, 0 }, { "-1", false, 0 },  { "1T", false, 0 }, { "1.5M", false, 0 },
		{ "1s", false, 0 },
	};
	check(units_size, rows, ROWS(rows));
}

static void dates(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{ "1970-01-01", true, 0 },
		{ "2000-02-29", true, 951782400000 },
		{ "2026-02-28", true, 1772236800000 },
		{ "2026-03-01", true, 1772323200000 },
		{ "2024-12-31", true, 1735603200000 },
		{ "9999-12-31", true, 253402214400000 },
		{ "2026-02-29", false, 0 }, { "2100-02-29", false, 0 }, { "2026-04-31", false, 0 },
		{ "2026-00-10", false, 0 }, { "2026-13-01", false, 0 }, { "2026-01-00", false, 0 },
		{ "2026-01-32", false, 0 }, { "1969-12-31", false, 0 }, { "", false, 0 },
		{ "2026-1-01", false, 0 },  { "2026-01-1", false, 0 },  { "26-01-01", false, 0 },
		{ "2026-01", false, 0 },    { "2026", false, 0 },       { "2026-01-01 ", false, 0 },
		{ "2026-01-01-", false, 0 }, { "02026-01-01", false, 0 }, { "2026/01/01", false, 0 },
		{ "+026-01-01", false, 0 }, { "2026-+1-01", false, 0 }, { "2026--1-01", false, 0 },
		{ "2026-01-0x", false, 0 },
	};
	check(units_date, rows, ROWS(rows));
	/* Each day of 400 years and more is written as it was read. */
	for (int64_t ms = 0; ms < INT64_C(86400000) * 160000; ms += 86400000) {
		char text[16];
		struct buf out;
		int64_t again;
		buf_init_fixed(&out, text, sizeof text);
		units_date_write(&out, ms);
		assert_true(units_date(buf_view(&out), &again));
		assert_true(again == ms);
	}
}

static void times(void **state)
{
	(void)state;
	static const struct { int64_t ms; const char *want; } rows[] = {
		{ 0, "1970-01-01T00:00:00.000Z" },
		{ 1, "1970-01-01T00:00:00.001Z" },
		{ -1, "1969-12-31T23:59:59.999Z" },
		{ -86400000, "1969-12-31T00:00:00.000Z" },
		{ -86400001, "1969-12-30T23:59:59.999Z" },
		{ 951782399999, "2000-02-28T23:59:59.999Z" },
		{ 951782400000, "2000-02-29T00:00:00.000Z" }, /* 400 divides it */
		{ 951868800000, "2000-03-01T00:00:00.000Z" },
		{ 1709164800000, "2024-02-29T00:00:00.000Z" },
		{ 1735603200000, "2024-12-31T00:00:00.000Z" },
		{ 1772236800000, "2026-02-28T00:00:00.000Z" },
		{ 1772323200000, "2026-03-01T00:00:00.000Z" },
		{ 1795313726123, "2026-11-22T02:15:26.123Z" },
		{ 2147483648000, "2038-01-19T03:14:08.000Z" },
		{ 4107456000000, "2100-02-28T00:00:00.000Z" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z" }, /* 100 divides it, 400 does not */
		{ -2203891200000, "1900-03-01T00:00:00.000Z" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z" },
		{ -62135596800000, "0001-01-01T00:00:00.000Z" },
		{ -62167219200000, "0000-01-01T00:00:00.000Z" },
		/* RFC 3339 has years of four digits */
		{ 253402300800000, "9999-12-31T23:59:59.999Z" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z" },
		{ -62167219200001, "0000-01-01T00:00:00.000Z" },
		{ INT64_MIN, "0000-01-01T00:00:00.000Z" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[64];
		struct buf out;
		buf_init_fixed(&out, text, sizeof text);
		units_time_write(&out, rows[i].ms);
		buf_byte(&out, '\0');
		if (out.overflowed) fail_msg("row %zu: too long", i);
		assert_string_equal(text, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(dates),
		cmocka_unit_test(times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
