/* SPDX-License-Identifier: Apache-2.0 */
/* The role and what receive says beside mail: refusals that the postmaster is to know of,
 * and messages that are to be held. */
#include "role_bench.h"

#include <string.h>

#include "lib/dsn/notice.h"

static struct window *letters; /* bounce's */

static void bounce_up(struct bench *b)
{
	bench_up(b, ROLE_BOUNCE);
	channel_send_window_fd(b->far[ROLE_BOUNCE], &(struct msg_window){ BENCH_WINDOW },
		window_fd(letters));
	bench_run(b, 20);
}

static int setup(void **state)
{
	int result = bench_setup(state);
	letters = window_new(BENCH_WINDOW);
	bounce_up(*state);
	return result;
}

static int teardown(void **state)
{
	int result = bench_teardown(state);
	window_free(letters);
	return result;
}

static void refused(struct bench *b, unsigned who, unsigned class)
{
	struct ip client = ip_of_v4(0xc0000200u + who);
	channel_send_refused_note(b->far[ROLE_RECEIVE], &(struct msg_refused_note){
		.class = (uint8_t)class, .client = { (const char *)client.octets, sizeof client.octets },
		.helo = STR("printer"), .user = STR("-"), .from = STR("x@elsewhere.example"),
		.rule = STR("t.conf:3"), .code = 550, .dsn = STR("5.7.1"), .text = STR("No") });
}

static void write_letter(struct bench *b, size_t len, uint64_t size)
{
	struct window_range range = { (uint32_t)window_take(letters), (uint32_t)len };
	char field[16];
	struct buf ranges;
	memset(window_at(letters, range), 'x', len);
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job,
		.ranges = buf_view(&ranges), .size = size });
}

static void the_postmaster_is_told(void **state)
{
	struct bench *b = *state;
	refused(b, 1, VERDICT_HOMED);
	refused(b, 1, VERDICT_HOMED);
	refused(b, 1, VERDICT_HOMED);
	bench_until(b, &b->sent[MSG_notice_job], 1);
	write_letter(b, 100, 100);
	bench_until(b, &b->events[EVENT_notify], 1);
	bench_until(b, &b->sent[MSG_job], 1); /* to the postmaster's mailbox */
	assert_int_equal(b->sent[MSG_report_free], 1);
	bench_delivered(b, b->job);
	bench_until(b, &b->events[EVENT_deliver], 1);
	bench_run(b, 1200); /* a tick: the other two wait for the end of the hour */
	assert_int_equal(b->sent[MSG_notice_job], 1);
	refused(b, 1, VERDICT_MATCH);
	bench_until(b, &b->sent[MSG_notice_job], 2);
	write_letter(b, 100, 100);
	bench_until(b, &b->events[EVENT_notify], 2);
	assert_int_equal(b->spool->notice_count, 0);
	assert_int_equal(b->events[EVENT_dsn_sent], 0);
}

static void nobody_is_told(void **state)
{
	struct bench *b = *state;
	refused(b, 1, 0);
	refused(b, 1, VERDICT_CLASSES);
	channel_send_refused_note(b->far[ROLE_RECEIVE], &(struct msg_refused_note){
		.class = VERDICT_HOMED, .client = STR("short") });
	b->frame.conf->submission.notify = CONF_NOTIFY_NOBODY;
	refused(b, 1, VERDICT_HOMED);
	bench_run(b, 30);
	b->frame.conf->submission.notify = CONF_NOTIFY_POSTMASTER;
	struct str postmaster = b->frame.conf->postmaster;
	b->frame.conf->postmaster = STR("");
	refused(b, 1, VERDICT_HOMED);
	bench_run(b, 30);
	b->frame.conf->postmaster = postmaster;
	bench_run(b, 1100);
	assert_int_equal(b->sent[MSG_notice_job], 0);
	assert_int_equal(b->spool->notices.count, 0);
	/* There is one when the message is asked for, and none when it is written. */
	refused(b, 1, VERDICT_HOMED);
	bench_until(b, &b->sent[MSG_notice_job], 1);
	b->frame.conf->postmaster = STR("");
	write_letter(b, 100, 100);
	bench_until(b, &b->sent[MSG_report_free], 1);
	b->frame.conf->postmaster = postmaster;
	assert_int_equal(b->spool->notice_count, 0);
	assert_int_equal(b->events[EVENT_notify], 0);
}

/* More than are made at one time: the others follow. */
static void many_clients(void **state)
{
	struct bench *b = *state;
	for (unsigned i = 0; i < SPOOL_NOTICES_MAX + 4; i++) refused(b, i, VERDICT_HOMED);
	bench_until(b, &b->sent[MSG_notice_job], SPOOL_NOTICES_MAX);
	bench_run(b, 30);
	assert_int_equal(b->sent[MSG_notice_job], SPOOL_NOTICES_MAX);
	uint64_t last = b->report_job;
	write_letter(b, 100, 100);
	bench_until(b, &b->events[EVENT_notify], 1);
	bench_until(b, &b->sent[MSG_notice_job], SPOOL_NOTICES_MAX + 1);
	assert_int_not_equal(b->report_job, last);
}

static void bounce_fails(void **state)
{
	struct bench *b = *state;
	refused(b, 1, VERDICT_HOMED);
	bench_until(b, &b->sent[MSG_notice_job], 1);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job });
	bench_until(b, &b->sent[MSG_report_free], 1);
	assert_int_equal(b->spool->notice_count, 0);
	refused(b, 2, VERDICT_HOMED);
	bench_until(b, &b->sent[MSG_notice_job], 2);
	write_letter(b, 100, 101); /* it lies */
	bench_until(b, &b->sent[MSG_report_free], 2);
	assert_int_equal(b->spool->notice_count, 0);
	channel_send_report_done(b->far[ROLE_BOUNCE], &(struct msg_report_done){ .job = b->report_job });
	bench_run(b, 20); /* nobody's */
	assert_int_equal(b->events[EVENT_notify], 0);
	assert_int_equal(bench_totals(b).messages, 0);
}

/* A message that bounce cannot survive is asked for some times, and no more. */
static void bounce_dies(void **state)
{
	struct bench *b = *state;
	refused(b, 1, VERDICT_HOMED);
	for (size_t life = 1; life <= 3; life++) {
		bench_until(b, &b->sent[MSG_notice_job], life);
		bench_down(b, ROLE_BOUNCE);
		assert_int_equal(b->spool->notice_count, life < 3);
		bounce_up(b);
	}
	bench_run(b, 1100);
	assert_int_equal(b->sent[MSG_notice_job], 3);
}

/* Dead when it is needed: told as soon as it is there. */
static void bounce_is_late(void **state)
{
	struct bench *b = *state;
	bench_down(b, ROLE_BOUNCE);
	refused(b, 1, VERDICT_HOMED);
	bench_run(b, 30);
	assert_int_equal(b->spool->notice_count, 1);
	bounce_up(b);
	bench_until(b, &b->sent[MSG_notice_job], 1);
	write_letter(b, 100, 100);
	bench_until(b, &b->events[EVENT_notify], 1);
}

static void held_on_arrival(void **state)
{
	struct bench *b = *state;
	char field[16];
	struct buf ranges;
	struct window_range range = { 0, 100 };
	buf_init_fixed(&ranges, field, sizeof field);
	window_ranges_put(&ranges, &range, 1);
	bench_commit_as(b, &(struct msg_commit){ .handle = 21, .id = 21, .size = 100,
		.ranges = buf_view(&ranges), .hold = STR("the sender is filtered: t.conf:4") }, "us.example");
	bench_until(b, &b->sent[MSG_committed], 1);
	bench_until(b, &b->events[EVENT_hold], 1);
	bench_run(b, 50);
	assert_int_equal(b->sent[MSG_job], 0);
	assert_int_equal(bench_totals(b).held, 1);
	struct arena arena;
	struct spool_msg msg;
	arena_init(&arena, 64 * 1024);
	assert_int_equal(store_read_msg(b->spool->store, 21, &arena, &msg), 0);
	assert_int_equal(msg.state, SPOOL_HELD);
	assert_int_equal(msg.next_due_ms, 0); /* until somebody says so */
	assert_true(str_eq(msg.reason, STR("the sender is filtered: t.conf:4")));
	arena_free(&arena);
	bench_act(b, QUEUE_RELEASE, "0000000000000015");
	bench_until(b, &b->sent[MSG_job], 1);
	bench_delivered(b, b->job);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(bench_totals(b).messages, 0);
}

#define ON_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_BENCH(the_postmaster_is_told), ON_BENCH(nobody_is_told), ON_BENCH(many_clients),
		ON_BENCH(bounce_fails), ON_BENCH(bounce_dies), ON_BENCH(bounce_is_late),
		ON_BENCH(held_on_arrival),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
