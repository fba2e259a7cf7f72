/* SPDX-License-Identifier: Apache-2.0 */
/* The tracking index with the end of the log that is not in it yet, to be asked in SQL: the tables
 * main.event and temp.event, and both as `events`. */
#ifndef IMS_CTL_TRACK_INDEX_H
#define IMS_CTL_TRACK_INDEX_H

#include <stdio.h>

#include "ctl/track_show.h"

#define TRACK_COLUMNS "ts, number, id, sid, sender, recipient, msgid, file, offset"

/* 0 or -errno; ends with trackdb_close in either case. What is not searched is said on `err`. */
int track_index_open(struct trackdb *db, const struct log_place *place, FILE *err);
/* The row that a query for TRACK_COLUMNS is at; its texts live until the next step. */
struct track_row track_row_of(sqlite3_stmt *stmt);

#endif
