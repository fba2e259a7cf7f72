/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/attempt.h"

#include <string.h>
#include <sysexits.h>

#include "ctl/events.h"
#include "ctl/track.h"
#include "lib/event/instant.h"
#include "lib/event/quote.h"

/* The step stands in `step`, but where a connection ended it is the reason. */
static bool is_attempt(enum event_name name, enum event_field *step)
{
	unsigned n = name; /* few of the many */
	*step = n == EVENT_attempt ? FIELD_reason : FIELD_step;
	switch (n) {
	case EVENT_attempt:
	case EVENT_answer:
	case EVENT_deliver:
	case EVENT_defer:
	case EVENT_fail: return true;
	default: return false;
	}
}

static void add(const struct event_view *v, enum event_field field, struct buf *out)
{
	struct str value = event_view_get(v, field, NULL);
	if (value.len == 0) return;
	buf_byte(out, ' ');
	size_t from = out->len;
	event_quote(out, value);
	if (out->overflowed || out->at[from] != '"') return;
	out->len -= 2; /* of the quotes only the inside */
	memmove(out->at + from, out->at + from + 1, out->len - from);
}

bool attempt_write(const struct event_view *v, struct buf *out)
{
	enum event_field step;
	bool answered;
	if (!is_attempt(v->name, &step)) return false;
	(void)event_view_get(v, FIELD_dsn, &answered);
	if (!answered) return false; /* connected: what comes of it has its own events */
	buf_str(out, STR("attempt      "));
	event_time_write(out, v->ts_ms);
	/* The end of a connection is told once for all that were to be sent over it. */
	if (v->name == EVENT_attempt) buf_str(out, STR(" all"));
	else add(v, FIELD_to, out);
	add(v, FIELD_host, out);
	add(v, step, out);
	buf_byte(out, ':');
	add(v, FIELD_code, out);
	add(v, FIELD_reply, out);
	add(v, FIELD_dsn, out);
	buf_byte(out, '\n');
	return true;
}

int attempt_list(const struct conf *conf, uint64_t id, FILE *out, FILE *err)
{
	struct track_args args = { .attempts = true, .id = id, .since_ms = -1,
				   .out = out, .err = err };
	if (!events_place(conf, &args.place)) return EX_CONFIG;
	return track_run(&args);
}
