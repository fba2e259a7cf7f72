/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/outcomes.h"

#include <string.h>

#include "ctl/attempt.h"
#include "ctl/track_index.h"
#include "lib/base/units.h"

enum { SQL_MAX = 1024, OUTCOMES_ARENA = 4 * 1024 * 1024, TIME_LEN = 40 };

struct search {
	struct trackdb db;
	struct track_show show;
	struct buf line;
	struct str route, domain;
	struct outcomes *out;
	size_t read;
};

static bool is_full(const struct search *s)
{
	return s->out->count == OUTCOMES_MAX || s->read == OUTCOMES_READ_MAX;
}

static struct str kept(struct search *s, enum event_field field)
{
	return arena_str(&s->out->arena, event_view_get(&s->show.view, field, NULL));
}

static bool is_meant(const struct search *s, const struct event_view *v)
{
	struct str to = event_view_get(v, FIELD_to, NULL);
	if (!str_eq(event_view_get(v, FIELD_route, NULL), s->route)) return false;
	if (!s->domain.len) return true;
	return to.len > s->domain.len && to.at[to.len - s->domain.len - 1] == '@' &&
	       str_ends_nocase(to, s->domain);
}

static void look(struct search *s, const struct track_row *row)
{
	const struct event_view *v = &s->show.view;
	track_show_view(&s->show, row);
	buf_reset(&s->line);
	s->read++;
	if (!is_meant(s, v) || !attempt_write(v, &s->line)) return;
	s->out->at[s->out->count++] = (struct outcome){
		.ts_ms = v->ts_ms,
		.event = arena_str(&s->out->arena, v->name_text),
		.to = kept(s, FIELD_to),
		.host = kept(s, FIELD_host),
		.step = kept(s, v->name == EVENT_attempt ? FIELD_reason : FIELD_step),
		.code = kept(s, FIELD_code),
		.dsn = kept(s, FIELD_dsn),
		.reply = kept(s, FIELD_reply),
		.line = arena_str(&s->out->arena, buf_view(&s->line)),
	};
}

static const enum event_name told[] = { EVENT_attempt, EVENT_answer, EVENT_deliver, EVENT_defer,
					EVENT_fail };
enum { TOLD = sizeof told / sizeof *told };

/* Of one of the two tables. The index is in order; of what is not in it yet, that of each
 * file of the log is. */
static void query_write(const struct search *s, bool in_index, struct buf *sql)
{
	buf_fmt(sql, "SELECT " TRACK_COLUMNS " FROM %s.event WHERE number IN (", in_index ? "main" : "temp");
	for (size_t i = 0; i < TOLD; i++) {
		if (i) buf_byte(sql, ',');
		buf_u64(sql, event_row(told[i])->number);
	}
	buf_byte(sql, ')');
	if (in_index)
		buf_fmt(sql, " AND event > (SELECT max(event) FROM main.event) - %d", OUTCOMES_ROWS_MAX);
	if (s->domain.len)
		buf_str(sql, STR(" AND substr(recipient, -1 - length(?1)) = '@' || ?1 COLLATE NOCASE"));
	buf_str(sql, in_index ? STR(" ORDER BY event DESC") : STR(" ORDER BY ts DESC, event DESC"));
	buf_byte(sql, '\0');
}

static int look_in(struct search *s, bool in_index)
{
	char memory[SQL_MAX];
	struct buf sql;
	sqlite3_stmt *stmt = NULL;
	int rc;
	buf_init_fixed(&sql, memory, sizeof memory);
	query_write(s, in_index, &sql);
	if (sql.overflowed || sqlite3_prepare_v2(s->db.db, sql.at, -1, &stmt, NULL) != SQLITE_OK)
		return SQLITE_ERROR;
	if (s->domain.len)
		(void)sqlite3_bind_text(stmt, 1, s->domain.at, (int)s->domain.len, SQLITE_TRANSIENT);
	while (!is_full(s) && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct track_row row = track_row_of(stmt);
		look(s, &row);
	}
	rc = is_full(s) ? SQLITE_DONE : sqlite3_reset(stmt);
	(void)sqlite3_finalize(stmt);
	return rc;
}

void outcomes_find(const struct log_place *place, struct str route, struct str domain, FILE *err,
		   struct outcomes *out)
{
	static struct search s; /* views are large */
	s = (struct search){ .route = route, .domain = domain, .out = out };
	out->count = 0;
	arena_init(&out->arena, OUTCOMES_ARENA);
	buf_init(&s.line, EVENT_LINE_MAX);
	int rc = track_index_open(&s.db, place, err);
	if (rc == 0) {
		track_show_init(&s.show, &s.db, place, false, NULL);
		rc = look_in(&s, false);
		if (rc == SQLITE_OK) rc = look_in(&s, true);
	}
	if (rc < 0) fprintf(err, "imsctl: the log cannot be read: %s\n", strerror(-rc));
	track_show_free(&s.show);
	trackdb_close(&s.db);
	buf_free(&s.line);
}

void outcomes_free(struct outcomes *out) { arena_free(&out->arena); }

static void outcome_json(const struct outcome *o, struct json *json)
{
	char text[TIME_LEN];
	struct buf time;
	buf_init_fixed(&time, text, sizeof text);
	units_time_write(&time, o->ts_ms);
	json_begin_object(json);
	json_str_at(json, STR("time"), buf_view(&time));
	json_str_at(json, STR("event"), o->event);
	json_str_at(json, STR("to"), o->to);
	json_str_at(json, STR("host"), o->host);
	json_str_at(json, STR("step"), o->step);
	json_str_at(json, STR("code"), o->code);
	json_str_at(json, STR("dsn"), o->dsn);
	json_str_at(json, STR("reply"), o->reply);
	json_end_object(json);
}

void outcomes_json(const struct outcomes *out, struct json *json)
{
	json_begin_array(json);
	for (size_t i = 0; i < out->count; i++) outcome_json(&out->at[i], json);
	json_end_array(json);
}
