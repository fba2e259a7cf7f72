/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the log back into the tracking index, in slices, behind the log's own writing:
 * it may lag, never delays a line, and starts again from nothing where the index is gone
 * or damaged. */
#ifndef IMS_JOURNAL_FEED_H
#define IMS_JOURNAL_FEED_H

#include "lib/event/trackdb.h"

enum {
	FEED_SLICE_US = 5000,
	FEED_FILES = 64,       /* looked at in one slice */
	FEED_RETRY_MS = 10000, /* after the index could not be opened or written */
	FEED_CHECK_MS = 1000,  /* between two looks whether the index is still there */
	FEED_PURGE_ROWS = 500, /* of one slice */
};

struct feed {
	char path[LOGFILE_PATH_MAX]; /* of the index */
	struct log_place place;
	struct trackdb db;
	bool open;
	uint64_t inode; /* of the index */
	struct log_reader reader;
	int64_t file;          /* number of what is read */
	struct logfiles files; /* still to be looked at, from `next` on */
	size_t next;
	bool rescan;     /* there may be other files */
	uint64_t active; /* inode of the file that is written now, 0: not known */
	int64_t retry_ms, checked_ms;
	/* Says what went wrong; the words are static. */
	void (*trouble)(void *arg, bool rebuilt, struct str path, int error);
	void *arg;
	int told; /* the error that was last said, not to say it again */
};

void feed_init(struct feed *f, void (*trouble)(void *, bool, struct str, int), void *arg);
void feed_free(struct feed *f);
/* Where the log is from now on; the index stands in its folder. */
void feed_place(struct feed *f, const struct log_place *place);
/* One slice. True if there is more to do. Events before `since_ms` are left out. */
bool feed_step(struct feed *f, int64_t now_ms, int64_t since_ms);
/* A slice of removing rows before `before_ms`; true if there are more. */
bool feed_purge(struct feed *f, int64_t before_ms);

#endif
