/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a message apart from its text, and the record in which it goes
 * from process to process and is kept in the spool. */
#ifndef IMS_MAIL_ENVELOPE_H
#define IMS_MAIL_ENVELOPE_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/cur.h"
#include "lib/base/ip.h"

enum {
	ENVELOPE_VERSION = 1,
	ENVELOPE_RCPTS_MAX = 100 * 1000,
	ENVELOPE_STR_MAX = 1024,          /* octets of each string */
	ENVELOPE_RECORD_MAX = 64 * 1024 * 1024,
};

/* What nobody set is normal. */
enum mail_priority { MAIL_PRIORITY_NORMAL, MAIL_PRIORITY_URGENT, MAIL_PRIORITY_NON_URGENT };

struct envelope_rcpt {
	struct str address; /* local@domain, without brackets and needless quotes */
	struct str orcpt;   /* "type;xtext" as sent (RFC 3461 4.2); empty: not given */
	struct str route;   /* name of the route; empty: not decided */
	uint8_t notify;     /* bits of enum smtp_notify; 0: not given */
};

struct envelope {
	struct str sender;   /* reverse-path without brackets; empty: null */
	struct str envid;    /* xtext as sent (RFC 3461 4.4); empty: not given */
	struct str helo;
	struct str user;     /* who authenticated; empty: nobody */
	struct str sid;      /* session, for the log */
	struct ip client;    /* none: made here */
	int64_t arrived_ms;  /* since 1970 */
	uint64_t size;       /* octets of the text */
	uint8_t ret;         /* enum smtp_ret */
	uint8_t priority;    /* enum mail_priority */
	bool body8, smtputf8, esmtp;
	bool copy; /* a report for the postmaster, made here: nobody is told if it fails */
	uint32_t rcpt_count; /* at most ENVELOPE_RCPTS_MAX */
	struct envelope_rcpt *rcpts;
};

/* Appends the record: version, length, fields. Sets out->overflowed, having appended
 * something, if a string or the count is over its limit. */
void envelope_encode(struct buf *out, const struct envelope *e);

enum envelope_result {
	ENVELOPE_OK,
	ENVELOPE_BAD,       /* no such record; made by somebody else or damaged */
	ENVELOPE_VERSION_UNKNOWN,
	ENVELOPE_NO_MEMORY, /* the arena is full */
};

/* Takes the record off `record`. Strings and recipients are copied to the arena, which
 * needs about the record's length and 56 octets for each recipient. */
enum envelope_result envelope_decode(struct cur *record, struct arena *arena,
				     struct envelope *e);

#endif
