/* SPDX-License-Identifier: Apache-2.0 */
/* Events: what happened, for the log, the counters and the tracking of messages.
 * events.def is the one table: number, name, severity, category, fields, sentence.
 * An event is built as a binary record by the role where it happens, and turned into a
 * line by journal alone; peer data are values in it, never formats. */
#ifndef IMS_EVENT_EVENT_H
#define IMS_EVENT_EVENT_H

#include "lib/base/buf.h"
#include "lib/base/ip.h"

enum event_name {
	EVENT_NONE,
#define EVENT(name, number, severity, category, fields, sentence) EVENT_##name,
#include "lib/event/events.def"
#undef EVENT
	EVENT_COUNT
};

enum event_field {
#define FIELD(name, type, sentence) FIELD_##name,
#include "lib/event/fields.def"
#undef FIELD
	FIELD_COUNT
};

/* Where records go: set by the process frame. */
struct event_log {
	void (*write)(void *arg, struct str record);
	void *arg;
	int64_t (*wall_ms)(void *arg);
	const char
		*role; /* "receive[1]", borrowed; at most EVENT_ROLE_MAX octets count */
	struct buf record; /* of the event being built */
	enum event_name name;
	uint64_t seen, cut; /* fields of the event being built, as bits 1 << FIELD_x */
	uint64_t lost;      /* events not written because memory was refused */
};

void event_log_init(struct event_log *log, const char *role,
		    void (*write)(void *arg, struct str record),
		    int64_t (*wall_ms)(void *), void *arg);
void event_log_free(struct event_log *log);

/*   event_begin(log, EVENT_receive, sid, id);
 *   event_str(log, FIELD_from, sender); ... event_end(log);
 * sid and id are 0 where there is none. A field that events.def does not list for the
 * event, or that is given twice, or with a value of another type than fields.def says, is
 * a bug of ours (assert). Values over EVENT_VALUE_MAX are cut, between two characters
 * where they are UTF-8, and the event gets the field `cut` with their names (Q159290:
 * lines are complete or say that they are not).
 *
 * A record: u16 name, u64 wall ms, u64 sid, u64 id, u8 length and text of the role, then
 * for each field u8 key, u16 length, bytes: 8 octets for a NUMBER, 16 for an ADDRESS. It
 * travels between processes of one program only, so the enum's own values are used. */
enum { EVENT_VALUE_MAX = 1024, EVENT_ROLE_MAX = 32, EVENT_RECORD_MAX = 16 * 1024 };
void event_begin(struct event_log *log, enum event_name name, uint64_t sid, uint64_t id);
void event_str(struct event_log *log, enum event_field field, struct str value);
void event_i64(struct event_log *log, enum event_field field, int64_t value);
void event_ip(struct event_log *log, enum event_field field, struct ip value);
void event_end(struct event_log *log);

#endif
