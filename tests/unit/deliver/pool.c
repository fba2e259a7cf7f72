/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that serve several jobs, and their limits. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };

static void one_connection_for_many(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	for (int i = 0; i < 20; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	}
	assert_int_equal(p->connections, 1);
	assert_int_equal(p->messages, 20);
	assert_int_equal(p->quits, 0);
	assert_int_equal(p->resets, 0);
	assert_int_equal(b->events[EVENT_attempt], 20);
	assert_int_equal(b->asked, 1);
	bench_wait(b, 4000);
	assert_int_equal(p->open, 1);
	bench_wait(b, 1000);
	assert_int_equal(p->open, 0);
	assert_int_equal(p->quits, 1);
	assert_int_equal(b->d->destinations.count, 0);
	bench_free(b);
}

/* As many connections as the destination may have; those that are done take the next. */
static void at_once(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	for (int i = 0; i < 40; i++) (void)bench_give(b, &job);
	bench_turn(b);
	assert_int_equal(b->dones, 40);
	assert_int_equal(p->messages, 40);
	assert_int_equal(p->connections, 4);
	bench_free(b);
}

/* A new configuration may lead the same destination elsewhere. */
static void reload_ends_idle_ones(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_int_equal(p->open, 1);
	deliver_role.reload(&b->frame, b->frame.conf);
	bench_turn(b);
	assert_int_equal(p->open, 0);
	assert_int_equal(p->quits, 1);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(p->connections, 2);
	bench_free(b);
}

/* The peer closes an idle connection; seen before the next job, or only by it. */
static void idle_is_closed(void **state)
{
	(void)state;
	for (int seen = 0; seen < 2; seen++) {
		struct bench *b = bench_new(bench_conf);
		struct peer *p = peer_new(1, NULL);
		(void)bench_relay(b, &job);
		peer_close_all(p);
		if (seen) bench_turn(b);
		assert_int_equal(b->d->connection_count, seen ? 0 : 1);
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
		assert_int_equal(p->messages, 2);
		assert_int_equal(p->connections, 2);
		assert_int_equal(b->dones, 2);
		bench_free(b);
	}
}

static void peer_says_bye(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p =
		peer_new(1, &(struct peer_script){ .caps = "PIPELINING", .bye = true });
	for (int i = 0; i < 5; i++) (void)bench_give(b, &job);
	bench_turn(b);
	assert_int_equal(b->dones, 5);
	assert_int_equal(p->messages, 5);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	bench_free(b);
}

/* MAILMAX of LIMITS: QUIT by ourselves. */
static void peer_limits_mails(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, &(struct peer_script){ .caps = "LIMITS~MAILMAX=2" });
	for (int i = 0; i < 6; i++) (void)bench_relay(b, &job);
	assert_int_equal(b->dones, 6);
	assert_int_equal(p->messages, 6);
	assert_int_equal(p->connections, 3);
	assert_int_equal(p->quits, 3);
	bench_free(b);
}

static void keys_share_nothing(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	struct bench_job other = job;
	other.key = "other";
	(void)bench_relay(b, &job);
	(void)bench_relay(b, &other);
	(void)bench_relay(b, &job);
	assert_int_equal(p->connections, 2);
	assert_int_equal(p->messages, 3);
	bench_free(b);
}

static const char conf_two[] =
	"hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
	"limit { connections { out 2; per-destination 4 } }\n"
	"timeout { idle 1h; command 30s }\nroute out { mx }\n";

/* An idle connection makes room for another destination's: the one unused for longest. */
static void idle_makes_room(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_two);
	struct peer *p = peer_new(1, NULL);
	struct bench_job a = job, c = job, d = job;
	a.key = "a", c.key = "c", d.key = "d";
	(void)bench_relay(b, &a);
	(void)bench_relay(b, &c);
	(void)bench_relay(b, &d);
	assert_int_equal(p->messages, 3);
	assert_int_equal(p->quits, 1);
	assert_int_equal(b->d->connection_count, 2);
	(void)bench_relay(b, &c);
	assert_int_equal(p->connections, 3); /* still there */
	(void)bench_relay(b, &a);
	assert_int_equal(p->connections, 4);
	assert_int_equal(p->messages, 5);
	bench_free(b);
}

/* No room at all: whoever waits is served when somebody else has ended. */
static void starved(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_two);
	struct peer *p = peer_new(
		1,
		&(struct peer_script){ .step = AT_MAIL, .act = DO_SILENCE, .times = 2 });
	static const char *const keys[] = { "a", "c", "d", "e", "f", "g" };
	for (size_t i = 0; i < ROWS(keys); i++) {
		struct bench_job one = job;
		one.key = keys[i];
		(void)bench_give(b, &one);
	}
	bench_turn(b);
	assert_int_equal(b->dones, 0);
	assert_int_equal(p->connections, 2);
	bench_wait(b, 30000);
	assert_int_equal(b->dones, 6);
	assert_int_equal(p->messages, 4);
	bench_free(b);
}

/* Where the DNS points may have changed. */
static void old_ones_go(void **state)
{
	(void)state;
	struct bench *b = bench_new(conf_two);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	bench_wait(b, 299000);
	(void)bench_relay(b, &job);
	assert_int_equal(p->connections, 1);
	bench_wait(b, 2000);
	(void)bench_relay(b, &job);
	(void)bench_relay(b, &job);
	assert_int_equal(p->messages, 4);
	assert_int_equal(p->connections, 2);
	assert_int_equal(b->asked, 2);
	bench_free(b);
}

/* A connection to the second host serves on; when it is gone the next job begins at that
 * host, and still finds the first. */
static void second_host_first(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer_script once = { .step = AT_ACCEPT, .act = DO_CLOSE, .times = 1 };
	struct peer *first = peer_new(1, &once), *second = peer_new(2, NULL);
	b->dns_answer = "127.0.0.1 127.0.0.2";
	(void)bench_relay(b, &job);
	assert_int_equal(second->messages, 1);
	(void)bench_relay(b, &job);
	assert_int_equal(second->messages, 2);
	assert_int_equal(first->connections, 1);
	second->script = (struct peer_script){ .step = AT_ACCEPT, .act = DO_CLOSE };
	peer_close_all(second);
	(void)bench_relay(b, &job); /* stale, then closed at once, then the other host */
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(first->messages, 1);
	assert_non_null(strstr(bench_result(b)->host, "mx1.example"));
	bench_free(b);
}

/* Octets that nobody asked for, on an idle connection. */
static void idle_talks(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, &(struct peer_script){ .bye = true });
	(void)bench_relay(b, &job);
	assert_int_equal(b->d->connection_count, 0);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->dones, 1);
	bench_free(b);
}

/* --- what spool says of how much is sent ------------------------------------------------ */

#define SITES_CONF                          \
	"hostname mx.us.example\n"          \
	"listener in { address 0.0.0.0:25 }\n" \
	"timeout { idle 5s }\n"             \
	"pacing big { mx mx1.example; connections 2 }\n" \
	"pacing host { mx 127.0.0.1; connections 2 }\n"  \
	"route out { mx }\n"

static void as_many_as_spool_says(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	struct bench_job j = job;
	j.connections = 2;
	for (int i = 0; i < 10; i++) (void)bench_give(b, &j);
	bench_turn(b);
	assert_int_equal(p->messages, 10);
	assert_int_equal(p->connections, 2);
	assert_int_equal(b->pooled_max, 2);
	assert_int_equal(b->pooled, 2);
	/* Fewer from now on: one of the two goes. */
	j.connections = 1;
	(void)bench_give(b, &j);
	bench_turn(b);
	assert_int_equal(b->pooled, 1);
	bench_wait(b, 5000);
	assert_int_equal(b->pooled, 0);
	bench_free(b);
}

static void so_many_messages_over_each(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	struct bench_job j = job;
	j.connections = 1;
	j.messages = 3;
	for (int i = 0; i < 7; i++) (void)bench_give(b, &j);
	bench_turn(b);
	assert_int_equal(b->dones, 7);
	assert_int_equal(p->messages, 7);
	assert_int_equal(p->connections, 3);
	assert_int_equal(p->quits, 2);
	assert_int_equal(b->pooled_max, 1);
	bench_free(b);
}

/* Others wait for its site: it is not kept, but serves who is there already. */
static void not_kept_when_others_wait(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	struct bench_job j = job;
	j.connections = 1;
	j.flags = 8;
	(void)bench_give(b, &j);
	(void)bench_give(b, &j);
	bench_turn(b);
	assert_int_equal(p->messages, 2);
	assert_int_equal(p->connections, 1);
	assert_int_equal(p->open, 0);
	assert_int_equal(b->pooled, 0);
	bench_free(b);
}

/* From the first command to the answer; nobody knows how long nothing takes. */
static void how_long_it_took(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_int_equal(b->done.took_ms, 1);
	p->script = (struct peer_script){ .step = AT_DOT, .act = DO_SILENCE };
	(void)bench_relay(b, &job);
	bench_wait(b, 60000);
	assert_int_equal(b->dones, 2);
	assert_int_equal(b->done.results[0].outcome, JOB_DEFERRED);
	assert_int_equal(b->done.took_ms, 60000);
	p->script = (struct peer_script){ .step = AT_ACCEPT, .act = DO_CLOSE };
	(void)bench_relay(b, &job);
	assert_int_equal(b->dones, 3);
	assert_int_equal(b->done.took_ms, 0);
	bench_free(b);
}

/* Of which site the hosts are is seen before anything is sent. */
static void sites(void **state)
{
	(void)state;
	static const struct {
		const char *site, *hops, *found;
		uint8_t flags;
	} rows[] = {
		{ NULL, NULL, "big", 0 },      /* it did not know */
		{ "other", NULL, "big", 0 },   /* it has moved */
		{ "big", NULL, NULL, 0 },      /* as it thought */
		{ "other", NULL, NULL, 4 },    /* nobody asks */
		{ NULL, "127.0.0.1", "host", 0 }, /* hosts of a route */
		{ "host", "127.0.0.2", "", 0 },
		{ NULL, "127.0.0.2", NULL, 0 },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(SITES_CONF);
		struct peer *first = peer_new(1, NULL), *second = peer_new(2, NULL);
		struct bench_job j = { .to = "x@far.example y@far.example", .site = rows[i].site,
			.flags = rows[i].flags };
		if (rows[i].hops) j.hops = rows[i].hops;
		else j.mx = "far.example";
		(void)bench_relay(b, &j);
		assert_int_equal(b->dones, 1);
		assert_int_equal(b->done.moved, rows[i].found != NULL);
		assert_int_equal(b->done.results[0].outcome, rows[i].found ? JOB_UNTRIED : JOB_RELAYED);
		assert_int_equal(b->done.results[1].outcome, rows[i].found ? JOB_UNTRIED : JOB_RELAYED);
		if (rows[i].found) assert_string_equal(b->done.site, rows[i].found);
		assert_int_equal(first->connections + second->connections, rows[i].found ? 0 : 1);
		assert_int_equal(b->d->connection_count, rows[i].found ? 0 : 1);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_connection_for_many),
		cmocka_unit_test(at_once),
		cmocka_unit_test(reload_ends_idle_ones),
		cmocka_unit_test(idle_is_closed),
		cmocka_unit_test(peer_says_bye),
		cmocka_unit_test(peer_limits_mails),
		cmocka_unit_test(keys_share_nothing),
		cmocka_unit_test(idle_makes_room),
		cmocka_unit_test(starved),
		cmocka_unit_test(old_ones_go),
		cmocka_unit_test(second_host_first),
		cmocka_unit_test(idle_talks),
		cmocka_unit_test(as_many_as_spool_says),
		cmocka_unit_test(so_many_messages_over_each),
		cmocka_unit_test(not_kept_when_others_wait),
		cmocka_unit_test(how_long_it_took),
		cmocka_unit_test(sites),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
