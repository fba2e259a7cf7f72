/* SPDX-License-Identifier: Apache-2.0 */
/* Event records on their way to journal. They go in batches, a few milliseconds after the
 * first: one for each record would cost more system calls than the mail itself. While
 * there is no journal, or it cannot keep up, a bounded number of octets waits; what is
 * over that is counted and told later. */
#ifndef IMS_SERVICES_RECORDS_H
#define IMS_SERVICES_RECORDS_H

#include "lib/event/event.h"
#include "lib/ipc/channel.h"
#include "lib/os/loop.h"

enum {
	RECORDS_WAITING_MAX = 1024 * 1024,
	RECORDS_BATCH = 32 * 1024, /* octets at which a batch goes at once */
	RECORDS_BATCH_MS = 10,     /* what a process that is killed may leave untold */
};

struct records {
	struct loop *loop;
	struct event_log *log;   /* for the event record_lost */
	struct channel *journal; /* NULL: away */
	struct buf waiting;      /* str after str */
	uint64_t lost;
	struct loop_turn tell_lost;
	struct loop_timer *batch;
	bool batch_set;
};

void records_init(struct records *r, struct loop *loop, struct event_log *log);
void records_free(struct records *r);
/* For event_log_init; arg is the struct records. */
void records_write(void *arg, struct str record);
/* Hands the batch to journal's channel now. */
void records_flush(struct records *r);
/* journal is there (what waits goes out), or NULL: is gone. The channel is borrowed. */
void records_journal(struct records *r, struct channel *journal);
/* What waits goes through `write` instead: for journal itself. */
void records_replay(struct records *r, void (*write)(void *arg, struct str record),
		    void *arg);

#endif
