/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

/* Path and ENVID point into the command line: gives them memory of the transaction. */
static bool keep(struct smtp_server *s)
{
	struct smtp_server_mail *mail = &s->mail;
	char *to = smtp_slot(s, mail->path.whole.len + mail->params.envid.len);
	if (!to) return false;
	s->slot = NULL;
	smtp_path_move(&mail->path, &to);
	mail->params.envid = smtp_copy(&to, mail->params.envid);
	return true;
}

/* What was not offered is not known; but who only has to encrypt first is told so. */
static bool check_extra(struct smtp_server *s)
{
	const struct smtp_extra_params *extra = &s->mail.params.extra;
	unsigned offered = s->extra;
	if (!s->tls) offered &= ~(unsigned)SMTP_EXTRA_REQUIRETLS;
	unsigned asks = extra->asks & ~offered;
	if (asks == SMTP_EXTRA_REQUIRETLS && s->extra & SMTP_EXTRA_REQUIRETLS && s->tls_offered) {
		smtp_bad(s, 530, "5.7.0", "REQUIRETLS wants a STARTTLS command first");
	} else if (asks) {
		smtp_bad_params(s, SMTP_PARAMS_UNKNOWN);
	} else if (extra->by == SMTP_BY_RETURN && (uint32_t)extra->by_s < s->cfg->by_min_s) {
		/* RFC 2852 3 and 4: a time that nothing is delivered in here. */
		smtp_reply(s, 555, "5.5.4", STR("The time behind BY is shorter than DELIVERBY says"));
	} else {
		return true;
	}
	return false;
}

static bool parse(struct smtp_server *s, struct str arg)
{
	struct str params;
	if (!smtp_command_word(&arg, STR("FROM:"))) {
		smtp_bad(s, 501, "5.5.4", "Write MAIL FROM:<address>");
		return false;
	}
	enum smtp_path_result path =
		smtp_path_parse(arg, SMTP_REVERSE_PATH, &s->mail.path, &params);
	if (path != SMTP_PATH_OK) {
		smtp_bad_path(s, SMTP_REVERSE_PATH, path);
		return false;
	}
	enum smtp_params_result result = smtp_mail_params_parse(params, &s->mail.params);
	if (result != SMTP_PARAMS_OK) {
		smtp_bad_params(s, result);
		return false;
	}
	if (s->mail.path.utf8 && !s->mail.params.smtputf8) {
		smtp_bad_path(s, SMTP_REVERSE_PATH, SMTP_PATH_BAD_UTF8);
		return false;
	}
	return check_extra(s);
}

void smtp_verb_mail(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	const struct smtp_server_settings *cfg = s->cfg;
	if (cfg->messages_max && s->messages >= cfg->messages_max) {
		smtp_reply(s, 421, "4.7.0", STR("Enough messages on this connection, "
						"open another one"));
		smtp_close(s, 421);
	} else if (!parse(s, arg)) {
		s->mail = (struct smtp_server_mail){ 0 };
	} else if (cfg->size_max && s->mail.params.size > cfg->size_max) {
		s->mail = (struct smtp_server_mail){ 0 };
		smtp_reply(s, 552, "5.3.4",
			   STR("The message is larger than SIZE allows"));
	} else if (!keep(s)) {
		s->mail = (struct smtp_server_mail){ 0 };
		smtp_reply(s, 452, "4.3.1", STR("No memory, try again later"));
	} else {
		s->owed = SMTP_OWED_MAIL;
		ev->type = SMTP_EV_MAIL;
	}
}
