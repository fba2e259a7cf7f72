/* SPDX-License-Identifier: Apache-2.0 */
/* What a server of tokens may answer: there is a token that can be said in a line, or a reason
 * in one line, and never the secret in it. */
#include <assert.h>
#include <string.h>

#include "services/http/token_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_token(const char *text, size_t len)
{
	assert(len <= TOKEN_TEXT_MAX);
	for (size_t i = 0; i < len; i++) assert(ascii_is_print(text[i]) && text[i] != ' ');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct token_answer a;
	struct str secret = STR("s3cret");
	token_answer_read((struct str){ (const char *)data, size }, secret, STR(""), &a);
	assert((a.token_len > 0) != (a.why_len > 0));
	check_token(a.token, a.token_len);
	check_token(a.refresh, a.refresh_len);
	assert(a.refresh_len == 0 || a.token_len > 0);
	assert(a.token_len == 0 || (a.life_s > 0 && a.life_s <= TOKEN_LIFE_MAX_S));
	assert(a.why_len <= TOKEN_WHY_MAX);
	for (size_t i = 0; i < a.why_len; i++) assert(ascii_is_print(a.why[i]));
	assert(!a.why_len || !memmem(a.why, a.why_len, secret.at, secret.len));
	return 0;
}
