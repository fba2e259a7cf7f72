/* SPDX-License-Identifier: Apache-2.0 */
/* Clients that another names: header of a proxy, XCLIENT. */
#include "bench.h"

#include <stdio.h>
#include <string.h>

static const char proxy_conf[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:25; proxy 10.9.9.9; xclient 10.8.8.8 10.9.9.9 }\n"
	"limit { connections { per-host 2 } }\n"
	"host 198.51.100.66 reject\n"
	"domain us.example { users any; deliver maildir /m/%d/%n }\n";

static void names_the_client(void **state)
{
	(void)state;
	static const struct { const char *header, *says; } rows[] = {
		{ "PROXY TCP4 198.51.100.1 192.0.2.1 4000 25\r\n", "250 mx.us.example greets [198.51.100.1]" },
		{ "PROXY UNKNOWN\r\n", "250 mx.us.example greets [10.9.9.9]" },
		{ "PROXY TCP6 2001:db8::1 2001:db8::2 1 25\r\n", "250 mx.us.example greets [IPv6:2001:db8::1]" },
	};
	struct bench *b = bench_new(proxy_conf, 32);
	for (size_t i = 0; i < ROWS(rows); i++) {
		int client = bench_connect(b, "10.9.9.9");
		assert_string_equal(bench_heard(client), "");
		/* In two pieces; what follows is not lost. */
		bench_say_bytes(b, client, str_sub(str_of(rows[i].header), 0, 8));
		assert_string_equal(bench_heard(client), "");
		bench_say(b, client, rows[i].header + 8);
		assert_memory_equal(bench_heard(client), "220", 3);
		bench_say(b, client, "HELO c.example\r\n");
		const char *heard = bench_heard(client);
		if (strncmp(heard, rows[i].says, strlen(rows[i].says)) != 0) fail_msg("%s", heard);
	}
	assert_int_equal(b->events[EVENT_connect], ROWS(rows));
	bench_free(b);
}

static void bad_header(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"EHLO c.example\r\n", "PROXY TCP5 a b 1 2\r\n", "PROXY TCP4 198.51.100.1\r\n",
	};
	struct bench *b = bench_new(proxy_conf, 32);
	for (size_t i = 0; i < ROWS(rows); i++) {
		int client = bench_connect(b, "10.9.9.9");
		bench_say(b, client, rows[i]);
		assert_string_equal(bench_heard(client), "");
		assert_true(bench_is_closed(client));
		assert_null(bench_session(b, client));
	}
	assert_int_equal(b->events[EVENT_refuse], ROWS(rows));
	assert_int_equal(b->events[EVENT_connect], 0);
	assert_int_equal(b->events[EVENT_disconnect], 0);
	bench_free(b);
}

static void time_is_short(void **state)
{
	(void)state;
	struct bench *b = bench_new(proxy_conf, 32);
	int silent = bench_connect(b, "10.9.9.9"), gone = bench_connect(b, "10.9.9.9");
	bench_vanish(gone);
	bench_turn(b);
	assert_int_equal(b->rx->session_count, 1);
	bench_wait(b, 4000);
	assert_false(bench_is_closed(silent));
	bench_wait(b, 3000);
	assert_true(bench_is_closed(silent));
	assert_int_equal(b->events[EVENT_refuse], 1);
	/* One that waits when the service stops. */
	(void)bench_connect(b, "10.9.9.9");
	bench_free(b);
}

static void rules_are_the_clients(void **state)
{
	(void)state;
	struct bench *b = bench_new(proxy_conf, 32);
	int client = bench_connect(b, "10.9.9.9");
	bench_say(b, client, "PROXY TCP4 198.51.100.66 192.0.2.1 4000 25\r\n");
	assert_memory_equal(bench_heard(client), "554 5.7.1", 9);
	assert_true(bench_is_closed(client));
	for (int i = 0; i < 3; i++) {
		client = bench_connect(b, "10.9.9.9");
		bench_say(b, client, "PROXY TCP4 198.51.100.1 192.0.2.1 4000 25\r\n");
		assert_memory_equal(bench_heard(client), i < 2 ? "220" : "421", 3);
	}
	client = bench_connect(b, "10.9.9.9");
	bench_say(b, client, "PROXY TCP4 198.51.100.2 192.0.2.1 4000 25\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	/* Whom a proxy names is not trusted as the proxy is. */
	bench_say(b, client, "EHLO c.example\r\nXCLIENT ADDR=198.51.100.9\r\n");
	const char *heard = bench_heard(client);
	assert_null(strstr(heard, "XCLIENT"));
	assert_non_null(strstr(heard, "550 5.7.0"));
	bench_free(b);
}

static void xclient(void **state)
{
	(void)state;
	struct bench *b = bench_new(proxy_conf, 32);
	int client = bench_connect(b, "10.8.8.8");
	(void)bench_heard(client);
	bench_say(b, client, "EHLO f.example\r\n");
	assert_non_null(strstr(bench_heard(client), "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT\r\n"));
	bench_say(b, client, "XCLIENT ADDR=198.51.100.5 NAME=far.example\r\n");
	assert_memory_equal(bench_heard(client), "220 mx.us.example", 17);
	struct session *s = bench_session(b, client);
	assert_true(ip_eq(s->client, bench_ip("198.51.100.5")));
	assert_string_equal(s->name, "far.example");
	assert_int_equal(s->client_name, CLIENT_NAME_VERIFIED);
	assert_int_equal(b->events[EVENT_connect], 2);
	bench_say(b, client, "XCLIENT NAME=[TEMPUNAVAIL] HELO=h.example PROTO=SMTP\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	s = bench_session(b, client);
	assert_int_equal(s->client_name, CLIENT_NAME_CANNOT_TELL);
	bench_say(b, client, "MAIL FROM:<a@c.example>\r\n");
	assert_memory_equal(bench_heard(client), "250", 3);
	assert_true(str_eq(s->smtp.helo, STR("h.example")) && !s->smtp.esmtp);
	bench_say(b, client, "RSET\r\n");
	(void)bench_heard(client);
	bench_say(b, client, "XCLIENT LOGIN=x\r\n");
	assert_memory_equal(bench_heard(client), "501", 3);
	bench_say(b, client, "XCLIENT ADDR=bad\r\n");
	assert_memory_equal(bench_heard(client), "501", 3);
	/* The listener's words may change; who is at the other end does not. */
	bench_reload(b, "hostname mx.us.example\nlistener in { address 0.0.0.0:25; xclient 10.8.8.8; "
			"xclient-login yes }\nhost 198.51.100.66 reject\n"
			"domain us.example { users any; deliver maildir /m/%d/%n }\n");
	bench_say(b, client, "XCLIENT LOGIN=x@us.example\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	assert_true(str_eq(bench_session(b, client)->user, STR("x@us.example")));
	assert_int_equal(b->events[EVENT_auth], 1);
	bench_say(b, client, "XCLIENT PORT=7\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	assert_int_equal(bench_session(b, client)->user.len, 0);
	bench_say(b, client, "XCLIENT ADDR=198.51.100.66\r\n");
	assert_memory_equal(bench_heard(client), "554 5.7.1", 9);
	assert_true(bench_is_closed(client));
	bench_free(b);
}

/* What the one before had is not the next one's. */
static void xclient_forgets(void **state)
{
	(void)state;
	struct bench *b = bench_new(
		"hostname mx.us.example\n"
		"listener in { address 0.0.0.0:25; xclient 10.8.8.8; xclient-login yes; vrfy authenticated }\n"
		"relay { from 10.8.8.8 }\nrate all { connections 2/1h }\n"
		"domain us.example { users any; deliver maildir /m/%d/%n }\n", 32);
	int client = bench_connect(b, "10.8.8.8");
	struct session *s = bench_session(b, client);
	s->certified = s->bound = true;
	s->unknown = 7;
	bench_say(b, client, "XCLIENT ADDR=198.51.100.5 NAME=far.example\r\n");
	s = bench_session(b, client);
	assert_false(s->certified || s->bound);
	assert_int_equal(s->unknown, 0);
	assert_null(s->relay_from);
	/* A long command comes in several: it is the same client, and is counted once. */
	for (int i = 0; i < 3; i++) {
		(void)bench_heard(client);
		bench_say(b, client, "XCLIENT LOGIN=x@us.example\r\nEHLO c.example\r\n");
		const char *heard = bench_heard(client);
		assert_memory_equal(heard, "220", 3);
		assert_non_null(strstr(heard, "250-VRFY\r\n"));
		assert_string_equal(bench_session(b, client)->name, "far.example");
	}
	bench_say(b, client, "XCLIENT PORT=9\r\nEHLO c.example\r\n");
	const char *heard = bench_heard(client);
	assert_memory_equal(heard, "220", 3);
	assert_null(strstr(heard, "250-VRFY\r\n"));
	/* Without an address it would be taken for the speaker, who may relay. */
	bench_say(b, client, "XCLIENT ADDR=[UNAVAILABLE]\r\n");
	assert_memory_equal(bench_heard(client), "501 5.5.4", 9);
	bench_say(b, client, "XCLIENT ADDR=198.51.100.5\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	bench_say(b, client, "XCLIENT ADDR=198.51.100.5\r\n");
	assert_memory_equal(bench_heard(client), "421", 3); /* the third of them */
	assert_true(bench_is_closed(client));
	bench_free(b);
}

/* Each client that a proxy names has a rate of its own, and the proxy none. */
static void rates_are_the_clients(void **state)
{
	(void)state;
	struct bench *b = bench_new(
		"hostname mx.us.example\nlistener in { address 0.0.0.0:25; proxy 10.9.9.9 }\n"
		"rate all { connections 1/1h }\n"
		"domain us.example { users any; deliver maildir /m/%d/%n }\n", 32);
	static const struct { const char *client, *says; } rows[] = {
		{ "198.51.100.1", "220" }, { "198.51.100.2", "220" }, { "198.51.100.1", "421" },
		{ "198.51.100.3", "220" },
	};
	for (size_t i = 0; i < ROWS(rows); i++) {
		char header[100];
		int client = bench_connect(b, "10.9.9.9");
		(void)snprintf(header, sizeof header, "PROXY TCP4 %s 192.0.2.1 4000 25\r\n", rows[i].client);
		bench_say(b, client, header);
		assert_memory_equal(bench_heard(client), rows[i].says, 3);
	}
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_the_client), cmocka_unit_test(bad_header),
		cmocka_unit_test(xclient_forgets), cmocka_unit_test(rates_are_the_clients),
		cmocka_unit_test(time_is_short),    cmocka_unit_test(rules_are_the_clients),
		cmocka_unit_test(xclient),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
