/* SPDX-License-Identifier: Apache-2.0 */
/* An issuer of signed tokens, whose keys are made on the spot. */
#ifndef IMS_TEST_SIGNER_H
#define IMS_TEST_SIGNER_H

#include <openssl/evp.h>

#include "lib/base/buf.h"

struct signer {
	EVP_PKEY *key;
	const char *algorithm, *id;
};

/* A key for one of RFC 7518's signatures, or EdDSA. */
void signer_make(struct signer *s, const char *algorithm, const char *id);
void signer_free(struct signer *s);
/* Its public key as RFC 7517 has it; `more` stands in front of its members. */
void signer_key(const struct signer *s, const char *more, struct buf *out);
/* A token; `header` (without its braces) NULL: the right one. */
void signer_sign(const struct signer *s, const char *header, const char *claims, struct buf *out);

#endif
