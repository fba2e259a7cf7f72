/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers for a while that a token was good and whose it is. What it keeps of a token is a
 * keyed hash. Bounded; the oldest make room. */
#ifndef IMS_DIRECTORY_KNOWN_TOKENS_H
#define IMS_DIRECTORY_KNOWN_TOKENS_H

#include "services/directory/token.h"

enum { KNOWN_TOKENS_MAX = 4096 };

struct known_tokens;

struct known_tokens *known_tokens_new(void); /* with a key of its own; NULL: no memory */
void known_tokens_free(struct known_tokens *k); /* NULL is fine */
bool known_tokens_get(const struct known_tokens *k, struct str token, int64_t now_ms,
		      struct token_user *out);
void known_tokens_put(struct known_tokens *k, struct str token, const struct token_user *user,
		      int64_t now_ms, int64_t until_ms);

#endif
