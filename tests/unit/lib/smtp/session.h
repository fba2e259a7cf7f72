/* SPDX-License-Identifier: Apache-2.0 */
/* One session of the SMTP machine with the canned policy of tests/dialog/README.md,
 * for the dialog scripts. */
#ifndef IMS_TEST_SMTP_SESSION_H
#define IMS_TEST_SMTP_SESSION_H

#include "lib/smtp/server.h"

struct session {
	struct smtp_server_settings cfg;
	struct smtp_server server;
	struct buf in, out;
	struct buf body;     /* of the message that is coming */
	struct buf accepted; /* of the last message that got its 250 */
	bool no_certificate; /* STARTTLS is answered with 454 */
	unsigned messages;   /* accepted */
	struct str auth_offer; /* set after session_init */
	bool logging_in; /* between EV_AUTH and its end */
	bool open;           /* between a successful MAIL and END or ABORT */
	bool closed;
	bool securing; /* STARTTLS has its 220; session_secure comes */
	const char *broken; /* what the machine did against its contract; NULL: nothing */
};

void session_init(struct session *s, const struct smtp_server_settings *cfg);
void session_free(struct session *s);
/* Gives the machine some bytes and answers what it asks. */
void session_feed(struct session *s, struct str bytes);

/* The TLS handshake is done. */
void session_secure(struct session *s);

#endif
