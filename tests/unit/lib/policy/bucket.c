/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and the table of slots below them, with time that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/policy/bucket.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct bucket_limit five_a_minute = { 5, 60 * 1000 };

/* Takes one at that time; used and wait behind it. */
static void takes(void **state)
{
	static const struct { int64_t at_ms, used, wait_ms; } rows[] = {
		{ 1000, 1, 0 }, { 1000, 2, 0 }, { 1000, 3, 0 }, { 1000, 4, 0 }, { 1000, 5, 0 },
		{ 1000, 5, 12000 }, /* the sixth: one comes back every twelve seconds */
		{ 12999, 5, 1 },
		{ 13000, 5, 0 },
		{ 13000, 5, 12000 },
		{ 37000, 4, 0 }, /* two came back, one is taken */
		{ 37000, 5, 0 },
		{ 37000, 5, 12000 },
		{ 1000000, 1, 0 }, /* all came back, and no more */
		{ 1000000, 2, 0 },
	};
	struct buckets *b = calloc(1, sizeof *b);
	(void)state;
	assert_non_null(b);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bucket_state s = bucket_take(b, 7, &five_a_minute, rows[i].at_ms);
		if (s.used != rows[i].used || s.wait_ms != rows[i].wait_ms)
			fail_msg("row %zu: used %lld wait %lld", i, (long long)s.used, (long long)s.wait_ms);
	}
	assert_int_equal(bucket_look(b, 7, &five_a_minute, 1000000).used, 2);
	assert_int_equal(bucket_look(b, 8, &five_a_minute, 1000000).used, 0);
	free(b);
}

/* The largest and the smallest limits that the configuration takes: never more than the
 * count at once, never more than the count comes back in the time. */
static void limits_hold(void **state)
{
	static const struct bucket_limit limits[] = {
		{ 1, 1000 }, { 7, 1000 }, { 1000000, 1000 }, { 1, 2592000000 }, { 1000000, 2592000000 },
		{ 999983, 86400000 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(limits); i++) {
		struct buckets *b = calloc(1, sizeof *b);
		int64_t taken = 0, now_ms = 4000000000;
		assert_non_null(b);
		while (bucket_take(b, 1, &limits[i], now_ms).wait_ms == 0) taken++;
		assert_int_equal(taken, limits[i].count);
		assert_int_equal(bucket_look(b, 1, &limits[i], now_ms).used, limits[i].count);
		now_ms += bucket_look(b, 1, &limits[i], now_ms).wait_ms;
		assert_int_equal(bucket_take(b, 1, &limits[i], now_ms).wait_ms, 0);
		now_ms += limits[i].every_ms;
		assert_int_equal(bucket_look(b, 1, &limits[i], now_ms).used, 0);
		free(b);
	}
}

/* What a longer limit, or somebody else, has left there costs one whole time at most. */
static void a_shorter_limit(void **state)
{
	static const struct bucket_limit day = { 1, 86400000 };
	struct buckets *b = calloc(1, sizeof *b);
	(void)state;
	assert_non_null(b);
	assert_int_equal(bucket_take(b, 3, &day, 5000).wait_ms, 0);
	assert_int_equal(bucket_look(b, 3, &five_a_minute, 5000).wait_ms, 12000);
	slots_find(b->slots, BUCKETS, 3)->word = UINT64_MAX;
	assert_int_equal(bucket_take(b, 3, &five_a_minute, 5000).wait_ms, 12000);
	assert_int_equal(bucket_take(b, 3, &five_a_minute, 17000).wait_ms, 12000);
	slots_find(b->slots, BUCKETS, 3)->word = 0;
	assert_int_equal(bucket_take(b, 3, &five_a_minute, 5000).wait_ms, 0);
	free(b);
}

/* A full table: what has come back is forgotten first, who is at the limit last. */
static void a_full_set(void **state)
{
	struct buckets *b = calloc(1, sizeof *b);
	uint64_t step = BUCKETS / SLOTS_WAYS; /* keys of one set */
	(void)state;
	assert_non_null(b);
	for (int i = 0; i < 5; i++) (void)bucket_take(b, 1, &five_a_minute, 1000);
	for (uint64_t i = 1; i < SLOTS_WAYS; i++)
		(void)bucket_take(b, 1 + i * step, &five_a_minute, 1000 + (int64_t)i);
	for (uint64_t i = 0; i < 100; i++)
		(void)bucket_take(b, 1 + (1000 + i) * step, &five_a_minute, 2000 + (int64_t)i);
	assert_int_equal(bucket_look(b, 1, &five_a_minute, 2100).used, 5);
	assert_null(slots_find(b->slots, BUCKETS, 1 + step));
	/* Nobody of another set was touched. */
	for (size_t i = 0; i < BUCKETS; i++)
		assert_true(b->slots[i].key == 0 || i / SLOTS_WAYS == 1);
	free(b);
}

static uint64_t by_word(uint64_t word) { return word; }

static void slots_give_back_an_empty_word(void **state)
{
	static struct slot slots[SLOTS_WAYS];
	bool fresh;
	(void)state;
	for (uint64_t key = 1; key <= SLOTS_WAYS; key++) {
		struct slot *s = slots_take(slots, SLOTS_WAYS, key, by_word, &fresh);
		assert_true(fresh);
		s->word = 100 - key;
	}
	assert_int_equal(slots_take(slots, SLOTS_WAYS, 3, by_word, &fresh)->word, 97);
	assert_false(fresh);
	struct slot *s = slots_take(slots, SLOTS_WAYS, 99, by_word, &fresh);
	assert_true(fresh && s->word == 0 && s->key == 99);
	assert_null(slots_find(slots, SLOTS_WAYS, SLOTS_WAYS)); /* it had the lowest word */
	uint64_t old = 5;
	assert_false(slots_change(&s->word, &old, 6));
	assert_int_equal(old, 0);
	assert_true(slots_change(&s->word, &old, 6) && slots_read(&s->word) == 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(a_shorter_limit),
		cmocka_unit_test(a_full_set),
		cmocka_unit_test(slots_give_back_an_empty_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
