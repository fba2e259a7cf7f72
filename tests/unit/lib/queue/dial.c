/* SPDX-License-Identifier: Apache-2.0 */
/* When windows open: days, hours, clocks that are put forward and back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/event/instant.h"
#include "lib/queue/dial.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Berlin in 2026: summer from 29 March 01:00 UTC to 25 October 01:00 UTC. */
enum { SUMMER = 1774746000, WINTER = 1792890000, YEAR = 1767225600, HOUR_S = 3600 };

static int32_t berlin(void *arg, int64_t utc_s)
{
	(void)arg;
	return utc_s >= SUMMER && utc_s < WINTER ? 2 * HOUR_S : HOUR_S;
}

static int32_t utc(void *arg, int64_t utc_s)
{
	(void)arg, (void)utc_s;
	return 0;
}

/* A zone that changes every day: more than there is room for. */
static int32_t restless(void *arg, int64_t utc_s)
{
	(void)arg;
	return (int32_t)(utc_s / 86400 % 2 * 60);
}

static struct dial_plan plan_of(int64_t every_min, const char *times, unsigned weekdays)
{
	struct dial_plan plan = { .every_min = every_min, .weekdays = weekdays };
	for (struct str rest = str_of(times); rest.len;)
		assert_true(dial_time_parse(str_cut(&rest, ' '), &plan.times[plan.time_count++]));
	return plan;
}

static void zones(void **state)
{
	struct dial_zone zone;
	(void)state;
	dial_zone_make(&zone, YEAR, YEAR + 366 * 86400, berlin, NULL);
	assert_int_equal(zone.count, 3);
	assert_int_equal(zone.at[0].offset_s, HOUR_S);
	assert_int_equal(zone.at[1].from_s, SUMMER);
	assert_int_equal(zone.at[1].offset_s, 2 * HOUR_S);
	assert_int_equal(zone.at[2].from_s, WINTER);
	dial_zone_make(&zone, YEAR, YEAR + 366 * 86400, utc, NULL);
	assert_int_equal(zone.count, 1);
	dial_zone_make(&zone, YEAR, YEAR + 1000 * 86400LL, restless, NULL);
	assert_int_equal(zone.count, DIAL_ZONE_MAX);
}

static void openings(void **state)
{
	enum { MON = 1, TUE = 2, SAT = 32, SUN = 64 };
	static const struct { int64_t every_min; const char *times; unsigned weekdays; const char *after, *want; } rows[] = {
		/* Thursday 1 January 2026; the local time is an hour ahead */
		{ 0, "22:00", 0, "2026-01-01T20:59:59Z", "2026-01-01T21:00:00Z" },
		{ 0, "22:00", 0, "2026-01-01T21:00:00Z", "2026-01-02T21:00:00Z" },
		{ 0, "06:30 22:00", 0, "2026-01-01T21:00:00Z", "2026-01-02T05:30:00Z" },
		{ 0, "22:00 6:30", 0, "2026-01-01T21:00:00Z", "2026-01-02T05:30:00Z" },
		{ 0, "00:00", 0, "2026-01-01T22:59:00Z", "2026-01-01T23:00:00Z" },
		{ 0, "23:59", 0, "2026-12-31T22:59:00Z", "2027-01-01T22:59:00Z" },
		{ 240, "", 0, "2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z" },
		{ 240, "", 0, "2026-01-01T19:30:00Z", "2026-01-01T23:00:00Z" }, /* midnight */
		{ 420, "", 0, "2026-01-01T20:30:00Z", "2026-01-01T23:00:00Z" }, /* 21:00, then 0:00 */
		{ 1440, "", 0, "2026-01-01T00:00:00Z", "2026-01-01T23:00:00Z" },
		{ 1, "", 0, "2026-01-01T00:00:30Z", "2026-01-01T00:01:00Z" },
		{ 240, "05:00", 0, "2026-01-01T03:10:00Z", "2026-01-01T04:00:00Z" },
		{ 0, "12:00", MON, "2026-01-01T00:00:00Z", "2026-01-05T11:00:00Z" },
		{ 0, "12:00", MON, "2026-01-05T11:00:00Z", "2026-01-12T11:00:00Z" },
		{ 0, "00:30", SUN, "2026-01-01T00:00:00Z", "2026-01-03T23:30:00Z" }, /* Sunday there already */
		{ 0, "12:00", SAT | SUN, "2026-01-03T11:00:00Z", "2026-01-04T11:00:00Z" },
		{ 720, "", TUE, "2026-01-01T00:00:00Z", "2026-01-05T23:00:00Z" },
		/* 29 March: 02:30 is left out, and 02:00 is 03:00 */
		{ 0, "02:30", 0, "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z" },
		{ 0, "02:30", 0, "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z" },
		{ 0, "03:30", 0, "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z" },
		{ 60, "", 0, "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z" },
		{ 60, "", 0, "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z" },
		/* 25 October: 02:30 comes twice, and counts once */
		{ 0, "02:30", 0, "2026-10-24T10:00:00Z", "2026-10-25T00:30:00Z" },
		{ 0, "02:30", 0, "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z" },
		{ 0, "03:30", 0, "2026-10-25T00:00:00Z", "2026-10-25T02:30:00Z" },
		{ 0, "", 0, "2026-01-01T00:00:00Z", "" },
		{ 0, "", MON, "2026-01-01T00:00:00Z", "" },
	};
	struct dial_zone zone;
	(void)state;
	dial_zone_make(&zone, YEAR, YEAR + 366 * 86400, berlin, NULL);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dial_plan plan = plan_of(rows[i].every_min, rows[i].times, rows[i].weekdays);
		int64_t after_ms, want_ms = DIAL_NEVER_MS;
		assert_true(event_time_parse(str_of(rows[i].after), &after_ms));
		if (rows[i].want[0]) assert_true(event_time_parse(str_of(rows[i].want), &want_ms));
		int64_t got_ms = dial_next_ms(&plan, &zone, after_ms);
		if (got_ms != want_ms)
			fail_msg("row %zu: %lld, not %lld", i, (long long)got_ms / 1000, (long long)want_ms / 1000);
	}
}

/* Every opening is later than the one before, whatever day it is. */
static void moves_on(void **state)
{
	struct dial_zone zone;
	struct dial_plan plan = plan_of(90, "02:15 02:45", 0);
	int64_t at_ms = YEAR * 1000LL, end_ms = at_ms + 366 * 86400 * 1000LL;
	size_t count = 0;
	(void)state;
	dial_zone_make(&zone, YEAR, YEAR + 366 * 86400, berlin, NULL);
	while (at_ms < end_ms) {
		int64_t next_ms = dial_next_ms(&plan, &zone, at_ms);
		assert_true(next_ms > at_ms && next_ms - at_ms <= 150 * 60 * 1000);
		at_ms = next_ms;
		count++;
	}
	assert_in_range(count, 365 * 18 - 10, 366 * 18 + 10);
}

static void clocks(void **state)
{
	/* What the clock shows, in minutes after a start at 10:00, and whether a window opens. */
	static const struct { int minute; bool due, anew; } rows[] = {
		{ 0, false, false }, { 29, false, false }, { 30, true, false }, { 30, false, false }, { 31, false, false },
		{ 60, true, false }, { 60, false, false },
		{ 59, false, false },  /* put back a little: the hour comes again */
		{ 60, true, false }, { 300, true, false }, /* slept: one for all */
		{ 301, false, false }, { -600, false, false }, { -599, false, false }, { -570, true, false },
		{ -540, false, true }, { -539, false, false }, { -510, true, false }, { 100000, true, false },
	};
	struct dial_zone zone;
	struct dial_clock clock = { 0 };
	struct dial_plan plan = plan_of(30, "", 0);
	const int64_t start_ms = (YEAR + 20 * 86400 + 10 * HOUR_S) * 1000LL;
	(void)state;
	dial_zone_make(&zone, YEAR, YEAR + 366 * 86400, utc, NULL);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool due = dial_is_due(&clock, &plan, &zone, start_ms + rows[i].minute * 60 * 1000LL,
			rows[i].anew);
		if (due != rows[i].due) fail_msg("row %zu: %d", i, due);
	}
	struct dial_plan none = plan_of(0, "", 0);
	clock = (struct dial_clock){ 0 };
	for (int day = 0; day < 400; day++)
		assert_false(dial_is_due(&clock, &none, &zone, start_ms + day * 86400000LL, false));
}

static void times(void **state)
{
	static const struct { const char *in; int want; } rows[] = {
		{ "00:00", 0 }, { "23:59", 1439 }, { "6:30", 390 }, { "06:30", 390 }, { "24:00", -1 }, { "12:60", -1 },
		{ "12", -1 }, { "12:", -1 }, { ":30", -1 }, { "12:3", -1 }, { "012:30", -1 }, { "1a:30", -1 },
		{ "12:30:00", -1 }, { "", -1 }, { "-1:30", -1 }, { "+1:30", -1 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		uint16_t minute = 0;
		bool good = dial_time_parse(str_of(rows[i].in), &minute);
		if ((good ? minute : -1) != rows[i].want) fail_msg("row %zu: %d", i, minute);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones), cmocka_unit_test(openings), cmocka_unit_test(moves_on),
		cmocka_unit_test(clocks), cmocka_unit_test(times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
