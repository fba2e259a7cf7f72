/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that carry a token, and tokens: whatever they are, nobody gets in who is not named
 * by good claims, and nothing is read behind its end. */
#include <assert.h>

#include "services/directory/jwks.h"
#include "services/directory/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_token(struct str token)
{
	char text[BEARER_TOKEN_MAX];
	struct buf memory;
	struct jwt jwt;
	struct token_head head;
	buf_init_fixed(&memory, text, sizeof text);
	if (jwt_split(token, &memory, &jwt)) (void)token_head_read(&jwt, &head);
}

static void try_claims(struct str text, bool asked)
{
	static struct str audience[] = { STR_INIT("a") };
	static struct str claims[] = { STR_INIT("email"), STR_INIT("upn") };
	static const struct conf_oauth rules = { .issuer = STR_INIT("i"),
						 .audience = { audience, 1 },
						 .user = { claims, 2 } };
	struct token_user user;
	if (token_read(&rules, text, asked, 1000000, &user)) return;
	assert(user.len > 2 && user.len <= BEARER_USER_MAX);
	assert(user.until_s + TOKEN_LEEWAY_S > 1000000);
	assert(str_find((struct str){ user.address, user.len }, '@') > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct bearer b;
	char memory[256];
	struct buf why;
	if (size > BEARER_TOKEN_MAX) return 0;
	if (bearer_xoauth2_parse(in, &b)) assert(b.user.len && b.token.len);
	if (bearer_oauthbearer_parse(in, &b)) try_token(b.token);
	try_token(in);
	try_claims(in, false);
	try_claims(in, true);
	(void)token_is_answer(in);
	buf_init_fixed(&why, memory, sizeof memory);
	jwks_free(jwks_parse(in, &why));
	return 0;
}
