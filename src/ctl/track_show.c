/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/attempt.h"
#include "ctl/track_show.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/event/instant.h"
#include "lib/event/parse.h"
#include "lib/event/quote.h"

void track_show_init(struct track_show *s, struct trackdb *db,
		     const struct log_place *place, bool json, FILE *out)
{
	s->db = db;
	s->place = place;
	s->json = json;
	s->attempts = false;
	s->out = out;
	s->fd = -1;
	s->file = 0;
	s->shown = 0;
	buf_init(&s->line, EVENT_LINE_MAX);
	buf_init(&s->scratch, EVENT_LINE_MAX);
}

void track_show_free(struct track_show *s)
{
	if (s->db && s->fd >= 0) (void)close(s->fd);
	buf_free(&s->line);
	buf_free(&s->scratch);
	s->db = NULL;
}

void track_show_begin(struct track_show *s) { s->begin_ms = -1; }

static int open_same(const char *path, uint64_t inode, uint64_t head)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0) return -1;
	if (fstat(fd, &st) == 0 && st.st_ino == inode && logfile_head(fd) == head)
		return fd;
	(void)close(fd);
	return -1;
}

/* By its name; and where a rotation has renamed it, wherever it is now. */
static int open_file(struct track_show *s, const char *path, uint64_t inode,
		     uint64_t head)
{
	struct logfiles files;
	int fd = open_same(path, inode, head);
	if (fd >= 0 || logfiles_list(s->place, &files) != 0) return fd;
	for (size_t i = 0; i < files.count && fd < 0; i++)
		if (files.at[i].inode == inode)
			fd = open_same(files.at[i].path, inode, head);
	logfiles_free(&files);
	return fd;
}

static int fd_of(struct track_show *s, int64_t file)
{
	sqlite3_stmt *stmt = NULL;
	if (file == s->file) return s->fd;
	if (s->fd >= 0) (void)close(s->fd);
	s->fd = -1;
	s->file = file;
	if (sqlite3_prepare_v2(s->db->db,
			       "SELECT path, inode, head FROM files WHERE file = ?1", -1,
			       &stmt, NULL) != SQLITE_OK)
		return -1;
	sqlite3_bind_int64(stmt, 1, file);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		s->fd = open_file(s, (const char *)sqlite3_column_text(stmt, 0),
				  (uint64_t)sqlite3_column_int64(stmt, 1),
				  (uint64_t)sqlite3_column_int64(stmt, 2));
	(void)sqlite3_finalize(stmt);
	return s->fd;
}

static bool view_of_line(struct track_show *s, const struct track_row *row)
{
	struct str line;
	int fd = fd_of(s, row->file);
	if (fd < 0 || !log_line_at(fd, row->offset, s->memory, &line)) return false;
	if (!event_parse(line, &s->scratch, &s->view)) return false;
	return s->view.ts_ms == row->ts_ms && s->view.id == row->id &&
	       s->view.number == row->number;
}

static void view_add(struct event_view *v, enum event_field field, struct str text)
{
	if (!text.at) return;
	v->values[v->count++] =
		(struct event_value){ field, event_field_row(field)->name, text };
}

static void view_of_row(struct event_view *v, const struct track_row *row)
{
	v->name = event_by_number(row->number);
	v->name_text = v->name ? event_row(v->name)->name : STR("unknown");
	v->severity = event_row(v->name)->severity;
	v->number = row->number;
	v->ts_ms = row->ts_ms;
	v->id = row->id;
	v->sid = row->sid;
	v->role = STR("-");
	v->count = 0;
	view_add(v, FIELD_from, row->from);
	view_add(v, FIELD_to, row->to);
	view_add(v, FIELD_msgid, row->message_id);
}

static void write_head(struct track_show *s)
{
	const struct event_view *v = &s->view;
	struct str msgid = event_view_get(v, FIELD_msgid, NULL);
	bool has_from;
	struct str from = event_view_get(v, FIELD_from, &has_from);
	if (s->shown) buf_byte(&s->line, '\n');
	buf_str(&s->line, v->id ? STR("message ") : STR("refused"));
	if (v->id) buf_hex64(&s->line, v->id);
	if (v->id && has_from) {
		buf_str(&s->line, STR(" from "));
		event_quote(&s->line, from);
	}
	if (msgid.len) {
		buf_byte(&s->line, ' ');
		event_quote(&s->line, msgid);
	}
	buf_byte(&s->line, '\n');
}

/* "+12.345s" since the message's first event. */
static void write_delay(struct track_show *s)
{
	int64_t ms = s->view.ts_ms - s->begin_ms;
	if (!s->view.id || ms < 0) return;
	buf_fmt(&s->line, " +%lld.%03llds", (long long)(ms / 1000),
		(long long)(ms % 1000));
}

static void write_text(struct track_show *s)
{
	const struct event_view *v = &s->view;
	bool first = s->begin_ms < 0;
	if (first) {
		write_head(s);
		s->begin_ms = v->ts_ms;
	}
	buf_str(&s->line, STR("  "));
	event_time_write(&s->line, v->ts_ms);
	write_delay(s);
	buf_byte(&s->line, ' ');
	event_quote(&s->line, v->name_text);
	for (size_t i = 0; i < v->count; i++) {
		/* The sender of a message stands in its first line already. */
		if (!first && v->id && v->values[i].field == FIELD_from) continue;
		buf_byte(&s->line, ' ');
		buf_str(&s->line, v->values[i].key);
		buf_byte(&s->line, '=');
		event_quote(&s->line, v->values[i].text);
	}
	buf_byte(&s->line, '\n');
}

void track_show_view(struct track_show *s, const struct track_row *row)
{
	if (!view_of_line(s, row)) view_of_row(&s->view, row);
}

void track_show_row(struct track_show *s, const struct track_row *row)
{
	track_show_view(s, row);
	buf_reset(&s->line);
	if (s->attempts && !attempt_write(&s->view, &s->line)) return;
	if (s->attempts) {
		(void)fwrite(s->line.at, 1, s->line.len, s->out);
		return;
	}
	if (s->json) event_format_json(&s->view, &s->line);
	else write_text(s);
	(void)fwrite(s->line.at, 1, s->line.len, s->out);
	s->shown++;
}
