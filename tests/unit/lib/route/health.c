/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/route/health.h"

enum { A = 1, B = 2, PROBE = 1000 };

static struct health h;

static int fresh(void **state)
{
	(void)state;
	h = (struct health){ 0 };
	return 0;
}

static enum health_change bad(uint64_t key, int64_t now_ms)
{
	return health_heard(&h, key, false, PROBE, now_ms);
}

static enum health_change good(uint64_t key, int64_t now_ms)
{
	return health_heard(&h, key, true, PROBE, now_ms);
}

static void down_after_two_in_a_row(void **state)
{
	(void)state;
	assert_int_equal(bad(A, 0), HEALTH_SAME);
	assert_int_equal(health_ask(&h, A, 0), HEALTH_UP);
	assert_int_equal(good(A, 1), HEALTH_SAME);
	assert_null(health_find(&h, A));
	assert_int_equal(bad(A, 2), HEALTH_SAME);
	assert_int_equal(bad(A, 3), HEALTH_WENT_DOWN);
	assert_int_equal(health_ask(&h, A, 3), HEALTH_DOWN);
	assert_int_equal(health_ask(&h, A, 1002), HEALTH_DOWN);
	assert_int_equal(health_ask(&h, A, 1003), HEALTH_DUE);
	assert_int_equal(health_ask(&h, B, 3), HEALTH_UP);
	assert_int_equal(health_find(&h, A)->failures, 2);
}

/* One asks, the others go on passing it over; each time that it fails it is left for longer. */
static void a_probe(void **state)
{
	(void)state;
	int64_t now_ms = 0, wait_ms = PROBE;
	(void)bad(A, now_ms);
	assert_int_equal(bad(A, now_ms), HEALTH_WENT_DOWN);
	for (int i = 0; i < 40; i++) {
		assert_int_equal(health_ask(&h, A, now_ms + wait_ms - 1), HEALTH_DOWN);
		now_ms += wait_ms;
		assert_int_equal(health_ask(&h, A, now_ms), HEALTH_DUE);
		health_probe(&h, A, PROBE, now_ms);
		assert_int_equal(health_ask(&h, A, now_ms), HEALTH_DOWN);
		assert_int_equal(bad(A, now_ms), HEALTH_WENT_DOWN);
		wait_ms = wait_ms * 2 < HEALTH_DOWN_MAX_MS ? wait_ms * 2 : HEALTH_DOWN_MAX_MS;
	}
	assert_int_equal(wait_ms, HEALTH_DOWN_MAX_MS);
	assert_int_equal(good(A, now_ms), HEALTH_CAME_UP);
	assert_int_equal(health_ask(&h, A, now_ms), HEALTH_UP);
	assert_int_equal(bad(A, now_ms), HEALTH_SAME); /* it begins anew */
}

/* A probe of which nothing is heard does not keep it down for ever. */
static void a_probe_without_an_end(void **state)
{
	(void)state;
	(void)bad(A, 0);
	(void)bad(A, 0);
	health_probe(&h, A, PROBE, 5000);
	assert_int_equal(health_ask(&h, A, 5999), HEALTH_DOWN);
	assert_int_equal(health_ask(&h, A, 6000), HEALTH_DUE);
	health_probe(&h, B, PROBE, 5000); /* nothing stands against it */
	assert_null(health_find(&h, B));
}

static void what_was_under_way_together_is_one_failure(void **state)
{
	(void)state;
	(void)bad(A, 0);
	assert_int_equal(bad(A, 0), HEALTH_WENT_DOWN);
	for (int i = 0; i < 100; i++) assert_int_equal(bad(A, 10), HEALTH_SAME);
	assert_int_equal(health_ask(&h, A, PROBE), HEALTH_DUE);
	assert_int_equal(bad(A, PROBE), HEALTH_WENT_DOWN); /* one that was still on its way */
	assert_int_equal(health_ask(&h, A, 3 * PROBE - 1), HEALTH_DOWN);
}

/* A probe time of more than the maximum counts as it is. */
static void a_long_probe(void **state)
{
	(void)state;
	enum { LONG = 2 * HEALTH_DOWN_MAX_MS };
	for (int i = 0; i < 2; i++) (void)health_heard(&h, A, false, LONG, 0);
	assert_int_equal(health_ask(&h, A, LONG - 1), HEALTH_DOWN);
	assert_int_equal(health_ask(&h, A, LONG), HEALTH_DUE);
}

/* Of too many the one heard of longest ago is forgotten; no key is no host. */
static void bounded(void **state)
{
	(void)state;
	for (uint64_t key = 1; key <= HEALTH_HOSTS_MAX; key++)
		for (int i = 0; i < 2; i++) (void)bad(key, (int64_t)key);
	(void)bad(1, 10000);
	(void)bad(9999, 10001);
	assert_null(health_find(&h, 2));
	assert_non_null(health_find(&h, 1));
	assert_non_null(health_find(&h, 3));
	assert_non_null(health_find(&h, 9999));
	assert_int_equal(bad(0, 0), HEALTH_SAME);
	assert_int_equal(bad(0, 0), HEALTH_SAME);
	assert_int_equal(good(0, 0), HEALTH_SAME);
	assert_int_equal(health_ask(&h, 0, 0), HEALTH_UP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(down_after_two_in_a_row, fresh),
		cmocka_unit_test_setup(a_probe, fresh),
		cmocka_unit_test_setup(a_probe_without_an_end, fresh),
		cmocka_unit_test_setup(what_was_under_way_together_is_one_failure, fresh),
		cmocka_unit_test_setup(a_long_probe, fresh),
		cmocka_unit_test_setup(bounded, fresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
