/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to who gives out tokens, and what he answers (RFC 6749 4.4, 5, 6). Pure. */
#ifndef IMS_HTTP_TOKEN_TEXT_H
#define IMS_HTTP_TOKEN_TEXT_H

#include "lib/base/buf.h"
#include "lib/conf/conf.h"

enum {
	TOKEN_TEXT_MAX = 4096, /* octets of a token, as what deliver can say */
	TOKEN_WHY_MAX = 200,
	TOKEN_LIFE_S = 3600,   /* of a token that does not say how long it is good */
	TOKEN_LIFE_MAX_S = 30 * 24 * 3600,
	TOKEN_BODY_MAX = 32 * 1024,
};

/* The form that is posted; and, where the client shows its secret in the header, what stands
 * there (user:password, RFC 6749 2.3.1), else nothing. */
void token_request_write(const struct conf_oauth_client *c, struct str secret, struct str refresh,
			 struct buf *body, struct buf *login);

struct token_answer {
	char token[TOKEN_TEXT_MAX];
	char refresh[TOKEN_TEXT_MAX]; /* a new refresh token, that stands for the old one */
	size_t token_len;             /* 0: there is none */
	size_t refresh_len;           /* 0: the old one stays */
	int64_t life_s;
	char why[TOKEN_WHY_MAX];      /* why there is none: printable */
	size_t why_len;
};

/* Whatever was answered, with any code. What is said of an error is not shown where it
 * repeats one of these secrets. */
void token_answer_read(struct str text, struct str secret, struct str refresh,
		       struct token_answer *out);

#endif
