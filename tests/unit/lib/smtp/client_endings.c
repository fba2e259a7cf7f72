/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that behaves, but for one step: there it does each thing that a peer can do.
 * Every step, every such thing, every way to send: the ending is what the table says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "talk.h"

enum act {
	ACT_CLOSE, ACT_TIMEOUT, ACT_421, ACT_4XX, ACT_5XX, ACT_GARBAGE, ACT_EMPTY,
	ACT_OTHER_CODE, ACT_WRONG_CLASS, ACT_1XX, ACT_ENDLESS, ACT_NUL, ACT_LONG_GOOD,
	ACT_LONG_5XX, ACTS
};

/* What it comes to. */
enum kind {
	KIND_LOST,
	KIND_TIMEOUT,
	KIND_421,
	KIND_4XX,
	KIND_5XX,
	KIND_GARBAGE,
	KIND_GOOD
};

static const enum kind kinds[ACTS] = {
	[ACT_CLOSE] = KIND_LOST,          [ACT_TIMEOUT] = KIND_TIMEOUT,
	[ACT_421] = KIND_421,             [ACT_4XX] = KIND_4XX,
	[ACT_5XX] = KIND_5XX,             [ACT_GARBAGE] = KIND_GARBAGE,
	[ACT_EMPTY] = KIND_GARBAGE,       [ACT_OTHER_CODE] = KIND_GARBAGE,
	[ACT_WRONG_CLASS] = KIND_GARBAGE, [ACT_1XX] = KIND_GARBAGE,
	[ACT_ENDLESS] = KIND_GARBAGE,     [ACT_NUL] = KIND_GARBAGE,
	[ACT_LONG_GOOD] = KIND_GOOD,      [ACT_LONG_5XX] = KIND_5XX,
};

struct peer {
	struct talk talk;
	struct buf say, line;
	enum smtp_step at; /* where it acts, at the `nth` time */
	enum act act;
	unsigned nth, accepted;
	size_t chunk_left;
	bool pipelining, chunking, lmtp, helo;
	bool in_text, acted, gone;
};

static const char *good_code(enum smtp_step step)
{
	if (step == SMTP_STEP_BANNER) return "220";
	return step == SMTP_STEP_DATA ? "354" : "250";
}

static void say_long(struct peer *p, const char *code)
{
	buf_str(&p->say, str_of(code));
	buf_byte(&p->say, ' ');
	for (size_t i = 0; i < 70 * 1000; i++) buf_byte(&p->say, 'x');
	buf_crlf(&p->say);
}

static void act(struct peer *p, enum smtp_step step)
{
	static const char *const words[ACTS] = {
		[ACT_421] = "421 4.3.2 down\r\n",
		[ACT_4XX] = "451 4.7.1 later\r\n",
		[ACT_5XX] = "550 5.7.1 never\r\n",
		[ACT_GARBAGE] = "HTTP/1.1 400 Bad Request\r\n",
		[ACT_EMPTY] = "\r\n",
		[ACT_OTHER_CODE] = "250-one\r\n451 two\r\n",
		[ACT_1XX] = "150 wait\r\n",
	};
	p->acted = true;
	if (p->act == ACT_CLOSE || p->act == ACT_TIMEOUT) p->gone = true;
	else if (p->act == ACT_WRONG_CLASS)
		buf_str(&p->say, step == SMTP_STEP_DATA ? STR("250 ok\r\n")
							: STR("354 go\r\n"));
	else if (p->act == ACT_ENDLESS)
		for (size_t i = 0; i < 30 * 1000; i++) buf_str(&p->say, STR("250-x\r\n"));
	else if (p->act == ACT_NUL) buf_bytes(&p->say, "\0\0\0\n", 4);
	else if (p->act == ACT_LONG_GOOD) say_long(p, good_code(step));
	else if (p->act == ACT_LONG_5XX) say_long(p, "550");
	else buf_str(&p->say, str_of(words[p->act]));
}

/* True if the step went well. */
static bool answer(struct peer *p, enum smtp_step step, const char *usual)
{
	if (p->gone) return false;
	if (p->at == step && !p->acted && p->nth-- == 0) {
		act(p, step);
		return p->act == ACT_LONG_GOOD;
	}
	buf_str(&p->say, str_of(usual));
	return true;
}

static void hello(struct peer *p, enum smtp_step step)
{
	if (!answer(p, step, step == SMTP_STEP_HELO ? "250 h\r\n" : "250-h\r\n")) return;
	if (step == SMTP_STEP_HELO || p->at == step) return;
	if (p->pipelining) buf_str(&p->say, STR("250-PIPELINING\r\n"));
	if (p->chunking) buf_str(&p->say, STR("250-CHUNKING\r\n"));
	buf_str(&p->say, STR("250 SIZE\r\n"));
}

static void text_ends(struct peer *p)
{
	unsigned replies = p->lmtp ? p->accepted : 1;
	p->in_text = false;
	while (replies-- > 0) (void)answer(p, SMTP_STEP_END, "250 2.0.0 got it\r\n");
}

static void begin_chunk(struct peer *p)
{
	p->chunk_left = 6;
	if (p->at == SMTP_STEP_BODY) (void)answer(p, SMTP_STEP_BODY, "");
}

static void command(struct peer *p, struct str line)
{
	if (str_starts(line, STR("EHLO"))) hello(p, SMTP_STEP_EHLO);
	else if (str_starts(line, STR("HELO"))) hello(p, SMTP_STEP_HELO);
	else if (str_starts(line, STR("LHLO"))) hello(p, SMTP_STEP_LHLO);
	else if (str_starts(line, STR("MAIL")))
		(void)answer(p, SMTP_STEP_MAIL, "250 2.1.0 ok\r\n");
	else if (str_starts(line, STR("RCPT")))
		p->accepted += answer(p, SMTP_STEP_RCPT, "250 2.1.5 ok\r\n");
	else if (str_starts(line, STR("DATA")))
		p->in_text = answer(p, SMTP_STEP_DATA, "354 go\r\n");
	else if (str_eq(line, STR("BDAT 6 LAST"))) begin_chunk(p);
	else if (str_starts(line, STR("RSET")))
		(void)answer(p, SMTP_STEP_RSET, "250 2.0.0 ok\r\n");
	else if (str_starts(line, STR("QUIT")))
		(void)answer(p, SMTP_STEP_QUIT, "221 2.0.0 bye\r\n");
	else fail_msg("the peer does not know: %.*s", STR_ARG(line));
}

static bool read_chunk(struct peer *p)
{
	struct buf *sent = &p->talk.sent;
	size_t len = p->chunk_left < sent->len ? p->chunk_left : sent->len;
	buf_consume(sent, len);
	p->chunk_left -= len;
	if (p->chunk_left == 0) text_ends(p);
	return len > 0;
}

/* Answers one line or piece; false if there is none. */
static bool listen(struct peer *p)
{
	if (p->gone || p->talk.closed) return false;
	if (p->chunk_left) return read_chunk(p);
	if (!talk_line(&p->talk, &p->line)) return false;
	if (!p->in_text) {
		command(p, buf_view(&p->line));
	} else if (str_eq(buf_view(&p->line), STR("."))) {
		text_ends(p);
	} else if (p->at == SMTP_STEP_BODY && !p->acted) {
		(void)answer(p, SMTP_STEP_BODY, "");
	}
	return true;
}

static void converse(struct peer *p)
{
	for (bool busy = true; busy;) {
		busy = listen(p) || p->say.len;
		if (p->gone && !p->say.len) break;
		struct buf say = p->say;
		buf_init(&p->say, 1024 * 1024);
		talk_feed(&p->talk, buf_view(&say));
		buf_free(&say);
		if (p->talk.broken) fail_msg("%s", p->talk.broken);
	}
	if (p->gone && !p->talk.closed)
		talk_lost(&p->talk, p->act == ACT_CLOSE ? SMTP_LOST_CLOSED
							: SMTP_LOST_TIMEOUT);
}

static enum smtp_client_end session_end(const struct peer *p, enum kind kind)
{
	bool ehlo = p->at == SMTP_STEP_EHLO;
	bool hello = p->at <= SMTP_STEP_HELO || p->at == SMTP_STEP_RSET;
	if (p->at == SMTP_STEP_QUIT) return SMTP_END_QUIT;
	switch (kind) {
	case KIND_LOST: return ehlo ? SMTP_END_EHLO_FAILED : SMTP_END_LOST;
	case KIND_TIMEOUT: return ehlo ? SMTP_END_EHLO_FAILED : SMTP_END_TIMEOUT;
	case KIND_GARBAGE: return ehlo ? SMTP_END_EHLO_FAILED : SMTP_END_GARBAGE;
	case KIND_421: return SMTP_END_SHUT;
	case KIND_5XX:
		if (ehlo) return SMTP_END_EHLO_FAILED;
		return hello || p->at == SMTP_STEP_BODY ? SMTP_END_REFUSED
							: SMTP_END_QUIT;
	case KIND_4XX:
		return hello || p->at == SMTP_STEP_BODY ? SMTP_END_REFUSED
							: SMTP_END_QUIT;
	case KIND_GOOD: break;
	}
	return SMTP_END_QUIT;
}

/* Of recipient `i` of three, where the second RCPT, or the second answer of LMTP to the
 * text, is the one that goes wrong. */
static enum smtp_rcpt_state rcpt_state(const struct peer *p, enum kind kind, unsigned i)
{
	bool one = p->at == SMTP_STEP_RCPT || (p->at == SMTP_STEP_END && p->lmtp);
	if (p->at < SMTP_STEP_MAIL) return SMTP_RCPT_OPEN;
	if (p->at == SMTP_STEP_RSET || p->at == SMTP_STEP_QUIT) return SMTP_RCPT_SENT;
	if (p->at == SMTP_STEP_END && p->lmtp && i == 0) return SMTP_RCPT_SENT;
	switch (kind) {
	case KIND_LOST: case KIND_TIMEOUT: case KIND_421: case KIND_GARBAGE:
		return SMTP_RCPT_TEMPORARY;
	case KIND_4XX: return one && i != 1 ? SMTP_RCPT_SENT : SMTP_RCPT_TEMPORARY;
	case KIND_5XX: return one && i != 1 ? SMTP_RCPT_SENT : SMTP_RCPT_PERMANENT;
	case KIND_GOOD: break;
	}
	return SMTP_RCPT_SENT;
}

static void check(const struct peer *p)
{
	const struct smtp_client *c = &p->talk.client;
	enum kind kind = kinds[p->act];
	/* No reply is good while text is still owed, and any will do for QUIT. */
	if (p->at == SMTP_STEP_BODY && kind == KIND_GOOD) kind = KIND_GARBAGE;
	assert_true(p->talk.closed && p->acted);
	assert_int_equal(c->end, session_end(p, kind));
	assert_int_equal(p->talk.done,
			 p->at < SMTP_STEP_MAIL && kind != KIND_GOOD ? 0 : 1);
	for (unsigned i = 0; i < 3; i++) {
		const struct smtp_outcome *o = &p->talk.rcpts[i].outcome;
		bool early = p->at < SMTP_STEP_MAIL && kind == KIND_GOOD;
		assert_int_equal(o->state,
				 early ? SMTP_RCPT_SENT : rcpt_state(p, kind, i));
		bool reply = kind == KIND_421 || kind == KIND_4XX || kind == KIND_5XX;
		if (o->state == SMTP_RCPT_PERMANENT) assert_int_equal(o->code, 550);
		if (o->state == SMTP_RCPT_TEMPORARY) {
			assert_int_equal(o->code, !reply             ? 0
						  : kind == KIND_421 ? 421
								     : 451);
			assert_int_equal(o->step, p->at);
			assert_true(o->text.len > 0);
		}
		bool unsure = !reply && o->state == SMTP_RCPT_TEMPORARY;
		if (p->at == SMTP_STEP_END) assert_int_equal(o->in_doubt, unsure);
		else if (!p->chunking) assert_false(o->in_doubt);
	}
}

static struct peer peer;

static void run(enum smtp_step at, enum act what, unsigned mode, size_t segment)
{
	peer = (struct peer){ .at = at, .act = what, .pipelining = mode & 1,
			      .chunking = mode & 2, .lmtp = mode & 4, .helo = mode & 8 };
	bool second = at == SMTP_STEP_RCPT || (at == SMTP_STEP_END && peer.lmtp);
	peer.nth = second ? 1 : 0;
	buf_init(&peer.say, 1024 * 1024);
	buf_init(&peer.line, 1024);
	talk_init(&peer.talk, 3, STR("a\r\nb\r\n"));
	/* The text in two pieces, so that the peer hears one before the other. */
	peer.talk.piece = 3;
	peer.talk.segment = segment;
	peer.talk.cfg.lmtp = peer.lmtp;
	talk_begin(&peer.talk, peer.helo);
	(void)answer(&peer, SMTP_STEP_BANNER, "220 h\r\n");
	converse(&peer);
	if (!peer.talk.closed) {
		smtp_client_quit(&peer.talk.client);
		talk_feed(&peer.talk, STR(""));
		converse(&peer);
	}
	check(&peer);
	talk_free(&peer.talk);
	buf_free(&peer.say);
	buf_free(&peer.line);
}

static bool is_said(enum smtp_step at, unsigned mode)
{
	bool lmtp = mode & 4, helo = mode & 8, chunk = mode & 2 && !lmtp;
	switch (at) {
	case SMTP_STEP_EHLO: return !lmtp && !helo;
	case SMTP_STEP_LHLO: return lmtp;
	case SMTP_STEP_HELO: return helo;
	case SMTP_STEP_DATA: return !chunk;
	/* With both, so short a text is out before anything is heard (client.c). */
	case SMTP_STEP_BODY: return !(chunk && mode & 1);
	case SMTP_STEP_CONNECT: case SMTP_STEP_IDLE: case SMTP_STEP_RSET: return false;
	case SMTP_STEP_ETRN: case SMTP_STEP_ATRN: return false; /* client.c */
	case SMTP_STEP_STARTTLS: case SMTP_STEP_TLS: case SMTP_STEP_AUTH: return false; /* client_scripts.c */
	case SMTP_STEP_BANNER: case SMTP_STEP_MAIL: case SMTP_STEP_RCPT:
	case SMTP_STEP_END: case SMTP_STEP_QUIT: break;
	}
	return true;
}

static void every_step_every_ending(void **state)
{
	(void)state;
	static const unsigned modes[] = { 0, 1, 2, 3, 4, 5, 8 };
	static const char *const names[] = { "plain", "PIPELINING", "CHUNKING", "both",
					     "LMTP", "LMTP PIPELINING", "HELO" };
	for (size_t m = 0; m < sizeof modes / sizeof *modes; m++)
		for (int at = 0; at < SMTP_STEPS; at++)
			for (int what = 0; what < ACTS; what++) {
				enum smtp_step step = (enum smtp_step)at;
				if (!is_said(step, modes[m])) continue;
				print_message("%s: %.*s: act %d\n", names[m],
					      STR_ARG(smtp_step_words(step)), what);
				run(step, (enum act)what, modes[m], 0);
				/* Octet by octet, the text is out before the reply. */
				if (step == SMTP_STEP_BODY) continue;
				run(step, (enum act)what, modes[m], 1);
			}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_step_every_ending) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
