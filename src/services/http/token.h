/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by which routes log in (OAuth 2.0): fetched ahead of their end, and given to all
 * deliver processes. A server of tokens that fails is asked again, less and less often; the
 * token that there is stays in use until it ends. */
#ifndef IMS_HTTP_TOKEN_H
#define IMS_HTTP_TOKEN_H

#include "services/frame.h"
#include "services/http/web.h"

enum {
	TOKENS_MAX = 16,
	TOKEN_AGAIN_MS = 1000,           /* after a failure, then twice as long */
	TOKEN_AGAIN_MAX_MS = 10 * 60000,
	TOKEN_FORCED_MS = 60000,         /* between tokens that were refused */
	TOKEN_TOLD_MS = 60 * 60000,      /* between two events about one trouble */
	TOKEN_SECRETS_MS = 2000,         /* for the first secrets to come from master */
	TOKEN_SPARE_S = 5,               /* the last of its life is not used */
};

struct tokens;

/* Before rights are given up: reads the authorities that the configuration names. NULL: no
 * memory. `ca`: the system's; both are borrowed. */
struct tokens *tokens_new(struct frame *frame, struct web *web, struct str ca, int folder);
void tokens_free(struct tokens *t); /* NULL is fine */
/* Rights are given up: asks for what is wanted. */
void tokens_begin(struct tokens *t);
/* What master has read: names and texts. */
void tokens_secrets(struct tokens *t, struct str record);
/* False: it names other files of authorities, so a fresh process is needed. */
bool tokens_reload(struct tokens *t);
void tokens_names_up(struct tokens *t); /* dns is there */
void tokens_tell(struct tokens *t, struct channel *deliver); /* all of them */
void tokens_refused(struct tokens *t, const struct msg_token_refused *m);

#endif
