/* SPDX-License-Identifier: Apache-2.0 */
/* Getting slower and faster, in made time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/queue/pace.h"

enum { RETRY_MS = 15 * 60 * 1000 };
static const int64_t begin_ms = INT64_C(1800000000000);
static struct pace_change change;

static struct pace pace_of(uint32_t connections, int64_t rate)
{
	struct pace p = { 0 };
	const struct conf_pacing block = { .connections = connections, .rate = { rate, 60000 } };
	pace_set(&p, &block, 20, RETRY_MS);
	return p;
}

static bool hinted(struct pace *p, enum hint hint, uint32_t in_use, int64_t now_ms)
{
	return pace_hinted(p, hint, STR("421 why"), in_use, now_ms, &change);
}

static bool taken(struct pace *p, int64_t now_ms)
{
	return pace_taken(p, 0, 1, now_ms, &change);
}

static void words_make_it_slower(void **state)
{
	(void)state;
	static const struct {
		enum hint hint;
		uint32_t in_use, connections;
		unsigned share;
		int64_t stop_ms;
	} rows[] = {
		{ HINT_CROWD, 20, 10, PACE_SHARE, PACE_CROWD_MS },
		{ HINT_CROWD, 8, 4, PACE_SHARE, PACE_CROWD_MS }, /* of what was used */
		{ HINT_CROWD, 1, 1, PACE_SHARE, PACE_CROWD_MS },
		{ HINT_CROWD, 0, 10, PACE_SHARE, PACE_CROWD_MS },
		{ HINT_RATE, 20, 10, PACE_SHARE / 2, PACE_RATE_MS },
		{ HINT_ADDRESS, 20, 1, PACE_SHARE_MIN, PACE_ADDRESS_MS },
		{ HINT_SLOW, 20, 10, PACE_SHARE, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pace p = pace_of(20, 100);
		assert_true(pace_may_send(&p, begin_ms));
		assert_true(hinted(&p, rows[i].hint, rows[i].in_use, begin_ms));
		assert_int_equal(change.before, 20);
		assert_int_equal(change.now, rows[i].connections);
		assert_int_equal(p.connections, rows[i].connections);
		assert_int_equal(p.share, rows[i].share);
		assert_int_equal(p.reason, rows[i].hint);
		assert_int_equal(p.why_len, 7);
		if (rows[i].stop_ms) assert_false(pace_may_send(&p, begin_ms + rows[i].stop_ms - 1));
		assert_true(pace_may_send(&p, begin_ms + rows[i].stop_ms));
	}
	struct pace p = pace_of(20, 100);
	assert_false(hinted(&p, HINT_NONE, 20, begin_ms));
	assert_int_equal(p.connections, 20);
}

/* All that were under way are told the same. */
static void it_counts_once(void **state)
{
	(void)state;
	struct pace p = pace_of(16, 0);
	for (int i = 0; i < 16; i++) assert_int_equal(hinted(&p, HINT_CROWD, 16, begin_ms + i), i == 0);
	assert_int_equal(p.connections, 8);
	assert_false(taken(&p, begin_ms + 10)); /* begun before: shows nothing */
	assert_int_equal(p.strikes, 1);
	assert_true(hinted(&p, HINT_CROWD, 8, begin_ms + PACE_DEAF_MS));
	assert_int_equal(p.connections, 4);
}

static void stops_get_longer(void **state)
{
	(void)state;
	struct pace p = pace_of(16, 0);
	int64_t now_ms = begin_ms, stop_ms = PACE_RATE_MS;
	for (int i = 0; i < 40; i++) {
		assert_true(hinted(&p, HINT_RATE, 16, now_ms));
		assert_int_equal(p.stop_until_ms, now_ms + stop_ms);
		assert_int_equal(p.connections, i < 4 ? 8u >> i : 1); /* never none */
		assert_true(p.share >= PACE_SHARE_MIN);
		now_ms = p.stop_until_ms;
		assert_true(pace_may_send(&p, now_ms));
		stop_ms = 2 * stop_ms < PACE_STOP_MAX_MS ? 2 * stop_ms : PACE_STOP_MAX_MS;
	}
	/* Something went through: it begins anew. */
	(void)taken(&p, now_ms);
	assert_true(hinted(&p, HINT_RATE, 1, now_ms));
	assert_int_equal(p.stop_until_ms, now_ms + PACE_RATE_MS);
	/* Never longer than until the first retry. */
	struct pace quick = { 0 };
	pace_set(&quick, NULL, 5, 2000);
	assert_true(hinted(&quick, HINT_ADDRESS, 1, begin_ms));
	assert_int_equal(quick.stop_until_ms, begin_ms + 2000);
}

static void it_gets_faster_slowly(void **state)
{
	(void)state;
	struct pace p = pace_of(8, 100);
	assert_true(hinted(&p, HINT_RATE, 8, begin_ms));
	int64_t now_ms = p.stop_until_ms, first_ms = now_ms;
	unsigned steps = 0, last = p.share + p.connections;
	while (!taken(&p, now_ms)) {
		unsigned sum = p.share + p.connections;
		assert_true(sum >= last && sum <= last + PACE_STEP_SHARE + 1);
		steps += sum > last;
		last = sum;
		now_ms += 1000;
		assert_true(now_ms < first_ms + 3600 * 1000);
	}
	assert_int_equal(p.reason, HINT_NONE);
	assert_int_equal(p.connections, 8);
	assert_int_equal(p.share, PACE_SHARE);
	assert_int_equal(steps, 7); /* and the last one: eight 16ths */
	assert_int_equal(now_ms - first_ms, 8 * PACE_STEP_MS);
	assert_false(taken(&p, now_ms + PACE_STEP_MS));
	/* Without a success nothing changes. */
	assert_true(hinted(&p, HINT_CROWD, 8, now_ms));
	assert_true(pace_may_send(&p, now_ms + 3600 * 1000));
	assert_int_equal(p.connections, 4);
}

static void it_takes_longer_than_it_did(void **state)
{
	(void)state;
	struct pace p = pace_of(16, 0);
	int64_t now_ms = begin_ms;
	for (int i = 0; i < 100; i++) assert_false(pace_taken(&p, 200, 16, now_ms += 100, &change));
	/* One alone shows nothing. */
	assert_false(pace_taken(&p, 30000, 16, now_ms += 100, &change));
	for (int i = 0; i < 50; i++) assert_false(pace_taken(&p, 250, 16, now_ms += 100, &change));
	int count = 0;
	for (; count < 20 && !pace_taken(&p, 30000, 16, now_ms += 100, &change); count++) continue;
	assert_true(count >= 1 && count < 8);
	assert_int_equal(p.reason, HINT_SLOW);
	assert_int_equal(p.connections, 8);
	assert_true(pace_may_send(&p, now_ms)); /* it does not stop */
	/* Twice as long is no reason. */
	struct pace even = pace_of(16, 0);
	for (int i = 0; i < 200; i++)
		assert_false(pace_taken(&even, i < 100 ? 3000 : 6000, 16, begin_ms + i, &change));
	/* Nobody knows how long. */
	for (int i = 0; i < 200; i++) assert_false(pace_taken(&even, 0, 16, begin_ms + i, &change));
}

static void clocks_that_jump(void **state)
{
	(void)state;
	const int64_t day = 86400000;
	struct pace p = pace_of(8, 0);
	assert_true(hinted(&p, HINT_ADDRESS, 8, begin_ms));
	assert_false(pace_may_send(&p, begin_ms));
	assert_true(pace_may_send(&p, begin_ms - day));
	assert_true(hinted(&p, HINT_CROWD, 8, begin_ms - day));
	(void)taken(&p, begin_ms - day + PACE_STOP_MAX_MS);
	assert_true(pace_may_send(&p, begin_ms + day));
	for (int64_t i = 1; i < 100; i++) (void)taken(&p, begin_ms - day + i * PACE_STEP_MS);
	assert_int_equal(p.connections, 8);
}

static void a_new_configuration(void **state)
{
	(void)state;
	struct pace p = pace_of(8, 0);
	struct conf_pacing block = { .connections = 20 };
	pace_set(&p, &block, 5, RETRY_MS);
	assert_int_equal(p.connections, 20);
	assert_true(hinted(&p, HINT_CROWD, 20, begin_ms));
	pace_set(&p, &block, 5, RETRY_MS);
	assert_int_equal(p.connections, 10); /* the same block says nothing new */
	block.connections = 4;
	pace_set(&p, &block, 5, RETRY_MS);
	assert_int_equal(p.connections, 4);
	pace_set(&p, NULL, 0, RETRY_MS);
	assert_int_equal(p.connections, 1);
}

static void of_the_configuration(void **state)
{
	(void)state;
	int64_t after[] = { 2000 };
	struct conf conf = { .limit = { .connections = { .per_destination = 7, .out = 50 },
					.recipients_per_transaction = 30 } };
	const struct conf_pacing many = { .connections = 9, .recipients = 40 }, few = { .recipients = 4 };
	const struct { const struct conf_pacing *block; bool site; uint32_t connections, recipients; } rows[] = {
		{ NULL, false, 7, 30 }, { &few, false, 7, 4 }, { &few, true, 50, 4 },
		{ &many, false, 9, 30 }, { &many, true, 9, 30 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct pace p = { 0 };
		conf.retry.after.count = i % 2;
		conf.retry.after.at = after;
		pace_configure(&p, &conf, rows[i].block, rows[i].site);
		assert_int_equal(p.connections_max, rows[i].connections);
		assert_int_equal(pace_recipients_max(&conf, rows[i].block), rows[i].recipients);
		/* Without a time of retries, and with one. */
		assert_true(hinted(&p, HINT_RATE, 5, begin_ms));
		assert_int_equal(p.stop_until_ms - begin_ms, i % 2 ? 2000 : PACE_RATE_MS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_make_it_slower),
		cmocka_unit_test(it_counts_once),
		cmocka_unit_test(stops_get_longer),
		cmocka_unit_test(it_gets_faster_slowly),
		cmocka_unit_test(it_takes_longer_than_it_did),
		cmocka_unit_test(clocks_that_jump),
		cmocka_unit_test(a_new_configuration),
		cmocka_unit_test(of_the_configuration),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
