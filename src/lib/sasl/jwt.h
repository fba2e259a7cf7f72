/* SPDX-License-Identifier: Apache-2.0 */
/* The form of a JSON web token (RFC 7519 3, RFC 7515 3.1), and the signatures that are known.
 * What is in its JSON, and whether the signature is good, is seen elsewhere. Pure. */
#ifndef IMS_SASL_JWT_H
#define IMS_SASL_JWT_H

#include "lib/base/buf.h"

enum { JWT_SIGNATURE_MAX = 1024 /* octets: RSA of 8192 bits */ };

struct jwt {
	struct str header, payload; /* JSON, or what the sender says is such */
	struct str signature;       /* octets */
	struct str input;           /* what is signed; points into the token */
};

/* Takes a token apart; the parts are decoded into `memory`, for which as many octets as the
 * token has are enough. False: it has not the form of one. */
bool jwt_split(struct str token, struct buf *memory, struct jwt *out);

enum jwt_kind { JWT_RSA, JWT_RSA_PSS, JWT_EC, JWT_ED };

/* A signature of RFC 7518 3.1 or RFC 8037 3.1. */
struct jwt_algorithm {
	struct str name;
	enum jwt_kind kind;
	unsigned bits; /* of the hash; 0: the signature has its own */
	size_t half;   /* JWT_EC: octets of each of the two numbers */
};

/* NULL: not known, or not to be trusted: "none", and HS256 and the like, whose key who made
 * the token could only know if it were a common secret. */
const struct jwt_algorithm *jwt_algorithm_find(struct str name);

#endif
