/* SPDX-License-Identifier: Apache-2.0 */
/* One scheduler, anew for each test, and items for its lines. */
#ifndef IMS_TESTS_SCHED_BENCH_H
#define IMS_TESTS_SCHED_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/queue/sched.h"

enum { LIMIT = 20, ITEMS = 4000 };

static struct sched sched;
static struct line_item items[ITEMS];
static size_t used;

static inline int setup(void **state)
{
	(void)state;
	sched_init(&sched, 100, 7);
	used = 0;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	sched_free(&sched);
	return 0;
}

static inline struct sched_dest *dest(const char *key)
{
	struct sched_dest *d = sched_dest(&sched, str_of(key), STR("r"), LIMIT, false);
	assert_non_null(d);
	return d;
}

static inline void line_up(struct sched_dest *d, size_t count)
{
	for (; count > 0; count--) {
		assert_true(used < ITEMS);
		items[used].urgent = false;
		sched_wait(&sched, d, &items[used++]);
	}
}

static inline size_t take_all(int64_t now_ms)
{
	size_t count = 0;
	for (struct sched_dest *d; sched_take(&sched, now_ms, &d);) count++;
	return count;
}

static inline void end_badly(struct sched_dest *d, int64_t now_ms)
{
	struct sched_dest *got;
	if (d->in_flight == 0) {
		line_up(d, 1);
		assert_non_null(sched_take(&sched, now_ms, &got));
	}
	sched_done(&sched, d, SCHED_FAILURE, STR("refused"), now_ms);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
