/* SPDX-License-Identifier: Apache-2.0 */
/* What the DNS says of clients: when it is asked, waited for and forgotten. */
#include "bench.h"

#include <string.h>

#include "lib/route/answer.h"

static const char lists_conf[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:25 }\n"
	"listener users { address 0.0.0.0:587; role submission }\n"
	"dnsbl bl.example { }\ndnsbl soft.example { score 2 }\n"
	"check { helo { unresolved 4 } }\n"
	"relay { from 10.0.0.0/8 }\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n"
	"domain asked.example { users staff; deliver maildir /m/%d/%n }\n"
	"directory staff { sqlite /var/lib/ims/users }\n";

#define PTR     "1.2.0.192.in-addr.arpa"
#define IN_BL   "1.2.0.192.bl.example"
#define IN_SOFT "1.2.0.192.soft.example"

static struct bench *begin(const char *conf)
{
	struct bench *b = bench_new(conf, 32);
	bench_up(b, bench_channel(ROLE_DNS));
	return b;
}

static void answer(struct bench *b, const char *name, unsigned type, unsigned state,
                   const char *ip_text)
{
	uint64_t query = bench_dns_asked(name, type);
	if (!query) fail_msg("nobody asked for %s", name);
	struct ip ip = { 0 };
	if (ip_text) ip = bench_ip(ip_text);
	bench_dns(b, query, state, (const char *)ip.octets, ip_text ? sizeof ip.octets : 0);
}

static void answer_name(struct bench *b, const char *name)
{
	struct buf record;
	buf_init(&record, 1024);
	buf_put_str(&record, str_of(name));
	bench_dns(b, bench_dns_asked(PTR, DNS_PTR), DNS_FOUND, record.at, record.len);
	buf_free(&record);
}

/* EHLO and MAIL; RCPT, whose answer may have to wait. */
static int at_rcpt(struct bench *b, const char *client_ip, const char *rcpt)
{
	int client = bench_connect(b, client_ip);
	assert_memory_equal(bench_heard(client), "220", 3);
	bench_say(b, client, "EHLO mail.c.example\r\nMAIL FROM:<a@c.example>\r\n");
	assert_non_null(strstr(bench_heard(client), "250 2.1.0"));
	bench_say(b, client, rcpt);
	return client;
}

static void waits_at_rcpt_and_not_before(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
	assert_string_equal(bench_heard(client), "");
	assert_int_equal(b->events[EVENT_connect], 0); /* its name is still to come */
	answer(b, IN_BL, DNS_A, DNS_NO_NAME, NULL);
	answer(b, IN_SOFT, DNS_A, DNS_FOUND, "127.0.0.2");
	assert_string_equal(bench_heard(client), "");
	answer(b, "mail.c.example", DNS_A, DNS_FOUND, "192.0.2.1");
	/* The name of its address is for the log: nobody waits for that. */
	assert_memory_equal(bench_heard(client), "250 2.1.5", 9);
	answer_name(b, "far.example");
	assert_int_equal(b->events[EVENT_connect], 0);
	answer(b, "far.example", DNS_A, DNS_FOUND, "192.0.2.1");
	assert_int_equal(b->events[EVENT_connect], 1);
	assert_string_equal(bench_session(b, client)->name, "far.example");
	assert_null(bench_session(b, client)->inquiry);
	bench_free(b);
}

static void points_add_up(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
	answer(b, IN_BL, DNS_A, DNS_NO_DATA, NULL);
	answer(b, IN_SOFT, DNS_A, DNS_FOUND, "127.0.0.2");
	answer(b, "mail.c.example", DNS_A, DNS_FOUND, "192.0.2.99");
	/* 2 and 4; what is heaviest gives the reason */
	assert_memory_equal(bench_heard(client), "550 5.7.1 The name that you said in EHLO", 40);
	bench_say(b, client, "RCPT TO:<postmaster@us.example>\r\n");
	assert_memory_equal(bench_heard(client), "250", 3);
	assert_int_equal(b->events[EVENT_refuse], 1);
	bench_free(b);
}

static void another_ehlo_is_another_question(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "EHLO liar.c.example\r\n");
	bench_say(b, client, "EHLO mail.c.example\r\n");
	answer(b, "liar.c.example", DNS_A, DNS_NO_NAME, NULL);
	assert_int_equal(bench_session(b, client)->helo_resolves, ANSWER_UNKNOWN);
	answer(b, "mail.c.example", DNS_A, DNS_FOUND, "192.0.2.1");
	assert_int_equal(bench_session(b, client)->helo_resolves, ANSWER_YES);
	bench_free(b);
}

static void five_seconds_are_enough(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
	bench_wait(b, 4000);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, 1000);
	assert_memory_equal(bench_heard(client), "250", 3);
	struct session *s = bench_session(b, client);
	assert_true(s->lists_known && s->listed == 0);
	assert_int_equal(s->client_name, CLIENT_NAME_CANNOT_TELL);
	assert_int_equal(s->helo_resolves, ANSWER_CANNOT_TELL);
	/* A late answer is nobody's. */
	answer(b, IN_BL, DNS_A, DNS_FOUND, "127.0.0.2");
	assert_int_equal(s->listed, 0);
	bench_free(b);
}

static void dns_goes_away(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
	bench_down(b, b->dns);
	assert_memory_equal(bench_heard(client), "250", 3);
	/* And while it is away. */
	client = at_rcpt(b, "192.0.2.2", "RCPT TO:<b@us.example>\r\n");
	assert_memory_equal(bench_heard(client), "250", 3);
	assert_int_equal(b->events[EVENT_connect], 2);
	bench_free(b);
}

static void nobody_is_asked_about_friends(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = at_rcpt(b, "10.1.2.3", "RCPT TO:<b@us.example>\r\n");
	assert_memory_equal(bench_heard(client), "250", 3);
	assert_int_equal(bench_dns_asked("3.2.1.10.bl.example", DNS_A), 0);
	assert_true(bench_dns_asked("3.2.1.10.in-addr.arpa", DNS_PTR) > 0);
	client = at_rcpt(b, "127.0.0.1", "RCPT TO:<b@us.example>\r\n");
	assert_memory_equal(bench_heard(client), "250", 3);
	assert_int_equal(bench_dns_asked("1.0.0.127.in-addr.arpa", DNS_PTR), 0);
	bench_free(b);
}

static void faults_are_told_once_an_hour(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	for (int i = 0; i < 3; i++) {
		int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
		struct str taken;
		answer(b, IN_BL, DNS_A, DNS_FOUND, "127.255.255.254");
		answer(b, IN_SOFT, DNS_A, DNS_FAILED, NULL);
		answer(b, "mail.c.example", DNS_A, 200, NULL); /* a state that there is not */
		assert_memory_equal(bench_heard(client), "250", 3);
		assert_int_equal(b->events[EVENT_list_fault], i < 2 ? 1 : 2);
		bench_say(b, client, "QUIT\r\n");
		while (bench_sent(MSG_dns_ask, &taken)) {}
		if (i == 1) bench_wait(b, 3600 * 1000);
	}
	bench_free(b);
}

/* While an answer is owed the socket is not read; the session ends with the service. */
static void goes_with_its_session(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int client = bench_connect(b, "192.0.2.1");
	assert_int_equal(b->rx->inquiry_map.count, 1);
	bench_vanish(client);
	bench_turn(b);
	assert_int_equal(b->rx->inquiry_map.count, 0);
	(void)at_rcpt(b, "192.0.2.2", "RCPT TO:<b@us.example>\r\n");
	assert_int_equal(b->rx->inquiry_map.count, 1);
	bench_free(b);
}

/* Lists have their places in the configuration, so answers of before mean nothing. */
static void reload_forgets(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	int waits = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@us.example>\r\n");
	uint64_t listed = bench_dns_asked(IN_BL, DNS_A), soft = bench_dns_asked(IN_SOFT, DNS_A);
	bench_reload(b, "hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
			"dnsbl new.example { }\n"
			"domain us.example { users any; deliver maildir /m/%d/%n }\n");
	struct ip ip = bench_ip("127.0.0.2");
	bench_dns(b, listed, DNS_FOUND, (const char *)ip.octets, sizeof ip.octets);
	bench_dns(b, soft, DNS_FOUND, (const char *)ip.octets, sizeof ip.octets);
	/* Who waited while it came is not let through by it. */
	assert_string_equal(bench_heard(waits), "");
	answer(b, "1.2.0.192.new.example", DNS_A, DNS_FOUND, "127.0.0.2");
	assert_memory_equal(bench_heard(waits), "550 5.7.1 Your address is listed by new.example", 47);
	int client = at_rcpt(b, "192.0.2.7", "RCPT TO:<b@us.example>\r\n");
	answer(b, "7.2.0.192.new.example", DNS_A, DNS_FOUND, "127.0.0.2");
	assert_memory_equal(bench_heard(client), "550 5.7.1 Your address is listed by new.example", 47);
	bench_free(b);
}

static void directory_is_asked_behind_it(void **state)
{
	(void)state;
	struct bench *b = begin(lists_conf);
	struct str payload;
	struct msg_lookup m;
	int client = at_rcpt(b, "192.0.2.1", "RCPT TO:<b@asked.example>\r\n");
	assert_false(bench_sent(MSG_lookup, &payload));
	answer(b, IN_BL, DNS_A, DNS_NO_NAME, NULL);
	answer(b, IN_SOFT, DNS_A, DNS_NO_NAME, NULL);
	answer(b, "mail.c.example", DNS_A, DNS_FOUND, "192.0.2.1");
	assert_true(bench_sent(MSG_lookup, &payload) && msg_lookup_get(payload, &m));
	bench_found(b, m.query, 0);
	assert_memory_equal(bench_heard(client), "550 5.1.1", 9);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_at_rcpt_and_not_before),
		cmocka_unit_test(points_add_up),
		cmocka_unit_test(another_ehlo_is_another_question),
		cmocka_unit_test(five_seconds_are_enough),
		cmocka_unit_test(dns_goes_away),
		cmocka_unit_test(nobody_is_asked_about_friends),
		cmocka_unit_test(faults_are_told_once_an_hour),
		cmocka_unit_test(goes_with_its_session),
		cmocka_unit_test(reload_forgets),
		cmocka_unit_test(directory_is_asked_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
