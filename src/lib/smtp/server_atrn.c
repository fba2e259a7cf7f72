/* SPDX-License-Identifier: Apache-2.0 */
/* On-Demand Mail Relay (RFC 2645), as the provider has it: a client logs in and asks for its mail by
 * ATRN; then the roles turn, on the same connection. */
#include "lib/smtp/server_verbs.h"

void smtp_odmr_hello(struct smtp_server *s)
{
	buf_str(s->out, STR("250-ENHANCEDSTATUSCODES\r\n"));
	if (s->tls_offered && !s->tls) buf_str(s->out, STR("250-STARTTLS\r\n"));
	if (s->auth.offer.len) {
		buf_str(s->out, STR("250-AUTH "));
		buf_str(s->out, s->auth.offer);
		buf_crlf(s->out);
	}
	smtp_xclient_put(s);
	buf_str(s->out, STR("250-ATRN\r\n250 HELP\r\n"));
}

/* BDAT is let through to be refused there, because its chunk has to be swallowed; pages of a browser
 * are to be closed at once. */
bool smtp_odmr_refuses(struct smtp_server *s, const struct smtp_verb *verb)
{
	static smtp_verb_fn *const refused[] = {
		smtp_verb_mail, smtp_verb_rcpt, smtp_verb_data, smtp_verb_vrfy, smtp_verb_expn, smtp_verb_etrn,
	};
	for (size_t i = 0; s->odmr && i < sizeof refused / sizeof *refused; i++) {
		if (verb->handler != refused[i]) continue;
		smtp_bad(s, 502, "5.5.1", "No mail is taken here: log in, and fetch yours by ATRN");
		return true;
	}
	return false;
}

/* RFC 2645 5.2: without a login 530. */
void smtp_verb_atrn(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (!s->odmr) {
		smtp_verb_refused(s, arg, ev);
		return;
	}
	if (!s->authenticated) {
		smtp_bad(s, 530, "5.7.0", "Authentication required: log in with AUTH before ATRN");
		return;
	}
	if (s->state != SMTP_AT_READY) {
		smtp_bad(s, 503, "5.5.1", "EHLO comes before ATRN");
		return;
	}
	char *to = smtp_slot(s, arg.len + 1);
	if (!to) {
		smtp_reply(s, 451, "4.3.0", STR("Out of memory; try again later"));
		return;
	}
	s->vrfy = smtp_copy(&to, arg);
	s->owed = SMTP_OWED_ATRN;
	ev->type = SMTP_EV_ATRN;
}
