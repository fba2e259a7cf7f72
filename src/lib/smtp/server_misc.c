/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

void smtp_verb_noop(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)arg, (void)ev; /* RFC 5321 4.1.1.9: its text is ignored */
	smtp_reply(s, 250, "2.0.0", STR("OK"));
}

void smtp_verb_rset(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)ev;
	if (arg.len) {
		smtp_bad(s, 501, "5.5.4", "RSET has no argument");
		return;
	}
	smtp_transaction_abort(s, 250);
	smtp_reply(s, 250, "2.0.0", STR("OK"));
}

void smtp_verb_vrfy(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (arg.len == 0) {
		smtp_bad(s, 501, "5.5.4", "VRFY wants a user or an address");
		return;
	}
	char *to = s->vrfy_asked ? smtp_slot(s, arg.len) : NULL;
	if (!to) {
		smtp_reply(s, 252, "2.0.0", STR("Not verified; try RCPT and see"));
		return;
	}
	s->vrfy = smtp_copy(&to, arg);
	s->owed = SMTP_OWED_VRFY;
	ev->type = SMTP_EV_VRFY;
}

void smtp_verb_expn(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (!s->expn_asked) {
		smtp_verb_refused(s, arg, ev);
		return;
	}
	if (arg.len == 0) {
		smtp_bad(s, 501, "5.5.4", "EXPN wants an address");
		return;
	}
	char *to = smtp_slot(s, arg.len);
	if (!to) {
		smtp_reply(s, 451, "4.3.0", STR("Out of memory; try again later"));
		return;
	}
	s->vrfy = smtp_copy(&to, arg);
	s->owed = SMTP_OWED_VRFY;
	ev->type = SMTP_EV_EXPN;
}

/* RFC 1985 5.1: its argument is a domain, perhaps with an option character in front. */
void smtp_verb_etrn(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (!s->etrn_asked) {
		smtp_verb_refused(s, arg, ev);
		return;
	}
	if (s->state != SMTP_AT_READY) {
		smtp_bad(s, 503, "5.5.1", "ETRN comes behind EHLO, and not inside of a transaction");
		return;
	}
	if (arg.len == 0) {
		smtp_bad(s, 501, "5.5.4", "ETRN wants a domain");
		return;
	}
	char *to = smtp_slot(s, arg.len);
	if (!to) {
		smtp_reply(s, 458, "4.3.0", STR("Out of memory; try again later"));
		return;
	}
	s->vrfy = smtp_copy(&to, arg);
	s->owed = SMTP_OWED_VRFY;
	ev->type = SMTP_EV_ETRN;
}

void smtp_verb_help(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)arg, (void)ev;
	if (s->odmr)
		smtp_reply(s, 214, "2.0.0",
			   STR("Commands: EHLO HELO STARTTLS AUTH ATRN RSET NOOP HELP QUIT; see RFC 2645"));
	else
		smtp_reply(s, 214, "2.0.0",
		   STR("Commands: EHLO HELO AUTH MAIL RCPT DATA BDAT RSET NOOP "
		       "VRFY HELP QUIT; see RFC 5321"));
}

void smtp_verb_quit(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)arg, (void)ev;
	smtp_reply(s, 221, "2.0.0", STR("Goodbye"));
	smtp_close(s, 221);
}

void smtp_verb_refused(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)arg, (void)ev;
	smtp_bad(s, 502, "5.5.1", "This command is not offered here");
}

/* A browser that was talked into posting a form to us would go on with lines that its
 * page chose: close before one of them is taken for a command. */
void smtp_verb_http(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)arg, (void)ev;
	smtp_reply(s, 554, "5.5.1", STR("This is a mail service, not a web server"));
	smtp_close(s, 554);
}
