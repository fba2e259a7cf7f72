/* SPDX-License-Identifier: Apache-2.0 */
/* Of routes that match equally well the cheapest takes mail, and a dearer one while its hosts are
 * dead. And the name of the route that leads to a destination may change under way. */
#include "role_bench.h"

#include <string.h>

static const char routes[] =
	"route dear { via 127.0.0.1:26; match there.example; cost 5 }\n"
	"route cheap { via 127.0.0.1:25; match there.example }\n";

static int setup(void **state)
{
	int result = bench_setup(state);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

/* deliver's to the relay job that came last. */
static void answer_text(struct bench *b, bool reached, const char *text)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){
		.outcome = reached ? JOB_RELAYED : JOB_DEFERRED,
		.dsn = reached ? STR("2.0.0") : STR("4.4.1"), .text = str_of(text) });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results), .host_failed = !reached, .host = STR("h: refused") });
	buf_free(&results);
}

static void answer(struct bench *b, bool reached) { answer_text(b, reached, "words"); }

/* One more is sent, by that route. */
static void sent(struct bench *b, size_t count, const char *route)
{
	bench_until(b, &b->sent[MSG_relay], count);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_relay], count);
	assert_string_equal(b->relay_route, route);
}

static void fails(struct bench *b, uint64_t id, size_t count, const char *route)
{
	bench_commit(b, id, "there.example", 100);
	sent(b, count, route);
	answer(b, false);
	bench_run(b, 30);
}

static void a_dearer_one_stands_in(void **state)
{
	struct bench *b = *state;
	bench_reload(b, routes);
	fails(b, 11, 1, "cheap");
	fails(b, 12, 2, "cheap");
	assert_int_equal(b->events[EVENT_route_over], 0);
	/* One asks, two wait in its line. */
	for (uint64_t id = 13; id < 16; id++) bench_commit(b, id, "there.example", 100);
	sent(b, 3, "cheap");
	answer(b, false);
	/* They follow at once, the one that asked after a second. */
	bench_until(b, &b->sent[MSG_relay], 5);
	assert_string_equal(b->relay_key, "route:dear");
	assert_int_equal(b->events[EVENT_route_over], 1);
	assert_int_not_equal(b->relayed.id, 13);
	bench_until(b, &b->sent[MSG_relay], 6);
	assert_int_equal(b->relayed.id, 13);
	assert_string_equal(b->relay_route, "dear");
	/* The first two wait for their time: nobody was known to be dead. */
	bench_run(b, 1500);
	assert_int_equal(b->sent[MSG_relay], 6);
	bench_commit(b, 16, "there.example", 100);
	sent(b, 7, "dear");
	answer(b, true);
	/* The time is over: one asks, and nobody waits for it. */
	struct sched_dest *cheap = sched_find(&b->spool->sched, STR("route:cheap"));
	cheap->blocked_until_ms = 1;
	bench_commit(b, 17, "there.example", 100);
	sent(b, 8, "cheap");
	uint64_t asks = b->relay;
	bench_commit(b, 18, "there.example", 100);
	sent(b, 9, "dear");
	b->relay = asks;
	answer(b, true);
	bench_until(b, &b->events[EVENT_route_back], 1);
	bench_commit(b, 19, "there.example", 100);
	sent(b, 10, "cheap");
	assert_int_equal(b->events[EVENT_route_over], 1);
}

static int note_due(void *ctx, const struct spool_rcpt *r)
{
	*(int64_t *)ctx = r->next_due_ms;
	return 0;
}

/* A host that is only too busy is not dead: mail waits for its time, and goes over when it is. */
static void a_busy_host_is_not_dead(void **state)
{
	struct bench *b = *state;
	int64_t due_ms = 0;
	bench_reload(b, routes);
	fails(b, 11, 1, "cheap");
	fails(b, 12, 2, "cheap");
	bench_commit(b, 13, "there.example", 100);
	sent(b, 3, "cheap");
	answer_text(b, false, "421 4.3.2 too many connections");
	bench_until(b, &b->events[EVENT_defer], 3);
	struct sched_dest *cheap = sched_find(&b->spool->sched, STR("route:cheap"));
	assert_int_equal(cheap->failures, 2);
	assert_int_equal(store_read_rcpts(b->spool->store, 13, 0, 1, note_due, &due_ms), 0);
	assert_true(due_ms > loop_wall_ms(b->frame.loop) + 5000);
	assert_int_equal(b->events[EVENT_route_over], 0);
	cheap->pace.stop_until_ms = 0;
	fails(b, 14, 4, "cheap");
	sent(b, 5, "dear");
	assert_int_equal(b->relayed.id, 14);
}

/* Where so many do not answer one failure is enough, for its own message too. */
static void one_failure_in_a_crowd(void **state)
{
	struct bench *b = *state;
	bench_reload(b, routes);
	b->spool->sched.limit = 16;
	bench_commit(b, 10, "slow.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	fails(b, 11, 2, "cheap");
	sent(b, 3, "dear");
	assert_int_equal(b->relayed.id, 11);
}

/* Who asks for it now does not want to wait for any of them. */
static void a_retry_tries_all(void **state)
{
	struct bench *b = *state;
	bench_reload(b, routes);
	for (size_t i = 0; i < 3; i++) fails(b, 11 + i, i + 1, "cheap");
	sent(b, 4, "dear");
	answer(b, false);
	fails(b, 14, 5, "dear");
	fails(b, 15, 6, "dear");
	struct sched_dest *cheap = sched_find(&b->spool->sched, STR("route:cheap"));
	struct sched_dest *dear = sched_find(&b->spool->sched, STR("route:dear"));
	assert_true(cheap->blocked_until_ms > 0 && dear->blocked_until_ms > 0);
	bench_act(b, QUEUE_RETRY, "route cheap");
	bench_until(b, &b->events[EVENT_retry], 5);
	assert_int_equal(cheap->blocked_until_ms, 0);
	assert_int_equal(dear->blocked_until_ms, 0);
}

/* As ever where there is one route, or all are dead. */
static void without_another_it_waits(void **state)
{
	struct bench *b = *state;
	bench_reload(b, "route dear { via 127.0.0.1:26; match other.example; cost 5 }\n"
			"route cheap { via 127.0.0.1:25; match there.example }\n");
	fails(b, 11, 1, "cheap");
	fails(b, 12, 2, "cheap");
	fails(b, 13, 3, "cheap");
	bench_run(b, 1500);
	assert_int_equal(b->sent[MSG_relay], 3);
	assert_int_equal(b->events[EVENT_route_over], 0);
	/* Another one comes. */
	bench_reload(b, routes);
	bench_commit(b, 14, "there.example", 100);
	sent(b, 4, "dear");
	answer(b, false);
	fails(b, 15, 5, "dear");
	fails(b, 16, 6, "dear");
	size_t count = b->sent[MSG_relay];
	bench_commit(b, 17, "there.example", 100);
	bench_run(b, 1500);
	assert_int_equal(b->sent[MSG_relay], count);
	assert_int_equal(bench_totals(b).messages, 7);
}

/* What an administrator has suspended is not gone round. */
static void suspended_ones_wait(void **state)
{
	struct bench *b = *state;
	bench_reload(b, routes);
	for (size_t i = 0; i < 3; i++) fails(b, 11 + i, i + 1, "cheap");
	bench_until(b, &b->sent[MSG_relay], 4); /* the third, by the other one */
	answer(b, true);
	bench_act(b, QUEUE_SUSPEND, "route cheap");
	bench_run(b, 100);
	bench_commit(b, 14, "there.example", 100);
	bench_run(b, 300);
	assert_int_equal(b->sent[MSG_relay], 4);
	bench_act(b, QUEUE_RESUME, "route cheap");
	sent(b, 5, "dear");
	answer(b, true);
	bench_act(b, QUEUE_SUSPEND, "route dear");
	bench_run(b, 100);
	bench_commit(b, 15, "there.example", 100);
	bench_run(b, 300);
	assert_int_equal(b->sent[MSG_relay], 5);
}

/* What stands in line goes by the name of the present route: its word on encryption counts. */
static void the_route_changes_while_mail_waits(void **state)
{
	struct bench *b = *state;
	bench_reload(b, "route old { mx; match there.example }\n");
	fails(b, 11, 1, "old"); /* so that one goes at a time */
	bench_commit(b, 12, "there.example", 100);
	sent(b, 2, "old");
	bench_commit(b, 13, "there.example", 100);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 2);
	bench_reload(b, "route new { mx; match there.example; tls require }\n");
	answer(b, true);
	sent(b, 3, "new");
	assert_string_equal(b->relay_key, "mx:there.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_dearer_one_stands_in, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_busy_host_is_not_dead, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(one_failure_in_a_crowd, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_retry_tries_all, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(without_another_it_waits, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(suspended_ones_wait, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(the_route_changes_while_mail_waits, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
