/* SPDX-License-Identifier: Apache-2.0 */
/* What a server keeps of a password for SCRAM (RFC 5802 3, RFC 7677), as text:
 *
 *	SCRAM-SHA-256$100000:SALT$STOREDKEY:SERVERKEY
 *
 * with salt and keys in base 64; several mechanisms with blanks between them. Who reads
 * it can pretend to be the server, but not log in. Pure. */
#ifndef IMS_SASL_SCRAM_H
#define IMS_SASL_SCRAM_H

#include "lib/base/buf.h"

enum {
	SCRAM_SALT = 16,             /* octets that we make */
	SCRAM_ITERATIONS = 100000,   /* of what we make: a stolen database is to hold */
	SCRAM_ITERATIONS_MAX = 10000000,
	SCRAM_KEY_MAX = 32,          /* octets */
	SCRAM_TEXT_MAX = 128,        /* of salt or key in base 64 */
};

struct scram_keys {
	struct str mechanism; /* "SCRAM-SHA-256", or "SCRAM-SHA-1" */
	uint32_t iterations;
	struct str salt, stored, server; /* base 64 */
};

/* Octets of a key of that mechanism; 0: none of ours. "-PLUS" at the end is ignored. */
size_t scram_key_size(struct str mechanism);
/* Keys of the mechanism (with or without "-PLUS"); they point into `record`. False if it
 * has none, or none that could be used. */
bool scram_find(struct str record, struct str mechanism, struct scram_keys *keys);
void scram_write(struct buf *out, const struct scram_keys *keys);

#endif
