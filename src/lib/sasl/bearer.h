/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of the mechanisms that carry a token: OAUTHBEARER (RFC 7628) and XOAUTH2,
 * which Google and Microsoft made before it was written. Pure; results point into what is
 * read and live as long as it does. */
#ifndef IMS_SASL_BEARER_H
#define IMS_SASL_BEARER_H

#include "lib/base/buf.h"

enum {
	BEARER_USER_MAX = 320,    /* octets */
	BEARER_TOKEN_MAX = 12288, /* octets; a line of AUTH is not longer */
	BEARER_FAULT_MAX = 512,   /* octets that bearer_fault_write needs at most */
};

struct bearer {
	struct str user;  /* whom the client wants to be; of OAUTHBEARER it may be empty */
	struct str token; /* letters, digits and -._~+/=, never empty */
};

/* What the client says first. The user of OAUTHBEARER as it stands there, =2C and =3D not
 * undone: neither occurs in an address that could log in. False: not that message. */
bool bearer_xoauth2_parse(struct str message, struct bearer *out);
bool bearer_oauthbearer_parse(struct str message, struct bearer *out);
/* Why it was refused, for the client: JSON of RFC 7628 3.2.2, or with `xoauth2` as clients of
 * that expect it. `scope` may be empty. */
void bearer_fault_write(struct buf *out, bool xoauth2, struct str scope);

#endif
