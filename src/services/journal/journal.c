/* SPDX-License-Identifier: Apache-2.0 */
#include "services/journal/journal.h"

#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const int64_t day_ms = INT64_C(86400000), minute_ms = 60000;

static int64_t own_wall_ms(void *arg) { return ((struct journal *)arg)->wall_ms; }

static void own_record(void *arg, struct str record)
{
	struct journal *j = arg;
	journal_record(j, STR(""), record, j->now_ms, j->wall_ms);
}

/* The tracking index has a trouble: said once, mail and log go on. */
static void feed_trouble(void *arg, bool rebuilt, struct str path, int error)
{
	struct journal *j = arg;
	event_begin(&j->own, rebuilt ? EVENT_index_rebuild : EVENT_log_error, 0, 0);
	event_str(&j->own, FIELD_path, path);
	if (rebuilt)
		event_str(&j->own, FIELD_reason, STR("damaged, or of another version"));
	else event_str(&j->own, FIELD_error, str_of(strerror(error)));
	event_end(&j->own);
}

void journal_init(struct journal *j, const char *role, int copy_fd,
		  struct str journal_stream)
{
	*j = (struct journal){ .day = -1, .minute = -1, .cleaned_ms = INT64_MIN / 2 };
	sink_init(&j->log);
	sink_init(&j->postfix);
	copy_init(&j->copy, copy_fd, journal_stream);
	feed_init(&j->feed, feed_trouble, j);
	event_log_init(&j->own, role, own_record, own_wall_ms, j);
	j->metrics = metrics_new();
	buf_init(&j->line, EVENT_LINE_MAX);
}

static bool is_postfix(const struct journal *j)
{
	return j->settings.format == JOURNAL_POSTFIX;
}

/* The day's log, or the named file. */
static void target_log(struct journal *j)
{
	char path[LOGFILE_PATH_MAX];
	int64_t day = j->wall_ms / day_ms;
	bool named = j->settings.place.file[0] && !is_postfix(j);
	if (day == j->day) return;
	j->day = day;
	if (named) (void)str_to_cstr(str_of(j->settings.place.file), path, sizeof path);
	else if (!log_place_day(&j->settings.place, j->wall_ms, path, sizeof path))
		path[0] = '\0';
	(void)sink_target(&j->log, str_of(path), j->now_ms);
}

void journal_set(struct journal *j, const struct journal_settings *settings,
		 int64_t now_ms, int64_t wall_ms)
{
	j->settings = *settings;
	j->now_ms = now_ms;
	j->wall_ms = wall_ms;
	j->day = -1;
	target_log(j);
	(void)sink_target(&j->postfix,
			  is_postfix(j) ? str_of(settings->place.file) : STR(""), now_ms);
	struct log_place readable = settings->place;
	if (is_postfix(j)) readable.file[0] = '\0';
	feed_place(&j->feed, &readable);
	j->lagging = true;
}

int journal_open(struct journal *j)
{
	int rc = sink_open(&j->log), other = sink_open(&j->postfix);
	return rc ? rc : other;
}

void journal_free(struct journal *j, int64_t now_ms)
{
	sink_flush(&j->log, now_ms);
	sink_flush(&j->postfix, now_ms);
	copy_flush(&j->copy);
	sink_free(&j->log);
	sink_free(&j->postfix);
	copy_free(&j->copy);
	feed_free(&j->feed);
	event_log_free(&j->own);
	metrics_free(j->metrics);
	j->metrics = NULL;
	buf_free(&j->line);
}

static bool passes(const struct journal *j, const struct event_view *v)
{
	enum event_severity severity = v->severity;
	if (severity == EVENT_SEVERITY_ERROR) return true;
	switch (j->settings.levels[event_row(v->name)->category]) {
	case JOURNAL_NONE: return false;
	case JOURNAL_MINIMUM: return severity >= EVENT_SEVERITY_NOTICE;
	case JOURNAL_MEDIUM:
	case JOURNAL_MAXIMUM: return true;
	}
	return true;
}

/* Logs in the form of Postfix stand in local time. */
static int32_t utc_offset_s(struct journal *j)
{
	int64_t minute = j->wall_ms / minute_ms;
	if (minute == j->minute) return j->utc_offset_s;
	time_t now = (time_t)(j->wall_ms / 1000);
	struct tm local;
	j->minute = minute;
	j->utc_offset_s = localtime_r(&now, &local) ? (int32_t)local.tm_gmtoff : 0;
	return j->utc_offset_s;
}

static struct str postfix_lines(struct journal *j)
{
	const struct event_postfix how = { STR("postfix"), str_of(j->settings.host),
					   utc_offset_s(j) };
	buf_reset(&j->line);
	event_format_postfix(&j->view, &how, &j->line);
	return j->line.overflowed ? STR("") : buf_view(&j->line);
}

static void write_view(struct journal *j)
{
	buf_reset(&j->line);
	if (j->settings.format == JOURNAL_JSON) event_format_json(&j->view, &j->line);
	else event_format_text(&j->view, &j->line);
	if (j->line.overflowed) {
		j->log.lost++;
		return;
	}
	sink_add(&j->log, buf_view(&j->line));
	if (is_postfix(j)) {
		struct str lines = postfix_lines(j);
		sink_add(&j->postfix, lines);
		copy_add(&j->copy, lines, j->view.severity);
	} else {
		copy_add(&j->copy, buf_view(&j->line), j->view.severity);
	}
}

void journal_record(struct journal *j, struct str role, struct str record, int64_t now_ms,
		    int64_t wall_ms)
{
	struct event_view *v = &j->view;
	j->now_ms = now_ms;
	j->wall_ms = wall_ms;
	if (!event_view_read(v, record)) {
		j->bad_records++;
		return;
	}
	/* Who sent it is known; and a time that cannot be true would spoil the order. */
	if (role.len) v->role = role;
	if (v->ts_ms < wall_ms - JOURNAL_SKEW_MS || v->ts_ms > wall_ms + JOURNAL_SKEW_MS)
		v->ts_ms = wall_ms;
	if (j->metrics) metrics_count(j->metrics, v);
	if (!passes(j, v)) return;
	target_log(j);
	write_view(j);
	if (j->log.pending.len > JOURNAL_BATCH) journal_flush(j, now_ms, wall_ms);
}

static void say_lost(struct journal *j, uint64_t count, struct str reason)
{
	event_begin(&j->own, EVENT_record_lost, 0, 0);
	event_i64(&j->own, FIELD_count, (int64_t)count);
	event_str(&j->own, FIELD_process, STR("journal"));
	event_str(&j->own, FIELD_reason, reason);
	event_end(&j->own);
}

/* An error when it begins; what it cost when it is over. */
static void say_errors(struct journal *j, struct sink *s)
{
	int error = s->error ? s->error : s->stuck;
	if (error && error != j->said) {
		j->said = error;
		event_begin(&j->own, EVENT_log_error, 0, 0);
		event_str(&j->own, FIELD_path, str_of(s->path));
		event_str(&j->own, FIELD_error, str_of(strerror(error)));
		event_end(&j->own);
	}
	if (s->error) return;
	uint64_t lost = s->lost;
	s->lost = 0;
	if (lost)
		say_lost(j, lost,
			 STR("the log could not be written and the memory for it was "
			     "full"));
}

void journal_flush(struct journal *j, int64_t now_ms, int64_t wall_ms)
{
	j->now_ms = now_ms;
	j->wall_ms = wall_ms;
	target_log(j);
	if (j->log.pending.len) j->lagging = true;
	sink_flush(&j->log, now_ms);
	sink_flush(&j->postfix, now_ms);
	copy_flush(&j->copy);
	if (j->log.opened != j->opened) {
		j->opened = j->log.opened;
		j->feed.rescan = true;
		j->feed.active = j->log.regular ? j->log.inode : 0;
	}
}

static void say_all(struct journal *j)
{
	uint64_t copies = j->copy.lost, bad = j->bad_records;
	say_errors(j, &j->log);
	say_errors(j, &j->postfix);
	if (!j->log.error && !j->postfix.error && !j->log.stuck && !j->postfix.stuck)
		j->said = 0;
	j->bad_records = 0;
	if (bad) say_lost(j, bad, STR("a process sent what is no event"));
	if (!copies || j->copy.pending.len) return;
	j->copy.lost = 0;
	say_lost(j, copies, STR("standard error was read too slowly; the log has them"));
}

/* A day's log is removed when its last line is older than what is kept. */
static void remove_old(struct journal *j)
{
	unsigned removed = 0;
	DIR *dir = opendir(j->settings.place.folder);
	if (!dir) return;
	for (struct dirent *entry; removed < JOURNAL_UNLINKS && (entry = readdir(dir));) {
		int64_t end_ms;
		if (!log_day_of(str_of(entry->d_name), &end_ms)) continue;
		if (end_ms >= j->wall_ms - j->settings.keep_ms) continue;
		if (unlinkat(dirfd(dir), entry->d_name, 0) == 0) removed++;
	}
	(void)closedir(dir);
}

static bool clean(struct journal *j)
{
	if (j->now_ms - j->cleaned_ms < JOURNAL_IDLE_MS) return false;
	remove_old(j);
	if (j->settings.track && feed_purge(&j->feed, j->wall_ms - j->settings.keep_ms))
		return true;
	j->cleaned_ms = j->now_ms;
	return false;
}

int64_t journal_tick(struct journal *j, int64_t now_ms, int64_t wall_ms)
{
	j->now_ms = now_ms;
	j->wall_ms = wall_ms;
	say_all(j);
	journal_flush(j, now_ms, wall_ms);
	bool more = j->settings.track && j->lagging &&
		    feed_step(&j->feed, now_ms, wall_ms - j->settings.keep_ms);
	if (!more) j->lagging = j->settings.track && !j->feed.open;
	if (clean(j) || more) return JOURNAL_BUSY_MS;
	bool waiting = j->log.pending.len || j->postfix.pending.len ||
		       j->copy.pending.len || j->lagging || j->log.lost ||
		       j->postfix.lost;
	return waiting ? JOURNAL_TICK_MS : JOURNAL_IDLE_MS;
}
