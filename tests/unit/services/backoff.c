/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "services/master/backoff.h"

static void test_delays(void **state)
{
	static const struct {
		int64_t alive_ms, delay_ms;
	} rows[] = {
		{ 5000, 0 }, /* the first time at once */
		{ 0, 100 },   { 10, 200 },     { 59999, 400 }, { 0, 800 },
		{ 0, 1600 },  { 0, 3200 },     { 0, 6400 },    { 0, 10000 },
		{ 0, 10000 }, { 60000, 0 }, /* a clean record */
		{ 0, 100 },   { 10000000, 0 }, { 0, 100 },
	};
	struct backoff b = { 0 };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(backoff_death(&b, rows[i].alive_ms), rows[i].delay_ms);
	for (int i = 0; i < 1000; i++)
		assert_true(backoff_death(&b, 0) <= BACKOFF_MAX_MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_delays) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
