/* SPDX-License-Identifier: Apache-2.0 */
/* What the role does around the store: promises, jobs, damage, and peers that lie. */
#include "role_bench.h"

#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#define HANDS(b) ((b)->spool->in_hand.count)

static void keeps_and_delivers(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 11, "us.example", 100);
	bench_until(b, &b->sent[MSG_job], 1);
	assert_int_equal(b->sent[MSG_committed], 1);
	assert_int_equal(b->committed.handle, 11);
	assert_int_equal(b->job_id, 11);
	bench_delivered(b, b->job);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(HANDS(b), 0);
	assert_int_equal(window_free_blocks(b->spool->window), SPOOL_WINDOW / WINDOW_BLOCK);
}

static void puts_orphan(struct bench *b, struct spool_due due)
{
	struct kvstore *ks = bench_kv(b);
	struct key key = key_of_due(due);
	struct kv *kv;
	assert_int_equal(ks->engine->write_begin(ks->env, 0, &kv), 0);
	assert_int_equal(kv_put(kv, KV_DUE, key_view(&key), STR("")), 0);
	assert_int_equal(ks->engine->write_commit(kv), 0);
}

static int count_due(void *ctx, struct spool_due due)
{
	size_t *count = ctx;
	(void)due;
	++*count;
	return 0;
}

static size_t due_count(struct bench *b)
{
	size_t count = 0;
	struct spool_due from = { 0, 0 };
	assert_int_equal(store_due_list(b->spool->store, INT64_MAX - 1, &from, 1000, count_due,
		&count), 0);
	return count;
}

/* An entry of the due-list whose message is missing goes, instead of being tried for
 * ever, with a commit each time. */
static void a_due_entry_without_message_goes(void **state)
{
	struct bench *b = *state;
	puts_orphan(b, (struct spool_due){ 1000, 99 });
	pump_rescan(b->spool);
	bench_run(b, 300);
	assert_int_equal(due_count(b), 0);
	assert_in_range(b->events[EVENT_spool_error], 0, 2);
	assert_int_equal(HANDS(b), 0);
}

static void damage_msg(struct bench *b, uint64_t id)
{
	struct kvstore *ks = bench_kv(b);
	struct key key = key_of_id(id);
	struct kv *kv;
	assert_int_equal(ks->engine->write_begin(ks->env, 0, &kv), 0);
	assert_int_equal(kv_put(kv, KV_MSG, key_view(&key), STR("nonsense")), 0);
	assert_int_equal(ks->engine->write_commit(kv), 0);
}

/* One whose record is damaged cannot be parked: it leaves the due-list, is kept, and
 * others are delivered. */
static void a_damaged_message_stops_nobody(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_MAILBOX);
	bench_commit(b, 21, "us.example", 100);
	bench_commit(b, 22, "us.example", 100);
	bench_until(b, &b->sent[MSG_committed], 2);
	damage_msg(b, 21);
	bench_up(b, ROLE_MAILBOX);
	bench_run(b, 300);
	assert_int_equal(b->sent[MSG_job], 1);
	assert_int_equal(b->job_id, 22);
	assert_in_range(b->events[EVENT_spool_error], 1, 3);
	assert_int_equal(due_count(b), 1);
	assert_int_equal(bench_totals(b).messages, 2);
}

/* --- what comes from receive ------------------------------------------------------------ */

/* After a piece was refused the ones behind it are no body. */
static void a_body_with_a_hole_is_not_kept(void **state)
{
	struct bench *b = *state;
	char field[16];
	struct buf none;
	buf_init_fixed(&none, field, sizeof field);
	bench_piece(b, 31, (struct window_range){ BENCH_WINDOW, 100 }); /* outside: refused */
	bench_piece(b, 31, (struct window_range){ 0, 100 });
	bench_commit_as(b, &(struct msg_commit){ .handle = 31, .id = 31, .size = 200,
		.ranges = buf_view(&none), .big = 1 }, "us.example");
	bench_until(b, &b->sent[MSG_refused], 2);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_committed], 0);
	assert_int_equal(bench_totals(b).messages, 0);
	assert_int_equal(b->spool->streams.count, 0);
}

static void a_size_that_lies_is_refused(void **state)
{
	struct bench *b = *state;
	char field[16];
	struct buf ranges;
	struct window_range range = { 0, 100 };
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	bench_commit_as(b, &(struct msg_commit){ .handle = 32, .id = 32, .size = 101,
		.ranges = buf_view(&ranges) }, "us.example");
	bench_until(b, &b->sent[MSG_refused], 1);
	assert_int_equal(b->refused_code, 451);
	assert_int_equal(bench_totals(b).messages, 0);
}

static void a_big_body_is_kept(void **state)
{
	struct bench *b = *state;
	char field[16];
	struct buf ranges;
	struct window_range range = { 0, 100 };
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	bench_piece(b, 33, (struct window_range){ 0, WINDOW_BLOCK });
	bench_commit_as(b, &(struct msg_commit){ .handle = 33, .id = 33, .big = 1,
		.size = WINDOW_BLOCK + 100, .ranges = buf_view(&ranges) }, "us.example");
	bench_until(b, &b->sent[MSG_job], 1);
	assert_int_equal(b->sent[MSG_committed], 1);
	assert_int_equal(b->sent[MSG_big_taken], 1);
	assert_int_equal(b->sent[MSG_refused], 0);
}

/* Commits that are refused must not use up the memory of the batch that fills. */
static void refused_commits_leave_nothing(void **state)
{
	enum { LONG = 1024 * 1024, TIMES = 20 };
	struct bench *b = *state;
	char *text = calloc(1, LONG);
	assert_non_null(text);
	for (size_t i = 0; i < TIMES; i++) {
		bench_commit_as(b, &(struct msg_commit){ .handle = 41, .id = 41,
			.envelope = { text, LONG } }, "us.example");
		bench_until(b, &b->sent[MSG_refused], i + 1);
		bench_commit_as(b, &(struct msg_commit){ .handle = 41, .id = 41,
			.envelope = { text, 100 * 1024 } }, "us.example");
		bench_until(b, &b->sent[MSG_refused], ++i + 1);
	}
	free(text);
	assert_in_range(b->spool->filling ? b->spool->filling->arena.used : 0, 0, 64 * 1024);
	bench_commit(b, 42, "us.example", 100);
	bench_until(b, &b->sent[MSG_committed], 1);
	assert_int_equal(b->committed.id, 42);
}

/* A range is a block: what is longer would keep the loop at the disk. */
static void a_range_is_at_most_a_block(void **state)
{
	struct bench *b = *state;
	bench_piece(b, 43, (struct window_range){ 0, WINDOW_BLOCK + 1 });
	bench_until(b, &b->sent[MSG_refused], 1);
	assert_int_equal(b->refused, 43);
	assert_int_equal(b->sent[MSG_big_taken], 0);
}

/* A window stays as long as a batch reads it, whoever has gone. */
static void a_window_lives_with_its_commits(void **state)
{
	struct bench *b = *state;
	for (uint64_t id = 51; id < 60; id++) {
		bench_commit(b, id, "us.example", WINDOW_BLOCK);
		bench_run(b, 1);
		bench_down(b, ROLE_RECEIVE);
		bench_up(b, ROLE_RECEIVE);
	}
	bench_run(b, 100);
	/* Nobody hears of what another asked for. */
	assert_int_equal(b->spool->workers[0].window->refs, 1);
}

static void a_death_of_receive_parks_nothing(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 61, "them.example", 100); /* stays in the queue */
	bench_until(b, &b->sent[MSG_committed], 1);
	for (int i = 0; i < SPOOL_DEATHS_MAX; i++) {
		char record[64];
		struct buf death;
		buf_init_fixed(&death, record, sizeof record);
		msg_death_put(&death, &(struct msg_death){ ROLE_RECEIVE, 0, 61, 1 });
		spool_role.message(&b->frame, b->near[ROLE_CONSOLE], MSG_death, buf_view(&death), -1);
		bench_run(b, 50);
	}
	assert_int_equal(b->events[EVENT_poison], 0);
}

static void deaths_of_the_mailbox_park(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 62, "us.example", 100);
	for (int i = 0; i < SPOOL_DEATHS_MAX; i++) {
		char record[64];
		struct buf death;
		bench_until(b, &b->sent[MSG_job], (size_t)i + 1);
		buf_init_fixed(&death, record, sizeof record);
		msg_death_put(&death, &(struct msg_death){ ROLE_MAILBOX, 0, 62, 1 });
		spool_role.message(&b->frame, b->near[ROLE_CONSOLE], MSG_death, buf_view(&death), -1);
		bench_down(b, ROLE_MAILBOX);
		bench_up(b, ROLE_MAILBOX);
	}
	bench_until(b, &b->events[EVENT_poison], 1);
	assert_int_equal(HANDS(b), 0);
	assert_int_equal(bench_totals(b).poison, 1);
}

/* --- jobs -------------------------------------------------------------------------------- */

static void a_mailbox_that_lies(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 71, "us.example", 100);
	bench_until(b, &b->sent[MSG_job], 1);
	bench_delivered(b, b->job + 1000);
	bench_delivered(b, 0);
	channel_send_done(b->far[ROLE_MAILBOX], &(struct msg_done){ .job = b->job, .results = STR("nonsense") });
	bench_until(b, &b->events[EVENT_defer], 1);
	bench_delivered(b, b->job); /* too late */
	bench_run(b, 50);
	assert_int_equal(bench_totals(b).messages, 1);
	assert_int_equal(HANDS(b), 0);
}

static void delivers(struct bench *b, const struct msg_job *m)
{
	bench_delivered(b, m->job);
}

/* A mailbox that is busy gets only so many descriptors that its channel carries them. */
static void many_big_bodies_end_no_channel(void **state)
{
	enum { MANY = 400 };
	struct bench *b = *state;
	char field[16];
	struct buf none;
	buf_init_fixed(&none, field, sizeof field);
	bench_down(b, ROLE_MAILBOX);
	for (uint64_t id = 1000; id < 1000 + MANY; id++) {
		bench_piece(b, id, (struct window_range){ 0, 100 });
		bench_commit_as(b, &(struct msg_commit){ .handle = id, .id = id, .big = 1,
			.size = 100, .ranges = buf_view(&none) }, "us.example");
	}
	bench_until(b, &b->sent[MSG_committed], MANY);
	/* In one turn, before the far end reads anything. */
	bench_up(b, ROLE_MAILBOX);
	pump_rescan(b->spool);
	b->on_job = delivers;
	bench_until(b, &b->events[EVENT_deliver], MANY);
	assert_int_equal(bench_totals(b).messages, 0);
}

/* --- what administrators ask ------------------------------------------------------------- */

static void acts(void **state)
{
	static const struct { enum queue_action action; const char *selector; unsigned status;
		uint64_t count, left; } rows[] = {
		{ QUEUE_HOLD, "from=nobody@x.example", EX_OK, 0, 3 },
		{ QUEUE_HOLD, "from=ann@them.example", EX_OK, 3, 3 },
		{ QUEUE_HOLD, "all", EX_OK, 0, 3 },
		{ QUEUE_RELEASE, "state=held", EX_OK, 3, 3 },
		{ QUEUE_RETRY, "00000000000000ff", EX_DATAERR, 0, 3 },
		{ QUEUE_RETRY, "from=", EX_USAGE, 0, 3 },
		{ QUEUE_ACTIONS, "all", EX_USAGE, 0, 3 },
		{ QUEUE_DROP, "0000000000000051", EX_OK, 1, 2 },
		{ QUEUE_DROP, "all", EX_OK, 2, 0 },
	};
	struct bench *b = *state;
	for (uint64_t id = 0x51; id <= 0x53; id++) bench_commit(b, id, "them.example", 100);
	bench_until(b, &b->events[EVENT_defer], 3);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		bench_act(b, rows[i].action, rows[i].selector);
		bench_until(b, &b->sent[MSG_answer], i + 1);
		if (b->answer_status != rows[i].status || b->answer_count != rows[i].count ||
		    bench_totals(b).messages != rows[i].left)
			fail_msg("row %zu: status %u, count %llu", i, b->answer_status,
				(unsigned long long)b->answer_count);
		assert_int_equal(b->spool->act_count, 0);
	}
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(keeps_and_delivers),
		ON_BENCH(a_due_entry_without_message_goes),
		ON_BENCH(a_damaged_message_stops_nobody),
		ON_BENCH(a_body_with_a_hole_is_not_kept),
		ON_BENCH(a_size_that_lies_is_refused),
		ON_BENCH(a_big_body_is_kept),
		ON_BENCH(refused_commits_leave_nothing),
		ON_BENCH(a_range_is_at_most_a_block),
		ON_BENCH(a_window_lives_with_its_commits),
		ON_BENCH(a_death_of_receive_parks_nothing),
		ON_BENCH(deaths_of_the_mailbox_park),
		ON_BENCH(a_mailbox_that_lies),
		ON_BENCH(many_big_bodies_end_no_channel),
		ON_BENCH(acts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
