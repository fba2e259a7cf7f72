/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 (RFC 7677) as a client plays it: what is said, and the proofs of both
 * sides. No I/O but the system's random numbers. */
#ifndef IMS_DELIVER_PROOF_H
#define IMS_DELIVER_PROOF_H

#include "lib/sasl/scram.h"
#include "lib/sasl/scram_client.h"

enum { PROOF_NONCE = 24, PROOF_HASH = 32, PROOF_MESSAGE_MAX = 4096 };

/* The costly part, kept for as long as salt, count and password stay. */
struct proof_salted {
	uint32_t iterations; /* 0: nothing is kept */
	uint16_t salt_len;
	char salt[SCRAM_TEXT_MAX];
	unsigned char password[PROOF_HASH];
};

/* One login. All 0 in the beginning. */
struct proof {
	unsigned step;
	char nonce[PROOF_NONCE];
	unsigned char server[PROOF_HASH]; /* the signature that the server has to show */
};

enum proof_result {
	PROOF_SAY,   /* what was written */
	PROOF_LAST,  /* the same, and the server has proved that it knows the password */
	PROOF_FAILED /* `why` says */
};

/* What answers `challenge`. `why`, at least SCRAM_NONCE_MAX octets, may have the server's
 * words: not safe for a log. */
enum proof_result proof_step(struct proof *p, struct proof_salted *salted, struct str user,
			     struct str secret, struct str challenge, struct buf *out,
			     struct buf *why);

#endif
