/* SPDX-License-Identifier: Apache-2.0 */
#include "bench.h"

enum { EPOCH_S = 1577836800, WORKER_SHIFT = 14, TIME_SHIFT = 20, COUNTS = 1 << WORKER_SHIFT };

static uint64_t worker_of(uint64_t id) { return id >> WORKER_SHIFT & 63; }
static uint64_t ms_of(uint64_t id) { return id >> TIME_SHIFT; }

static void by_time(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf, 32);
	b->frame.index = 5;
	b->wall_ms = (int64_t)EPOCH_S * 1000 + 1234567;
	uint64_t id = receive_next_id(b->rx);
	assert_int_equal(ms_of(id), 1234567);
	assert_int_equal(worker_of(id), 5);
	b->wall_ms++;
	uint64_t next = receive_next_id(b->rx);
	assert_int_equal(ms_of(next), 1234568);
	assert_true(next > id);
	b->frame.index = 0;
	bench_free(b);
}

/* Ids grow whatever the clock does, and always carry their worker. */
static void clock(void **state)
{
	(void)state;
	static const int64_t steps[] = { 0, 0, 1, 0, -1, -5000, 0, 4999, 3, -86400000, 0, 90000000 };
	static const unsigned workers[] = { 0, 1, 31, 62, 63 };
	struct bench *b = bench_new(bench_conf, 32);
	for (size_t w = 0; w < ROWS(workers); w++) {
		b->frame.index = workers[w];
		b->rx->ids.last = 0;
		uint64_t last = 0;
		for (size_t i = 0; i < ROWS(steps); i++) {
			b->wall_ms += steps[i];
			for (int n = 0; n < 40; n++) {
				uint64_t id = receive_next_id(b->rx);
				if (id <= last) fail_msg("worker %u step %zu: not above the last", workers[w], i);
				assert_int_equal(worker_of(id), workers[w]);
				last = id;
			}
		}
	}
	b->frame.index = 0;
	bench_free(b);
}

/* More ids in a millisecond than the count has room for: the next ones are of the next
 * millisecond, never of the next worker. */
static void count_overflow(void **state)
{
	(void)state;
	static const unsigned workers[] = { 0, 1, 62, 63 };
	struct bench *b = bench_new(bench_conf, 32);
	for (size_t w = 0; w < ROWS(workers); w++) {
		b->frame.index = workers[w];
		b->rx->ids.last = 0;
		uint64_t first = receive_next_id(b->rx), last = first;
		for (int n = 0; n < 3 * COUNTS; n++) {
			uint64_t id = receive_next_id(b->rx);
			assert_true(id > last);
			assert_int_equal(worker_of(id), workers[w]);
			last = id;
		}
		assert_int_equal(ms_of(last), ms_of(first) + 3);
	}
	b->frame.index = 0;
	bench_free(b);
}

/* A clock before 2020, as after a battery has died: small ids, never 0, which means none. */
static void clock_in_the_past(void **state)
{
	(void)state;
	static const int64_t walls[] = { 0, -1, (int64_t)EPOCH_S * 1000 - 1, (int64_t)EPOCH_S * 1000, INT64_MIN + (int64_t)EPOCH_S * 1000 };
	struct bench *b = bench_new(bench_conf, 32);
	for (size_t i = 0; i < ROWS(walls); i++) {
		b->rx->ids.last = 0;
		b->wall_ms = walls[i];
		uint64_t id = receive_next_id(b->rx);
		assert_int_not_equal(id, 0);
		assert_int_equal(ms_of(id), 0);
		/* Once the clock is right again, so are the ids. */
		b->wall_ms = 1800000000000;
		assert_int_equal(ms_of(receive_next_id(b->rx)), 1800000000000 - (int64_t)EPOCH_S * 1000);
	}
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_time),
		cmocka_unit_test(clock),
		cmocka_unit_test(count_overflow),
		cmocka_unit_test(clock_in_the_past),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
