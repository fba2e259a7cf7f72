/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

#include <assert.h>

void smtp_verb_starttls(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (!s->tls_offered && !s->tls) {
		smtp_bad(s, 502, "5.5.1", "This command is not offered here");
	} else if (s->tls) {
		smtp_bad(s, 503, "5.5.1", "The connection is encrypted already");
	} else if (arg.len) {
		smtp_bad(s, 501, "5.5.4", "STARTTLS has no argument");
	} else {
		s->owed = SMTP_OWED_TLS;
		ev->type = SMTP_EV_STARTTLS;
	}
}

/* RFC 3207 4: what a client may say before it has encrypted. MAIL is let through to be
 * refused by policy, which tells the rule; BDAT because its chunk has to be swallowed, or it
 * would be taken for commands; pages of a browser are to be closed at once. */
bool smtp_tls_is_missing(struct smtp_server *s, const struct smtp_verb *verb)
{
	static smtp_verb_fn *const open[] = {
		smtp_verb_ehlo, smtp_verb_helo, smtp_verb_noop, smtp_verb_quit,
		smtp_verb_starttls, smtp_verb_mail, smtp_verb_bdat, smtp_verb_http,
	};
	if (!s->tls_required || s->tls) return false;
	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		if (verb->handler == open[i]) return false;
	smtp_bad(s, 530, "5.7.0", "Must issue a STARTTLS command first");
	return true;
}

/* Behind the 220 only TLS comes, which is not for this machine. Clear text here was sent
 * before the client could know the answer, or was put there by somebody in between to be
 * taken as if it had been encrypted (CVE-2011-0411): none of it is looked at, and the
 * connection is of no use any more. There is no reply that both sides would read alike. */
void smtp_tls_step(struct smtp_server *s, struct str *in, struct smtp_event *ev)
{
	if (in->len == 0) {
		ev->type = SMTP_EV_WAIT;
		return;
	}
	*in = str_from(*in, in->len);
	smtp_close(s, 503);
}

void smtp_server_secured(struct smtp_server *s)
{
	assert(s->state == SMTP_AT_TLS || s->state == SMTP_AT_START);
	assert(!s->tls && !s->in_transaction);
	arena_free(&s->session);
	s->helo = (struct str){ NULL, 0 };
	s->esmtp = s->unsynchronised = s->authenticated = false;
	s->errors = 0;
	s->state = SMTP_AT_START;
	s->tls = true;
}
