/* SPDX-License-Identifier: Apache-2.0 */
/* The short way, with servers that the test plays: what the first label of a name says is
 * what is done with the question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/clock.h"
#include "lib/os/socket.h"
#include "lib/route/answer.h"
#include "services/dns/forward.h"

enum { PORTS_MAX = 512, WAITS_MAX = 512, WAIT_MS = 200, PATIENCE_MS = 20 * 1000 };

struct server {
	int fd;
	uint16_t port;
	struct loop_io *io;
	unsigned asked;
};

static struct {
	struct loop *loop;
	struct loop_timer *late;
	struct forward *forward;
	struct server servers[2];
	struct forward_wait waits[WAITS_MAX];
	unsigned seen[WAITS_MAX]; /* answers */
	unsigned plain, empty, wanted;
	struct ip ip; /* of the last plain answer */
	uint16_t ports[PORTS_MAX]; /* that asked, each once */
	size_t port_count;
	int64_t last_ms;
} t;

/* -- Servers ------------------------------------------------------------------------- */

static bool begins(const unsigned char *packet, const char *label)
{
	return packet[12] == strlen(label) && strncasecmp((const char *)packet + 13, label, packet[12]) == 0;
}

static size_t question_len(const unsigned char *packet)
{
	size_t at = 12;
	while (packet[at]) at += packet[at] + 1u;
	return at + 5;
}

/* The answer with one address, in the place of the question. */
static size_t answer_make(unsigned char *packet, uint32_t ttl)
{
	const unsigned char record[] = { 0xc0, 12, 0, 1, 0, 1, (unsigned char)(ttl >> 24),
		(unsigned char)(ttl >> 16), (unsigned char)(ttl >> 8), (unsigned char)ttl, 0, 4, 192, 0, 2, 1 };
	size_t len = question_len(packet);
	packet[2] = 0x81;
	packet[3] = 0x80;
	memset(packet + 6, 0, 6);
	packet[7] = 1;
	memcpy(packet + len, record, sizeof record);
	return len + sizeof record;
}

static void port_note(uint16_t port)
{
	for (size_t i = 0; i < t.port_count; i++)
		if (t.ports[i] == port) return;
	assert_true(t.port_count < PORTS_MAX);
	t.ports[t.port_count++] = port;
}

static void say(int fd, const unsigned char *packet, size_t len, const struct sockaddr_in *to)
{
	assert_int_equal(sendto(fd, packet, len, 0, (const struct sockaddr *)to, sizeof *to), len);
}

/* A packet that says 192.0.2.66 comes from somebody else before the right one. */
static void forge(const unsigned char *packet, size_t len, const struct sockaddr_in *to)
{
	unsigned char forged[1500];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memcpy(forged, packet, len);
	forged[len - 1] = 66;
	say(fd, forged, len, to);
	(void)close(fd);
}

/* Answers with the right id to another name, and to another type, say 192.0.2.66. */
static void strangers(unsigned char *packet, size_t len, int fd, const struct sockaddr_in *to)
{
	const size_t places[] = { 13, len - 16 - 3 };
	for (size_t i = 0; i < 2; i++) {
		packet[places[i]] ^= 1;
		packet[len - 1] = 66;
		say(fd, packet, len, to);
		packet[places[i]] ^= 1;
		packet[len - 1] = 1;
	}
}

static void on_question(void *arg, int fd, unsigned ready)
{
	/* RFC 6891 6.1.2: 1232 octets at most, no flags, no options. */
	static const unsigned char take[] = { 0, 0, ns_t_opt, 0x04, 0xd0, 0, 0, 0, 0, 0, 0 };
	struct server *s = arg;
	unsigned char packet[1500];
	struct sockaddr_in from;
	socklen_t from_len = sizeof from;
	(void)ready;
	ssize_t got = recvfrom(fd, packet, sizeof packet, 0, (struct sockaddr *)&from, &from_len);
	assert_true(got > 12);
	assert_memory_equal(packet + got - sizeof take, take, sizeof take);
	s->asked++;
	port_note(ntohs(from.sin_port));
	if (begins(packet, "silent")) return;
	size_t len = answer_make(packet, begins(packet, "brief") ? 0 : 60);
	if (begins(packet, "broken")) packet[3] = 0x82;
	if (begins(packet, "format")) packet[3] = 0x81;
	if (begins(packet, "cut")) packet[2] |= 0x02;
	if (begins(packet, "lower"))
		for (size_t i = 12; i < len - 16; i++) packet[i] = (unsigned char)ascii_lower((char)packet[i]);
	if (begins(packet, "forged")) forge(packet, len, &from);
	if (begins(packet, "other")) { /* under a wrong id first, and nothing at all */
		packet[0] ^= 0x55;
		packet[len - 1] = 66;
		say(fd, packet, len, &from);
		say(fd, packet, 0, &from);
		packet[0] ^= 0x55;
		packet[len - 1] = 1;
	}
	if (begins(packet, "elsewhere")) strangers(packet, len, fd, &from);
	say(fd, packet, len, &from);
}

static void server_open(struct server *s)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	s->asked = 0;
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&at, &len), 0);
	s->port = ntohs(at.sin_port);
	s->io = loop_io_new(t.loop, s->fd, LOOP_READ, on_question, s);
}

static void server_close(struct server *s)
{
	if (s->fd < 0) return;
	loop_io_free(s->io);
	(void)close(s->fd);
	s->fd = -1;
}

/* -- Questions ----------------------------------------------------------------------- */

static void told(struct forward_wait *w, struct str name, enum dns_type type, struct str packet)
{
	struct ip ips[4];
	size_t count = 0;
	assert_true(name.len > 0);
	t.seen[w - t.waits]++;
	if (packet.len) {
		assert_int_equal(dns_read_ips(packet, type, ips, 4, &count), DNS_FOUND);
		assert_int_equal(count, 1);
		t.ip = ips[0];
		assert_true(ip_eq(t.ip, ip_of_v4(0xc0000201)));
	}
	t.plain += packet.len > 0;
	t.empty += packet.len == 0;
	t.last_ms = clock_mono_ms();
	if (t.plain + t.empty == t.wanted) loop_stop(t.loop);
}

static void give_up(void *arg)
{
	(void)arg;
	fail_msg("%u plain, %u empty of %u", t.plain, t.empty, t.wanted);
}

static int setup(void **state)
{
	struct stub_server at[2];
	(void)state;
	memset(&t, 0, sizeof t);
	t.loop = loop_new();
	t.late = loop_timer_new(t.loop, give_up, NULL);
	for (int i = 0; i < 2; i++) {
		server_open(&t.servers[i]);
		at[i] = (struct stub_server){ ip_of_v4(INADDR_LOOPBACK), t.servers[i].port };
	}
	t.forward = forward_new(t.loop, at, 2, WAIT_MS, told, 7);
	assert_non_null(t.forward);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	forward_free(t.forward);
	for (int i = 0; i < 2; i++) server_close(&t.servers[i]);
	loop_timer_free(t.late);
	loop_free(t.loop);
	return 0;
}

static bool ask(unsigned wait, const char *name)
{
	return forward_ask(t.forward, str_of(name), DNS_A, &t.waits[wait]);
}

static void run(unsigned wanted)
{
	t.wanted = t.plain + t.empty + wanted;
	loop_timer_set(t.late, PATIENCE_MS);
	if (wanted) loop_run(t.loop);
}

static void expect(const char *name, bool plain)
{
	unsigned plain_before = t.plain, empty_before = t.empty;
	t.wanted = 0;
	assert_true(ask(0, name));
	if (t.plain + t.empty == plain_before + empty_before) run(1);
	if (t.plain - plain_before != plain || t.empty - empty_before != !plain)
		fail_msg("%s: %u plain, %u empty", name, t.plain - plain_before, t.empty - empty_before);
}

static void answers(void **state)
{
	static const struct {
		const char *name;
		bool plain;
		unsigned asked, again; /* by one question, and by a second one */
	} rows[] = {
		{ "good.example", true, 1, 0 },  { "brief.example", true, 1, 1 },
		{ "broken.example", false, 1, 0 }, { "lower.example", true, 1, 0 },
		{ "silent.example", false, 1, 0 }, { "forged.example", true, 1, 0 },
		{ "other.example", true, 1, 0 },   { "elsewhere.example", true, 1, 0 },
		{ "format.example", false, 1, 0 }, { "cut.example", false, 1, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		unsigned before = t.servers[0].asked;
		expect(rows[i].name, rows[i].plain);
		assert_int_equal(t.servers[0].asked - before, rows[i].asked);
		expect(rows[i].name, rows[i].plain);
		assert_int_equal(t.servers[0].asked - before, rows[i].asked + rows[i].again);
	}
	assert_int_equal(t.servers[1].asked, 0);
}

static void leaves_special_names_alone(void **state)
{
	static const char *const names[] = { "localhost", "a.localhost", "A.LOCALHOST", "a.invalid",
					     "a.onion", "1.2.0.192.in-addr.arpa", "host" };
	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) assert_false(ask(0, names[i]));
	assert_null(t.waits[0].asked);
	expect("good.localhost.example", true);
	assert_int_equal(t.servers[0].asked, 1);
}

static void shares_equal_questions(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++) assert_true(ask(i, i % 2 ? "good.example" : "GOOD.example"));
	assert_true(forward_ask(t.forward, STR("good.example"), DNS_MX, &t.waits[5]));
	forward_cancel(&t.waits[1]);
	forward_cancel(&t.waits[1]);
	run(5);
	assert_int_equal(t.servers[0].asked, 2);
	for (unsigned i = 0; i < 6; i++) assert_int_equal(t.seen[i], i != 1);
	assert_int_equal(t.plain, 4); /* an address is no answer to the last one */
}

/* Who has lost interest is not told, and yet the answer is there for the next. */
static void goes_on_for_the_cache(void **state)
{
	(void)state;
	assert_true(ask(1, "good.example"));
	forward_cancel(&t.waits[1]);
	expect("good2.example", true);
	assert_int_equal(t.servers[0].asked, 2);
	expect("good.example", true);
	assert_int_equal(t.servers[0].asked, 2);
	assert_int_equal(t.seen[1], 0);
}

static void many(const char *label, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[64];
		(void)snprintf(name, sizeof name, "%s.n%u.example", label, i);
		assert_true(ask(i, name));
	}
	run(count);
}

/* No socket has more than its share, and none is kept for long. */
static void changes_ports(void **state)
{
	(void)state;
	many("good", STUB_CHANNEL_MAX * 2);
	assert_int_equal(t.plain, STUB_CHANNEL_MAX * 2);
	assert_int_equal(t.port_count, 2);
	expect("good.late.example", true);
	assert_int_equal(t.port_count, 3);
	expect("good.later.example", true);
	assert_int_equal(t.port_count, 3);
	(void)usleep((STUB_CHANNEL_MS + 50) * 1000);
	expect("good.latest.example", true);
	assert_int_equal(t.port_count, 4);
}

/* After questions in vain it rests, and then the next server has its turn. */
static void rests(void **state)
{
	(void)state;
	many("silent", STUB_VAIN_MAX - 1);
	expect("good.example", true); /* it is there after all */
	many("broken", STUB_VAIN_MAX);
	assert_int_equal(t.servers[0].asked, 2 * STUB_VAIN_MAX);
	assert_false(ask(0, "good2.example"));
	expect("good.example", true); /* from the cache */
	(void)usleep((STUB_REST_MS + 50) * 1000);
	expect("good2.example", true);
	assert_int_equal(t.servers[0].asked, 2 * STUB_VAIN_MAX);
	assert_int_equal(t.servers[1].asked, 1);
}

/* A server that is not there is known at once. */
static void notices_that_nobody_is_there(void **state)
{
	(void)state;
	server_close(&t.servers[0]);
	expect("good.example", false);
	assert_false(ask(0, "good2.example"));
}

/* What is cut is for the complete resolver, which asks over TCP. */
static void never_asks_over_tcp(void **state)
{
	struct ip peer;
	uint16_t port;
	int listener = socket_listen(ip_of_v4(INADDR_LOOPBACK), t.servers[0].port);
	(void)state;
	if (listener < 0) skip(); /* somebody else has the port */
	expect("cut.example", false);
	assert_int_equal(socket_accept(listener, &peer, &port), -EAGAIN);
	(void)close(listener);
}

static void forward_again(const struct stub_server *servers, size_t count, int64_t wait_ms)
{
	forward_free(t.forward);
	t.forward = forward_new(t.loop, servers, count, wait_ms, told, 7);
	assert_non_null(t.forward);
}

/* A server to which nothing can be sent: nobody is called, and the next one has its turn. */
static void notices_that_nothing_is_sent(void **state)
{
	struct stub_server at[] = { { ip_of_v4(INADDR_BROADCAST), 53 },
				    { ip_of_v4(INADDR_LOOPBACK), t.servers[1].port } };
	(void)state;
	forward_again(at, 2, WAIT_MS);
	assert_false(ask(0, "good.example"));
	assert_null(t.waits[0].asked);
	assert_false(ask(0, "good.example"));
	(void)usleep((STUB_REST_MS + 50) * 1000);
	expect("good.example", true);
	assert_int_equal(t.servers[1].asked, 1);
}

/* Each channel has a question that is never answered, so none can be given back. */
static void has_so_many_channels(void **state)
{
	struct stub_server at = { ip_of_v4(INADDR_LOOPBACK), t.servers[0].port };
	char name[64];
	unsigned round = 0;
	(void)state;
	forward_again(&at, 1, PATIENCE_MS);
	for (;; round++) {
		unsigned good = 0;
		assert_true(round < WAITS_MAX - STUB_CHANNEL_MAX);
		(void)snprintf(name, sizeof name, "silent.r%u.example", round);
		if (!ask(STUB_CHANNEL_MAX + round, name)) break;
		for (unsigned i = 0; i < STUB_CHANNEL_MAX - 1; i++) {
			(void)snprintf(name, sizeof name, "good.r%u.n%u.example", round, i);
			if (!ask(i, name)) break;
			good++;
		}
		run(good);
	}
	assert_true(t.port_count >= STUB_CHANNELS_MAX - 1);
	assert_false(ask(0, "good.more.example"));
}

static void on_question_v6(void *arg, int fd, unsigned ready)
{
	unsigned char packet[1500];
	(void)arg, (void)ready;
	assert_true(recv(fd, packet, sizeof packet, 0) > 12);
	assert_true(begins(packet, "good"));
	loop_stop(t.loop);
}

static void asks_over_ipv6(void **state)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct stub_server server = { .ip = { { [15] = 1 } } };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)state;
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, len) != 0) skip(); /* a machine without */
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	server.port = ntohs(at.sin6_port);
	struct loop_io *io = loop_io_new(t.loop, fd, LOOP_READ, on_question_v6, NULL);
	forward_again(&server, 1, WAIT_MS);
	assert_true(ask(0, "good.example"));
	loop_timer_set(t.late, PATIENCE_MS);
	loop_run(t.loop);
	loop_io_free(io);
	(void)close(fd);
}

/* What is under way goes with it: nobody is called. */
static void is_freed_at_any_time(void **state)
{
	(void)state;
	assert_true(ask(0, "silent.example"));
	assert_true(ask(1, "silent.example"));
	forward_free(t.forward);
	t.forward = NULL;
	assert_null(t.waits[0].asked);
	forward_cancel(&t.waits[1]);
	assert_int_equal(t.plain + t.empty, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(leaves_special_names_alone),
		TEST(shares_equal_questions),
		TEST(goes_on_for_the_cache),
		TEST(changes_ports),
		TEST(rests),
		TEST(notices_that_nobody_is_there),
		TEST(notices_that_nothing_is_sent),
		TEST(never_asks_over_tcp),
		TEST(has_so_many_channels),
		TEST(asks_over_ipv6),
		TEST(is_freed_at_any_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
