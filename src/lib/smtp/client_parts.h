/* SPDX-License-Identifier: Apache-2.0 */
/* What the files client*.c share; not for callers of the machine. */
#ifndef IMS_SMTP_CLIENT_PARTS_H
#define IMS_SMTP_CLIENT_PARTS_H

#include "lib/smtp/client.h"

enum smtp_client_state {
	SMTP_CLIENT_AT_BANNER,
	SMTP_CLIENT_AT_HELLO,
	SMTP_CLIENT_AT_STARTTLS,
	SMTP_CLIENT_AT_TLS, /* the caller's turn */
	SMTP_CLIENT_AT_AUTH,
	SMTP_CLIENT_AT_PROOF, /* the caller's turn */
	SMTP_CLIENT_AT_READY,
	SMTP_CLIENT_AT_TALK, /* MAIL, RCPT, DATA */
	SMTP_CLIENT_AT_BODY, /* text goes out; with BDAT replies to RCPT may be due */
	SMTP_CLIENT_AT_END,  /* all is out */
	SMTP_CLIENT_AT_RSET,
	SMTP_CLIENT_AT_QUIT,
	SMTP_CLIENT_TURNED,
	SMTP_CLIENT_CLOSED,
};

/* In the order in which they come out. */
enum smtp_client_due {
	SMTP_CLIENT_DUE_DONE = 1,
	SMTP_CLIENT_DUE_READY = 2,
	SMTP_CLIENT_DUE_SECURE = 4,
	SMTP_CLIENT_DUE_PROVE = 8,
	SMTP_CLIENT_DUE_CLOSED = 16,
	SMTP_CLIENT_DUE_TURNED = 32,
};

/* client.c */
void smtp_client_close(struct smtp_client *c, enum smtp_client_end end,
		       const struct smtp_outcome *cause);
/* The transaction is over: on to RSET, QUIT or the next. */
void smtp_client_finish(struct smtp_client *c);

/* client_hello.c: one line of the reply to EHLO. */
void smtp_client_cap(struct smtp_client *c, struct str line);
void smtp_client_hello(struct smtp_client *c);

/* client_tls.c */
/* After a good answer to EHLO: says STARTTLS, ends the connection for want of it, or false:
 * on as it is. */
bool smtp_client_starttls(struct smtp_client *c);
void smtp_client_starttls_good(struct smtp_client *c);
void smtp_client_starttls_refused(struct smtp_client *c);
/* Octets came where only TLS may. */
void smtp_client_injected(struct smtp_client *c);
/* How a connection ends at this step where otherwise it would end as `end`. */
enum smtp_client_end smtp_client_end_at(const struct smtp_client *c, enum smtp_step step,
					enum smtp_client_end end);

/* client_auth.c */
/* After a good answer to EHLO: begins to log in, ends the connection as it cannot, or false:
 * there is no login. */
bool smtp_client_auth(struct smtp_client *c);
void smtp_client_auth_asked(struct smtp_client *c); /* 3xx */
void smtp_client_auth_good(struct smtp_client *c);
void smtp_client_auth_refused(struct smtp_client *c);
/* Of the last reply; without the password, if it repeats that. */
struct str smtp_client_reply_text(const struct smtp_client *c);

/* client_write.c: sends what may be sent; true if that changed anything. */
bool smtp_client_write(struct smtp_client *c);
/* The text is out. */
void smtp_client_end_text(struct smtp_client *c);

/* client_outcome.c */
/* The last reply as an outcome of `state`; its text lives as long as the transaction. */
struct smtp_outcome smtp_client_said(struct smtp_client *c, enum smtp_step step,
				     enum smtp_rcpt_state state);
/* Decided here, without a reply. */
struct smtp_outcome smtp_client_own(enum smtp_step step, enum smtp_rcpt_state state,
				    const char *enhanced, struct str text);
/* To all that have no outcome; `accepted_only`: of those, the accepted ones. */
void smtp_client_settle(struct smtp_client *c, const struct smtp_outcome *outcome,
			bool accepted_only);
/* From rcpt_next on, nobody is tried in this transaction. */
void smtp_client_stop_rcpts(struct smtp_client *c);
/* Before the first command: refuses what can not be sent to this peer. */
void smtp_client_check(struct smtp_client *c);

/* client_heard.c: the reply in c->reply, for the step that awaits it. */
void smtp_client_heard(struct smtp_client *c);
void smtp_client_become_ready(struct smtp_client *c);
/* The reply makes no sense here. */
void smtp_client_garbage(struct smtp_client *c);

#endif
