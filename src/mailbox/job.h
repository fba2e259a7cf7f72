/* SPDX-License-Identifier: Apache-2.0 */
/* The two lists that travel between spool and mailbox (messages.def, `job` and `done`):
 * the recipients of a job and what became of them. Written one after the other, read one
 * after the other; strings point into the record. Pure. */
#ifndef IMS_MAILBOX_JOB_H
#define IMS_MAILBOX_JOB_H

#include "lib/base/buf.h"
#include "lib/base/cur.h"

enum {
	JOB_RECIPIENTS_MAX =
		4096,          /* in one job; spool cuts a larger message into several */
	JOB_RANGES_MAX = 4096, /* pieces of a body in the window */
	JOB_TEXT_MAX = 512,    /* octets of a result's text */
};

struct job_recipient {
	uint32_t index;     /* of the recipient in its message */
	struct str address; /* as the client gave it in RCPT TO */
	struct str mailbox; /* the mailbox's own address: aliases and case resolved */
	struct str domain;  /* the local domain whose `deliver` applies */
};

enum job_outcome { JOB_DELIVERED, JOB_DEFERRED, JOB_OUTCOME_COUNT };

struct job_result {
	uint32_t index;
	enum job_outcome outcome;
	struct str dsn;  /* enhanced status code, RFC 3463 */
	struct str text; /* a sentence for log and queue; may be cut at JOB_TEXT_MAX */
	struct str host; /* path of the mailbox, or its address where it has no path */
};

void job_recipient_put(struct buf *b, const struct job_recipient *r);
void job_result_put(struct buf *b, const struct job_result *r);

/* Reads the next entry; false at the end or where the record is damaged: then cur_done
 * tells which. */
bool job_recipient_next(struct cur *c, struct job_recipient *r);
bool job_result_next(struct cur *c, struct job_result *r);

/* Number of recipients in a whole record; -1 if it is damaged or holds more than
 * JOB_RECIPIENTS_MAX. Ask once, then read on with job_recipient_next. */
int job_recipients_count(struct str record);
int job_results_count(struct str record);

#endif
