/* SPDX-License-Identifier: Apache-2.0 */
/* The receiving side of one SMTP connection (RFC 5321) as a machine without I/O:
 * bytes go in, replies come out in a buffer, and what has to be decided elsewhere
 * comes as an event that the caller answers.
 *
 *	smtp_server_init(&s, &settings, STR("[192.0.2.1]"), &out);
 *	smtp_server_greet(&s);
 *	for (;;) {
 *		ev = smtp_server_next(&s, &in);     in: received and not yet consumed
 *		NONE    read more behind what is left of `in` (less than
 *		        smtp_server_line_max)
 *		FULL    send what is in `out`, then call again
 *		WAIT    an answer is owed: smtp_server_answer, then call again
 *		...
 *	}
 *
 * Pure; the same bytes give the same replies and events however they were cut into
 * segments (only the cuts of SMTP_EV_BODY follow the segments). Nothing that a client
 * said is repeated in a reply. */
#ifndef IMS_SMTP_SERVER_H
#define IMS_SMTP_SERVER_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/smtp/address.h"
#include "lib/smtp/command.h"
#include "lib/smtp/dot.h"

enum {
	SMTP_LINE_MAX = 2048,    /* default of line_max; RFC 5321 4.5.3.1.4 wants 512 */
	SMTP_ERRORS_MAX = 20,    /* default of errors_max */
	SMTP_HELO_MAX = 255,
	SMTP_REPLY_ROOM = 4096,  /* `out` must have at least that as its max */
	SMTP_AUTH_LINE_MAX = 12288, /* of a response, RFC 4954 4 */
	SMTP_AUTH_FAILURES_MAX = 5, /* failed logins of one connection, then 421 */
	SMTP_CHALLENGE_MAX = 2048,  /* octets of a challenge, before base 64 */
};

/* Shared by all sessions of a listener; stays valid and unchanged while they live. */
struct smtp_server_settings {
	struct str hostname;     /* our name in greeting and EHLO */
	struct str banner;       /* said behind "220 HOSTNAME ESMTP "; may be empty */
	struct str version;      /* said behind the banner; empty: not said */
	uint64_t size_max;       /* octets of a message; 0: no limit */
	uint32_t recipients_max; /* of one message (> 0); more get 452 4.5.3 */
	uint32_t messages_max;   /* of one connection, then 421; 0: no limit */
	uint32_t errors_max;     /* consecutive bad commands, then 421 4.7.0 */
	size_t line_max;         /* octets of a command line with its CRLF */
	bool fix_newlines;       /* bare CR and LF are taken for CRLF; false: refused */
	uint32_t by_min_s;       /* less than that must not be wanted with BY=...;R; 0: any time */
};

enum smtp_event_type {
	SMTP_EV_NONE,  /* needs more input */
	SMTP_EV_FULL,  /* `out` has to be sent first */
	SMTP_EV_WAIT,  /* an answer is owed; nothing is consumed before */
	SMTP_EV_HELLO, /* s->helo, s->esmtp; needs no answer */
	SMTP_EV_MAIL,  /* answer: s->mail */
	SMTP_EV_RCPT,  /* answer: s->rcpt */
	SMTP_EV_VRFY,  /* answer: s->vrfy */
	SMTP_EV_EXPN,  /* the same, of EXPN; lines of the text become lines of the reply */
	SMTP_EV_ETRN,  /* answer: s->vrfy is its argument; codes 250 to 253, 458, 459 */
	SMTP_EV_ATRN,  /* answer: s->vrfy is its argument, perhaps empty. After 250 all that the client
			* sends is left in `*in`: from there on it is the server (RFC 2645) */
	SMTP_EV_STARTTLS, /* answer: may TLS begin? With success `out` is sent, and all that
			   * the client sends belongs to TLS: nothing of it comes here before
			   * smtp_server_secured. */
	SMTP_EV_XCLIENT, /* answer: s->xclient. With success the session begins anew, with the
			  * greeting; with 421 or 554 it ends */
	SMTP_EV_AUTH,  /* answer, or smtp_server_challenge: s->auth */
	SMTP_EV_AUTH_END, /* no answer: the login that SMTP_EV_AUTH told of was broken off */
	SMTP_EV_DATA,  /* answer: may the message come? (354, or silence for BDAT) */
	SMTP_EV_BODY, /* ev.bytes: next piece of the message, valid until the next call */
	SMTP_EV_END,  /* answer: the message is whole, commit it */
	SMTP_EV_ABORT, /* the transaction is gone; ev.code: reply that says so. s->mail
			* can be read until the next call. */
	SMTP_EV_CLOSE, /* send what is in `out`, then close; no event follows. ev.code: the
			* reply that says so, 221 after QUIT. */
};

struct smtp_event {
	enum smtp_event_type type;
	unsigned code;
	struct str bytes;
};

struct smtp_server_mail {
	struct smtp_path path;
	struct smtp_mail_params params;
};

struct smtp_server_rcpt {
	struct smtp_path path;
	struct smtp_rcpt_params params;
};

/* Logging in (RFC 4954). The caller sets `offer` and `wants_tls` before it calls
 * smtp_server_next, and again where they change (TLS has begun, say). */
struct smtp_server_auth {
	struct str offer; /* mechanisms, blanks between them; empty: AUTH is not offered */
	bool wants_tls;   /* it is not, but would be with TLS: 538 5.7.11 */
	/* The current exchange, until it is answered. LOGIN comes as what PLAIN would have
	 * sent (NUL, user, NUL, password), in one event. The response is wiped then. */
	struct str mechanism; /* as in `offer` */
	struct str response;  /* decoded, any octets */
	bool begins;          /* the first response of an exchange */
	/* The machine's own. */
	bool asked;         /* the caller knows of the exchange */
	uint8_t login;      /* what LOGIN asks for */
	uint8_t failures;   /* of this connection */
	struct str user;    /* of LOGIN */
};

enum smtp_xclient_offer {
	SMTP_XCLIENT_OFF,    /* unknown here: 502 */
	SMTP_XCLIENT_DENIED, /* others may: 550 5.7.0 */
	SMTP_XCLIENT_OFFERED,
	SMTP_XCLIENT_OFFERED_LOGIN, /* and LOGIN is announced, too */
};

struct smtp_server {
	/* To be read by the caller. A transaction begins when MAIL is answered with
	 * success and ends with the answer to END or with ABORT; until then the strings
	 * of s->mail and of each accepted s->rcpt stay where they are. */
	struct str helo; /* printable ASCII, at most SMTP_HELO_MAX, otherwise unchecked */
	struct str vrfy; /* argument of VRFY, EXPN, ETRN or ATRN as sent; until it is answered */
	struct str xclient; /* the same of XCLIENT */
	struct smtp_server_auth auth;
	struct smtp_server_mail mail;
	struct smtp_server_rcpt rcpt; /* the current one */
	uint64_t body_size;           /* octets of the message so far */
	uint32_t rcpt_accepted, rcpt_refused; /* of this transaction */
	uint32_t messages; /* transactions begun on this connection */
	uint32_t errors;   /* consecutive bad commands */
	bool esmtp;        /* EHLO, not HELO */
	bool tls;          /* smtp_server_secured was called */
	bool in_transaction;
	bool authenticated; /* AUTH was answered with success */
	/* The client sent on behind a command that it had to wait for (RFC 2920 3.1).
	 * Depends on the segments; a fact for policy, the replies do not depend on it. */
	bool unsynchronised;

	/* To be set by the caller, at any time. */
	bool tls_offered;  /* STARTTLS is announced, and asked as an event */
	bool tls_required; /* in the clear 530 for all but EHLO HELO NOOP QUIT STARTTLS, and
			    * BDAT (503). MAIL is asked as ever, for policy knows the rule */
	uint8_t xclient_offer; /* enum smtp_xclient_offer */
	uint8_t extra; /* enum smtp_extra: what is offered. REQUIRETLS is with TLS alone */
	struct str future; /* with SMTP_EXTRA_FUTURE: how long, and until when, text may be held:
			    * "SECONDS DATE-TIME"; stays where it is, and may change there */

	bool vrfy_asked;   /* VRFY is announced and asked as an event; false: 252 */
	bool expn_asked;   /* EXPN the same; false: 502 */

	bool etrn_asked;   /* ETRN the same; false: 502 */
	/* No mail comes in here: clients log in and fetch theirs by ATRN (RFC 2645), which is announced and
	 * asked as an event; false: 502. Other commands are not taken */
	bool odmr;
	/* The machine's own. */
	const struct smtp_server_settings *cfg;
	struct buf *out;
	struct str client;
	struct arena session; /* helo */
	struct arena arena;   /* the transaction */
	struct smtp_dot dot;
	char *slot; /* memory of the current recipient, used again if it is refused */
	size_t slot_size;
	uint64_t chunk_left;
	struct str held_enhanced, held_text; /* reply due when the text is drained */
	uint16_t held_code;                  /* 0: none */
	uint16_t abort_code;
	uint8_t state, chunk_state, owed, due;
	bool chunk_last, skipping, skipped_cr, stopping;
};

/* `client_literal`, as in "[192.0.2.1]", stays valid; so does `out`, which belongs to
 * the caller and only grows here. Takes no memory before the first command. */
void smtp_server_init(struct smtp_server *s, const struct smtp_server_settings *cfg,
		      struct str client_literal, struct buf *out);
void smtp_server_free(struct smtp_server *s);

/* One of the two comes first: 220, or `code` (421 or 554) and close. */
void smtp_server_greet(struct smtp_server *s);
void smtp_server_refuse(struct smtp_server *s, unsigned code, const char *enhanced,
			struct str text);

/* Consumes from `*in` and appends replies to `out`. */
struct smtp_event smtp_server_next(struct smtp_server *s, struct str *in);

/* Answers MAIL, RCPT, VRFY, EXPN, ETRN, ATRN, STARTTLS, XCLIENT, AUTH, DATA or END. Codes under 400 are success; 0 is the usual
 * one, and `text` may then be empty for the usual text; 421 also closes. A refused DATA
 * leaves the transaction open, a refused BDAT ends it (ABORT follows the chunk).
 * `enhanced` ("5.1.1") may be NULL. Text is cut to 1600 octets, wrapped into reply lines
 * and stripped of all but printable ASCII. After smtp_server_timeout an answer is
 * ignored, because it may have been on its way. Of AUTH it ends the exchange. */
void smtp_server_answer(struct smtp_server *s, unsigned code, const char *enhanced,
			struct str text);

/* The connection is encrypted now: after STARTTLS, or before the greeting where TLS came
 * first. What the client said in the clear is forgotten (RFC 3207 4.2). */
void smtp_server_secured(struct smtp_server *s);

/* After XCLIENT was answered with success: what the client is called from now on; what is
 * kept of it is a view. And, where that is known, what it said in EHLO (HELO), so that MAIL
 * may follow; false: no memory, nothing has changed. */
void smtp_server_client(struct smtp_server *s, struct str client_literal);
bool smtp_server_introduce(struct smtp_server *s, struct str helo, bool esmtp);

/* Answers AUTH: the exchange goes on, the client's response comes as the next event. At
 * most SMTP_CHALLENGE_MAX octets. */
void smtp_server_challenge(struct smtp_server *s, struct str challenge);
/* Octets of unfinished input that smtp_server_next leaves at most: less than that. */
size_t smtp_server_line_max(const struct smtp_server *s);

/* 421 4.4.2 (4.3.2 after smtp_server_shutdown) and close; the next event is ABORT or CLOSE. */
void smtp_server_timeout(struct smtp_server *s);
/* 421 4.3.2 and close as soon as no transaction is open, which may be now, or smtp_server_next
 * finds one that has no text and no further command. */
void smtp_server_shutdown(struct smtp_server *s);

/* RFC 5321 4.5.3.2.7: at least five minutes. */
struct smtp_server_timeouts {
	int64_t command_s; /* for the next command line */
	int64_t data_s;    /* for the next piece of a message */
};
/* Seconds that the client has for its next bytes; 0 while it is the caller's turn. */
int64_t smtp_server_timeout_s(const struct smtp_server *s,
			      const struct smtp_server_timeouts *limits);

#endif
