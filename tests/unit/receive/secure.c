/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of the role receive: certificates from master, handshakes that end well or not. */
#include "bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/memfile.h"
#include "pem.h"

static struct pem one, other;

static const char offer_conf[] =
	"hostname mx.us.example\n"
	"listener in { address 0.0.0.0:25; tls %s; certificate /c }\n"
	"limit { command-timeout 20s; data-timeout 60s; recipients 100; connections { in 3000; per-host 3000 } }\n"
	"domain us.example { users any; deliver maildir /m/%%d/%%n }\n";

static int make_all(void **state)
{
	(void)state;
	(void)signal(SIGPIPE, SIG_IGN); /* as the frame does */
	pem_make(&one, "DNS:one.example", PEM_EC, 30);
	pem_make(&other, "DNS:other.example", PEM_EC, 30);
	return 0;
}

static struct bench *bench_tls(const char *words)
{
	char text[1024];
	(void)snprintf(text, sizeof text, offer_conf, words);
	return bench_new(text, 64);
}

static void give(struct bench *b, const char *name, const struct pem *pem)
{
	struct buf pairs;
	buf_init(&pairs, TLS_PAIRS_MAX);
	pem_put(&pairs, pem);
	bench_certificates(b, name, TLS_MODERN, memfile_write("t", buf_view(&pairs)));
	buf_free(&pairs);
}

static SSL *shake(struct bench *b, int client)
{
	SSL *ssl = pem_client(client, NULL, TLS1_2_VERSION, TLS1_3_VERSION);
	for (int i = 0; i < 10 && SSL_do_handshake(ssl) != 1; i++) bench_turn(b);
	assert_true(SSL_is_init_finished(ssl));
	bench_turn(b);
	return ssl;
}

static const char *say(struct bench *b, SSL *ssl, const char *text)
{
	static char heard[8192];
	size_t len = 0;
	assert_int_equal(SSL_write(ssl, text, (int)strlen(text)), (int)strlen(text));
	bench_turn(b);
	for (int n; len < sizeof heard - 1; len += (size_t)n) {
		n = SSL_read(ssl, heard + len, (int)(sizeof heard - 1 - len));
		if (n <= 0) break;
	}
	heard[len] = '\0';
	return heard;
}

static void starttls(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	int client = bench_connect(b, "192.0.2.1");
	(void)bench_heard(client);
	/* no certificate yet: 454, and the session goes on */
	bench_say(b, client, "STARTTLS\r\n");
	assert_memory_equal(bench_heard(client), "454 4.7.0", 9);
	assert_int_equal(b->events[EVENT_refuse], 1);
	give(b, "in", &one);
	bench_say(b, client, "STARTTLS\r\n");
	assert_string_equal(bench_heard(client), "220 2.0.0 Ready to start TLS\r\n");
	assert_int_equal(b->rx->handshakes, 1);
	SSL *ssl = shake(b, client);
	assert_int_equal(b->rx->handshakes, 0);
	assert_string_equal(pem_peer_name(ssl), "one.example");
	assert_memory_equal(say(b, ssl, "MAIL FROM:<a@c.example>\r\n"), "503", 3);
	assert_null(strstr(say(b, ssl, "EHLO c.example\r\n"), "STARTTLS"));
	(void)say(b, ssl, "MAIL FROM:<a@c.example>\r\nRCPT TO:<x@us.example>\r\n");
	assert_memory_equal(say(b, ssl, "DATA\r\n"), "354", 3);
	(void)say(b, ssl, "Subject: x\r\n\r\nx\r\n.\r\n");
	uint64_t handle = bench_commit();
	/* another certificate meanwhile is no matter */
	give(b, "in", &other);
	bench_committed(b, handle);
	assert_memory_equal(say(b, ssl, "NOOP\r\n"), "250", 3);
	assert_memory_equal(say(b, ssl, "QUIT\r\n"), "221", 3);
	assert_null(bench_session(b, client));
	SSL_free(ssl);
	/* and is for who comes next */
	client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	ssl = shake(b, client);
	assert_string_equal(pem_peer_name(ssl), "other.example");
	SSL_free(ssl);
	bench_free(b);
}

/* A login in the clear is forgotten when TLS begins; then there is a binding to offer. */
static void login_and_tls(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer; auth offer");
	struct str payload;
	struct msg_auth_begin m;
	give(b, "in", &one);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "EHLO c.example\r\n");
	assert_null(strstr(bench_heard(client), "AUTH"));
	bench_say(b, client, "AUTH PLAIN =\r\n");
	assert_memory_equal(bench_heard(client), "538 5.7.11", 10);
	struct session *s = bench_session(b, client);
	s->smtp.auth.offer = STR("PLAIN"); /* as a host rule could have it */
	bench_say(b, client, "AUTH PLAIN AGFubgBw\r\n");
	assert_true(bench_sent(MSG_auth_begin, &payload) && msg_auth_begin_get(payload, &m));
	assert_true(m.tls == 0 && m.binding.len == 0);
	struct buf record;
	buf_init(&record, 1024);
	msg_auth_reply_put(&record, &(struct msg_auth_reply){
		.query = m.query, .result = 1, .user = STR("ann"), .challenge = STR(""),
		.reason = STR("") });
	bench_message(b, b->directory, MSG_auth_reply, &record);
	assert_memory_equal(bench_heard(client), "235", 3);
	assert_true(str_eq(s->user, STR("ann")) && s->smtp.authenticated);
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	SSL *ssl = shake(b, client);
	assert_true(s->user.len == 0 && !s->smtp.authenticated && s->bound);
	assert_non_null(strstr(say(b, ssl, "EHLO c.example\r\n"), "250-AUTH SCRAM-SHA-256-PLUS "));
	(void)say(b, ssl, "AUTH PLAIN AGFubgBw\r\n");
	assert_true(bench_sent(MSG_auth_begin, &payload) && msg_auth_begin_get(payload, &m));
	assert_true(m.tls == 1 && m.binding.len == sizeof s->binding);
	assert_memory_equal(m.binding.at, s->binding, sizeof s->binding);
	SSL_free(ssl);
	bench_free(b);
}

static void implicit(void **state)
{
	(void)state;
	struct bench *b = bench_tls("implicit");
	int client = bench_connect(b, "192.0.2.1");
	/* nothing that it could understand, and no session */
	assert_string_equal(bench_heard(client), "");
	assert_true(bench_is_closed(client));
	assert_int_equal(b->events[EVENT_refuse], 1);
	give(b, "in", &one);
	client = bench_connect(b, "192.0.2.1");
	assert_string_equal(bench_heard(client), "");
	assert_int_equal(b->events[EVENT_connect], 0);
	SSL *ssl = shake(b, client);
	assert_int_equal(b->events[EVENT_connect], 1);
	assert_memory_equal(say(b, ssl, "NOOP\r\n"), "220", 3);
	bench_vanish(client);
	bench_turn(b);
	assert_int_equal(b->events[EVENT_disconnect], 1);
	SSL_free(ssl);
	bench_free(b);
}

static void injection(void **state)
{
	(void)state;
	static const char *const behind[] = { "NOOP\r\n", "X", "MAIL FROM:<a@c.example>\r\nRSET\r\n" };
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	for (size_t i = 0; i < ROWS(behind); i++) {
		char text[128];
		int client = bench_connect(b, "192.0.2.1");
		(void)bench_heard(client);
		(void)snprintf(text, sizeof text, "STARTTLS\r\n%s", behind[i]);
		bench_say(b, client, text);
		assert_string_equal(bench_heard(client), "220 2.0.0 Ready to start TLS\r\n");
		assert_true(bench_is_closed(client));
		assert_int_equal(b->events[EVENT_tls_fail], i + 1);
		assert_int_equal(b->rx->handshakes, 0);
	}
	bench_free(b);
}

static void ends_in_handshake(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	/* garbage: the alert arrives, then the end */
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	(void)bench_push(client, STR("\x16\x03\x01\x00\x04" "AAAA"));
	bench_turn(b);
	assert_int_equal(bench_heard(client)[0], '\x15');
	assert_true(bench_is_closed(client));
	assert_int_equal(b->rx->handshakes, 0);
	/* the client goes */
	client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	bench_vanish(client);
	bench_turn(b);
	assert_int_equal(b->events[EVENT_tls_fail], 2);
	/* it drips: no byte buys time */
	client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	for (int i = 0; i < 29; i++) {
		assert_non_null(bench_session(b, client));
		(void)bench_push(client, i == 0   ? STR("\x16")
		                         : i == 1 ? STR("\x03")
		                         : i == 2 ? STR("\x01")
		                         : i == 3 ? STR("\x01")
		                                  : STR("\x01"));
		bench_wait(b, 1000);
	}
	bench_wait(b, 3000);
	assert_null(bench_session(b, client));
	assert_int_equal(b->events[EVENT_tls_fail], 3);
	assert_int_equal(b->rx->handshakes, 0);
	bench_free(b);
}

static void after_the_handshake(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	SSL *ssl = shake(b, client);
	(void)bench_push(client, STR("QUIT\r\n")); /* in the clear */
	bench_turn(b);
	assert_int_equal(b->events[EVENT_tls_fail], 1);
	SSL_free(ssl);
	bench_free(b);
}

static void few_are_told(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	for (int i = 0; i < RECEIVE_TLS_FAILS_MAX + 10; i++) {
		int client = bench_connect(b, "192.0.2.1");
		bench_say(b, client, "STARTTLS\r\nX");
		bench_vanish(client);
		bench_turn(b);
	}
	assert_int_equal(b->events[EVENT_tls_fail], RECEIVE_TLS_FAILS_MAX);
	assert_int_equal(b->rx->tls_fails.untold, 10);
	bench_wait(b, 61 * 1000);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\nX");
	assert_int_equal(b->events[EVENT_tls_fail], RECEIVE_TLS_FAILS_MAX + 1);
	assert_int_equal(b->rx->tls_fails.untold, 0);
	bench_free(b);
}

/* One more than may shake hands at one time gets 454, and may try again. */
static void handshakes_are_bounded(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	b->rx->handshakes = RECEIVE_HANDSHAKES_MAX;
	int client = bench_connect(b, "192.0.2.1");
	(void)bench_heard(client);
	bench_say(b, client, "STARTTLS\r\n");
	assert_memory_equal(bench_heard(client), "454 4.7.0", 9);
	b->rx->handshakes = 0;
	bench_say(b, client, "STARTTLS\r\n");
	assert_memory_equal(bench_heard(client), "220", 3);
	assert_int_equal(b->rx->handshakes, 1);
	/* at the end of the service nobody waits for a handshake */
	bench_free(b);
}

/* Nor while a proxy had not yet said for whom it speaks: others have begun meanwhile. */
static void handshakes_are_bounded_behind_a_proxy(void **state)
{
	(void)state;
	struct bench *b = bench_tls("implicit; proxy 10.9.9.9");
	give(b, "in", &one);
	int late = bench_connect(b, "10.9.9.9"), good = bench_connect(b, "10.9.9.9");
	b->rx->handshakes = RECEIVE_HANDSHAKES_MAX;
	bench_say(b, late, "PROXY TCP4 198.51.100.1 192.0.2.1 4000 25\r\n");
	assert_string_equal(bench_heard(late), "");
	assert_true(bench_is_closed(late));
	assert_int_equal(b->rx->handshakes, RECEIVE_HANDSHAKES_MAX);
	assert_int_equal(b->events[EVENT_refuse], 1);
	b->rx->handshakes = 0;
	bench_say(b, good, "PROXY TCP4 198.51.100.1 192.0.2.1 4000 25\r\n");
	assert_int_equal(b->rx->handshakes, 1);
	bench_free(b);
}

static void bad_from_master(void **state)
{
	(void)state;
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	bench_certificates(b, "in", TLS_LEGACY + 1, memfile_write("t", STR("x")));
	bench_certificates(b, "in", TLS_MODERN, memfile_write("t", STR("x")));
	bench_certificates(b, "in", TLS_MODERN, memfile_write("t", STR("")));
	assert_int_equal(b->events[EVENT_certificate_error], 3);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	SSL_free(shake(b, client)); /* what was there is there */
	bench_free(b);
}

static void reload(void **state)
{
	(void)state;
	static const char off[] =
		"hostname mx.us.example\nlistener in { address 0.0.0.0:25 }\n"
		"domain us.example { users any; deliver maildir /m/%d/%n }\n";
	struct bench *b = bench_tls("offer");
	give(b, "in", &one);
	int client = bench_connect(b, "192.0.2.1");
	bench_say(b, client, "STARTTLS\r\n");
	(void)bench_heard(client);
	SSL *ssl = shake(b, client);
	int clear = bench_connect(b, "192.0.2.1");
	bench_say(b, clear, "EHLO c.example\r\n");
	assert_non_null(strstr(bench_heard(clear), "STARTTLS"));
	bench_reload(b, off);
	assert_int_equal(b->rx->certificates_count, 0);
	/* what is encrypted stays so; what is not is told the new words */
	assert_memory_equal(say(b, ssl, "NOOP\r\n"), "250", 3);
	bench_say(b, clear, "EHLO c.example\r\n");
	assert_null(strstr(bench_heard(clear), "STARTTLS"));
	bench_say(b, clear, "STARTTLS\r\n");
	assert_memory_equal(bench_heard(clear), "502", 3);
	SSL_free(ssl);
	bench_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starttls),
		cmocka_unit_test(login_and_tls),
		cmocka_unit_test(implicit),
		cmocka_unit_test(injection),
		cmocka_unit_test(ends_in_handshake),
		cmocka_unit_test(after_the_handshake),
		cmocka_unit_test(few_are_told),
		cmocka_unit_test(handshakes_are_bounded),
		cmocka_unit_test(handshakes_are_bounded_behind_a_proxy),
		cmocka_unit_test(bad_from_master),
		cmocka_unit_test(reload),
	};
	return cmocka_run_group_tests(tests, make_all, NULL);
}
