/* SPDX-License-Identifier: Apache-2.0 */
/* Two socket pairs with a bridge between them; the outer ends are the test's. */
#include "lib/os/bridge.h"

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/stream.h"

struct test {
	struct loop *loop;
	struct bridge *bridge;
	int outer[2], inner[2];
	const char *why;
	unsigned times;
};

static void over(void *arg, const char *why)
{
	struct test *t = arg;
	t->why = why;
	t->times++;
}

static void test_begin(struct test *t, const char *first, int64_t idle_ms)
{
	*t = (struct test){ .loop = loop_new() };
	assert_non_null(t->loop);
	for (unsigned i = 0; i < 2; i++) {
		int ends[2];
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
		t->outer[i] = ends[0];
		t->inner[i] = ends[1];
	}
	const struct bridge_side sides[2] = { { t->inner[0], NULL }, { t->inner[1], NULL } };
	t->bridge = bridge_new(t->loop, sides, (struct str){ first, strlen(first) }, idle_ms, over, t);
	assert_non_null(t->bridge);
}

static void test_end(struct test *t)
{
	bridge_free(t->bridge);
	for (unsigned i = 0; i < 2; i++) {
		if (t->outer[i] >= 0) (void)close(t->outer[i]);
		(void)close(t->inner[i]);
	}
	loop_free(t->loop);
}

static void stop(void *arg) { loop_stop(arg); }

static void run(struct test *t, int64_t ms)
{
	struct loop_timer *timer = loop_timer_new(t->loop, stop, t->loop);
	loop_timer_set(timer, ms);
	loop_run(t->loop);
	loop_timer_free(timer);
}

static void hears(struct test *t, unsigned side, const char *want)
{
	char got[256];
	ssize_t len = stream_recv(t->outer[side], got, sizeof got);
	assert_int_equal(len, (ssize_t)strlen(want));
	assert_memory_equal(got, want, (size_t)len);
}

static void hang_up(struct test *t, unsigned side)
{
	(void)close(t->outer[side]);
	t->outer[side] = -1;
}

static void both_ways(void **state)
{
	struct test t;
	(void)state;
	test_begin(&t, "220 first\r\n", 60000);
	run(&t, 5);
	hears(&t, 1, "220 first\r\n");
	assert_int_equal(stream_send(t.outer[1], STR("EHLO\r\n")), 6);
	assert_int_equal(stream_send(t.outer[0], STR("\0bytes")), 6);
	run(&t, 5);
	hears(&t, 0, "EHLO\r\n");
	char got[8];
	assert_int_equal(stream_recv(t.outer[1], got, sizeof got), 6);
	assert_int_equal(bridge_octets(t.bridge, 0), 6);
	assert_int_equal(bridge_octets(t.bridge, 1), 17);
	assert_null(t.why);
	test_end(&t);
}

/* What was said last arrives, whoever goes. */
static void ends(void **state)
{
	static const char *const why[2] = { "closed by client", "closed here" };
	(void)state;
	for (unsigned side = 0; side < 2; side++) {
		struct test t;
		test_begin(&t, "", 60000);
		assert_int_equal(stream_send(t.outer[side], STR("QUIT\r\n")), 6);
		hang_up(&t, side);
		run(&t, 5);
		hears(&t, 1 - side, "QUIT\r\n");
		assert_string_equal(t.why, why[side]);
		assert_int_equal(t.times, 1);
		run(&t, 5);
		assert_int_equal(t.times, 1);
		test_end(&t);
	}
}

/* The side that is to hear it has gone. */
static void nobody_hears(void **state)
{
	struct test t;
	(void)state;
	test_begin(&t, "", 60000);
	(void)stream_send(t.outer[0], STR("unread"));
	run(&t, 5);
	hang_up(&t, 1); /* with what it has not read: a reset */
	(void)stream_send(t.outer[0], STR("more"));
	run(&t, 5);
	assert_non_null(t.why);
	assert_int_equal(t.times, 1);
	test_end(&t);
}

static void silence(void **state)
{
	struct test t;
	(void)state;
	test_begin(&t, "", 40);
	run(&t, 25);
	assert_int_equal(stream_send(t.outer[0], STR("x")), 1);
	run(&t, 25);
	assert_null(t.why); /* it was a sign of life */
	run(&t, 60);
	assert_string_equal(t.why, "timeout");
	assert_int_equal(t.times, 1);
	test_end(&t);
}

/* Who does not read holds up the other side; then all of it comes, in order. */
static void bounded(void **state)
{
	enum { ALL = 4 * 1024 * 1024 };
	static char sent[ALL], got[ALL];
	struct test t;
	size_t out = 0, in = 0;
	(void)state;
	for (size_t i = 0; i < ALL; i++) sent[i] = (char)(i * 7 + i / 251);
	test_begin(&t, "", 60000);
	for (unsigned rounds = 0; rounds < 50; rounds++) {
		ssize_t n = stream_send(t.outer[0], (struct str){ sent + out, ALL - out });
		if (n > 0) out += (size_t)n;
		run(&t, 1);
	}
	assert_true(out < ALL / 2); /* sockets' buffers, and the bridge's */
	for (unsigned rounds = 0; in < ALL && rounds < 20000; rounds++) {
		ssize_t n = stream_send(t.outer[0], (struct str){ sent + out, ALL - out });
		if (n > 0) out += (size_t)n;
		n = stream_recv(t.outer[1], got + in, ALL - in);
		if (n > 0) in += (size_t)n;
		run(&t, 1);
	}
	assert_int_equal(in, ALL);
	assert_memory_equal(sent, got, ALL);
	test_end(&t);
}

static void too_much_to_begin_with(void **state)
{
	static char text[BRIDGE_HELD_MAX + 1];
	struct test t;
	(void)state;
	test_begin(&t, "", 60000);
	const struct bridge_side sides[2] = { { t.inner[0], NULL }, { t.inner[1], NULL } };
	assert_null(bridge_new(t.loop, sides, (struct str){ text, sizeof text }, 1, over, &t));
	assert_null(t.why);
	test_end(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways), cmocka_unit_test(ends), cmocka_unit_test(nobody_hears),
		cmocka_unit_test(silence), cmocka_unit_test(bounded), cmocka_unit_test(too_much_to_begin_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
