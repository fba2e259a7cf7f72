/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/parse.h"

#include "lib/event/format.h"
#include "lib/event/parse_json.h"
#include "lib/event/quote.h"
#include "lib/event/instant.h"

enum { KEY_MAX = 32 };

static bool key_is_good(struct str key)
{
	if (!key.len || key.len > KEY_MAX) return false;
	for (size_t i = 0; i < key.len; i++) {
		char c = key.at[i];
		if (!(c >= 'a' && c <= 'z') && !ascii_is_digit(c) && c != '_')
			return false;
	}
	return true;
}

/* What has been seen of the keys that every line has. */
struct seen {
	bool ts, event;
};

static bool take_common(struct event_view *v, struct seen *seen, struct str key,
			struct str text, bool *taken)
{
	*taken = true;
	if (str_eq(key, STR("ts"))) return seen->ts = event_time_parse(text, &v->ts_ms);
	if (str_eq(key, STR("event"))) {
		seen->event = true;
		v->name_text = text;
		v->name = event_by_name(text);
		return key_is_good(text);
	}
	if (str_eq(key, STR("number"))) return str_to_u64(text, &v->number);
	if (str_eq(key, STR("severity"))) {
		v->severity = event_severity_by_name(text);
		return v->severity != EVENT_SEVERITY_COUNT;
	}
	if (str_eq(key, STR("role"))) {
		v->role = text;
		return true;
	}
	if (str_eq(key, STR("sid"))) return str_from_hex64(text, &v->sid);
	if (str_eq(key, STR("id"))) return str_from_hex64(text, &v->id);
	*taken = false;
	return true;
}

static bool take_pair(struct event_view *v, struct seen *seen, struct str key,
		      struct str text)
{
	bool taken;
	if (!key_is_good(key) || !take_common(v, seen, key, text, &taken)) return false;
	if (taken) return true;
	if (v->count == EVENT_VALUES_MAX) return false;
	v->values[v->count++] =
		(struct event_value){ event_field_by_name(key), key, text };
	return true;
}

/* The value at the head of `*rest`, and the blank behind it. */
static bool take_text(struct str *rest, struct buf *scratch, struct str *text)
{
	if (!rest->len || rest->at[0] != '"') {
		*text = str_cut(rest, ' ');
		return text->len > 0;
	}
	*rest = str_from(*rest, 1);
	ptrdiff_t end = str_find(*rest, '"');
	if (end < 0) return false;
	struct str inside = str_sub(*rest, 0, (size_t)end);
	*rest = str_from(*rest, (size_t)end + 1);
	if (rest->len && str_cut(rest, ' ').len) return false;
	*text = inside;
	if (str_find(inside, '\\') < 0) return true;
	size_t from = scratch->len;
	if (!event_unquote(scratch, inside)) return false;
	*text = str_from(buf_view(scratch), from);
	return true;
}

static bool parse_text(struct str line, struct buf *scratch, struct event_view *v,
		       struct seen *seen)
{
	while (line.len) {
		ptrdiff_t equals = str_find(line, '=');
		if (equals <= 0) return false;
		struct str key = str_sub(line, 0, (size_t)equals), text;
		line = str_from(line, (size_t)equals + 1);
		if (!take_text(&line, scratch, &text)) return false;
		if (!take_pair(v, seen, key, text)) return false;
	}
	return true;
}

static bool parse_json(struct str line, struct buf *scratch, struct event_view *v,
		       struct seen *seen)
{
	struct json_reader reader = json_reader_of(line, scratch);
	struct str key, text;
	while (json_reader_next(&reader, &key, &text))
		if (!take_pair(v, seen, key, text)) return false;
	return reader.complete;
}

bool event_parse(struct str line, struct buf *scratch, struct event_view *v)
{
	struct seen seen = { 0 };
	v->name = EVENT_NONE;
	v->name_text = v->role = STR("");
	v->number = v->sid = v->id = 0;
	v->severity = EVENT_SEVERITY_INFO;
	v->ts_ms = 0;
	v->count = 0;
	if (line.len && line.at[line.len - 1] == '\n') line.len--;
	if (!line.len || line.len > EVENT_LINE_MAX || str_find(line, '\n') >= 0)
		return false;
	buf_reset(scratch);
	/* Unescaped text is never longer: the buffer does not move while the line is
	 * read. */
	if (!buf_room(scratch, line.len)) return false;
	bool good = line.at[0] == '{' ? parse_json(line, scratch, v, &seen)
				      : parse_text(line, scratch, v, &seen);
	return good && seen.ts && seen.event;
}

enum event_name event_parse_name(struct str line)
{
	/* ts= and a time of fixed length stand before it; in JSON the same with quotes.
	 */
	static const struct {
		struct str key;
		size_t at;
		char end;
	} forms[] = {
		{ STR_INIT(" event="), 27, ' ' },
		{ STR_INIT(",\"event\":\""), 32, '"' },
	};
	bool json = str_starts(line, STR("{"));
	struct str key = forms[json].key, rest = str_from(line, forms[json].at);
	if (!str_starts(rest, key)) return EVENT_NONE;
	rest = str_from(rest, key.len);
	return event_by_name(str_cut(&rest, forms[json].end));
}
