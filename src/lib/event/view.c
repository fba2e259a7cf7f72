/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/view.h"

#include <string.h>

#include "lib/base/cur.h"

static int64_t number_of(struct str value)
{
	struct cur c = cur_of(value);
	return (int64_t)cur_u64(&c);
}

/* The text of a value of that type; `at` NULL: its length is wrong. */
static struct str text_of(struct buf *texts, enum event_type type, struct str value)
{
	const struct str bad = { NULL, 0 };
	size_t from = texts->len;
	switch (type) {
	case EVENT_TYPE_TEXT: return value.len <= EVENT_VALUE_MAX ? value : bad;
	case EVENT_TYPE_NUMBER:
		if (value.len != 8) return bad;
		buf_i64(texts, number_of(value));
		break;
	case EVENT_TYPE_ADDRESS: {
		struct ip ip;
		if (value.len != sizeof ip.octets) return bad;
		memcpy(ip.octets, value.at, sizeof ip.octets);
		if (ip_is_none(ip)) buf_byte(texts, '-');
		else ip_write(texts, ip);
		break;
	}
	}
	return texts->overflowed ? bad : str_from(buf_view(texts), from);
}

static bool read_value(struct event_view *v, struct cur *c, struct buf *texts,
		       uint64_t *seen)
{
	uint8_t key = cur_u8(c);
	uint16_t len = cur_u16(c);
	struct str value = cur_bytes(c, len);
	if (c->bad || key >= FIELD_COUNT || v->count == EVENT_VALUES_MAX) return false;
	enum event_field field = (enum event_field)key;
	if (!event_may(v->name, field) || *seen >> field & 1) return false;
	*seen |= UINT64_C(1) << field;
	const struct event_field_row *row = event_field_row(field);
	struct str text = text_of(texts, row->type, value);
	if (!text.at) return false;
	v->values[v->count++] = (struct event_value){ field, row->name, text };
	return true;
}

bool event_view_read(struct event_view *v, struct str record)
{
	if (record.len > EVENT_RECORD_MAX) return false;
	struct cur c = cur_of(record);
	uint16_t name = cur_u16(&c);
	v->ts_ms = (int64_t)cur_u64(&c);
	v->sid = cur_u64(&c);
	v->id = cur_u64(&c);
	uint8_t role_len = cur_u8(&c);
	v->role = cur_bytes(&c, role_len);
	if (c.bad || name == EVENT_NONE || name >= EVENT_COUNT) return false;
	if (role_len > EVENT_ROLE_MAX) return false;
	v->name = (enum event_name)name;
	const struct event_row *row = event_row(v->name);
	v->name_text = row->name;
	v->number = row->number;
	v->severity = row->severity;
	v->count = 0;
	uint64_t seen = 0;
	struct buf texts;
	buf_init_fixed(&texts, v->texts, sizeof v->texts);
	while (c.left)
		if (!read_value(v, &c, &texts, &seen)) return false;
	return true;
}

struct str event_view_get(const struct event_view *v, enum event_field field, bool *there)
{
	for (size_t i = 0; i < v->count; i++) {
		if (v->values[i].field != field) continue;
		if (there) *there = true;
		return v->values[i].text;
	}
	if (there) *there = false;
	return STR("");
}
