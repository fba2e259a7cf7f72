/* SPDX-License-Identifier: Apache-2.0 */
/* How much is sent to whom, as the role does it: what deliver finds out of the hosts, and
 * what it tells of its connections. */
#include "role_bench.h"

static const char limits[] =
	"pacing big { mx .big.example; connections 2; messages-per-connection 7; recipients 3 }\n"
	"pacing ours { match far.example; connections 1 }\n"
	"pacing default { connections 3; messages-per-connection 9 }\n";

static int setup(void **state)
{
	int result = bench_setup(state);
	bench_reload(*state, limits);
	bench_up(*state, ROLE_DELIVER);
	return result;
}

static void answer(struct bench *b, enum job_outcome outcome, const char *moved_to)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = outcome, .dsn = STR("2.0.0"),
		.text = STR("250 fine"), .host = STR("peer[192.0.2.1]:25") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results), .host = STR("peer"), .moved = moved_to != NULL,
		.site = str_of(moved_to ? moved_to : "") });
	buf_free(&results);
}

static void answer_late(struct bench *b, const char *text, bool host_failed)
{
	struct buf results;
	buf_init(&results, 4096);
	job_result_put(&results, &(struct job_result){ .outcome = JOB_DEFERRED, .dsn = STR("4.7.0"),
		.text = str_of(text), .host = STR("peer[192.0.2.1]:25") });
	channel_send_done(b->far[ROLE_DELIVER], &(struct msg_done){ .job = b->relay,
		.results = buf_view(&results), .host = STR("peer"), .host_failed = host_failed });
	buf_free(&results);
}

static struct sched_dest *dest_of(struct bench *b, const char *key)
{
	struct sched_dest *d = sched_find(&b->spool->sched, str_of(key));
	assert_non_null(d);
	return d;
}

static void wait_relay(struct bench *b, size_t count)
{
	bench_until(b, &b->sent[MSG_relay], count);
	assert_int_equal(b->sent[MSG_relay], count);
}

/* Not known: deliver looks, says so, and gets the job again with the limits of its site. */
static void a_site_is_learned(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 1, "some.example", 100);
	wait_relay(b, 1);
	assert_string_equal(b->relay_site, "");
	assert_int_equal(b->relay_flags & 4, 0);
	assert_int_equal(b->relay_connections, 3);
	assert_int_equal(b->relay_messages, 9);
	answer(b, JOB_UNTRIED, "big");
	wait_relay(b, 2);
	assert_string_equal(b->relay_site, "big");
	assert_int_equal(b->relay_connections, 2);
	assert_int_equal(b->relay_messages, 7);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(b->events[EVENT_defer], 0);
	/* The next one goes there at once. */
	bench_commit(b, 2, "some.example", 100);
	wait_relay(b, 3);
	assert_string_equal(b->relay_site, "big");
	/* It has other hosts now. */
	answer(b, JOB_UNTRIED, "");
	wait_relay(b, 4);
	assert_string_equal(b->relay_site, "");
	assert_null(dest_of(b, "mx:some.example")->site);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 2);
}

/* Answers that differ every time, and a block that we do not know: it goes, in the end. */
static void it_settles(void **state)
{
	struct bench *b = *state;
	size_t relays = 1;
	bench_commit(b, 1, "some.example", 100);
	for (;; relays++) {
		wait_relay(b, relays);
		if (b->relay_flags & 4) break;
		assert_true(relays < 10);
		answer(b, JOB_UNTRIED, relays % 2 ? "big" : "");
	}
	assert_int_equal(relays, PACING_MOVES_MAX + 2);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 1);
	bench_commit(b, 2, "other.example", 100);
	wait_relay(b, relays + 1);
	answer(b, JOB_UNTRIED, "unheard-of");
	wait_relay(b, relays + 2);
	assert_int_equal(b->relay_flags & 4, 4);
	assert_string_equal(b->relay_site, "");
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 2);
	/* After a while it is looked for again. */
	dest_of(b, "mx:other.example")->moved_ms -= PACING_SETTLE_MS;
	bench_commit(b, 3, "other.example", 100);
	wait_relay(b, relays + 3);
	assert_int_equal(b->relay_flags & 4, 0);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 3);
}

static void a_domain_needs_no_hosts(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 1, "far.example", 100);
	bench_commit(b, 2, "far.example", 100);
	wait_relay(b, 1);
	assert_string_equal(b->relay_site, "ours");
	assert_int_equal(b->relay_flags & 4, 4);
	bench_run(b, 100);
	assert_int_equal(b->sent[MSG_relay], 1); /* one at a time */
	answer(b, JOB_RELAYED, NULL);
	wait_relay(b, 2);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 2);
}

static void pooled(struct bench *b, const char *key, uint32_t connections)
{
	channel_send_pooled(b->far[ROLE_DELIVER], &(struct msg_pooled){ str_of(key), connections });
	bench_run(b, 50);
}

/* An open connection keeps its place until deliver says that it is closed, or dies. */
static void connections_count(void **state)
{
	struct bench *b = *state;
	for (int died = 0; died < 2; died++) {
		size_t relays = b->sent[MSG_relay], id = (size_t)died * 2;
		bench_commit(b, id + 1, "far.example", 100);
		wait_relay(b, relays + 1);
		pooled(b, "mx:far.example", 1);
		pooled(b, "mx:nobody.example", 1); /* nobody cares */
		assert_int_equal(dest_of(b, "mx:far.example")->site->used, 1);
		answer(b, JOB_RELAYED, NULL);
		bench_until(b, &b->events[EVENT_deliver], id / 2 + 1);
		assert_int_equal(dest_of(b, "mx:far.example")->site->used, 1);
		if (died) bench_down(b, ROLE_DELIVER);
		else pooled(b, "mx:far.example", 0);
		bench_run(b, 50);
		assert_int_equal(dest_of(b, "mx:far.example")->site->used, 0);
	}
}

static void a_reload_changes_all(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 1, "far.example", 100);
	bench_commit(b, 2, "far.example", 100);
	wait_relay(b, 1);
	bench_reload(b, "pacing theirs { match other.example; connections 1 }\n");
	wait_relay(b, 2); /* its block is gone */
	assert_null(dest_of(b, "mx:far.example")->site);
	bench_reload(b, limits);
	bench_commit(b, 3, "far.example", 100);
	bench_run(b, 100);
	assert_int_equal(b->sent[MSG_relay], 2);
	assert_int_equal(dest_of(b, "mx:far.example")->site->used, 2);
}

/* What one domain is told holds for the site; it is told once, and shown. */
static void a_site_goes_slower(void **state)
{
	struct bench *b = *state;
	bench_reload(b, "pacing big { match one.example two.example; connections 8 }\n");
	bench_commit(b, 1, "one.example", 100);
	wait_relay(b, 1);
	answer_late(b, "421 4.7.28 unusual rate of mail from your address", true);
	bench_until(b, &b->events[EVENT_defer], 1);
	struct sched_dest *d = dest_of(b, "mx:one.example");
	assert_int_equal(b->events[EVENT_pace], 1);
	assert_int_equal(d->failures, 0); /* it is there */
	assert_int_equal(d->site->pace.reason, HINT_RATE);
	bench_commit(b, 2, "two.example", 100);
	bench_run(b, 200);
	assert_int_equal(b->sent[MSG_relay], 1);
	channel_send_ask_paces(b->far[ROLE_CONSOLE], &(struct msg_ask_paces){ 5 });
	bench_until(b, &b->sent[MSG_answer], 1);
	assert_int_equal(b->answer_count, b->sent[MSG_pace_row]);
	assert_int_equal(b->sent[MSG_pace_row], 2);
	channel_send_ask_destination(b->far[ROLE_CONSOLE], &(struct msg_ask_destination){ 6, STR("mx:one.example") });
	bench_until(b, &b->sent[MSG_destination], 1);
	assert_int_equal(b->destination.query, 6);
	assert_true(b->destination.known && b->destination_slow && b->destination.until_ms > 0);
	assert_int_equal(b->destination.connections_max, 8);
	assert_int_equal(b->destination.percent, 50);
	assert_int_equal(b->destination.failures, 0);
	channel_send_ask_destination(b->far[ROLE_CONSOLE], &(struct msg_ask_destination){ 7, STR("mx:none.example") });
	bench_until(b, &b->sent[MSG_destination], 2);
	assert_int_equal(b->destination.known, 0);
	/* The stop is over. */
	d->site->pace.stop_until_ms = 1;
	bench_until(b, &b->sent[MSG_relay], 2);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_deliver], 1);
	assert_int_equal(d->site->pace.strikes, 0);
	assert_int_equal(b->events[EVENT_pace], 1);
	/* Faster, in the end as fast as before, and that is told, too. */
	struct pace *pace = &d->site->pace;
	pace->told_ms = pace->deaf_until_ms = 0;
	pace->connections = pace->connections_max - 1;
	pace->share = PACE_SHARE;
	pace->step_ms = 1;
	bench_commit(b, 3, "two.example", 100);
	bench_until(b, &b->sent[MSG_relay], 3);
	answer(b, JOB_RELAYED, NULL);
	bench_until(b, &b->events[EVENT_pace], 2);
	assert_int_equal(pace->reason, HINT_NONE);
}

/* A destination on its own, and words that mean nothing. */
static void a_destination_goes_slower(void **state)
{
	struct bench *b = *state;
	bench_commit(b, 1, "some.example", 100);
	wait_relay(b, 1);
	answer_late(b, "451 4.3.0 come again", true);
	bench_until(b, &b->events[EVENT_defer], 1);
	struct sched_dest *d = dest_of(b, "mx:some.example");
	assert_int_equal(d->failures, 1);
	assert_int_equal(b->events[EVENT_pace], 0);
	bench_commit(b, 2, "some.example", 100);
	wait_relay(b, 2);
	answer_late(b, "421 too many connections from you", false);
	bench_until(b, &b->events[EVENT_pace], 1);
	assert_int_equal(d->pace.reason, HINT_CROWD);
	assert_int_equal(d->pace.connections, 1);
	assert_int_equal(sched_ask(&b->spool->sched, d, loop_wall_ms(b->frame.loop)), SCHED_SKIP);
}

#define FRESH(test) cmocka_unit_test_setup_teardown(test, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(a_site_is_learned),
		FRESH(it_settles),
		FRESH(a_domain_needs_no_hosts),
		FRESH(connections_count),
		FRESH(a_reload_changes_all),
		FRESH(a_site_goes_slower),
		FRESH(a_destination_goes_slower),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
