/* SPDX-License-Identifier: Apache-2.0 */
/* Event records on their way to journal. While there is no journal, or it cannot keep up,
 * a bounded number of octets waits; what is over that is counted and told later. */
#ifndef IMS_SERVICES_RECORDS_H
#define IMS_SERVICES_RECORDS_H

#include "lib/event/event.h"
#include "lib/ipc/channel.h"
#include "lib/os/loop.h"

enum { RECORDS_WAITING_MAX = 1024 * 1024 };

struct records {
	struct loop *loop;
	struct event_log *log;   /* for the event record_lost */
	struct channel *journal; /* NULL: away */
	struct buf waiting;      /* str after str */
	uint64_t lost;
	struct loop_turn tell_lost;
};

void records_init(struct records *r, struct loop *loop, struct event_log *log);
void records_free(struct records *r);
/* For event_log_init; arg is the struct records. */
void records_write(void *arg, struct str record);
/* journal is there (what waits goes out), or NULL: is gone. The channel is borrowed. */
void records_journal(struct records *r, struct channel *journal);
/* What waits goes through `write` instead: for journal itself. */
void records_replay(struct records *r, void (*write)(void *arg, struct str record),
		    void *arg);

#endif
