/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/table.h"

#include <assert.h>

_Static_assert(FIELD_COUNT <= 64, "a set of fields is a 64-bit word");
_Static_assert(EVENT_COUNT <= UINT16_MAX, "a record has 16 bits for the name");

static const struct event_row events[EVENT_COUNT] = {
#define E(field) | (UINT64_C(1) << FIELD_##field)
#define EVENT(name_, number_, severity_, category_, fields_, sentence_) \
	[EVENT_##name_] = { STR_INIT(#name_),                           \
			    number_,                                    \
			    EVENT_SEVERITY_##severity_,                 \
			    EVENT_CATEGORY_##category_,                 \
			    (UINT64_C(1) << FIELD_cut) fields_,         \
			    STR_INIT(sentence_) },
#include "lib/event/events.def"
#undef EVENT
#undef E
};

static const struct event_field_row fields[FIELD_COUNT] = {
#define FIELD(name_, type_, sentence_) \
	[FIELD_##name_] = { STR_INIT(#name_), EVENT_TYPE_##type_, STR_INIT(sentence_) },
#include "lib/event/fields.def"
#undef FIELD
};

static const struct str severities[EVENT_SEVERITY_COUNT] = {
	[EVENT_SEVERITY_INFO] = STR_INIT("info"),
	[EVENT_SEVERITY_NOTICE] = STR_INIT("notice"),
	[EVENT_SEVERITY_WARNING] = STR_INIT("warning"),
	[EVENT_SEVERITY_ERROR] = STR_INIT("error"),
};

static const struct str categories[EVENT_CATEGORY_COUNT] = {
#define C(name) [EVENT_CATEGORY_##name] = STR_INIT(#name),
	EVENT_CATEGORIES(C)
#undef C
};

const struct event_row *event_row(enum event_name name)
{
	assert(name < EVENT_COUNT);
	return &events[name];
}

const struct event_field_row *event_field_row(enum event_field field)
{
	assert(field < FIELD_COUNT);
	return &fields[field];
}

bool event_may(enum event_name name, enum event_field field)
{
	return event_row(name)->fields >> field & 1;
}

enum event_name event_by_name(struct str name)
{
	for (unsigned i = 1; i < EVENT_COUNT; i++)
		if (str_eq(events[i].name, name)) return (enum event_name)i;
	return EVENT_NONE;
}

enum event_name event_by_number(uint64_t number)
{
	for (unsigned i = 1; i < EVENT_COUNT; i++)
		if (events[i].number == number) return (enum event_name)i;
	return EVENT_NONE;
}

enum event_field event_field_by_name(struct str name)
{
	unsigned i = 0;
	while (i < FIELD_COUNT && !str_eq(fields[i].name, name)) i++;
	return (enum event_field)i;
}

enum event_severity event_severity_by_name(struct str name)
{
	unsigned i = 0;
	while (i < EVENT_SEVERITY_COUNT && !str_eq(severities[i], name)) i++;
	return (enum event_severity)i;
}

enum event_category event_category_by_name(struct str name)
{
	unsigned i = 0;
	while (i < EVENT_CATEGORY_COUNT && !str_eq(categories[i], name)) i++;
	return (enum event_category)i;
}

struct str event_severity_name(enum event_severity severity)
{
	assert(severity < EVENT_SEVERITY_COUNT);
	return severities[severity];
}

struct str event_category_name(enum event_category category)
{
	assert(category < EVENT_CATEGORY_COUNT);
	return categories[category];
}
