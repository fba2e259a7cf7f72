/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of Dovecot's authentication protocol (doc/auth-protocol of Dovecot): words with
 * tabs between them, in which a tab is \001t. Two dialects: that of auth clients, which
 * asks for a password to be compared, and that of auth masters, which asks who a user is.
 * Pure; nothing that a line says is the size of anything. */
#ifndef IMS_DIRECTORY_DOVECOT_LINE_H
#define IMS_DIRECTORY_DOVECOT_LINE_H

#include "lib/base/buf.h"

enum {
	DOVECOT_LINE_MAX = 64 * 1024, /* octets; a longer one ends the connection */
	DOVECOT_USER_MAX = 320,
	DOVECOT_PASSWORD_MAX = 511,
	DOVECOT_REASON_MAX = 160,
};

enum dovecot_kind {
	DOVECOT_OTHER,    /* of the handshake, or nothing that we know */
	DOVECOT_VERSION,  /* `id` is the major version */
	DOVECOT_SPID,     /* the end of an auth master's handshake */
	DOVECOT_DONE,     /* the end of an auth client's handshake */
	DOVECOT_OK,       /* the password is right */
	DOVECOT_CONT,     /* it wants to hear more */
	DOVECOT_USER,     /* there is such a user */
	DOVECOT_NOTFOUND, /* there is none */
	DOVECOT_FAIL,     /* wrong, or with `later` set: cannot tell now */
};

struct dovecot_line {
	enum dovecot_kind kind;
	uint64_t id; /* of the question */
	bool later;
	char user[DOVECOT_USER_MAX]; /* as Dovecot calls him; may be empty */
	char reason[DOVECOT_REASON_MAX]; /* for a log; cut, without control characters */
	size_t user_len, reason_len;
};

/* One line without its line feed. False: not a line of this protocol: no number where one
 * belongs, an escape that is none, a user that is too long or holds control characters. */
bool dovecot_line_parse(struct str line, struct dovecot_line *out);

/* One word of a request, escaped. */
void dovecot_word(struct buf *out, struct str word);
/* "AUTH" by PLAIN (RFC 4616) for a password. */
void dovecot_auth(struct buf *out, uint64_t id, struct str user, struct str password);
void dovecot_user(struct buf *out, uint64_t id, struct str user);

#endif
