/* SPDX-License-Identifier: Apache-2.0 */
/* What report.c, report_letter.c and report_keep.c share. */
#ifndef IMS_SPOOL_REPORT_PARTS_H
#define IMS_SPOOL_REPORT_PARTS_H

#include "lib/dsn/decide.h"
#include "lib/dsn/report.h"
#include "spool/spool.h"

enum { TO_SENDER = 0, TO_POSTMASTER = 1, LETTERS = 2 };

/* What one recipient is told of. */
struct report_fate {
	uint32_t at; /* in job->rcpts */
	struct fate fate;
	enum dsn_action action;
	struct dsn_decision tell;
};

struct letter {
	enum { LETTER_NONE, LETTER_WAITS, LETTER_ASKED, LETTER_WRITTEN } state;
	uint64_t number;
	struct window_range *ranges; /* of the original, in our window */
	size_t range_count;
	struct str *spans; /* the text, in bounce's window */
	size_t span_count;
	struct spool_window *window; /* of the spans; counted */
};

struct report {
	struct link link; /* in s->reports, once it was sent */
	struct spool *spool;
	struct job *job;
	struct arena arena;
	struct letter letters[LETTERS];
	struct report_fate fates[SPOOL_REPORT_RCPTS];
	size_t fate_count;
	size_t named; /* octets that it takes to name them: at most DSN_NAMED_MAX */
	unsigned pending; /* letters in a batch */
	uint64_t job_id;  /* these two of the message; it may be gone before the event */
	struct str from;
};

/* report.c */
/* What it would tell of is put off, and tried again. */
void fate_later(struct spool *s, struct job *job, uint32_t at, const struct fate *fate);
void report_free(struct spool *s, struct report *r);

/* report_letter.c */
void letter_give_original(struct spool *s, struct letter *l);
/* Back to where it was before it was asked for. */
void letter_reset(struct spool *s, struct letter *l);
/* Asks bounce for the letter; -ENOBUFS: later. */
int letter_ask(struct spool *s, struct report *r, int which);
/* The text that bounce wrote; false: it is none. */
bool letter_spans(struct report *r, struct letter *l, const struct spool_window *w,
		  const struct msg_report_done *m);

/* report_keep.c */
/* Its letters and outcomes go to the disk as one; not `good`: all of it later. */
void report_commit(struct spool *s, struct report *r, bool good);

#endif
