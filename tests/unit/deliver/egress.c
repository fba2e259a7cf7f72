/* SPDX-License-Identifier: Apache-2.0 */
/* By which own address a job leaves: pools, connections that are kept apart, addresses that
 * are missing, families, and what a warm-up lets out. The peers stand on 127.0.0.N. */
#include "bench.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_FOR(connections) \
	"hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n" \
	"limit { connections { out 20; per-destination " #connections " } }\n" \
	"timeout { connect 10s; greeting 20s; command 30s; data 40s; final 60s; idle 1h; tls 15s }\n"
#define HEAD HEAD_FOR(4)

static const struct bench_job job = { .to = "x@far.example", .mx = "far.example" };

static struct bench *bench_with(const char *blocks)
{
	char text[2048];
	(void)snprintf(text, sizeof text, HEAD "%s\n", blocks);
	return bench_new(text);
}

static void send_as(struct bench *b, unsigned sender)
{
	char address[64];
	struct bench_job one = job;
	(void)snprintf(address, sizeof address, "s%u@us.example", sender);
	one.sender = address;
	(void)bench_relay(b, &one);
}

static void own_address_and_name(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41; helo out.us.example }\n"
				     "route out { mx; egress a }");
	struct peer *p = peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_true(bench_said(b, "a[127.0.0.41]"));
	assert_non_null(memmem(p->heard.at, p->heard.len, "EHLO out.us.example", 19));
	bench_free(b);
}

/* One connection for each of the two, used again by who leaves there; the name is the
 * service's where the block has none. */
static void pool_of_two(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41 }\negress b { address 127.0.0.42 }\n"
				     "route out { mx; egress a b }");
	struct peer *p = peer_new(1, NULL);
	for (unsigned round = 0; round < 3; round++)
		for (unsigned i = 0; i < 12; i++) send_as(b, i);
	assert_int_equal(b->dones, 36);
	assert_int_equal(p->messages, 36);
	assert_int_equal(p->connections, 2);
	assert_non_null(memmem(p->heard.at, p->heard.len, "EHLO mx.us.example", 18));
	/* As many at once as there may be, of both. */
	for (unsigned i = 0; i < 40; i++) {
		char address[64];
		struct bench_job one = job;
		(void)snprintf(address, sizeof address, "s%u@us.example", i);
		one.sender = address;
		(void)bench_give(b, &one);
	}
	bench_turn(b);
	assert_int_equal(b->dones, 76);
	assert_int_equal(p->messages, 76);
	assert_true(b->d->connection_count <= 4);
	bench_free(b);
}

/* The destination may have one connection: the idle one of the other address makes room. */
static void room_for_the_other(void **state)
{
	(void)state;
	struct bench *b = bench_new(HEAD_FOR(1) "egress a { address 127.0.0.41 }\n"
						"egress b { address 127.0.0.42 }\nroute out { mx; egress a b }\n");
	struct peer *p = peer_new(1, NULL);
	for (unsigned i = 0; i < 12; i++) {
		send_as(b, i);
		assert_int_equal(b->d->connection_count, 1);
	}
	assert_int_equal(p->messages, 12);
	assert_true(p->connections > 2);
	bench_free(b);
}

static void missing_address(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 192.0.2.77 192.0.2.78 }\n"
				     "egress b { address 127.0.0.42; weight 100 }\nroute out { mx; egress a b }\n"
				     "route only { match a.example; mx; egress a }");
	struct peer *p = peer_new(1, NULL);
	for (unsigned i = 0; i < 400; i++) send_as(b, i);
	assert_int_equal(p->messages, 400);
	assert_int_equal(b->events[EVENT_egress_out], 2);
	/* It is tried again after a while. */
	bench_wait(b, DELIVER_MISSING_MS + 1000);
	for (unsigned i = 0; i < 400; i++) send_as(b, i);
	assert_int_equal(b->events[EVENT_egress_out], 4);
	assert_int_equal(p->messages, 800);
	bench_free(b);
}

/* Nobody carries: the mail waits, and no host is blamed. */
static void none_is_here(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 192.0.2.77 192.0.2.78 }\nroute out { mx; egress a }");
	struct peer *p = peer_new(1, NULL);
	for (int i = 0; i < 2; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_string_equal(bench_result(b)->dsn, "4.3.5");
		assert_string_equal(bench_result(b)->text, "this machine has none of the addresses by which "
							    "the route's mail may leave");
		assert_false(b->done.host_failed);
	}
	assert_int_equal(b->events[EVENT_egress_out], 2);
	assert_int_equal(p->connections, 0);
	bench_free(b);
}

/* A host that no address of ours can connect to is not found out of reach: it was not asked. */
static void hosts_that_were_not_asked_stay(void **state)
{
	static const char *const keys[] = { "route:a", "route:b", "route:c" };
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41 }\nroute out { via h; egress a }");
	struct peer *p = peer_new(1, NULL);
	for (size_t i = 0; i < ROWS(keys); i++) {
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .key = keys[i],
							  .hops = "2001:db8::1 127.0.0.1" });
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	}
	assert_int_equal(p->connections, 3); /* each looked for its own hosts */
	assert_int_equal(b->events[EVENT_host_down], 0);
	bench_free(b);
	/* Nor when the address is missing. */
	b = bench_with("egress a { address 192.0.2.77 }\nroute out { via h; egress a }");
	p = peer_new(1, NULL);
	(void)peer_new(2, NULL);
	for (size_t i = 0; i < ROWS(keys); i++) {
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .key = keys[i],
							  .hops = "127.0.0.1 127.0.0.2" });
		assert_string_equal(bench_result(b)->dsn, "4.3.5");
		bench_wait(b, DELIVER_MISSING_MS + 1000);
	}
	assert_int_equal(b->events[EVENT_host_down], 0);
	assert_int_equal(p->connections, 0);
	bench_free(b);
}

static bool has_ipv6(void)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
	if (fd >= 0) (void)close(fd);
	return has;
}

/* A host's address of the family that the egress does not have is passed over. */
static void families(void **state)
{
	(void)state;
	if (!has_ipv6()) skip();
	struct bench *b = bench_with("egress a { address 127.0.0.41 }\nroute out { mx; egress a }\n");
	struct peer *p = peer_new(1, NULL);
	b->dns_answer = "::1 127.0.0.1";
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_int_equal(b->events[EVENT_attempt], 2);
	assert_int_equal(p->messages, 1);
	bench_free(b);

	b = bench_with("egress a { address ::1 }\nroute out { mx; egress a }\n");
	(void)peer_new(1, NULL);
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.4.1");
	assert_true(str_starts(str_of(bench_result(b)->text),
			       STR("egress a has no IPv4 address: mx1.example[127.0.0.1]:")));
	assert_false(b->done.host_failed);
	bench_free(b);
}

/* The clock of the bench stands in January 2027. */
#define WARM "warm-up { start 2027-01-15; first 3/1d; double-every 366d }"

static void warm_up(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41; " WARM " }\nroute out { mx; egress a }");
	struct peer *p = peer_new(1, NULL);
	for (unsigned i = 0; i < 3; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	}
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
	assert_string_equal(bench_result(b)->dsn, "4.4.5");
	assert_string_equal(bench_result(b)->text,
			    "the addresses of the route have sent what their warm-up allows; they may send "
			    "more at 2027-01-16T00:00:00.000Z");
	assert_false(b->done.host_failed);
	assert_int_equal(p->messages, 3);
	/* The next day has its own. */
	b->now_ms += 86400000;
	(void)bench_relay(b, &job);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	bench_free(b);
}

/* The rest goes by another one; one that has not begun carries nothing. */
static void warm_up_overflows(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41; weight 100; " WARM " }\n"
				     "egress b { address 127.0.0.42 }\n"
				     "egress c { address 127.0.0.43; weight 100; warm-up { start 2027-02-01; first 9/1d } }\n"
				     "route out { mx; egress a b c }");
	struct peer *p = peer_new(1, NULL);
	for (unsigned i = 0; i < 60; i++) send_as(b, i);
	assert_int_equal(p->messages, 60);
	assert_int_equal(p->connections, 2);
	bench_free(b);
}

/* What never came to a transaction is not counted. */
static void warm_up_counts_what_began(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41; " WARM " }\nroute out { mx; egress a }");
	for (unsigned i = 0; i < 10; i++) {
		(void)bench_relay(b, &job);
		assert_int_equal(bench_result(b)->outcome, JOB_DEFERRED);
		assert_string_equal(bench_result(b)->dsn, "4.4.1");
	}
	struct peer *p = peer_new(1, NULL);
	for (unsigned i = 0; i < 4; i++) (void)bench_relay(b, &job);
	assert_int_equal(p->messages, 3);
	bench_free(b);
}

/* The block goes, or the route takes another one, while a job waits for its connection. */
static void reload(void **state)
{
	(void)state;
	struct bench *b = bench_with("egress a { address 127.0.0.41 }\nroute out { mx; egress a }");
	struct peer *p = peer_new(1, NULL);
	b->dns_silent = true;
	(void)bench_relay(b, &job);
	assert_int_equal(b->dones, 0);
	bench_reload(b, HEAD "egress b { address 127.0.0.42 }\nroute out { mx; egress b }\n");
	b->dns_silent = false;
	bench_down(b, ROLE_DNS);
	bench_up(b, ROLE_DNS);
	bench_turn(b);
	assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
	assert_true(bench_said(b, "b[127.0.0.42]"));
	bench_reload(b, HEAD "route out { mx }\n");
	(void)bench_relay(b, &job);
	assert_int_equal(p->messages, 2);
	assert_false(bench_said(b, "[127.0.0.42]"));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(own_address_and_name),
		cmocka_unit_test(pool_of_two),
		cmocka_unit_test(room_for_the_other),
		cmocka_unit_test(missing_address),
		cmocka_unit_test(none_is_here),
		cmocka_unit_test(hosts_that_were_not_asked_stay),
		cmocka_unit_test(families),
		cmocka_unit_test(warm_up),
		cmocka_unit_test(warm_up_overflows),
		cmocka_unit_test(warm_up_counts_what_began),
		cmocka_unit_test(reload),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
