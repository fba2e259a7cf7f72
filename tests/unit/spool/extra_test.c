/* SPDX-License-Identifier: Apache-2.0 */
/* What a message wants of its transport reaches those who carry it. */
#include "role_bench.h"

#include <string.h>

static struct window *letters; /* bounce's */

static int setup(void **state)
{
	int result = bench_setup(state);
	struct bench *b = *state;
	letters = window_new(BENCH_WINDOW);
	bench_up(b, ROLE_BOUNCE);
	channel_send_window_fd(b->far[ROLE_BOUNCE], &(struct msg_window){ BENCH_WINDOW },
		window_fd(letters));
	bench_up(b, ROLE_DELIVER);
	return result;
}

static int teardown(void **state)
{
	int result = bench_teardown(state);
	window_free(letters);
	return result;
}

/* What became of the last relay job. */
static void answer(struct bench *b, enum job_outcome outcome, const char *dsn, const char *text)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = outcome, .dsn = str_of(dsn),
		.text = str_of(text), .host = STR("peer[192.0.2.1]:25") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relayed.job,
		.results = buf_view(&results) });
	buf_free(&results);
}

/* A message of 100 octets for joe@away.example with this envelope. */
static void commit(struct bench *b, uint64_t id, struct envelope e)
{
	char field[16];
	struct buf ranges, record;
	struct window_range range = { 0, 100 };
	struct envelope_rcpt rcpt = { .address = STR("joe@away.example") };
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	e.sender = STR("ann@them.example");
	e.rcpts = &rcpt;
	e.rcpt_count = 1;
	e.size = 100;
	if (e.arrived_ms == 0) e.arrived_ms = loop_wall_ms(b->frame.loop);
	buf_init(&record, 64 * 1024);
	envelope_encode(&record, &e);
	bench_commit_as(b, &(struct msg_commit){ .handle = id, .id = id, .size = 100,
		.envelope = buf_view(&record), .ranges = buf_view(&ranges) }, "away.example");
	buf_free(&record);
}

static void reaches_deliver(void **state)
{
	struct bench *b = *state;
	int64_t by_ms = loop_wall_ms(b->frame.loop) + 3600 * 1000;
	commit(b, 11, (struct envelope){ .tls_wish = MAIL_TLS_REQUIRED, .mt_priority = -4,
		.by = MAIL_BY_NOTIFY, .by_trace = true, .by_ms = by_ms });
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_int_equal(b->relayed.tls_wish, MAIL_TLS_REQUIRED);
	assert_int_equal((int8_t)b->relayed.priority, -4);
	assert_int_equal(b->relayed.by, MAIL_BY_NOTIFY | RELAY_BY_TRACE);
	assert_int_equal(b->relayed.by_ms, by_ms);
	commit(b, 12, (struct envelope){ .tls_wish = MAIL_TLS_AS_ROUTED });
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_true(b->relayed.tls_wish == 0 && b->relayed.priority == 0);
	assert_true(b->relayed.by == 0 && b->relayed.by_ms == 0);
}

static struct str due_of(struct bench *b, uint64_t id, char memory[40])
{
	struct arena arena;
	struct spool_msg msg;
	struct buf out;
	arena_init(&arena, 64 * 1024);
	assert_int_equal(store_read_msg(b->spool->store, id, &arena, &msg), 0);
	buf_init_fixed(&out, memory, 40);
	buf_i64(&out, msg.next_due_ms - msg.arrived_ms);
	arena_free(&arena);
	return buf_view(&out);
}

/* What is urgent stands in the due-list before everything else. */
static void urgent_mail_is_due_first(void **state)
{
	struct bench *b = *state;
	static const struct { uint8_t priority; const char *due; } rows[] = {
		{ MAIL_PRIORITY_NORMAL, "0" }, { MAIL_PRIORITY_NON_URGENT, "0" },
		{ MAIL_PRIORITY_URGENT, "-86400000" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char memory[40];
		commit(b, 30 + i, (struct envelope){ .priority = rows[i].priority });
		bench_until(b, &b->sent[MSG_committed], i + 1);
		assert_true(str_eq(due_of(b, 30 + i, memory), str_of(rows[i].due)));
	}
}

static void held_until_its_time(void **state)
{
	struct bench *b = *state;
	int64_t until_ms = loop_wall_ms(b->frame.loop) + 1500;
	struct arena arena;
	struct spool_msg msg;
	commit(b, 40, (struct envelope){ .hold_until_ms = until_ms });
	commit(b, 41, (struct envelope){ .hold_until_ms = 1 }); /* long ago: not held */
	bench_until(b, &b->sent[MSG_relay], 1);
	assert_int_equal(b->relayed.id, 41);
	assert_int_equal(b->events[EVENT_hold], 1);
	arena_init(&arena, 64 * 1024);
	assert_int_equal(store_read_msg(b->spool->store, 40, &arena, &msg), 0);
	assert_int_equal(msg.state, SPOOL_HELD);
	assert_int_equal(msg.next_due_ms, until_ms);
	assert_true(msg.reason.len > 0);
	arena_free(&arena);
	assert_int_equal(bench_totals(b).held, 1);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_int_equal(b->relayed.id, 40);
	assert_true(loop_wall_ms(b->frame.loop) >= until_ms);
	assert_int_equal(b->events[EVENT_release], 1);
	assert_int_equal(bench_totals(b).held, 0);
}

/* Whoever looks at what is held decides. */
static void held_for_another_reason_stays(void **state)
{
	struct bench *b = *state;
	struct envelope_rcpt rcpt = { .address = STR("joe@away.example") };
	struct envelope e = { .sender = STR("ann@them.example"), .rcpts = &rcpt, .rcpt_count = 1,
		.arrived_ms = loop_wall_ms(b->frame.loop), .size = 0 };
	struct buf record;
	e.hold_until_ms = e.arrived_ms + 100;
	buf_init(&record, 4096);
	envelope_encode(&record, &e);
	bench_commit_as(b, &(struct msg_commit){ .handle = 50, .id = 50, .hold = STR("a rule"),
		.envelope = buf_view(&record) }, "away.example");
	buf_free(&record);
	bench_until(b, &b->events[EVENT_hold], 1);
	bench_run(b, 2500);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_int_equal(bench_totals(b).held, 1);
}

/* The sender gets it back when his time is over, tried or not, with the status of RFC 2852. */
static void returned_by_the_senders_time(void **state)
{
	struct bench *b = *state;
	int64_t now_ms = loop_wall_ms(b->frame.loop);
	commit(b, 60, (struct envelope){ .by = MAIL_BY_RETURN, .by_ms = now_ms - 1 });
	bench_until(b, &b->sent[MSG_report_job], 1);
	assert_int_equal(b->sent[MSG_relay], 0);
	assert_true(b->report_by_ms == now_ms - 1);
	assert_true(str_eq(str_of(b->report_status), STR("5.4.7")));
	bench_write_letter(b, letters);
	bench_until(b, &b->events[EVENT_expire], 1);
	commit(b, 61, (struct envelope){ .by = MAIL_BY_RETURN, .by_ms = now_ms + 3000 });
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_DEFERRED, "4.3.0", "451 4.3.0 later");
	bench_until(b, &b->events[EVENT_defer], 1);
	bench_until(b, &b->sent[MSG_report_job], 2);
	assert_int_equal(b->sent[MSG_relay], 1);
	assert_true(loop_wall_ms(b->frame.loop) >= now_ms + 3000);
	assert_true(str_eq(str_of(b->report_status), STR("5.4.7")));
	bench_write_letter(b, letters);
	bench_until(b, &b->events[EVENT_expire], 2);
}

/* He is told that it is late, and it is tried on. */
static void told_at_the_senders_time(void **state)
{
	struct bench *b = *state;
	int64_t now_ms = loop_wall_ms(b->frame.loop);
	commit(b, 62, (struct envelope){ .by = MAIL_BY_NOTIFY, .by_ms = now_ms + 2500, .bulk = true });
	bench_until(b, &b->sent[MSG_relay], 1);
	answer(b, JOB_DEFERRED, "4.3.0", "451 4.3.0 later");
	bench_until(b, &b->events[EVENT_defer], 1);
	assert_int_equal(b->sent[MSG_report_job], 0);
	bench_until(b, &b->sent[MSG_relay], 2);
	assert_true(loop_wall_ms(b->frame.loop) >= now_ms + 2500);
	answer(b, JOB_DEFERRED, "4.3.0", "451 4.3.0 later");
	bench_until(b, &b->sent[MSG_report_job], 1);
	assert_true(str_eq(str_of(b->report_status), STR("4.3.0")));
	bench_write_letter(b, letters);
	bench_until(b, &b->events[EVENT_dsn_sent], 1);
}

/* Who gets word that it went on to another host. */
static void relayed_with_a_time(void **state)
{
	struct bench *b = *state;
	static const struct { uint8_t by; bool trace, passed, told; } rows[] = {
		{ MAIL_BY_NONE, false, false, false },  { MAIL_BY_NOTIFY, false, true, false },
		{ MAIL_BY_NOTIFY, false, false, true }, { MAIL_BY_NOTIFY, true, true, true },
		{ MAIL_BY_RETURN, false, true, false }, { MAIL_BY_RETURN, true, true, true },
	};
	size_t told = 0;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct buf results;
		commit(b, 70 + i, (struct envelope){ .by = rows[i].by, .by_trace = rows[i].trace,
			.by_ms = loop_wall_ms(b->frame.loop) + 60 * 1000 });
		bench_until(b, &b->sent[MSG_relay], i + 1);
		buf_init(&results, 4096);
		job_result_put(&results, &(struct job_result){ .outcome = JOB_RELAYED,
			.dsn = STR("2.0.0"), .text = STR("250 ok"), .by_passed = rows[i].passed });
		channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relayed.job,
			.results = buf_view(&results) });
		buf_free(&results);
		told += rows[i].told;
		if (rows[i].told) {
			bench_until(b, &b->sent[MSG_report_job], told);
			bench_write_letter(b, letters);
		}
		bench_until(b, &b->events[EVENT_deliver], i + 1);
		assert_int_equal(b->sent[MSG_report_job], told);
	}
}

/* The letter's envelope, from the store: RFC 8689 5, RFC 6710 4.6. */
static void a_report_is_kept_as_its_message(void **state)
{
	struct bench *b = *state;
	static const uint8_t wishes[] = { MAIL_TLS_AS_ROUTED, MAIL_TLS_REQUIRED, MAIL_TLS_OPTIONAL };
	static const uint8_t classes[] = { MAIL_PRIORITY_NORMAL, MAIL_PRIORITY_URGENT, MAIL_PRIORITY_NON_URGENT };
	static const int8_t numbers[] = { -3, 9, -4 };
	for (size_t i = 0; i < sizeof wishes; i++) {
		struct arena arena;
		struct spool_msg msg;
		struct envelope e;
		commit(b, 20 + i, (struct envelope){ .tls_wish = wishes[i], .priority = classes[i],
			.mt_priority = numbers[i] });
		bench_until(b, &b->sent[MSG_relay], i + 1);
		answer(b, JOB_FAILED, "5.1.1", "550 5.1.1 nobody");
		bench_until(b, &b->sent[MSG_report_job], i + 1);
		bench_write_letter(b, letters);
		bench_until(b, &b->events[EVENT_dsn_sent], i + 1);
		arena_init(&arena, 64 * 1024);
		assert_int_equal(store_read_msg(b->spool->store, b->report_job, &arena, &msg), 0);
		struct cur record = cur_of(msg.envelope);
		assert_int_equal(envelope_decode(&record, &arena, &e), ENVELOPE_OK);
		assert_int_equal(e.tls_wish,
			wishes[i] == MAIL_TLS_REQUIRED ? MAIL_TLS_REQUIRED : MAIL_TLS_AS_ROUTED);
		assert_int_equal(e.priority, classes[i]);
		assert_int_equal(e.mt_priority, numbers[i]);
		arena_free(&arena);
	}
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(reaches_deliver),
		ON_BENCH(urgent_mail_is_due_first),
		ON_BENCH(held_until_its_time),
		ON_BENCH(held_for_another_reason_stays),
		ON_BENCH(returned_by_the_senders_time),
		ON_BENCH(told_at_the_senders_time),
		ON_BENCH(relayed_with_a_time),
		ON_BENCH(a_report_is_kept_as_its_message),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
