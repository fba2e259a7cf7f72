/* SPDX-License-Identifier: Apache-2.0 */
/* What is passed over, and what is known of destinations: found again, remembered, bounded. */
#include <stdio.h>
#include <string.h>

#include "sched_bench.h"

static void drain(struct sched_dest *d)
{
	struct sched_dest *got;
	for (size_t left = d->waiting; left > 0; left--) {
		assert_non_null(sched_take(&sched, 0, &got));
		sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
	}
}

static void what_was_skipped_is_found_again(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a");
	struct sched_place place;
	while (sched_ask(&sched, d, 0) == SCHED_LINE) line_up(d, 1);
	sched_skip(&sched, d, (struct sched_place){ 50, 2, false }, false);
	sched_skip(&sched, d, (struct sched_place){ 40, 9, false }, false);
	sched_skip(&sched, d, (struct sched_place){ 60, 1, false }, false);
	assert_null(sched_refill(&sched, 0, true, &place));
	drain(d);
	assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
	assert_int_equal(place.due_ms, 40);
	assert_int_equal(place.id, 9);
	assert_null(sched_refill(&sched, 0, true, &place));
}

/* Each place by itself, in the order in which they were skipped; a message is remembered
 * once, for the destination where it was skipped last. */
static void places_are_remembered(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *other = dest("b");
	struct sched_place place;
	while (sched_ask(&sched, d, 0) == SCHED_LINE) line_up(d, 1);
	sched_skip(&sched, d, (struct sched_place){ 50, 2, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 40, 9, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 50, 2, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 60, 1, false }, false);
	sched_skip(&sched, other, (struct sched_place){ 30, 7, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 31, 7, false }, true);
	assert_true(sched_knows(&sched, (struct sched_place){ 40, 9, false }));
	assert_true(sched_knows(&sched, (struct sched_place){ 31, 7, false }));
	assert_false(sched_knows(&sched, (struct sched_place){ 30, 7, false })); /* it has another time */
	assert_false(sched_knows(&sched, (struct sched_place){ 60, 1, false }));
	assert_int_equal(sched.places.count, 3);
	assert_int_equal(d->from.id, 1);
	assert_false(sched_recall(&sched, other, &place));
	assert_ptr_not_equal(sched_refill(&sched, 0, true, &place), d); /* its line is full */
	drain(d);
	static const uint64_t ids[] = { 2, 9, 7 };
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
		assert_int_equal(place.id, 0);
		assert_true(sched_recall(&sched, d, &place));
		assert_int_equal(place.id, ids[i]);
		assert_false(sched_knows(&sched, place));
	}
	/* Then what is not remembered. */
	assert_false(sched_recall(&sched, d, &place));
	assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
	assert_int_equal(place.id, 1);
	assert_null(sched_refill(&sched, 0, true, &place));
}

/* There is an end to what is remembered; and all of it can be forgotten. */
/* A long list of others is not in its way. */
static void urgent_places_come_first(void **state)
{
	static const uint64_t want[] = { 8, 9, 1, 2 };
	struct sched_place place;
	(void)state;
	struct sched_dest *d = sched_dest(&sched, STR("a"), STR("r"), 5, false);
	sched_skip(&sched, d, (struct sched_place){ 50, 1, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 51, 2, false }, true);
	sched_skip(&sched, d, (struct sched_place){ 60, 8, true }, true);
	sched_skip(&sched, d, (struct sched_place){ 61, 9, true }, true);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		assert_true(sched_recall(&sched, d, &place));
		assert_int_equal(place.id, want[i]);
		assert_int_equal(place.urgent, want[i] > 2);
	}
	assert_false(sched_recall(&sched, d, &place));
	assert_false(sched_has_skipped(d));
}

static void places_are_bounded(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a");
	struct sched_place place;
	for (uint64_t id = 1; id <= SCHED_PLACES_MAX + 2; id++)
		sched_skip(&sched, d, (struct sched_place){ 5, id, false }, true);
	assert_true(sched_knows(&sched, (struct sched_place){ 5, SCHED_PLACES_MAX, false }));
	assert_false(sched_knows(&sched, (struct sched_place){ 5, SCHED_PLACES_MAX + 1, false }));
	assert_int_equal(d->from.id, SCHED_PLACES_MAX + 1);
	assert_true(sched_recall(&sched, d, &place));
	sched_skip(&sched, d, (struct sched_place){ 6, 1, false }, true);
	assert_true(sched_knows(&sched, (struct sched_place){ 6, 1, false }));
	sched_forget(&sched);
	assert_false(sched_knows(&sched, (struct sched_place){ 6, 1, false }));
	assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
	assert_int_equal(place.id, SCHED_PLACES_MAX + 1);
	sched_skip(&sched, d, (struct sched_place){ 7, 1, false }, true);
	sched_forget(&sched);
	sched_sweep(&sched, SCHED_BLOCK_MAX_MS);
	assert_null(sched_find(&sched, STR("a"))); /* it has nothing to remember */
}

static void what_was_skipped_for_a_dead_host_is_put_off(void **state)
{
	(void)state;
	struct sched_dest *d = dest("dead");
	struct sched_place place;
	sched_skip(&sched, d, (struct sched_place){ 50, 2, false }, false);
	for (int i = 0; i < SCHED_FAILURES_MAX; i++) end_badly(d, 0);
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_BLOCKED);
	assert_null(sched_refill(&sched, 0, false, &place));
	sched_sweep(&sched, 0);
	assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
	assert_null(sched_refill(&sched, 0, true, &place));
}

/* Thirty thousand dead ones, one after the other: those that live keep room. */
static void dead_ones_leave_room_in_the_table(void **state)
{
	static struct line_item first[33], one;
	struct sched_dest *d;
	int64_t now_ms = INT64_C(1800000000000);
	char key[64];
	(void)state;
	sched.limit = 500;
	for (size_t i = 0; i < 33; i++) { /* a crowd */
		(void)snprintf(key, sizeof key, "mx:c%zu", i);
		d = sched_dest(&sched, str_of(key), STR("r"), LIMIT, false);
		sched_wait(&sched, d, &first[i]);
		assert_ptr_equal(sched_take(&sched, now_ms, &d), &first[i]);
	}
	for (int i = 0; i < 30000; i++) {
		(void)snprintf(key, sizeof key, "mx:dead%d.example", i);
		d = sched_dest(&sched, str_of(key), STR("r"), LIMIT, false);
		assert_non_null(d);
		sched_wait(&sched, d, &one);
		assert_ptr_equal(sched_take(&sched, now_ms, &d), &one);
		sched_done(&sched, d, SCHED_FAILURE, STR("timeout"), now_ms);
		if (i % 100 == 0) sched_sweep(&sched, now_ms += 1000);
	}
	assert_non_null(sched_dest(&sched, STR("mx:alive.example"), STR("r"), LIMIT, false));
	assert_true(sched.dests.count < SCHED_DESTS_MAX);
}

/* However many others there are, mail that stays here has room. */
static void local_ones_always_have_room(void **state)
{
	char key[64];
	size_t made = 0;
	(void)state;
	for (int i = 0; i < SCHED_DESTS_MAX; i++) {
		(void)snprintf(key, sizeof key, "mx:%d.example", i);
		struct sched_dest *d = sched_dest(&sched, str_of(key), STR("r"), LIMIT, false);
		if (d) sched_suspend(&sched, d, true);
		made += d != NULL;
	}
	assert_int_equal(made, SCHED_DESTS_MAX - SCHED_DESTS_LOCAL);
	assert_non_null(sched_dest(&sched, STR("mailbox"), STR("mailbox"), 50, true));
	sched_sweep(&sched, 1);
	assert_non_null(sched_find(&sched, STR("mailbox")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(what_was_skipped_is_found_again),
		FRESH(places_are_remembered),
		FRESH(urgent_places_come_first),
		FRESH(places_are_bounded),
		FRESH(what_was_skipped_for_a_dead_host_is_put_off),
		FRESH(dead_ones_leave_room_in_the_table),
		FRESH(local_ones_always_have_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
