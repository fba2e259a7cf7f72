/* SPDX-License-Identifier: Apache-2.0 */
/* How long a host has to answer: always, where the job is to hurry, and where it is only to
 * look whether somebody is there. */
#include "bench.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/socket.h"

enum { HURRY = 16, LOOK = 64, HOSTS_MAX = 4, FILL = 4, STEP_MS = 500 };

static int sockets[HOSTS_MAX * (FILL + 1)];
static size_t socket_count;

/* A listener whose queue is full answers no SYN any more. */
static void deaf_new(unsigned n)
{
	uint32_t ip = 0x7f000000 + n;
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(peers_port()),
				 .sin_addr.s_addr = htonl(ip) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(fd, 0), 0);
	sockets[socket_count++] = fd;
	for (int i = 0; i < FILL; i++)
		sockets[socket_count++] = socket_connect(ip_of_v4(ip), peers_port());
}

static const struct row {
	const char *hosts; /* deaf, refuses, busy (421), good */
	uint8_t flags;
	int64_t ms; /* until the answer */
	enum job_outcome outcome;
	bool host_failed, looked;
	const char *connect; /* another timeout */
} rows[] = {
	{ "dg", 0, 10000, JOB_RELAYED, false, false, NULL },
	{ "d", 0, 10000, JOB_DEFERRED, true, false, NULL },
	{ "dg", HURRY, DELIVER_HURRY_MS, JOB_RELAYED, false, false, NULL },
	{ "d", HURRY, DELIVER_HURRY_MS, JOB_DEFERRED, true, false, NULL },
	/* A look tries nothing where nobody answered; another address may. */
	{ "g", LOOK, 0, JOB_RELAYED, false, false, NULL },
	{ "dg", LOOK, DELIVER_LOOK_MS, JOB_RELAYED, false, false, NULL },
	{ "d", LOOK, DELIVER_LOOK_MS, JOB_UNTRIED, false, true, NULL },
	{ "rd", LOOK, DELIVER_LOOK_MS, JOB_UNTRIED, false, true, NULL },
	{ "dr", LOOK, DELIVER_LOOK_MS, JOB_UNTRIED, false, true, NULL },
	/* However many there are. */
	{ "dddg", LOOK, DELIVER_LOOK_ALL_MS, JOB_UNTRIED, false, true, NULL },
	/* Who refuses has answered, and who is busy is there: the next one has more time. */
	{ "r", LOOK, 0, JOB_DEFERRED, true, false, NULL },
	{ "bd", LOOK, DELIVER_HURRY_MS, JOB_DEFERRED, true, false, NULL },
	/* It had all the time that it may have. */
	{ "d", LOOK, 1000, JOB_DEFERRED, true, false, "connect 1s" },
	{ "d", HURRY, 1000, JOB_DEFERRED, true, false, "connect 1s" },
};

static void hosts_new(const char *hosts, char *answer, size_t size)
{
	static const struct peer_script busy = { .step = AT_BANNER, .act = DO_SAY,
						 .say = "421 4.3.2 busy" };
	struct buf out;
	buf_init_fixed(&out, answer, size);
	for (unsigned n = 1; hosts[n - 1]; n++) {
		switch (hosts[n - 1]) {
		case 'd': deaf_new(n); break;
		case 'b': (void)peer_new(n, &busy); break;
		case 'g': (void)peer_new(n, NULL); break;
		default: break;
		}
		buf_fmt(&out, n > 1 ? " 127.0.0.%u" : "127.0.0.%u", n);
	}
	buf_byte(&out, '\0');
}

/* bench_conf with another time to connect. */
static const char *conf_of(const struct row *row)
{
	static const char usual[] = "connect 10s";
	static char text[1024];
	const char *at = strstr(bench_conf, usual);
	struct buf conf;
	if (!row->connect) return bench_conf;
	assert_non_null(at);
	buf_init_fixed(&conf, text, sizeof text);
	buf_str(&conf, (struct str){ bench_conf, (size_t)(at - bench_conf) });
	buf_str(&conf, str_of(row->connect));
	buf_str(&conf, str_of(at + sizeof usual - 1));
	buf_byte(&conf, '\0');
	return text;
}

static void check(const struct row *row)
{
	char answer[64];
	struct bench_job job = { .to = "x@far.example", .mx = "far.example", .flags = row->flags };
	struct bench *b = bench_new(conf_of(row));
	(void)peer_new(9, NULL); /* which has the port */
	hosts_new(row->hosts, answer, sizeof answer);
	b->dns_answer = answer;
	(void)bench_relay(b, &job);
	for (int64_t ms = 0; ms < row->ms; ms += STEP_MS) {
		assert_int_equal(b->dones, 0);
		bench_wait(b, STEP_MS);
	}
	if (bench_result(b)->outcome != row->outcome || b->done.looked != row->looked ||
	    b->done.host_failed != row->host_failed)
		fail_msg("hosts %s flags %u: outcome %d, host_failed %d, looked %d, %s", row->hosts,
			 row->flags, bench_result(b)->outcome, b->done.host_failed, b->done.looked,
			 bench_result(b)->text);
	while (socket_count) (void)close(sockets[--socket_count]);
	bench_free(b);
}

static void each_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) check(&rows[i]);
}

/* In a look only a host that refuses is worth remembering: another one had no time to answer. */
static void a_look_and_the_rotation(void **state)
{
	static const struct { const char *hosts; uint8_t flags; int64_t ms; unsigned down; } cases[] = {
		{ "dg", LOOK, DELIVER_LOOK_MS, 0 },
		{ "rg", LOOK, 0, 1 },
		{ "dg", HURRY, DELIVER_HURRY_MS, 1 },
	};
	static const struct peer_script once = { .bye = true };
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct bench *b = bench_new(bench_conf);
		(void)peer_new(2, &once);
		if (cases[i].hosts[0] == 'd') deaf_new(1);
		for (int n = 0; n < 2; n++) {
			(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .key = "k",
				.hops = "127.0.0.1 127.0.0.2", .flags = cases[i].flags });
			if (cases[i].ms) bench_wait(b, cases[i].ms);
			assert_int_equal(bench_result(b)->outcome, JOB_RELAYED);
			assert_int_equal(b->events[EVENT_attempt], 2 * (n + 1));
		}
		assert_int_equal(b->events[EVENT_host_down], cases[i].down);
		while (socket_count) (void)close(sockets[--socket_count]);
		bench_free(b);
	}
}

/* The same of a name that the DNS does not find in that time. */
static void a_silent_resolver_and_the_rotation(void **state)
{
	(void)state;
	for (int looks = 0; looks < 2; looks++) {
		struct bench *b = bench_new(bench_conf);
		b->dns_silent = true;
		for (int n = 0; n < 2; n++) {
			(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example", .key = "k",
				.hops = "relay.example other.example", .flags = looks ? LOOK : 0 });
			bench_wait(b, looks ? DELIVER_LOOK_DNS_MS : DELIVER_RESOLVE_MS);
			assert_int_equal(bench_result(b)->outcome, looks ? JOB_UNTRIED : JOB_DEFERRED);
		}
		assert_int_equal(b->events[EVENT_host_down], !looks);
		bench_free(b);
	}
}

/* A resolver that does not answer takes no more of a look than a host; what it finds later
 * is there for the next one. */
static void a_silent_resolver(void **state)
{
	static const struct { uint8_t flags; int64_t ms; bool looked; } cases[] = {
		{ 0, DELIVER_RESOLVE_MS, false },
		{ HURRY, DELIVER_RESOLVE_MS, false },
		{ LOOK, DELIVER_LOOK_DNS_MS, true },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		struct bench *b = bench_new(bench_conf);
		b->dns_silent = true;
		(void)bench_relay(b, &(struct bench_job){ .to = "x@far.example",
							  .mx = "far.example",
							  .flags = cases[i].flags });
		bench_wait(b, cases[i].ms - STEP_MS);
		assert_int_equal(b->dones, 0);
		bench_wait(b, STEP_MS);
		assert_int_equal(bench_result(b)->outcome,
				 cases[i].looked ? JOB_UNTRIED : JOB_DEFERRED);
		assert_int_equal(b->done.looked, cases[i].looked);
		assert_int_equal(b->done.host_failed, !cases[i].looked);
		bench_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_host),
		cmocka_unit_test(a_look_and_the_rotation),
		cmocka_unit_test(a_silent_resolver_and_the_rotation),
		cmocka_unit_test(a_silent_resolver),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
