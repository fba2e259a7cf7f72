/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs of one turn and the batch that they share. Knows no channel: what is finished goes
 * to a function. */
#ifndef IMS_MAILBOX_DELIVER_H
#define IMS_MAILBOX_DELIVER_H

#include "lib/mail/job.h"
#include "mailbox/maildir.h"
#include "mailbox/roots.h"

struct deliver_calls {
	/* The maildir template of a local domain; empty if it has none. */
	struct str (*template)(void *arg, struct str domain);
	/* All recipients of a job are through: their results, as in job.h. */
	void (*done)(void *arg, uint64_t job, struct str results);
	/* A mailbox could not be written; `error` is a sentence. For the log. */
	void (*failed)(void *arg, struct str recipient, struct str error,
		       struct str path);
	void *arg;
};

struct deliver;

struct deliver_job {
	uint64_t job;
	struct str recipients; /* job.h */
	struct letter letter;  /* sender and body; the addresses are filled in */
	const char *broken;    /* NULL, or why the body cannot be read */
};

/* `roots` is borrowed. NULL: no memory. */
struct deliver *deliver_new(const struct roots *roots, const struct deliver_calls *calls);
void deliver_free(struct deliver *d);

/* Writes the job's letters to tmp; a full batch is committed at once. Nothing of `job` is
 * needed afterwards. False if the recipients are damaged: nothing was written, and `done`
 * comes with no results. */
bool deliver_add(struct deliver *d, const struct deliver_job *job);
/* Commits what is in hand and reports it. */
void deliver_commit(struct deliver *d);
/* Forgets what is in hand; nothing of it was reported, nor is in new. */
void deliver_drop(struct deliver *d);

#endif
