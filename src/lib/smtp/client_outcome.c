/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/client_parts.h"

#include "lib/base/utf8.h"

/* Most texts are alike; one copy serves all that follow each other. */
static struct str keep_text(struct smtp_client *c, struct str text)
{
	if (!str_eq(text, c->last_text)) c->last_text = arena_str(&c->texts, text);
	return c->last_text;
}

static char class_of(enum smtp_rcpt_state state)
{
	if (state == SMTP_RCPT_SENT) return '2';
	return state == SMTP_RCPT_PERMANENT ? '5' : '4';
}

struct smtp_outcome smtp_client_said(struct smtp_client *c, enum smtp_step step,
				     enum smtp_rcpt_state state)
{
	const struct smtp_reply *r = &c->reply;
	struct smtp_outcome said = { .state = state, .step = step, .code = r->code };
	said.text = keep_text(c, smtp_client_reply_text(c));
	smtp_enhanced_default(step, r->code, said.enhanced);
	if (r->has_enhanced)
		(void)str_to_cstr(str_of(r->enhanced), said.enhanced,
				  sizeof said.enhanced);
	said.enhanced[0] = class_of(state);
	said.protocol = (r->code >= 500 && r->code <= 504) || r->code == 555;
	return said;
}

struct smtp_outcome smtp_client_own(enum smtp_step step, enum smtp_rcpt_state state,
				    const char *enhanced, struct str text)
{
	struct smtp_outcome own = { .state = state, .step = step, .text = text };
	(void)str_to_cstr(str_of(enhanced), own.enhanced, sizeof own.enhanced);
	return own;
}

void smtp_client_settle(struct smtp_client *c, const struct smtp_outcome *outcome,
			bool accepted_only)
{
	for (uint32_t i = 0; i < c->mail->rcpt_count; i++) {
		struct smtp_client_rcpt *rcpt = &c->mail->rcpts[i];
		if (rcpt->outcome.state != SMTP_RCPT_OPEN) continue;
		if (rcpt->accepted || !accepted_only) rcpt->outcome = *outcome;
	}
}

static void stop_rcpts_at(struct smtp_client *c, uint32_t from)
{
	struct smtp_outcome rest = smtp_client_own(
		SMTP_STEP_RCPT, SMTP_RCPT_NOT_TRIED, "4.5.3",
		STR("the host takes no more recipients with one message"));
	for (uint32_t i = from; i < c->mail->rcpt_count; i++)
		if (c->mail->rcpts[i].outcome.state == SMTP_RCPT_OPEN)
			c->mail->rcpts[i].outcome = rest;
}

void smtp_client_stop_rcpts(struct smtp_client *c)
{
	stop_rcpts_at(c, c->rcpt_next);
}

static bool is_fit(struct str address)
{
	for (size_t i = 0; i < address.len; i++)
		if (ascii_is_ctl(address.at[i])) return false;
	return address.len <= SMTP_CLIENT_ADDRESS_MAX;
}

/* A host that was only asked with HELO may offer it; so no permanent failure there. */
static struct smtp_outcome no_utf8(const struct smtp_client *c)
{
	if (c->helo_only)
		return smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_TEMPORARY, "4.6.7",
				       STR("the message wants SMTPUTF8, and the host did "
					   "not answer EHLO"));
	struct smtp_outcome none =
		smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.6.7",
				STR("the message wants SMTPUTF8, which the host does not "
				    "offer"));
	none.host_scoped = true;
	return none;
}

/* RFC 2852 4.1.4.1: who is to get it back in time must not have it handed to somebody who would keep it
 * for longer. A host that was only asked with HELO may know better another time. */
static struct smtp_outcome check_by(const struct smtp_client *c)
{
	const struct smtp_client_mail *mail = c->mail;
	if (mail->by != SMTP_BY_RETURN || c->cfg->lmtp)
		return (struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
	if (mail->by_s <= 0)
		return smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.4.7",
				       STR("the time that the sender has set is over"));
	if (c->caps.by && (uint32_t)mail->by_s >= c->caps.by_min_s)
		return (struct smtp_outcome){ .state = SMTP_RCPT_OPEN };
	if (c->helo_only)
		return smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_TEMPORARY, "4.4.7",
				       STR("the sender has set a time, and the host did not answer "
					   "EHLO"));
	struct smtp_outcome no =
		smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.4.7",
				c->caps.by ? STR("the host wants more time than the sender has left it")
					   : STR("the sender has set a time, which the host can not "
						 "keep: it does not offer DELIVERBY"));
	no.host_scoped = true;
	return no;
}

/* RFC 8689 4.2.1: what was said before TLS does not count, nor HELO. */
static struct smtp_outcome no_requiretls(void)
{
	struct smtp_outcome none =
		smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.7.30",
				STR("the message demands REQUIRETLS, which the host does not "
				    "offer"));
	none.host_scoped = true;
	return none;
}

/* What speaks against the message as a whole; SMTP_RCPT_OPEN: nothing. */
static struct smtp_outcome check_mail(const struct smtp_client *c)
{
	const struct smtp_client_mail *mail = c->mail;
	bool utf8 = mail->smtputf8 || !utf8_is_ascii(mail->sender);
	if (!is_fit(mail->sender))
		return smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.1.7",
				       STR("the sender's address can not be sent"));
	bool secured = c->secured || c->cfg->carried;
	if (mail->requiretls && !(secured && c->caps.requiretls)) return no_requiretls();
	if (utf8 && !c->caps.smtputf8) return no_utf8(c);
	if (!c->caps.size_max || mail->size <= c->caps.size_max) return check_by(c);
	struct smtp_outcome large =
		smtp_client_own(SMTP_STEP_MAIL, SMTP_RCPT_PERMANENT, "5.3.4",
				STR("the message is larger than the host takes"));
	large.host_scoped = true;
	return large;
}

static void check_rcpt(struct smtp_client *c, struct smtp_client_rcpt *rcpt)
{
	bool ascii = utf8_is_ascii(rcpt->address);
	if (rcpt->address.len == 0 || !is_fit(rcpt->address))
		rcpt->outcome =
			smtp_client_own(SMTP_STEP_RCPT, SMTP_RCPT_PERMANENT, "5.1.3",
					STR("the recipient's address can not be sent"));
	else if (!ascii && !c->caps.smtputf8)
		rcpt->outcome = no_utf8(c);
	else
		c->utf8 = c->utf8 || !ascii;
}

void smtp_client_check(struct smtp_client *c)
{
	struct smtp_client_mail *mail = c->mail;
	struct smtp_outcome whole = check_mail(c);
	uint32_t max = c->cfg->rcpts_max, count = 0;
	uint32_t first_over = mail->rcpt_count;
	if (c->caps.rcptmax && c->caps.rcptmax < max) max = c->caps.rcptmax;
	c->utf8 = mail->smtputf8 || !utf8_is_ascii(mail->sender);
	for (uint32_t i = 0; i < mail->rcpt_count; i++) {
		struct smtp_client_rcpt *rcpt = &mail->rcpts[i];
		rcpt->sent = rcpt->accepted = false;
		if (rcpt->outcome.state == SMTP_RCPT_NOT_TRIED)
			rcpt->outcome.state = SMTP_RCPT_OPEN;
		if (rcpt->outcome.state == SMTP_RCPT_OPEN &&
		    whole.state != SMTP_RCPT_OPEN)
			rcpt->outcome = whole;
		if (rcpt->outcome.state == SMTP_RCPT_OPEN) check_rcpt(c, rcpt);
		if (rcpt->outcome.state == SMTP_RCPT_OPEN && ++count == max + 1)
			first_over = i;
	}
	stop_rcpts_at(c, first_over);
}
