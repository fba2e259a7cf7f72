/* SPDX-License-Identifier: Apache-2.0 */
/* What the role does for mail that leaves: jobs of deliver, texts on demand, and reports
 * that stand and fall with the outcome that they tell of. */
#include "role_bench.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dsn/report.h"

#define HANDS(b) ((b)->spool->in_hand.count)

static struct window *letters; /* bounce's */

static void bounce_up(struct bench *b)
{
	bench_up(b, ROLE_BOUNCE);
	channel_send_window_fd(b->far[ROLE_BOUNCE], &(struct msg_window){ BENCH_WINDOW },
		window_fd(letters));
}

static int setup(void **state)
{
	int result = bench_setup(state);
	letters = window_new(BENCH_WINDOW);
	bounce_up(*state);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static int teardown(void **state)
{
	int result = bench_teardown(state);
	window_free(letters);
	return result;
}

static bool in_doubt; /* the next answer */

/* One result for the recipient 0 of the last relay job. */
static void answer(struct bench *b, enum job_outcome outcome, const char *dsn, const char *text,
                   bool host_failed)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = outcome, .dsn = str_of(dsn),
		.text = str_of(text), .host = STR("peer[192.0.2.1]:25"), .step = STR("sending RCPT TO"),
		.in_doubt = in_doubt });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results), .host_failed = host_failed, .host = STR("peer: refused") });
	buf_free(&results);
}

static bool window_is_whole(struct bench *b)
{
	return window_free_blocks(b->spool->window) == SPOOL_WINDOW / WINDOW_BLOCK;
}

static void relays(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_true(window_is_whole(b)); /* nobody has asked for the text */
	channel_send_body_want(b->far[ROLE_DELIVER], &(struct msg_body_want){ b->relay });
	channel_send_body_want(b->far[ROLE_DELIVER], &(struct msg_body_want){ b->relay }); /* again */
	channel_send_body_want(b->far[ROLE_DELIVER], &(struct msg_body_want){ b->relay + 7 });
	bench_until(b, &b->sent[MSG_body], 1);
	assert_int_equal(b->body_result, 0);
	answer(b, JOB_RELAYED, "2.0.0", "250 2.0.0 taken", false);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(b->sent[MSG_body], 1);
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(HANDS(b), 0);
	assert_true(window_is_whole(b));
}

static int due_of(void *ctx, const struct spool_rcpt *rcpt)
{
	struct spool_rcpt *out = ctx;
	*out = (struct spool_rcpt){ .next_due_ms = rcpt->next_due_ms, .doubts = rcpt->doubts,
		.attempts = rcpt->attempts };
	return 0;
}

/* The host may have it: the next attempt waits longer, and twice as long after the next; an
 * ordinary deferral in between goes by the schedule, and does not forget. */
static void a_host_that_may_have_it(void **state)
{
	static const struct { bool doubt; uint8_t doubts; int64_t least_min; } rows[] = {
		{ true, 1, 60 }, { false, 1, 30 }, { true, 2, 120 }, { true, 3, 240 },
	};
	struct bench *b = *state;
	struct spool_rcpt rcpt;
	bench_commit(b, 11, "away.example", 100);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		size_t told = b->events[EVENT_in_doubt];
		if (i) bench_act(b, QUEUE_RETRY, "all");
		bench_until(b, &b->sent[MSG_relay], i + 1);
		in_doubt = rows[i].doubt;
		answer(b, JOB_DEFERRED, "4.4.2", "lost connection", false);
		in_doubt = false;
		bench_until(b, &b->events[EVENT_defer], i + 1);
		bench_run(b, 20);
		assert_int_equal(b->events[EVENT_in_doubt], told + rows[i].doubt);
		assert_int_equal(store_read_rcpts(b->spool->store, b->committed.id, 0, 1, due_of, &rcpt), 0);
		assert_int_equal(rcpt.doubts, rows[i].doubts);
		assert_int_equal(rcpt.attempts, i + 1);
		int64_t wait_ms = rcpt.next_due_ms - loop_wall_ms(b->frame.loop);
		assert_in_range(wait_ms, (rows[i].least_min - 1) * 60000, rows[i].least_min * 66000);
	}
}

/* The clock goes back: what waits for a time that is far off now is tried at once, and told. */
static void the_clock_is_set_back(void **state)
{
	static const struct { int64_t step_ms; bool tried; } rows[] = {
		{ 59 * 1000, false }, { -86400 * INT64_C(1000), false }, { 86400 * INT64_C(1000), true },
	};
	struct bench *b = *state;
	struct spool_rcpt rcpt;
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_DEFERRED, "4.4.2", "lost connection", false);
	bench_until(b, &b->events[EVENT_defer], 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_true(b->spool->pump.lead_known);
		b->spool->pump.lead_ms += rows[i].step_ms; /* so far it was before by that */
		bench_run(b, 1300);
		assert_int_equal(b->events[EVENT_clock_back], rows[i].tried);
		assert_int_equal(b->sent[MSG_relay], 1 + rows[i].tried);
	}
	assert_int_equal(b->events[EVENT_retry], 1);
	answer(b, JOB_DEFERRED, "4.4.2", "lost connection", false);
	bench_until(b, &b->events[EVENT_defer], 2);
	bench_run(b, 20);
	assert_int_equal(store_read_rcpts(b->spool->store, b->committed.id, 0, 1, due_of, &rcpt), 0);
	assert_int_equal(rcpt.attempts, 2);
}

/* Whoever may have it does not get it again too soon because of that; an administrator's word counts. */
static void what_is_in_doubt_keeps_its_time(void **state)
{
	struct bench *b = *state;
	struct spool_rcpt rcpt;
	bench_commit(b, 11, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	in_doubt = true;
	answer(b, JOB_DEFERRED, "4.4.2", "lost connection", false);
	in_doubt = false;
	bench_until(b, &b->events[EVENT_in_doubt], 1);
	bench_commit(b, 12, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 2);
	answer(b, JOB_DEFERRED, "4.4.2", "lost connection", false);
	bench_until(b, &b->events[EVENT_defer], 2);
	b->spool->pump.lead_ms += 86400 * INT64_C(1000);
	bench_until(b, &b->events[EVENT_clock_back], 1);
	bench_until(b, &b->sent[MSG_relay], 3);
	bench_run(b, 1300);
	assert_int_equal(b->sent[MSG_relay], 3);
	assert_int_equal(b->relayed.id, 12);
	assert_int_equal(store_read_rcpts(b->spool->store, 11, 0, 1, due_of, &rcpt), 0);
	int64_t wait_ms = rcpt.next_due_ms - loop_wall_ms(b->frame.loop);
	assert_in_range(wait_ms, 50 * 60000, 66 * 60000);
	assert_int_equal(rcpt.attempts, 1);
	bench_act(b, QUEUE_RETRY, "0x0b");
	bench_act(b, QUEUE_RETRY, "all");
	bench_until(b, &b->sent[MSG_relay], 4);
	assert_int_equal(b->relayed.id, 11);
}

static void a_failure_is_kept_with_its_report(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 12, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	bench_until(b, &b->sent[MSG_report_job], 1);
	bench_run(b, 20);
	/* Not before the report is there. */
	assert_int_equal(b->events[EVENT_fail], 0);
	assert_int_equal(bench_totals(b).messages, 1);
	bench_write_letter(b, letters);
	bench_until(b, &b->events[EVENT_dsn_sent], 1);
	assert_int_equal(b->events[EVENT_fail], 1);
	bench_until(b, &b->sent[MSG_report_free], 1);
	/* The report is under way at once; no route leads to where ann is. */
	bench_until(b, &b->events[EVENT_defer], 1);
	assert_int_equal(bench_totals(b).messages, 1);
	assert_int_equal(b->sent[MSG_report_job], 1);
	assert_int_equal(HANDS(b), 0);
	assert_int_equal(b->spool->report_count, 0);
	assert_true(window_is_whole(b));
}

static void a_report_that_cannot_be_written_holds_up_nothing(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 13, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	bench_until(b, &b->sent[MSG_report_job], 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job });
	bench_until(b, &b->events[EVENT_fail], 1);
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(b->spool->report_count, 0);
}

/* Ranges outside its window, a size that lies, an answer nobody asked for. */
static void a_bounce_that_lies(void **state)
{
	struct bench *b = *state;
	char field[16];
	struct buf ranges;
	struct window_range range = { BENCH_WINDOW - 8, 64 };
	bench_commit(b, 14, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	bench_until(b, &b->sent[MSG_report_job], 1);
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ 4711, buf_view(&ranges), 64 });
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job,
		.ranges = buf_view(&ranges), .size = 64 });
	bench_until(b, &b->events[EVENT_fail], 1);
	assert_int_equal(bench_totals(b).messages, 0);
}

static void a_bounce_that_dies_is_asked_again(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 15, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	bench_until(b, &b->sent[MSG_report_job], 1);
	bench_down(b, ROLE_BOUNCE);
	bench_run(b, 30);
	assert_int_equal(b->events[EVENT_fail], 0);
	bounce_up(b);
	bench_until(b, &b->sent[MSG_report_job], 2);
	bench_write_letter(b, letters);
	bench_until(b, &b->events[EVENT_dsn_sent], 1);
	assert_int_equal(b->events[EVENT_fail], 1);
}

/* As many as bounce takes; the next one when one of them is kept, which is its end there. */
static void more_reports_than_bounce_takes_wait(void **state)
{
	struct bench *b = *state;
	for (size_t i = 0; i < SPOOL_LETTERS_MAX + 8; i++) {
		bench_commit(b, 100 + i, "away.example", 100);
		bench_until(b, &b->sent[MSG_relay], i + 1);
		answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	}
	bench_run(b, 20);
	assert_int_equal(b->sent[MSG_report_job], SPOOL_LETTERS_MAX);
	for (size_t i = 1; i <= 4; i++) {
		bench_write_letter(b, letters);
		bench_until(b, &b->sent[MSG_report_job], SPOOL_LETTERS_MAX + i);
		assert_int_equal(b->sent[MSG_report_free], i);
		bench_run(b, 5);
		assert_int_equal(b->spool->letter_count, SPOOL_LETTERS_MAX);
		assert_int_equal(b->sent[MSG_report_job], SPOOL_LETTERS_MAX + i);
	}
	bench_down(b, ROLE_BOUNCE);
	assert_int_equal(b->spool->letter_count, 0);
	bounce_up(b);
	bench_until(b, &b->sent[MSG_report_job], 2 * SPOOL_LETTERS_MAX + 4);
	assert_int_equal(b->events[EVENT_fail], 4);
}

static void a_death_in_hand_of_bounce_parks(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 16, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody", false);
	for (int i = 0; i < SPOOL_DEATHS_MAX; i++) {
		char record[64];
		struct buf death;
		bench_until(b, &b->sent[MSG_report_job], (size_t)i + 1);
		buf_init_fixed(&death, record, sizeof record);
		msg_death_put(&death, &(struct msg_death){ ROLE_BOUNCE, 0, 16, 1 });
		spool_role.message(&b->frame, b->near[ROLE_CONSOLE], MSG_death, buf_view(&death), -1);
		bench_down(b, ROLE_BOUNCE);
		bench_run(b, 20);
		bounce_up(b);
	}
	bench_until(b, &b->events[EVENT_poison], 1);
	assert_int_equal(HANDS(b), 0);
	assert_int_equal(b->spool->report_count, 0);
	assert_int_equal(bench_totals(b).poison, 1);
}

static void a_deliver_that_dies_has_its_jobs_done_again(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 17, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	channel_send_body_want(b->far[ROLE_DELIVER], &(struct msg_body_want){ b->relay });
	bench_until(b, &b->sent[MSG_body], 1);
	bench_down(b, ROLE_DELIVER);
	bench_run(b, 30);
	bench_up(b, ROLE_DELIVER);
	assert_true(window_is_whole(b));
	bench_until(b, &b->sent[MSG_relay], 2);
	answer(b, JOB_RELAYED, "2.0.0", "250 taken", false);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(b->events[EVENT_defer], 0);
}

/* Another one may be killed by it, too: first the word of master, which counts. */
static void a_job_waits_for_news_of_the_death(void **state)
{
	struct bench *b = *state;
	char record[64];
	struct buf death;
	bench_commit(b, 19, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_down(b, ROLE_DELIVER);
	bench_run(b, 30);
	assert_int_equal(b->spool->parts.count, 1);
	buf_init_fixed(&death, record, sizeof record);
	msg_death_put(&death, &(struct msg_death){ ROLE_DELIVER, 0, 19, 1 });
	spool_role.message(&b->frame, b->near[ROLE_CONSOLE], MSG_death, buf_view(&death), -1);
	assert_int_equal(b->spool->parts.count, 0);
	/* And at the end there is nobody left who could tell. */
	bench_up(b, ROLE_DELIVER);
	bench_until(b, &b->sent[MSG_relay], 2);
	bench_down(b, ROLE_DELIVER);
	assert_int_equal(b->spool->parts.count, 1);
	spool_role.drain(&b->frame, false);
	bench_run(b, 30);
	assert_int_equal(b->spool->parts.count, 0);
	assert_true(b->left);
}

static void untried_ones_are_tried_again_at_once(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 18, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_UNTRIED, "4.3.2", "leaving", false);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->events[EVENT_defer], 0);
	answer(b, JOB_DEFERRED, "4.2.0", "450 later", false);
	bench_until(b, &b->events[EVENT_defer], 1);
}

/* After some attempts that found no host the others are put off without one. */
static void a_dead_host_is_spared(void **state)
{
	struct bench *b = *state;
	for (uint64_t id = 100; id < 140; id++) bench_commit(b, id, "away.example", 10);
	size_t seen = 0;
	struct spool_totals totals = { 0 };
	for (int i = 0; i < 400 && totals.deferred < 40; i++) {
		bench_run(b, 5);
		totals = bench_totals(b);
		if (b->sent[MSG_relay] == seen) continue;
		for (uint64_t job = b->relay - (b->sent[MSG_relay] - seen) + 1; job <= b->relay; job++) {
			uint64_t last = b->relay;
			b->relay = job;
			answer(b, JOB_DEFERRED, "4.4.1", "connection refused", true);
			b->relay = last;
		}
		seen = b->sent[MSG_relay];
	}
	totals = bench_totals(b);
	assert_int_equal(totals.deferred, 40);
	/* Each attempt is told, and once that the host is down; the others cost no line. */
	assert_int_equal(b->events[EVENT_defer], seen);
	assert_int_equal(b->events[EVENT_host_down], 1);
	assert_in_range(seen, SCHED_FAILURES_MAX, 2 * SCHED_WINDOW_FIRST);
	assert_int_equal(HANDS(b), 0);
}

static void a_damaged_text_is_not_sent(void **state)
{
	struct bench *b = *state;
	struct kvstore *ks = bench_kv(b);
	struct key key = key_of_id(19);
	struct kv *kv;
	bench_commit(b, 19, "away.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	char wrong[100];
	memset(wrong, 'x', sizeof wrong);
	assert_int_equal(ks->engine->write_begin(ks->env, 0, &kv), 0);
	assert_int_equal(kv_put(kv, KV_BODY, key_view(&key), (struct str){ wrong, sizeof wrong }), 0);
	assert_int_equal(ks->engine->write_commit(kv), 0);
	channel_send_body_want(b->far[ROLE_DELIVER], &(struct msg_body_want){ b->relay });
	bench_until(b, &b->sent[MSG_body], 1);
	assert_int_equal(b->body_result, 2);
	answer(b, JOB_DEFERRED, "4.3.0", "could not be read", false);
	bench_until(b, &b->events[EVENT_poison], 1);
	/* The deferral may be in a later batch. */
	for (int i = 0; HANDS(b) > 0 && i < 100; i++) bench_run(b, 30);
	assert_int_equal(bench_totals(b).poison, 1);
	assert_int_equal(HANDS(b), 0);
}

static void waiting_mail_does_not_hold_up_the_end(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	for (uint64_t id = 200; id < 210; id++) bench_commit(b, id, "away.example", 10);
	bench_until(b, &b->sent[MSG_committed], 10);
	bench_run(b, 30);
	assert_int_not_equal(HANDS(b), 0);
	spool_role.drain(&b->frame, false);
	assert_true(b->left);
	assert_int_equal(HANDS(b), 0);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(relays),
		ON_BENCH(the_clock_is_set_back),
		ON_BENCH(what_is_in_doubt_keeps_its_time),
		ON_BENCH(a_host_that_may_have_it),
		ON_BENCH(a_failure_is_kept_with_its_report),
		ON_BENCH(a_report_that_cannot_be_written_holds_up_nothing),
		ON_BENCH(a_bounce_that_lies),
		ON_BENCH(a_bounce_that_dies_is_asked_again),
		ON_BENCH(more_reports_than_bounce_takes_wait),
		ON_BENCH(a_death_in_hand_of_bounce_parks),
		ON_BENCH(a_deliver_that_dies_has_its_jobs_done_again),
		ON_BENCH(a_job_waits_for_news_of_the_death),
		ON_BENCH(untried_ones_are_tried_again_at_once),
		ON_BENCH(a_dead_host_is_spared),
		ON_BENCH(a_damaged_text_is_not_sent),
		ON_BENCH(waiting_mail_does_not_hold_up_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
