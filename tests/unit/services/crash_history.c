/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/master/crash_history.h"

enum { MINUTE = 60 * 1000 };

static struct crash_history history;
static const int64_t t0 = 1700000000000;

static struct ip address(uint32_t n) { return ip_of_v4(0x0a000000u + n); }

static size_t shunned(int64_t now_ms)
{
	size_t at = 0, count = 0;
	while (crash_history_shunned(&history, &at, now_ms)) count++;
	return count;
}

static void test_deaths(void **state)
{
	static const struct {
		uint32_t client;
		int64_t at_ms;
		unsigned deaths;
		size_t shunned; /* right afterwards */
	} rows[] = {
		{ 1, 0, 1, 0 },
		{ 2, MINUTE, 1, 0 },
		{ 1, 10 * MINUTE, 2, 1 },     /* just within */
		{ 2, 11 * MINUTE + 1, 1, 1 }, /* just not */
		{ 1, 12 * MINUTE, 3, 1 },     /* the time starts again */
		{ 2, 13 * MINUTE, 2, 2 },
		{ 3, 22 * MINUTE, 1, 1 }, /* 1 is free at 22, 2 at 23 */
		{ 3, 24 * MINUTE, 2, 1 },
	};
	(void)state;
	history = (struct crash_history){ 0 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct crash_client *c = crash_history_death(
			&history, address(rows[i].client), t0 + rows[i].at_ms);
		assert_non_null(c);
		assert_true(ip_eq(c->client, address(rows[i].client)));
		assert_int_equal(c->deaths, rows[i].deaths);
		assert_int_equal(shunned(t0 + rows[i].at_ms), rows[i].shunned);
	}
	assert_null(crash_history_death(&history, (struct ip){ 0 }, t0));
}

/* Any number of clients: the oldest is forgotten, the newest are known. */
static void test_bounded(void **state)
{
	(void)state;
	history = (struct crash_history){ 0 };
	for (uint32_t i = 0; i < 2 * CRASH_HISTORY_MAX; i++)
		assert_int_equal(
			crash_history_death(&history, address(i), t0 + i)->deaths, 1);
	assert_int_equal(crash_history_death(&history, address(2 * CRASH_HISTORY_MAX - 1),
					     t0 + 1000)
				 ->deaths,
			 2);
	assert_int_equal(crash_history_death(&history, address(0), t0 + 1000)->deaths, 1);
	assert_int_equal(shunned(t0 + 1000), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
