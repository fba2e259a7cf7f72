/* SPDX-License-Identifier: Apache-2.0 */
/* So many in each period, and the record in which that outlives the service. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/crc32c.h"
#include "lib/policy/tally.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void steps(void **state)
{
	static const struct { char act; uint64_t key; uint32_t period, limit; bool good; uint32_t used; } rows[] = {
		{ 't', 1, 5, 0, false, 0 },
		{ 't', 1, 5, 2, true, 1 },
		{ 't', 1, 5, 2, true, 2 },
		{ 't', 1, 5, 2, false, 2 },
		{ 't', 2, 5, 2, true, 1 }, /* another key */
		{ 't', 1, 5, 3, true, 3 }, /* the limit grew meanwhile */
		{ 't', 1, 5, 2, false, 3 },
		{ 'g', 1, 5, 0, true, 2 },
		{ 'g', 1, 4, 0, true, 2 }, /* of a period that is over */
		{ 'g', 1, 6, 0, true, 0 }, /* of one that has not begun */
		{ 't', 1, 5, 2, false, 2 },
		{ 't', 1, 7, 1, true, 1 },
		{ 'g', 1, 5, 0, true, 1 },
		{ 't', 1, 6, 1, false, 1 }, /* the clock was set back: nothing new */
		{ 't', 1, 6, 2, true, 2 },
		{ 't', 1, 7, 2, false, 2 },
		{ 'g', 1, 7, 0, true, 1 }, { 'g', 1, 7, 0, true, 0 }, { 'g', 1, 7, 0, true, 0 },
		{ 'g', 9, 7, 0, true, 0 }, /* nobody's */
		{ 't', 1, UINT32_MAX, UINT32_MAX, true, 1 },
	};
	struct quotas *q = calloc(1, sizeof *q);
	(void)state;
	assert_non_null(q);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool good = true;
		if (rows[i].act == 't')
			good = quota_take(q, rows[i].key, rows[i].period, rows[i].limit);
		else
			quota_give_back(q, rows[i].key, rows[i].period);
		uint32_t used = quota_used(q, rows[i].key, rows[i].period);
		if (good != rows[i].good || used != rows[i].used)
			fail_msg("row %zu: %d, used %u", i, good, used);
	}
	free(q);
}

enum { TAKERS = 4, TRIES = 5000, LIMIT = 8000 };
static struct quotas shared;

static void *taker(void *arg)
{
	unsigned *got = arg;
	for (int i = 0; i < TRIES; i++) *got += quota_take(&shared, 3, 1, LIMIT);
	return NULL;
}

/* Never one too many, whoever takes at the same time. */
static void together(void **state)
{
	pthread_t threads[TAKERS];
	unsigned got[TAKERS] = { 0 }, sum = 0;
	(void)state;
	for (int i = 0; i < TAKERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, taker, &got[i]), 0);
	for (int i = 0; i < TAKERS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		sum += got[i];
	}
	assert_int_equal(sum, LIMIT);
	assert_int_equal(quota_used(&shared, 3, 1), LIMIT);
}

static void kept(void **state)
{
	struct tally *from = calloc(1, sizeof *from), *to = calloc(1, sizeof *to);
	struct buf record, old;
	(void)state;
	assert_non_null(from);
	assert_non_null(to);
	from->seed = 7;
	assert_true(quota_take(&from->quotas, 4, 20, 9) && quota_take(&from->quotas, 4, 20, 9));
	buf_init(&record, TALLY_RECORD_MAX);
	buf_init(&old, TALLY_RECORD_MAX);
	tally_write(from, &record);
	assert_true(tally_read(to, buf_view(&record)));
	assert_int_equal(quota_used(&to->quotas, 4, 20), 2);
	/* A record of the version before, which ends where the quotas begin. */
	buf_str(&old, str_sub(buf_view(&record), 0, record.len - 4 - 4 - 16));
	assert_int_equal(old.at[4], 2);
	old.at[4] = 1;
	buf_put_u32(&old, crc32c(0, old.at, old.len));
	to->seed = 0;
	assert_true(tally_read(to, buf_view(&old)));
	assert_int_equal(to->seed, 7);
	/* That of a later one is none of ours. */
	buf_reset(&old);
	buf_str(&old, str_sub(buf_view(&record), 0, record.len - 4));
	old.at[4] = 3;
	buf_put_u32(&old, crc32c(0, old.at, old.len));
	assert_false(tally_read(to, buf_view(&old)));
	buf_free(&old);
	buf_free(&record);
	free(from);
	free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps),
		cmocka_unit_test(together),
		cmocka_unit_test(kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
