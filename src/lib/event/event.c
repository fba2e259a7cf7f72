/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/event.h"

#include <assert.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/event/table.h"

void event_log_init(struct event_log *log, const char *role,
		    void (*write)(void *arg, struct str record),
		    int64_t (*wall_ms)(void *), void *arg)
{
	*log = (struct event_log){
		.write = write, .arg = arg, .wall_ms = wall_ms, .role = role
	};
	buf_init(&log->record, EVENT_RECORD_MAX);
}

void event_log_free(struct event_log *log) { buf_free(&log->record); }

void event_begin(struct event_log *log, enum event_name name, uint64_t sid, uint64_t id)
{
	assert(name > EVENT_NONE && name < EVENT_COUNT);
	assert(log->name == EVENT_NONE); /* the one before has not ended */
	log->name = name;
	log->seen = log->cut = 0;
	struct buf *b = &log->record;
	buf_reset(b);
	buf_put_u16(b, (uint16_t)name);
	buf_put_u64(b, (uint64_t)log->wall_ms(log->arg));
	buf_put_u64(b, sid);
	buf_put_u64(b, id);
	size_t len = strnlen(log->role, EVENT_ROLE_MAX);
	buf_put_u8(b, (uint8_t)len);
	buf_bytes(b, log->role, len);
}

static void event_put(struct event_log *log, enum event_field field, enum event_type type,
		      struct str value)
{
	assert(log->name != EVENT_NONE && field < FIELD_COUNT);
	assert(event_may(log->name, field) && event_field_row(field)->type == type);
	assert(!(log->seen >> field & 1));
	log->seen |= UINT64_C(1) << field;
	buf_put_u8(&log->record, (uint8_t)field);
	buf_put_u16(&log->record, (uint16_t)value.len);
	buf_str(&log->record, value);
}

/* The longest beginning that fits and does not end inside a character. */
static struct str event_cut(struct str value)
{
	struct str cut = str_sub(value, 0, EVENT_VALUE_MAX);
	for (size_t back = 0; back < 4; back++) {
		struct str shorter = str_sub(cut, 0, cut.len - back);
		if (utf8_is_valid(shorter)) return shorter;
	}
	return cut;
}

void event_str(struct event_log *log, enum event_field field, struct str value)
{
	if (value.len > EVENT_VALUE_MAX) {
		value = event_cut(value);
		log->cut |= UINT64_C(1) << field;
	}
	event_put(log, field, EVENT_TYPE_TEXT, value);
}

void event_i64(struct event_log *log, enum event_field field, int64_t value)
{
	unsigned char le[8];
	uint64_t v = (uint64_t)value;
	for (size_t i = 0; i < sizeof le; i++, v >>= 8) le[i] = (unsigned char)(v & 0xff);
	event_put(log, field, EVENT_TYPE_NUMBER,
		  (struct str){ (const char *)le, sizeof le });
}

void event_ip(struct event_log *log, enum event_field field, struct ip value)
{
	event_put(log, field, EVENT_TYPE_ADDRESS,
		  (struct str){ (const char *)value.octets, sizeof value.octets });
}

static void event_put_cut(struct event_log *log)
{
	char memory[EVENT_VALUE_MAX];
	struct buf names;
	buf_init_fixed(&names, memory, sizeof memory);
	for (unsigned i = 0; i < FIELD_COUNT; i++) {
		if (!(log->cut >> i & 1)) continue;
		if (names.len) buf_byte(&names, ',');
		buf_str(&names, event_field_row((enum event_field)i)->name);
	}
	event_put(log, FIELD_cut, EVENT_TYPE_TEXT, buf_view(&names));
}

void event_end(struct event_log *log)
{
	assert(log->name != EVENT_NONE);
	if (log->cut) event_put_cut(log);
	log->name = EVENT_NONE;
	if (log->record.overflowed) log->lost++;
	else log->write(log->arg, buf_view(&log->record));
}
