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
	ENVELOPE_VERSION = 2, /* written; 1 is read, too */
	ENVELOPE_RCPTS_MAX = 100 * 1000,
	ENVELOPE_STR_MAX = 1024,          /* octets of each string */
	ENVELOPE_RECORD_MAX = 64 * 1024 * 1024,
};

/* What nobody set is normal. */
enum mail_priority { MAIL_PRIORITY_NORMAL, MAIL_PRIORITY_URGENT, MAIL_PRIORITY_NON_URGENT };

/* Whether TLS must be, whatever the route says, or need not be (RFC 8689). */
enum mail_tls_wish {
	MAIL_TLS_AS_ROUTED,
	MAIL_TLS_REQUIRED, /* REQUIRETLS: with a host that proves who it is, or not at all */
	MAIL_TLS_OPTIONAL, /* TLS-Required: no: policies that the recipient's domain has count not */
	MAIL_TLS_WISHES
};

/* What is to happen when by_ms has come (RFC 2852). */
enum mail_by {
	MAIL_BY_NONE,
	MAIL_BY_NOTIFY, /* the sender is told, and it is tried on */
	MAIL_BY_RETURN, /* it is returned */
	MAIL_BY_MODES
};

enum { MAIL_MT_PRIORITY_MAX = 9 }; /* RFC 6710: from -9 to 9 */

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
	/* From version 2 on; 0 in a record of version 1. */
	uint8_t tls_wish;      /* enum mail_tls_wish */
	uint8_t by;            /* enum mail_by */
	bool by_trace;         /* its sender wants to know of each host that takes it */
	bool bulk;             /* its header says so: nobody waits for word of a delay */
	int8_t mt_priority;    /* as MAIL said it, to be passed on; `priority` is the class */
	int64_t by_ms;         /* since 1970; with MAIL_BY_NONE 0 */
	int64_t hold_until_ms; /* the same; until then it is not to leave (RFC 4865). 0: at once */
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
