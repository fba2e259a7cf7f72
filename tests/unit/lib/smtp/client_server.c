/* SPDX-License-Identifier: Apache-2.0 */
/* Our client speaks to our server, both in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "session.h"
#include "talk.h"

static const struct smtp_server_settings defaults = {
	.hostname = STR_INIT("mx.example.com"), .banner = STR_INIT("IMS"),
	.size_max = 1000 * 1000, .recipients_max = 1000, .errors_max = SMTP_ERRORS_MAX,
	.line_max = SMTP_LINE_MAX,
};

static struct talk talk;
static struct session session;

/* Carries octets both ways until nobody has any; at most `segment` at a time. */
static void carry(size_t segment)
{
	size_t max = segment ? segment : SIZE_MAX;
	while (talk.sent.len || session.out.len) {
		size_t len = talk.sent.len < max ? talk.sent.len : max;
		session_feed(&session, str_sub(buf_view(&talk.sent), 0, len));
		buf_consume(&talk.sent, len);
		len = session.out.len < max ? session.out.len : max;
		talk_feed(&talk, str_sub(buf_view(&session.out), 0, len));
		buf_consume(&session.out, len);
		if (talk.broken || session.broken)
			fail_msg("%s", talk.broken ? talk.broken : session.broken);
	}
}

static void begin(const struct smtp_server_settings *cfg, uint32_t rcpts, struct str text)
{
	session_init(&session, cfg);
	talk_init(&talk, rcpts, text);
	talk.mails = 2000;
	talk.piece = 700;
}

static void end(void)
{
	session_free(&session);
	talk_free(&talk);
}

static void all_are(enum smtp_rcpt_state state)
{
	for (uint32_t i = 0; i < talk.mail.rcpt_count; i++)
		assert_int_equal(talk.rcpts[i].outcome.state, state);
}

/* Texts in which dots and newlines stand where they matter. */
static void make_text(struct buf *text, size_t lines)
{
	static const char *const some[] = { ".\r\n",   "..\r\n", "\r\n",
					    "a.b\r\n", ".x\r\n", "from\r\n" };
	buf_init(text, 1024 * 1024);
	for (size_t i = 0; i < lines; i++)
		buf_str(text, str_of(some[i * 7 % (sizeof some / sizeof *some)]));
}

static void send_one(uint32_t rcpts, size_t lines, unsigned mode, size_t segment)
{
	struct buf text;
	make_text(&text, lines);
	begin(&defaults, rcpts, buf_view(&text));
	talk.cfg.pipelining = mode & 1;
	talk.cfg.chunking = mode & 2;
	talk.raw = mode & 4;
	talk_begin(&talk, mode & 8);
	carry(segment);
	all_are(SMTP_RCPT_SENT);
	assert_int_equal(talk.done, 1);
	assert_int_equal(session.messages, 1);
	assert_true(str_eq(buf_view(&session.accepted), buf_view(&text)));
	smtp_client_quit(&talk.client);
	talk_feed(&talk, STR(""));
	carry(segment);
	assert_true(talk.closed && session.closed);
	end();
	buf_free(&text);
}

static void messages(void **state)
{
	(void)state;
	static const uint32_t counts[] = { 1, 100, 1000 };
	static const size_t segments[] = { 0, 1, 1460 };
	for (unsigned mode = 0; mode < 16; mode++)
		for (size_t i = 0; i < 9; i++)
			send_one(counts[i / 3], 1000, mode, segments[i % 3]);
}

/* Under and over what BDAT sends along unasked; and nothing at all. */
static void sizes(void **state)
{
	(void)state;
	static const size_t lines[] = { 0, 1, 10 * 1000, 60 * 1000 };
	for (unsigned mode = 0; mode < 8; mode++)
		for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
			send_one(3, lines[i], mode, 0);
}

static void several_transactions(void **state)
{
	(void)state;
	struct smtp_server_settings cfg = defaults;
	cfg.recipients_max = 7;
	for (unsigned mode = 0; mode < 4; mode++) {
		begin(&cfg, 100, STR("x\r\n"));
		talk.cfg.pipelining = mode & 1;
		talk.cfg.chunking = mode & 2;
		talk_begin(&talk, false);
		carry(mode & 2 ? 1 : 0);
		all_are(SMTP_RCPT_SENT);
		assert_int_equal(session.messages, 15);
		assert_int_equal(talk.done, 15);
		end();
	}
}

/* After HELO nobody tells RCPTMAX; the 452 of the server does. */
static void limit_untold(void **state)
{
	(void)state;
	struct smtp_server_settings cfg = defaults;
	cfg.recipients_max = 40;
	begin(&cfg, 100, STR("x\r\n"));
	talk_begin(&talk, true);
	carry(0);
	all_are(SMTP_RCPT_SENT);
	assert_int_equal(session.messages, 3);
	end();
}

static void refusals(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 8; mode++) {
		begin(&defaults, 4, STR("x\r\n"));
		talk.cfg.pipelining = mode & 1;
		talk.cfg.chunking = mode & 2;
		talk.rcpts[0].address = STR("unknown@h.example");
		talk.rcpts[2].address = STR("later@h.example");
		if (mode & 4) talk.mail.sender = STR("noend@c.example");
		talk_begin(&talk, false);
		carry(0);
		assert_int_equal(talk.rcpts[0].outcome.state, SMTP_RCPT_PERMANENT);
		assert_int_equal(talk.rcpts[0].outcome.code, 550);
		assert_string_equal(talk.rcpts[0].outcome.enhanced, "5.1.1");
		assert_int_equal(talk.rcpts[1].outcome.state,
				 mode & 4 ? SMTP_RCPT_PERMANENT : SMTP_RCPT_SENT);
		assert_int_equal(talk.rcpts[2].outcome.state, SMTP_RCPT_TEMPORARY);
		assert_true(talk.ready);
		end();
	}
}

/* Nobody is accepted; the connection stays good for the next mail. */
static void nobody_then_somebody(void **state)
{
	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		begin(&defaults, 2, STR("x\r\n"));
		talk.cfg.pipelining = mode & 1;
		talk.cfg.chunking = mode & 2;
		talk.rcpts[0].address = talk.rcpts[1].address = STR("unknown@h.example");
		talk_begin(&talk, false);
		carry(0);
		all_are(SMTP_RCPT_PERMANENT);
		assert_true(talk.ready);
		talk.rcpts[0] = talk.rcpts[1] =
			(struct smtp_client_rcpt){ .address = STR("b@h.example") };
		talk.given = 0;
		smtp_client_send(&talk.client, &talk.mail);
		talk_feed(&talk, STR(""));
		carry(0);
		all_are(SMTP_RCPT_SENT);
		end();
	}
}

static void messages_max(void **state)
{
	(void)state;
	struct smtp_server_settings cfg = defaults;
	cfg.recipients_max = 1;
	cfg.messages_max = 2;
	begin(&cfg, 3, STR("x\r\n"));
	talk_begin(&talk, false);
	carry(0);
	assert_int_equal(talk.client.end, SMTP_END_QUIT);
	assert_int_equal(talk.rcpts[1].outcome.state, SMTP_RCPT_SENT);
	assert_int_equal(talk.rcpts[2].outcome.state, SMTP_RCPT_NOT_TRIED);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(sizes),
		cmocka_unit_test(several_transactions),
		cmocka_unit_test(limit_untold),
		cmocka_unit_test(refusals),
		cmocka_unit_test(nobody_then_somebody),
		cmocka_unit_test(messages_max),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
