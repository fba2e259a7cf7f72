/* SPDX-License-Identifier: Apache-2.0 */
/* The tracking index: a SQLite file beside the log with one row for each event that
 * tracking of messages asks for. It is derived: it may lag, and is made again from the
 * log when it is deleted or damaged. journal writes it, imsctl reads it and adds to its
 * own view what is not in it yet. */
#ifndef IMS_EVENT_TRACKDB_H
#define IMS_EVENT_TRACKDB_H

#include <sqlite3.h>

#include "lib/event/logfile.h"
#include "lib/event/view.h"

enum {
	TRACKDB_VERSION = 1,
	TRACKDB_PART_BITS = 13, /* rows of one part of an index, as a power of two */
	TRACKDB_LINES = 2000,   /* of one transaction */
	TRACKDB_CHECK = 64,     /* lines between two looks at the clock */
};

struct trackdb {
	sqlite3 *db;
	const char *schema; /* "main" for journal, "temp" for a reader's own rows */
	int sign;           /* of new file numbers: a reader's are negative */
	int64_t last;       /* number of the newest row */
	sqlite3_stmt *add, *word, *file_find, *file_add, *file_set;
	struct buf scratch;
	struct event_view view;
};

/* Opens or makes the index at `path` for writing. 0, or a negative errno:
 * -EILSEQ it is damaged or of another version: trackdb_delete, then open again;
 * -EIO, -ENOSPC, -EACCES, -ENOMEM as usual. */
int trackdb_open(struct trackdb *t, const char *path);
/* Opens it for reading (if it cannot be read: an empty one, and `*missing`) and makes
 * temporary tables of the same form. The view `rows` shows both, from one moment. */
int trackdb_open_read(struct trackdb *t, const char *path, bool *missing);
void trackdb_close(struct trackdb *t); /* also one that is all zero */
/* The index and what SQLite keeps beside it. */
void trackdb_delete(const char *path);

/* The number of a row before which all rows are of before `ms` (index only; those that
 * are read besides come later). */
int trackdb_row_at(struct trackdb *t, int64_t ms, int64_t *row);

/* What `word` knows an address or a Message-ID by; ASCII case does not matter. Stands in
 * the file: another function of hashing is another TRACKDB_VERSION. */
uint32_t trackdb_hash(struct str word);

/* Whether tracking asks for such events. */
bool trackdb_wants(enum event_name name);

/* The number of a log file and how far it has been read; makes a row for a new one.
 * 0 or -errno as above. */
int trackdb_file(struct trackdb *t, const struct logfile *file, uint64_t head,
		 int64_t *number, uint64_t *offset);

/* Reads lines into the index, in one transaction, until there are none, or TRACKDB_LINES
 * are read, or `slice_us` is over (checked every TRACKDB_CHECK lines; 0: no bound).
 * Events before `since_ms` are left out. How many lines were read, or -errno; then
 * nothing of it has happened, but the reader has moved. */
int trackdb_feed(struct trackdb *t, struct log_reader *r, int64_t file, int64_t since_ms,
		 int64_t slice_us);

/* Deletes up to `rows_max` of the oldest rows, as far as they are before `before_ms`.
 * `rows_max`: there may be more; or -errno. */
int trackdb_purge(struct trackdb *t, int64_t before_ms, int rows_max);

#endif
