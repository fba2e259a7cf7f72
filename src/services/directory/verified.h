/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers for some minutes that a password was right, so that a user who logs in again
 * and again costs one slow hash and not a thousand. What it keeps is a keyed hash of user,
 * password and the stored hash it was right for: a changed password is forgotten at once,
 * and the table tells nothing about any. Bounded; the oldest make room. */
#ifndef IMS_DIRECTORY_VERIFIED_H
#define IMS_DIRECTORY_VERIFIED_H

#include "lib/base/str.h"

enum {
	VERIFIED_MAX = 32768,
	VERIFIED_MS = 10 * 60 * 1000,
	VERIFIED_KEY = 32, /* octets */
};

struct verified_mark {
	unsigned char octets[VERIFIED_KEY];
};

struct verified;

struct verified *verified_new(void); /* with a key of its own; NULL: no memory */
void verified_free(struct verified *v);
struct verified_mark verified_mark(const struct verified *v, struct str user,
				   struct str password, struct str hash);
bool verified_has(const struct verified *v, const struct verified_mark *mark,
		  int64_t now_ms);
/* `keep_ms` is cut to VERIFIED_MS. */
void verified_put(struct verified *v, const struct verified_mark *mark, int64_t now_ms,
		  int64_t keep_ms);

/* HMAC-SHA-256 of `text` and `more`, which can not be taken for another split. */
void keyed_hash(const unsigned char key[VERIFIED_KEY], struct str text, struct str more,
		unsigned char out[VERIFIED_KEY]);

#endif
