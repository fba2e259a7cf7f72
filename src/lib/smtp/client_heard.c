/* SPDX-License-Identifier: Apache-2.0 */
/* What each step makes of its reply. Who calls here has seen to 421 and to codes that the
 * step does not know. */
#include "lib/smtp/client_parts.h"

typedef void heard_fn(struct smtp_client *c);

/* 5xx is for good, but 552 at RCPT (RFC 5321 4.5.3.1.10). */
static enum smtp_rcpt_state refusal(const struct smtp_client *c)
{
	return c->reply.code >= 500 ? SMTP_RCPT_PERMANENT : SMTP_RCPT_TEMPORARY;
}

static void refused_session(struct smtp_client *c)
{
	enum smtp_step step = smtp_client_step(c);
	struct smtp_outcome cause = smtp_client_said(c, step, SMTP_RCPT_TEMPORARY);
	enum smtp_client_end end = SMTP_END_REFUSED;
	if (c->reply.code >= 500 || c->secured) end = smtp_client_end_at(c, step, end);
	smtp_client_close(c, end, &cause);
}

static void banner_good(struct smtp_client *c)
{
	smtp_client_hello(c);
}

void smtp_client_become_ready(struct smtp_client *c)
{
	c->state = SMTP_CLIENT_AT_READY;
	c->due |= SMTP_CLIENT_DUE_READY;
	if (c->stopping) smtp_client_quit(c);
}

/* RFC 5321 4.1.1.1: the answer begins with the host's domain. */
static bool is_self(const struct smtp_client *c)
{
	struct str words = smtp_client_reply_text(c);
	return c->cfg->self.len > 0 && str_eq_nocase(str_word(&words), c->cfg->self);
}

static void met_self(struct smtp_client *c)
{
	struct smtp_outcome cause = smtp_client_own(smtp_client_step(c), SMTP_RCPT_TEMPORARY, "4.4.6",
		STR("the host greets with the name of this server: the mail would come back"));
	smtp_client_close(c, SMTP_END_LOOP, &cause);
}

static void hello_good(struct smtp_client *c)
{
	if (is_self(c)) {
		met_self(c);
		return;
	}
	if (!smtp_client_starttls(c) && !smtp_client_auth(c)) smtp_client_become_ready(c);
}

static void mail_good(struct smtp_client *c)
{
	c->mail_heard = c->mail_ok = true;
}

/* All recipients, also those that were left for another transaction: MAIL would be the
 * same there. */
static void mail_refused(struct smtp_client *c)
{
	struct smtp_outcome said = smtp_client_said(c, SMTP_STEP_MAIL, refusal(c));
	c->mail_heard = true;
	for (uint32_t i = 0; i < c->mail->rcpt_count; i++)
		if (c->mail->rcpts[i].outcome.state == SMTP_RCPT_NOT_TRIED)
			c->mail->rcpts[i].outcome.state = SMTP_RCPT_OPEN;
	smtp_client_settle(c, &said, false);
}

static struct smtp_client_rcpt *rcpt_heard(struct smtp_client *c)
{
	while (!c->mail->rcpts[c->rcpt_heard].sent) c->rcpt_heard++;
	c->unheard--;
	return &c->mail->rcpts[c->rcpt_heard++];
}

static void rcpt_good(struct smtp_client *c)
{
	struct smtp_client_rcpt *rcpt = rcpt_heard(c);
	/* MAIL was refused: nobody gets anything, whatever is said here. */
	if (rcpt->outcome.state != SMTP_RCPT_OPEN) return;
	rcpt->accepted = true;
	c->accepted++;
}

/* "No more recipients with this message", and not "this mailbox is full". */
static bool says_too_many(const struct smtp_reply *r)
{
	struct str status = r->has_enhanced ? str_from(str_of(r->enhanced), 1)
					    : (struct str){ NULL, 0 };
	if (str_starts(status, STR(".1.")) || str_starts(status, STR(".2.")))
		return false;
	return r->code == 452 || r->code == 552 || str_eq(status, STR(".5.3"));
}

static void rcpt_refused(struct smtp_client *c)
{
	struct smtp_client_rcpt *rcpt = rcpt_heard(c);
	if (rcpt->outcome.state != SMTP_RCPT_OPEN) return;
	bool too_many = c->accepted > 0 && says_too_many(&c->reply);
	enum smtp_rcpt_state state = too_many             ? SMTP_RCPT_NOT_TRIED
				   : c->reply.code == 552 ? SMTP_RCPT_TEMPORARY
							  : refusal(c);
	rcpt->outcome = smtp_client_said(c, SMTP_STEP_RCPT, state);
	if (too_many) smtp_client_stop_rcpts(c);
}

static void etrn_heard(struct smtp_client *c, enum smtp_rcpt_state state)
{
	struct smtp_client_rcpt *domain = rcpt_heard(c);
	domain->outcome = smtp_client_said(c, SMTP_STEP_ETRN, state);
}

static void etrn_good(struct smtp_client *c)
{
	etrn_heard(c, SMTP_RCPT_SENT);
}

/* Of no message's fate is this an answer: another time it may be another one. */
static void etrn_refused(struct smtp_client *c)
{
	etrn_heard(c, SMTP_RCPT_TEMPORARY);
}

static void atrn_heard(struct smtp_client *c, enum smtp_rcpt_state state)
{
	struct smtp_outcome said = smtp_client_said(c, SMTP_STEP_ATRN, state);
	c->unheard = 0;
	smtp_client_settle(c, &said, false);
}

static void atrn_good(struct smtp_client *c)
{
	c->turned = true;
	atrn_heard(c, SMTP_RCPT_SENT);
}

static void atrn_refused(struct smtp_client *c)
{
	enum { NO_MAIL = 453 };
	atrn_heard(c, c->reply.code == NO_MAIL ? SMTP_RCPT_SENT : SMTP_RCPT_TEMPORARY);
}

static void data_good(struct smtp_client *c)
{
	c->text_heard = true;
	c->state = SMTP_CLIENT_AT_BODY;
	/* RFC 2920 3.1: a text may be asked for that nobody gets. A dot alone, then. */
	if (c->accepted == 0) c->body_left = 0;
	if (c->body_left == 0) smtp_client_end_text(c);
}

static void data_refused(struct smtp_client *c)
{
	struct smtp_outcome said = smtp_client_said(c, SMTP_STEP_DATA, refusal(c));
	smtp_client_settle(c, &said, true);
	c->reset = c->mail_ok;
	smtp_client_finish(c);
}

/* Refused before all was sent. The rest of the text would be taken for commands, or is
 * owed to a BDAT; so the connection ends here. */
static void body_refused(struct smtp_client *c)
{
	struct smtp_outcome said = smtp_client_said(c, SMTP_STEP_BODY, refusal(c));
	smtp_client_settle(c, &said, true);
	smtp_client_close(c, SMTP_END_REFUSED, &said);
}

/* LMTP: true if this was the last of the replies, one for each accepted recipient. */
static bool end_of_one(struct smtp_client *c, const struct smtp_outcome *said)
{
	struct smtp_client_mail *mail = c->mail;
	while (!mail->rcpts[c->end_heard].accepted) c->end_heard++;
	mail->rcpts[c->end_heard++].outcome = *said;
	while (c->end_heard < mail->rcpt_count && !mail->rcpts[c->end_heard].accepted)
		c->end_heard++;
	return c->end_heard == mail->rcpt_count;
}

static void end_heard(struct smtp_client *c, enum smtp_rcpt_state state)
{
	struct smtp_outcome said = smtp_client_said(c, SMTP_STEP_END, state);
	if (!c->cfg->lmtp) smtp_client_settle(c, &said, true);
	else if (!end_of_one(c, &said)) return;
	/* RFC 3030 2: what a refused BDAT leaves behind is gone only after RSET. */
	c->reset = c->chunk && state != SMTP_RCPT_SENT;
	smtp_client_finish(c);
}

static void end_good(struct smtp_client *c)
{
	end_heard(c, SMTP_RCPT_SENT);
}

static void end_refused(struct smtp_client *c)
{
	end_heard(c, refusal(c));
}

/* No reply, or a code that is none at this step. */
void smtp_client_garbage(struct smtp_client *c)
{
	char text[SMTP_REPLY_TEXT_MAX];
	struct buf words;
	enum smtp_step step = smtp_client_step(c);
	buf_init_fixed(&words, text, sizeof text);
	buf_str(&words, STR("no reply that makes sense while "));
	buf_str(&words, smtp_step_words(step));
	buf_str(&words, STR(": "));
	if (c->reply.code) buf_u64(&words, c->reply.code);
	if (c->reply.code) buf_byte(&words, ' ');
	smtp_text_safe(&words, smtp_client_reply_text(c));
	struct smtp_outcome cause = smtp_client_own(step, SMTP_RCPT_TEMPORARY, "4.5.0",
						    buf_view(&words));
	cause.protocol = true;
	smtp_client_close(c, smtp_client_end_at(c, step, SMTP_END_GARBAGE), &cause);
}

static void shut(struct smtp_client *c)
{
	struct smtp_outcome cause =
		smtp_client_said(c, smtp_client_step(c), SMTP_RCPT_TEMPORARY);
	smtp_client_close(c, SMTP_END_SHUT, &cause);
}

static void quit_answered(struct smtp_client *c)
{
	struct smtp_outcome cause =
		smtp_client_said(c, SMTP_STEP_QUIT, SMTP_RCPT_TEMPORARY);
	smtp_client_close(c, SMTP_END_QUIT, &cause);
}

/* A reply to nothing, between two commands of a transaction. */
static bool is_unasked(const struct smtp_client *c, enum smtp_step step)
{
	return (step == SMTP_STEP_MAIL && !c->mail_sent) ||
	       ((step == SMTP_STEP_RCPT || step == SMTP_STEP_ETRN || step == SMTP_STEP_ATRN) &&
		c->unheard == 0);
}

void smtp_client_heard(struct smtp_client *c)
{
	static const struct {
		uint8_t good_class;
		heard_fn *good, *refused;
	} rows[SMTP_STEPS] = {
		[SMTP_STEP_CONNECT] = { 0, NULL, smtp_client_garbage },
		[SMTP_STEP_BANNER] = { 2, banner_good, refused_session },
		[SMTP_STEP_EHLO] = { 2, hello_good, refused_session },
		[SMTP_STEP_LHLO] = { 2, hello_good, refused_session },
		[SMTP_STEP_HELO] = { 2, hello_good, refused_session },
		[SMTP_STEP_STARTTLS] = { 2, smtp_client_starttls_good,
					 smtp_client_starttls_refused },
		[SMTP_STEP_TLS] = { 0, NULL, smtp_client_garbage },
		[SMTP_STEP_AUTH] = { 2, smtp_client_auth_good, smtp_client_auth_refused },
		[SMTP_STEP_IDLE] = { 0, NULL, smtp_client_garbage },
		[SMTP_STEP_MAIL] = { 2, mail_good, mail_refused },
		[SMTP_STEP_RCPT] = { 2, rcpt_good, rcpt_refused },
		[SMTP_STEP_DATA] = { 3, data_good, data_refused },
		[SMTP_STEP_BODY] = { 0, NULL, body_refused },
		[SMTP_STEP_END] = { 2, end_good, end_refused },
		[SMTP_STEP_ETRN] = { 2, etrn_good, etrn_refused },
		[SMTP_STEP_ATRN] = { 2, atrn_good, atrn_refused },
		[SMTP_STEP_RSET] = { 2, smtp_client_become_ready, refused_session },
		[SMTP_STEP_QUIT] = { 2, quit_answered, quit_answered },
	};
	enum smtp_step step = smtp_client_step(c);
	unsigned class = c->reply.bad ? 0 : c->reply.code / 100u;
	if (is_unasked(c, step) && c->reply.code != 421) class = 0;
	if (step == SMTP_STEP_QUIT) quit_answered(c);
	else if (class == 0) smtp_client_garbage(c);
	else if (c->reply.code == 421) shut(c);
	else if (step == SMTP_STEP_AUTH && class == 3) smtp_client_auth_asked(c);
	else if (class == rows[step].good_class) rows[step].good(c);
	else if (class == 4 || class == 5) rows[step].refused(c);
	else smtp_client_garbage(c);
}
