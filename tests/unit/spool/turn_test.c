/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that fetch their mail (ATRN): what goes to which line, and what is left. */
#include "role_bench.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOTHING, GOES, NOT_NOW, BUSY };

static void ask(struct bench *b, const char *domains)
{
	static const char client[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff, (char)192, 0, 2, 1 };
	static uint64_t query;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	channel_send_turn_fd(b->far[ROLE_RECEIVE], &(struct msg_turn){ .query = ++query,
		.domains = str_of(domains), .client = { client, sizeof client }, .port = 4711 }, fd);
	(void)close(fd);
}

static void turn(struct bench *b, const char *domains, unsigned result, uint64_t recipients)
{
	size_t before = b->sent[MSG_turned];
	ask(b, domains);
	bench_until(b, &b->sent[MSG_turned], before + 1);
	if (b->turned != result || b->turned_recipients != recipients)
		fail_msg("%s: result %u, %llu", domains, b->turned, (unsigned long long)b->turned_recipients);
}

static void results_are(struct bench *b, uint64_t job, const struct job_result *r, bool host_failed)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, r);
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = job,
		.results = buf_view(&results), .host_failed = host_failed });
	buf_free(&results);
}

static void answered(struct bench *b, uint64_t job, enum job_outcome outcome)
{
	results_are(b, job, &(struct job_result){ .outcome = outcome,
		.dsn = outcome == JOB_RELAYED ? STR("2.0.0") : STR("4.4.2"), .text = STR("so it was") }, false);
}

/* The connection broke behind the final dot of the last job. */
static void in_doubt(struct bench *b, uint32_t index)
{
	size_t told = b->events[EVENT_in_doubt];
	results_are(b, b->relay, &(struct job_result){ .index = index, .outcome = JOB_DEFERRED,
		.dsn = STR("4.4.2"), .text = STR("lost connection"), .host = STR("h"), .in_doubt = true }, false);
	bench_until(b, &b->events[EVENT_in_doubt], told + 1);
}

static void say_gone(struct bench *b, const char *key)
{
	channel_send_line_gone(b->far[ROLE_DELIVER], &(struct msg_line_gone){ .key = str_of(key) });
}

/* So that so many are left. */
static void gone(struct bench *b, const char *key, uint32_t left)
{
	say_gone(b, key);
	for (int i = 0; i < 500 && b->spool->turn_count != left; i++) bench_run(b, 10);
	assert_int_equal(b->spool->turn_count, left);
}

static void goes_over_its_line(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_arrive(b, 2, "Too.Example");
	bench_arrive(b, 3, "away.example");
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_until(b, &b->sent[MSG_relay], 1);
	answered(b, b->relay, JOB_RELAYED);
	bench_until(b, &b->events[EVENT_deliver], 1);
	turn(b, "held.example\ntoo.example\nheld.example\n", GOES, 2);
	assert_int_equal(b->sent[MSG_line], 1);
	/* One after the other over one connection; what is next is with deliver already. */
	bench_until(b, &b->sent[MSG_relay], 3);
	assert_string_equal(b->relay_key, "turn:1");
	assert_int_equal(b->relay_flags & (128 | 4), 128 | 4);
	assert_int_equal(b->relay_connections, 1);
	assert_int_equal(b->relay_messages, 0);
	/* What comes meanwhile, too. */
	bench_arrive(b, 4, "held.example");
	answered(b, b->relay - 1, JOB_RELAYED);
	bench_until(b, &b->sent[MSG_relay], 4);
	for (uint64_t job = b->relay - 1; job <= b->relay; job++) answered(b, job, JOB_RELAYED);
	bench_until(b, &b->events[EVENT_deliver], 4);
	bench_until(b, &b->sent[MSG_line_end], 1);
	/* From then on it waits for the next. */
	bench_arrive(b, 5, "held.example");
	bench_until(b, &b->events[EVENT_defer], 3);
	say_gone(b, "turn:2"); /* of another */
	bench_run(b, 20);
	assert_int_equal(b->spool->turn_count, 1);
	gone(b, "turn:1", 0);
	assert_int_equal(b->sent[MSG_relay], 4);
}

static void refusals(void **state)
{
	static const char *const rows[] = { "", "\n", "away.example\n", "us.example\nnone.example\n" };
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) turn(b, rows[i], NOT_NOW, 0);
	assert_int_equal(b->sent[MSG_line], 0);
	/* The right one with a stranger: of his nothing is taken. */
	turn(b, "away.example\nheld.example\n", NOTHING, 0);
	assert_int_equal(b->sent[MSG_line_end], 1);
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	turn(b, "held.example\n", GOES, 1);
	turn(b, "too.example\nheld.example\n", BUSY, 0);
	turn(b, "too.example\n", NOTHING, 0);
	b->frame.conf->transfer = CONF_TRANSFER_IN;
	turn(b, "too.example\n", NOT_NOW, 0);
	b->frame.conf->transfer = CONF_TRANSFER_BOTH;
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_down(b, ROLE_DELIVER);
	assert_int_equal(b->spool->turn_count, 0);
	turn(b, "too.example\n", NOT_NOW, 0);
	b->spool->turn_count = SPOOL_TURNS_MAX;
	bench_up(b, ROLE_DELIVER);
	turn(b, "too.example\n", NOT_NOW, 0);
	b->spool->turn_count = 0;
}

/* The connection breaks: what was under way is deferred, what stood in line waits again. */
static void breaks(void **state)
{
	struct bench *b = *state;
	for (uint64_t id = 1; id <= 9; id++) bench_arrive(b, id, "held.example");
	bench_until(b, &b->events[EVENT_defer], 9);
	turn(b, "held.example\n", GOES, 9);
	bench_until(b, &b->sent[MSG_relay], 2);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_relay], 2); /* places of one line */
	gone(b, "turn:1", 0);
	answered(b, b->relay - 1, JOB_DEFERRED);
	answered(b, b->relay, JOB_UNTRIED);
	bench_until(b, &b->events[EVENT_defer], 18);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 2);
	assert_int_equal(bench_totals(b).messages, 9);
	assert_int_equal(b->spool->in_hand.count, 0);
	turn(b, "held.example\n", GOES, 9);
	bench_until(b, &b->sent[MSG_relay], 4);
	assert_string_equal(b->relay_key, "turn:2");
}

/* The connection broke behind the final dot: others wait, he himself gets it at once. */
static void in_doubt_it_is_fetched(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	turn(b, "held.example\n", GOES, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	in_doubt(b, 0);
	gone(b, "turn:1", 0);
	channel_send_release(b->far[ROLE_RECEIVE], &(struct msg_release){ 7, STR("held.example\n") });
	bench_until(b, &b->sent[MSG_released], 1);
	assert_int_equal(b->released_count, 0);
	turn(b, "held.example\n", GOES, 1);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_string_equal(b->relay_key, "turn:2");
	answered(b, b->relay, JOB_RELAYED);
	bench_until(b, &b->events[EVENT_deliver], 1);
}

static void arrive_for_two(struct bench *b, const char *first, const char *second)
{
	struct envelope_rcpt rcpts[2] = {
		{ .address = str_of(first), .route = STR("mailbox") },
		{ .address = str_of(second), .route = STR("mailbox") } };
	struct envelope e = { .sender = STR("ann@them.example"), .rcpts = rcpts, .rcpt_count = 2,
		.arrived_ms = loop_wall_ms(b->frame.loop), .size = 100 };
	struct window_range range = { 0, 100 };
	char field[16];
	struct buf ranges, envelope;
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	buf_init(&envelope, 4096);
	envelope_encode(&envelope, &e);
	bench_commit_as(b, &(struct msg_commit){ .handle = 1, .id = 1, .size = 100,
		.ranges = buf_view(&ranges), .envelope = buf_view(&envelope) }, "");
	buf_free(&envelope);
}

/* Another host that may have the same message gets no second copy because of it. */
static void another_is_in_doubt(void **state)
{
	struct bench *b = *state;
	arrive_for_two(b, "joe@away.example", "joe@held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	in_doubt(b, 0);
	turn(b, "held.example\n", GOES, 1);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_string_equal(b->relay_key, "turn:1");
	in_doubt(b, 1);
	gone(b, "turn:1", 0);
	turn(b, "held.example\n", GOES, 1);
	bench_until(b, &b->sent[MSG_line_end], 1);
	assert_int_equal(b->sent[MSG_relay], 2);
}

/* It is lost before anything was found: who asked need not wait for the answer. */
static void lost_while_it_looks(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	for (size_t how = 0; how < 2; how++) {
		b->spool->wait.walking = true; /* another walk: ours has to wait */
		ask(b, "held.example\n");
		bench_until(b, &b->sent[MSG_line], how + 1);
		assert_int_equal(b->sent[MSG_turned], how);
		if (how) bench_down(b, ROLE_DELIVER);
		else say_gone(b, "turn:1");
		bench_until(b, &b->sent[MSG_turned], how + 1);
		assert_int_equal(b->turned, NOT_NOW);
		assert_int_equal(b->spool->turn_count, 0);
		b->spool->wait.walking = false;
	}
	bench_up(b, ROLE_DELIVER);
	turn(b, "held.example\n", GOES, 1);
	assert_int_equal(b->sent[MSG_turned], 3);
}

/* A client that does not even greet is not told of as a host that is down. */
static void it_is_no_host(void **state)
{
	struct bench *b = *state;
	for (uint64_t id = 1; id <= SCHED_FAILURES_MAX; id++) bench_arrive(b, id, "held.example");
	bench_until(b, &b->events[EVENT_defer], SCHED_FAILURES_MAX);
	turn(b, "held.example\n", GOES, SCHED_FAILURES_MAX);
	bench_until(b, &b->sent[MSG_relay], 2);
	uint64_t job = b->relay - 1;
	for (size_t i = 1; i <= SCHED_FAILURES_MAX; i++, job++) {
		bench_until(b, &b->sent[MSG_relay], i);
		results_are(b, job, &(struct job_result){ .outcome = JOB_DEFERRED, .dsn = STR("4.4.2"),
			.text = STR("no greeting") }, true);
		bench_until(b, &b->events[EVENT_defer], SCHED_FAILURES_MAX + i);
	}
	assert_int_equal(b->events[EVENT_host_down], 0);
}

static void who_asked_has_gone(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	b->spool->wait.walking = true; /* another walk: ours has to wait */
	ask(b, "held.example\n");
	bench_until(b, &b->sent[MSG_line], 1);
	bench_down(b, ROLE_RECEIVE);
	b->spool->wait.walking = false;
	bench_until(b, &b->sent[MSG_line_end], 1);
	assert_int_equal(b->spool->turn_count, 0);
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_up(b, ROLE_RECEIVE);
}

static void suspended_and_etrn(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_arrive(b, 2, "too.example");
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_act(b, QUEUE_SUSPEND, "domain held.example");
	bench_until(b, &b->events[EVENT_suspend], 1);
	turn(b, "held.example\n", NOTHING, 0);
	/* Two that share a walk: neither is told a number that is not his. */
	turn(b, "too.example\n", GOES, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	channel_send_release(b->far[ROLE_RECEIVE], &(struct msg_release){ 7, STR("too.example\n") });
	bench_until(b, &b->sent[MSG_released], 1);
	assert_int_equal(b->sent[MSG_relay], 1); /* it is on its way already */
}

/* --- the other way round: mail that deliver has fetched ---------------------------------------- */

static void visit(struct bench *b)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	channel_send_visit_fd(b->far[ROLE_DELIVER], &(struct msg_visit){ .client = STR("0123456789abcdef"), .port = 366 }, fd);
	(void)close(fd);
}

static void a_visitor_goes_to_receive(void **state)
{
	struct bench *b = *state;
	visit(b);
	bench_until(b, &b->sent[MSG_visitor], 1);
	assert_int_equal(b->events[EVENT_fetch_fail], 0);
	b->spool->draining = true;
	visit(b);
	bench_run(b, 20);
	assert_int_equal(b->events[EVENT_fetch_fail], 1);
	b->spool->draining = false;
	bench_down(b, ROLE_RECEIVE);
	visit(b); /* nobody is there: it is closed */
	bench_run(b, 20);
	assert_int_equal(b->sent[MSG_visitor], 1);
	assert_int_equal(b->events[EVENT_fetch_fail], 2);
	bench_up(b, ROLE_RECEIVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(goes_over_its_line, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(refusals, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(breaks, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(in_doubt_it_is_fetched, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(another_is_in_doubt, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(lost_while_it_looks, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(it_is_no_host, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(who_asked_has_gone, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(a_visitor_goes_to_receive, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(suspended_and_etrn, bench_setup_relay, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
