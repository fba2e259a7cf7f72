/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/rng.h"

static void the_same_seed_gives_the_same_numbers(void **state)
{
	struct rng a = { 1234567 };
	(void)state;
	/* First values of SplitMix64 for this seed, as its author publishes them. */
	assert_true(rng_next(&a) == 6457827717110365317u);
	assert_true(rng_next(&a) == 3203168211198807973u);
	assert_true(rng_next(&a) == 9817491932198370423u);
}

static void numbers_stay_below_and_reach_every_value(void **state)
{
	struct rng r = { 1 };
	unsigned seen[10] = { 0 };
	(void)state;
	for (int i = 0; i < 10000; i++) seen[rng_below(&r, 10)]++;
	for (size_t i = 0; i < 10; i++) assert_in_range(seen[i], 800, 1200);
	for (int i = 0; i < 100; i++) assert_int_equal(rng_below(&r, 1), 0);
	for (int i = 0; i < 100; i++) assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_seed_gives_the_same_numbers),
		cmocka_unit_test(numbers_stay_below_and_reach_every_value),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
