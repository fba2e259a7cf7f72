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
	return true;
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
