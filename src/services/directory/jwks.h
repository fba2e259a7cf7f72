/* SPDX-License-Identifier: Apache-2.0 */
/* Public keys of an issuer (RFC 7517), and signatures that they check (RFC 7518 3, RFC 8037).
 * No I/O. Keys of kinds that are not taken are passed over, and so are those that are for
 * something else than signatures; RSA keys have 2048 to 8192 bits. */
#ifndef IMS_DIRECTORY_JWKS_H
#define IMS_DIRECTORY_JWKS_H

#include "lib/sasl/jwt.h"

enum { JWKS_KEYS_MAX = 64, JWKS_ID_MAX = 256 };

struct jwks;

/* NULL: it is damaged, or has no key that can be used; `why` says so. */
struct jwks *jwks_parse(struct str text, struct buf *why);
void jwks_free(struct jwks *set); /* NULL is fine */

enum jwks_result {
	JWKS_GOOD,
	JWKS_WRONG,   /* the key is there, and the signature is not its own */
	JWKS_UNKNOWN, /* no key with that id is there for that kind of signature */
};

/* `id`: the token's kid; empty: any key of that kind may have made it. */
enum jwks_result jwks_verify(const struct jwks *set, const struct jwt_algorithm *algorithm,
			     struct str id, const struct jwt *jwt);

#endif
