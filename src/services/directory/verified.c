/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/verified.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/base/buf.h"

enum { WAYS = 4, TEXT_MAX = 2048 };

struct entry {
	struct verified_mark mark;
	int64_t until_ms; /* 0: free */
};

struct verified {
	unsigned char key[VERIFIED_KEY];
	struct entry entries[VERIFIED_MAX];
};

struct verified *verified_new(void)
{
	struct verified *v = calloc(1, sizeof *v);
	if (!v) return NULL;
	if (getrandom(v->key, sizeof v->key, 0) != (ssize_t)sizeof v->key) {
		free(v);
		return NULL;
	}
	return v;
}

void verified_free(struct verified *v)
{
	if (!v) return;
	explicit_bzero(v, sizeof *v);
	free(v);
}

void keyed_hash(const unsigned char key[VERIFIED_KEY], struct str text, struct str more,
		unsigned char out[VERIFIED_KEY])
{
	char memory[TEXT_MAX];
	struct buf b;
	unsigned len = VERIFIED_KEY;
	buf_init_fixed(&b, memory, sizeof memory);
	buf_put_str(&b, text);
	buf_put_str(&b, more);
	/* Too long for any table: a hash that nothing else has. */
	if (b.overflowed || !HMAC(EVP_sha256(), key, VERIFIED_KEY, (unsigned char *)b.at,
				  b.len, out, &len))
		(void)getrandom(out, VERIFIED_KEY, GRND_NONBLOCK);
	explicit_bzero(memory, sizeof memory);
}

struct verified_mark verified_mark(const struct verified *v, struct str user,
				   struct str password, struct str hash)
{
	struct verified_mark mark;
	char memory[TEXT_MAX / 2];
	struct buf who;
	buf_init_fixed(&who, memory, sizeof memory);
	buf_put_str(&who, user);
	buf_put_str(&who, hash);
	keyed_hash(v->key, buf_view(&who), password, mark.octets);
	return mark;
}

static size_t first_of(const struct verified_mark *mark)
{
	uint32_t at;
	memcpy(&at, mark->octets, sizeof at);
	return at % (VERIFIED_MAX / WAYS) * WAYS;
}

bool verified_has(const struct verified *v, const struct verified_mark *mark,
		  int64_t now_ms)
{
	const struct entry *set = &v->entries[first_of(mark)];
	for (size_t i = 0; i < WAYS; i++)
		if (set[i].until_ms > now_ms &&
		    memcmp(set[i].mark.octets, mark->octets, VERIFIED_KEY) == 0)
			return true;
	return false;
}

void verified_put(struct verified *v, const struct verified_mark *mark, int64_t now_ms,
		  int64_t keep_ms)
{
	struct entry *set = &v->entries[first_of(mark)], *to = set;
	for (size_t i = 1; i < WAYS; i++)
		if (set[i].until_ms < to->until_ms) to = &set[i];
	to->mark = *mark;
	to->until_ms = now_ms + (keep_ms < VERIFIED_MS ? keep_ms : VERIFIED_MS);
}
