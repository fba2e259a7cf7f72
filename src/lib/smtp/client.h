/* SPDX-License-Identifier: Apache-2.0 */
/* The sending side of one SMTP (RFC 5321) or LMTP (RFC 2033) connection as a machine
 * without I/O: replies go in, commands and text come out in a buffer.
 *
 *	smtp_client_init(&c, &settings, false, &out);
 *	for (;;) {                              on every read, and whenever `out` was sent
 *		switch (smtp_client_next(&c, &in)) {
 *		SMTP_CL_NONE    send what is in `out`; read; call again
 *		SMTP_CL_SECURE  begin TLS on the socket; then smtp_client_secured(&c), or
 *		                smtp_client_insecure(&c, ...) if that fails
 *		SMTP_CL_PROVE   smtp_client_prove(&c, ...), or smtp_client_unproved(&c, ...)
 *		SMTP_CL_READY   smtp_client_send(&c, &mail) or smtp_client_quit(&c)
 *		SMTP_CL_BODY    smtp_client_body(&c, next piece of the text)
 *		SMTP_CL_DONE    every recipient of the mail has its outcome
 *		SMTP_CL_TURNED  the connection is the caller's, who is the server from now on;
 *		                what is left of `in` is of the client that the peer is now
 *		SMTP_CL_CLOSED  send what is in `out`, then close; see c.end and c.cause
 *		}
 *	}
 *	connection lost or time over: smtp_client_lost(&c, ...), then on with the loop
 *
 * Whatever a peer does, each mail that was given to smtp_client_send gets one DONE, with
 * an outcome for each recipient, and CLOSED comes once and last.
 *
 * A refusal belongs to what was refused:
 *   - MAIL: all recipients; RCPT: that one; DATA, BDAT or the end: those accepted before.
 *   - 552 at RCPT counts as 452 (RFC 5321 4.5.3.1.10). 452, 552 or X.5.3 behind an
 *     accepted recipient mean "no more of them": that one and the rest are NOT_TRIED,
 *     unless the status speaks of the mailbox itself (X.1.Y, X.2.Y), as in "452 4.2.2
 *     over quota". The first recipient of a transaction is never NOT_TRIED by a reply, so
 *     that sending the rest again comes to an end.
 *   - 421 at any step ends the connection; what has no outcome is TEMPORARY with it.
 *   - A code that the step does not know (250 to DATA, 354 to RCPT), or no reply at all
 *     but garbage: TEMPORARY, and the connection ends, as both sides disagree on
 *     where they are.
 *   - 500 to 504 and 555 at MAIL and RCPT are PERMANENT like every 5xx, as in Postfix;
 *     they are marked `protocol`, so that somebody looks.
 *   - Failed EHLO (5xx, garbage, lost, silence): SMTP_END_EHLO_FAILED, which wants a
 *     new connection with `helo_only`. One way for all, also where a HELO on the
 *     same connection might do. LMTP has nothing to fall back to.
 *   - STARTTLS that is not offered where it must be, any answer to it but 220, a failed
 *     handshake, and a failed EHLO behind it: SMTP_END_TLS_FAILED. Whether the same host
 *     may be tried in the clear is the caller's to know.
 *   - With a login nothing is sent before it is good. SMTP_END_AUTH_FAILED: it was refused
 *     or put off, the host offers no way that may be used, or TLS is off where the password
 *     must not go in the clear. The words name route, host and user, never the password, even
 *     where the host repeats it. Always TEMPORARY: the mail cannot help it.
 *   - The host that greets us by our own name (settings.self) in its answer to EHLO or HELO:
 *     SMTP_END_LOOP, before anything is sent.
 *   - Clear text behind the 220 to STARTTLS was put there by somebody on the way
 *     (CVE-2011-0411): SMTP_END_GARBAGE. After TLS nothing is known of what was said
 *     before (RFC 3207 4.2).
 *
 * Pure; the same replies give the same commands and outcomes however they were cut, as
 * long as they do not come before the text that they answer. Nothing that a peer said is
 * repeated to it. */
#ifndef IMS_SMTP_CLIENT_H
#define IMS_SMTP_CLIENT_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/smtp/extra.h"
#include "lib/smtp/outcome.h"
#include "lib/smtp/reply.h"

enum {
	SMTP_CLIENT_OUT_MIN = 24 * 1024,    /* `out` must have at least that as its max */
	SMTP_CLIENT_COMMANDS_MAX = 16 * 1024, /* octets of commands waiting in `out` */
	SMTP_CLIENT_UNHEARD_MAX = 100,      /* RCPT commands without answer */
	SMTP_CLIENT_FLIGHT_MAX = 64 * 1024, /* text that BDAT sends along unasked */
	SMTP_CLIENT_ADDRESS_MAX = 1024,     /* octets; a longer one is refused here */
	SMTP_CLIENT_USER_MAX = 255,         /* octets */
	SMTP_CLIENT_SECRET_MAX = 4096, /* a token may be long */
};

/* HELO brings no STARTTLS: with MUST such a connection ends. */
enum smtp_client_tls {
	SMTP_CL_TLS_OFF,
	SMTP_CL_TLS_MAY,      /* where it is offered */
	SMTP_CL_TLS_MUST,     /* nothing is sent without it */
	SMTP_CL_TLS_IMPLICIT, /* before the greeting */
};

/* SASL mechanisms, the strongest first. */
enum smtp_client_mechanism {
	SMTP_CL_SCRAM_SHA_256_PLUS, /* tied to the TLS connection; the caller computes: PROVE */
	SMTP_CL_SCRAM_SHA_256,      /* the same without the tie */
	SMTP_CL_PLAIN,
	SMTP_CL_LOGIN,
	SMTP_CL_OAUTHBEARER, /* RFC 7628; `secret` is a token, and so with the next one */
	SMTP_CL_XOAUTH2,     /* the same as Google and Microsoft had it before */
	SMTP_CL_MECHANISMS,
};

/* RFC 5802 6, gs2-cbind-flag: what is said of the tie between login and connection. */
enum smtp_client_binding {
	SMTP_CL_BINDING_NONE,      /* there is none to be had, or it may not be used */
	SMTP_CL_BINDING_UNOFFERED, /* there is, and the host does not offer to use it */
	SMTP_CL_BINDING_BOUND,
};

/* Those that show a token. A login has such or others, never both. */
enum { SMTP_CLIENT_TOKENS = 1u << SMTP_CL_OAUTHBEARER | 1u << SMTP_CL_XOAUTH2 };

/* Stays and is unchanged until the first READY; `secret` is not looked at after that. */
struct smtp_client_login {
	struct str user, secret; /* not empty, without NUL; sent as they are */
	struct str route;        /* for sentences */
	unsigned mechanisms;     /* 1 << enum smtp_client_mechanism: those that may be used */
	bool cleartext;          /* may be sent without TLS */
};

/* Shared by all connections of a route; stays valid and unchanged while they live. */
struct smtp_client_settings {
	struct str helo;     /* our name, as EHLO says it */
	struct str host;     /* the peer's, for sentences */
	struct str self;     /* a peer that greets us by this name is we ourselves; empty: nobody is */
	enum smtp_client_tls tls;
	const struct smtp_client_login *login; /* NULL: none */
	uint32_t rcpts_max;  /* of one transaction (> 0); the peer may want fewer */
	bool carried;        /* another process carries it through TLS; none is begun here */
	bool lmtp;
	bool pipelining;     /* used where offered */
	bool chunking;       /* used where offered; never with LMTP, where the number of
			      * replies to BDAT is not agreed on */
};

struct smtp_client_rcpt {
	struct str address;  /* as it stands between < and > */
	struct str orcpt;    /* "type;xtext"; empty: not given, and none is invented */
	uint8_t notify;      /* enum smtp_notify; 0: not given */
	/* The machine's. On entry outcome.state is SMTP_RCPT_OPEN or NOT_TRIED, else the
	 * recipient is left out. outcome.text lives until the next smtp_client_send or
	 * _free. */
	bool sent, accepted;
	struct smtp_outcome outcome;
};

/* Belongs to the caller, and so do the strings; unchanged up to DONE. The text is CRLF
 * lines without added dots. An address with a control character is PERMANENT 5.1.3
 * (sender: 5.1.7 for all) and never leaves. An ENVID or ORCPT that is not fit to be sent
 * is left out. Text with 8-bit octets goes as it is, without BODY, where 8BITMIME is not
 * offered: every host of today takes it, and nothing here could recode it (qmail and Exim
 * do the same). */
struct smtp_client_mail {
	struct str sender;   /* empty: <> */
	struct str envid;    /* xtext; empty: not given */
	uint64_t size;       /* octets of the text, exactly */
	uint8_t ret;         /* enum smtp_ret */
	bool body8;          /* the text has 8-bit octets */
	bool smtputf8;       /* the message wants SMTPUTF8 */
	bool requiretls;     /* it may only go over TLS, to a host that does the same (RFC 8689) */
	bool etrn;           /* no message: the recipients are domains whose mail the host is
			      * asked for, with one ETRN each (RFC 1985); `size` is 0 */
	bool atrn;           /* the same, but they are fetched with one ATRN for all (RFC 2645): with 250
			      * the connection is turned, and READY does not follow DONE. 453, nothing waits, is SENT, too */
	uint32_t rcpt_count; /* > 0 */
	struct smtp_client_rcpt *rcpts;
	int8_t priority;     /* RFC 6710 4.2, -9 to 9; said where it is offered, but for 0 */
	/* RFC 2852 4.1.4: said where it is offered. With SMTP_BY_RETURN it leaves by no other host, nor
	 * where the time is over: PERMANENT 5.4.7. LMTP is where it goes to, and needs no leave. */
	uint8_t by;          /* enum smtp_by */
	bool by_trace;
	int32_t by_s;        /* what is left; less than 0: it is over */
};

/* What EHLO or LHLO told; all false and 0 after HELO. */
struct smtp_client_caps {
	bool pipelining, size, body8, smtputf8, chunking, dsn, enhanced, starttls, requiretls;
	uint64_t size_max;          /* octets; 0: not told */
	uint32_t rcptmax, mailmax;  /* RFC 9422; 0: not told */
	struct str auth;            /* names with blanks between; printable */
	bool priority, by;          /* MT-PRIORITY, DELIVERBY */
	uint32_t by_min_s;          /* least for BY=...;R; 0: not told */
};

enum smtp_client_event {
	SMTP_CL_NONE,   /* nothing to do before more input or more room in `out` */
	SMTP_CL_SECURE, /* TLS is to begin, and no octet is to be read before; once */
	SMTP_CL_PROVE,  /* SCRAM: what answers c.challenge is wanted; empty: the first word */
	SMTP_CL_READY,  /* a mail can be given; once for each time */
	SMTP_CL_BODY,   /* text is wanted */
	SMTP_CL_DONE,   /* the transaction is over */
	SMTP_CL_TURNED, /* nothing follows: ATRN was granted */
	SMTP_CL_CLOSED, /* nothing follows */
};

enum smtp_client_end {
	SMTP_END_NONE,        /* still open */
	SMTP_END_QUIT,        /* after QUIT, whatever was said to it */
	SMTP_END_REFUSED,     /* greeting, EHLO (4xx), LHLO, HELO, RSET, or text halfway */
	SMTP_END_EHLO_FAILED, /* try HELO on a new connection */
	SMTP_END_TLS_FAILED,  /* try in the clear on a new connection, or not at all */
	SMTP_END_AUTH_FAILED, /* the host does not let us in */
	SMTP_END_LOOP,        /* it is we ourselves (RFC 5321 6.3) */
	SMTP_END_SHUT,        /* 421 */
	SMTP_END_GARBAGE,     /* no reply, or one that the step does not know */
	SMTP_END_LOST,
	SMTP_END_TIMEOUT,
	SMTP_END_LOCAL,       /* given up on this side */
};

enum smtp_lost { SMTP_LOST_CLOSED, SMTP_LOST_TIMEOUT, SMTP_LOST_LOCAL };

struct smtp_client {
	/* To be read by the caller. */
	struct smtp_client_caps caps;
	enum smtp_client_end end;
	struct smtp_outcome cause; /* of the end: TEMPORARY, with text; until _free */
	uint32_t mails;            /* transactions begun */
	uint32_t replies;          /* heard, whole; wraps */
	uint32_t accepted;         /* recipients accepted in this or the last one */
	bool logged_in;
	uint8_t mechanism;         /* enum smtp_client_mechanism, of the login */
	struct str challenge;      /* at PROVE: octets, of any value */
	uint8_t binding;           /* at PROVE: enum smtp_client_binding */

	/* The machine's own. */
	const struct smtp_client_settings *cfg;
	struct buf *out;
	struct smtp_client_mail *mail; /* NULL: no transaction */
	struct arena session;          /* caps.auth, cause.text */
	struct arena texts;            /* of the outcomes */
	struct str last_text;          /* the latest of them, to be shared */
	uint64_t body_left;
	uint32_t rcpt_next;            /* to be sent */
	uint32_t rcpt_heard;           /* RCPT: before it all are answered */
	uint32_t end_heard;            /* LMTP: the same of the end */
	uint32_t unheard;              /* RCPT commands */
	uint8_t state, due;
	char tail[2];                  /* last octets of the text */
	bool helo_only, utf8, stopping;
	bool mail_sent, mail_heard, mail_ok, text_asked, text_heard, chunk, end_sent;
	bool reset, stale, turned;
	bool secured; /* TLS is on */
	bool binds;   /* and has what a login can be tied to */
	uint8_t auth_tried; /* mechanisms */
	bool auth_said;     /* of this one, all that is to be said */
	bool auth_words;    /* of this one, the first */
	char challenge_bytes[SMTP_REPLY_LINE_KEPT];
	bool polite;  /* ends with QUIT, although nothing was refused */
	struct smtp_reply reply;
};

/* `out` belongs to the caller, who takes sent octets off its head, and stays valid. */
void smtp_client_init(struct smtp_client *c, const struct smtp_client_settings *cfg,
		      bool helo_only, struct buf *out);
void smtp_client_free(struct smtp_client *c);

/* Consumes all of `*in`, except in front of an event. */
enum smtp_client_event smtp_client_next(struct smtp_client *c, struct str *in);

/* After SECURE: TLS is on, and what comes next came through it; `binds`: it has a value to which a
 * login can be tied (RFC 9266). Or it could not be begun, which `enhanced` ("4.7.5") and our words
 * `why` say. */
void smtp_client_secured(struct smtp_client *c, bool binds);
void smtp_client_insecure(struct smtp_client *c, const char *enhanced, struct str why);

/* After PROVE: what is to be sent, and whether that is all, which it must not be before the
 * host has proved that it knows the password; or why it cannot be, in our words. */
void smtp_client_prove(struct smtp_client *c, struct str response, bool last);
void smtp_client_unproved(struct smtp_client *c, struct str why);

/* After READY. */
void smtp_client_send(struct smtp_client *c, struct smtp_client_mail *mail);
/* Says QUIT as soon as no transaction is open, which may be now. */
void smtp_client_quit(struct smtp_client *c);

/* After BODY: takes the next octets of the text (at most what is left of mail.size) and
 * returns how many fitted into `out`; ends the message by itself. */
size_t smtp_client_body(struct smtp_client *c, struct str piece);
/* Without a copy: with BDAT (true) and once `out` is empty, the caller may send the
 * octets itself and only tell their number. */
bool smtp_client_body_is_raw(const struct smtp_client *c);
void smtp_client_body_sent(struct smtp_client *c, size_t octets);

/* The connection is gone, or the caller gives it up. `detail` is appended to our own
 * words ("lost connection while sending RCPT TO: DETAIL") and may be empty. */
void smtp_client_lost(struct smtp_client *c, enum smtp_lost why, struct str detail);

/* What is awaited now. */
enum smtp_step smtp_client_step(const struct smtp_client *c);
/* After CLOSED: the connection had served an earlier mail and went away (lost, 421)
 * before it accepted anything of this one, as one that was idle for long does; a new one
 * may serve better. */
bool smtp_client_was_stale(const struct smtp_client *c);

/* In seconds; RFC 5321 4.5.3.2 wants at least the defaults. */
struct smtp_client_timeouts {
	int64_t banner_s, hello_s, tls_s, mail_s, rcpt_s, data_s, body_s, end_s, quit_s;
};
extern const struct smtp_client_timeouts smtp_client_timeouts_default;
/* Seconds that the peer has for what is awaited now (BODY: for each piece of text to get
 * out); 0 while it is the caller's turn. */
int64_t smtp_client_timeout_s(const struct smtp_client *c,
			      const struct smtp_client_timeouts *limits);

#endif
