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
#include "lib/ipc/identity.h"

enum { FRAME_INDEX_MAX = 64 };

struct frame;

/* One row per role. Every function may be NULL. */
struct role_ops {
	enum role role;
	/* What it asks for by host rules, filters and routes: enum conf_lists. For all others the
	 * files of those, which may be large, are not read out. */
	unsigned reads_lists;
	/* With the rights that the process was started with (root if the service is): open
	 * folders and files, make and chown what is missing (frame->user is who the role
	 * will be), name to the sandbox what must stay open. Returns 0 or a sysexits code
	 * after having logged why: a role that cannot open at the start of the service
	 * ends it with that code. */
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
	struct process_user user; /* who the role runs as */
	struct loop *loop;
	struct conf *conf;
	/* Sends to journal; while there is none a bounded number of records waits, and what
	 * is an error goes to stderr. journal itself sets log->write to its own in open. */
	struct event_log *log;
	struct channel *master;
	struct channel *peers[ROLE_COUNT][FRAME_INDEX_MAX]; /* NULL: down */
	bool restarted; /* this process replaces one that died */
	void *role;     /* the role's own state */
};

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index);
/* Leaves: what is queued on the channels still goes out (for a few seconds at most), then
 * the loop stops and the process exits with status 0. Without having been told to drain
 * that makes master start a fresh one at once. */
void frame_leave(struct frame *f);
/* The same because of a fault: with a sysexits status, which counts as a death, so that a
 * fault that lasts does not make master start one process after the other. */
void frame_fail(struct frame *f, int status);
/* "receive[1]"; "spool" for a role that runs once. */
enum { FRAME_TITLE_MAX = 32 };
void frame_title(char title[FRAME_TITLE_MAX], enum role role, unsigned index);

/* The child's whole life, from the environment that master gave it to its exit status. */
int frame_main(const struct role_ops *ops);
/* The service: imsd's command line. `roles` has the roles that are built in, by number;
 * the process plays the one that its environment names, or master. */
int imsd_main(int argc, char **argv, const struct role_ops *const roles[ROLE_COUNT]);

extern const struct role_ops receive_role, spool_role, mailbox_role, journal_role,
	directory_role, console_role, bounce_role, deliver_role, dns_role, http_role;

#endif
