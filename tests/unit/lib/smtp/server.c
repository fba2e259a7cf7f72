/* SPDX-License-Identifier: Apache-2.0 */
/* What the dialog scripts can not see: events, the state that the caller reads, the
 * text of its answers, timeouts, shutdown, a full output buffer. */
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

static int set_up(void **state)
{
	(void)state;
	cfg = (struct smtp_server_settings){
		.hostname = STR("mx.us.example"),
		.banner = STR("IMS"),
		.version = STR("1"),
		.size_max = 1000,
		.recipients_max = 5,
		.errors_max = 20,
		.line_max = 2048,
	};
	buf_init_fixed(&out, text, sizeof text);
	smtp_server_init(&s, &cfg, STR("[192.0.2.1]"), &out);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	smtp_server_free(&s);
	return 0;
}

static void expect_out(const char *want)
{
	buf_byte(&out, '\0');
	assert_string_equal(text, want);
	buf_reset(&out);
}

static void expect(struct str *in, enum smtp_event_type want)
{
	assert_int_equal(smtp_server_next(&s, in).type, want);
}

static void answer(unsigned code, const char *enhanced, const char *reply)
{
	smtp_server_answer(&s, code, enhanced, str_of(reply));
}

/* Brings the machine behind one accepted recipient. */
static void to_rcpt(void)
{
	struct str in =
		STR("EHLO c.example\r\nMAIL FROM:<a@c.example> ENVID=x RET=HDRS\r\n"
		    "RCPT TO:<\"b\"@us.example> NOTIFY=DELAY ORCPT=rfc822;b\r\n");
	expect(&in, SMTP_EV_HELLO);
	expect(&in, SMTP_EV_MAIL);
	answer(0, NULL, "");
	expect(&in, SMTP_EV_RCPT);
	answer(0, NULL, "");
	expect(&in, SMTP_EV_NONE);
	buf_reset(&out);
}

static void greeting(void **state)
{
	(void)state;
	smtp_server_greet(&s);
	expect_out("220 mx.us.example ESMTP IMS 1\r\n");
	struct str in = STR("HELO me\r\n");
	expect(&in, SMTP_EV_HELLO);
	expect_out("250 mx.us.example greets [192.0.2.1]\r\n");
	assert_false(s.esmtp);
	assert_true(str_eq(s.helo, STR("me")));
}

static void refusing(void **state)
{
	(void)state;
	struct str in = STR("EHLO x\r\n");
	smtp_server_refuse(&s, 554, "5.7.1", STR("Go away"));
	expect(&in, SMTP_EV_CLOSE);
	expect(&in, SMTP_EV_NONE);
	assert_int_equal(in.len, 0);
	expect_out("554 5.7.1 Go away\r\n");
}

static void facts(void **state)
{
	(void)state;
	to_rcpt();
	assert_true(s.esmtp && s.in_transaction && s.rcpt_accepted == 1 &&
		    s.messages == 1);
	assert_true(str_eq(s.helo, STR("c.example")));
	assert_true(str_eq(s.mail.path.whole, STR("a@c.example")));
	assert_true(str_eq(s.mail.path.domain, STR("c.example")));
	assert_true(str_eq(s.mail.params.envid, STR("x")) &&
		    s.mail.params.ret == SMTP_RET_HDRS);
	assert_true(str_eq(s.rcpt.path.local, STR("\"b\"")) && s.rcpt.path.quoted);
	assert_true(s.rcpt.params.notify == SMTP_NOTIFY_DELAY);
	assert_true(str_eq(s.rcpt.params.orcpt, STR("rfc822;b")));
}

/* The strings of an accepted recipient stay; those of a refused one make room. */
static void recipient_memory(void **state)
{
	(void)state;
	to_rcpt();
	struct smtp_path first = s.rcpt.path;
	struct str in = STR("RCPT TO:<unknown1@us.example>\r\n");
	expect(&in, SMTP_EV_RCPT);
	answer(550, "5.1.1", "no");
	size_t used = s.arena.used;
	for (int i = 0; i < 1000; i++) {
		in = STR("RCPT TO:<unknown2@us.example>\r\n");
		expect(&in, SMTP_EV_RCPT);
		answer(550, "5.1.1", "no");
		buf_reset(&out);
	}
	assert_int_equal(s.arena.used, used);
	assert_true(str_eq(first.whole, STR("\"b\"@us.example")));
	assert_int_equal(s.rcpt_refused, 1001);
}

static void waiting(void **state)
{
	(void)state;
	struct str in = STR("EHLO c\r\nMAIL FROM:<>\r\nNOOP\r\n");
	expect(&in, SMTP_EV_HELLO);
	expect(&in, SMTP_EV_MAIL);
	assert_true(s.mail.path.is_null);
	size_t left = in.len;
	expect(&in, SMTP_EV_WAIT);
	expect(&in, SMTP_EV_WAIT);
	assert_int_equal(in.len, left);
	buf_reset(&out);
	answer(250, "2.1.0", "fine");
	expect(&in, SMTP_EV_NONE);
	expect_out("250 2.1.0 fine\r\n250 2.0.0 OK\r\n");
}

/* Text of the caller's is made harmless, wrapped and cut. */
static void answer_text(void **state)
{
	(void)state;
	struct str in = STR("EHLO c\r\nMAIL FROM:<>\r\n");
	char long_text[3000];
	expect(&in, SMTP_EV_HELLO);
	expect(&in, SMTP_EV_MAIL);
	buf_reset(&out);
	smtp_server_answer(&s, 550, "5.7.1", STR("a\r\n250 b\t\0\xc3\x7f%s%n"));
	expect_out("550 5.7.1 a??250 b????%s%n\r\n");
	in = STR("MAIL FROM:<>\r\n");
	expect(&in, SMTP_EV_MAIL);
	memset(long_text, 'x', sizeof long_text);
	for (size_t i = 90; i < sizeof long_text; i += 91) long_text[i] = ' ';
	smtp_server_answer(&s, 450, NULL, (struct str){ long_text, sizeof long_text });
	struct str left = buf_view(&out);
	size_t lines = 0;
	for (; left.len; lines++) {
		struct str line = str_cut(&left, '\n');
		assert_true(line.len < 512);
		assert_true(str_starts(line, left.len ? STR("450-x") : STR("450 x")));
		assert_true(str_ends_nocase(line, STR("x\r")));
	}
	assert_int_equal(lines, 5);
}

static void events_of_reset(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("EHLO d.example\r\n");
	struct smtp_event ev = smtp_server_next(&s, &in);
	assert_int_equal(ev.type, SMTP_EV_ABORT);
	assert_int_equal(ev.code, 250);
	/* Still there, until the next call. */
	assert_true(str_eq(s.mail.path.whole, STR("a@c.example")));
	expect(&in, SMTP_EV_HELLO);
	assert_int_equal(s.mail.path.whole.len, 0);
	expect(&in, SMTP_EV_NONE);
	in = STR("RSET\r\n");
	expect(&in, SMTP_EV_NONE); /* nothing was open */
}

static void events_of_refused_text(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("DATA\r\na\nb\r\n.\r\n");
	expect(&in, SMTP_EV_DATA);
	answer(0, NULL, "");
	expect(&in, SMTP_EV_BODY);
	struct smtp_event ev = smtp_server_next(&s, &in);
	assert_int_equal(ev.type, SMTP_EV_ABORT);
	assert_int_equal(ev.code, 550);
	expect(&in, SMTP_EV_NONE);
	expect_out("354 Send the message, then a line with a dot\r\n550 5.5.2 A line "
		   "of the message ends in LF without CR (RFC 5321 2.3.8)\r\n");
}

/* A success that is not 354 still means that the text may come. */
static void data_answered_250(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("DATA\r\n.\r\n");
	expect(&in, SMTP_EV_DATA);
	answer(250, "2.0.0", "go");
	expect(&in, SMTP_EV_END);
	answer(0, NULL, "");
	expect_out("354 go\r\n250 2.0.0 Message accepted\r\n");
}

static void bdat_refused(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("BDAT 4\r\nab");
	expect(&in, SMTP_EV_DATA);
	answer(452, "4.3.1", "full");
	expect(&in, SMTP_EV_NONE);
	assert_int_equal(out.len, 0); /* RFC 3030 2: the chunk first */
	in = STR("cd");
	expect(&in, SMTP_EV_ABORT);
	expect_out("452 4.3.1 full\r\n");
}

static void bdat_refused_with_421(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("BDAT 4\r\nabcdNOOP\r\n");
	expect(&in, SMTP_EV_DATA);
	answer(421, NULL, "bye");
	expect(&in, SMTP_EV_ABORT);
	expect(&in, SMTP_EV_CLOSE);
	expect_out("421 bye\r\n");
}

static void timeouts(void **state)
{
	(void)state;
	static const struct smtp_server_timeouts limits = { .command_s = 300,
							    .data_s = 180 };
	struct str in = STR("DATA\r\n");
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 300);
	to_rcpt();
	expect(&in, SMTP_EV_DATA);
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 0);
	answer(0, NULL, "");
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 180);
	buf_reset(&out);
	smtp_server_timeout(&s);
	smtp_server_timeout(&s);
	assert_int_equal(smtp_server_timeout_s(&s, &limits), 0);
	expect(&in, SMTP_EV_ABORT);
	expect(&in, SMTP_EV_CLOSE);
	expect_out("421 4.4.2 Nothing came for too long, closing\r\n");
}

/* The caller's answer was on its way when the time was over. */
static void late_answer(void **state)
{
	(void)state;
	struct str in = STR("EHLO c\r\nMAIL FROM:<>\r\n");
	expect(&in, SMTP_EV_HELLO);
	expect(&in, SMTP_EV_MAIL);
	smtp_server_timeout(&s);
	size_t len = out.len;
	answer(0, NULL, "");
	assert_int_equal(out.len, len);
	expect(&in, SMTP_EV_CLOSE); /* MAIL was never answered: nothing to abort */
}

static void shutdown_idle(void **state)
{
	(void)state;
	struct str in = STR("NOOP\r\n");
	smtp_server_shutdown(&s);
	expect_out("421 4.3.2 The service is shutting down, try again later\r\n");
	expect(&in, SMTP_EV_CLOSE);
}

static void shutdown_in_transaction(void **state)
{
	(void)state;
	to_rcpt();
	struct str in = STR("DATA\r\nx\r\n.\r\nMAIL FROM:<>\r\n");
	smtp_server_shutdown(&s);
	expect(&in, SMTP_EV_DATA);
	answer(0, NULL, "");
	expect(&in, SMTP_EV_BODY);
	expect(&in, SMTP_EV_END);
	buf_reset(&out);
	answer(250, "2.0.0", "queued");
	expect(&in, SMTP_EV_CLOSE);
	expect_out("250 2.0.0 queued\r\n421 4.3.2 The service is shutting down, try "
		   "again later\r\n");
}

/* Silence between two commands ends it; what is still on its way is heard. */
static void shutdown_in_silence(void **state)
{
	static const struct { const char *before, *in; bool closed; } rows[] = {
		{ "", "", true },                                /* RCPT was the last */
		{ "", "RCPT T", false },                         /* the end of the line is to come */
		{ "", "RCPT TO:<x@us.example>\r\n", false },
		{ "BDAT 3\r\nx\r\n", "", false },               /* text is here */
		{ "BDAT 9\r\nx\r\n", "", false },
		{ "RSET\r\n", "", true },
		{ "RSET\r\nMAIL FROM:<>\r\n", "", true },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		to_rcpt();
		struct str before = str_of(rows[i].before), in = str_of(rows[i].in);
		for (struct smtp_event ev; ev = smtp_server_next(&s, &before), ev.type != SMTP_EV_NONE;)
			if (ev.type == SMTP_EV_DATA || ev.type == SMTP_EV_MAIL) answer(0, NULL, "");
		buf_reset(&out);
		smtp_server_shutdown(&s);
		struct smtp_event ev = smtp_server_next(&s, &in);
		bool closed = memmem(out.at, out.len, "421 4.3.2 ", 10) != NULL;
		if (closed != rows[i].closed) fail_msg("row %zu: event %d", i, (int)ev.type);
		if (!closed) smtp_server_timeout(&s);
		assert_non_null(memmem(out.at, out.len, "421 4.3.2 ", 10));
		assert_null(memmem(out.at, out.len, "4.4.2", 5));
		assert_int_equal(tear_down(NULL) | set_up(NULL), 0);
	}
}

/* A client that sends without reading is not served until it reads. */
static void full_output(void **state)
{
	(void)state;
	char lines[6 * 2000];
	for (size_t i = 0; i < 2000; i++) memcpy(lines + 6 * i, "NOOP\r\n", 6);
	struct str in = { lines, sizeof lines };
	size_t rounds = 0, replies = 0;
	for (enum smtp_event_type type = SMTP_EV_FULL; type == SMTP_EV_FULL; rounds++) {
		type = smtp_server_next(&s, &in).type;
		assert_false(out.overflowed);
		replies += out.len / strlen("250 2.0.0 OK\r\n");
		buf_reset(&out);
	}
	assert_int_equal(in.len, 0);
	assert_int_equal(replies, 2000);
	assert_true(rounds > 3);
}

static void ahead(void **state)
{
	(void)state;
	struct str in = STR("EHLO c\r\n");
	expect(&in, SMTP_EV_HELLO);
	assert_false(s.unsynchronised);
	in = STR("NOOP\r\nNOOP\r\n");
	expect(&in, SMTP_EV_NONE);
	assert_true(s.unsynchronised);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(greeting),
		TEST(refusing),
		TEST(facts),
		TEST(recipient_memory),
		TEST(waiting),
		TEST(answer_text),
		TEST(events_of_reset),
		TEST(events_of_refused_text),
		TEST(data_answered_250),
		TEST(bdat_refused),
		TEST(bdat_refused_with_421),
		TEST(timeouts),
		TEST(late_answer),
		TEST(shutdown_idle),
		TEST(shutdown_in_transaction),
		TEST(shutdown_in_silence),
		TEST(full_output),
		TEST(ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
