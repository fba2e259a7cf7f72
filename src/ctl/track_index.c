/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/track_index.h"

#include <errno.h>

#include "ctl/track.h"

enum { INDEX_PATH_MAX = LOGFILE_PATH_MAX + 16 };

/* --- what the log has and the index has not ------------------------------------------- */

static int scan_file(struct trackdb *db, const struct logfile *file, uint64_t *budget, FILE *err)
{
	struct log_reader reader;
	uint64_t offset = 0;
	int64_t number;
	int rc = log_reader_open(&reader, file->path, 0);
	if (rc != 0) return rc == -ENOENT ? 0 : rc;
	uint64_t head = logfile_head(reader.fd);
	if (head) rc = trackdb_file(db, file, head, &number, &offset);
	uint64_t unread = head && file->size > offset ? file->size - offset : 0;
	reader.offset = offset;
	if (unread > *budget) {
		fprintf(err,
			"imsctl: the log is far ahead of the index: %s is not searched\n",
			file->path);
		unread = 0;
	}
	*budget -= unread;
	while (rc == 0 && unread &&
	       (rc = trackdb_feed(db, &reader, number, 0, 0)) > 0)
		rc = 0;
	log_reader_close(&reader);
	return rc;
}

/* The newest first: what is over the bound is the oldest. */
static int scan_log(struct trackdb *db, const struct log_place *place, FILE *err)
{
	struct logfiles files;
	uint64_t budget = TRACK_SCAN_MAX;
	int rc = logfiles_list(place, &files);
	if (rc != 0) return rc;
	for (size_t i = files.count; i > 0 && rc == 0; i--)
		rc = scan_file(db, &files.at[i - 1], &budget, err);
	logfiles_free(&files);
	return rc;
}

int track_index_open(struct trackdb *db, const struct log_place *place, FILE *err)
{
	char path[INDEX_PATH_MAX];
	bool missing;
	(void)snprintf(path, sizeof path, "%s/index.db", place->folder);
	int rc = trackdb_open_read(db, path, &missing);
	if (rc == 0) rc = scan_log(db, place, err);
	/* An index that is damaged further inside: the log is the truth. */
	if (rc == -EILSEQ && !missing) {
		trackdb_close(db);
		rc = trackdb_open_read(db, "", &missing);
		if (rc == 0) rc = scan_log(db, place, err);
	}
	return rc;
}

static struct str column_text(sqlite3_stmt *stmt, int at)
{
	const void *text = sqlite3_column_blob(stmt, at);
	return (struct str){ text, text ? (size_t)sqlite3_column_bytes(stmt, at) : 0 };
}

struct track_row track_row_of(sqlite3_stmt *stmt)
{
	return (struct track_row){
		.ts_ms = sqlite3_column_int64(stmt, 0),
		.number = (uint64_t)sqlite3_column_int64(stmt, 1),
		.id = (uint64_t)sqlite3_column_int64(stmt, 2),
		.sid = (uint64_t)sqlite3_column_int64(stmt, 3),
		.from = column_text(stmt, 4),
		.to = column_text(stmt, 5),
		.message_id = column_text(stmt, 6),
		.file = sqlite3_column_int64(stmt, 7),
		.offset = (uint64_t)sqlite3_column_int64(stmt, 8),
	};
}
