/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that waits until somebody asks for it, and the modes of transfer. */
#include "role_bench.h"

#include <stdlib.h>
#include <string.h>

static void ask(struct bench *b, uint64_t query, const char *domains)
{
	channel_send_release(b->far[ROLE_RECEIVE],
		&(struct msg_release){ query, str_of(domains) });
}

/* Asks, and waits for the answer. */
static void release(struct bench *b, const char *domains, unsigned result, uint64_t count)
{
	static uint64_t query = 100;
	size_t before = b->sent[MSG_released];
	ask(b, ++query, domains);
	bench_until(b, &b->sent[MSG_released], before + 1);
	if (b->released != result || b->released_count != count || b->released_query != query)
		fail_msg("%s: result %u, count %llu", domains, b->released,
			(unsigned long long)b->released_count);
}

static void relayed(struct bench *b, uint64_t job)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = JOB_RELAYED, .dsn = STR("2.0.0") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = job,
		.results = buf_view(&results) });
	buf_free(&results);
}

enum { COUNTED = 1, LOOKED_FOR = 0, NOT_NOW = 2 };

static void waits_and_goes(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_arrive(b, 2, "Held.Example");
	bench_arrive(b, 3, "too.example");
	bench_until(b, &b->events[EVENT_defer], 3);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_int_equal(bench_totals(b).deferred, 3);
	release(b, "held.example\n", COUNTED, 2);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->events[EVENT_retry], 2);
	/* What comes while it is open goes at once; others go on waiting. */
	bench_arrive(b, 4, "held.example");
	bench_until(b, &b->sent[MSG_relay], 3);
	for (uint64_t job = b->relay - 2; job <= b->relay; job++) relayed(b, job);
	bench_until(b, &b->events[EVENT_deliver], 3);
	release(b, "held.example\n", COUNTED, 0);
	assert_int_equal(bench_totals(b).messages, 1);
	assert_int_equal(b->spool->wait.ask_count, 0);
	assert_int_equal(b->spool->act_count, 0);
}

/* A copy may have come there: asking again does not send another one sooner. */
static void in_doubt_it_is_not_asked_for(void **state)
{
	struct bench *b = *state;
	struct buf results;
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	release(b, "held.example\n", COUNTED, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = JOB_DEFERRED, .dsn = STR("4.4.2"),
		.text = STR("lost connection"), .host = STR("h"), .in_doubt = true });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results) });
	buf_free(&results);
	bench_until(b, &b->events[EVENT_in_doubt], 1);
	bench_run(b, 50);
	release(b, "held.example\n", COUNTED, 0);
	/* Others' mail of the same domain is not held up by it. */
	bench_arrive(b, 2, "held.example");
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->relayed.id, 2);
	bench_run(b, 1300);
	assert_int_equal(b->sent[MSG_relay], 2);
}

static void window_ends(void **state)
{
	struct bench *b = *state;
	struct conf_domain *d = &b->frame.conf->domains[2];
	assert_true(d->deliver.held);
	assert_int_equal(d->etrn_window_ms, 15 * 60 * 1000);
	d->etrn_window_ms = 1;
	release(b, "held.example\n", COUNTED, 0);
	assert_int_equal(b->spool->wait.open.count, 1);
	bench_run(b, 20);
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	wait_tick(b->spool);
	assert_int_equal(b->spool->wait.open.count, 0);
	assert_int_equal(b->sent[MSG_relay], 0);
}

static void strangers_open_nothing(void **state)
{
	static const char *const rows[] = { "", "\n", "away.example\n", "us.example\nnone.example\n", "\n\n\n" };
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) release(b, rows[i], NOT_NOW, 0);
	char text[400];
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	release(b, text, NOT_NOW, 0);
	assert_int_equal(b->spool->wait.open.count, 0);
}

/* Several that ask at once share a walk, and none hears a number that is not his. */
static void many_ask(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "held.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	for (uint64_t i = 0; i < 300; i++) ask(b, i, i % 2 ? "held.example\n" : "too.example\n");
	bench_until(b, &b->sent[MSG_released], 300);
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_run(b, 20);
	assert_int_equal(b->spool->wait.ask_count, 0);
	assert_true(b->spool->wait.walk <= 3);
}

static void late(void **state)
{
	struct bench *b = *state;
	b->spool->draining = true; /* no walk */
	ask(b, 9, "held.example\n");
	bench_run(b, 20);
	assert_int_equal(b->sent[MSG_released], 0);
	bench_until(b, &b->sent[MSG_released], 1);
	assert_int_equal(b->released, LOOKED_FOR);
	b->spool->draining = false;
}

static void suspended_is_stronger(void **state)
{
	struct bench *b = *state;
	bench_act(b, QUEUE_SUSPEND, "domain held.example");
	bench_until(b, &b->events[EVENT_suspend], 1);
	bench_arrive(b, 1, "held.example");
	bench_run(b, 30);
	assert_int_equal(b->events[EVENT_defer], 0);
	release(b, "held.example\n", COUNTED, 1);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_relay], 0);
	bench_act(b, QUEUE_RESUME, "domain held.example");
	bench_until(b, &b->sent[MSG_relay], 1);
}

/* --- transfer ------------------------------------------------------------------------------- */

static void mode(struct bench *b, enum conf_transfer transfer)
{
	b->frame.conf->transfer = transfer;
	spool_role.reload(&b->frame, b->frame.conf);
}

static void in_takes_mail_from_its_lines(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	bench_arrive(b, 1, "away.example");
	bench_run(b, 30);
	assert_int_equal(b->spool->in_hand.count, 1);
	mode(b, CONF_TRANSFER_IN);
	bench_up(b, ROLE_DELIVER);
	bench_arrive(b, 2, "away.example");
	bench_run(b, 100);
	assert_int_equal(b->spool->in_hand.count, 0);
	assert_int_equal(b->sent[MSG_relay], 0);
	mode(b, CONF_TRANSFER_BOTH);
	bench_until(b, &b->sent[MSG_relay], 2);
}

static void drain_tells_that_it_is_empty(void **state)
{
	struct bench *b = *state;
	bench_arrive(b, 1, "away.example");
	bench_until(b, &b->sent[MSG_relay], 1);
	watch_tick(b->spool);
	assert_int_equal(b->events[EVENT_drained], 0); /* not its mode */
	mode(b, CONF_TRANSFER_DRAIN);
	watch_tick(b->spool);
	assert_int_equal(b->events[EVENT_drained], 0);
	relayed(b, b->relay);
	bench_until(b, &b->events[EVENT_deliver], 1);
	watch_tick(b->spool);
	watch_tick(b->spool);
	bench_until(b, &b->events[EVENT_drained], 1);
	assert_int_equal(b->events[EVENT_drained], 1);
	/* Held mail is nothing that could go; other mail is. */
	struct msg_commit m = { .handle = 2, .id = 2, .size = 0, .hold = STR("filtered") };
	bench_commit_as(b, &m, "away.example");
	bench_until(b, &b->events[EVENT_hold], 1);
	mode(b, CONF_TRANSFER_DRAIN);
	watch_tick(b->spool);
	bench_until(b, &b->events[EVENT_drained], 2);
	bench_arrive(b, 3, "away.example");
	bench_until(b, &b->sent[MSG_relay], 2);
	watch_tick(b->spool);
	assert_false(b->spool->drained);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_and_goes, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(in_doubt_it_is_not_asked_for, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(window_ends, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(strangers_open_nothing, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(many_ask, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(late, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(suspended_is_stronger, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(in_takes_mail_from_its_lines, bench_setup_relay, bench_teardown),
		cmocka_unit_test_setup_teardown(drain_tells_that_it_is_empty, bench_setup_relay, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
