/* SPDX-License-Identifier: Apache-2.0 */
/* What travels between spool and those who deliver, mailbox and deliver (messages.def:
 * `job`, `relay` and `done`): the recipients of a job, where they go, and what became of
 * them. Lists are written one entry after the other and read one after the other; strings
 * point into the record. Pure. */
#ifndef IMS_MAIL_JOB_H
#define IMS_MAIL_JOB_H

#include "lib/base/buf.h"
#include "lib/base/cur.h"

enum {
	JOB_RECIPIENTS_MAX =
		4096,          /* in one job; spool cuts a larger message into several */
	JOB_RANGES_MAX = 4096, /* pieces of a body in the window */
	JOB_TEXT_MAX = 1024,   /* octets of a result's text */
	JOB_HOPS_MAX = 16,     /* hosts of a target */
	RELAY_BY_TRACE = 128,  /* in `by` of the message relay */
};

/* `flags` of the message relay, as messages.def tells of them. */
enum relay_flag {
	RELAY_BODY8 = 1,
	RELAY_SMTPUTF8 = 2,
	RELAY_SETTLED = 4,
	RELAY_LAST = 8,
	RELAY_HURRY = 16,
	RELAY_ETRN = 32,
	RELAY_LOOK = 64,
	RELAY_TURNED = 128,
	RELAY_ATRN = RELAY_ETRN | RELAY_TURNED,
};

struct job_recipient {
	uint32_t index;     /* of the recipient in its message */
	struct str address; /* as the client gave it in RCPT TO */
	struct str mailbox; /* who gets it: aliases and case resolved */
	struct str domain;  /* the local domain whose `deliver` applies */
	struct str orcpt;   /* as in struct envelope_rcpt, for who relays */
	uint8_t notify;     /* the same */
};

enum job_outcome {
	JOB_DELIVERED, /* it stands in its mailbox */
	JOB_RELAYED,   /* another host has taken it */
	JOB_DEFERRED,  /* not now */
	JOB_FAILED,    /* never */
	JOB_UNTRIED,   /* nobody was asked about it: at once again */
	JOB_OUTCOME_COUNT
};

struct job_result {
	uint32_t index;
	enum job_outcome outcome;
	bool dsn_passed; /* RELAYED: the next host reports success if that was asked for */
	struct str dsn;  /* enhanced status code, RFC 3463 */
	struct str text; /* a sentence or the reply, for log, queue and report; may be cut */
	struct str host; /* path of the mailbox, or the host that answered */
	struct str tls;  /* of the connection to that host, as events tell it; or empty */
	struct str step; /* of the dialogue with it, as events tell it; or empty */
	bool in_doubt;   /* DEFERRED: the host may have the message */
	bool by_passed;  /* RELAYED: the next host knows of the time that the sender set */
};

/* Where a relay job goes. */
enum job_target_kind { JOB_TO_HOSTS, JOB_TO_MX, JOB_TO_LMTP, JOB_TARGET_COUNT };

struct job_hop {
	struct str host; /* name, address without brackets, or path of a socket (LMTP) */
	uint16_t port;
	bool mx; /* the hosts that the DNS names for `host` */
};

struct job_target {
	enum job_target_kind kind;
	struct str domain; /* TO_MX: whose MX, or an address literal */
	uint16_t port;     /* TO_MX */
	uint8_t hop_count;
	struct job_hop hops[JOB_HOPS_MAX]; /* otherwise, in the order of preference */
	bool spread; /* another message may have another order: it is to go to the first */
};

void job_recipient_put(struct buf *b, const struct job_recipient *r);
void job_result_put(struct buf *b, const struct job_result *r);
void job_target_put(struct buf *b, const struct job_target *t);

/* Reads the next entry; false at the end or where the record is damaged: then cur_done
 * tells which. */
bool job_recipient_next(struct cur *c, struct job_recipient *r);
bool job_result_next(struct cur *c, struct job_result *r);
/* False: damaged. */
bool job_target_get(struct str record, struct job_target *t);

/* Number of recipients in a whole record; -1 if it is damaged or holds more than
 * JOB_RECIPIENTS_MAX. Ask once, then read on with job_recipient_next. */
int job_recipients_count(struct str record);
int job_results_count(struct str record);

#endif
