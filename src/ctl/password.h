/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords on their way to a verifier. They come from standard input or from the
 * terminal, never from arguments or the environment, and leave no copy in memory. */
#ifndef IMS_CTL_PASSWORD_H
#define IMS_CTL_PASSWORD_H

#include "lib/base/buf.h"

enum {
	PASSWORD_MAX = 511, /* octets; what crypt(3) takes, less its NUL */
	PASSWORD_HASH_MAX = 384,
};

enum password_result {
	PASSWORD_OK,
	PASSWORD_EMPTY,
	PASSWORD_TOO_LONG,
	PASSWORD_BAD,     /* holds a NUL */
	PASSWORD_DIFFERS, /* the two typings are not the same */
	PASSWORD_FAILED,  /* reading failed, or the user broke it off */
};

/* Reads a password into `out` (fixed, for PASSWORD_MAX + 1 octets at least): the first
 * line of `fd`; or, where `fd` is a terminal, typed twice without echo, asked for on
 * standard error. The caller wipes it. */
enum password_result password_read(int fd, struct buf *out);
const char *password_sentence(enum password_result result);

/* Appends the yescrypt hash, as in crypt(5), of the password as SASLprep (RFC 4013) makes
 * it; of one that is no text as it is. Takes tens of milliseconds. 0 or -errno. */
int password_hash(struct buf *out, struct str password);
/* Appends what SCRAM keeps of it (lib/sasl/scram.h), with a salt from the kernel. Takes a
 * tenth of a second. 0 or -errno; -EINVAL: the password is not text. */
int password_scram(struct buf *out, struct str password, struct str mechanism);
/* The same with this salt. */
int password_scram_with(struct buf *out, struct str password, struct str mechanism,
			struct str salt, uint32_t iterations);
/* Whether `password` is the one that `hash` was made from. */
bool password_matches(struct str password, struct str hash);

#endif
