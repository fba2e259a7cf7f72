/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "lib/base/rng.h"
#include "lib/os/loop.h"
#include "lib/os/socket.h"

static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

/* -- Timers -------------------------------------------------------------------------- */

struct tick {
	struct loop_timer *timer;
	int64_t due_ms;
	unsigned fired;
};

static unsigned tick_count;
static int64_t tick_last_ms;

static void tick_fire(void *arg)
{
	struct tick *t = arg;
	t->fired++;
	tick_count++;
	assert_true(loop_now_ms(loop) >= t->due_ms);
	/* The order of due times is the order of calls. */
	assert_true(t->due_ms >= tick_last_ms);
	tick_last_ms = t->due_ms;
}

static void test_many_timers(void **state)
{
	enum { COUNT = 20000 };
	struct tick *ticks = calloc(COUNT, sizeof *ticks);
	struct rng rng = { 1 };
	struct loop_timer *end = loop_timer_new(loop, stop, NULL);
	unsigned expected = 0;
	(void)state;
	tick_count = 0;
	tick_last_ms = 0; /* every due_ms is 0 here: order is tested below */
	for (int i = 0; i < COUNT; i++) {
		ticks[i].timer = loop_timer_new(loop, tick_fire, &ticks[i]);
		/* Moved about before it is meant: nearer, further, off. */
		loop_timer_set(ticks[i].timer, 5);
		loop_timer_set(ticks[i].timer, 100000);
		if (i % 3 == 0) {
			loop_timer_cancel(ticks[i].timer);
			continue;
		}
		loop_timer_set(ticks[i].timer, (int64_t)rng_below(&rng, 50));
		expected++;
	}
	loop_timer_set(end, 200);
	loop_run(loop);
	assert_int_equal(tick_count, expected);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(ticks[i].fired, i % 3 == 0 ? 0 : 1);
		loop_timer_free(ticks[i].timer);
	}
	loop_timer_free(end);
	free(ticks);
}

static void test_timer_order(void **state)
{
	struct tick ticks[3] = { 0 };
	struct loop_timer *end = loop_timer_new(loop, stop, NULL);
	static const int64_t delays[] = { 30, 10, 20 };
	(void)state;
	tick_count = 0;
	tick_last_ms = 0;
	for (int i = 0; i < 3; i++) {
		ticks[i].timer = loop_timer_new(loop, tick_fire, &ticks[i]);
		ticks[i].due_ms = loop_now_ms(loop) + delays[i];
		loop_timer_set(ticks[i].timer, delays[i]);
	}
	/* Moved away after it was set near: fires once, and late. */
	ticks[1].due_ms = loop_now_ms(loop) + 40;
	loop_timer_set(ticks[1].timer, 40);
	loop_timer_set(end, 80);
	loop_run(loop);
	assert_int_equal(tick_count, 3);
	for (int i = 0; i < 3; i++) loop_timer_free(ticks[i].timer);
	loop_timer_free(end);
	loop_timer_free(NULL);
}

static struct loop_timer *again;
static unsigned again_count;

static void again_fire(void *arg)
{
	(void)arg;
	if (++again_count == 5) loop_stop(loop);
	else loop_timer_set(again, 0);
}

/* A timer that sets itself with no delay must not keep the loop from its sockets. */
static void test_timer_sets_itself(void **state)
{
	(void)state;
	again_count = 0;
	again = loop_timer_new(loop, again_fire, NULL);
	loop_timer_set(again, 0);
	loop_run(loop);
	assert_int_equal(again_count, 5);
	loop_timer_free(again);
}

/* -- Turns --------------------------------------------------------------------------- */

static struct loop_turn first, second, third;
static char order[16];
static size_t order_len;

static void first_run(void *arg)
{
	(void)arg;
	order[order_len++] = '1';
	loop_at_turn_end(loop, &second);
	loop_at_turn_end(loop, &second); /* twice is once */
}

static void second_run(void *arg)
{
	(void)arg;
	order[order_len++] = '2';
	loop_turn_cancel(loop, &third);
	loop_stop(loop);
}

static void third_run(void *arg)
{
	(void)arg;
	order[order_len++] = '3';
}

static void second_queues_third(void *arg)
{
	(void)arg;
	order[order_len++] = 'i';
	loop_at_turn_end(loop, &first);
}

static void test_turns(void **state)
{
	(void)state;
	order_len = 0;
	first = (struct loop_turn){ .fn = first_run };
	second = (struct loop_turn){ .fn = second_run };
	third = (struct loop_turn){ .fn = third_run };
	struct loop_timer *t = loop_timer_new(loop, second_queues_third, NULL);
	loop_timer_set(t, 1);
	loop_run(loop);
	assert_memory_equal(order, "i12", 3);
	/* Queued behind `second`, which takes it out. */
	order_len = 0;
	loop_at_turn_end(loop, &second);
	loop_at_turn_end(loop, &third);
	struct loop_timer *end = loop_timer_new(loop, stop, NULL);
	loop_timer_set(end, 5);
	loop_run(loop);
	assert_int_equal(order_len, 1);
	loop_timer_free(t);
	loop_timer_free(end);
}

static void forever_run(void *arg) { loop_at_turn_end(loop, arg); }

/* A function that queues itself for ever does not starve timers and sockets. */
static void test_turn_for_ever(void **state)
{
	struct loop_turn node = { .fn = forever_run };
	struct loop_timer *end = loop_timer_new(loop, stop, NULL);
	(void)state;
	node.arg = &node;
	loop_at_turn_end(loop, &node);
	loop_timer_set(end, 10);
	loop_run(loop);
	assert_true(node.queued);
	loop_turn_cancel(loop, &node);
	loop_timer_free(end);
}

/* -- Descriptors and signals --------------------------------------------------------- */

static struct loop_io *reader, *writer;
static unsigned reads, writes;

static void read_fire(void *arg, int fd, unsigned ready)
{
	char byte;
	(void)arg;
	assert_int_equal(ready, LOOP_READ);
	reads++;
	if (reads < 3) return; /* level-triggered: comes again */
	assert_int_equal(read(fd, &byte, 1), 1);
	loop_io_free(reader); /* inside its own call */
	reader = NULL;
	loop_stop(loop);
}

static void write_fire(void *arg, int fd, unsigned ready)
{
	(void)arg;
	assert_int_equal(ready, LOOP_WRITE);
	writes++;
	assert_int_equal(write(fd, "x", 1), 1);
	loop_io_want(writer, 0);
	loop_io_want(writer, 0);
}

static void test_descriptors(void **state)
{
	int fds[2];
	(void)state;
	reads = writes = 0;
	assert_int_equal(socket_pair(fds), 0);
	reader = loop_io_new(loop, fds[0], LOOP_READ, read_fire, NULL);
	writer = loop_io_new(loop, fds[1], LOOP_WRITE, write_fire, NULL);
	assert_non_null(reader);
	assert_non_null(writer);
	loop_run(loop);
	assert_int_equal(reads, 3);
	assert_int_equal(writes, 1);
	loop_io_free(writer);
	loop_io_free(NULL);
	close(fds[0]);
	close(fds[1]);
	/* What is no descriptor is refused. */
	assert_null(loop_io_new(loop, fds[0], LOOP_READ, read_fire, NULL));
}

static void raise_it(void *arg)
{
	(void)arg;
	(void)raise(SIGUSR2);
}

static void test_signal(void **state)
{
	struct loop_timer *t = loop_timer_new(loop, raise_it, NULL);
	(void)state;
	assert_true(loop_signal(loop, SIGUSR2, stop, NULL));
	assert_false(loop_signal(loop, SIGUSR2, stop, NULL));
	assert_false(loop_signal(loop, 0, stop, NULL));
	assert_false(loop_signal(loop, 4711, stop, NULL));
	loop_timer_set(t, 1);
	loop_run(loop);
	loop_timer_free(t);
}

static int64_t now_seen;

static void now_later(void *arg)
{
	(void)arg;
	assert_int_equal(loop_now_ms(loop), now_seen);
	loop_stop(loop);
}

static void now_first(void *arg)
{
	struct loop_turn *turn = arg;
	now_seen = loop_now_ms(loop);
	(void)usleep(5000);
	assert_int_equal(loop_now_ms(loop), now_seen);
	assert_true(loop_wall_ms(loop) > 1500000000000);
	loop_at_turn_end(loop, turn);
}

static void test_now_is_of_the_turn(void **state)
{
	struct loop_turn turn = { .fn = now_later };
	struct loop_timer *t = loop_timer_new(loop, now_first, &turn);
	(void)state;
	loop_timer_set(t, 1);
	loop_run(loop);
	assert_true(loop_now_ms(loop) >= now_seen + 5);
	loop_timer_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_many_timers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_timer_sets_itself, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turns, setup, teardown),
		cmocka_unit_test_setup_teardown(test_turn_for_ever, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_signal, setup, teardown),
		cmocka_unit_test_setup_teardown(test_now_is_of_the_turn, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
