/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the events of one message after the other: the lines as they stand in the log,
 * or, where that is gone, what the index has of them. */
#ifndef IMS_CTL_TRACK_SHOW_H
#define IMS_CTL_TRACK_SHOW_H

#include <stdio.h>

#include "lib/event/trackdb.h"

struct track_row {
	int64_t ts_ms;
	uint64_t number, id, sid;        /* 0: none */
	struct str from, to, message_id; /* `at` NULL: none */
	int64_t file;
	uint64_t offset;
};

struct track_show {
	struct trackdb *db; /* borrowed: knows the files by their numbers */
	const struct log_place *place;
	bool json;
	bool attempts; /* only what hosts said, as msg show tells it */
	FILE *out;
	int fd; /* of the file that was read last, -1: it is not there */
	int64_t file;
	int64_t begin_ms; /* first event of the message, -1: there was none yet */
	uint64_t shown;
	struct event_view view;
	struct buf line, scratch;
	char memory[EVENT_LINE_MAX];
};

void track_show_init(struct track_show *s, struct trackdb *db,
		     const struct log_place *place, bool json, FILE *out);
void track_show_free(struct track_show *s); /* also one that is all zero */
/* The rows that follow are of one message, or refusals, in the order of time. */
void track_show_begin(struct track_show *s);
/* `view` becomes the row's event, and nothing is shown. */
void track_show_view(struct track_show *s, const struct track_row *row);
void track_show_row(struct track_show *s, const struct track_row *row);

#endif
