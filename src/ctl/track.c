/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/track.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "ctl/ctl.h"
#include "ctl/events.h"
#include "ctl/track_index.h"
#include "lib/event/instant.h"
#include "lib/event/trackdb.h"
#include "lib/os/clock.h"

enum { SQL_MAX = 4096, PATTERN_MAX = 2048 };

/* A query that is put together: its text, and the texts for its parameters. */
struct query {
	struct buf sql;
	char memory[SQL_MAX];
	struct str texts[8];
	size_t text_count;
	/* Numbers of parameters. */
	size_t address[2],
		message_id[2]; /* sender, recipient; as given, in angle brackets */
	bool whole[2];         /* the address is all of it, not a part */
	char patterns[2][PATTERN_MAX], angles[PATTERN_MAX];
	size_t pattern_count;
};

struct track {
	const struct track_args *args;
	int64_t since_row; /* a row before which all are older than since_ms */
	struct trackdb db;
	struct track_show show;
};

/* --- selectors -------------------------------------------------------------------------
 */

static void add(struct query *q, const char *sql) { buf_str(&q->sql, str_of(sql)); }

/* A parameter: "?N". */
static void add_text(struct query *q, size_t number)
{
	buf_byte(&q->sql, '?');
	buf_u64(&q->sql, number);
}

static size_t text_of(struct query *q, struct str text)
{
	q->texts[q->text_count++] = text;
	return q->text_count;
}

/* A pattern for LIKE that finds `part` anywhere, or at the end. */
static size_t pattern_of(struct query *q, struct str part, bool at_end)
{
	struct buf b;
	buf_init_fixed(&b, q->patterns[q->pattern_count++], PATTERN_MAX);
	buf_byte(&b, '%');
	for (size_t i = 0; i < part.len; i++) {
		if (str_find(STR("%_\\"), part.at[i]) >= 0) buf_byte(&b, '\\');
		buf_byte(&b, part.at[i]);
	}
	if (!at_end) buf_byte(&b, '%');
	return text_of(q, b.overflowed ? STR("") : buf_view(&b));
}

static struct str without_angles(struct str s)
{
	if (!s.at) return STR(""); /* a parameter without octets is a text, too */
	bool both = s.len >= 2 && s.at[0] == '<' && s.at[s.len - 1] == '>';
	return both ? str_sub(s, 1, s.len - 2) : s;
}

/* The texts are bound once for both halves of a query. */
static void bind_texts(struct query *q, const struct track_args *args)
{
	const struct str addresses[2] = { without_angles(args->from),
					  without_angles(args->to) };
	for (size_t i = 0; i < 2; i++) {
		ptrdiff_t at = str_rfind(addresses[i], '@');
		q->whole[i] = at > 0 || (i == 0 && args->sender_null);
		q->address[i] = q->whole[i] ? text_of(q, addresses[i])
					    : pattern_of(q, addresses[i], at == 0);
	}
	struct buf angles;
	buf_init_fixed(&angles, q->angles, sizeof q->angles);
	buf_byte(&angles, '<');
	buf_str(&angles, without_angles(args->message_id));
	buf_byte(&angles, '>');
	q->message_id[0] = text_of(q, without_angles(args->message_id));
	q->message_id[1] = text_of(q, buf_view(&angles));
}

/* Rows of the index that may have the text, by its parts (trackdb.c). */
static void add_word(struct query *q, size_t text)
{
	add(q, "event IN (SELECT w.event FROM parts CROSS JOIN main.word w"
	       " WHERE w.part = parts.part AND w.hash = ");
	buf_u64(&q->sql, trackdb_hash(q->texts[text - 1]));
	add(q, ") AND ");
}

static void add_address(struct query *q, bool in_index, size_t which)
{
	if (q->whole[which] && in_index) add_word(q, q->address[which]);
	add(q, which == 0 ? "sender" : "recipient");
	add(q, q->whole[which] ? " = " : " LIKE ");
	add_text(q, q->address[which]);
	add(q, q->whole[which] ? " COLLATE NOCASE" : " ESCAPE '\\'");
}

static void add_message_id(struct query *q, bool in_index)
{
	for (size_t i = 0; i < 2; i++) {
		add(q, i == 0 ? "((" : " OR (");
		if (in_index) add_word(q, q->message_id[i]);
		add(q, "msgid = ");
		add_text(q, q->message_id[i]);
		add(q, ")");
	}
	add(q, ")");
}

enum selector { BY_ID, BY_FROM, BY_TO, BY_MESSAGE_ID, BY_TIME, SELECTORS };

static bool is_used(const struct track_args *args, enum selector by)
{
	switch (by) {
	case BY_ID: return args->id != 0;
	case BY_FROM: return args->sender_null || args->from.len;
	case BY_TO: return args->to.len > 0;
	case BY_MESSAGE_ID: return args->message_id.len > 0;
	case BY_TIME: return args->since_ms >= 0;
	case SELECTORS: break;
	}
	return false;
}

static void add_condition(struct query *q, const struct track *t, enum selector by,
			  bool in_index)
{
	switch (by) {
	case BY_ID:
		add(q, "id = ");
		buf_i64(&q->sql, (int64_t)t->args->id);
		break;
	case BY_FROM:
	case BY_TO: add_address(q, in_index, by == BY_TO); break;
	case BY_MESSAGE_ID: add_message_id(q, in_index); break;
	case BY_TIME:
	case SELECTORS:
		add(q, "ts >= ");
		buf_i64(&q->sql, t->args->since_ms);
		if (!in_index) break;
		add(q, " AND event >= ");
		buf_i64(&q->sql, t->since_row);
		break;
	}
}

/* The parts that the index has. */
#define BITS "13"
#define PARTS                                                                  \
	"WITH RECURSIVE parts(part) AS (SELECT min(event) >> " BITS            \
	" FROM main.event UNION ALL"                                           \
	" SELECT part + 1 FROM parts WHERE part < (SELECT max(event) >> " BITS \
	" FROM main.event)) "
_Static_assert(TRACKDB_PART_BITS == 13, "stands in the query");

static void end_query(struct query *q, size_t rows_max, const char *rest)
{
	add(q, " DESC LIMIT ");
	buf_u64(&q->sql, rows_max);
	add(q, rest);
	buf_byte(&q->sql, '\0');
}

/* Which messages: each selector may hold for another event of the message. */
static void query_messages(struct query *q, const struct track *t)
{
	const char *next = "SELECT id FROM (";
	add(q, PARTS
	    "SELECT id, coalesce((SELECT min(ts) FROM main.event m WHERE m.id = f.id),"
	    " (SELECT min(ts) FROM temp.event t WHERE t.id = f.id)) AS first FROM (");
	for (enum selector by = BY_ID; by < SELECTORS; by++) {
		if (!is_used(t->args, by)) continue;
		add(q, next);
		add(q, "SELECT id FROM main.event WHERE id IS NOT NULL AND ");
		add_condition(q, t, by, true);
		add(q, " UNION SELECT id FROM temp.event WHERE id IS NOT NULL AND ");
		add_condition(q, t, by, false);
		add(q, ")");
		next = " INTERSECT SELECT id FROM (";
	}
	add(q, ") f ORDER BY first");
	end_query(q, TRACK_MESSAGES_MAX + 1, "");
}

/* Refusals have no message: all selectors hold for the one event. */
static void query_refusals(struct query *q, const struct track *t)
{
	add(q, PARTS "SELECT * FROM (");
	for (unsigned half = 0; half < 2; half++) {
		add(q, half == 0 ? "" : " UNION ALL ");
		add(q, "SELECT " TRACK_COLUMNS " FROM ");
		add(q, half == 0 ? "main" : "temp");
		add(q, ".event WHERE id IS NULL AND number = ");
		buf_u64(&q->sql, event_row(EVENT_refuse)->number);
		for (enum selector by = BY_FROM; by < SELECTORS; by++) {
			if (!is_used(t->args, by)) continue;
			add(q, " AND ");
			add_condition(q, t, by, half == 0);
		}
	}
	add(q, " ORDER BY ts");
	end_query(q, TRACK_MESSAGES_MAX, ") ORDER BY ts");
}

static sqlite3_stmt *prepare(struct track *t,
			     void (*write)(struct query *, const struct track *))
{
	static struct query q;
	sqlite3_stmt *stmt = NULL;
	q = (struct query){ 0 };
	buf_init_fixed(&q.sql, q.memory, sizeof q.memory);
	bind_texts(&q, t->args);
	write(&q, t);
	if (q.sql.overflowed ||
	    sqlite3_prepare_v2(t->db.db, q.sql.at, -1, &stmt, NULL) != SQLITE_OK)
		return NULL;
	/* A parameter that this query does not use is out of range: no harm. */
	for (size_t i = 0; i < q.text_count; i++)
		(void)sqlite3_bind_text(stmt, (int)i + 1, q.texts[i].at,
					(int)q.texts[i].len, SQLITE_TRANSIENT);
	return stmt;
}

/* --- what is found
 * ---------------------------------------------------------------------- */

static int status_of(int rc)
{
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : EX_IOERR;
}

#define ATTEMPTS_MAX "1000"
_Static_assert(TRACK_ATTEMPTS_MAX == 1000, "stands in the query");
static const char EACH[] = "SELECT " TRACK_COLUMNS " FROM events WHERE id = ?1"
			   " ORDER BY ts, file < 0, event";
static const char NEWEST[] = "SELECT * FROM (SELECT " TRACK_COLUMNS ", event FROM events WHERE"
			     " id = ?1 ORDER BY ts DESC, file < 0 DESC, event DESC LIMIT "
			     ATTEMPTS_MAX ") ORDER BY ts, file < 0, event";

/* The newest are asked for and the oldest shown first. */
static int show_messages(struct track *t, const int64_t *ids, size_t count)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(t->db.db, t->args->attempts ? NEWEST : EACH, -1,
				    &stmt, NULL);
	if (rc != SQLITE_OK) return EX_IOERR;
	for (size_t i = count; i > 0; i--) {
		sqlite3_bind_int64(stmt, 1, ids[i - 1]);
		track_show_begin(&t->show);
		while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
			struct track_row row = track_row_of(stmt);
			track_show_row(&t->show, &row);
		}
		(void)sqlite3_reset(stmt);
	}
	(void)sqlite3_finalize(stmt);
	return status_of(rc);
}

static void say_more(struct track *t, const char *what)
{
	fprintf(t->args->err, "imsctl: only the newest %d %s are shown\n",
		TRACK_MESSAGES_MAX, what);
}

static int find_messages(struct track *t)
{
	static int64_t ids[TRACK_MESSAGES_MAX];
	size_t count = 0;
	sqlite3_stmt *stmt = prepare(t, query_messages);
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
	int count = 0, rc;
	if (t->args->id || t->args->message_id.len) return 0;
	sqlite3_stmt *stmt = prepare(t, query_refusals);
	if (!stmt) return EX_SOFTWARE;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct track_row row = track_row_of(stmt);
		if (count++ == 0) track_show_begin(&t->show);
		track_show_row(&t->show, &row);
	}
	if (count == TRACK_MESSAGES_MAX) say_more(t, "refusals");
	(void)sqlite3_finalize(stmt);
	return status_of(rc);
}

static int find(struct track *t)
{
	int64_t skewed = t->args->since_ms - TRACK_SKEW_MS;
	int status = trackdb_row_at(&t->db, skewed, &t->since_row) == 0 ? 0 : EX_IOERR;
	if (status == 0) status = find_messages(t);
	if (t->args->attempts) return status;
	if (status == 0) status = find_refusals(t);
	if (status != 0) fprintf(t->args->err, "imsctl: %s\n", sqlite3_errmsg(t->db.db));
	if (status == 0 && !t->args->json && !t->show.shown)
		fputs("imsctl: no such message\n", t->args->err);
	return status;
}

int track_run(const struct track_args *args)
{
	static struct track t; /* views are large */
	t = (struct track){ .args = args };
	int rc = track_index_open(&t.db, &args->place, args->err);
	if (rc == 0) {
		track_show_init(&t.show, &t.db, &args->place, args->json, args->out);
		t.show.attempts = args->attempts;
	}
	int status = rc == 0 ? find(&t) : rc == -EACCES ? EX_NOPERM : EX_IOERR;
	if (rc != 0)
		fprintf(args->err, "imsctl: the log cannot be read: %s\n", strerror(-rc));
	track_show_free(&t.show);
	trackdb_close(&t.db);
	return status == 0 && fflush(args->out) != 0 ? EX_IOERR : status;
}

int ctl_track(const struct conf *conf, bool json, int argc, char **argv)
{
	const char *from = ctl_option(&argc, argv, "--from"),
		   *to = ctl_option(&argc, argv, "--to");
	const char *id = ctl_option(&argc, argv, "--id"),
		   *since = ctl_option(&argc, argv, "--since");
	const char *message_id = ctl_option(&argc, argv, "--message-id");
	struct track_args args = {
		.json = json, .since_ms = -1, .out = stdout, .err = stderr
	};
	if (argc > 0 || !(from || to || id || since || message_id))
		return ctl_fail(EX_USAGE, "track [--from A] [--to A] [--id X] "
					  "[--message-id M] [--since T], one at least");
	args.from = str_of(from ? from : "");
	args.to = str_of(to ? to : "");
	args.message_id = str_of(message_id ? message_id : "");
	args.sender_null = from && (!args.from.len || str_eq(args.from, STR("<>")));
	if (to && !without_angles(args.to).len)
		return ctl_fail(EX_USAGE, "--to wants an address or a part of one");
	if (id && (!str_from_hex64(str_of(id), &args.id) || !args.id))
		return ctl_fail(EX_USAGE, "--id wants the hexadecimal id of a message");
	if (args.from.len + args.to.len + args.message_id.len > PATTERN_MAX / 2)
		return ctl_fail(EX_USAGE, "that is longer than an address can be");
	if (since && !event_since_parse(str_of(since), clock_wall_ms(), &args.since_ms))
		return ctl_fail(
			EX_USAGE,
			"--since wants a time (2026-07-14T02:15:26Z) or an age (2h)");
	if (!events_place(conf, &args.place))
		return ctl_fail(EX_CONFIG, "the path of the log is too long");
	return track_run(&args);
}
