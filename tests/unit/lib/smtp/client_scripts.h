/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts of client.c; the format is described there. */
#ifndef IMS_TEST_SMTP_CLIENT_SCRIPTS_H
#define IMS_TEST_SMTP_CLIENT_SCRIPTS_H

#include "lib/smtp/client.h"

struct client_script {
	const char *name;
	uint32_t rcpts;     /* r0@h.example and so on */
	const char *lines;
	const char *text;   /* of the message; NULL: "x\r\n" */
	unsigned mails;     /* transactions at most; 0: 1 */
	uint32_t rcpts_max; /* setting; 0: many */
	bool lmtp, helo;
	enum smtp_client_tls tls;
	const struct smtp_client_login *login; /* NULL: none */
	void (*change)(struct smtp_client_mail *mail); /* NULL: nothing */
};

extern const struct client_script client_auth_scripts[];
extern const struct client_script client_scripts[]; /* up to one without a name */

#endif
