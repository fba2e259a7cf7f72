/* SPDX-License-Identifier: Apache-2.0 */
#include "same.h"

#include <stdlib.h>

#include "lib/base/utf8.h"
#include "lib/event/format.h"
#include "lib/event/parse.h"

static void must(bool holds)
{
	if (!holds) abort();
}

static void lines_check(struct str text, size_t lines)
{
	must(text.len > 0 && text.at[text.len - 1] == '\n');
	for (size_t i = 0; i < text.len; i++) {
		if (text.at[i] == '\n') lines--;
		else must(!ascii_is_ctl(text.at[i]));
	}
	must(lines == 0);
}

static void view_check(const struct event_view *a, const struct event_view *b, bool json)
{
	must(a->name == b->name && str_eq(a->name_text, b->name_text));
	must(a->ts_ms == b->ts_ms && a->number == b->number &&
	     a->severity == b->severity);
	must(a->sid == b->sid && a->id == b->id && a->count == b->count);
	must((json && !utf8_is_valid(a->role)) || str_eq(a->role, b->role));
	for (size_t i = 0; i < a->count; i++) {
		struct str text = a->values[i].text;
		must(str_eq(a->values[i].key, b->values[i].key));
		must((json && !utf8_is_valid(text)) || str_eq(text, b->values[i].text));
	}
}

void same_check(const struct event_view *v)
{
	static const struct event_postfix how = { STR_INIT("postfix"), STR_INIT("mx"),
						  7200 };
	static struct event_view again;
	struct buf out, scratch;
	buf_init(&out, EVENT_LINE_MAX);
	buf_init(&scratch, EVENT_LINE_MAX);
	event_format_text(v, &out);
	must(!out.overflowed);
	lines_check(buf_view(&out), 1);
	must(event_parse(buf_view(&out), &scratch, &again));
	must(event_parse_name(buf_view(&out)) == v->name);
	view_check(v, &again, false);
	buf_reset(&out);
	event_format_json(v, &out);
	must(!out.overflowed);
	lines_check(buf_view(&out), 1);
	must(event_parse(buf_view(&out), &scratch, &again));
	must(event_parse_name(buf_view(&out)) == v->name);
	view_check(v, &again, true);
	buf_reset(&out);
	event_format_postfix(v, &how, &out);
	must(!out.overflowed);
	lines_check(buf_view(&out), v->name == EVENT_receive ? 3 : 1);
	buf_free(&out);
	buf_free(&scratch);
}
