/* SPDX-License-Identifier: Apache-2.0 */
/* Questions and answers. Arguments: the DNS server's program, the zone. */
#include "dns_test.h"

static const struct {
	const char *name;
	bool mx;
	uint16_t port;
	enum mx_result result;
	const char *dsn, *says; /* says: the hosts, or a part of the text */
} rows[] = {
	{ "plain.example", true, 25, MX_HOSTS, "",
	  "10 mx1.plain.example 2001:db8::1 A A;20 mx2.plain.example 192.0.2.3;" },
	{ "PLAIN.Example.", true, 25, MX_HOSTS, "",
	  "10 mx1.plain.example 2001:db8::1 A A;20 mx2.plain.example 192.0.2.3;" },
	{ "implicit.example", true, 25, MX_HOSTS, "", "0 implicit.example 192.0.2.4;" },
	{ "mx2.plain.example", false, 25, MX_HOSTS, "",
	  "0 mx2.plain.example 192.0.2.3;" },
	{ "[192.0.2.8]", true, 25, MX_HOSTS, "", "0 192.0.2.8 192.0.2.8;" },
	{ "nothing.example", true, 25, MX_NEVER, "5.4.4",
	  "nothing.example has an address" },
	{ "nobody.example", true, 25, MX_NEVER, "5.1.2",
	  "nobody.example does not exist" },
	{ "nobody.example", false, 25, MX_NEVER, "5.4.4", "nobody.example" },
	{ "null.example", true, 25, MX_NEVER, "5.1.10", "null MX" },
	{ "broken.example", true, 25, MX_LATER, "4.4.3", "could not answer for broken" },
	{ "refused.example", true, 25, MX_LATER, "4.4.3",
	  "could not answer for refused" },
	{ "junk.example", true, 25, MX_LATER, "4.4.3", "junk.example" },
	{ "cut.example", true, 25, MX_LATER, "4.4.3", "cut.example" },
	{ "pointer.example", true, 25, MX_LATER, "4.4.3", "pointer.example" },
	{ "forged.example", true, 25, MX_LATER, "4.4.3", "forged.example" },
	{ "other.example", true, 25, MX_LATER, "4.4.3", "other.example" },
	{ "circle.example", true, 25, MX_LATER, "4.4.3", "circle.example" },
	{ "big.example", true, 25, MX_HOSTS, "", "10 mx2.plain.example 192.0.2.3;" },
	{ "slow.example", true, 25, MX_HOSTS, "", "10 mx2.plain.example 192.0.2.3;" },
	{ "alias.example", true, 25, MX_HOSTS, "",
	  "10 mx1.plain.example 2001:db8::1 A A;20 mx2.plain.example 192.0.2.3;" },
	{ "to-alias.example", true, 25, MX_HOSTS, "", "10 mxalias.example 192.0.2.3;" },
	{ "dangling.example", true, 25, MX_NEVER, "5.1.2", "does not exist" },
	{ "self.example", true, 25, MX_HOSTS, "", "10 far.example 192.0.2.9;" },
	{ "loop.example", true, 25, MX_NEVER, "5.4.6", "loops back" },
	{ "mx.us.example", true, 25, MX_NEVER, "5.4.6", "loops back" },
	{ "here.example", true, 25, MX_HOSTS, "", "5 far.example 192.0.2.9;" },
	/* nobody of us listens there */
	{ "here.example", true, 2525, MX_HOSTS, "",
	  "5 far.example 192.0.2.9;10 lo.example 127.0.0.1;" },
	{ "lo.example", false, 25, MX_NEVER, "5.4.6", "loops back" },
	{ "lo.example", false, 24, MX_HOSTS, "", "0 lo.example 127.0.0.1;" },
	{ "literal.example", true, 25, MX_HOSTS, "", "20 mx2.plain.example 192.0.2.3;" },
	{ "liar.example", true, 25, MX_NEVER, "5.4.4", "no MX record of liar.example" },
	{ "zero.example", true, 25, MX_NEVER, "5.4.4", "has an address" },
	{ "half.example", true, 25, MX_HOSTS, "", "20 mx2.plain.example 192.0.2.3;" },
	{ "none-known.example", true, 25, MX_LATER, "4.4.3", "mx-broken.example" },
	{ "none.example", true, 25, MX_NEVER, "5.4.4", "none.example has an address" },
	{ "b\xc3\xbc"
	  "cher.example",
	  true, 25, MX_HOSTS, "", "10 mx2.plain.example 192.0.2.3;" },
	{ "B\xc3\x9c"
	  "CHER.example",
	  true, 25, MX_HOSTS, "", "10 mx2.plain.example 192.0.2.3;" },
	{ "b\xfc"
	  "cher.example",
	  true, 25, MX_NEVER, "5.1.2", "no valid domain" },
	{ "in.test", true, 25, MX_HOSTS, "", "10 mx2.plain.example 192.0.2.3;" },
	{ "", true, 25, MX_NEVER, "5.1.2", "no valid domain" },
	{ "a b.example", true, 25, MX_NEVER, "5.1.2", "no valid domain" },
	{ "a\nb.example", true, 25, MX_NEVER, "5.1.2", "no valid domain" },
};

/* The order of the addresses of one type is the resolver's affair. */
static void order_forget(char *hosts)
{
	for (char *at = hosts; (at = strstr(at, "192.0.2.1 192.0.2.2")) ||
			       (at = strstr(hosts, "192.0.2.2 192.0.2.1"));) {
		memcpy(at, "A A", 3);
		memmove(at + 3, at + 19, strlen(at + 19) + 1);
	}
}

static void answers(void **state)
{
	struct dns_test *t = *state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		ask(t, rows[i].name, rows[i].mx, rows[i].port);
		order_forget(last.hosts);
		bool good = last.m.result == rows[i].result &&
			    !strcmp(last.dsn, rows[i].dsn) &&
			    (rows[i].result == MX_HOSTS
				     ? !strcmp(last.hosts, rows[i].says)
				     : strstr(last.text, rows[i].says) != NULL);
		if (!good)
			fail_msg("row %zu %s: %u %s '%s' '%s'", i, rows[i].name,
				 last.m.result, last.dsn, last.text, last.hosts);
	}
}

static void keeps_few_of_many(void **state)
{
	struct dns_test *t = *state;
	ask(t, "many.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
	assert_int_equal(last.host_count, MX_HOSTS_MAX);
	assert_true(strstr(last.hosts, "1 m99.many.example 192.0.2.100;2 m98.") ==
		    last.hosts);
	assert_int_equal(server_asked(t, "m84.many.example", "A"), 1);
	assert_int_equal(server_asked(t, "m83.many.example", "A"), 0);
}

/* A server that says nothing costs its share of the deadline, which is four timeouts. */
static void silence_is_temporary(void **state)
{
	struct dns_test *t = *state;
	int64_t begin = clock_mono_ms();
	ask(t, "silent.example", true, 25);
	assert_true(clock_mono_ms() - begin < 6000);
	assert_int_equal(last.m.result, MX_LATER);
	assert_string_equal(last.dsn, "4.4.3");
	ask(t, "plain.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
}

/* Domains that nobody answers for do not take the others with them. */
static void silence_of_many_is_theirs(void **state)
{
	enum { ROUNDS = 3, MANY = 300 };
	struct dns_test *t = *state;
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			char name[64];
			(void)snprintf(name, sizeof name, "n%u-%u.hush.example", round,
				       i);
			send_query(t, i, name, true, 25);
		}
		send_query(t, MANY, round % 2 ? "plain.example" : "big.example", true,
			   25);
		role_test_run(&t->role, MANY + 1);
		assert_int_equal(last.later, MANY * (round + 1));
	}
	ask(t, "implicit.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
}

/* Of two servers the first says nothing, and then there is none. */
static void asks_another_server(void **state)
{
	struct dns_test *t = *state;
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	char conf[512];
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	(void)snprintf(conf, sizeof conf,
		       "listener in { address 127.0.0.1:25 }\n"
		       "resolver { server 127.0.0.1:%u 127.0.0.1:%u; timeout 2s }\n",
		       ntohs(at.sin_port), t->port);
	open_again(t, conf);
	ask(t, "plain.example", true, 25);
	if (last.m.result != MX_HOSTS) fail_msg("%s %s", last.dsn, last.text);
	(void)close(fd);
	ask(t, "implicit.example", true, 25);
	if (last.m.result != MX_HOSTS) fail_msg("%s %s", last.dsn, last.text);
}

/* What is not wanted is not asked for. */
static void asks_one_family(void **state)
{
	struct dns_test *t = *state;
	char conf[512];
	conf_text(t, "families ipv4;", conf, sizeof conf);
	open_again(t, conf);
	ask(t, "mx1.plain.example", false, 25);
	order_forget(last.hosts);
	assert_null(strstr(last.hosts, "2001:db8::1"));
	assert_int_equal(last.host_count, 1);
	assert_int_equal(server_asked(t, "mx1.plain.example", "AAAA"), 0);
	conf_text(t, "families ipv6;", conf, sizeof conf);
	open_again(t, conf);
	ask(t, "mx1.plain.example", false, 25);
	assert_string_equal(last.hosts, "0 mx1.plain.example 2001:db8::1;");
	ask(t, "far.example", false, 25); /* which has the other alone */
	assert_int_not_equal(last.m.result, MX_HOSTS);
	assert_int_equal(server_asked(t, "far.example", "A"), 0);
}

static void late_hosts_do_not_keep_others(void **state)
{
	struct dns_test *t = *state;
	ask(t, "half-late.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
	assert_string_equal(last.hosts, "20 mx2.plain.example 192.0.2.3;");
}

static void shares_equal_questions(void **state)
{
	struct dns_test *t = *state;
	for (uint64_t i = 0; i < 50; i++)
		send_query(t, i, i % 2 ? "slow.example" : "SLOW.example", true, 25);
	send_query(t, 50, "slow.example", false, 25); /* another question */
	role_test_run(&t->role, 51);
	for (uint64_t i = 0; i <= 50; i++) assert_int_equal(last.seen[i], 1);
	assert_int_equal(server_asked(t, "slow.example", "MX"), 1);
	/* and then from the cache */
	ask(t, "slow.example", true, 25);
	assert_int_equal(server_asked(t, "slow.example", "MX"), 1);
}

static void is_bounded(void **state)
{
	struct dns_test *t = *state;
	enum { MANY = 4196 };
	for (uint64_t i = 0; i < MANY; i++) send_query(t, i, "slow.example", true, 25);
	role_test_run(&t->role, MANY);
	for (uint64_t i = 0; i < MANY; i++) assert_int_equal(last.seen[i], 1);
	assert_int_equal(last.later, 100);
	ask(t, "plain.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
}

/* Who asked is gone before the answer comes, and then the role itself. */
static void forgets_who_is_gone(void **state)
{
	struct dns_test *t = *state;
	send_query(t, 1, "slow.example", true, 25);
	send_query(t, 2, "silent.example", true, 25);
	ask(t, "plain.example", true, 25);
	dns_role.peer_down(&t->role.frame, t->role.near);
	ask(t, "slow.example", true, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
	assert_int_equal(last.seen[1] + last.seen[2], 0);
	send_query(t, 3, "silent.example", true, 25);
	ask(t, "plain.example", true, 25);
}

static void reload_to(struct dns_test *t, const char *text, bool leaves)
{
	struct conf *old = t->role.frame.conf;
	t->role.left = false;
	t->role.frame.conf = role_test_conf(text);
	dns_role.reload(&t->role.frame, old);
	conf_free(old);
	assert_int_equal(t->role.left, leaves);
}

static void reloads(void **state)
{
	struct dns_test *t = *state;
	char conf[512];
	/* Who we are counts at once. */
	(void)snprintf(conf, sizeof conf,
		       "hostname far.example\nlistener in { address 127.0.0.1:2525 }\n"
		       "resolver { server 127.0.0.1:%u; timeout 1s }\n",
		       t->port);
	reload_to(t, conf, false);
	ask(t, "self.example", true, 25);
	assert_int_equal(last.m.result, MX_NEVER);
	ask(t, "lo.example", false, 25);
	assert_int_equal(last.m.result, MX_HOSTS);
	ask(t, "lo.example", false, 2525);
	assert_int_equal(last.m.result, MX_NEVER);
	/* What only a fresh process can do. */
	(void)snprintf(conf, sizeof conf,
		       "resolver { server 127.0.0.1:%u; timeout 2s }\n", t->port);
	reload_to(t, conf, true);
	reload_to(t, conf, false);
	conf_text(t, "hosts yes", conf, sizeof conf);
	reload_to(t, conf, true);
	reload_to(t, conf, true); /* the file may have changed */
	reload_to(t, "resolver { server 127.0.0.1:1; timeout 2s }\n", true);
	reload_to(t, "resolver { server 127.0.0.2:1; timeout 2s }\n", true);
	reload_to(t, "resolver { server 127.0.0.2:1; timeout 2s }\n", false);
	reload_to(t, "resolver { timeout 2s }\n", true);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(answers),
		TEST(keeps_few_of_many),
		TEST(silence_is_temporary),
		TEST(silence_of_many_is_theirs),
		TEST(asks_another_server),
		TEST(asks_one_family),
		TEST(late_hosts_do_not_keep_others),
		TEST(shares_equal_questions),
		TEST(is_bounded),
		TEST(forgets_who_is_gone),
		TEST(reloads),
	};
	if (argc != 3) return 64;
	server_path = argv[1];
	zone_path = argv[2];
	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
