/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT: a client that is trusted says for whom it speaks, and the session begins anew as
 * that client's. What it says is the caller's to read (lib/smtp/xclient.h). */
#include <assert.h>

#include "lib/smtp/server_verbs.h"

void smtp_xclient_put(struct smtp_server *s)
{
	if (s->xclient_offer < SMTP_XCLIENT_OFFERED) return;
	buf_str(s->out, STR("250-XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT"));
	if (s->xclient_offer == SMTP_XCLIENT_OFFERED_LOGIN) buf_str(s->out, STR(" LOGIN"));
	buf_crlf(s->out);
}

void smtp_verb_xclient(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (s->xclient_offer == SMTP_XCLIENT_OFF) {
		smtp_verb_refused(s, arg, ev);
	} else if (s->xclient_offer == SMTP_XCLIENT_DENIED) {
		smtp_bad(s, 550, "5.7.0", "You may not speak for others here");
	} else if (s->in_transaction) {
		smtp_bad(s, 503, "5.5.1", "XCLIENT does not come inside of a transaction");
	} else if (arg.len == 0) {
		smtp_bad(s, 501, "5.5.4", "XCLIENT wants NAME=VALUE");
	} else {
		char *to = smtp_slot(s, arg.len);
		if (!to) {
			smtp_reply(s, 451, "4.3.0", STR("No memory, try again later"));
			return;
		}
		s->xclient = smtp_copy(&to, arg);
		s->owed = SMTP_OWED_XCLIENT;
		ev->type = SMTP_EV_XCLIENT;
	}
}

void smtp_xclient_answered(struct smtp_server *s)
{
	s->due |= SMTP_DUE_FORGET;
	arena_free(&s->session);
	s->helo = (struct str){ NULL, 0 };
	s->esmtp = s->unsynchronised = s->authenticated = false;
	s->errors = 0;
	s->auth.failures = 0;
	s->state = SMTP_AT_START;
	smtp_server_greet(s);
}

void smtp_server_client(struct smtp_server *s, struct str client_literal)
{
	assert(!s->in_transaction);
	s->client = client_literal;
}

bool smtp_server_introduce(struct smtp_server *s, struct str helo, bool esmtp)
{
	assert(s->state == SMTP_AT_START && helo.len && helo.len <= SMTP_HELO_MAX);
	struct str copy = arena_str(&s->session, helo);
	if (!copy.at) return false;
	s->helo = copy;
	s->esmtp = esmtp;
	s->state = SMTP_AT_READY;
	return true;
}
