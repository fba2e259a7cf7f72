/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of SASL mechanisms: SCRAM, played by GNU SASL, and those that are one
 * message: PLAIN, and XOAUTH2 and OAUTHBEARER, which carry a token. No stored password is
 * seen here: for SCRAM keys are asked for, and of the others it is said what the client
 * sent, so that it can be judged elsewhere. */
#ifndef IMS_DIRECTORY_SASL_H
#define IMS_DIRECTORY_SASL_H

#include "lib/base/buf.h"
#include "lib/sasl/bearer.h"
#include "lib/sasl/scram.h"

enum sasl_result {
	SASL_NO,        /* refused, or nonsense; the session is of no more use */
	SASL_YES,
	SASL_LATER,     /* no memory, or `keys` could not say */
	SASL_CHALLENGE, /* send it, then call again with the response */
	SASL_TOKEN,     /* sasl_password is one; sasl_user, or empty: whom it is to be for */
	SASL_PASSWORD,  /* compare sasl_password with what is known of sasl_user */
};

/* Fills in the keys of a user, of existing and other ones (nobody is to see a
 * difference); false: cannot tell now. The strings live until the next call. */
typedef bool sasl_keys_fn(void *arg, struct str user, struct str mechanism,
			  struct scram_keys *keys);

struct sasl;
struct sasl_session;

struct sasl *sasl_new(sasl_keys_fn *keys); /* NULL: no memory */
void sasl_free(struct sasl *s);            /* after its sessions; NULL is fine */

/* `arg` is what `keys` gets. `binding`: octets of the client's TLS connection, if there
 * are any. NULL: no such mechanism, or no memory. LOGIN is PLAIN to it. */
struct sasl_session *sasl_begin(struct sasl *s, struct str mechanism, struct str binding,
				void *arg);
void sasl_end(struct sasl_session *session); /* NULL is fine */
/* One response; `challenge` gets what to send. */
enum sasl_result sasl_step(struct sasl_session *session, struct str response,
			   struct buf *challenge);
/* As the client said them; empty before. The password as SASLprep (RFC 4013) makes it, as
 * `imsctl user` takes it; one that is no text as it came. They live as long as the
 * session. */
struct str sasl_user(struct sasl_session *session);
struct str sasl_password(struct sasl_session *session);

#endif
