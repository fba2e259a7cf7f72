/* SPDX-License-Identifier: Apache-2.0 */
/* What the files server*.c share; not for callers of the machine. */
#ifndef IMS_SMTP_SERVER_VERBS_H
#define IMS_SMTP_SERVER_VERBS_H

#include "lib/smtp/server.h"

enum smtp_state {
	SMTP_AT_START,  /* before EHLO */
	SMTP_AT_READY,  /* no transaction */
	SMTP_AT_MAIL,   /* sender, no recipient yet */
	SMTP_AT_RCPT,   /* at least one recipient */
	SMTP_AT_CHUNKS, /* between two BDAT chunks */
	SMTP_AT_AUTH,   /* the next line is a response */
	SMTP_IN_DATA,   /* the text of DATA comes */
	SMTP_IN_CHUNK,  /* the text of one BDAT comes */
	SMTP_AT_TLS,    /* 220 to STARTTLS is said, TLS is the caller's business */
	SMTP_TURNED,    /* 250 to ATRN is said: what comes is the caller's */
	SMTP_CLOSED,    /* nothing is read any more */
};

enum smtp_owed {
	SMTP_OWED_NONE, SMTP_OWED_MAIL, SMTP_OWED_RCPT, SMTP_OWED_VRFY, SMTP_OWED_DATA,
	SMTP_OWED_BDAT, SMTP_OWED_END, SMTP_OWED_TLS, SMTP_OWED_AUTH, SMTP_OWED_XCLIENT, SMTP_OWED_ATRN,
};

/* Events that follow from what was read, in the order in which they come out. */
enum smtp_due {
	SMTP_DUE_FORGET = 1,
	SMTP_DUE_ABORT = 2,
	SMTP_DUE_HELLO = 4,
	SMTP_DUE_CLOSE = 8,
	SMTP_DUE_AUTH_END = 16,
};

typedef void smtp_verb_fn(struct smtp_server *s, struct str arg, struct smtp_event *ev);

/* A verb's handler replies, or sets an event and what is owed. */
struct smtp_verb {
	struct str name;
	unsigned allowed;      /* bits 1 << enum smtp_state */
	smtp_verb_fn *handler;
	bool pipelines;        /* may be followed at once by another (RFC 2920 3.1) */
	const char *order;     /* text of the 503 outside of `allowed` */
};

/* server_hello.c */
smtp_verb_fn smtp_verb_helo, smtp_verb_ehlo;
/* server_mail.c, server_rcpt.c */
smtp_verb_fn smtp_verb_mail, smtp_verb_rcpt;
/* server_data.c */
smtp_verb_fn smtp_verb_data, smtp_verb_bdat;
/* server_misc.c */
smtp_verb_fn smtp_verb_noop, smtp_verb_rset, smtp_verb_vrfy, smtp_verb_expn, smtp_verb_help,
	smtp_verb_quit, smtp_verb_etrn;
smtp_verb_fn smtp_verb_refused, smtp_verb_http;
/* server_auth.c */
smtp_verb_fn smtp_verb_auth;
void smtp_auth_line(struct smtp_server *s, struct str line, struct smtp_event *ev);
void smtp_auth_line_long(struct smtp_server *s);
/* Whether a login that fails now is the last that this connection gets. */
bool smtp_auth_is_last(const struct smtp_server *s);
#define SMTP_AUTH_TOO_MANY STR("Too many failed logins on this connection, closing")
void smtp_auth_answered(struct smtp_server *s, bool success);
/* The connection closes: an exchange that the caller knows of ends. No-op if none. */
void smtp_auth_drop(struct smtp_server *s);

/* server_atrn.c */
smtp_verb_fn smtp_verb_atrn;
/* True, having said 502, if the verb is not for a client that fetches its mail. */
bool smtp_odmr_refuses(struct smtp_server *s, const struct smtp_verb *verb);
void smtp_odmr_hello(struct smtp_server *s); /* the lines of EHLO behind the first */

/* server_xclient.c */
smtp_verb_fn smtp_verb_xclient;
void smtp_xclient_put(struct smtp_server *s); /* its line of EHLO, if there is one */
void smtp_xclient_answered(struct smtp_server *s);

/* server_tls.c */
smtp_verb_fn smtp_verb_starttls;
/* True, having said 530, if the verb is not for a client that still has to encrypt. */
bool smtp_tls_is_missing(struct smtp_server *s, const struct smtp_verb *verb);
void smtp_tls_step(struct smtp_server *s, struct str *in, struct smtp_event *ev);

/* server_data.c: consumes text; false if it needs more input. */
bool smtp_data_step(struct smtp_server *s, struct str *in, struct smtp_event *ev);
bool smtp_chunk_step(struct smtp_server *s, struct str *in, struct smtp_event *ev);
void smtp_data_answered(struct smtp_server *s, bool success);
void smtp_bdat_answered(struct smtp_server *s, bool success, unsigned code,
			const char *enhanced, struct str text);

/* server_reply.c: appends one reply. */
void smtp_reply(struct smtp_server *s, unsigned code, const char *enhanced,
		struct str text);
/* Reply to a bad command, which counts; the last one that is borne gets 421 and the
 * connection closes. */
void smtp_bad(struct smtp_server *s, unsigned code, const char *enhanced,
	      const char *text);
/* Reply about a path that does not parse, or that wants SMTPUTF8. */
void smtp_bad_path(struct smtp_server *s, enum smtp_path_kind kind,
		   enum smtp_path_result why);
void smtp_bad_params(struct smtp_server *s, enum smtp_params_result why);

/* server.c */
void smtp_transaction_abort(struct smtp_server *s, unsigned code); /* no-op if none */
void smtp_close(struct smtp_server *s, unsigned code);
/* Memory for `len` bytes in the transaction's arena: that of the last recipient if it
 * was refused and was long enough. NULL when the arena is full. */
char *smtp_slot(struct smtp_server *s, size_t len);
/* Copies a string to `*to` and moves `*to` behind it. */
struct str smtp_copy(char **to, struct str from);
/* Copies the path's text to `*to` and moves its views there. */
void smtp_path_move(struct smtp_path *path, char **to);

#endif
