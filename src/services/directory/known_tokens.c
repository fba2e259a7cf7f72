/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/known_tokens.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { WAYS = 4, MARK = 32 };

struct entry {
	unsigned char mark[MARK];
	int64_t until_ms; /* 0: free */
	struct token_user user;
};

struct known_tokens {
	unsigned char key[MARK];
	struct entry entries[KNOWN_TOKENS_MAX];
};

struct known_tokens *known_tokens_new(void)
{
	struct known_tokens *k = calloc(1, sizeof *k);
	if (k && getrandom(k->key, sizeof k->key, 0) == (ssize_t)sizeof k->key) return k;
	free(k);
	return NULL;
}

void known_tokens_free(struct known_tokens *k)
{
	if (!k) return;
	explicit_bzero(k->key, sizeof k->key);
	free(k);
}

static bool mark_of(const struct known_tokens *k, struct str token, unsigned char out[MARK])
{
	unsigned len = MARK;
	return HMAC(EVP_sha256(), k->key, sizeof k->key, (const unsigned char *)token.at,
		    token.len, out, &len) != NULL;
}

static size_t first_of(const unsigned char mark[MARK])
{
	uint32_t at;
	memcpy(&at, mark, sizeof at);
	return at % (KNOWN_TOKENS_MAX / WAYS) * WAYS;
}

bool known_tokens_get(const struct known_tokens *k, struct str token, int64_t now_ms,
		      struct token_user *out)
{
	unsigned char mark[MARK];
	if (!mark_of(k, token, mark)) return false;
	const struct entry *set = &k->entries[first_of(mark)];
	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].until_ms <= now_ms || memcmp(set[i].mark, mark, MARK) != 0) continue;
		*out = set[i].user;
		return true;
	}
	return false;
}

void known_tokens_put(struct known_tokens *k, struct str token, const struct token_user *user,
		      int64_t now_ms, int64_t until_ms)
{
	unsigned char mark[MARK];
	if (until_ms <= now_ms || !mark_of(k, token, mark)) return;
	struct entry *set = &k->entries[first_of(mark)], *to = set;
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until_ms < to->until_ms) to = &set[i];
	memcpy(to->mark, mark, MARK);
	to->until_ms = until_ms;
	to->user = *user;
}
