/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

/* A name is not judged here: hosts say what they are called at home, with underscores,
 * blanks or a single label, and RFC 5321 4.1.4 forbids to refuse mail for that. */
static bool helo_is_valid(struct str name)
{
	if (name.len == 0 || name.len > SMTP_HELO_MAX) return false;
	for (size_t i = 0; i < name.len; i++)
		if (!ascii_is_print(name.at[i])) return false;
	return true;
}

/* RFC 5321 4.1.4: a second EHLO is a RSET as well. */
static bool hello(struct smtp_server *s, struct str name, bool esmtp)
{
	if (!helo_is_valid(name)) {
		smtp_bad(s, 501, "5.5.4",
			 "A host name has to follow, at most 255 octets");
		return false;
	}
	smtp_transaction_abort(s, 250);
	arena_free(&s->session);
	s->helo = arena_str(&s->session, name);
	if (!s->helo.at) {
		smtp_reply(s, 421, "4.3.0", STR("No memory, try again later"));
		smtp_close(s, 421);
		return false;
	}
	s->esmtp = esmtp;
	s->state = SMTP_AT_READY;
	s->due |= SMTP_DUE_HELLO;
	return true;
}

static void put_greets(struct smtp_server *s, char separator)
{
	buf_str(s->out, STR("250"));
	buf_byte(s->out, separator);
	buf_str(s->out, s->cfg->hostname);
	buf_str(s->out, STR(" greets "));
	buf_str(s->out, s->client);
	buf_crlf(s->out);
}

void smtp_verb_helo(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)ev;
	if (hello(s, arg, false)) put_greets(s, ' ');
}

/* RFC 9422: what a client may send before it meets 452 or 421. */
static void put_limits(struct smtp_server *s)
{
	const struct smtp_server_settings *cfg = s->cfg;
	if (!cfg->recipients_max && !cfg->messages_max) return;
	buf_str(s->out, STR("250-LIMITS"));
	if (cfg->recipients_max) {
		buf_str(s->out, STR(" RCPTMAX="));
		buf_u64(s->out, cfg->recipients_max);
	}
	if (cfg->messages_max) {
		buf_str(s->out, STR(" MAILMAX="));
		buf_u64(s->out, cfg->messages_max);
	}
	buf_crlf(s->out);
}

static void put_extra(struct smtp_server *s)
{
	/* RFC 8689 2: not in the clear. */
	if (s->extra & SMTP_EXTRA_REQUIRETLS && s->tls) buf_str(s->out, STR("250-REQUIRETLS\r\n"));
	if (s->extra & SMTP_EXTRA_PRIORITY) buf_str(s->out, STR("250-MT-PRIORITY MIXER\r\n"));
	if (s->extra & SMTP_EXTRA_FUTURE) {
		buf_str(s->out, STR("250-FUTURERELEASE "));
		buf_str(s->out, s->future);
		buf_crlf(s->out);
	}
	if (!(s->extra & SMTP_EXTRA_BY)) return;
	buf_str(s->out, STR("250-DELIVERBY"));
	if (s->cfg->by_min_s) {
		buf_byte(s->out, ' ');
		buf_u64(s->out, s->cfg->by_min_s);
	}
	buf_crlf(s->out);
}

void smtp_verb_ehlo(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	(void)ev;
	if (!hello(s, arg, true)) return;
	put_greets(s, '-');
	if (s->odmr) {
		smtp_odmr_hello(s);
		return;
	}
	buf_str(s->out, STR("250-PIPELINING\r\n250-SIZE "));
	buf_u64(s->out, s->cfg->size_max);
	buf_str(s->out,
		STR("\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-CHUNKING\r\n250-DSN\r\n"
		    "250-ENHANCEDSTATUSCODES\r\n"));
	if (s->tls_offered && !s->tls) buf_str(s->out, STR("250-STARTTLS\r\n"));
	if (s->vrfy_asked) buf_str(s->out, STR("250-VRFY\r\n"));
	if (s->expn_asked) buf_str(s->out, STR("250-EXPN\r\n"));
	if (s->etrn_asked) buf_str(s->out, STR("250-ETRN\r\n"));
	if (s->auth.offer.len) {
		buf_str(s->out, STR("250-AUTH "));
		buf_str(s->out, s->auth.offer);
		buf_crlf(s->out);
	}
	put_extra(s);
	smtp_xclient_put(s);
	put_limits(s);
	buf_str(s->out, STR("250 HELP\r\n"));
}
