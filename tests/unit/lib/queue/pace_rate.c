/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "lib/queue/pace_rate.h"

static bool take(struct pace_rate *r, int64_t now_ms)
{
	if (!pace_rate_has(r, PACE_SHARE, now_ms)) return false;
	pace_rate_use(r, now_ms);
	return true;
}

/* Asked at random times, hard: no stretch has more than it may, and what may go does. */
static void never_more_in_any_stretch(void **state)
{
	(void)state;
	enum { TAKEN_MAX = 40000 };
	static const struct { int64_t count, every_ms; } rows[] = {
		{ 1, 1000 }, { 3, 1000 }, { 20, 60000 }, { 33, 60000 }, { 100, 1001 },
		{ 500, 3600000 }, { 1000, 60000 }, { 7, 86400000 },
	};
	static int64_t taken[TAKEN_MAX];
	struct rng rng = { 5 };
	for (size_t row = 0; row < sizeof rows / sizeof *rows; row++) {
		struct pace_rate r = { 0 };
		int64_t now_ms = INT64_C(1800000000000), begin_ms = now_ms, every_ms = rows[row].every_ms;
		size_t count = 0, first = 0;
		pace_rate_set(&r, rows[row].count, every_ms);
		while (now_ms < begin_ms + 20 * every_ms) {
			now_ms += (int64_t)rng_below(&rng, (uint64_t)(every_ms / rows[row].count / 4) + 2);
			if (!take(&r, now_ms)) continue;
			assert_true(count < TAKEN_MAX);
			taken[count++] = now_ms;
			while (taken[first] <= now_ms - every_ms) first++;
			assert_true((int64_t)(count - first) <= rows[row].count);
		}
		/* At least nine of ten that were allowed in the 20 stretches. */
		assert_true((int64_t)count >= rows[row].count * 20 * 9 / 10);
	}
}

static void many_are_spread(void **state)
{
	(void)state;
	struct pace_rate r = { 0 };
	unsigned at_once = 0;
	pace_rate_set(&r, 800, 3200);
	while (take(&r, 0)) at_once++;
	assert_int_equal(at_once, 100);
	assert_true(take(&r, 100)); /* the next slot */
	/* A few go together. */
	pace_rate_set(&r, 20, 3201);
	for (at_once = 0; take(&r, 0);) at_once++;
	assert_int_equal(at_once, 20);
	assert_false(take(&r, 3200));
	assert_true(take(&r, 3400));
}

static void a_share_of_it(void **state)
{
	(void)state;
	struct pace_rate r = { 0 };
	unsigned count = 0;
	pace_rate_set(&r, 20, 1000);
	for (; pace_rate_has(&r, PACE_SHARE / 4, 0); count++) pace_rate_use(&r, 0);
	assert_int_equal(count, 5);
	/* Never nothing. */
	pace_rate_set(&r, 20, 1001);
	assert_true(pace_rate_has(&r, 1, 0));
	pace_rate_use(&r, 0);
	assert_false(pace_rate_has(&r, 1, 0));
	assert_true(pace_rate_has(&r, 1, 1100));
}

static void clocks_that_jump(void **state)
{
	(void)state;
	struct pace_rate r = { 0 };
	const int64_t day = 86400000;
	pace_rate_set(&r, 2, 60000);
	assert_true(take(&r, 10 * day) && take(&r, 10 * day));
	assert_false(take(&r, 10 * day - 5000));
	assert_true(take(&r, 11 * day));
	/* Back by more than the length: nothing is known of that time. */
	assert_true(take(&r, 9 * day));
	assert_true(take(&r, 9 * day));
	assert_false(take(&r, 9 * day));
}

static void limits_that_change(void **state)
{
	(void)state;
	struct pace_rate r = { 0 };
	for (int i = 0; i < 100; i++) assert_true(take(&r, 0)); /* none */
	pace_rate_set(&r, 2, 1000);
	assert_true(take(&r, 0) && take(&r, 0));
	pace_rate_set(&r, 3, 1000); /* what was counted stays */
	assert_true(take(&r, 0));
	assert_false(take(&r, 0));
	pace_rate_set(&r, 0, 0);
	assert_true(take(&r, 0));
}

static void what_was_not_sent_is_given_back(void **state)
{
	struct pace_rate r = { 0 };
	(void)state;
	pace_rate_give_back(&r); /* no limit */
	pace_rate_set(&r, 2, 60000);
	pace_rate_give_back(&r); /* nothing was counted */
	pace_rate_use(&r, 1000);
	pace_rate_use(&r, 1000);
	assert_false(pace_rate_has(&r, PACE_SHARE, 1000));
	pace_rate_give_back(&r);
	assert_true(pace_rate_has(&r, PACE_SHARE, 1000));
	assert_int_equal(r.total, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_more_in_any_stretch),
		cmocka_unit_test(many_are_spread),
		cmocka_unit_test(a_share_of_it),
		cmocka_unit_test(what_was_not_sent_is_given_back),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(limits_that_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
