/* SPDX-License-Identifier: Apache-2.0 */
/* Logins as the role brings them to directory, which the test plays. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO, YES, LATER, CHALLENGE, BANNED };

static const char conf[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:25; auth offer }\n"
	"limit { command-timeout 20s; data-timeout 60s; recipients 100 }\n"
	"host 192.0.2.0/24 accept auth cleartext\n"
	"host 198.51.100.0/24 accept auth require\n"
	"relay { authenticated }\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n";

static void reply(struct bench *b, uint64_t query, unsigned result, struct str challenge,
                  struct str user)
{
	struct buf record;
	buf_init(&record, 64 * 1024);
	msg_auth_reply_put(&record, &(struct msg_auth_reply){
		.query = query, .result = (uint8_t)result, .challenge = challenge, .user = user,
		.reason = result == CHALLENGE ? STR("") : STR("for the log") });
	bench_message(b, b->directory, MSG_auth_reply, &record);
}

static int hello(struct bench *b, const char *client)
{
	int fd = bench_connect(b, client);
	(void)bench_heard(fd);
	bench_say(b, fd, "EHLO c.example\r\n");
	return fd;
}

/* The number of the login that has just been asked for. */
static uint64_t begun(const char *mechanism, struct str response)
{
	struct str payload;
	struct msg_auth_begin m;
	assert_true(bench_sent(MSG_auth_begin, &payload));
	assert_true(msg_auth_begin_get(payload, &m));
	assert_true(str_eq(m.mechanism, str_of(mechanism)) && str_eq(m.response, response));
	struct ip client = bench_ip("192.0.2.1");
	assert_int_equal(m.client.len, sizeof client.octets);
	assert_memory_equal(m.client.at, client.octets, sizeof client.octets);
	assert_int_equal(m.binding.len, 0);
	assert_int_equal(m.tls, 0);
	return m.query;
}

static bool is_ended(uint64_t query)
{
	struct str payload;
	struct msg_auth_end m;
	return bench_sent(MSG_auth_end, &payload) && msg_auth_end_get(payload, &m) &&
	       m.query == query;
}

#define PLAIN    "AUTH PLAIN AGFubgBzZWNyZXQ=\r\n"
#define RESPONSE STR("\0ann\0secret")

static void offers(void **state)
{
	struct bench *b = bench_new(conf, 64);
	(void)state;
	assert_non_null(strstr(bench_heard(hello(b, "192.0.2.1")),
	                       "250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n"));
	assert_null(strstr(bench_heard(hello(b, "203.0.113.1")), "AUTH"));
	/* There is a channel binding to offer as soon as the connection has one. */
	int client = hello(b, "192.0.2.1");
	struct session *s = bench_session(b, client);
	s->bound = true;
	auth_offer(s);
	(void)bench_heard(client);
	bench_say(b, client, "EHLO c.example\r\n");
	assert_non_null(strstr(bench_heard(client),
	                       "250-AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN\r\n"));
	bench_say(b, client, PLAIN);
	struct str payload;
	struct msg_auth_begin m;
	assert_true(bench_sent(MSG_auth_begin, &payload) && msg_auth_begin_get(payload, &m));
	assert_int_equal(m.binding.len, sizeof s->binding);
	int other = hello(b, "198.51.100.1");
	(void)bench_heard(other);
	bench_say(b, other, "MAIL FROM:<a@c.example>\r\n");
	assert_memory_equal(bench_heard(other), "530 5.7.0 ", 10);
	bench_free(b);
}

static void accepted(void **state)
{
	struct bench *b = bench_new(conf, 64);
	int client = hello(b, "192.0.2.1");
	(void)state;
	(void)bench_heard(client);
	bench_say(b, client, PLAIN "NOOP\r\n");
	assert_string_equal(bench_heard(client), "");
	reply(b, begun("PLAIN", RESPONSE), YES, STR(""), STR("Ann@us.example"));
	assert_string_equal(bench_heard(client),
	                    "235 2.7.0 You are logged in\r\n250 2.0.0 OK\r\n");
	assert_int_equal(b->events[EVENT_auth], 1);
	assert_false(is_ended(0));
	/* What it is good for: relaying, envelope, Received. */
	bench_say(b, client, "MAIL FROM:<a@c.example>\r\nRCPT TO:<x@elsewhere.example>\r\nDATA\r\n");
	assert_memory_equal(bench_heard(client), "250 2.1.0 Sender OK\r\n250 2.1.5 ", 31);
	struct transaction *tx = bench_session(b, client)->tx;
	assert_true(str_eq(tx->envelope.user, STR("Ann@us.example")));
	bench_say(b, client, "Subject: x\r\n\r\n.\r\n");
	bench_committed(b, bench_commit());
	assert_memory_equal(bench_heard(client), "250 2.0.0 queued", 16);
	bench_free(b);
}

static void refused(void **state)
{
	static const struct { unsigned result; const char *said; } rows[] = {
		{ NO, "535 5.7.8 Wrong name or password\r\n" },
		{ LATER, "454 4.7.0 Logins cannot be checked now; try again later\r\n" },
		{ BANNED, "454 4.7.0 Too many failed logins; try again later\r\n" },
		{ 99, "454 4.7.0 Logins cannot be checked now; try again later\r\n" },
	};
	struct bench *b = bench_new(conf, 64);
	int client = hello(b, "192.0.2.1");
	(void)state;
	(void)bench_heard(client);
	for (size_t i = 0; i < ROWS(rows); i++) {
		bench_say(b, client, PLAIN);
		uint64_t query = begun("PLAIN", RESPONSE);
		reply(b, query, rows[i].result, STR(""), STR("ann"));
		assert_string_equal(bench_heard(client), rows[i].said);
		reply(b, query, YES, STR(""), STR("ann")); /* too late */
		assert_string_equal(bench_heard(client), "");
		assert_int_equal(b->events[EVENT_auth_fail], i + 1);
	}
	/* A yes that names nobody is none. */
	bench_say(b, client, PLAIN);
	reply(b, begun("PLAIN", RESPONSE), YES, STR(""), STR(""));
	assert_memory_equal(bench_heard(client), "421 4.7.0 ", 10);
	assert_int_equal(b->events[EVENT_auth], 0);
	bench_free(b);
}

static void steps(void **state)
{
	struct bench *b = bench_new(conf, 64);
	static char huge[SMTP_CHALLENGE_MAX + 1];
	int client = hello(b, "192.0.2.1");
	struct str payload;
	struct msg_auth_step m;
	(void)state;
	(void)bench_heard(client);
	bench_say(b, client, "AUTH SCRAM-SHA-256 bg==\r\n");
	uint64_t query = begun("SCRAM-SHA-256", STR("n"));
	reply(b, query, CHALLENGE, STR("r"), STR("ann"));
	assert_string_equal(bench_heard(client), "334 cg==\r\n");
	reply(b, query, YES, STR(""), STR("ann")); /* nobody asked */
	assert_string_equal(bench_heard(client), "");
	bench_say(b, client, "Yw==\r\n");
	assert_true(bench_sent(MSG_auth_step, &payload) && msg_auth_step_get(payload, &m));
	assert_true(m.query == query && str_eq(m.response, STR("c")));
	reply(b, query, CHALLENGE, (struct str){ huge, sizeof huge }, STR("ann"));
	assert_memory_equal(bench_heard(client), "454 4.7.0 ", 10);
	assert_true(is_ended(query));
	/* Broken off, and gone. */
	bench_say(b, client, "AUTH SCRAM-SHA-256 bg==\r\n");
	query = begun("SCRAM-SHA-256", STR("n"));
	reply(b, query, CHALLENGE, STR("r"), STR("ann"));
	bench_say(b, client, "*\r\n");
	assert_true(is_ended(query));
	(void)bench_heard(client);
	bench_say(b, client, "AUTH SCRAM-SHA-256 bg==\r\n");
	query = begun("SCRAM-SHA-256", STR("n"));
	bench_vanish(client);
	bench_turn(b);
	assert_true(is_ended(query));
	/* Silent in the middle. */
	client = hello(b, "192.0.2.1");
	(void)bench_heard(client);
	bench_say(b, client, "AUTH SCRAM-SHA-256 bg==\r\n");
	query = begun("SCRAM-SHA-256", STR("n"));
	reply(b, query, CHALLENGE, STR("r"), STR("ann"));
	(void)bench_heard(client);
	bench_wait(b, 21000);
	assert_memory_equal(bench_heard(client), "421 4.4.2 ", 10);
	assert_true(is_ended(query));
	bench_free(b);
}

static void offered_by_what_a_session_has(void **state)
{
	static const struct { bool tls, bound, certified; const char *words; } rows[] = {
		{ false, false, false, "SCRAM-SHA-256 PLAIN LOGIN" },
		{ true, false, false, "SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN" },
		{ true, true, true, "EXTERNAL SCRAM-SHA-256-PLUS SCRAM-SHA-256 OAUTHBEARER XOAUTH2 "
				    "PLAIN LOGIN" },
	};
	char text[1024];
	(void)state;
	(void)snprintf(text, sizeof text,
		       "%sauth { oauth a { issuer https://a; audience b; jwks /k } }\n", conf);
	struct bench *b = bench_new(text, 64);
	int client = hello(b, "192.0.2.1");
	struct session *s = bench_session(b, client);
	for (size_t i = 0; i < ROWS(rows); i++) {
		s->smtp.tls = rows[i].tls;
		s->bound = rows[i].bound;
		s->certified = rows[i].certified;
		auth_offer(s);
		assert_true(str_eq(s->smtp.auth.offer, str_of(rows[i].words)));
	}
	s->certified = s->smtp.tls = false; /* there is none to be looked at */
	bench_free(b);
}

/* Refused with a challenge that says why: told at once, and once. */
static void refused_in_steps(void **state)
{
	static const struct { const char *mechanism, *said; } rows[] = {
		{ "XOAUTH2", "535 5.7.8 The token is not good here\r\n" },
		{ "OAUTHBEARER", "535 5.7.8 The token is not good here\r\n" },
		{ "EXTERNAL", "535 5.7.8 The certificate is not one of a user\r\n" },
	};
	struct bench *b = bench_new(conf, 64);
	int client = hello(b, "192.0.2.1");
	struct session *s = bench_session(b, client);
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char line[64];
		struct str payload;
		struct msg_auth_begin m;
		struct buf record;
		(void)bench_heard(client);
		s->smtp.auth.offer = str_of(rows[i].mechanism);
		(void)snprintf(line, sizeof line, "AUTH %s bg==\r\n", rows[i].mechanism);
		bench_say(b, client, line);
		assert_true(bench_sent(MSG_auth_begin, &payload) && msg_auth_begin_get(payload, &m));
		uint64_t query = m.query;
		buf_init(&record, 4096);
		msg_auth_reply_put(&record, &(struct msg_auth_reply){
			.query = query, .result = CHALLENGE, .challenge = STR("why"),
			.user = STR("ann"), .reason = STR("expired") });
		bench_message(b, b->directory, MSG_auth_reply, &record);
		assert_string_equal(bench_heard(client), "334 d2h5\r\n");
		assert_int_equal(b->events[EVENT_auth_fail], i + 1);
		bench_say(b, client, "\r\n");
		reply(b, query, NO, STR(""), STR("ann"));
		assert_string_equal(bench_heard(client), rows[i].said);
		assert_int_equal(b->events[EVENT_auth_fail], i + 1);
	}
	/* The next failure is told again. */
	s->smtp.auth.offer = STR("PLAIN");
	bench_say(b, client, PLAIN);
	reply(b, begun("PLAIN", RESPONSE), NO, STR(""), STR("ann"));
	assert_int_equal(b->events[EVENT_auth_fail], ROWS(rows) + 1);
	bench_free(b);
}

static void directory_goes(void **state)
{
	struct bench *b = bench_new(conf, 64);
	int waits = hello(b, "192.0.2.1"), thinks = hello(b, "192.0.2.1");
	(void)state;
	(void)bench_heard(waits), (void)bench_heard(thinks);
	bench_say(b, waits, PLAIN);
	(void)begun("PLAIN", RESPONSE);
	bench_say(b, thinks, "AUTH SCRAM-SHA-256 bg==\r\n");
	reply(b, begun("SCRAM-SHA-256", STR("n")), CHALLENGE, STR("r"), STR(""));
	assert_string_equal(bench_heard(thinks), "334 cg==\r\n");
	bench_down(b, b->directory);
	assert_memory_equal(bench_heard(waits), "454 4.7.0 ", 10);
	assert_string_equal(bench_heard(thinks), "");
	bench_say(b, thinks, "Yw==\r\n");
	assert_memory_equal(bench_heard(thinks), "454 4.7.0 ", 10);
	bench_say(b, thinks, PLAIN);
	assert_memory_equal(bench_heard(thinks), "454 4.7.0 ", 10);
	bench_up(b, bench_channel(ROLE_DIRECTORY));
	bench_say(b, thinks, PLAIN);
	reply(b, begun("PLAIN", RESPONSE), YES, STR(""), STR("ann@us.example"));
	assert_memory_equal(bench_heard(thinks), "235 ", 4);
	assert_int_equal(b->events[EVENT_auth_fail], 3);
	bench_free(b);
}

/* The client is not to blame for the silence; after long enough it is told to come again. */
static void directory_is_silent(void **state)
{
	struct bench *b = bench_new(conf, 64);
	int client = hello(b, "192.0.2.1");
	(void)state;
	(void)bench_heard(client);
	bench_say(b, client, PLAIN);
	uint64_t query = begun("PLAIN", RESPONSE);
	bench_wait(b, RECEIVE_LOGIN_MS - 2000);
	assert_string_equal(bench_heard(client), "");
	bench_wait(b, 5000);
	assert_memory_equal(bench_heard(client), "454 4.7.0 ", 10);
	assert_true(is_ended(query));
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offers),  cmocka_unit_test(accepted),
		cmocka_unit_test(refused), cmocka_unit_test(steps),
		cmocka_unit_test(directory_goes), cmocka_unit_test(directory_is_silent),
		cmocka_unit_test(offered_by_what_a_session_has), cmocka_unit_test(refused_in_steps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
