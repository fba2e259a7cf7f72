/* SPDX-License-Identifier: Apache-2.0 */
/* What events.def and fields.def say, to be looked up. Pure; rows live for ever. */
#ifndef IMS_EVENT_TABLE_H
#define IMS_EVENT_TABLE_H

#include "lib/event/event.h"

enum event_severity {
	EVENT_SEVERITY_INFO,
	EVENT_SEVERITY_NOTICE,
	EVENT_SEVERITY_WARNING,
	EVENT_SEVERITY_ERROR,
	EVENT_SEVERITY_COUNT
};

/* What `log { level CATEGORY LEVEL }` names. */
#define EVENT_CATEGORIES(C) C(service) C(smtp) C(transfer) C(queue) C(spool)

enum event_category {
#define C(name) EVENT_CATEGORY_##name,
	EVENT_CATEGORIES(C)
#undef C
		EVENT_CATEGORY_COUNT
};

enum event_type { EVENT_TYPE_TEXT, EVENT_TYPE_NUMBER, EVENT_TYPE_ADDRESS };

struct event_row {
	struct str name;
	unsigned number;
	enum event_severity severity;
	enum event_category category;
	uint64_t fields; /* bits 1 << FIELD_x that the event may have */
	struct str sentence;
};

struct event_field_row {
	struct str name;
	enum event_type type;
	struct str sentence;
};

/* `name` and `field` are of the enums' range (assert); EVENT_NONE has an empty name. */
const struct event_row *event_row(enum event_name name);
const struct event_field_row *event_field_row(enum event_field field);
bool event_may(enum event_name name, enum event_field field);

/* EVENT_NONE, FIELD_COUNT or EVENT_..._COUNT when there is none of that name. */
enum event_name event_by_name(struct str name);
enum event_name event_by_number(uint64_t number);
enum event_field event_field_by_name(struct str name);
enum event_severity event_severity_by_name(struct str name);
enum event_category event_category_by_name(struct str name);

struct str event_severity_name(enum event_severity severity); /* "notice" */
struct str event_category_name(enum event_category category);

#endif
