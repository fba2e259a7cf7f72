/* SPDX-License-Identifier: Apache-2.0 */
/* What every child process shares: it is the same binary, executed again with a role;
 * it takes its set-up from master's channel, opens what it needs, gives up its rights,
 * says ready and runs its loop until it is told to drain. */
#ifndef IMS_SERVICES_FRAME_H
#define IMS_SERVICES_FRAME_H

#include "lib/conf/conf.h"
#include "lib/event/event.h"
#include "lib/ipc/channel.h"
#include "lib/os/loop.h"

enum { FRAME_INDEX_MAX = 64 };

struct frame;

/* One row per role. Every function may be NULL. */
struct role_ops {
	enum role role;
	/* With the rights that the process was started with (root if the service is): open
	 * folders and files, make and chown what is missing. Returns 0 or a sysexits code
	 * after having logged why. */
	int (*open)(struct frame *f);
	/* Rights are given up; the loop is about to run. */
	int (*serve)(struct frame *f);
	void (*peer_up)(struct frame *f, struct channel *ch);
	void (*peer_down)(struct frame *f, struct channel *ch); /* freed after it returns */
	void (*message)(struct frame *f, struct channel *ch, enum msg_type type,
	                struct str payload, int fd);
	/* f->conf is the new generation, `old` is freed after it returns. */
	void (*reload)(struct frame *f, struct conf *old);
	/* Finish what is in hand, then call frame_leave. now: leave without finishing. */
	void (*drain)(struct frame *f, bool now);
};

struct frame {
	const struct role_ops *ops;
	unsigned index;
	struct loop *loop;
	struct conf *conf;
	struct event_log *log; /* sends to journal; to stderr while there is none */
	struct channel *master;
	struct channel *peers[ROLE_COUNT][FRAME_INDEX_MAX]; /* NULL: down */
	bool restarted; /* this process replaces one that died */
	void *role;     /* the role's own state */
};

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index);
/* Says goodbye to master after flushing the channels, and stops the loop. */
void frame_leave(struct frame *f);

extern const struct role_ops receive_role, spool_role, mailbox_role, journal_role,
	directory_role, console_role;

#endif
