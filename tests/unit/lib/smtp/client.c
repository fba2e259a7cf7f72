/* SPDX-License-Identifier: Apache-2.0 */
/* Scripts of one connection each, told in one piece and octet by octet.
 *   C: the next line that the client has sent   S: what the peer says
 *   X: close, timeout or local                  Q: the caller wants to quit
 *   T: TLS begins; what is said here is why it fails, or "bound": a login can be tied to it
 *   W: a part of the words about the end
 *   =: outcomes of all recipients (talk_outcomes)
 *   E: number of enum smtp_client_end, in words; the machine has to be at its end
 * What the client sends without being asked for by a C line is an error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "client_scripts.h"
#include "talk.h"

static const char *const ends[] = { "none", "quit", "refused", "ehlo-failed",
				    "tls-failed", "auth-failed", "loop", "shut", "garbage", "lost", "timeout", "local" };

static void expect_line(struct talk *t, struct str want)
{
	struct buf line;
	buf_init(&line, 8192);
	bool any = talk_line(t, &line);
	if (!any || !str_eq(buf_view(&line), want)) {
		print_message("  sent: %.*s\n", STR_ARG(buf_view(&line)));
		fail_msg("not sent: %.*s", STR_ARG(want));
	}
	buf_free(&line);
}

static void expect_outcomes(const struct talk *t, struct str want)
{
	char text[2000];
	struct buf got;
	buf_init_fixed(&got, text, sizeof text);
	talk_outcomes(t, &got);
	if (!str_eq(buf_view(&got), want))
		fail_msg("outcomes: %.*s", STR_ARG(buf_view(&got)));
}

static void step(struct talk *t, struct str line, struct buf *say)
{
	struct str arg = str_from(line, 3);
	if (line.at[0] == 'S') {
		buf_str(say, arg);
		buf_crlf(say);
		return;
	}
	if (say->len) talk_feed(t, buf_view(say));
	buf_reset(say);
	if (t->broken) fail_msg("broken: %s", t->broken);
	switch (line.at[0]) {
	case 'C': expect_line(t, arg); break;
	case 'X':
		talk_lost(t, str_eq(arg, STR("close"))     ? SMTP_LOST_CLOSED
			     : str_eq(arg, STR("timeout")) ? SMTP_LOST_TIMEOUT
							   : SMTP_LOST_LOCAL);
		break;
	case 'Q':
		smtp_client_quit(&t->client);
		talk_feed(t, STR(""));
		break;
	case 'T':
		talk_feed(t, STR(""));
		assert_int_equal(t->secures, 1);
		assert_int_equal(smtp_client_step(&t->client), SMTP_STEP_TLS);
		assert_int_equal(
			smtp_client_timeout_s(&t->client, &smtp_client_timeouts_default), 30);
		t->binds = str_eq(arg, STR("bound"));
		talk_tls(t, t->binds ? STR("") : arg);
		break;
	case 'W':
		if (!memmem(t->client.cause.text.at, t->client.cause.text.len, arg.at, arg.len))
			fail_msg("words: %.*s", STR_ARG(t->client.cause.text));
		break;
	case 'V': assert_true(t->turned && !t->closed); break;
	case '=': expect_outcomes(t, arg); break;
	case 'E':
		assert_true(t->closed);
		if (!str_eq(arg, str_of(ends[t->client.end])))
			fail_msg("end: %s", ends[t->client.end]);
		break;
	default: fail_msg("bad script");
	}
}

static void run_script(const struct client_script *s, size_t segment, bool raw)
{
	static struct talk t;
	struct buf say;
	struct str rest = str_of(s->lines);
	buf_init(&say, 64 * 1024);
	talk_init(&t, s->rcpts, str_of(s->text ? s->text : "x\r\n"));
	t.mails = s->mails ? s->mails : 1;
	t.segment = segment;
	t.raw = raw;
	t.cfg.lmtp = s->lmtp;
	t.cfg.tls = s->tls;
	t.cfg.login = s->login;
	t.cfg.host = STR("mx.h.example");
	if (s->rcpts_max) t.cfg.rcpts_max = s->rcpts_max;
	if (s->change) s->change(&t.mail);
	talk_begin(&t, s->helo);
	while (rest.len) step(&t, str_cut(&rest, '\n'), &say);
	if (t.sent.len) fail_msg("sent on: %.*s", STR_ARG(buf_view(&t.sent)));
	buf_free(&say);
	talk_free(&t);
}

static void run_scripts(const struct client_script *all)
{
	for (size_t i = 0; all[i].name; i++) {
		print_message("%s\n", all[i].name);
		run_script(&all[i], 0, false);
		run_script(&all[i], 1, false);
		run_script(&all[i], 3, true);
	}
}

static void scripts(void **state)
{
	(void)state;
	run_scripts(client_scripts);
}

static void auth_scripts(void **state)
{
	(void)state;
	run_scripts(client_auth_scripts);
}

static struct talk talk;

/* Text in, octets behind 354 out, in pieces of every length. */
static void dots(void **state)
{
	(void)state;
	static const struct { struct str text, want; } rows[] = {
		{ STR_INIT(""), STR_INIT(".\r\n") },
		{ STR_INIT("x"), STR_INIT("x\r\n.\r\n") },
		{ STR_INIT("x\r"), STR_INIT("x\r\r\n.\r\n") },
		{ STR_INIT("x\n"), STR_INIT("x\n\r\n.\r\n") },
		{ STR_INIT("x\r\n"), STR_INIT("x\r\n.\r\n") },
		{ STR_INIT("\r\n"), STR_INIT("\r\n.\r\n") },
		{ STR_INIT(".\r\n"), STR_INIT("..\r\n.\r\n") },
		{ STR_INIT("."), STR_INIT("..\r\n.\r\n") },
		{ STR_INIT("..a.b.\r\n"), STR_INIT("...a.b.\r\n.\r\n") },
		{ STR_INIT("a\r\n.\r\n.b\r\n"), STR_INIT("a\r\n..\r\n..b\r\n.\r\n") },
		{ STR_INIT("a\n.\r\nb\r\n"), STR_INIT("a\n..\r\nb\r\n.\r\n") },
		{ STR_INIT("a\r.\rb\r\n"), STR_INIT("a\r..\rb\r\n.\r\n") },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		for (size_t piece = 1; piece <= rows[i].text.len + 1; piece++) {
			talk_init(&talk, 1, rows[i].text);
			talk.piece = piece;
			talk.cfg.chunking = false;
			talk_begin(&talk, true);
			talk_feed(&talk, STR("220 x\r\n250 x\r\n250 x\r\n250 x\r\n"));
			buf_reset(&talk.sent);
			talk_feed(&talk, STR("354 x\r\n"));
			for (size_t n = 0; n < 20; n++) talk_feed(&talk, STR(""));
			assert_true(str_eq(buf_view(&talk.sent), rows[i].want));
			talk_free(&talk);
		}
	}
}

/* A text of dots through the smallest buffer that is allowed. */
static void long_text(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, 1024 * 1024);
	for (size_t i = 0; i < 100 * 1000; i++) buf_str(&text, STR(".\r\n"));
	talk_init(&talk, 1, buf_view(&text));
	talk_begin(&talk, true);
	talk_feed(&talk, STR("220 x\r\n250 x\r\n250 x\r\n250 x\r\n"));
	buf_reset(&talk.sent);
	talk_feed(&talk, STR("354 x\r\n"));
	assert_null(talk.broken);
	assert_int_equal(talk.sent.len, 4 * 100 * 1000 + 3);
	assert_true(str_ends_nocase(buf_view(&talk.sent), STR("\r\n..\r\n.\r\n")));
	talk_free(&talk);
	buf_free(&text);
}

static size_t lines_sent(const char *with)
{
	struct buf line;
	size_t count = 0;
	buf_init(&line, 8192);
	while (talk_line(&talk, &line))
		if (str_starts(buf_view(&line), str_of(with))) count++;
	buf_free(&line);
	return count;
}

/* RFC 2920 3.1: never more on the way than a window is sure to hold. */
static void window(void **state)
{
	(void)state;
	talk_init(&talk, 1000, STR("x\r\n"));
	talk_begin(&talk, false);
	talk_feed(&talk, STR("220 x\r\n250-x\r\n250 PIPELINING\r\n"));
	assert_int_equal(lines_sent("RCPT"), SMTP_CLIENT_UNHEARD_MAX);
	talk_feed(&talk, STR("250 x\r\n"));
	assert_int_equal(lines_sent("RCPT"), 0);
	talk_feed(&talk, STR("250 x\r\n250 x\r\n250 x\r\n"));
	assert_int_equal(lines_sent("RCPT"), 3);
	talk_free(&talk);
}

/* Addresses as long as they can be fill `out`, not more than that. */
static void long_addresses(void **state)
{
	(void)state;
	static char address[SMTP_CLIENT_ADDRESS_MAX + 1];
	struct str in = STR("220 x\r\n250-x\r\n250-DSN\r\n250 PIPELINING\r\n");
	memset(address, 'a', sizeof address);
	talk_init(&talk, 100, STR("x\r\n"));
	for (size_t i = 0; i < 100; i++)
		talk.rcpts[i].address = (struct str){ address, SMTP_CLIENT_ADDRESS_MAX };
	talk.rcpts[50].address.len++;
	talk_begin(&talk, false);
	while (smtp_client_next(&talk.client, &in) != SMTP_CL_READY) buf_reset(&talk.out);
	smtp_client_send(&talk.client, &talk.mail);
	assert_int_equal(smtp_client_next(&talk.client, &in), SMTP_CL_NONE);
	assert_true(talk.out.len > SMTP_CLIENT_COMMANDS_MAX);
	assert_false(talk.out.overflowed);
	talk_feed(&talk, STR("250 x\r\n"));
	assert_int_equal(lines_sent("RCPT"), 99);
	assert_int_equal(talk.rcpts[50].outcome.state, SMTP_RCPT_PERMANENT);
	assert_string_equal(talk.rcpts[50].outcome.enhanced, "5.1.3");
	talk_free(&talk);
}

static void words(void **state)
{
	(void)state;
	talk_init(&talk, 2, STR("x\r\n"));
	talk_begin(&talk, true);
	talk_feed(&talk, STR("220 x\r\n250 x\r\n250 x\r\n"));
	talk_lost(&talk, SMTP_LOST_CLOSED);
	assert_true(
		str_eq(talk.rcpts[1].outcome.text,
		       STR("lost connection while sending RCPT TO: told?by the test")));
	assert_int_equal(talk.rcpts[1].outcome.step, SMTP_STEP_RCPT);
	talk_lost(&talk, SMTP_LOST_TIMEOUT); /* nothing follows */
	assert_int_equal(talk.client.end, SMTP_END_LOST);
	talk_free(&talk);
}

static void capabilities(void **state)
{
	(void)state;
	talk_init(&talk, 1, STR(""));
	talk.mails = 0;
	talk_begin(&talk, false);
	talk_feed(&talk, STR("220 x\r\n250-PIPELINING is my name\r\n250-size 1000\r\n"
			     "250-8bitMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
			     "250-ENHANCEDSTATUSCODES\r\n250-STARTTLS\r\n"
			     "250-AUTH PLAIN\x01 LOGIN\r\n250-AUTH=CRAM-MD5\r\n"
			     "250-LIMITS MAILMAX=12 RCPTMAX=1234567 RCPTMAX=x RCPTMAX= "
			     "OTHER=1 RCPTMAX=34\r\n250 XUNKNOWN\r\n"));
	const struct smtp_client_caps *caps = &talk.client.caps;
	assert_true(talk.ready && !caps->pipelining && caps->size && caps->body8);
	assert_true(caps->smtputf8 && caps->chunking && caps->dsn && caps->enhanced);
	assert_true(caps->starttls && str_eq(caps->auth, STR("PLAIN? LOGIN")));
	assert_true(caps->size_max == 1000 && caps->mailmax == 12 && caps->rcptmax == 34);
	talk_free(&talk);
}

static void timeouts(void **state)
{
	(void)state;
	static const struct smtp_client_timeouts limits = {
		.banner_s = 1, .hello_s = 2, .mail_s = 3, .rcpt_s = 4,
		.data_s = 5,   .body_s = 6,  .end_s = 7,  .quit_s = 8,
	};
	static const struct { const char *say; int64_t want; } rows[] = {
		{ "", 1 },          { "220 x\r\n", 2 }, { "250 x\r\n", 3 },
		{ "250 x\r\n", 4 }, { "250 x\r\n", 5 }, { "354 x\r\n", 6 },
	};
	talk_init(&talk, 1, STR("xx"));
	talk.piece = 1;
	talk_begin(&talk, true);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		talk_feed(&talk, str_of(rows[i].say));
		assert_int_equal(smtp_client_timeout_s(&talk.client, &limits),
				 rows[i].want);
	}
	talk_feed(&talk, STR(""));
	assert_int_equal(smtp_client_timeout_s(&talk.client, &limits), 7);
	talk_feed(&talk, STR("250 x\r\n"));
	assert_int_equal(smtp_client_timeout_s(&talk.client, &limits), 0);
	smtp_client_quit(&talk.client);
	assert_int_equal(smtp_client_timeout_s(&talk.client, &limits), 8);
	talk_lost(&talk, SMTP_LOST_TIMEOUT);
	assert_int_equal(smtp_client_timeout_s(&talk.client, &limits), 0);
	assert_int_equal(talk.client.end, SMTP_END_QUIT);
	assert_int_equal(smtp_client_timeouts_default.end_s, 600);
	talk_free(&talk);
}

/* The text was on its way when the connection went. */
static void late_text(void **state)
{
	(void)state;
	talk_init(&talk, 1, STR("xx"));
	talk.piece = 1;
	talk_begin(&talk, true);
	talk_feed(&talk, STR("220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n"));
	talk_lost(&talk, SMTP_LOST_CLOSED);
	assert_int_equal(smtp_client_body(&talk.client, STR("xx")), 2);
	smtp_client_body_sent(&talk.client, 2);
	assert_false(talk.rcpts[0].outcome.in_doubt);
	assert_int_equal(talk.out.len, 0);
	talk_free(&talk);
}

/* BDAT on its way is answered before all of it was sent. */
static void flight_refused(void **state)
{
	(void)state;
	talk_init(&talk, 2, STR("a text of some length"));
	talk.piece = 1;
	talk_begin(&talk, false);
	talk_feed(&talk, STR("220 x\r\n250-x\r\n250-CHUNKING\r\n250 PIPELINING\r\n"));
	talk_feed(&talk, STR("250 x\r\n550 x\r\n250 x\r\n552 5.3.4 large\r\n"));
	assert_null(talk.broken);
	assert_true(talk.closed && talk.given < talk.mail.size);
	assert_int_equal(talk.client.end, SMTP_END_REFUSED);
	assert_int_equal(talk.rcpts[0].outcome.code, 550);
	assert_int_equal(talk.rcpts[1].outcome.code, 552);
	assert_int_equal(talk.rcpts[1].outcome.state, SMTP_RCPT_PERMANENT);
	assert_false(str_ends_nocase(buf_view(&talk.sent), STR("QUIT\r\n")));
	talk_free(&talk);
}

/* A text that is too long to be sent unasked waits for the recipients. */
static void flight_max(void **state)
{
	(void)state;
	static char text[SMTP_CLIENT_FLIGHT_MAX + 1];
	memset(text, 'x', sizeof text);
	for (size_t over = 0; over < 2; over++) {
		talk_init(&talk, 1, (struct str){ text, sizeof text - 1 + over });
		talk_begin(&talk, false);
		talk_feed(&talk, STR("220 x\r\n250-x\r\n250-CHUNKING\r\n"));
		talk_feed(&talk, STR("250 PIPELINING\r\n250 x\r\n"));
		assert_int_equal(lines_sent("BDAT"), over ? 0 : 1);
		talk_feed(&talk, STR("250 x\r\n"));
		assert_int_equal(lines_sent("BDAT"), over ? 1 : 0);
		assert_int_equal(talk.given, talk.mail.size);
		talk_free(&talk);
	}
}

/* Whether a fresh connection may serve better than the reused one that ended. */
static void stale(void **state)
{
	(void)state;
	static const char first[] = "220 x\r\n250 x\r\n250 x\r\n250 x\r\n354 x\r\n";
	static const struct { const char *say; enum smtp_lost lost; bool want; } rows[] = {
		{ "250 x\r\n421 idle\r\n", SMTP_LOST_CLOSED, true },
		{ "250 x\r\n", SMTP_LOST_CLOSED, true },
		{ "250 x\r\n", SMTP_LOST_TIMEOUT, false },
		{ "250 x\r\n250 x\r\n", SMTP_LOST_CLOSED, true },
		{ "250 x\r\n250 x\r\n250 x\r\n", SMTP_LOST_CLOSED, false },
		{ "250 x\r\nwhat\r\n", SMTP_LOST_CLOSED, false },
		{ "", SMTP_LOST_CLOSED, false }, /* the first mail */
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		talk_init(&talk, 2, STR("x\r\n"));
		talk.mails = 2;
		talk.cfg.rcpts_max = 1;
		talk_begin(&talk, true);
		talk_feed(&talk, str_of(first));
		talk_feed(&talk, str_of(rows[i].say));
		talk_lost(&talk, rows[i].lost);
		assert_true(talk.closed);
		assert_int_equal(smtp_client_was_stale(&talk.client), rows[i].want);
		talk_free(&talk);
	}
	talk_init(&talk, 1, STR("x\r\n"));
	talk_begin(&talk, true);
	talk_feed(&talk, STR("220 x\r\n250 x\r\n")); /* at MAIL, nothing accepted */
	talk_lost(&talk, SMTP_LOST_CLOSED);
	assert_false(smtp_client_was_stale(&talk.client));
	talk_free(&talk);
}

static void to_ready(const char *hello)
{
	struct str in = str_of(hello);
	talk_init(&talk, 3, STR("x\r\n"));
	talk_begin(&talk, false);
	while (smtp_client_next(&talk.client, &in) != SMTP_CL_READY) buf_reset(&talk.out);
	smtp_client_send(&talk.client, &talk.mail);
}

/* What waits in `out` is not sent to a peer that has lost the thread. */
static void unsent_commands(void **state)
{
	(void)state;
	struct str in = STR("what?\r\n");
	to_ready("220 x\r\n250-x\r\n250 PIPELINING\r\n");
	assert_int_equal(smtp_client_next(&talk.client, &in), SMTP_CL_DONE);
	assert_int_equal(talk.out.len, 0);
	talk_free(&talk);
}

/* Replies to commands that found no room in `out` so far. */
static void unasked_replies(void **state)
{
	(void)state;
	static const struct { const char *say; enum smtp_client_end end; } rows[] = {
		{ "250 x\r\n", SMTP_END_GARBAGE },
		{ "550 x\r\n", SMTP_END_GARBAGE },
		{ "421 x\r\n", SMTP_END_SHUT },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 2; i++) {
		struct str in = STR("250 x\r\n"), none = STR("");
		to_ready("220 x\r\n250 x\r\n");
		/* Before MAIL, or between MAIL and RCPT. */
		if (i % 2) (void)smtp_client_next(&talk.client, &none);
		for (size_t n = 0; n <= SMTP_CLIENT_COMMANDS_MAX; n++)
			buf_byte(&talk.out, 'x');
		if (i % 2) (void)smtp_client_next(&talk.client, &in);
		in = str_of(rows[i / 2].say);
		assert_int_equal(smtp_client_next(&talk.client, &in), SMTP_CL_DONE);
		assert_int_equal(talk.client.end, rows[i / 2].end);
		for (size_t n = 0; n < 3; n++)
			assert_int_equal(talk.rcpts[n].outcome.state,
					 SMTP_RCPT_TEMPORARY);
		talk_free(&talk);
	}
}

/* The dot is still in `out`: the peer can not have the whole message. */
static void unsent_dot(void **state)
{
	(void)state;
	struct str in = STR("220 x\r\n250 x\r\n");
	talk_init(&talk, 1, STR("x\r\n"));
	talk_begin(&talk, true);
	while (smtp_client_next(&talk.client, &in) != SMTP_CL_READY) {}
	smtp_client_send(&talk.client, &talk.mail);
	in = STR("250 x\r\n250 x\r\n354 x\r\n");
	/* One reply at a time, as commands go one at a time. */
	while (in.len) {
		struct str one = { in.at, (size_t)str_find(in, '\n') + 1 };
		in = str_from(in, one.len);
		while (smtp_client_next(&talk.client, &one) == SMTP_CL_NONE && one.len) {}
	}
	assert_int_equal(smtp_client_body(&talk.client, STR("x\r\n")), 3);
	smtp_client_lost(&talk.client, SMTP_LOST_CLOSED, STR(""));
	assert_int_equal(talk.rcpts[0].outcome.state, SMTP_RCPT_TEMPORARY);
	assert_false(talk.rcpts[0].outcome.in_doubt);
	talk_free(&talk);
}

/* Memory for `out` is refused. */
static void no_memory(void **state)
{
	(void)state;
	talk_init(&talk, 1, STR("x\r\n"));
	talk_begin(&talk, true);
	talk_feed(&talk, STR("220 x\r\n250 x\r\n"));
	talk.out.overflowed = true;
	talk_feed(&talk, STR("250 x\r\n"));
	assert_int_equal(talk.client.end, SMTP_END_LOCAL);
	assert_int_equal(talk.rcpts[0].outcome.state, SMTP_RCPT_TEMPORARY);
	talk_free(&talk);
}

/* A host that greets by our name gets nothing, not even STARTTLS. */
static void meets_itself(void **state)
{
	static const struct {
		const char *self, *said;
		bool helo, met;
	} rows[] = {
		{ "mx.us.example", "250-MX.us.example hello\r\n250 STARTTLS\r\n", false, true },
		{ "mx.us.example", "250 mx.us.example\r\n", true, true },
		{ "mx.us.example", "250 mx.us.example\r\n", false, true },
		{ "mx.us.example", "250 mx.us.example.com\r\n", false, false },
		{ "mx.us.example", "250 a.mx.us.example\r\n", false, false },
		{ "mx.us.example", "250 hello mx.us.example\r\n", false, false },
		{ "mx.us.example", "250-x\r\n250 mx.us.example\r\n", false, false },
		{ "", "250 mx.us.example\r\n", false, false },
		{ "", "250 \r\n", false, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		talk_init(&talk, 1, STR("x\r\n"));
		talk.cfg.self = str_of(rows[i].self);
		talk_begin(&talk, rows[i].helo);
		talk_feed(&talk, STR("220 mx.us.example\r\n"));
		talk_feed(&talk, str_of(rows[i].said));
		if (talk.closed != rows[i].met) fail_msg("row %zu", i);
		assert_int_equal(talk.client.end, rows[i].met ? SMTP_END_LOOP : SMTP_END_NONE);
		if (rows[i].met) {
			assert_string_equal(talk.client.cause.enhanced, "4.4.6");
			assert_true(str_ends_nocase(buf_view(&talk.sent), STR("QUIT\r\n")));
			assert_int_equal(talk.given, 0);
		}
		talk_free(&talk);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scripts),
		cmocka_unit_test(auth_scripts),        cmocka_unit_test(dots),
		cmocka_unit_test(long_text),      cmocka_unit_test(window),
		cmocka_unit_test(long_addresses), cmocka_unit_test(words),
		cmocka_unit_test(capabilities),   cmocka_unit_test(timeouts),
		cmocka_unit_test(late_text),      cmocka_unit_test(unsent_dot),
		cmocka_unit_test(no_memory),      cmocka_unit_test(flight_refused),
		cmocka_unit_test(flight_max),     cmocka_unit_test(stale),
		cmocka_unit_test(unsent_commands), cmocka_unit_test(unasked_replies),
		cmocka_unit_test(meets_itself),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
