/* SPDX-License-Identifier: Apache-2.0 */
/* What one operation does to the tables, inside a write transaction. */
#ifndef IMS_SPOOL_APPLY_H
#define IMS_SPOOL_APPLY_H

#include "lib/base/buf.h"
#include "spool/kv.h"
#include "spool/store.h"

/* The message of the last outcome, without its texts: its record, which has the whole
 * envelope in it, is written once after all outcomes that follow each other, and only then
 * it is looked for who of the recipients comes next. */
struct apply_held {
	struct spool_msg msg; /* id 0: none */
	int64_t listed_ms;    /* its time in the due-index */
	uint32_t last;        /* the recipient of the last outcome */
	bool changed, due_gone; /* `due_gone`: nobody may have that time any more */
};

struct apply {
	struct kv *kv;
	struct spool_totals totals;
	struct buf *scratch;
	struct apply_held held;
	bool recount;      /* the totals are to be counted anew at the next start */
	uint64_t *unlinks; /* out: big bodies of removed messages, SPOOL_BATCH_MAX */
	size_t unlinks_count;
};

int apply_begin(struct apply *a); /* reads the totals */
/* 0 with op->result set (0, or refused and nothing changed); or an error of the engine,
 * after which the transaction is to be aborted. */
int apply_op(struct apply *a, struct spool_op *op);
/* Writes what is held back. 0, or an error of the engine. */
int apply_settle(struct apply *a);
/* note.c: sets or removes a note; the result of the operation or an error as above. */
int apply_note(struct apply *a, const struct spool_note *note);
int apply_end(struct apply *a); /* writes what is held back, and the totals */

/* Counts everything in `msg`; damaged records count as messages. */
int totals_count(struct kv *kv, struct spool_totals *out);

/* The totals, or false if they are missing, damaged or to be counted anew. */
bool totals_read(struct kv *kv, struct spool_totals *out);
/* Adds (sign 1) or takes away (sign -1) what one message counts for. */
void totals_add(struct spool_totals *t, const struct spool_msg *msg, int sign);

#endif
