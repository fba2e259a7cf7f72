/* SPDX-License-Identifier: Apache-2.0 */
/* Greylisting by its times, and the record in which it outlives the service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/policy/tally.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

enum { NOW = 1800000000, DAY = 86400, KEEP = 36 * DAY };
static const struct grey_limits limits = { 300, KEEP, 3 };

static void one_triplet(void **state)
{
	static const struct { int64_t at; enum grey_answer answer; int64_t wait_s; bool changed; } rows[] = {
		{ NOW, GREY_WAITS, 300, true },
		{ NOW, GREY_WAITS, 300, false },
		{ NOW + 1, GREY_WAITS, 299, false },
		{ NOW - 50, GREY_WAITS, 300, true }, /* the clock was set back */
		{ NOW + 249, GREY_WAITS, 1, false },
		{ NOW + 250, GREY_AGAIN, 0, true },
		{ NOW + 251, GREY_PASSES, 0, false },
		{ NOW + 250 + 60, GREY_PASSES, 0, true },
		{ NOW + 310 + KEEP, GREY_PASSES, 0, true },
		{ NOW + 311 + 2 * KEEP, GREY_WAITS, 300, true }, /* forgotten */
		{ NOW + 311 + 2 * KEEP + 301 + DAY, GREY_WAITS, 300, true }, /* came too late */
		{ NOW + 311 + 2 * KEEP + 301 + DAY + 300, GREY_AGAIN, 0, true },
	};
	struct greylist *g = calloc(1, sizeof *g);
	(void)state;
	assert_non_null(g);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool seen;
		struct grey_state look = grey_look(g, 1, 2, &limits, rows[i].at, &seen);
		struct grey_state s = grey_ask(g, 1, 2, &limits, rows[i].at);
		if (s.answer != rows[i].answer || s.wait_s != rows[i].wait_s || s.changed != rows[i].changed)
			fail_msg("row %zu: %d wait %lld changed %d", i, (int)s.answer, (long long)s.wait_s, s.changed);
		if (look.answer != s.answer) fail_msg("row %zu: looks like %d", i, (int)look.answer);
		if (i == 0) assert_false(seen);
		if (i == 1) assert_true(seen);
	}
	free(g);
}

static void networks(void **state)
{
	struct greylist *g = calloc(1, sizeof *g);
	bool seen;
	(void)state;
	assert_non_null(g);
	for (uint64_t i = 0; i < 3; i++) {
		assert_int_equal(grey_ask(g, 1, 10 + i, &limits, NOW).answer, GREY_WAITS);
		assert_int_equal(grey_ask(g, 1, 50 + i, &limits, NOW).answer, GREY_WAITS);
		assert_int_equal(grey_ask(g, 1, 10 + i, &limits, NOW + 300).answer, GREY_AGAIN);
	}
	assert_int_equal(grey_ask(g, 1, 99, &limits, NOW + 301).answer, GREY_KNOWN);
	assert_int_equal(grey_look(g, 1, 98, &limits, NOW + 301, &seen).answer, GREY_KNOWN);
	assert_int_equal(grey_ask(g, 2, 99, &limits, NOW + 301).answer, GREY_WAITS);
	/* Mail keeps it known; silence for longer than keep does not. */
	assert_true(grey_ask(g, 1, 97, &limits, NOW + 300 + KEEP).changed);
	assert_int_equal(grey_ask(g, 1, 97, &limits, NOW + 300 + 2 * KEEP).answer, GREY_KNOWN);
	assert_int_equal(grey_ask(g, 1, 97, &limits, NOW + 301 + 3 * KEEP).answer, GREY_WAITS);
	assert_int_equal(grey_ask(g, 1, 97, &limits, NOW + 601 + 3 * KEEP).answer, GREY_AGAIN);
	assert_int_equal(grey_ask(g, 1, 96, &limits, NOW + 601 + 3 * KEEP).answer, GREY_WAITS);
	/* known 0: never */
	struct grey_limits never = { 300, KEEP, 0 };
	for (uint64_t i = 0; i < 20; i++) {
		(void)grey_ask(g, 3, 1000 + i, &never, NOW);
		assert_int_equal(grey_ask(g, 3, 1000 + i, &never, NOW + 300).answer, GREY_AGAIN);
	}
	free(g);
}

/* Where there is no room, those who only wait make it for those who came again. */
static void a_full_set(void **state)
{
	struct greylist *g = calloc(1, sizeof *g);
	uint64_t step = GREY_TRIPLETS / SLOTS_WAYS;
	(void)state;
	assert_non_null(g);
	(void)grey_ask(g, 1, 5, &limits, NOW);
	assert_int_equal(grey_ask(g, 1, 5, &limits, NOW + 300).answer, GREY_AGAIN);
	for (uint64_t i = 1; i < 50; i++) (void)grey_ask(g, 1, 5 + i * step, &limits, NOW + 200);
	assert_int_equal(grey_ask(g, 1, 5, &limits, NOW + 301).answer, GREY_PASSES);
	free(g);
}

static struct tally *filled(void)
{
	struct tally *t = calloc(1, sizeof *t);
	static const struct baseline_limits usual = { 10, 200, 3600000, 3600000 };
	assert_non_null(t);
	t->seed = 77;
	(void)grey_ask(&t->grey, 1, 2, &limits, NOW);
	(void)grey_ask(&t->grey, 1, 2, &limits, NOW + 300);
	for (int i = 0; i < 9; i++)
		(void)baseline_count(&t->baselines, 3, &usual, true, INT64_C(1000) * NOW);
	(void)baseline_count(&t->baselines, 3, &usual, true, INT64_C(1000) * (NOW + 3600));
	return t;
}

static void what_lasts(void **state)
{
	static const struct baseline_limits usual = { 10, 200, 3600000, 3600000 };
	struct tally *from = filled(), *to = calloc(1, sizeof *to);
	struct buf record;
	(void)state;
	assert_non_null(to);
	buf_init(&record, TALLY_RECORD_MAX);
	tally_write(from, &record);
	assert_false(record.overflowed);
	/* Counted meanwhile, before the record was read: it stays. */
	to->seed = 5;
	(void)grey_ask(&to->grey, 1, 9, &limits, NOW + 301);
	assert_true(tally_read(to, buf_view(&record)));
	assert_int_equal(to->seed, 77);
	assert_int_equal(grey_ask(&to->grey, 1, 2, &limits, NOW + 302).answer, GREY_PASSES);
	assert_int_equal(grey_ask(&to->grey, 1, 9, &limits, NOW + 302).wait_s, 299);
	struct baseline_state s = baseline_look(&to->baselines, 3, &usual, INT64_C(1000) * (NOW + 3600));
	assert_int_equal(s.count, 1);
	assert_int_equal(s.usual, 9);
	buf_free(&record);
	free(from);
	free(to);
}

/* Every cut and every flipped octet is noticed, and nothing is taken of it. */
static void damaged_records(void **state)
{
	struct tally *from = filled(), *to = calloc(1, sizeof *to);
	struct buf record;
	(void)state;
	assert_non_null(to);
	buf_init(&record, TALLY_RECORD_MAX);
	tally_write(from, &record);
	for (size_t len = 0; len < record.len; len++)
		assert_false(tally_read(to, (struct str){ record.at, len }));
	for (size_t i = 0; i < record.len; i++) {
		record.at[i] ^= 0x41;
		assert_false(tally_read(to, buf_view(&record)));
		record.at[i] ^= 0x41;
	}
	assert_int_equal(to->seed, 0);
	for (size_t i = 0; i < GREY_TRIPLETS; i++) assert_int_equal(to->grey.triplets[i].key, 0);
	assert_true(tally_read(to, buf_view(&record)));
	/* One without a seed is none. */
	from->seed = 0;
	buf_reset(&record);
	tally_write(from, &record);
	assert_false(tally_read(to, buf_view(&record)));
	assert_int_equal(to->seed, 77);
	buf_free(&record);
	free(from);
	free(to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_triplet), cmocka_unit_test(networks), cmocka_unit_test(a_full_set),
		cmocka_unit_test(what_lasts), cmocka_unit_test(damaged_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
