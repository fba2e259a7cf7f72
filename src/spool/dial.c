/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that are up for some time only: mail of their routes is put off until a window is
 * open. A window opens by the clock or because enough waits; a program of the administrator's, which
 * master runs, may have to say yes first. While it is open mail flows; what still stands in
 * line at its end is put off again. */
#include "spool/spool.h"

#include <string.h>
#include <time.h>

#include "lib/base/units.h"
#include "lib/os/clock.h"

enum {
	ZONE_YEARS = 10,
	DAY_S = 24 * 60 * 60,
	FAILED_MS = 60 * 1000, /* after it no window opens but by the clock */
	GRACE_MS = 30 * 1000,  /* for master, beside the program's own time */
	TEXT_MAX = 200,
};

static const int64_t long_ms = 366LL * 24 * 60 * 60 * 1000;

/* --- the configuration ------------------------------------------------------------------------ */

static int32_t system_offset(void *arg, int64_t utc_s)
{
	struct tm local;
	time_t at = (time_t)utc_s;
	(void)arg;
	return localtime_r(&at, &local) ? (int32_t)local.tm_gmtoff : 0;
}

void dial_zone_load(struct spool *s)
{
	int64_t now_s = clock_wall_ms() / 1000;
	tzset();
	dial_zone_make(&s->zone, now_s - DAY_S, now_s + ZONE_YEARS * 366LL * DAY_S, system_offset,
		NULL);
}

static const struct conf_dial *conf_of(const struct spool *s, const struct dial_line *line)
{
	return &s->frame->conf->dials[line - s->dials];
}

/* A block that was there before goes on as it stands. */
void dial_load(struct spool *s)
{
	static struct dial_line before[SPOOL_DIALS_MAX];
	const struct conf *conf = s->frame->conf;
	size_t count = s->dial_count;
	memcpy(before, s->dials, sizeof before);
	s->dial_count = conf->dial_count < SPOOL_DIALS_MAX ? conf->dial_count : SPOOL_DIALS_MAX;
	for (size_t i = 0; i < s->dial_count; i++) {
		struct dial_line *line = &s->dials[i];
		struct str name = conf->dials[i].name;
		*line = (struct dial_line){ .state = DIAL_CLOSED };
		for (size_t n = 0; n < count; n++)
			if (str_eq((struct str){ before[n].name, before[n].name_len }, name)) *line = before[n];
		line->name_len = name.len < sizeof line->name ? name.len : sizeof line->name;
		memcpy(line->name, name.at, line->name_len);
		dial_plan_of(&conf->dials[i], &line->plan);
		(void)dial_is_due(&line->clock, &line->plan, &s->zone, loop_wall_ms(s->frame->loop), true);
	}
}

static struct dial_line *line_of(struct spool *s, struct str route)
{
	const struct conf *conf = s->frame->conf;
	const struct conf_dial *d = s->dial_count ? conf_dial_find(conf, route) : NULL;
	size_t at = d ? (size_t)(d - conf->dials) : s->dial_count;
	return at < s->dial_count ? &s->dials[at] : NULL;
}

/* --- recipients --------------------------------------------------------------------------------- */

/* Whether something that has waited so long is reason enough; if not, *at_ms is when it would be. */
static bool has_waited(const struct dial_line *line, const struct conf_dial *d,
                       int64_t arrived_ms, int64_t now_ms, int64_t *at_ms)
{
	*at_ms = arrived_ms + d->queued_for_ms;
	if (line->closed_ms && *at_ms < line->closed_ms + d->queued_for_ms)
		*at_ms = line->closed_ms + d->queued_for_ms;
	if (*at_ms > now_ms) return false;
	*at_ms = now_ms + d->queued_for_ms; /* if the window stays closed */
	return true;
}

/* When it is looked at again; notes what it is reason for. */
static int64_t wait_until(struct dial_line *line, const struct conf_dial *d, int64_t arrived_ms,
                          int64_t now_ms)
{
	int64_t next_ms = line->clock.next_ms > now_ms ? line->clock.next_ms : now_ms + long_ms;
	int64_t at_ms;
	line->waiting++;
	if (d->queued_messages && line->waiting >= (uint64_t)d->queued_messages)
		line->wanted = "queued-messages";
	if (!d->queued_for_ms) return next_ms;
	if (has_waited(line, d, arrived_ms, now_ms, &at_ms)) line->wanted = "queued-for";
	return at_ms < next_ms ? at_ms : next_ms;
}

bool dial_is_closed(struct spool *s, const struct route *route)
{
	const struct dial_line *line = line_of(s, route_name(route));
	return line && line->state != DIAL_OPEN;
}

bool dial_put_off(struct spool *s, struct job *job, uint32_t at, const struct route *route)
{
	struct dial_line *line = line_of(s, route_name(route));
	if (!dial_is_closed(s, route)) return false;
	char memory[TEXT_MAX];
	struct buf text;
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	buf_init_fixed(&text, memory, sizeof memory);
	buf_str(&text, STR("Waits for the next window of dial "));
	buf_str(&text, (struct str){ line->name, line->name_len });
	outcome_fate(s, job, at, (struct fate){ .state = SPOOL_DEFERRED,
		.next_due_ms = wait_until(line, conf_of(s, line), job->arrived_ms, now_ms),
		.dsn = STR("4.4.1"), .text = buf_view(&text), .route = route_name(route) });
	return true;
}

bool dial_is_asked_for(struct spool *s, const struct route *route)
{
	const struct dial_line *line = line_of(s, route_name(route));
	return line && line->state == DIAL_OPEN && line->walk == s->wait.walk;
}

/* --- windows -------------------------------------------------------------------------------------- */

static void tell(struct spool *s, const struct dial_line *line, enum event_name name,
                 const char *reason)
{
	struct event_log *log = s->frame->log;
	char text[40];
	struct buf when;
	int64_t at_ms = name == EVENT_dial_open
		? loop_wall_ms(s->frame->loop) + conf_of(s, line)->window_ms : line->clock.next_ms;
	buf_init_fixed(&when, text, sizeof text);
	if (at_ms) units_time_write(&when, at_ms);
	event_begin(log, name, 0, 0);
	event_str(log, FIELD_dial, (struct str){ line->name, line->name_len });
	if (reason) event_str(log, FIELD_reason, str_of(reason));
	event_str(log, name == EVENT_dial_open ? FIELD_until : FIELD_next, buf_view(&when));
	event_end(log);
}

static void run_program(struct spool *s, struct dial_line *line, bool after)
{
	line->query = ++s->dial_query;
	channel_send_program(s->frame->master, &(struct msg_program){ .query = line->query,
		.dial = { line->name, line->name_len }, .after = after });
}

static void window_open(struct spool *s, struct dial_line *line)
{
	line->state = DIAL_OPEN;
	line->until_ms = loop_now_ms(s->frame->loop) + conf_of(s, line)->window_ms;
	line->waiting = 0;
	line->wanted = NULL;
	tell(s, line, EVENT_dial_open, line->why);
	line->walk = s->wait.walk + 1;
	wait_walk(s);
	fetch_begin(s, line, conf_of(s, line));
}

static void window_begin(struct spool *s, struct dial_line *line, const char *why)
{
	const struct conf_dial *d = conf_of(s, line);
	line->why = why;
	if (!d->before.count) {
		window_open(s, line);
		return;
	}
	line->state = DIAL_BEFORE;
	line->until_ms = loop_now_ms(s->frame->loop) + d->timeout_ms + GRACE_MS;
	run_program(s, line, false);
}

static bool is_of_line(struct spool *s, const struct part *part, const void *line)
{
	return line_of(s, part->dest->route) == line;
}

static void window_close(struct spool *s, struct dial_line *line)
{
	line->state = DIAL_CLOSED;
	line->closed_ms = loop_wall_ms(s->frame->loop);
	tell(s, line, EVENT_dial_close, NULL);
	jobs_place_anew_if(s, is_of_line, line);
	if (conf_of(s, line)->after.count) run_program(s, line, true);
}

/* The clock decides again, or in a while what waits. */
static void window_failed(struct spool *s, struct dial_line *line)
{
	line->state = DIAL_CLOSED;
	line->wanted = NULL;
	line->failed_ms = loop_now_ms(s->frame->loop);
	line->query = 0;
}

static void line_tick(struct spool *s, struct dial_line *line)
{
	int64_t now_ms = loop_now_ms(s->frame->loop);
	bool due = dial_is_due(&line->clock, &line->plan, &s->zone, loop_wall_ms(s->frame->loop),
		false);
	bool rests = line->failed_ms && now_ms < line->failed_ms + FAILED_MS;
	switch (line->state) {
	case DIAL_CLOSED:
		if (s->frame->conf->transfer == CONF_TRANSFER_IN) break;
		if (due) window_begin(s, line, "schedule");
		else if (line->wanted && !rests) window_begin(s, line, line->wanted);
		break;
	case DIAL_BEFORE:
		if (now_ms >= line->until_ms) window_failed(s, line); /* master is silent */
		break;
	case DIAL_OPEN:
		if (now_ms >= line->until_ms) window_close(s, line);
		break;
	}
}

void dial_tick(struct spool *s)
{
	if (s->draining) return;
	for (size_t i = 0; i < s->dial_count; i++) line_tick(s, &s->dials[i]);
}

void dial_answer(struct spool *s, const struct msg_program_done *m)
{
	for (size_t i = 0; i < s->dial_count; i++) {
		struct dial_line *line = &s->dials[i];
		if (line->state != DIAL_BEFORE || line->query != m->query) continue;
		if (m->good && !s->draining) window_open(s, line);
		else window_failed(s, line);
	}
}

/* The service stops: nobody is to pay for a line that nobody uses. */
void dial_drain(struct spool *s)
{
	for (size_t i = 0; i < s->dial_count; i++) {
		struct dial_line *line = &s->dials[i];
		bool up = line->state != DIAL_CLOSED;
		line->state = DIAL_CLOSED;
		if (up && conf_of(s, line)->after.count) run_program(s, line, true);
	}
}
