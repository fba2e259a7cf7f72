/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialog scripts can not see of AUTH: events, what the caller reads, that the
 * response is wiped, timeouts and shutdown in the middle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp/server.h"

static struct smtp_server_settings cfg;
static struct smtp_server s;
static struct buf out;
static char text[SMTP_REPLY_ROOM * 2];

static void expect(struct str *in, enum smtp_event_type want)
{
	assert_int_equal(smtp_server_next(&s, in).type, want);
}

static void expect_out(const char *want)
{
	buf_byte(&out, '\0');
	assert_string_equal(text, want);
	buf_reset(&out);
}

static int set_up(void **state)
{
	struct str in = STR("EHLO c\r\n");
	(void)state;
	cfg = (struct smtp_server_settings){
		.hostname = STR("mx.us.example"), .size_max = 1000, .recipients_max = 1,
		.errors_max = 20, .line_max = 512,
	};
	buf_init_fixed(&out, text, sizeof text);
	smtp_server_init(&s, &cfg, STR("[192.0.2.1]"), &out);
	s.auth.offer = STR("SCRAM-SHA-256 PLAIN LOGIN");
	expect(&in, SMTP_EV_HELLO);
	expect(&in, SMTP_EV_NONE);
	assert_non_null(memmem(out.at, out.len, "\r\n250-AUTH SCRAM-SHA-256 PLAIN LOGIN\r\n", 38));
	buf_reset(&out);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	smtp_server_free(&s);
	return 0;
}

static void to_auth(const char *line)
{
	struct str in = str_of(line);
	expect(&in, SMTP_EV_AUTH);
	assert_int_equal(in.len, 0);
}

static void tells_the_caller(void **state)
{
	(void)state;
	to_auth("AUTH plain AGFubgBzZWNyZXQ=\r\n");
	assert_true(str_eq(s.auth.mechanism, STR("PLAIN")) && s.auth.begins);
	assert_true(str_eq(s.auth.response, STR("\0ann\0secret")));
	struct str in = STR("NOOP\r\n");
	expect(&in, SMTP_EV_WAIT);
	const char *memory = s.auth.response.at;
	smtp_server_answer(&s, 535, "5.7.8", STR("No"));
	/* Nothing is given back before the next call: here the memory is still ours. */
	for (size_t i = 0; i < 11; i++) assert_int_equal(memory[i], 0);
	assert_int_equal(s.auth.response.len, 0);
	assert_false(s.authenticated);
	expect(&in, SMTP_EV_NONE);
	expect_out("535 5.7.8 No\r\n250 2.0.0 OK\r\n");
	to_auth("AUTH PLAIN =\r\n");
	assert_true(s.auth.begins && s.auth.response.len == 0);
	smtp_server_answer(&s, 0, NULL, STR(""));
	assert_true(s.authenticated);
	expect_out("235 2.7.0 You are logged in\r\n");
}

static void goes_on(void **state)
{
	(void)state;
	to_auth("AUTH SCRAM-SHA-256 bg==\r\n");
	const char *memory = s.auth.response.at;
	smtp_server_challenge(&s, STR("r\xff"));
	assert_int_equal(memory[0], 0);
	expect_out("334 cv8=\r\n");
	assert_int_equal(smtp_server_line_max(&s), SMTP_AUTH_LINE_MAX);
	to_auth("Yw==\r\n");
	assert_true(!s.auth.begins && str_eq(s.auth.response, STR("c")));
	smtp_server_challenge(&s, STR(""));
	expect_out("334 \r\n");
	to_auth("\r\n");
	assert_int_equal(s.auth.response.len, 0);
	smtp_server_answer(&s, 0, NULL, STR(""));
	expect_out("235 2.7.0 You are logged in\r\n");
	assert_int_equal(smtp_server_line_max(&s), 512);
	struct str in = STR("EHLO c\r\n");
	expect(&in, SMTP_EV_HELLO);
	assert_true(s.authenticated); /* RFC 4954 4: it stays */
}

/* RFC 4954 4: a token comes with its command, which is longer than others may be then. */
static void long_initial_response(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct buf whole;
		buf_init(&whole, 2 * SMTP_AUTH_LINE_MAX);
		buf_str(&whole, STR("auth PLAIN "));
		while (whole.len < SMTP_AUTH_LINE_MAX - 2 - 3) buf_str(&whole, STR("QUFB"));
		while (whole.len > SMTP_AUTH_LINE_MAX - 2) whole.len -= 4;
		if (more) buf_str(&whole, STR("QUFBQUFBQUFB"));
		buf_str(&whole, STR("\r\n"));
		struct str in = buf_view(&whole);
		if (more) {
			expect(&in, SMTP_EV_NONE);
			expect_out("500 5.5.2 The command line is too long\r\n");
		} else {
			expect(&in, SMTP_EV_AUTH);
			assert_int_equal(s.auth.response.len, (whole.len - 13) / 4 * 3);
			smtp_server_answer(&s, 535, "5.7.8", STR("No"));
			expect_out("535 5.7.8 No\r\n");
		}
		buf_free(&whole);
	}
	/* Other commands are not, and neither is AUTH where it is not offered. */
	static char line[700];
	memset(line, 'A', sizeof line);
	memcpy(line, "NOOP ", 5);
	for (size_t i = 0; i < 2; i++) {
		memcpy(line + sizeof line - 2, "\r\n", 2);
		struct str in = { line, sizeof line };
		expect(&in, SMTP_EV_NONE);
		expect_out("500 5.5.2 The command line is too long\r\n");
		memcpy(line, "AUTH ", 5);
		s.auth.offer = STR("");
	}
}

static void login_is_plain(void **state)
{
	struct str in = STR("AUTH LOGIN\r\nYW5u\r\n");
	(void)state;
	expect(&in, SMTP_EV_NONE);
	expect_out("334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n");
	to_auth("c2VjcmV0\r\n");
	assert_true(str_eq(s.auth.mechanism, STR("LOGIN")));
	assert_true(str_eq(s.auth.response, STR("\0ann\0secret")) && s.auth.begins);
	smtp_server_answer(&s, 454, "4.7.0", STR("Later"));
	expect_out("454 4.7.0 Later\r\n");
}

/* Only an exchange that the caller knows of ends with an event. */
static void broken_off(void **state)
{
	struct str in = STR("AUTH LOGIN\r\n*\r\nAUTH PLAIN\r\n?\r\n");
	(void)state;
	expect(&in, SMTP_EV_NONE);
	buf_reset(&out);
	to_auth("AUTH SCRAM-SHA-256 bg==\r\n");
	smtp_server_challenge(&s, STR("r"));
	in = STR("*\r\nNOOP\r\n");
	expect(&in, SMTP_EV_AUTH_END);
	expect(&in, SMTP_EV_NONE);
	expect_out("334 cg==\r\n501 5.0.0 The login was broken off, as you wish\r\n"
		   "250 2.0.0 OK\r\n");
}

static const struct smtp_server_timeouts limits = { 300, 600 };

static void timeouts(void **state)
{
	struct str in = STR("");
	(void)state;
	to_auth("AUTH SCRAM-SHA-256 bg==\r\n");
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 0); /* the caller's turn */
	smtp_server_challenge(&s, STR("r"));
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 300);
	buf_reset(&out);
	smtp_server_timeout(&s);
	expect(&in, SMTP_EV_AUTH_END);
	expect(&in, SMTP_EV_CLOSE);
	expect_out("421 4.4.2 Nothing came for too long, closing\r\n");
}

static void timeout_while_it_is_judged(void **state)
{
	struct str in = STR("");
	(void)state;
	to_auth("AUTH PLAIN =\r\n");
	smtp_server_timeout(&s);
	smtp_server_answer(&s, 0, NULL, STR("")); /* was on its way */
	assert_false(s.authenticated);
	expect(&in, SMTP_EV_AUTH_END);
	expect(&in, SMTP_EV_CLOSE);
	expect_out("421 4.4.2 Nothing came for too long, closing\r\n");
	smtp_server_challenge(&s, STR("x"));
	expect_out("");
}

static void shutdown(void **state)
{
	struct str in = STR("");
	(void)state;
	to_auth("AUTH SCRAM-SHA-256 bg==\r\n");
	smtp_server_shutdown(&s);
	expect_out("");
	smtp_server_challenge(&s, STR("r"));
	expect(&in, SMTP_EV_AUTH_END);
	expect(&in, SMTP_EV_CLOSE);
	expect_out("334 cg==\r\n421 4.3.2 The service is shutting down, try again later\r\n");
}

/* The longest line is taken, even where one recipient is all that has room. */
static void longest(void **state)
{
	static char line[SMTP_AUTH_LINE_MAX + 1];
	(void)state;
	memset(line, 'A', sizeof line);
	memcpy(line + SMTP_AUTH_LINE_MAX - 2, "\r\n", 2);
	for (int i = 0; i < 3; i++) {
		struct str in = STR("AUTH PLAIN\r\n");
		expect(&in, SMTP_EV_NONE);
		in = (struct str){ line, 4 };
		expect(&in, SMTP_EV_NONE);
		in = (struct str){ line, SMTP_AUTH_LINE_MAX - 2 - (SMTP_AUTH_LINE_MAX - 2) % 4 };
		expect(&in, SMTP_EV_NONE); /* no end yet */
		in = (struct str){ line + (SMTP_AUTH_LINE_MAX - 2) % 4,
				   SMTP_AUTH_LINE_MAX - (SMTP_AUTH_LINE_MAX - 2) % 4 };
		expect(&in, SMTP_EV_AUTH);
		assert_int_equal(s.auth.response.len, (SMTP_AUTH_LINE_MAX - 2) / 4 * 3);
		smtp_server_answer(&s, 535, "5.7.8", STR("No"));
		buf_reset(&out);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(tells_the_caller), TEST(goes_on),  TEST(login_is_plain), TEST(long_initial_response),
		TEST(broken_off),       TEST(timeouts), TEST(timeout_while_it_is_judged),
		TEST(shutdown),         TEST(longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
