/* SPDX-License-Identifier: Apache-2.0 */
#include "session.h"

enum { TEXT_MAX = 4 * 1024 * 1024 };

void session_init(struct session *s, const struct smtp_server_settings *cfg)
{
	*s = (struct session){ .cfg = *cfg };
	buf_init(&s->in, TEXT_MAX);
	buf_init(&s->out, TEXT_MAX);
	buf_init(&s->body, TEXT_MAX);
	buf_init(&s->accepted, TEXT_MAX);
	smtp_server_init(&s->server, &s->cfg, STR("[192.0.2.1]"), &s->out);
	smtp_server_greet(&s->server);
}

void session_free(struct session *s)
{
	smtp_server_free(&s->server);
	buf_free(&s->in);
	buf_free(&s->out);
	buf_free(&s->body);
	buf_free(&s->accepted);
}

static void answer(struct session *s, unsigned code, const char *enhanced,
		   const char *text)
{
	smtp_server_answer(&s->server, code, enhanced, str_of(text));
}

static void answer_mail(struct session *s)
{
	if (s->open) s->broken = "MAIL inside of a transaction";
	if (str_eq_nocase(s->server.mail.path.domain, STR("refused.example"))) {
		answer(s, 550, "5.7.1", "Sender refused");
		return;
	}
	s->open = true;
	answer(s, 0, NULL, NULL);
}

static void answer_rcpt(struct session *s)
{
	const struct smtp_path *path = &s->server.rcpt.path;
	if (!s->open) s->broken = "RCPT outside of a transaction";
	if (str_starts_nocase(path->local, STR("unknown")))
		answer(s, 550, "5.1.1", "No such user");
	else if (str_starts_nocase(path->local, STR("later")))
		answer(s, 451, "4.3.0", "Try again later");
	else if (str_starts_nocase(path->local, STR("shutdown")))
		answer(s, 421, "4.3.2", "Closing");
	else if (str_eq_nocase(path->domain, STR("foreign.example")))
		answer(s, 550, "5.7.1", "Relaying denied");
	else
		answer(s, 0, NULL, NULL);
}

static void answer_vrfy(struct session *s)
{
	if (str_starts_nocase(s->server.vrfy, STR("unknown")))
		answer(s, 550, "5.1.1", "No such user");
	else
		answer(s, 0, NULL, NULL);
}

static void answer_data(struct session *s)
{
	buf_reset(&s->body);
	if (str_starts_nocase(s->server.mail.path.local, STR("nodata")))
		answer(s, 451, "4.3.0", "The spool is full");
	else
		answer(s, 0, NULL, NULL);
}

static void answer_end(struct session *s)
{
	s->open = false;
	if (s->server.body_size != s->body.len) s->broken = "body_size is not what came";
	if (s->server.rcpt_accepted == 0) s->broken = "END without recipients";
	if (str_starts_nocase(s->server.mail.path.local, STR("noend"))) {
		answer(s, 550, "5.7.0", "Content refused");
		return;
	}
	s->messages++;
	buf_reset(&s->accepted);
	buf_str(&s->accepted, buf_view(&s->body));
	answer(s, 250, "2.0.0", "queued");
}

/* PLAIN, LOGIN and, as an example of more steps, CHALLENGE, which wants its challenge
 * back: ann and her secret. */
static void answer_auth(struct session *s)
{
	const struct smtp_server_auth *auth = &s->server.auth;
	struct str response = auth->response;
	if (auth->begins == s->logging_in) s->broken = "begin and step are mixed up";
	s->logging_in = false;
	if (str_eq(auth->mechanism, STR("CHALLENGE")) && auth->begins) {
		s->logging_in = true;
		smtp_server_challenge(&s->server, STR("say it"));
	} else if (str_eq(response, STR("\0ann\0secret")) ||
		   (!auth->begins && str_eq(response, STR("say it")))) {
		answer(s, 0, NULL, NULL);
	} else if (str_eq(response, STR("\0later\0secret"))) {
		answer(s, 454, "4.7.0", "The directory can not be asked");
	} else {
		answer(s, 535, "5.7.8", "Wrong name or password");
	}
}

static void handle(struct session *s, struct smtp_event ev)
{
	if (s->closed) s->broken = "event after CLOSE";
	switch (ev.type) {
	case SMTP_EV_NONE: case SMTP_EV_FULL: case SMTP_EV_HELLO: break;
	case SMTP_EV_WAIT: s->broken = "WAIT without a question"; break;
	case SMTP_EV_STARTTLS:
		if (s->open) s->broken = "STARTTLS inside of a transaction";
		s->securing = !s->no_certificate;
		if (s->no_certificate) answer(s, 454, "4.7.0", "TLS not available");
		else answer(s, 0, NULL, NULL);
		break;
	case SMTP_EV_MAIL: answer_mail(s); break;
	case SMTP_EV_RCPT: answer_rcpt(s); break;
	case SMTP_EV_VRFY:
	case SMTP_EV_ETRN:
	case SMTP_EV_ATRN:
	case SMTP_EV_EXPN: answer_vrfy(s); break;
	case SMTP_EV_XCLIENT: s->broken = "XCLIENT is not offered"; break;
	case SMTP_EV_AUTH: answer_auth(s); break;
	case SMTP_EV_AUTH_END:
		if (!s->logging_in) s->broken = "AUTH_END without a login";
		s->logging_in = false;
		break;
	case SMTP_EV_DATA: answer_data(s); break;
	case SMTP_EV_BODY: buf_str(&s->body, ev.bytes); break;
	case SMTP_EV_END: answer_end(s); break;
	case SMTP_EV_ABORT:
		if (!s->open) s->broken = "ABORT without a transaction";
		s->open = false;
		break;
	case SMTP_EV_CLOSE:
		if (s->open) s->broken = "CLOSE before ABORT";
		if (s->logging_in) s->broken = "CLOSE before AUTH_END";
		s->closed = true;
		break;
	}
}

void session_feed(struct session *s, struct str bytes)
{
	buf_str(&s->in, bytes);
	struct str in = buf_view(&s->in);
	for (;;) {
		struct smtp_event ev = smtp_server_next(&s->server, &in);
		if (ev.type == SMTP_EV_NONE) break;
		if (ev.type == SMTP_EV_WAIT && s->securing) break;
		handle(s, ev);
		if (ev.type == SMTP_EV_FULL || s->broken) break;
	}
	buf_consume(&s->in, s->in.len - in.len);
	if (s->in.len >= smtp_server_line_max(&s->server)) s->broken = "more than line_max is left";
}

void session_secure(struct session *s)
{
	if (!s->securing) s->broken = "TLS without STARTTLS";
	else if (s->closed) s->broken = "TLS on a closed connection";
	else smtp_server_secured(&s->server);
	s->securing = false;
}
