/* SPDX-License-Identifier: Apache-2.0 */
/* An event as it is looked at: read from a record or from a line of the log, written as
 * a line. Pure. */
#ifndef IMS_EVENT_VIEW_H
#define IMS_EVENT_VIEW_H

#include "lib/event/table.h"

enum {
	EVENT_VALUES_MAX = 48,       /* of one event; more is a bad line */
	EVENT_VIEW_TEXTS = 2 * 1024, /* numbers and addresses of one record as text */
};

struct event_value {
	enum event_field field; /* FIELD_COUNT: a key that this release does not know */
	struct str key;
	struct str text;
};

/* Strings point into the record or line, into `texts`, into the caller's scratch buffer
 * or into the tables. A view must not be copied or moved while it is used. */
struct event_view {
	enum event_name name; /* EVENT_NONE: a name that this release does not know */
	struct str name_text;
	uint64_t number;
	enum event_severity severity;
	int64_t ts_ms; /* Unix time */
	struct str role;
	uint64_t sid, id; /* 0: none */
	size_t count;
	struct event_value values[EVENT_VALUES_MAX];
	char texts[EVENT_VIEW_TEXTS];
};

/* Reads a record as event.h describes it. False, with `*v` in no particular state, if it
 * is not exactly one: it comes from a process that may have been taken over. */
bool event_view_read(struct event_view *v, struct str record);

/* The value of a field, or an empty string; `there` says which (may be NULL). */
struct str event_view_get(const struct event_view *v, enum event_field field,
			  bool *there);

#endif
