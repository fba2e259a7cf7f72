/* SPDX-License-Identifier: Apache-2.0 */
/* Mail that waits for a window of its line. */
#include "role_bench.h"

#include <stdlib.h>
#include <string.h>

static struct conf_dial *dial(struct bench *b) { return &b->frame.conf->dials[0]; }

static int setup(void **state)
{
	int result = bench_setup(state);
	struct bench *b = *state;
	bench_up(b, ROLE_DELIVER);
	bench_up(b, ROLE_MASTER);
	b->frame.master = b->near[ROLE_MASTER];
	return result;
}

/* Without programs unless the test gives them back. */
static int setup_plain(void **state)
{
	int result = setup(state);
	struct bench *b = *state;
	dial(b)->before.count = dial(b)->after.count = 0;
	return result;
}

/* Master is gone before the role is: nothing is left to be run. */
static int teardown(void **state)
{
	struct bench *b = *state;
	b->spool->dial_count = 0;
	return bench_teardown(state);
}

static void a_message(struct bench *b, uint64_t id, const char *domain)
{
	size_t sent = b->sent[MSG_committed];
	bench_commit(b, id, domain, 100);
	bench_until(b, &b->sent[MSG_committed], sent + 1);
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

static void ends(struct bench *b, uint64_t query, bool good)
{
	channel_send_program_done(b->far[ROLE_MASTER], &(struct msg_program_done){ query, good });
	bench_run(b, 30);
}

static enum dial_state state_of(struct bench *b) { return b->spool->dials[0].state; }

/* As if the time of its window had come. */
static void due(struct bench *b)
{
	b->spool->dials[0].clock.next_ms = 1;
	dial_tick(b->spool);
}

static void waits_for_the_clock(void **state)
{
	struct bench *b = *state;
	a_message(b, 1, "line.example");
	a_message(b, 2, "away.example");
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_until(b, &b->events[EVENT_defer], 1);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	assert_int_equal(bench_totals(b).deferred, 1);
	due(b);
	assert_int_equal(state_of(b), DIAL_OPEN);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->events[EVENT_dial_open], 1);
	/* The window is open for all that comes, and a second opening changes nothing. */
	a_message(b, 3, "line.example");
	bench_until(b, &b->sent[MSG_relay], 3);
	due(b);
	assert_int_equal(b->events[EVENT_dial_open], 1);
	for (uint64_t job = b->relay - 2; job <= b->relay; job++) relayed(b, job);
	bench_until(b, &b->events[EVENT_deliver], 3);
	assert_int_equal(bench_totals(b).messages, 0);
}

static void what_stands_in_line_waits_again(void **state)
{
	struct bench *b = *state;
	due(b);
	bench_down(b, ROLE_DELIVER);
	a_message(b, 1, "line.example");
	bench_run(b, 30);
	assert_int_equal(b->spool->in_hand.count, 1);
	b->spool->dials[0].until_ms = loop_now_ms(b->frame.loop);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	bench_until(b, &b->events[EVENT_dial_close], 1);
	bench_until(b, &b->events[EVENT_defer], 1);
	bench_up(b, ROLE_DELIVER);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_int_equal(b->spool->in_hand.count, 0);
}

static void opens_for_many(void **state)
{
	struct bench *b = *state;
	dial(b)->queued_messages = 3;
	for (uint64_t id = 1; id <= 2; id++) a_message(b, id, "line.example");
	bench_until(b, &b->events[EVENT_defer], 2);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	a_message(b, 3, "line.example");
	bench_until(b, &b->events[EVENT_defer], 3);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_OPEN);
	assert_int_equal(b->spool->dials[0].waiting, 0);
	bench_until(b, &b->sent[MSG_relay], 3);
}

static void opens_for_old_mail(void **state)
{
	struct bench *b = *state;
	dial(b)->queued_for_ms = 100;
	a_message(b, 1, "line.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_string_equal(b->spool->dials[0].why, "queued-for");
	/* After the end of a window it takes as long again. */
	dial(b)->queued_for_ms = 3600 * 1000;
	b->spool->dials[0].until_ms = 0;
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	a_message(b, 2, "line.example");
	bench_run(b, 50);
	assert_null(b->spool->dials[0].wanted);
}

static void transfer_in_opens_none(void **state)
{
	struct bench *b = *state;
	b->frame.conf->transfer = CONF_TRANSFER_IN;
	due(b);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	b->frame.conf->transfer = CONF_TRANSFER_BOTH;
	due(b);
	assert_int_equal(state_of(b), DIAL_OPEN);
}

/* Mail leaves, but none is fetched that would be refused. */
static void fetches_only_what_is_taken(void **state)
{
	static const enum conf_transfer rows[] = { CONF_TRANSFER_OUT, CONF_TRANSFER_DRAIN, CONF_TRANSFER_BOTH };
	static struct str words[] = { STR_INIT("127.0.0.1"), STR_INIT("line.example") };
	struct bench *b = *state;
	dial(b)->etrn = dial(b)->atrn = (struct conf_texts){ words, 2 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		b->frame.conf->transfer = rows[i];
		b->spool->dials[0].until_ms = 0;
		dial_tick(b->spool); /* the window of the row before it is over */
		assert_int_equal(state_of(b), DIAL_CLOSED);
		due(b);
		assert_int_equal(state_of(b), DIAL_OPEN);
		bench_run(b, 30);
		assert_int_equal(b->sent[MSG_relay], rows[i] == CONF_TRANSFER_BOTH ? 2 : 0);
	}
}

static void a_reload_keeps_windows(void **state)
{
	struct bench *b = *state;
	due(b);
	spool_role.reload(&b->frame, b->frame.conf);
	assert_int_equal(state_of(b), DIAL_OPEN);
	b->frame.conf->dials[0].name = STR("other");
	spool_role.reload(&b->frame, b->frame.conf);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	b->frame.conf->dial_count = 0;
	spool_role.reload(&b->frame, b->frame.conf);
	a_message(b, 1, "line.example");
	bench_until(b, &b->sent[MSG_relay], 1);
}

/* --- programs --------------------------------------------------------------------------------- */

static void a_program_says_yes(void **state)
{
	struct bench *b = *state;
	a_message(b, 1, "line.example");
	due(b);
	assert_int_equal(state_of(b), DIAL_BEFORE);
	bench_until(b, &b->sent[MSG_program], 1);
	ends(b, b->program + 1, true); /* another's */
	assert_int_equal(state_of(b), DIAL_BEFORE);
	assert_int_equal(b->sent[MSG_relay], 0);
	ends(b, b->program, true);
	assert_int_equal(state_of(b), DIAL_OPEN);
	bench_until(b, &b->sent[MSG_relay], 1);
	b->spool->dials[0].until_ms = 0;
	dial_tick(b->spool);
	bench_until(b, &b->sent[MSG_program], 2);
	ends(b, b->program, false); /* of the one behind it */
	assert_int_equal(state_of(b), DIAL_CLOSED);
}

static void a_program_says_no(void **state)
{
	struct bench *b = *state;
	dial(b)->queued_messages = 1;
	a_message(b, 1, "line.example");
	bench_until(b, &b->events[EVENT_defer], 1);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_BEFORE);
	bench_until(b, &b->sent[MSG_program], 1);
	ends(b, b->program, false);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	/* What waits asks again only in a while, the clock whenever it likes. */
	a_message(b, 2, "line.example");
	bench_until(b, &b->events[EVENT_defer], 2);
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	due(b);
	assert_int_equal(state_of(b), DIAL_BEFORE);
	assert_int_equal(b->events[EVENT_dial_open], 0);
}

static void a_program_says_nothing(void **state)
{
	struct bench *b = *state;
	due(b);
	bench_until(b, &b->sent[MSG_program], 1);
	b->spool->dials[0].until_ms = 0;
	dial_tick(b->spool);
	assert_int_equal(state_of(b), DIAL_CLOSED);
	ends(b, b->program, true); /* too late */
	assert_int_equal(state_of(b), DIAL_CLOSED);
}

static void the_end_of_the_service(void **state)
{
	struct bench *b = *state;
	due(b);
	bench_until(b, &b->sent[MSG_program], 1);
	ends(b, b->program, true);
	dial_drain(b->spool);
	bench_until(b, &b->sent[MSG_program], 2);
	dial_drain(b->spool); /* once */
	bench_run(b, 20);
	assert_int_equal(b->sent[MSG_program], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waits_for_the_clock, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(what_stands_in_line_waits_again, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(opens_for_many, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(opens_for_old_mail, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(transfer_in_opens_none, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(fetches_only_what_is_taken, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(a_reload_keeps_windows, setup_plain, teardown),
		cmocka_unit_test_setup_teardown(a_program_says_yes, setup, teardown),
		cmocka_unit_test_setup_teardown(a_program_says_no, setup, teardown),
		cmocka_unit_test_setup_teardown(a_program_says_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(the_end_of_the_service, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
