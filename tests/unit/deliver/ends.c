/* SPDX-License-Identifier: Apache-2.0 */
/* Many recipients and their results; and what is left when spool goes, or the service
 * stops. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };

static unsigned count(const struct bench *b, enum job_outcome outcome)
{
	unsigned n = 0;
	for (int i = 0; i < b->done.count; i++)
		n += b->done.results[i].outcome == outcome;
	return n;
}

static void mixed_recipients(void **state)
{
	static const struct {
		enum job_outcome outcome;
		const char *dsn, *text;
	} want[] = {
		{ JOB_RELAYED, "2.0.0", "250 2.0.0 taken" },
		{ JOB_FAILED, "5.1.1", "550 5.1.1 No such user" },
		{ JOB_DEFERRED, "4.2.1", "450 4.2.1 Come again" },
		{ JOB_RELAYED, "2.0.0", "250 2.0.0 taken" },
	};
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, NULL);
	(void)bench_relay(b,
			  &(struct bench_job){
				  .to = "x@far.example no@far.example later@far.example "
					"y@far.example",
				  .mx = "far.example" });
	assert_int_equal(b->dones, 1);
	assert_int_equal(b->done.count, 4);
	for (int i = 0; i < 4; i++) {
		const struct bench_result *r = &b->done.results[i];
		assert_int_equal(r->index, 7 + i);
		assert_int_equal(r->outcome, want[i].outcome);
		assert_string_equal(r->dsn, want[i].dsn);
		assert_string_equal(r->text, want[i].text);
	}
	bench_free(b);
}

/* A control character in an address never leaves. */
static void unfit_address(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(
		b, &(struct bench_job){ .to = "x@far.example y\r\nDATA\r\n@far.example",
					.mx = "far.example" });
	assert_int_equal(b->done.count, 2);
	assert_int_equal(b->done.results[0].outcome, JOB_RELAYED);
	assert_int_equal(b->done.results[1].outcome, JOB_FAILED);
	assert_string_equal(b->done.results[1].dsn, "5.1.3");
	assert_int_equal(p->rcpts, 1);
	bench_free(b);
}

/* The peer, its LIMITS, or we want fewer in one transaction. */
static void many_recipients(void **state)
{
	static const struct {
		const char *caps;
		unsigned rcpts, messages;
	} rows[] = {
		{ "PIPELINING", 0, 3 },
		{ "", 0, 3 },
		{ "PIPELINING LIMITS~RCPTMAX=60", 0, 5 },
		{ "PIPELINING", 50, 5 },
		{ "PIPELINING CHUNKING", 0, 3 },
		{ "PIPELINING CHUNKING", 50, 5 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p =
			peer_new(1, &(struct peer_script){ .caps = rows[i].caps,
							   .rcpts = rows[i].rcpts });
		(void)bench_relay(
			b, &(struct bench_job){ .to = "*250", .mx = "far.example" });
		assert_int_equal(b->dones, 1);
		assert_int_equal(b->done.count, 250);
		assert_int_equal(count(b, JOB_RELAYED), 250);
		assert_int_equal(p->rcpts, 250);
		assert_int_equal(p->messages, rows[i].messages);
		assert_int_equal(p->connections, 1);
		assert_int_equal(b->texts_asked, 1);
		bench_free(b);
	}
}

/* Lost in the third of its transactions: who was served stays served. */
static void lost_between(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(
		1,
		&(struct peer_script){ .caps = "PIPELINING", .rcpts = 50, .bye = true });
	(void)bench_relay(b, &(struct bench_job){ .to = "*250", .mx = "far.example" });
	assert_int_equal(count(b, JOB_RELAYED), p->rcpts);
	assert_int_equal(b->done.count, 250);
	assert_int_equal(p->rcpts, 250);
	bench_free(b);
}

/* --- spool goes ----------------------------------------------------------------------
 */

static void spool_goes(void **state)
{
	(void)state;
	static const enum peer_step steps[] = { AT_ACCEPT, AT_EHLO, AT_MAIL, AT_DATA,
						AT_DOT };
	for (size_t i = 0; i < ROWS(steps); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .step = steps[i],
								    .act = DO_SILENCE,
								    .times = 1 });
		(void)bench_relay(b, &job);
		bench_down(b, ROLE_SPOOL);
		bench_turn(b);
		assert_int_equal(b->d->jobs.count, 0);
		assert_int_equal(b->d->connection_count, 0);
		assert_int_equal(p->open, 0);
		assert_int_equal(p->messages, 0);
		assert_int_equal(b->dones, 0);
		bench_up(b, ROLE_SPOOL);
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		bench_free(b);
	}
}

/* It goes while the text is on its way: no dot follows, so no half message stands. */
static void spool_goes_in_text(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	b->text_silent = true;
	(void)bench_relay(b, &job);
	assert_int_equal(p->texts_begun, 1);
	bench_down(b, ROLE_SPOOL);
	bench_turn(b);
	assert_int_equal(p->messages, 0);
	assert_int_equal(p->open, 0);
	bench_free(b);
}

/* While jobs wait for a connection and for the DNS. */
static void spool_goes_early(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	b->dns_silent = true;
	for (int i = 0; i < 9; i++) (void)bench_give(b, &job);
	bench_turn(b);
	assert_int_equal(b->d->jobs.count, 9);
	assert_int_equal(b->d->connection_count, 4);
	bench_down(b, ROLE_SPOOL);
	bench_turn(b);
	assert_int_equal(b->d->jobs.count, 0);
	assert_int_equal(b->d->questions.count, 0);
	assert_int_equal(b->d->destinations.count, 0);
	bench_free(b);
}

/* --- the service stops ---------------------------------------------------------------
 */

static void drain_idle(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	deliver_role.drain(&b->frame, false);
	assert_int_equal(b->left, 1);
	bench_turn(b);
	assert_int_equal(p->quits, 1);
	assert_int_equal(p->open, 0);
	/* What still comes is not begun. */
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
	assert_false(b->done.host_failed);
	bench_free(b);
}

/* Who has not begun goes back untried; a transaction in hand is finished. */
static void drain_busy(void **state)
{
	static const struct {
		enum peer_step step;
		enum job_outcome outcome;
		bool at_once;
	} rows[] = {
		{ AT_ACCEPT, JOB_UNTRIED, true }, { AT_EHLO, JOB_UNTRIED, true },
		{ AT_MAIL, JOB_UNTRIED, false },  { AT_DATA, JOB_UNTRIED, false },
		{ AT_DOT, JOB_DEFERRED, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(1, &(struct peer_script){ .step = rows[i].step,
							 .act = DO_SILENCE });
		(void)bench_relay(b, &job);
		deliver_role.drain(&b->frame, false);
		bench_turn(b);
		assert_int_equal(b->left, rows[i].at_once ? 1 : 0);
		bench_wait(b, 29000);
		assert_int_equal(b->left, rows[i].at_once ? 1 : 0);
		bench_wait(b, 1000);
		assert_int_equal(b->left, 1);
		assert_int_equal(b->dones, 1);
		assert_int_equal(bench_result(b)->outcome, rows[i].outcome);
		bench_free(b);
	}
}

static void drain_finishes(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	b->text_silent = true;
	for (int i = 0; i < 9; i++) (void)bench_give(b, &job);
	bench_turn(b);
	deliver_role.drain(&b->frame, false);
	bench_turn(b);
	assert_int_equal(b->dones, 5); /* those that waited */
	assert_int_equal(b->done.results[0].outcome, JOB_UNTRIED);
	b->text_silent = false;
	for (uint64_t number = 1; number <= 4; number++) {
		struct buf record;
		struct buf ranges;
		buf_init(&record, 4096);
		buf_init(&ranges, 64);
		window_ranges_put(&ranges,
				  &(struct window_range){ 0, (uint32_t)b->text.len }, 1);
		msg_body_put(&record, &(struct msg_body){ number, buf_view(&ranges), 0 });
		bench_message(b, b->spool, MSG_body, &record, -1);
		buf_free(&ranges);
	}
	bench_turn(b);
	assert_int_equal(p->messages, 4);
	assert_int_equal(p->quits, 4);
	assert_int_equal(b->dones, 9);
	assert_int_equal(b->done.results[0].outcome, JOB_RELAYED);
	assert_int_equal(b->left, 1);
	bench_free(b);
}

/* A host that fails while the service stops: the next one is for the next service. */
static void drain_no_next_host(void **state)
{
	(void)state;
	static const char *const said[] = { "421 4.3.2 bye", "450 4.7.1 later" };
	for (size_t i = 0; i < ROWS(said); i++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, &(struct peer_script){ .step = AT_DOT,
								    .act = DO_SAY,
								    .say = said[i] });
		struct peer *next = peer_new(2, NULL);
		b->dns_answer = "127.0.0.1 127.0.0.2";
		b->text_silent = true;
		(void)bench_relay(b, &job);
		deliver_role.drain(&b->frame, false);
		struct buf record, ranges;
		buf_init(&record, 4096);
		buf_init(&ranges, 64);
		window_ranges_put(&ranges,
				  &(struct window_range){ 0, (uint32_t)b->text.len }, 1);
		msg_body_put(&record, &(struct msg_body){ 1, buf_view(&ranges), 0 });
		bench_message(b, b->spool, MSG_body, &record, -1);
		buf_free(&ranges);
		bench_turn(b);
		assert_int_equal(bench_result(b)->outcome, JOB_UNTRIED);
		assert_int_equal(p->connections, 1);
		assert_int_equal(next->connections, 0);
		assert_int_equal(b->left, 1);
		bench_free(b);
	}
}

static void drain_now(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p =
		peer_new(1, &(struct peer_script){ .step = AT_DOT, .act = DO_SILENCE });
	(void)bench_relay(b, &job);
	deliver_role.drain(&b->frame, false);
	assert_int_equal(b->left, 0);
	deliver_role.drain(&b->frame, true);
	assert_int_equal(b->left, 1);
	bench_turn(b);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->dones, 0);
	bench_free(b);
}

/* --- odd jobs ------------------------------------------------------------------------
 */

static void send_relay(struct bench *b, const struct msg_relay *m)
{
	struct buf record;
	buf_init(&record, CHANNEL_FRAME_MAX);
	msg_relay_put(&record, m);
	bench_message(b, b->spool, MSG_relay, &record, -1);
	bench_turn(b);
}

static void damaged_jobs(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct buf recipients, target;
	buf_init(&recipients, 4096);
	buf_init(&target, 4096);
	job_recipient_put(&recipients,
			  &(struct job_recipient){ .index = 7, .address = STR("x@y.z") });
	job_target_put(&target, &(struct job_target){ .kind = JOB_TO_MX });
	send_relay(b, &(struct msg_relay){ .job = 1,
					   .recipients = buf_view(&recipients),
					   .target = STR("junk") });
	assert_int_equal(b->dones, 1);
	assert_int_equal(b->done.count, 1);
	assert_int_equal(b->done.results[0].outcome, JOB_DEFERRED);
	send_relay(b, &(struct msg_relay){ .job = 2,
					   .recipients = STR("junk"),
					   .target = buf_view(&target) });
	assert_int_equal(b->dones, 2);
	assert_int_equal(b->done.job, 2);
	assert_int_equal(b->done.count, 0);
	send_relay(b, &(struct msg_relay){ .job = 3, .target = buf_view(&target) });
	assert_int_equal(b->dones, 3);
	assert_int_equal(b->events[EVENT_relay_error], 3);
	buf_free(&recipients);
	buf_free(&target);
	bench_free(b);
}

/* More than spool should ever send. */
static void too_many_jobs(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	b->dns_silent = true;
	for (int i = 0; i < DELIVER_JOBS_MAX; i++) (void)bench_give(b, &job);
	assert_int_equal(b->dones, 0);
	(void)bench_relay(b, &job);
	assert_int_equal(b->dones, 1);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.3.0");
	bench_free(b);
}

static void reload_names_us(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	bench_reload(b, "hostname new.us.example\nlistener in { address 0.0.0.0:25 }\nroute out { mx }\n");
	(void)bench_relay(b, &job);
	peer_close_all(p);
	bench_turn(b);
	(void)bench_relay(b, &job);
	assert_int_equal(p->messages, 3);
	assert_non_null(memmem(p->heard.at, p->heard.len, "EHLO mx.us.example\n", 19));
	assert_non_null(memmem(p->heard.at, p->heard.len, "EHLO new.us.example\n", 20));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mixed_recipients),
		cmocka_unit_test(unfit_address),
		cmocka_unit_test(many_recipients),
		cmocka_unit_test(lost_between),
		cmocka_unit_test(spool_goes),
		cmocka_unit_test(spool_goes_in_text),
		cmocka_unit_test(spool_goes_early),
		cmocka_unit_test(drain_idle),
		cmocka_unit_test(drain_busy),
		cmocka_unit_test(drain_finishes),
		cmocka_unit_test(drain_no_next_host),
		cmocka_unit_test(drain_now),
		cmocka_unit_test(damaged_jobs),
		cmocka_unit_test(too_many_jobs),
		cmocka_unit_test(reload_names_us),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
