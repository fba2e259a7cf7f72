/* SPDX-License-Identifier: Apache-2.0 */
/* What the role journal does, without its loop: records come in, lines go to the log
 * file, to standard error and, read back from the file, into the tracking index. The
 * caller gives the clocks: `now_ms` is monotonic, `wall_ms` is Unix time.
 *
 *   STATE/log/YYYY-MM-DD.log  the log (UTC days), unless `log { file }` names another
 * file STATE/log/index.db        the tracking index
 *
 * With `log { format postfix }` the named file is in that form, and the day's log is
 * written besides: tracking reads it, since the other cannot be read back. */
#ifndef IMS_JOURNAL_JOURNAL_H
#define IMS_JOURNAL_JOURNAL_H

#include "lib/event/metrics.h"
#include "services/journal/copy.h"
#include "services/journal/feed.h"
#include "services/journal/sink.h"

enum journal_format { JOURNAL_TEXT, JOURNAL_JSON, JOURNAL_POSTFIX };

/* What passes: errors; notices and warnings too; messages and connections too; all. */
enum journal_level { JOURNAL_NONE, JOURNAL_MINIMUM, JOURNAL_MEDIUM, JOURNAL_MAXIMUM };

enum {
	JOURNAL_HOST_MAX = 256,
	JOURNAL_SKEW_MS =
		3600 * 1000, /* further from our clock a record's time is not believed */
	JOURNAL_BATCH =
		256 * 1024, /* octets pending at which a turn's lines are written early */
	JOURNAL_BUSY_MS = 50,        /* until the next tick, while the index lags */
	JOURNAL_TICK_MS = 250,       /* while there is something to do */
	JOURNAL_IDLE_MS = 60 * 1000, /* and when there is not */
	JOURNAL_UNLINKS = 8,         /* old logs removed in one tick */
};

struct journal_settings {
	struct log_place place; /* folder of the day's logs; `log { file }` or empty */
	enum journal_format format;
	enum journal_level levels[EVENT_CATEGORY_COUNT];
	bool track;
	int64_t keep_ms;
	char host[JOURNAL_HOST_MAX]; /* for lines in the form of Postfix */
};

struct journal {
	struct journal_settings settings;
	struct sink log;     /* what tracking reads */
	struct sink postfix; /* the named file, where its form is that of Postfix */
	struct copy copy;
	struct feed feed;
	struct event_log own; /* what journal itself has to say */
	struct event_view view;
	struct metrics *metrics; /* NULL: nothing is counted */
	struct buf line;
	int64_t now_ms, wall_ms; /* of the call under way */
	int64_t day, minute;     /* that the file name and the zone's offset are for */
	int32_t utc_offset_s;
	int64_t cleaned_ms;
	uint64_t bad_records;
	unsigned opened; /* files opened, as far as the feed knows */
	int said;        /* error of the log that was last said */
	bool lagging;    /* lines were written that the index may not have */
};

/* `role` is what journal calls itself in its own events (borrowed). */
void journal_init(struct journal *j, const char *role, int copy_fd,
		  struct str journal_stream);
/* Takes on settings, the first or new ones. */
void journal_set(struct journal *j, const struct journal_settings *settings,
		 int64_t now_ms, int64_t wall_ms);
/* Opens the files now. 0 or -errno of the log file; then it is tried again later. */
int journal_open(struct journal *j);
/* Writes what is pending and closes everything. */
void journal_free(struct journal *j, int64_t now_ms);

/* One record of the process that `role` names (empty: believe the record). A bad one is
 * counted and told. */
void journal_record(struct journal *j, struct str role, struct str record, int64_t now_ms,
		    int64_t wall_ms);
/* At the end of each turn of the loop in which records came. */
void journal_flush(struct journal *j, int64_t now_ms, int64_t wall_ms);
/* A slice of everything else; in how many milliseconds it wants to be called again. */
int64_t journal_tick(struct journal *j, int64_t now_ms, int64_t wall_ms);

#endif
