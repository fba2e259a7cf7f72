/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that nothing leads to waits without an attempt, and goes when something does. */
#include "role_bench.h"

#include <errno.h>
#include <string.h>

#include "spool/action.h"

static int setup(void **state)
{
	int result = bench_setup(state);
	bench_up(*state, ROLE_MASTER);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static void set(struct bench *b, const char *name, const char *why)
{
	channel_send_route_state(b->far[ROLE_MASTER],
		&(struct msg_route_state){ .name = str_of(name), .why = str_of(why) });
	bench_run(b, 50);
}

struct seen {
	enum spool_rcpt_state state;
	unsigned attempts;
	char shown[16], reply[256], dsn[16];
};

static int note_rcpt(void *ctx, const struct spool_rcpt *r)
{
	struct seen *seen = ctx;
	seen->state = r->state;
	seen->attempts = r->attempts;
	assert_true(str_to_cstr(action_rcpt_state(r), seen->shown, sizeof seen->shown));
	assert_true(str_to_cstr(r->reply, seen->reply, sizeof seen->reply));
	assert_true(str_to_cstr(r->dsn, seen->dsn, sizeof seen->dsn));
	return 0;
}

static struct seen look(struct bench *b, uint64_t id)
{
	struct seen seen = { .state = SPOOL_PENDING };
	assert_int_equal(store_read_rcpts(b->spool->store, id, 0, 10, note_rcpt, &seen), 0);
	return seen;
}

static void a_route_without_its_file(void **state)
{
	struct bench *b = *state;
	set(b, "away", "/secrets/isp: No such file or directory");
	bench_commit(b, 11, "away.example", 100);
	bench_commit(b, 12, "away.example", 100);
	bench_until(b, &b->events[EVENT_defer], 2);
	assert_int_equal(b->sent[MSG_relay], 0);
	struct seen seen = look(b, 11);
	assert_int_equal(seen.state, SPOOL_DEFERRED);
	assert_int_equal(seen.attempts, 0);
	assert_string_equal(seen.shown, "unreachable");
	assert_string_equal(seen.dsn, "4.3.5");
	assert_string_equal(seen.reply, "The route cannot be used now, the message is kept: "
					"/secrets/isp: No such file or directory");
	/* Of other routes nothing is said. */
	set(b, "other", "/x: gone");
	set(b, "other", "");
	set(b, "nobody", "");
	bench_run(b, 100);
	assert_int_equal(b->sent[MSG_relay], 0);
	set(b, "away", "");
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->events[EVENT_retry], 2);
	assert_int_equal(b->sent[MSG_answer], 0); /* nobody has asked */
	assert_string_equal(look(b, 11).shown, "unreachable"); /* until it has an outcome */
}

static void what_is_wrong_changes(void **state)
{
	struct bench *b = *state;
	set(b, "away", "/a: one");
	set(b, "away", "/b: two");
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->events[EVENT_defer], 1);
	assert_non_null(strstr(look(b, 11).reply, "/b: two"));
	assert_int_equal(b->spool->unreachable_count, 1);
	set(b, "away", "");
	assert_int_equal(b->spool->unreachable_count, 0);
	bench_until(b, &b->sent[MSG_relay], 1);
}

static void no_route(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 11, "nowhere.example", 100);
	bench_until(b, &b->events[EVENT_defer], 1);
	struct seen seen = look(b, 11);
	assert_string_equal(seen.shown, "unreachable");
	assert_string_equal(seen.dsn, "4.4.4");
	assert_int_equal(seen.attempts, 0);
}

/* A reload brings a way: what waits for one goes at once, and what still has none stays. */
static void a_route_comes(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 11, "one.example", 100);
	bench_commit(b, 12, "two.example", 100);
	bench_commit(b, 13, "away.example", 100);
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_reload_alone(b, "route two { via 127.0.0.1:25; match two.example }\n");
	bench_until(b, &b->sent[MSG_relay], 2);
	bench_run(b, 1300);
	assert_int_equal(b->sent[MSG_relay], 2);
	assert_int_equal(b->relayed.id, 12);
	assert_int_equal(b->events[EVENT_retry], 1);
	assert_true(b->spool->unrouted); /* one is left */
	bench_reload_alone(b, "");
	bench_run(b, 300);
	assert_int_equal(b->events[EVENT_retry], 1);
	bench_reload_alone(b, "route all { via 127.0.0.1:25; match * }\n");
	bench_until(b, &b->sent[MSG_relay], 3);
	assert_int_equal(b->relayed.id, 11);
	bench_run(b, 50);
	assert_false(b->spool->unrouted);
	/* Nobody looks again. */
	assert_int_equal(b->spool->act_count, 0);
	bench_reload_alone(b, "route all { via 127.0.0.1:25; match * }\n");
	assert_false(b->spool->owed[OWED_ROUTE]);
	assert_int_equal(b->spool->act_count, 0);
}

static int unreadable(struct store *s, uint64_t from, size_t limit, const struct spool_walk *walk)
{
	(void)s;
	(void)from;
	(void)limit;
	(void)walk;
	return -EIO;
}

/* What could not be looked for is looked for at the next reload. */
static void a_route_comes_while_the_queue_cannot_be_read(void **state)
{
	struct bench *b = *state;
	struct store *store = b->spool->store;
	const struct store_backend *good = store->backend;
	struct store_backend bad = *good;
	bad.walk_rcpts = unreadable;
	bench_commit(b, 11, "one.example", 100);
	bench_until(b, &b->events[EVENT_defer], 1);
	store->backend = &bad;
	bench_reload_alone(b, "route one { via 127.0.0.1:25; match one.example }\n");
	for (int i = 0; b->spool->act_count && i < 50; i++) bench_run(b, 20);
	store->backend = good;
	assert_int_equal(b->spool->act_count, 0);
	assert_true(b->spool->unrouted);
	assert_int_equal(b->sent[MSG_relay], 0);
	bench_reload_alone(b, "route one { via 127.0.0.1:25; match one.example }\n");
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_int_equal(b->relayed.id, 11);
	assert_false(b->spool->unrouted);
}

/* What nobody has asked for waits until there is room, and is not forgotten. */
static void too_much_is_asked_for(void **state)
{
	struct bench *b = *state;
	set(b, "away", "/secrets/isp: gone");
	bench_commit(b, 11, "away.example", 100);
	bench_commit(b, 12, "one.example", 100);
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_run(b, 1300); /* the clock is known */
	b->spool->act_count += SPOOL_ACTS_MAX; /* as if so many were at work */
	set(b, "away", "");
	bench_reload_alone(b, "route one { via 127.0.0.1:25; match one.example }\n");
	b->spool->pump.lead_ms += 86400 * INT64_C(1000);
	bench_until(b, &b->events[EVENT_clock_back], 1);
	bench_run(b, 1300);
	assert_int_equal(b->events[EVENT_retry], 0);
	assert_int_equal(b->sent[MSG_relay], 0);
	/* The route is good all the same. */
	bench_commit(b, 13, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	b->spool->act_count -= SPOOL_ACTS_MAX;
	bench_until(b, &b->sent[MSG_relay], 3);
	for (enum owed what = 0; what < OWED_COUNT; what++) assert_false(b->spool->owed[what]);
	assert_int_equal(b->spool->unreachable_count, 0);
	bench_run(b, 1300);
	assert_int_equal(b->sent[MSG_relay], 3);
	assert_int_equal(b->spool->act_count, 0);
}

/* It is gone again before its mail was looked for. */
static void a_file_that_goes_again(void **state)
{
	struct bench *b = *state;
	set(b, "away", "/secrets/isp: gone");
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->events[EVENT_defer], 1);
	b->spool->act_count += SPOOL_ACTS_MAX;
	set(b, "away", "");
	set(b, "away", "/secrets/isp: gone again");
	b->spool->act_count -= SPOOL_ACTS_MAX;
	bench_run(b, 1300);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_int_equal(b->spool->unreachable_count, 1);
	set(b, "away", "");
	bench_until(b, &b->sent[MSG_relay], 1);
}

/* More than there can be, and too long: bounded. */
static void bounded(void **state)
{
	struct bench *b = *state;
	static char why[2000];
	memset(why, 'w', sizeof why - 1);
	for (unsigned i = 0; i < CONF_ROUTE_FILES_MAX + 9; i++) {
		char name[16] = { 'r', (char)('a' + i / 26), (char)('a' + i % 26), 0 };
		channel_send_route_state(b->far[ROLE_MASTER],
			&(struct msg_route_state){ .name = str_of(name), .why = str_of(why) });
	}
	bench_run(b, 100);
	assert_int_equal(b->spool->unreachable_count, CONF_ROUTE_FILES_MAX);
	assert_int_equal(strlen(b->spool->unreachable[0].why), sizeof b->spool->unreachable[0].why - 1);
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_route_without_its_file, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(what_is_wrong_changes, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(no_route, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_route_comes, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_route_comes_while_the_queue_cannot_be_read, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(too_much_is_asked_for, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_file_that_goes_again, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(bounded, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
