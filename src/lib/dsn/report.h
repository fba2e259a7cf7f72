/* SPDX-License-Identifier: Apache-2.0 */
/* A delivery status notification: what became of a message, for a person and for a
 * program (RFC 3464, RFC 6522; RFC 6533 for addresses in UTF-8). Pure; everything in it
 * that comes from a peer is made safe where it is written. */
#ifndef IMS_DSN_REPORT_H
#define IMS_DSN_REPORT_H

#include "lib/base/arena.h"
#include "lib/base/buf.h"

enum {
	DSN_RCPTS_MAX = 1000,            /* recipients of one report; more: several reports */
	DSN_HUMAN_RCPTS_MAX = 100,       /* of these in the part for people */
	DSN_STR_MAX = 1024,              /* octets of each string */
	DSN_REPORT_MAX = 256 * 1024,     /* octets of a report: it is never a big body */
	DSN_ORIGINAL_MAX = 256 * 1024,   /* octets of the original that come in */
	DSN_FULL_MAX = 64 * 1024,        /* larger is not returned whole unless asked for */
	DSN_HEADER_MAX = 64 * 1024,      /* octets of its header that are returned */
	DSN_HUMAN_MAX = 40 * 1024,       /* octets of the part for people, before encoding */
	DSN_MACHINE_MAX = 96 * 1024,     /* octets of the part for programs */
	DSN_NAMED_MAX = 88 * 1024,       /* octets of it that name recipients */
	DSN_RECORD_MAX = 6 * 1024 * 1024, /* octets of dsn_report_encode's record */
	DSN_ARENA = 256 * 1024,          /* memory that dsn_report_decode may want */
};

/* RFC 3464 2.3.3. The first of a report's recipients in this order gives it its name. */
enum dsn_action {
	DSN_FAILED,
	DSN_DELAYED,
	DSN_EXPANDED,
	DSN_RELAYED, /* to a server that sends no reports: nobody will say more */
	DSN_DELIVERED,
	DSN_ACTIONS
};

struct dsn_rcpt {
	struct str address; /* local@domain */
	struct str orcpt;   /* "type;xtext" as sent; empty: not given */
	struct str status;  /* "5.1.1" (RFC 3463) */
	struct str host;    /* the server that was spoken to; empty: none, or our own mailbox */
	struct str reply;   /* what it said, with its code, or our own reason; may be empty */
	enum dsn_action action;
	bool expired;       /* failed because its time was over */
	int64_t last_attempt_ms;     /* since 1970; 0: never tried */
	int64_t will_retry_until_ms; /* of a delayed one; 0: not known */
};

struct dsn_report {
	struct str hostname;   /* ours */
	struct str to;         /* who gets the report, without brackets */
	struct str postmaster; /* who can help; empty: nobody is named */
	struct str message_id; /* of the report, without brackets; our own making */
	struct str id;         /* number of the original message here */
	struct str sender;     /* of the original; empty: null */
	struct str envid;      /* xtext as sent; empty: not given */
	int64_t now_ms, arrived_ms;
	uint64_t size;         /* octets of the original */
	uint8_t ret;           /* enum smtp_ret */
	bool smtputf8;         /* the original was sent with SMTPUTF8: so is the report */
	bool copy;             /* for the postmaster */
	bool whole;            /* `original` is all of it, not its header alone */
	struct str original;   /* text of the original; at most DSN_ORIGINAL_MAX */
	int64_t by_ms;         /* until when the sender wanted it delivered (RFC 2852); 0: not said */
	int64_t hold_until_ms; /* when he wanted it to be let go (RFC 4865); 0: not said */
	uint32_t more;         /* recipients with the same fate that are not in the list */
	uint32_t count;        /* 1 to DSN_RCPTS_MAX */
	const struct dsn_rcpt *rcpts;
};

/* Whether the whole original goes with a report about `action`, or its header alone
 * (RFC 3461 4.3: RET is about failures). For whoever has to fetch it. */
bool dsn_wants_whole(uint8_t ret, enum dsn_action action, bool copy, uint64_t size);

/* How many of these recipients, from the first, one report can name in full: at least 1,
 * at most DSN_RCPTS_MAX. The rest goes into the next report. */
uint32_t dsn_rcpts_fit(const struct dsn_rcpt *rcpts, uint32_t count, bool smtputf8);
/* What naming one takes of DSN_NAMED_MAX, for whoever gathers them one by one; `status`
 * and `action` count, replies and hosts do not. */
size_t dsn_rcpt_size(const struct dsn_rcpt *rcpt, bool smtputf8);

/* Appends the report: lines end with CRLF and have at most 998 octets; ASCII unless
 * smtputf8; at most DSN_REPORT_MAX octets. Goes to `to` with a null reverse-path. Sets
 * out->overflowed if `out` takes less, or memory is short. */
void dsn_report_write(struct buf *out, const struct dsn_report *r);

/* The record in which it travels to the role `bounce`: all but `original`. Sets
 * out->overflowed if a string or the count is over its limit. */
void dsn_report_encode(struct buf *out, const struct dsn_report *r);
/* False if it is none, or something in it is over its limit, or the arena is full.
 * Strings point into `record`, recipients stand in the arena. */
bool dsn_report_decode(struct str record, struct arena *arena, struct dsn_report *r);

#endif
