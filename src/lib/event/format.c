/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/format.h"

#include "lib/base/json.h"
#include "lib/event/quote.h"
#include "lib/event/instant.h"

void event_format_text(const struct event_view *v, struct buf *out)
{
	buf_str(out, STR("ts="));
	event_time_write(out, v->ts_ms);
	buf_str(out, STR(" event="));
	event_quote(out, v->name_text);
	buf_str(out, STR(" number="));
	buf_u64(out, v->number);
	buf_str(out, STR(" severity="));
	buf_str(out, event_severity_name(v->severity));
	buf_str(out, STR(" role="));
	event_quote(out, v->role);
	if (v->sid) {
		buf_str(out, STR(" sid="));
		buf_hex64(out, v->sid);
	}
	if (v->id) {
		buf_str(out, STR(" id="));
		buf_hex64(out, v->id);
	}
	for (size_t i = 0; i < v->count; i++) {
		buf_byte(out, ' ');
		buf_str(out, v->values[i].key);
		buf_byte(out, '=');
		event_quote(out, v->values[i].text);
	}
	buf_byte(out, '\n');
}

/* A member; most texts need no escaping, and writing them in one go is what counts here.
 */
static void member(struct json *j, struct str key, struct str value)
{
	bool plain = true;
	for (size_t i = 0; i < value.len && plain; i++)
		plain = ascii_is_print(value.at[i]) && value.at[i] != '"' &&
			value.at[i] != '\\';
	json_key(j, key);
	if (!plain) {
		json_str(j, value);
		return;
	}
	buf_byte(j->out, '"');
	buf_str(j->out, value);
	buf_byte(j->out, '"');
	j->comma = true;
}

static void json_time(struct json *j, int64_t ts_ms)
{
	char memory[32];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	event_time_write(&text, ts_ms);
	member(j, STR("ts"), buf_view(&text));
}

static void json_id(struct json *j, struct str key, uint64_t id)
{
	char memory[16];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_hex64(&text, id);
	if (id) member(j, key, buf_view(&text));
}

/* The number that a text is in its shortest form: what is read back is the same text. */
static bool number_of(struct str text, int64_t *out)
{
	bool negative = text.len && text.at[0] == '-';
	struct str rest = str_from(text, negative);
	uint64_t value;
	if (!str_to_u64(rest, &value) ||
	    (rest.at[0] == '0' && (rest.len > 1 || negative)))
		return false;
	if (value > (uint64_t)INT64_MAX + negative) return false;
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

static void json_value(struct json *j, const struct event_value *value)
{
	int64_t number;
	bool is_number = value->field < FIELD_COUNT &&
			 event_field_row(value->field)->type == EVENT_TYPE_NUMBER &&
			 number_of(value->text, &number);
	if (is_number) json_i64_at(j, value->key, number);
	else member(j, value->key, value->text);
}

void event_format_json(const struct event_view *v, struct buf *out)
{
	struct json j = { .out = out };
	json_begin_object(&j);
	json_time(&j, v->ts_ms);
	member(&j, STR("event"), v->name_text);
	json_i64_at(&j, STR("number"), (int64_t)(v->number & INT64_MAX));
	member(&j, STR("severity"), event_severity_name(v->severity));
	member(&j, STR("role"), v->role);
	json_id(&j, STR("sid"), v->sid);
	json_id(&j, STR("id"), v->id);
	for (size_t i = 0; i < v->count; i++) json_value(&j, &v->values[i]);
	json_end_object(&j);
	buf_byte(out, '\n');
}
