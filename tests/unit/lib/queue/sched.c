/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "sched_bench.h"

static void a_new_destination_starts_slowly(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a");
	line_up(d, 15);
	assert_int_equal(take_all(0), SCHED_WINDOW_FIRST);
	/* Each success frees its own place and adds one. */
	for (uint32_t i = 0; i < 3; i++) {
		sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
		assert_int_equal(take_all(0), 2);
	}
	for (int i = 0; i < 40; i++) {
		line_up(d, 2);
		sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
		(void)take_all(0);
	}
	assert_int_equal(d->in_flight, LIMIT);
}

static void turns_are_fair(void **state)
{
	(void)state;
	struct sched_dest *a = dest("a"), *b = dest("b"), *got;
	line_up(a, 20);
	line_up(b, 2);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(got, a);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(got, b);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(got, a);
}

static void urgent_goes_first(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *got;
	struct line_item first = { .urgent = false }, second = { .urgent = true };
	sched_wait(&sched, d, &first);
	sched_wait(&sched, d, &second);
	assert_ptr_equal(sched_take(&sched, 0, &got), &second);
	sched_untake(&sched, d, &second);
	assert_ptr_equal(sched_take(&sched, 0, &got), &second);
	assert_ptr_equal(sched_take(&sched, 0, &got), &first);
}

static void the_total_is_limited_but_not_for_local_ones(void **state)
{
	(void)state;
	sched.limit = 7;
	struct sched_dest *a = dest("a"), *b = dest("b");
	a->proved = b->proved = true;
	struct sched_dest *local = sched_dest(&sched, STR("mailbox"), STR("mailbox"), 50, true);
	line_up(a, 10);
	line_up(b, 10);
	assert_int_equal(take_all(0), 7);
	line_up(local, 30);
	assert_int_equal(take_all(0), 30);
	sched_done(&sched, a, SCHED_NEITHER, STR(""), 0);
	assert_int_equal(take_all(0), 1);
}

/* Those that nobody knows leave half of the places to others, and get one each. */
static void who_is_not_proved_leaves_room(void **state)
{
	(void)state;
	sched.limit = 40;
	char key[2] = "a";
	for (; key[0] < 'z'; key[0]++) line_up(dest(key), 3);
	assert_int_equal(take_all(0), 20);
	assert_int_equal(sched.trying, 20);
	struct sched_dest *a = dest("a"), *known = dest("known");
	assert_int_equal(sched_haste(&sched, a), SCHED_LOOK);
	known->proved = true;
	line_up(known, 3);
	assert_int_equal(take_all(0), 3);
	/* One that does not find its host is blocked at once; so the next may be tried. */
	assert_int_equal(a->in_flight, 1);
	sched_done(&sched, a, SCHED_FAILURE, STR("x"), 0);
	assert_int_equal(sched_ask(&sched, a, 0), SCHED_BLOCKED);
	assert_int_equal(take_all(0), 1);
	/* One that does is none of them any more. */
	struct sched_dest *b = dest("b");
	uint32_t of_b = b->in_flight;
	assert_true(of_b > 0);
	sched_done(&sched, b, SCHED_SUCCESS, STR(""), 0);
	assert_int_equal(sched.trying, 20 - of_b);
	assert_int_equal(sched_haste(&sched, b), SCHED_CALM);
}

/* Nobody was there in a look: that is no failure, and the next time there is more time. */
static void a_look_is_no_failure(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a");
	sched.limit = 16;
	line_up(d, 1);
	assert_int_equal(take_all(0), 1);
	/* The only one that is tried has all its time. */
	assert_int_equal(sched_haste(&sched, d), SCHED_CALM);
	line_up(dest("b"), 1);
	assert_int_equal(take_all(0), 1);
	assert_int_equal(sched_haste(&sched, d), SCHED_LOOK);
	/* In line stands only what may start soon. */
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_SKIP);
	assert_int_equal(sched_ask(&sched, dest("c"), 0), SCHED_LINE);
	sched_done(&sched, d, SCHED_LOOKED, STR("x"), 1000);
	assert_int_equal(d->failures, 0);
	assert_int_equal(d->why_len, 0);
	int64_t now_ms = 1000 + SCHED_LOOK_AGAIN_MS;
	assert_int_equal(sched_ask(&sched, d, now_ms - 1), SCHED_SKIP); /* it is not put off */
	assert_int_equal(sched_ask(&sched, d, now_ms), SCHED_LINE);
	line_up(d, 1);
	assert_int_equal(take_all(now_ms), 1);
	assert_int_equal(sched_haste(&sched, d), SCHED_HURRY);
	sched_done(&sched, d, SCHED_FAILURE, STR("x"), now_ms);
	assert_int_equal(sched_ask(&sched, d, now_ms), SCHED_BLOCKED);
	/* An administrator says that it is there: as if nothing had been. */
	sched_unblock(&sched, d);
	line_up(d, 1);
	assert_int_equal(take_all(now_ms), 1);
	assert_int_equal(sched_haste(&sched, d), SCHED_LOOK);
}

/* Of those that did not answer a look some are tried while there are others that were not
 * asked, but not many. */
static void doubted_ones_leave_room_for_new_ones(void **state)
{
	(void)state;
	sched.limit = 16;
	uint32_t doubted = 0;
	char key[3] = "x";
	for (key[1] = 'a'; key[1] <= 'j'; key[1]++) {
		dest(key)->looked = true;
		line_up(dest(key), 1);
	}
	key[0] = 'n';
	for (key[1] = 'a'; key[1] <= 'j'; key[1]++) line_up(dest(key), 1);
	assert_int_equal(take_all(0), 8);
	key[0] = 'x';
	for (key[1] = 'a'; key[1] <= 'j'; key[1]++) doubted += dest(key)->in_flight;
	assert_in_range(doubted, 1, 3);
	/* And half of the room in lines. */
	uint32_t waiting = sched.trying_waiting;
	struct sched_dest *new = dest("new"), *old = dest("old");
	old->looked = true;
	sched.trying_waiting = SCHED_UNPROVED_MAX / 2 - sched.trying;
	assert_int_equal(sched_ask(&sched, new, 0), SCHED_LINE);
	assert_int_equal(sched_ask(&sched, old, 0), SCHED_SKIP);
	sched.trying_waiting = SCHED_UNPROVED_MAX - sched.trying;
	assert_int_equal(sched_ask(&sched, new, 0), SCHED_SKIP);
	sched.trying_waiting = waiting;
}

/* However many there are of which nothing is known, those that failed before have turns. */
static void doubted_ones_have_their_turns(void **state)
{
	struct sched_dest *d;
	unsigned tried = 0;
	char key[8];
	(void)state;
	sched.limit = 16;
	for (int i = 0; i < 60; i++) {
		(void)snprintf(key, sizeof key, "n%d", i);
		line_up(dest(key), 1);
	}
	assert_int_equal(take_all(0), 8);
	for (int i = 0; i < 4; i++) {
		(void)snprintf(key, sizeof key, "x%d", i);
		dest(key)->looked = true;
		line_up(dest(key), 1);
	}
	for (int i = 0; i < 40; i++) {
		(void)snprintf(key, sizeof key, "n%d", i);
		if (dest(key)->in_flight == 0) continue;
		sched_done(&sched, dest(key), SCHED_LOOKED, STR(""), 0);
		if (sched_take(&sched, 0, &d)) tried += d->key.at[0] == 'x';
	}
	assert_int_equal(tried, 4);
}

/* What is known by then is worth more. */
static void a_look_that_ends_late_says_nothing(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a");
	line_up(d, 2);
	assert_int_equal(take_all(0), 2);
	sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
	sched_done(&sched, d, SCHED_LOOKED, STR(""), 0);
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_LINE);
	assert_true(d->proved && d->window > 1);
}

/* However full the line is: who has nothing in it gets his turn, once. */
static void a_bulk_sender_does_not_keep_others_out(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *got;
	d->proved = true;
	while (sched_ask_for(&sched, d, 1, 0) == SCHED_LINE) {
		items[used].owner = 1;
		sched_wait(&sched, d, &items[used++]);
	}
	uint32_t full = d->waiting;
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_SKIP);
	for (uint64_t owner = 2;; owner++) {
		if (sched_ask_for(&sched, d, owner, 0) != SCHED_LINE) break;
		items[used].owner = owner;
		sched_wait(&sched, d, &items[used++]);
		assert_int_equal(sched_ask_for(&sched, d, owner, 0), SCHED_SKIP);
	}
	assert_int_equal(d->waiting, full + SCHED_GUESTS_MAX);
	/* The first of the others is second. */
	assert_ptr_equal(sched_take(&sched, 0, &got), &items[0]);
	assert_ptr_equal(sched_take(&sched, 0, &got), &items[full]);
	sched_suspend(&sched, d, true);
	assert_int_equal(sched_ask_for(&sched, d, 99, 0), SCHED_SKIP);
	while (sched_drop(&sched, d)) continue;
	assert_int_equal(d->waiting, 0);
}

static void a_dead_host_is_left_alone_and_asked_again(void **state)
{
	(void)state;
	struct sched_dest *d = dest("dead");
	for (int i = 0; i < SCHED_FAILURES_MAX; i++) {
		assert_int_equal(sched_ask(&sched, d, 0), SCHED_LINE);
		end_badly(d, 0);
	}
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_BLOCKED);
	assert_int_equal(d->blocked_until_ms, SCHED_BLOCK_FIRST_MS);
	assert_int_equal(d->why_len, 7);
	/* One that still waits is not started before the time. */
	line_up(d, 1);
	assert_int_equal(take_all(SCHED_BLOCK_FIRST_MS - 1), 0);
	sched_sweep(&sched, SCHED_BLOCK_FIRST_MS);
	assert_int_equal(take_all(SCHED_BLOCK_FIRST_MS), 1);
	/* While the one asks, others wait on the disk. */
	assert_int_equal(sched_ask(&sched, d, SCHED_BLOCK_FIRST_MS), SCHED_SKIP);
	sched_done(&sched, d, SCHED_FAILURE, STR("refused"), SCHED_BLOCK_FIRST_MS);
	assert_int_equal(d->blocked_until_ms, 3 * SCHED_BLOCK_FIRST_MS);
	/* For ever longer, up to a limit. */
	int64_t now_ms = 0;
	for (int i = 0; i < 100; i++) {
		now_ms = d->blocked_until_ms;
		end_badly(d, now_ms);
	}
	assert_int_equal(d->blocked_until_ms, now_ms + SCHED_BLOCK_MAX_MS);
	/* One success and all is forgotten. */
	now_ms = d->blocked_until_ms;
	line_up(d, 1);
	assert_int_equal(take_all(now_ms), 1);
	sched_done(&sched, d, SCHED_SUCCESS, STR(""), now_ms);
	assert_int_equal(sched_ask(&sched, d, now_ms), SCHED_LINE);
	assert_int_equal(d->failures, 0);
}

static void failures_at_one_time_count_once(void **state)
{
	(void)state;
	struct sched_dest *d = dest("dead");
	for (int i = 0; i < 40; i++) {
		line_up(d, 5);
		(void)take_all(0);
		sched_done(&sched, d, SCHED_SUCCESS, STR(""), 0);
	}
	while (d->in_flight < LIMIT) {
		line_up(d, 1);
		assert_int_not_equal(take_all(0), 0);
	}
	while (d->in_flight > 0) sched_done(&sched, d, SCHED_FAILURE, STR("x"), 1000);
	assert_int_equal(d->blocked_until_ms, 1000 + SCHED_BLOCK_FIRST_MS);
}

static void suspended_ones_wait(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *got;
	struct sched_place place;
	line_up(d, 1);
	sched_suspend(&sched, d, true);
	assert_int_equal(sched_ask(&sched, d, 0), SCHED_SKIP);
	assert_null(sched_take(&sched, 0, &got));
	sched_skip(&sched, d, (struct sched_place){ 1, 1, false }, false);
	assert_null(sched_refill(&sched, 0, true, &place));
	sched_suspend(&sched, d, false);
	assert_non_null(sched_take(&sched, 0, &got));
	assert_ptr_equal(sched_refill(&sched, 0, true, &place), d);
}

static void the_sweep_forgets_only_what_is_done_with(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *waiting = dest("b"), *got;
	(void)d;
	end_badly(dest("dead"), 0);
	line_up(waiting, 1);
	sched_sweep(&sched, SCHED_BLOCK_MAX_MS - 1);
	assert_non_null(sched_find(&sched, STR("dead")));
	sched_sweep(&sched, SCHED_BLOCK_MAX_MS);
	assert_null(sched_find(&sched, STR("a")));
	assert_null(sched_find(&sched, STR("dead")));
	assert_ptr_equal(sched_find(&sched, STR("b")), waiting);
	assert_non_null(sched_take(&sched, 0, &got));
	sched_done(&sched, got, SCHED_NEITHER, STR(""), 0);
}

/* One message in a while finds out that a host is dead, where something follows from that. */
static void a_failure_is_remembered_where_it_matters(void **state)
{
	(void)state;
	const int64_t far_ms = 10 * SCHED_BLOCK_MAX_MS;
	for (int remembers = 0; remembers < 2; remembers++) {
		end_badly(dest("rare"), far_ms);
		dest("rare")->remembers = remembers;
		assert_false(sched_is_down(dest("rare"), far_ms));
		sched_sweep(&sched, far_ms + 1000);
		assert_true((sched_find(&sched, STR("rare")) != NULL) == remembers);
	}
	sched_sweep(&sched, far_ms + SCHED_BLOCK_MAX_MS);
	assert_null(sched_find(&sched, STR("rare")));
	struct sched_dest *d = dest("rare");
	for (int i = 0; i < SCHED_FAILURES_MAX; i++) end_badly(d, far_ms);
	assert_true(sched_is_down(d, far_ms));
	int64_t until_ms = d->blocked_until_ms;
	assert_true(sched_is_down(d, until_ms - 1));
	assert_false(sched_is_down(d, until_ms)); /* one may ask now */
	line_up(d, 1);
	assert_true(sched_is_down(d, until_ms)); /* others do not wait for its answer */
	assert_int_equal(take_all(until_ms), 1);
	assert_true(sched_is_down(d, until_ms));
	sched_done(&sched, d, SCHED_SUCCESS, STR(""), until_ms);
	assert_false(sched_is_down(d, until_ms));
}

static void the_name_of_the_route_follows(void **state)
{
	(void)state;
	char name[] = "one";
	struct sched_dest *d = sched_dest(&sched, STR("mx:a.example"), str_of(name), LIMIT, false);
	memset(name, 'x', 3); /* it has its own copy */
	assert_true(str_eq(d->route, STR("one")));
	assert_ptr_equal(sched_dest(&sched, STR("mx:a.example"), STR("another"), LIMIT, false), d);
	assert_true(str_eq(d->route, STR("another")));
	sched_rename(d, d->route);
	assert_true(str_eq(d->route, STR("another")));
}

static void a_message_that_is_gone_leaves_the_line(void **state)
{
	(void)state;
	struct sched_dest *d = dest("a"), *got;
	struct line_item item = { .urgent = false };
	sched_wait(&sched, d, &item);
	sched_leave(&sched, d, &item);
	assert_null(sched_take(&sched, 0, &got));
	assert_int_equal(d->waiting, 0);
}

/* Whatever the order: counts agree, limits hold, nothing is lost or started twice. */
static void random_walk(void **state)
{
	(void)state;
	struct rng rng = { 99 };
	size_t waiting = 0, flying = 0;
	struct sched_dest *under_way[200];
	int64_t now_ms = 0;
	for (int i = 0; i < 20000; i++) {
		char key[2] = { (char)('a' + rng_next(&rng) % 12), 0 };
		struct sched_dest *d = dest(key), *got;
		now_ms += (int64_t)(rng_next(&rng) % 2000);
		switch (rng_next(&rng) % 4) {
		case 0:
			if (sched_ask(&sched, d, now_ms) != SCHED_LINE || used == ITEMS) break;
			line_up(d, 1);
			waiting++;
			break;
		case 1:
			if (flying == 200 || !sched_take(&sched, now_ms, &got)) break;
			assert_true(got->in_flight <= LIMIT);
			under_way[flying++] = got;
			waiting--;
			break;
		case 2:
			if (flying == 0) break;
			sched_done(&sched, under_way[--flying],
				   (enum sched_end)(rng_next(&rng) % 4), STR("why"), now_ms);
			break;
		default: sched_sweep(&sched, now_ms); break;
		}
		assert_int_equal(sched.in_flight, flying);
	}
	while (flying > 0) sched_done(&sched, under_way[--flying], SCHED_SUCCESS, STR(""), now_ms);
	for (int i = 0; i < 1000; i++) {
		struct sched_dest *got;
		now_ms += SCHED_BLOCK_MAX_MS;
		sched_sweep(&sched, now_ms);
		while (sched_take(&sched, now_ms, &got)) {
			waiting--;
			sched_done(&sched, got, SCHED_SUCCESS, STR(""), now_ms);
		}
	}
	assert_int_equal(waiting, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_new_destination_starts_slowly),
		FRESH(turns_are_fair),
		FRESH(urgent_goes_first),
		FRESH(the_total_is_limited_but_not_for_local_ones),
		FRESH(who_is_not_proved_leaves_room),
		FRESH(a_look_is_no_failure),
		FRESH(doubted_ones_leave_room_for_new_ones),
		FRESH(doubted_ones_have_their_turns),
		FRESH(a_look_that_ends_late_says_nothing),
		FRESH(a_bulk_sender_does_not_keep_others_out),
		FRESH(a_dead_host_is_left_alone_and_asked_again),
		FRESH(failures_at_one_time_count_once),
		FRESH(suspended_ones_wait),
		FRESH(the_sweep_forgets_only_what_is_done_with),
		FRESH(a_message_that_is_gone_leaves_the_line),
		FRESH(a_failure_is_remembered_where_it_matters),
		FRESH(the_name_of_the_route_follows),
		FRESH(random_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
