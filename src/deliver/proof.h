/* SPDX-License-Identifier: Apache-2.0 */
/* SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 7677) as a client plays them: what is said, and the
 * proofs of both sides. Name and password are prepared for comparison (RFC 4013), as servers
 * prepare what they know. No I/O but the system's random numbers. */
#ifndef IMS_DELIVER_PROOF_H
#define IMS_DELIVER_PROOF_H

#include "lib/sasl/scram.h"
#include "lib/sasl/scram_client.h"

enum {
	PROOF_NONCE = 24,
	PROOF_HASH = 32,
	PROOF_MESSAGE_MAX = 4096,
	PROOF_USER_MAX = 512, /* octets: prepared, a name may be longer */
	PROOF_WHY_MAX = 384,
};

/* The costly part, kept for as long as salt, count and password stay. */
struct proof_salted {
	uint32_t iterations; /* 0: nothing is kept */
	uint16_t salt_len;
	char salt[SCRAM_TEXT_MAX];
	unsigned char password[PROOF_HASH];
};

/* One login. All 0 in the beginning, but for the binding, which is the caller's. */
struct proof {
	unsigned step;
	enum scram_flag flag;
	unsigned char binding[SCRAM_BINDING_MAX];
	size_t binding_len;
	char nonce[PROOF_NONCE];
	size_t nonce_len;
	char user[PROOF_USER_MAX]; /* prepared */
	size_t user_len;
	unsigned char server[PROOF_HASH]; /* the signature that the server has to show */
};

enum proof_result {
	PROOF_SAY,   /* what was written */
	PROOF_LAST,  /* the same, and the server has proved that it knows the password */
	PROOF_FAILED /* `why` says */
};

/* What answers `challenge`. `why`, PROOF_WHY_MAX octets, may have the server's words: not safe
 * for a log. */
enum proof_result proof_step(struct proof *p, struct proof_salted *salted, struct str user,
			     struct str secret, struct str challenge, struct buf *out,
			     struct buf *why);

#endif
