/* SPDX-License-Identifier: Apache-2.0 */
/* What an administrator asks of mail that waits for another host. */
#include "role_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define HANDS(b)  ((b)->spool->in_hand.count)
#define AWAY      "away.example"
#define ALL_GONE  "0000000000000fff"

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

struct wish {
	enum queue_action action;
	const char *selector;
	uint64_t until_ms;
	bool dry;
};

static void ask(struct bench *b, struct wish w)
{
	channel_send_act(b->far[ROLE_CONSOLE], &(struct msg_act){ .query = 7,
		.action = (uint8_t)w.action, .selector = str_of(w.selector), .reason = STR("why"),
		.dry = w.dry, .until_ms = w.until_ms });
}

/* Asks, and waits for the answer. */
static void act(struct bench *b, struct wish w, unsigned status, uint64_t count)
{
	size_t answers = b->sent[MSG_answer];
	ask(b, w);
	bench_until(b, &b->sent[MSG_answer], answers + 1);
	if (b->answer_status != status || b->answer_count != count)
		fail_msg("%s %s: status %u, count %llu", queue_action_name(w.action), w.selector,
			b->answer_status, (unsigned long long)b->answer_count);
	assert_int_equal(b->spool->act_count, 0);
}

static void answer(struct bench *b, uint64_t job, enum job_outcome outcome, bool host_failed)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = outcome,
		.dsn = outcome == JOB_RELAYED ? STR("2.0.0") : STR("4.4.1"), .text = STR("text") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = job,
		.results = buf_view(&results), .host_failed = host_failed });
	buf_free(&results);
}

static void a_message(struct bench *b, uint64_t id)
{
	size_t sent = b->sent[MSG_committed];
	bench_commit(b, id, AWAY, 100);
	bench_until(b, &b->sent[MSG_committed], sent + 1);
}

/* --- suspend ------------------------------------------------------------------------------ */

static void suspends(void **state)
{
	static const char *const rows[] = { "domain Away.Example", "route away" };
	struct bench *b = *state;
	for (size_t i = 0; i < 2; i++) {
		size_t relays = b->sent[MSG_relay];
		act(b, (struct wish){ QUEUE_SUSPEND, rows[i], 0, false }, EX_OK, 1);
		assert_int_equal(b->events[EVENT_suspend], i + 1);
		for (uint64_t id = 1; id <= 3; id++) a_message(b, i * 16 + id);
		bench_run(b, 30);
		assert_int_equal(b->sent[MSG_relay], relays);
		assert_int_equal(HANDS(b), 0);
		pump_rescan(b->spool);
		bench_run(b, 30);
		assert_int_equal(b->sent[MSG_relay], relays);
		act(b, (struct wish){ QUEUE_RESUME, rows[i], 0, false }, EX_OK, 1);
		bench_until(b, &b->sent[MSG_relay], relays + 3);
		assert_int_equal(b->events[EVENT_resume], i + 1);
		for (uint64_t job = b->relay - 2; job <= b->relay; job++) answer(b, job, JOB_RELAYED, false);
		bench_until(b, &b->events[EVENT_deliver], (i + 1) * 3);
	}
	assert_int_equal(b->spool->stops.count, 0);
}

static void others_are_not_concerned(void **state)
{
	struct bench *b = *state;
	act(b, (struct wish){ QUEUE_SUSPEND, "domain other.example", 0, false }, EX_OK, 1);
	act(b, (struct wish){ QUEUE_SUSPEND, "route lmtp", 0, false }, EX_OK, 1);
	a_message(b, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
}

static void both_must_end(void **state)
{
	struct bench *b = *state;
	act(b, (struct wish){ QUEUE_SUSPEND, "domain away.example", 0, false }, EX_OK, 1);
	act(b, (struct wish){ QUEUE_SUSPEND, "route away", 0, false }, EX_OK, 1);
	a_message(b, 1);
	act(b, (struct wish){ QUEUE_RESUME, "route away", 0, false }, EX_OK, 1);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 0);
	act(b, (struct wish){ QUEUE_RESUME, "domain away.example", 0, false }, EX_OK, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
}

static void lines_are_left(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	for (uint64_t id = 1; id <= 10; id++) a_message(b, id);
	bench_run(b, 30);
	assert_int_not_equal(HANDS(b), 0);
	act(b, (struct wish){ QUEUE_SUSPEND, "domain away.example", 0, false }, EX_OK, 1);
	bench_run(b, 30);
	assert_int_equal(HANDS(b), 0);
	bench_up(b, ROLE_DELIVER);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 0);
	act(b, (struct wish){ QUEUE_RESUME, "domain away.example", 0, false }, EX_OK, 1);
	bench_until(b, &b->sent[MSG_relay], SCHED_WINDOW_FIRST);
}

static void ends_by_itself(void **state)
{
	struct bench *b = *state;
	uint64_t until_ms = (uint64_t)loop_wall_ms(b->frame.loop) + 50;
	act(b, (struct wish){ QUEUE_SUSPEND, "route away", until_ms, false }, EX_OK, 1);
	a_message(b, 1);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_relay], 0);
	bench_until(b, &b->sent[MSG_relay], 1); /* within the tick */
	assert_int_equal(b->events[EVENT_resume], 1);
	act(b, (struct wish){ QUEUE_RESUME, "route away", 0, false }, EX_DATAERR, 0);
}

static void is_loaded(void **state)
{
	struct bench *b = *state;
	act(b, (struct wish){ QUEUE_SUSPEND, "route away", 0, false }, EX_OK, 1);
	/* As a new life of the role would: the notes are all that is left. */
	size_t at = 0;
	free(map_next(&b->spool->stops, &at, NULL));
	map_free(&b->spool->stops);
	map_init(&b->spool->stops, SPOOL_NOTES_MAX, 1);
	struct spool_op junk = { .kind = SPOOL_OP_NOTE,
		.note = { STR("suspend/planet/mars"), STR("x") } };
	store_commit(b->spool->store, &junk, 1);
	assert_int_equal(junk.result, 0);
	suspend_load(b->spool);
	assert_int_equal(b->events[EVENT_spool_error], 1); /* about the junk */
	assert_int_equal(b->spool->stops.count, 1);
	a_message(b, 1);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_relay], 0);
	act(b, (struct wish){ QUEUE_RESUME, "route away", 0, false }, EX_OK, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
}

static void refuses(void **state)
{
	static const struct { struct wish w; unsigned status; } rows[] = {
		{ { QUEUE_SUSPEND, "all", 0, false }, EX_USAGE },
		{ { QUEUE_SUSPEND, "sender a@b", 0, false }, EX_USAGE },
		{ { QUEUE_SUSPEND, "to=away.example", 0, false }, EX_USAGE },
		{ { QUEUE_SUSPEND, "nonsense of a kind", 0, false }, EX_USAGE },
		{ { QUEUE_SUSPEND, "route nowhere", 0, false }, EX_DATAERR },
		{ { QUEUE_RESUME, "route nowhere", 0, false }, EX_DATAERR },
		{ { QUEUE_RESUME, "domain away.example", 0, false }, EX_DATAERR },
		{ { QUEUE_BOUNCE, ALL_GONE, 0, false }, EX_DATAERR },
		{ { QUEUE_REROUTE, ALL_GONE, 0, false }, EX_DATAERR },
		{ { QUEUE_SUSPEND, "domain away.example", 0, true }, EX_OK },
		{ { QUEUE_BOUNCE, "all", 0, true }, EX_OK },
	};
	struct bench *b = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) act(b, rows[i].w, rows[i].status, 0);
	assert_int_equal(b->spool->stops.count, 0);
	assert_int_equal(b->events[EVENT_suspend] + b->events[EVENT_bounce], 0);
}

static void too_many_are_refused(void **state)
{
	static struct spool_op ops[SPOOL_NOTES_MAX];
	static char keys[SPOOL_NOTES_MAX][8];
	struct bench *b = *state;
	for (size_t i = 0; i < SPOOL_NOTES_MAX; i++) {
		int len = snprintf(keys[i], sizeof keys[i], "n%zu", i);
		ops[i] = (struct spool_op){ .kind = SPOOL_OP_NOTE,
			.note = { { keys[i], (size_t)len }, STR("x") } };
	}
	store_commit(b->spool->store, ops, SPOOL_NOTES_MAX);
	act(b, (struct wish){ QUEUE_SUSPEND, "route away", 0, false }, EX_DATAERR, 0);
	assert_int_equal(b->spool->stops.count, 0);
	a_message(b, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
}

/* --- lines --------------------------------------------------------------------------------- */

static void what_is_held_or_dropped_leaves_its_line(void **state)
{
	static const enum queue_action rows[] = { QUEUE_HOLD, QUEUE_DROP };
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	for (size_t i = 0; i < 2; i++) {
		for (uint64_t id = 1; id <= 5; id++) a_message(b, i * 16 + id);
		bench_run(b, 30);
		assert_int_not_equal(HANDS(b), 0);
		act(b, (struct wish){ rows[i], "state=active", 0, false }, EX_OK, 5);
		bench_run(b, 30);
		assert_int_equal(HANDS(b), 0);
	}
	bench_up(b, ROLE_DELIVER);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_int_equal(bench_totals(b).held, 5);
	act(b, (struct wish){ QUEUE_RELEASE, "route away", 0, false }, EX_OK, 5);
	bench_until(b, &b->sent[MSG_relay], 5);
}

static void a_hold_ends_by_itself(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	a_message(b, 1);
	uint64_t until_ms = (uint64_t)loop_wall_ms(b->frame.loop) + 100;
	act(b, (struct wish){ QUEUE_HOLD, "all", until_ms, false }, EX_OK, 1);
	bench_up(b, ROLE_DELIVER);
	bench_run(b, 40);
	assert_int_equal(b->sent[MSG_relay], 0);
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_int_equal(b->events[EVENT_release], 1);
}

static void a_retry_is_not_put_off(void **state)
{
	static const enum queue_action rows[] = { QUEUE_RETRY, QUEUE_REROUTE };
	struct bench *b = *state;
	for (uint64_t id = 1; id <= SCHED_FAILURES_MAX; id++) {
		a_message(b, id);
		bench_until(b, &b->sent[MSG_relay], id);
		answer(b, b->relay, JOB_DEFERRED, true);
		bench_until(b, &b->events[EVENT_defer], id);
	}
	a_message(b, 9); /* the host is known not to answer */
	for (int i = 0; i < 1000 && bench_totals(b).deferred <= SCHED_FAILURES_MAX; i++) bench_run(b, 5);
	assert_int_equal(bench_totals(b).deferred, SCHED_FAILURES_MAX + 1);
	assert_int_equal(b->sent[MSG_relay], SCHED_FAILURES_MAX);
	for (size_t i = 0; i < 2; i++) {
		act(b, (struct wish){ rows[i], "0000000000000009", 0, false }, EX_OK, 1);
		bench_until(b, &b->sent[MSG_relay], SCHED_FAILURES_MAX + 1 + i);
		answer(b, b->relay, JOB_DEFERRED, true);
		bench_until(b, &b->events[EVENT_defer], SCHED_FAILURES_MAX + 1 + i);
	}
	assert_int_equal(b->events[EVENT_retry], 1);
	assert_int_equal(b->events[EVENT_reroute], 1);
}

/* --- bounce -------------------------------------------------------------------------------- */

static void a_bounce_comes_with_its_report(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	a_message(b, 1);
	ask(b, (struct wish){ QUEUE_BOUNCE, "route away", 0, false });
	bench_until(b, &b->sent[MSG_report_job], 1);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_answer], 0); /* not before it is durable */
	assert_int_equal(b->events[EVENT_fail], 0);
	bench_write_letter(b, letters);
	bench_until(b, &b->sent[MSG_answer], 1);
	assert_int_equal(b->answer_status, EX_OK);
	assert_int_equal(b->answer_count, 1);
	assert_int_equal(b->events[EVENT_bounce], 1);
	assert_int_equal(b->events[EVENT_fail], 1);
	assert_int_equal(b->events[EVENT_dsn_sent], 1);
	bench_until(b, &b->events[EVENT_defer], 1); /* the report: no route leads to ann */
	assert_int_equal(bench_totals(b).messages, 1);
	assert_int_equal(b->spool->letter_count, 0);
}

/* What a worker has is met again when it comes back. */
static void a_bounce_waits_for_who_is_under_way(void **state)
{
	struct bench *b = *state;
	a_message(b, 1);
	bench_until(b, &b->sent[MSG_relay], 1);
	ask(b, (struct wish){ QUEUE_BOUNCE, "all", 0, false });
	bench_run(b, 300);
	assert_int_equal(b->sent[MSG_answer], 0);
	assert_int_equal(b->sent[MSG_report_job], 0);
	answer(b, b->relay, JOB_DEFERRED, false);
	bench_until(b, &b->sent[MSG_report_job], 1);
	bench_write_letter(b, letters);
	bench_until(b, &b->sent[MSG_answer], 1);
	assert_int_equal(b->answer_status, EX_OK);
	assert_int_equal(b->answer_count, 1);
	assert_int_equal(b->events[EVENT_fail], 1);
}

/* Nobody is asked for more letters than are kept, and nothing is lost when bounce can
 * write none. */
static void many_are_bounced(void **state)
{
	enum { MANY = SPOOL_REPORTS_MAX + 40 };
	struct bench *b = *state;
	bench_down(b, ROLE_BOUNCE);
	bench_down(b, ROLE_DELIVER);
	for (uint64_t id = 1; id <= MANY; id++) bench_commit(b, id, AWAY, 10);
	bench_until(b, &b->sent[MSG_committed], MANY);
	ask(b, (struct wish){ QUEUE_BOUNCE, "all", 0, false });
	bench_run(b, 100);
	assert_in_range(b->spool->report_count, SPOOL_REPORTS_MAX / 2, SPOOL_REPORTS_MAX / 2);
	bounce_up(b);
	for (int i = 0; i < 2000 && b->sent[MSG_answer] == 0; i++) {
		bench_run(b, 5);
		assert_in_range(b->spool->letter_count, 0, SPOOL_LETTERS_MAX);
		for (size_t k = 0; k < b->report_count; k++)
			channel_send_report_done(b->far[ROLE_BOUNCE],
				&(struct msg_report_done){ .job = b->report_jobs[k] });
		b->report_count = 0;
	}
	assert_int_equal(b->answer_status, EX_OK);
	assert_int_equal(b->answer_count, MANY);
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(b->events[EVENT_fail], MANY);
}

static void a_held_message_is_bounced(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_DELIVER);
	a_message(b, 1);
	act(b, (struct wish){ QUEUE_HOLD, "all", 0, false }, EX_OK, 1);
	ask(b, (struct wish){ QUEUE_BOUNCE, "state=held", 0, false });
	bench_until(b, &b->sent[MSG_report_job], 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job });
	bench_until(b, &b->events[EVENT_fail], 1);
	assert_int_equal(bench_totals(b).messages, 0);
}

/* A message whose envelope cannot be read stays as it is. */
static void a_damaged_message_is_not_bounced(void **state)
{
	struct bench *b = *state;
	struct kvstore *ks = bench_kv(b);
	struct key key = key_of_id(1);
	struct kv *kv;
	act(b, (struct wish){ QUEUE_SUSPEND, "route away", 0, false }, EX_OK, 1);
	a_message(b, 1);
	bench_run(b, 30);
	assert_int_equal(ks->engine->write_begin(ks->env, 0, &kv), 0);
	assert_int_equal(kv_put(kv, KV_MSG, key_view(&key), STR("nonsense")), 0);
	assert_int_equal(ks->engine->write_commit(kv), 0);
	act(b, (struct wish){ QUEUE_BOUNCE, "all", 0, false }, EX_OK, 0);
	assert_int_equal(b->sent[MSG_report_job], 0);
	act(b, (struct wish){ QUEUE_DROP, "all", 0, false }, EX_OK, 1);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(suspends),
		ON_BENCH(others_are_not_concerned),
		ON_BENCH(both_must_end),
		ON_BENCH(lines_are_left),
		ON_BENCH(ends_by_itself),
		ON_BENCH(is_loaded),
		ON_BENCH(refuses),
		ON_BENCH(too_many_are_refused),
		ON_BENCH(what_is_held_or_dropped_leaves_its_line),
		ON_BENCH(a_hold_ends_by_itself),
		ON_BENCH(a_retry_is_not_put_off),
		ON_BENCH(a_bounce_comes_with_its_report),
		ON_BENCH(a_bounce_waits_for_who_is_under_way),
		ON_BENCH(many_are_bounced),
		ON_BENCH(a_held_message_is_bounced),
		ON_BENCH(a_damaged_message_is_not_bounced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
