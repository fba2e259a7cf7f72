/* SPDX-License-Identifier: Apache-2.0 */
/* A log file that is appended to. What cannot be written waits in memory, bounded; what
 * does not fit there is counted and dropped, whole lines only. Nothing here ever stops
 * the service. Rotation by renaming is noticed (Q198733: a log that another program
 * holds or moves must not end logging). */
#ifndef IMS_JOURNAL_SINK_H
#define IMS_JOURNAL_SINK_H

#include "lib/event/logfile.h"

enum {
	SINK_PENDING_MAX = 4 * 1024 * 1024,
	SINK_CHECK_MS = 1000, /* between two looks whether the file is still there */
	SINK_RETRY_MS = 1000, /* between two attempts after an error */
};

struct sink {
	char path[LOGFILE_PATH_MAX]; /* empty: nothing is written */
	int fd;
	uint64_t device, inode;
	bool regular;
	struct buf pending;
	int error; /* errno of the last attempt, 0: it went well */
	int stuck; /* errno: the file was moved, and there is no making a new one */
	int64_t checked_ms, tried_ms;
	uint64_t lost;   /* lines dropped since the owner last set it to 0 */
	unsigned opened; /* how often a file was opened: tells that there is another */
};

void sink_init(struct sink *s);
void sink_free(struct sink *s); /* does not flush */
/* Goes on in the file of that name; the old one first gets what is pending. False: too
 * long. */
bool sink_target(struct sink *s, struct str path, int64_t now_ms);
/* Opens the file if it is not open: to be called while there are rights to do so. 0 or
 * -errno. */
int sink_open(struct sink *s);
/* One line, or several, LF included: taken whole or not at all. */
void sink_add(struct sink *s, struct str lines);
/* Writes what is pending, in one call where the kernel takes it. */
void sink_flush(struct sink *s, int64_t now_ms);

#endif
