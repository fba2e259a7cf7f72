/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/client_parts.h"

#include <assert.h>

enum {
	SESSION_MEMORY = 8 * 1024, /* AUTH names, cause of the end */
	TEXTS_MEMORY = 512 * 1024, /* of one transaction; behind it texts are empty */
	CAUSE_MAX = SMTP_REPLY_TEXT_MAX,
	BODY_ROOM = 1024, /* less is not worth asking for text */
};

/* RFC 5321 4.5.3.2. QUIT has no say there, and its answer is worth little. */
const struct smtp_client_timeouts smtp_client_timeouts_default = {
	.banner_s = 300, .hello_s = 300, .tls_s = 30,  .mail_s = 300, .rcpt_s = 300,
	.data_s = 120,   .body_s = 180,  .end_s = 600, .quit_s = 10,
};

void smtp_client_init(struct smtp_client *c, const struct smtp_client_settings *cfg,
		      bool helo_only, struct buf *out)
{
	assert(out->max >= SMTP_CLIENT_OUT_MIN && cfg->rcpts_max > 0);
	*c = (struct smtp_client){ .cfg = cfg, .out = out };
	c->helo_only = helo_only && !cfg->lmtp;
	if (cfg->tls == SMTP_CL_TLS_IMPLICIT) {
		c->state = SMTP_CLIENT_AT_TLS;
		c->due = SMTP_CLIENT_DUE_SECURE;
	}
	smtp_reply_init(&c->reply);
	arena_init(&c->session, SESSION_MEMORY);
	arena_init(&c->texts, TEXTS_MEMORY);
}

void smtp_client_free(struct smtp_client *c)
{
	arena_free(&c->texts);
	arena_free(&c->session);
}

static enum smtp_step hello_step(const struct smtp_client *c)
{
	if (c->cfg->lmtp) return SMTP_STEP_LHLO;
	return c->helo_only ? SMTP_STEP_HELO : SMTP_STEP_EHLO;
}

/* The oldest command without answer. */
static enum smtp_step talk_step(const struct smtp_client *c)
{
	if (c->mail->etrn) return SMTP_STEP_ETRN;
	if (c->mail->atrn) return SMTP_STEP_ATRN;
	if (!c->mail_heard) return SMTP_STEP_MAIL;
	if (c->unheard || !c->text_asked) return SMTP_STEP_RCPT;
	if (!c->chunk && !c->text_heard) return SMTP_STEP_DATA;
	return c->state == SMTP_CLIENT_AT_END ? SMTP_STEP_END : SMTP_STEP_BODY;
}

enum smtp_step smtp_client_step(const struct smtp_client *c)
{
	switch ((enum smtp_client_state)c->state) {
	case SMTP_CLIENT_AT_BANNER: return SMTP_STEP_BANNER;
	case SMTP_CLIENT_AT_HELLO: return hello_step(c);
	case SMTP_CLIENT_AT_STARTTLS: return SMTP_STEP_STARTTLS;
	case SMTP_CLIENT_AT_TLS: return SMTP_STEP_TLS;
	case SMTP_CLIENT_AT_AUTH: case SMTP_CLIENT_AT_PROOF: return SMTP_STEP_AUTH;
	case SMTP_CLIENT_AT_TALK: case SMTP_CLIENT_AT_BODY: case SMTP_CLIENT_AT_END:
		return talk_step(c);
	case SMTP_CLIENT_AT_RSET: return SMTP_STEP_RSET;
	case SMTP_CLIENT_AT_QUIT: return SMTP_STEP_QUIT;
	case SMTP_CLIENT_AT_READY: case SMTP_CLIENT_TURNED: case SMTP_CLIENT_CLOSED: break;
	}
	return SMTP_STEP_IDLE;
}

/* The whole message may have reached a peer that did not say what it does with it. */
static bool is_in_doubt(const struct smtp_client *c, enum smtp_client_end end)
{
	return c->end_sent && c->out->len == 0 && !c->out->overflowed &&
	       end != SMTP_END_SHUT && end != SMTP_END_REFUSED;
}

/* Whoever reads the words is to know, too. */
static void doubt(struct smtp_client *c)
{
	static const struct str told = STR_INIT("; the host may have the message");
	char text[CAUSE_MAX];
	struct buf words;
	buf_init_fixed(&words, text, sizeof text);
	smtp_text_safe(&words, str_sub(c->cause.text, 0, CAUSE_MAX - told.len));
	buf_str(&words, told);
	c->cause.text = arena_str(&c->session, buf_view(&words));
}

/* Both sides know where they are, and a word more is understood. */
static bool is_in_step(const struct smtp_client *c, enum smtp_client_end end,
		       const struct smtp_outcome *cause)
{
	if (end == SMTP_END_LOOP) return true;
	if (end == SMTP_END_AUTH_FAILED) return c->polite;
	if (end == SMTP_END_TLS_FAILED) return c->polite || cause->code;
	bool refused = end == SMTP_END_REFUSED || end == SMTP_END_EHLO_FAILED;
	return refused && c->state != SMTP_CLIENT_AT_BODY && cause->code;
}

void smtp_client_close(struct smtp_client *c, enum smtp_client_end end,
		       const struct smtp_outcome *cause)
{
	assert(c->state != SMTP_CLIENT_CLOSED);
	c->end = end;
	c->cause = *cause;
	c->cause.state = SMTP_RCPT_TEMPORARY;
	c->cause.session = true;
	c->cause.text = arena_str(&c->session, str_sub(cause->text, 0, CAUSE_MAX));
	if (c->mail) {
		c->cause.in_doubt = is_in_doubt(c, end);
		if (c->cause.in_doubt) doubt(c);
		c->stale = (end == SMTP_END_LOST || end == SMTP_END_SHUT) &&
			   c->mails > c->mail_sent && c->accepted == 0 && !c->end_sent;
		smtp_client_settle(c, &c->cause, false);
		c->mail = NULL;
		c->due |= SMTP_CLIENT_DUE_DONE;
	}
	/* Nothing that still waits is to be sent to a peer that has lost the thread. */
	buf_reset(c->out);
	if (is_in_step(c, end, cause)) buf_str(c->out, STR("QUIT\r\n"));
	c->due &= SMTP_CLIENT_DUE_DONE;
	c->due |= SMTP_CLIENT_DUE_CLOSED;
	c->state = SMTP_CLIENT_CLOSED;
}

static void say(struct smtp_client *c, struct str line, enum smtp_client_state state)
{
	buf_str(c->out, line);
	c->state = (uint8_t)state;
}

void smtp_client_finish(struct smtp_client *c)
{
	for (uint32_t i = 0; i < c->mail->rcpt_count; i++)
		assert(c->mail->rcpts[i].outcome.state != SMTP_RCPT_OPEN);
	c->mail = NULL;
	c->due |= SMTP_CLIENT_DUE_DONE;
	bool full = c->caps.mailmax && c->mails >= c->caps.mailmax;
	if (c->turned) {
		c->state = SMTP_CLIENT_TURNED;
		c->due |= SMTP_CLIENT_DUE_TURNED;
	} else if (c->stopping || full) {
		say(c, STR("QUIT\r\n"), SMTP_CLIENT_AT_QUIT);
	} else if (c->reset) {
		say(c, STR("RSET\r\n"), SMTP_CLIENT_AT_RSET);
	} else {
		c->state = SMTP_CLIENT_AT_READY;
		c->due |= SMTP_CLIENT_DUE_READY;
	}
}

void smtp_client_send(struct smtp_client *c, struct smtp_client_mail *mail)
{
	assert(c->state == SMTP_CLIENT_AT_READY && !c->due && mail->rcpt_count > 0);
	arena_free(&c->texts);
	c->last_text = (struct str){ NULL, 0 };
	c->mail = mail;
	c->body_left = mail->size;
	c->accepted = c->unheard = 0;
	c->rcpt_next = c->rcpt_heard = c->end_heard = 0;
	c->tail[0] = '\r';
	c->tail[1] = '\n';
	c->mail_sent = c->mail_heard = c->mail_ok = false;
	c->text_asked = c->text_heard = c->end_sent = c->reset = false;
	c->chunk = c->cfg->chunking && c->caps.chunking && !c->cfg->lmtp;
	if (mail->etrn || mail->atrn) {
		c->mail_sent = c->mail_heard = true; /* there is no MAIL */
		c->mails++;
	}
	c->state = SMTP_CLIENT_AT_TALK;
	smtp_client_check(c);
}

void smtp_client_quit(struct smtp_client *c)
{
	c->stopping = true;
	if (c->state != SMTP_CLIENT_AT_READY) return;
	c->due &= (uint8_t)~SMTP_CLIENT_DUE_READY;
	say(c, STR("QUIT\r\n"), SMTP_CLIENT_AT_QUIT);
}

void smtp_client_lost(struct smtp_client *c, enum smtp_lost why, struct str detail)
{
	static const struct {
		enum smtp_client_end end;
		const char *enhanced; /* RFC 3463 3.5 and 3.4 */
		struct str words;
	} kinds[] = {
		[SMTP_LOST_CLOSED] = { SMTP_END_LOST, "4.4.2",
				       STR_INIT("lost connection while ") },
		[SMTP_LOST_TIMEOUT] = { SMTP_END_TIMEOUT, "4.4.2",
					STR_INIT("timed out while ") },
		[SMTP_LOST_LOCAL] = { SMTP_END_LOCAL, "4.3.0",
				      STR_INIT("given up while ") },
	};
	if (c->state == SMTP_CLIENT_CLOSED) return;
	char text[CAUSE_MAX];
	struct buf words;
	enum smtp_step step = smtp_client_step(c);
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, kinds[why].words);
	buf_str(&words, smtp_step_words(step));
	if (detail.len) buf_str(&words, STR(": "));
	smtp_text_safe(&words, detail);
	struct smtp_outcome cause = smtp_client_own(step, SMTP_RCPT_TEMPORARY,
						    kinds[why].enhanced,
						    buf_view(&words));
	enum smtp_client_end end = kinds[why].end;
	if (why != SMTP_LOST_LOCAL) end = smtp_client_end_at(c, step, end);
	if (step == SMTP_STEP_QUIT) end = SMTP_END_QUIT;
	smtp_client_close(c, end, &cause);
}

static enum smtp_client_event take_due(struct smtp_client *c)
{
	static const enum smtp_client_event events[] = { SMTP_CL_DONE, SMTP_CL_READY,
							 SMTP_CL_SECURE, SMTP_CL_PROVE,
							 SMTP_CL_CLOSED, SMTP_CL_TURNED };
	size_t i = 0;
	while (!(c->due & 1u << i)) i++;
	c->due &= (uint8_t)~(1u << i);
	return events[i];
}

static void read_reply(struct smtp_client *c, struct str *in)
{
	bool hello = c->state == SMTP_CLIENT_AT_HELLO && !c->helo_only;
	enum smtp_reply_result result = smtp_reply_next(&c->reply, in);
	bool line = result == SMTP_REPLY_LINE || result == SMTP_REPLY_DONE;
	/* The first line of the answer to EHLO only greets. */
	if (line && hello && c->reply.lines > 1 && c->reply.code / 100 == 2)
		smtp_client_cap(c, smtp_reply_line(&c->reply));
	if (result != SMTP_REPLY_DONE && result != SMTP_REPLY_BAD) return;
	c->replies++;
	smtp_client_heard(c);
}

/* In one piece with the 220, or after it. */
static bool is_injected(const struct smtp_client *c, struct str in)
{
	return c->state == SMTP_CLIENT_AT_TLS && in.len > 0 &&
	       c->cfg->tls != SMTP_CL_TLS_IMPLICIT;
}

enum smtp_client_event smtp_client_next(struct smtp_client *c, struct str *in)
{
	for (;;) {
		if (c->out->overflowed && c->state != SMTP_CLIENT_CLOSED)
			smtp_client_lost(c, SMTP_LOST_LOCAL, STR("no memory"));
		if (is_injected(c, *in)) smtp_client_injected(c);
		if (c->due) return take_due(c);
		if (c->state == SMTP_CLIENT_TURNED) return SMTP_CL_NONE;
		if (c->state == SMTP_CLIENT_CLOSED) {
			*in = str_from(*in, in->len);
			return SMTP_CL_NONE;
		}
		if (smtp_client_write(c)) continue;
		if (in->len == 0 || c->state == SMTP_CLIENT_AT_TLS) break;
		read_reply(c, in);
	}
	bool room = c->out->max - c->out->len >= BODY_ROOM;
	return c->state == SMTP_CLIENT_AT_BODY && room ? SMTP_CL_BODY : SMTP_CL_NONE;
}

bool smtp_client_was_stale(const struct smtp_client *c)
{
	return c->stale;
}

int64_t smtp_client_timeout_s(const struct smtp_client *c,
			      const struct smtp_client_timeouts *limits)
{
	/* With BDAT the text goes out while answers to RCPT are due. */
	if (c->state == SMTP_CLIENT_AT_BODY) return limits->body_s;
	switch (smtp_client_step(c)) {
	case SMTP_STEP_BANNER: return limits->banner_s;
	case SMTP_STEP_EHLO: case SMTP_STEP_LHLO: case SMTP_STEP_HELO:
	case SMTP_STEP_STARTTLS: case SMTP_STEP_AUTH: return limits->hello_s;
	case SMTP_STEP_TLS: return limits->tls_s;
	case SMTP_STEP_MAIL: case SMTP_STEP_RSET: return limits->mail_s;
	case SMTP_STEP_RCPT: case SMTP_STEP_ETRN: return limits->rcpt_s;
	case SMTP_STEP_ATRN: return limits->end_s; /* RFC 2645 5.2.1: ten minutes */
	case SMTP_STEP_DATA: return limits->data_s;
	case SMTP_STEP_BODY: return limits->body_s;
	case SMTP_STEP_END: return limits->end_s;
	case SMTP_STEP_QUIT: return limits->quit_s;
	case SMTP_STEP_CONNECT: case SMTP_STEP_IDLE: break;
	}
	return 0;
}
