/* SPDX-License-Identifier: Apache-2.0 */
/* Users over weeks of made time: who grows slowly passes, who floods is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/policy/baseline.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

enum { HOUR = 3600 * 1000 };
static const int64_t begin_ms = INT64_C(1800000000000) / HOUR * HOUR;
static const struct baseline_limits limits = { 10, 200, HOUR, 7 * 24 * HOUR };

static struct baselines *table;

static int setup(void **state)
{
	(void)state;
	table = calloc(1, sizeof *table);
	return table ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	free(table);
	return 0;
}

/* So many in that hour; how many of them were too much. */
static unsigned sends(uint64_t key, int64_t hour, unsigned count)
{
	unsigned over = 0;
	for (unsigned i = 0; i < count; i++)
		over += baseline_count(table, key, &limits, true, begin_ms + hour * HOUR + i).over;
	return over;
}

static uint64_t usual(uint64_t key, int64_t hour)
{
	return baseline_look(table, key, &limits, begin_ms + hour * HOUR).usual;
}

static void a_quiet_user_floods(void **state)
{
	(void)state;
	for (int64_t hour = 0; hour < 400; hour += 3) assert_int_equal(sends(1, hour, 5), 0);
	assert_in_range(usual(1, 400), 4, 5);
	assert_int_equal(sends(1, 400, 200), 0); /* the floor */
	assert_int_equal(sends(1, 400, 5000), 5000);
	/* The next hours are no better for it: what was too much is not learnt. */
	for (int64_t hour = 401; hour < 407; hour++) {
		assert_in_range(usual(1, hour), 4, 15);
		assert_int_equal(sends(1, hour, 1000), 800);
	}
	assert_int_equal(sends(2, 400, 200), 0); /* others are others */
}

static void somebody_new_floods(void **state)
{
	(void)state;
	assert_int_equal(sends(1, 0, 1000), 800);
	assert_int_equal(sends(1, 1, 1000), 800);
	assert_int_equal(usual(1, 2), 15); /* two hours of 200 among 24 of nothing */
}

static void slow_growth_passes(void **state)
{
	(void)state;
	unsigned count = 100;
	for (int64_t hour = 0; hour < 24 * 21; hour++) {
		assert_int_equal(sends(1, hour, count), 0);
		if (hour % 24 == 23) count += count / 4; /* a quarter more each day */
	}
	assert_true(count > 5000);
}

static void a_big_sender_is_known(void **state)
{
	(void)state;
	/* A shop: 150 an hour, each hour of two weeks. Then its sale. */
	for (int64_t hour = 0; hour < 24 * 14; hour++) assert_int_equal(sends(1, hour, 150), 0);
	assert_in_range(usual(1, 24 * 14), 130, 150);
	assert_int_equal(sends(1, 24 * 14, 1300), 0);
	/* Silence is not learnt: after a month he is the same. */
	assert_in_range(usual(1, 24 * 44), 130, 160);
	assert_int_equal(sends(1, 24 * 44, 1300), 0);
	assert_true(sends(1, 24 * 44, 1000) > 0);
}

static void a_letter_a_week_is_learnt_by_what_was_let_through(void **state)
{
	(void)state;
	/* 180 each week, below the floor, until it is the average; then it may grow. */
	for (int64_t week = 0; week < 52; week++) assert_int_equal(sends(1, week * 168, 180), 0);
	assert_int_equal(sends(1, 52 * 168, 1000), 0);
}

static void who_is_put_off_is_not_counted(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		assert_false(baseline_count(table, 1, &limits, false, begin_ms).over);
	for (int i = 0; i < 50; i++) {
		struct baseline_state s = baseline_count(table, 1, &limits, false, begin_ms);
		assert_true(s.over && s.count == 200 && s.limit == 200);
	}
	assert_false(baseline_count(table, 1, &limits, false, begin_ms + HOUR).over);
}

static void the_first_over_says_so(void **state)
{
	(void)state;
	unsigned first = 0;
	for (int i = 0; i < 300; i++) first += baseline_count(table, 1, &limits, true, begin_ms).first;
	assert_int_equal(first, 1);
}

/* A clock that was set back, numbers at their ends. */
static void odd_times(void **state)
{
	(void)state;
	assert_int_equal(sends(1, 100, 150), 0);
	assert_int_equal(sends(1, 10, 150), 0);
	assert_int_equal(usual(1, 10), 6);
	table->usual[slots_find(table->slots, BASELINES, 1) - table->slots] = UINT64_MAX;
	assert_int_equal(sends(1, 11, 10), 0);
	struct baseline_state s = baseline_look(table, 1, &limits, begin_ms + 11 * HOUR);
	assert_true(s.limit > 1000000);
	slots_find(table->slots, BASELINES, 1)->word |= UINT32_MAX;
	assert_int_equal(baseline_count(table, 1, &limits, true, begin_ms + 11 * HOUR).count,
		(uint64_t)UINT32_MAX + 1);
	assert_int_equal(slots_find(table->slots, BASELINES, 1)->word & UINT32_MAX, UINT32_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_quiet_user_floods), TEST(somebody_new_floods), TEST(slow_growth_passes),
		TEST(a_big_sender_is_known), TEST(a_letter_a_week_is_learnt_by_what_was_let_through),
		TEST(who_is_put_off_is_not_counted), TEST(the_first_over_says_so), TEST(odd_times),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
