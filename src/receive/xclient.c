/* SPDX-License-Identifier: Apache-2.0 */
/* XCLIENT: the session becomes somebody else's, as if it had connected just now. */
#include "receive/receive.h"

#include <stdlib.h>
#include <string.h>

#include "lib/smtp/xclient.h"

uint8_t xclient_offer(const struct session *s)
{
	const struct conf_listener *listener = s->listener->conf;
	if (!listener->xclient.count) return SMTP_XCLIENT_OFF;
	if (s->proxying || !conf_network_find(&listener->xclient, s->speaker))
		return SMTP_XCLIENT_DENIED;
	return listener->xclient_login == CONF_YES_YES ? SMTP_XCLIENT_OFFERED_LOGIN
	                                               : SMTP_XCLIENT_OFFERED;
}

/* The name that it was told needs no question. */
static void xclient_name(struct session *s, const struct smtp_xclient *x)
{
	if (x->has & SMTP_XCLIENT_NAME) {
		s->name = calloc(1, x->name.len + 1);
		if (s->name) memcpy(s->name, x->name.at, x->name.len);
		s->client_name = s->name ? CLIENT_NAME_VERIFIED : CLIENT_NAME_CANNOT_TELL;
	} else if (x->unknown & SMTP_XCLIENT_NAME) {
		s->client_name = x->name_later ? CLIENT_NAME_CANNOT_TELL : CLIENT_NAME_MISSING;
	}
}

static void xclient_login(struct session *s, const struct smtp_xclient *x)
{
	if (!(x->has & SMTP_XCLIENT_LOGIN)) return;
	char *copy = malloc(x->login.len);
	if (!copy) return; /* then nobody has logged in, which is no right too many */
	memcpy(copy, x->login.at, x->login.len);
	s->user = (struct str){ copy, x->login.len };
	s->smtp.authenticated = true;
	tell_auth(s, STR("XCLIENT"));
}

/* What was found out about the connection is the speaker's: its certificate would be a login
 * for whoever is behind it. */
static void xclient_forget(struct session *s)
{
	session_forget_user(s);
	s->certified = s->bound = false;
	s->unknown = 0;
}

/* Long commands come in several: without an address it is the same client, which has been
 * counted, and of which only what is said now is new. */
static struct verdict xclient_move(struct session *s, const struct smtp_xclient *x)
{
	uint16_t port = x->has & SMTP_XCLIENT_PORT ? x->port : s->port;
	if (x->has & SMTP_XCLIENT_ADDR) {
		s->early = false;
		return session_become(s, x->addr, port);
	}
	if ((x->has | x->unknown) & SMTP_XCLIENT_NAME) inquiry_drop(s);
	s->port = port;
	return verdict_accept();
}

static void xclient_become(struct session *s, const struct smtp_xclient *x)
{
	if (!s->told) tell_connect(s);
	xclient_forget(s);
	struct verdict v = xclient_move(s, x);
	if (v.kind == VERDICT_REFUSE) {
		tell_refused_connection(s->listener, s->client, "connect", &v);
		smtp_server_answer(&s->smtp, v.code == 421 ? 421 : 554, v.dsn, v.text);
		return;
	}
	smtp_server_answer(&s->smtp, 0, NULL, STR(""));
	s->told = false;
	xclient_name(s, x);
	if (x->has & SMTP_XCLIENT_HELO) (void)smtp_server_introduce(&s->smtp, x->helo, x->esmtp);
	xclient_login(s, x);
	auth_offer(s);
	verify_offer(s);
	extra_offer(s);
	inquiry_hello(s);
	if (!s->told && !inquiry_owes_name(s)) tell_connect(s);
}

void xclient_event(struct session *s)
{
	struct str arg = s->smtp.xclient;
	struct smtp_xclient x;
	struct buf memory;
	buf_init(&memory, arg.len);
	bool good = smtp_xclient_parse(arg, &memory, &x);
	if (!good)
		smtp_server_answer(&s->smtp, 501, "5.5.4",
			STR("That is not what XCLIENT takes; see the answer to EHLO"));
	else if (x.has & SMTP_XCLIENT_LOGIN && s->listener->conf->xclient_login == CONF_YES_NO)
		smtp_server_answer(&s->smtp, 501, "5.5.4", STR("LOGIN is not taken here"));
	else if (x.unknown & SMTP_XCLIENT_ADDR)
		/* It would be taken for the speaker, and have his rights. */
		smtp_server_answer(&s->smtp, 501, "5.5.4",
			STR("A client without an address is not taken here"));
	else xclient_become(s, &x);
	buf_free(&memory);
}
