/* SPDX-License-Identifier: Apache-2.0 */
/* What became of one recipient when its message went to another host by SMTP or LMTP,
 * and the step of the dialogue at which that was decided. Plain data; pure. */
#ifndef IMS_SMTP_OUTCOME_H
#define IMS_SMTP_OUTCOME_H

#include "lib/base/str.h"

enum { SMTP_ENHANCED_SIZE = 12 }; /* "5.999.999" and its NUL */

enum smtp_step {
	SMTP_STEP_CONNECT,
	SMTP_STEP_BANNER,
	SMTP_STEP_EHLO,
	SMTP_STEP_LHLO,
	SMTP_STEP_HELO,
	SMTP_STEP_STARTTLS,
	SMTP_STEP_TLS,  /* the handshake */
	SMTP_STEP_AUTH, /* the login, all of it */
	SMTP_STEP_IDLE, /* no transaction is open, nothing is awaited */
	SMTP_STEP_MAIL,
	SMTP_STEP_RCPT,
	SMTP_STEP_DATA, /* up to 354 */
	SMTP_STEP_BODY, /* the text goes out */
	SMTP_STEP_END,  /* the answer to the final dot or to the last BDAT */
	SMTP_STEP_ETRN,
	SMTP_STEP_ATRN,
	SMTP_STEP_RSET,
	SMTP_STEP_QUIT,
};
enum { SMTP_STEPS = SMTP_STEP_QUIT + 1 };

enum smtp_rcpt_state {
	SMTP_RCPT_OPEN,      /* no outcome so far */
	SMTP_RCPT_SENT,      /* the peer has taken the message for it */
	SMTP_RCPT_NOT_TRIED, /* goes into another transaction at once; no failure */
	SMTP_RCPT_TEMPORARY,
	SMTP_RCPT_PERMANENT,
};

struct smtp_outcome {
	/* What the peer said behind its code, lines joined by blanks, or our own words
	 * if code is 0. UTF-8 without control characters, at most SMTP_REPLY_TEXT_MAX
	 * octets. Whoever made the outcome says how long it lives. */
	struct str text;
	enum smtp_rcpt_state state;
	enum smtp_step step;
	uint16_t code;                     /* 0: no reply, decided on this side */
	char enhanced[SMTP_ENHANCED_SIZE]; /* "5.1.1"; its class fits the state */
	/* PERMANENT because this host can not take the message; another one may. */
	bool host_scoped;
	/* Nobody answered for this recipient: the session ended (lost, timeout, garbage,
	 * 421) before. */
	bool session;
	/* The end of the message was sent, no answer understood: a copy may be there. */
	bool in_doubt;
	/* The reply complains about the protocol (500 to 504, 555, or a code that the
	 * step does not know): worth an administrator's look. */
	bool protocol;
};

/* "sending RCPT TO" and the like, for "lost connection while ...". */
struct str smtp_step_words(enum smtp_step step);

/* Status of RFC 3463 for a reply that brought none: "5.1.1" for 550 at RCPT, else that
 * of the code at any step, else CLASS.0.0. `code` is 200 to 599. */
void smtp_enhanced_default(enum smtp_step step, unsigned code,
			   char enhanced[SMTP_ENHANCED_SIZE]);

#endif
