/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/smtp/server_verbs.h"

static bool keep(struct smtp_server *s)
{
	struct smtp_server_rcpt *rcpt = &s->rcpt;
	char *to = smtp_slot(s, rcpt->path.whole.len + rcpt->params.orcpt.len);
	if (!to) return false;
	smtp_path_move(&rcpt->path, &to);
	rcpt->params.orcpt = smtp_copy(&to, rcpt->params.orcpt);
	return true;
}

static bool parse(struct smtp_server *s, struct str arg)
{
	struct str params;
	bool utf8 = s->mail.params.smtputf8;
	if (!smtp_command_word(&arg, STR("TO:"))) {
		smtp_bad(s, 501, "5.5.4", "Write RCPT TO:<address>");
		return false;
	}
	enum smtp_path_result path =
		smtp_path_parse(arg, SMTP_FORWARD_PATH, &s->rcpt.path, &params);
	if (path == SMTP_PATH_OK && s->rcpt.path.utf8 && !utf8) path = SMTP_PATH_BAD_UTF8;
	if (path != SMTP_PATH_OK) {
		smtp_bad_path(s, SMTP_FORWARD_PATH, path);
		return false;
	}
	enum smtp_params_result result =
		smtp_rcpt_params_parse(params, utf8, &s->rcpt.params);
	if (result != SMTP_PARAMS_OK) {
		smtp_bad_params(s, result);
		return false;
	}
	return true;
}

void smtp_verb_rcpt(struct smtp_server *s, struct str arg, struct smtp_event *ev)
{
	if (!parse(s, arg)) {
		s->rcpt = (struct smtp_server_rcpt){ 0 };
	} else if (s->rcpt_accepted >= s->cfg->recipients_max || !keep(s)) {
		/* 452, not 552: the client sends the rest in another transaction
		 * (RFC 5321 4.5.3.1.10). */
		s->rcpt = (struct smtp_server_rcpt){ 0 };
		smtp_reply(s, 452, "4.5.3",
			   STR("Too many recipients, send the message to "
			       "the others separately"));
	} else {
		s->owed = SMTP_OWED_RCPT;
		ev->type = SMTP_EV_RCPT;
	}
}
