/* SPDX-License-Identifier: Apache-2.0 */
/* Several hosts of one route: who does not answer leaves the rotation and comes back; spread mail
 * goes to the host that it was given. */
#include "bench.h"

#include <string.h>

static const struct peer_script once = { .bye = true }; /* a connection for each message */

static void relay(struct bench *b, const char *hops, unsigned attempts)
{
	size_t before = b->events[EVENT_attempt];
	(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .hops = hops, .key = "k" });
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(b->events[EVENT_attempt] - before, attempts);
}

static void a_dead_host_leaves_and_returns(void **state)
{
	(void)state;
	static const char hops[] = "127.0.0.9 127.0.0.1";
	struct bench *b = bench_new(bench_conf);
	struct peer *backup = peer_new(1, &once);
	relay(b, hops, 2);
	assert_int_equal(b->events[EVENT_host_down], 0);
	assert_int_equal(bench_hop(b, "127.0.0.9", false)->failures, 1);
	assert_int_equal(b->hop.down, 0);
	assert_int_equal(b->hop.until_ms, 0);
	relay(b, hops, 2);
	assert_int_equal(bench_hop(b, "127.0.0.9", false)->failures, 2);
	assert_int_equal(b->hop.down, 1);
	assert_true(b->hop.until_ms > 0);
	assert_int_equal(bench_hop(b, "127.0.0.9", true)->failures, 0); /* another */
	assert_int_equal(bench_hop(b, "127.0.0.1", false)->failures, 0);
	assert_int_equal(b->events[EVENT_host_down], 1);
	assert_true(bench_told(b, EVENT_host_down, "connect to 127.0.0.9"));
	for (int i = 0; i < 5; i++) relay(b, hops, 1); /* it is not asked */
	bench_wait(b, 60 * 1000);
	relay(b, hops, 2); /* by this one alone */
	assert_int_equal(b->events[EVENT_host_down], 2);
	relay(b, hops, 1);
	bench_wait(b, 119 * 1000);
	relay(b, hops, 1);
	struct peer *main = peer_new(9, &once);
	bench_wait(b, 1000);
	relay(b, hops, 1);
	assert_int_equal(main->messages, 1);
	assert_int_equal(b->events[EVENT_host_up], 1);
	assert_true(bench_told(b, EVENT_host_up, "127.0.0.9"));
	relay(b, hops, 1);
	assert_int_equal(main->messages, 2);
	assert_int_equal(backup->messages, 10);
	bench_free(b);
}

/* The route says how long. */
static void the_time_of_the_route(void **state)
{
	(void)state;
	char conf[1024];
	static const char hops[] = "127.0.0.9 127.0.0.1";
	(void)snprintf(conf, sizeof conf, "%s", bench_conf);
	char *route = strstr(conf, "route out { mx }");
	assert_non_null(route);
	(void)snprintf(route, sizeof conf - (size_t)(route - conf), "route out { via h; probe 5s }\n");
	struct bench *b = bench_new(conf);
	(void)peer_new(1, &once);
	relay(b, hops, 2);
	relay(b, hops, 2);
	relay(b, hops, 1);
	bench_wait(b, 5000);
	relay(b, hops, 2);
	bench_free(b);
}

/* When none answers all are tried, in their order. */
static void all_dead(void **state)
{
	(void)state;
	static const struct bench_job job = { .to = "x@far.example", .key = "k",
					      .hops = "127.0.0.8 127.0.0.9" };
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, &once); /* who gives them the port */
	for (int i = 1; i <= 4; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_true(b->done.host_failed);
		assert_int_equal(b->events[EVENT_attempt], 2 * i);
	}
	assert_int_equal(b->events[EVENT_host_down], 2);
	struct peer *p = peer_new(9, &once);
	relay(b, job.hops, 2);
	assert_int_equal(p->messages, 1);
	assert_int_equal(b->events[EVENT_host_up], 1);
	bench_free(b);
}

/* A host that is reached and refuses the mail is not down; one that sends everybody away is. */
static void what_counts(void **state)
{
	static const struct { struct peer_script script; bool down; } rows[] = {
		{ { .step = AT_MAIL, .act = DO_SAY, .say = "451 4.3.0 later" }, false },
		{ { .step = AT_BANNER, .act = DO_SAY, .say = "554 5.3.2 no" }, true },
		{ { .step = AT_ACCEPT, .act = DO_CLOSE }, true },
		{ { .step = AT_EHLO, .act = DO_CLOSE }, false }, /* HELO is good */
		{ { .step = AT_DATA, .act = DO_CLOSE }, false },
		{ { .step = AT_BANNER, .act = DO_SAY, .say = "554 5.3.2 no", .times = 1 }, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(2, &rows[i].script);
		(void)peer_new(1, &once);
		for (int n = 0; n < 4; n++)
			(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .key = "k",
								  .hops = "127.0.0.2 127.0.0.1" });
		if ((b->events[EVENT_host_down] > 0) != rows[i].down) fail_msg("row %zu", i);
		if (b->events[EVENT_host_up]) fail_msg("row %zu: up", i);
		bench_free(b);
	}
}

/* One host alone is spool's to leave alone. */
static void one_host(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	for (int i = 0; i < 4; i++)
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .hops = "127.0.0.9" });
	assert_int_equal(b->events[EVENT_host_down], 0);
	bench_free(b);
}

static void a_name_that_is_not_found(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	(void)peer_new(1, &once);
	b->dns_answer = "later";
	relay(b, "relay.example 127.0.0.1", 1);
	relay(b, "relay.example 127.0.0.1", 1);
	assert_int_equal(b->events[EVENT_host_down], 1);
	assert_true(bench_told(b, EVENT_host_down, "relay.example"));
	bench_free(b);
}

/* All hosts of the name are one entry of the list. */
static void hosts_by_mx(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *second = peer_new(2, &once), *backup = peer_new(1, &once);
	b->dns_answer = "127.0.0.9 127.0.0.2";
	for (int i = 0; i < 4; i++) relay(b, "mx:relay.example 127.0.0.1", 2);
	assert_int_equal(second->messages, 4);
	assert_int_equal(b->events[EVENT_host_down], 0);
	b->dns_answer = "127.0.0.9 127.0.0.8";
	relay(b, "mx:relay.example 127.0.0.1", 3);
	relay(b, "mx:relay.example 127.0.0.1", 3);
	assert_true(bench_told(b, EVENT_host_down, "mx:relay.example"));
	relay(b, "mx:relay.example 127.0.0.1", 1);
	assert_int_equal(backup->messages, 3);
	/* What the administrator wrote never returns mail. */
	b->dns_answer = "never";
	(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .hops = "mx:relay.example" });
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	bench_free(b);
}

static void give(struct bench *b, const char *hops)
{
	(void)bench_give(b, &(struct bench_job){ .to = "x@far.example", .hops = hops, .key = "k",
						 .spread = true });
}

static void spread(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *one = peer_new(1, NULL), *two = peer_new(2, NULL);
	for (int i = 0; i < 12; i++) {
		give(b, i % 4 ? "127.0.0.1 127.0.0.2" : "127.0.0.2 127.0.0.1");
		if (i % 3 == 0) bench_turn(b);
	}
	bench_turn(b);
	assert_int_equal(b->dones, 12);
	assert_int_equal(one->messages, 9);
	assert_int_equal(two->messages, 3);
	assert_in_range(one->connections + two->connections, 2, 4); /* they are used again */
	bench_free(b);
}

/* Where there is room for one connection it leads to each in turn, and nobody waits for ever. */
static void spread_over_one_place(void **state)
{
	(void)state;
	char conf[1024];
	(void)snprintf(conf, sizeof conf, "%slimit { connections { per-host 9 } }\n", bench_conf);
	char *most = strstr(conf, "per-destination 4");
	assert_non_null(most);
	most[strlen("per-destination ")] = '1';
	struct bench *b = bench_new(conf);
	struct peer *one = peer_new(1, NULL), *two = peer_new(2, NULL);
	for (int i = 0; i < 10; i++) give(b, i % 2 ? "127.0.0.1 127.0.0.2" : "127.0.0.2 127.0.0.1");
	bench_turn(b);
	assert_int_equal(b->dones, 10);
	assert_int_equal(one->messages, 5);
	assert_int_equal(two->messages, 5);
	bench_free(b);
}

/* With the first of them dead its share goes to the others, over their connections. */
static void spread_without_one(void **state)
{
	(void)state;
	struct bench *b = bench_new(bench_conf);
	struct peer *one = peer_new(1, NULL);
	for (int i = 0; i < 10; i++) {
		give(b, i % 2 ? "127.0.0.1 127.0.0.9" : "127.0.0.9 127.0.0.1");
		bench_turn(b);
	}
	assert_int_equal(b->dones, 10);
	assert_int_equal(one->messages, 10);
	assert_in_range(one->connections, 1, 3);
	assert_int_equal(b->events[EVENT_host_down], 1);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dead_host_leaves_and_returns),
		cmocka_unit_test(the_time_of_the_route),
		cmocka_unit_test(all_dead),
		cmocka_unit_test(what_counts),
		cmocka_unit_test(one_host),
		cmocka_unit_test(a_name_that_is_not_found),
		cmocka_unit_test(hosts_by_mx),
		cmocka_unit_test(spread),
		cmocka_unit_test(spread_over_one_place),
		cmocka_unit_test(spread_without_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
