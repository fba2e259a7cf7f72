/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of the client machine, run by a caller that keeps the contract and notes
 * where the machine does not. Who plays the peer takes lines from `sent` and says
 * something with talk_feed. */
#ifndef IMS_TEST_SMTP_TALK_H
#define IMS_TEST_SMTP_TALK_H

#include "lib/smtp/client.h"

enum { TALK_RCPTS_MAX = 1000, TALK_OUT_MAX = SMTP_CLIENT_OUT_MIN };

struct talk {
	struct smtp_client_settings cfg;
	struct smtp_client client;
	struct buf out;
	struct buf sent; /* what left the machine and nobody has looked at */
	struct buf text; /* of the message */
	struct smtp_client_mail mail;
	struct smtp_client_rcpt rcpts[TALK_RCPTS_MAX];
	size_t piece;    /* octets of text given at a time */
	size_t given;
	size_t segment;  /* octets of a reply fed at a time; 0: all */
	unsigned mails;  /* how often the mail is to be sent to the rest, by itself */
	unsigned done, secures;
	bool raw;        /* BDAT text goes by smtp_client_body_sent */
	bool binds;      /* TLS has what a login can be tied to */
	bool ready, closed, turned;
	const char *broken; /* what the machine did against its contract */
};

/* One mail from a@c.example to r0@h.example and so on, all OPEN. */
void talk_init(struct talk *t, uint32_t rcpt_count, struct str text);
/* After changes to t->cfg and t->mail. */
void talk_begin(struct talk *t, bool helo_only);
void talk_free(struct talk *t);
void talk_feed(struct talk *t, struct str bytes);
/* The handshake that the machine waits for; `why`: "4.7.5 words", empty: it succeeds. */
void talk_tls(struct talk *t, struct str why);
void talk_lost(struct talk *t, enum smtp_lost why);
/* Takes the next whole line off t->sent, without CRLF, into `line`; false if there is
 * none. */
bool talk_line(struct talk *t, struct buf *line);
/* "sent 250 2.0.0; temporary 451 4.3.0 session doubt": of all recipients. */
void talk_outcomes(const struct talk *t, struct buf *out);

#endif
