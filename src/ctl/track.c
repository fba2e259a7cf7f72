/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/track.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ctl.h"
#include "ctl/events.h"
#include "ctl/track_show.h"
#include "lib/event/instant.h"
#include "lib/event/trackdb.h"
#include "lib/os/clock.h"

enum { SQL_MAX = 4096, PATTERN_MAX = 2048, INDEX_PATH_MAX = LOGFILE_PATH_MAX + 16 };

/* A query that is put together: its text, and the texts for its parameters. */
struct query {
	struct buf sql;
	char memory[SQL_MAX];
	struct str texts[8];
	char patterns[2][PATTERN_MAX];
	size_t text_count, pattern_count;
};

struct track {
	const struct track_args *args;
	struct trackdb db;
	struct track_show show;
};

/* --- what the log has and the index has not ------------------------------------------- */

static int scan_file(struct track *t, const struct logfile *file, uint64_t *budget)
{
	struct log_reader reader;
	uint64_t offset = 0;
	int64_t number;
	int rc = log_reader_open(&reader, file->path, 0);
	if (rc != 0) return rc == -ENOENT ? 0 : rc;
	uint64_t head = logfile_head(reader.fd);
	if (head) rc = trackdb_file(&t->db, file, head, &number, &offset);
	uint64_t unread = head && file->size > offset ? file->size - offset : 0;
	reader.offset = offset;
	if (unread > *budget) {
		fprintf(t->args->err, "imsctl: the log is far ahead of the index: %s is not searched\n",
		        file->path);
		unread = 0;
	}
	*budget -= unread;
	while (rc == 0 && unread && (rc = trackdb_feed(&t->db, &reader, number, 0, 0)) > 0) rc = 0;
	log_reader_close(&reader);
	return rc;
}

/* The newest first: what is over the bound is the oldest. */
static int scan_log(struct track *t)
{
	struct logfiles files;
	uint64_t budget = TRACK_SCAN_MAX;
	int rc = logfiles_list(&t->args->place, &files);
	if (rc != 0) return rc;
	for (size_t i = files.count; i > 0 && rc == 0; i--) rc = scan_file(t, &files.at[i - 1], &budget);
	logfiles_free(&files);
	return rc;
}

/* --- selectors ------------------------------------------------------------------------- */

static void add(struct query *q, const char *sql)
{
	buf_str(&q->sql, str_of(sql));
}

static void add_text(struct query *q, const char *sql, struct str text)
{
	q->texts[q->text_count++] = text;
	add(q, sql);
}

/* A pattern for LIKE that finds `part` anywhere, or at the end. */
static struct str pattern_of(struct query *q, struct str part, bool at_end)
{
	struct buf b;
	buf_init_fixed(&b, q->patterns[q->pattern_count++], PATTERN_MAX);
	buf_byte(&b, '%');
	for (size_t i = 0; i < part.len; i++) {
		if (str_find(STR("%_\\"), part.at[i]) >= 0) buf_byte(&b, '\\');
		buf_byte(&b, part.at[i]);
	}
	if (!at_end) buf_byte(&b, '%');
	return b.overflowed ? STR("") : buf_view(&b);
}

static struct str without_angles(struct str s)
{
	bool both = s.len >= 2 && s.at[0] == '<' && s.at[s.len - 1] == '>';
	return both ? str_sub(s, 1, s.len - 2) : s;
}

static void add_address(struct query *q, const char *column, struct str address)
{
	address = without_angles(address);
	ptrdiff_t at = str_rfind(address, '@');
	add(q, column);
	if (at > 0) add_text(q, " = ? COLLATE NOCASE", address);
	else add_text(q, " LIKE ? ESCAPE '\\'", pattern_of(q, address, at == 0));
}

static void add_since(struct query *q, int64_t since_ms)
{
	add(q, "ts >= ");
	buf_i64(&q->sql, since_ms);
}

static void add_sender(struct query *q, const struct track_args *args)
{
	if (args->sender_null) add(q, "sender = ''");
	else add_address(q, "sender", args->from);
}

static void add_message_id(struct query *q, const struct track_args *args)
{
	struct str bare = without_angles(args->message_id);
	add_text(q, "msgid IN (?, ", bare);
	add_text(q, "'<' || ? || '>')", bare);
}

/* Which messages: each selector may hold for another event of the message. */
static void query_messages(struct query *q, const struct track_args *args)
{
	static const char each[] = "SELECT id FROM events WHERE id IS NOT NULL AND ";
	const char *next = "";
	bool sender = args->sender_null || args->from.len;
	buf_init_fixed(&q->sql, q->memory, sizeof q->memory);
	add(q, "SELECT id, (SELECT min(ts) FROM events e WHERE e.id = f.id) AS first FROM (");
	for (unsigned i = 0; i < 5; i++) {
		bool used[] = { args->id != 0, sender, args->to.len > 0, args->message_id.len > 0,
			        args->since_ms >= 0 };
		if (!used[i]) continue;
		add(q, next);
		add(q, each);
		if (i == 0) {
			add(q, "id = ");
			buf_i64(&q->sql, (int64_t)args->id);
		} else if (i == 1) add_sender(q, args);
		else if (i == 2) add_address(q, "recipient", args->to);
		else if (i == 3) add_message_id(q, args);
		else add_since(q, args->since_ms);
		next = " INTERSECT ";
	}
	add(q, ") f ORDER BY first DESC LIMIT ");
	buf_u64(&q->sql, TRACK_MESSAGES_MAX + 1);
	buf_byte(&q->sql, '\0');
}

#define COLUMNS "ts, number, id, sid, sender, recipient, msgid, file, offset"

/* Refusals have no message: all selectors hold for the one event. */
static void query_refusals(struct query *q, const struct track_args *args)
{
	buf_init_fixed(&q->sql, q->memory, sizeof q->memory);
	add(q, "SELECT * FROM (SELECT " COLUMNS " FROM events WHERE id IS NULL AND number = ");
	buf_u64(&q->sql, event_row(EVENT_refuse)->number);
	if (args->sender_null || args->from.len) {
		add(q, " AND ");
		add_sender(q, args);
	}
	if (args->to.len) {
		add(q, " AND ");
		add_address(q, "recipient", args->to);
	}
	if (args->since_ms >= 0) {
		add(q, " AND ");
		add_since(q, args->since_ms);
	}
	add(q, " ORDER BY ts DESC LIMIT ");
	buf_u64(&q->sql, TRACK_MESSAGES_MAX);
	add(q, ") ORDER BY ts");
	buf_byte(&q->sql, '\0');
}

static sqlite3_stmt *prepare(struct track *t, struct query *q)
{
	sqlite3_stmt *stmt = NULL;
	if (q->sql.overflowed || sqlite3_prepare_v2(t->db.db, q->sql.at, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	for (size_t i = 0; i < q->text_count; i++)
		sqlite3_bind_text(stmt, (int)i + 1, q->texts[i].at, (int)q->texts[i].len, SQLITE_STATIC);
	return stmt;
}

/* --- what is found ---------------------------------------------------------------------- */

static struct str column_text(sqlite3_stmt *stmt, int at)
{
	const void *text = sqlite3_column_blob(stmt, at);
	return (struct str){ text, text ? (size_t)sqlite3_column_bytes(stmt, at) : 0 };
}

static struct track_row row_of(sqlite3_stmt *stmt)
{
	return (struct track_row){
		.ts_ms = sqlite3_column_int64(stmt, 0),
		.number = (uint64_t)sqlite3_column_int64(stmt, 1),
		.id = (uint64_t)sqlite3_column_int64(stmt, 2),
		.sid = (uint64_t)sqlite3_column_int64(stmt, 3),
		.from = column_text(stmt, 4),
		.to = column_text(stmt, 5),
		.message_id = column_text(stmt, 6),
		.file = sqlite3_column_int64(stmt, 7),
		.offset = (uint64_t)sqlite3_column_int64(stmt, 8),
	};
}

static int status_of(int rc)
{
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : EX_IOERR;
}

/* The newest are asked for and the oldest shown first. */
static int show_messages(struct track *t, const int64_t *ids, size_t count)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(t->db.db, "SELECT " COLUMNS " FROM events WHERE id = ?1"
	                            " ORDER BY ts, file < 0, event", -1, &stmt, NULL);
	if (rc != SQLITE_OK) return EX_IOERR;
	for (size_t i = count; i > 0; i--) {
		sqlite3_bind_int64(stmt, 1, ids[i - 1]);
		track_show_begin(&t->show);
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
			struct track_row row = row_of(stmt);
			track_show_row(&t->show, &row);
		}
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	return status_of(rc);
}

static void say_more(struct track *t, const char *what)
{
	fprintf(t->args->err, "imsctl: only the newest %d %s are shown\n", TRACK_MESSAGES_MAX, what);
}

static int find_messages(struct track *t)
{
	static int64_t ids[TRACK_MESSAGES_MAX];
	struct query q = { 0 };
	size_t count = 0;
	query_messages(&q, t->args);
	sqlite3_stmt *stmt = prepare(t, &q);
	if (!stmt) return EX_SOFTWARE;
	int rc;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && count < TRACK_MESSAGES_MAX)
		ids[count++] = sqlite3_column_int64(stmt, 0);
	if (rc == SQLITE_ROW) say_more(t, "messages");
	(void)sqlite3_finalize(stmt);
	if (status_of(rc) != 0) return EX_IOERR;
	return count ? show_messages(t, ids, count) : 0;
}

static int find_refusals(struct track *t)
{
	struct query q = { 0 };
	int count = 0, rc;
	if (t->args->id || t->args->message_id.len) return 0;
	query_refusals(&q, t->args);
	sqlite3_stmt *stmt = prepare(t, &q);
	if (!stmt) return EX_SOFTWARE;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct track_row row = row_of(stmt);
		if (count++ == 0) track_show_begin(&t->show);
		track_show_row(&t->show, &row);
	}
	if (count == TRACK_MESSAGES_MAX) say_more(t, "refusals");
	(void)sqlite3_finalize(stmt);
	return status_of(rc);
}

static int find(struct track *t)
{
	int status = find_messages(t);
	if (status == 0) status = find_refusals(t);
	if (status != 0) fprintf(t->args->err, "imsctl: %s\n", sqlite3_errmsg(t->db.db));
	if (status == 0 && !t->args->json && !t->show.shown) fputs("imsctl: no such message\n", t->args->err);
	return status;
}

int track_run(const struct track_args *args)
{
	static struct track t; /* views are large */
	char path[INDEX_PATH_MAX];
	bool missing;
	t = (struct track){ .args = args };
	(void)snprintf(path, sizeof path, "%s/index.db", args->place.folder);
	int rc = trackdb_open_read(&t.db, path, &missing);
	if (rc == 0) {
		track_show_init(&t.show, &t.db, &args->place, args->json, args->out);
		rc = scan_log(&t);
		/* An index that is damaged further inside: the log is the truth. */
		if (rc == -EILSEQ && !missing) {
			trackdb_close(&t.db);
			rc = trackdb_open_read(&t.db, "", &missing);
			if (rc == 0) rc = scan_log(&t);
		}
	}
	int status = rc == 0 ? find(&t) : rc == -EACCES ? EX_NOPERM : EX_IOERR;
	if (rc != 0) fprintf(args->err, "imsctl: the log cannot be read: %s\n", strerror(-rc));
	track_show_free(&t.show);
	trackdb_close(&t.db);
	return status == 0 && fflush(args->out) != 0 ? EX_IOERR : status;
}

int ctl_track(const struct conf *conf, bool json, int argc, char **argv)
{
	const char *from = ctl_option(&argc, argv, "--from"), *to = ctl_option(&argc, argv, "--to");
	const char *id = ctl_option(&argc, argv, "--id"), *since = ctl_option(&argc, argv, "--since");
	const char *message_id = ctl_option(&argc, argv, "--message-id");
	struct track_args args = { .json = json, .since_ms = -1, .out = stdout, .err = stderr };
	if (argc > 0 || !(from || to || id || since || message_id))
		return ctl_fail(EX_USAGE, "track [--from A] [--to A] [--id X] [--message-id M] [--since T], one at least");
	args.from = str_of(from ? from : "");
	args.to = str_of(to ? to : "");
	args.message_id = str_of(message_id ? message_id : "");
	args.sender_null = from && (!args.from.len || str_eq(args.from, STR("<>")));
	if (to && !without_angles(args.to).len) return ctl_fail(EX_USAGE, "--to wants an address or a part of one");
	if (id && (!str_from_hex64(str_of(id), &args.id) || !args.id))
		return ctl_fail(EX_USAGE, "--id wants the hexadecimal id of a message");
	if (args.from.len + args.to.len + args.message_id.len > PATTERN_MAX / 2)
		return ctl_fail(EX_USAGE, "that is longer than an address can be");
	if (since && !event_since_parse(str_of(since), clock_wall_ms(), &args.since_ms))
		return ctl_fail(EX_USAGE, "--since wants a time (2026-07-14T02:15:26Z) or an age (2h)");
	if (!events_place(conf, &args.place)) return ctl_fail(EX_CONFIG, "the path of the log is too long");
	return track_run(&args);
}
