/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of which nothing is known, while others do not answer: they are looked at, and what
 * finds nobody is neither an attempt nor written down. */
#include "role_bench.h"

enum { HURRY = 16, LOOK = 64 };

static int setup(void **state)
{
	int result = bench_setup(state);
	bench_reload(*state, "");
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static void answer(struct bench *b, uint64_t job, const struct msg_done *how)
{
	struct buf results;
	struct msg_done done = *how;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){
		.outcome = how->looked ? JOB_UNTRIED : JOB_DEFERRED, .dsn = STR("4.4.1"),
		.text = STR("nobody is there"), .host = STR("peer[192.0.2.1]:25") });
	done.job = job;
	done.results = buf_view(&results);
	done.host = STR("nobody is there");
	channel_send_done(b->far[ROLE_DELIVER], &done);
	buf_free(&results);
}

static const struct msg_done looked = { .looked = 1 }, failed = { .host_failed = 1 };

static struct sched_dest *dest_of(struct bench *b, const char *key)
{
	struct sched_dest *d = sched_find(&b->spool->sched, str_of(key));
	assert_non_null(d);
	return d;
}

/* The pause is over. */
static void pause_end(struct bench *b, struct sched_dest *d)
{
	assert_true(d->blocked_until_ms > loop_wall_ms(b->frame.loop));
	d->blocked_until_ms = loop_wall_ms(b->frame.loop) - 1;
}

static int copy_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct spool_rcpt *out = ctx;
	*out = (struct spool_rcpt){ .state = rcpt->state, .attempts = rcpt->attempts };
	return 0;
}

static struct spool_rcpt rcpt_of(struct bench *b, uint64_t id)
{
	struct spool_rcpt rcpt;
	assert_int_equal(store_read_rcpts(b->spool->store, id, 0, 1, copy_rcpt, &rcpt), 0);
	return rcpt;
}

static void a_look_leaves_no_trace(void **state)
{
	struct bench *b = *state;
	b->spool->sched.limit = 16;
	bench_commit(b, 1, "slow.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_int_equal(b->relay_flags & (HURRY | LOOK), 0); /* the first has all its time */
	bench_commit(b, 2, "dead.example", 100);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->relay_flags & (HURRY | LOOK), LOOK);
	bench_commit(b, 3, "dead.example", 100);
	bench_run(b, 50);
	answer(b, b->relay, &looked);
	bench_run(b, 100);
	struct sched_dest *d = dest_of(b, "mx:dead.example");
	assert_int_equal(b->sent[MSG_relay], 2);
	assert_int_equal(b->spool->in_hand.count, 1); /* that of slow.example */
	assert_int_equal(b->events[EVENT_defer] + b->events[EVENT_host_down], 0);
	assert_int_equal(bench_totals(b).deferred, 0);
	assert_int_equal(rcpt_of(b, 2).attempts, 0);
	assert_int_equal(b->spool->sched.places.count, 2);
	/* Then it has more time, and one failure is enough for all that waits. */
	pause_end(b, d);
	bench_until(b, &b->sent[MSG_relay], 3);
	assert_int_equal(b->relay_flags & (HURRY | LOOK), HURRY);
	answer(b, b->relay, &failed);
	bench_until(b, &b->events[EVENT_host_down], 1);
	for (int i = 0; bench_totals(b).deferred < 2 && i < 50; i++) bench_run(b, 100);
	assert_int_equal(bench_totals(b).deferred, 2);
	assert_int_equal(rcpt_of(b, 2).attempts + rcpt_of(b, 3).attempts, 1);
	assert_int_equal(b->events[EVENT_defer], 1);
	assert_int_equal(b->events[EVENT_host_down], 1);
}

/* What stood in line goes back to the due-list, untouched, and is found there. */
static void a_line_is_put_back(void **state)
{
	struct bench *b = *state;
	uint64_t first;
	b->spool->sched.limit = 160;
	bench_commit(b, 1, "dead.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	first = b->relay;
	for (uint64_t id = 2; id <= SCHED_WINDOW_FIRST + 3; id++)
		bench_commit(b, id, "dead.example", 100);
	bench_until(b, &b->sent[MSG_relay], SCHED_WINDOW_FIRST);
	bench_run(b, 50);
	struct sched_dest *d = dest_of(b, "mx:dead.example");
	assert_int_equal(d->waiting, 3);
	answer(b, first, &looked);
	bench_run(b, 100);
	assert_int_equal(d->waiting, 0);
	assert_int_equal(b->spool->sched.places.count, 4);
	assert_int_equal(b->spool->part_count, SCHED_WINDOW_FIRST - 1);
	assert_int_equal(b->sent[MSG_relay], SCHED_WINDOW_FIRST);
	for (uint64_t job = first + 1; job < first + SCHED_WINDOW_FIRST; job++)
		answer(b, job, &(struct msg_done){ 0 });
	bench_until(b, &b->events[EVENT_defer], SCHED_WINDOW_FIRST - 1);
	pause_end(b, d);
	bench_until(b, &b->sent[MSG_relay], SCHED_WINDOW_FIRST + 1);
	assert_int_equal(bench_totals(b).deferred, SCHED_WINDOW_FIRST - 1);
}

/* What was passed over is remembered with its destination, but a new configuration may lead it
 * elsewhere. */
static void a_reload_finds_it_again(void **state)
{
	struct bench *b = *state;
	b->spool->sched.limit = 16;
	bench_commit(b, 1, "slow.example", 100);
	bench_until(b, &b->sent[MSG_relay], 1);
	bench_commit(b, 2, "dead.example", 100);
	bench_until(b, &b->sent[MSG_relay], 2);
	answer(b, b->relay, &looked);
	bench_run(b, 100);
	assert_int_equal(b->spool->sched.places.count, 1);
	assert_int_equal(b->sent[MSG_relay], 2);
	bench_reload(b, "route other { match dead.example; via 192.0.2.9:25 }\n");
	bench_until(b, &b->sent[MSG_relay], 3);
	assert_int_equal(b->relayed.id, 2);
	assert_int_equal(b->spool->sched.places.count, 0);
}

static void arrives(struct bench *b, size_t rcpts_count, uint8_t by, int64_t by_ms)
{
	struct envelope_rcpt rcpts[2] = { { .address = STR("joe@dead.example") },
					  { .address = STR("joe@slow.example") } };
	struct envelope e = { .sender = STR("ann@them.example"), .rcpts = rcpts,
		.rcpt_count = (uint32_t)rcpts_count, .arrived_ms = loop_wall_ms(b->frame.loop), .size = 100,
		.by = by, .by_ms = by_ms };
	char field[16];
	struct buf ranges, text;
	struct window_range range = { 0, 100 };
	buf_init(&text, 4096);
	envelope_encode(&text, &e);
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	bench_commit_as(b, &(struct msg_commit){ .handle = 1, .id = 1, .size = 100,
		.ranges = buf_view(&ranges), .envelope = buf_view(&text) }, "x");
	buf_free(&text);
}

static void greylisted(struct bench *b)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .index = 1, .outcome = JOB_DEFERRED,
		.dsn = STR("4.2.0"), .text = STR("450 greylisted") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results), .host = STR("h") });
	buf_free(&results);
}

/* One recipient's destination is suspended; the other's time comes all the same. */
static void another_recipient_does_not_wait(void **state)
{
	struct bench *b = *state;
	b->frame.conf->retry.after.at[0] = 1000;
	bench_act(b, QUEUE_SUSPEND, "domain dead.example");
	bench_run(b, 50);
	arrives(b, 2, 0, 0);
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_string_equal(b->relay_key, "mx:slow.example");
	greylisted(b);
	bench_until(b, &b->events[EVENT_defer], 1);
	for (int i = 0; i < 8; i++) {
		pump_rescan(b->spool); /* as each minute */
		bench_run(b, 500);
	}
	assert_int_equal(b->sent[MSG_relay], 2);
}

/* RFC 2852: mail that is to be returned at its time is, tried or not. */
static void its_time_ends_in_a_line(void **state)
{
	struct bench *b = *state;
	bench_act(b, QUEUE_SUSPEND, "domain dead.example");
	bench_run(b, 50);
	arrives(b, 1, MAIL_BY_RETURN, loop_wall_ms(b->frame.loop) + 1000);
	bench_run(b, 200);
	for (int i = 0; i < 4; i++) {
		pump_rescan(b->spool);
		bench_run(b, 500);
	}
	assert_int_equal(b->spool->sched.places.count, 0);
	assert_int_equal(b->spool->in_hand.count, 1); /* for its report */
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_look_leaves_no_trace),
		FRESH(a_line_is_put_back),
		FRESH(a_reload_finds_it_again),
		FRESH(another_recipient_does_not_wait),
		FRESH(its_time_ends_in_a_line),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
