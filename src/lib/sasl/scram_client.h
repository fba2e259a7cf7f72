/* SPDX-License-Identifier: Apache-2.0 */
/* The client's messages of SCRAM (RFC 5802 7), with channel binding (tls-exporter, RFC 9266)
 * and without. What is computed with the password is computed elsewhere. Pure; results point
 * into what is read. */
#ifndef IMS_SASL_SCRAM_CLIENT_H
#define IMS_SASL_SCRAM_CLIENT_H

#include "lib/base/buf.h"

enum {
	SCRAM_NONCE_MAX = 256, /* octets of both sides' nonce together */
	SCRAM_BINDING_MAX = 64,
	/* RFC 7677 4: fewer protect nothing. More than the second would stop everything else
	 * for a second, because a host says so. */
	SCRAM_CLIENT_ITERATIONS_MIN = 4096,
	SCRAM_CLIENT_ITERATIONS_MAX = 600000,
};

struct scram_challenge {
	struct str nonce; /* ours, and the server's behind it */
	struct str salt;  /* base 64, of at least one octet */
	uint32_t iterations;
};

/* RFC 5802 6: whether the login is tied to the TLS connection. Both sides sign it, so that a
 * stranger between them cannot take the better mechanism out of what the server offers. */
enum scram_flag {
	SCRAM_FLAG_NONE,      /* "n": the client cannot */
	SCRAM_FLAG_UNOFFERED, /* "y": it could, and the server did not offer it */
	SCRAM_FLAG_BOUND,     /* "p=tls-exporter": it is */
};

struct scram_binding {
	enum scram_flag flag;
	struct str octets; /* with BOUND: what no other connection has, SCRAM_BINDING_MAX at most */
};

/* What stands at the head of the first message. */
void scram_client_header_write(struct buf *out, enum scram_flag flag);
/* "n=USER,r=NONCE": the message is the header and this. The user is sent as it is: the caller
 * has prepared it. */
void scram_client_first_write(struct buf *out, struct str user, struct str nonce);
/* The server's first message, to `nonce`. False: not one, or not to be used. */
bool scram_client_challenge_parse(struct str message, struct str nonce,
				  struct scram_challenge *out);
/* What is signed: `first`, as scram_client_first_write has it, `message`, and the head of
 * the last message. */
void scram_client_signed_write(struct buf *out, const struct scram_binding *binding,
			       struct str first, struct str message, struct str nonce);
/* The last message. */
void scram_client_final_write(struct buf *out, const struct scram_binding *binding,
			      struct str nonce, struct str proof);
/* The server's last: its signature in base 64, or why it says no. False: neither. */
bool scram_client_end_parse(struct str message, struct str *signature, struct str *error);
/* What an error of the server (RFC 5802 7, server-error-value) means for who reads of it;
 * empty: it says enough. */
struct str scram_client_error_meaning(struct str error);

#endif
