/* SPDX-License-Identifier: Apache-2.0 */
/* What a token says of itself (RFC 7519 4, RFC 9068, and the answer of RFC 7662), and whether
 * that makes somebody a user here. No I/O, no clock. Reasons are sentences for the log; none
 * has anything of the token in it. */
#ifndef IMS_DIRECTORY_TOKEN_H
#define IMS_DIRECTORY_TOKEN_H

#include "lib/conf/conf.h"
#include "lib/sasl/bearer.h"
#include "lib/sasl/jwt.h"

enum {
	TOKEN_LEEWAY_S = 60,     /* clocks differ */
	TOKEN_HEADER_ID_MAX = 256,
};

/* What the header of a signed token says, and who claims to have made it. */
struct token_head {
	const struct jwt_algorithm *algorithm; /* NULL: none that is taken */
	char id[TOKEN_HEADER_ID_MAX];          /* kid; empty: none */
	size_t id_len;
	char issuer[513];
	size_t issuer_len;
};

/* False: it is not a signed token, and may be one that only its issuer understands. */
bool token_head_read(const struct jwt *jwt, struct token_head *out);

struct token_user {
	char address[BEARER_USER_MAX];
	size_t len;
	int64_t until_s; /* Unix time */
};

/* `text`: the payload of a token whose signature is good, or with `asked` the issuer's answer
 * about one. NULL: `out` has the user; else why not. */
const char *token_read(const struct conf_oauth *rules, struct str text, bool asked,
		       int64_t now_s, struct token_user *out);

/* Whether it is an answer of RFC 7662 2.2 at all. */
bool token_is_answer(struct str text);

#endif
