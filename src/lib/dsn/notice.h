/* SPDX-License-Identifier: Apache-2.0 */
/* A message to the postmaster about mail that was refused, or is held: who, from where, by which rule,
 * and what to do. It tells of no message that is kept here, and of no identity that anybody
 * would have to have (Q178091: writing it for a client without one ended the service).
 * Pure; what comes from a peer is made safe where it is written. */
#ifndef IMS_DSN_NOTICE_H
#define IMS_DSN_NOTICE_H

#include "lib/dsn/report.h"

enum {
	DSN_NOTICE_MAX = 64 * 1024,        /* octets of the message */
	DSN_NOTICE_RECORD_MAX = 16 * 1024, /* octets of dsn_notice_encode's record */
};

struct dsn_notice {
	struct str hostname;   /* ours */
	struct str to;         /* the postmaster, without brackets */
	struct str message_id; /* without brackets; our own making */
	struct str client;     /* address; empty: several, that are not named */
	struct str helo, user; /* what it called itself; who had logged in, "-": nobody */
	struct str sender;     /* empty: null */
	struct str setting;    /* that was not complied with: "submission { homed }" */
	struct str rule;       /* where it stands */
	struct str reply;      /* what the client was told, with its code; of held mail why it is */
	struct str advice;     /* what the reader can do; our own words */
	uint64_t count;        /* refusals (held messages) that this one tells of; at least 1 */
	int64_t now_ms, first_ms, last_ms; /* since 1970 */
	bool held;             /* the mail is; else refused */
};

/* Appends the message: lines end with CRLF, ASCII only, at most DSN_NOTICE_MAX octets. Sets
 * out->overflowed if `out` takes less, or memory is short. */
void dsn_notice_write(struct buf *out, const struct dsn_notice *n);

/* The record in which it travels to the role `bounce`. Sets out->overflowed if a string is
 * over DSN_STR_MAX. */
void dsn_notice_encode(struct buf *out, const struct dsn_notice *n);
/* False if it is none, or something in it is over its limit. Strings point into `record`. */
bool dsn_notice_decode(struct str record, struct dsn_notice *n);

#endif
