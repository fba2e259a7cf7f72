/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/event/trackdb.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/map.h"
#include "lib/event/parse.h"

enum {
	SQL_MAX = 2048,
	/* One thread: no locks within the process. */
	WRITE_FLAGS = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
};

/* Addresses come in no order: an index over all of them would have each transaction
 * change thousands of pages all over the file (measured: 40 µs a message). So rows are
 * taken in parts of 8,192, and the addresses and Message-IDs of a part stand together in
 * `word`, as hashes: what changes is a few pages at its end, and a question looks once
 * into each part. Sender and Message-ID stand in the row of the message's arrival only:
 * the other rows of a message are found by its id. */
static const char tables_sql[] =
	"CREATE TABLE %s.file(file INTEGER PRIMARY KEY, path TEXT NOT NULL,"
	" inode INTEGER NOT NULL, head INTEGER NOT NULL, offset INTEGER NOT NULL);"
	"CREATE TABLE %s.event(event INTEGER PRIMARY KEY, ts INTEGER NOT NULL,"
	" number INTEGER NOT NULL, id INTEGER, sid INTEGER,"
	" sender TEXT COLLATE NOCASE, recipient TEXT COLLATE NOCASE, msgid TEXT,"
	" file INTEGER NOT NULL, offset INTEGER NOT NULL);"
	"CREATE INDEX %s.event_id ON event(id) WHERE id IS NOT NULL;"
	"CREATE TABLE %s.word(part INTEGER, hash INTEGER, event INTEGER,"
	" PRIMARY KEY(part, hash, event)) WITHOUT ROWID;";

static int error_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE: return 0;
	case SQLITE_NOMEM: return -ENOMEM;
	case SQLITE_FULL: return -ENOSPC;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
	case SQLITE_READONLY: return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return -EAGAIN;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table or column is not there: not what we made */
	case SQLITE_SCHEMA: return -EILSEQ;
	default: return -EIO;
	}
}

static int run(struct trackdb *t, const char *sql)
{
	return error_of(sqlite3_exec(t->db, sql, NULL, NULL, NULL));
}

/* `sql` has `%s` for the schema where it needs it. */
static const char *with_schema(const struct trackdb *t, const char *sql, char *memory)
{
	struct buf out;
	struct str rest = str_of(sql);
	buf_init_fixed(&out, memory, SQL_MAX);
	for (ptrdiff_t at; (at = str_find(rest, '%')) >= 0;) {
		buf_str(&out, str_sub(rest, 0, (size_t)at));
		buf_str(&out, str_of(t->schema));
		rest = str_from(rest, (size_t)at + 2);
	}
	buf_str(&out, rest);
	buf_byte(&out, '\0');
	return out.overflowed ? "" : memory;
}

static int prepare(struct trackdb *t, const char *sql, sqlite3_stmt **stmt)
{
	char memory[SQL_MAX];
	return error_of(sqlite3_prepare_v3(t->db, with_schema(t, sql, memory), -1,
					   SQLITE_PREPARE_PERSISTENT, stmt, NULL));
}

static int prepare_all(struct trackdb *t)
{
	const struct {
		sqlite3_stmt **stmt;
		const char *sql;
	} all[] = {
		{ &t->add, "INSERT INTO %s.event(event, ts, number, id, sid, sender, recipient,"
		           " msgid, file, offset) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)" },
		{ &t->word, "INSERT OR IGNORE INTO %s.word(part, hash, event) VALUES(?1, ?2, ?3)" },
		{ &t->file_add, "INSERT INTO %s.file(file, path, inode, head, offset)"
		                " VALUES(?1, ?2, ?3, ?4, 0)" },
		{ &t->file_set, "UPDATE %s.file SET offset = ?2 WHERE file = ?1" },
		{ &t->file_find, "SELECT file, offset FROM main.file WHERE inode = ?1 AND head = ?2" },
	};
	int rc = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all && rc == 0; i++)
		rc = prepare(t, all[i].sql, all[i].stmt);
	return rc;
}

/* One number that one query gives. */
static int ask(struct trackdb *t, const char *sql, int64_t *number)
{
	sqlite3_stmt *stmt = NULL;
	*number = 0;
	int rc = prepare(t, sql, &stmt);
	if (rc == 0) rc = error_of(sqlite3_step(stmt));
	if (rc == 0) *number = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return rc;
}

static int version_of(struct trackdb *t, int64_t *version)
{
	return ask(t, "PRAGMA main.user_version", version);
}

/* A reader's own rows come behind those of the index. */
static int find_last(struct trackdb *t)
{
	return ask(t, "SELECT coalesce(max(event), 0) FROM main.event", &t->last);
}

static int make_tables(struct trackdb *t)
{
	char memory[SQL_MAX];
	return run(t, with_schema(t, tables_sql, memory));
}

static int open_tables(struct trackdb *t)
{
	int64_t version;
	int rc = version_of(t, &version);
	if (rc != 0) return rc;
	if (version == TRACKDB_VERSION) return prepare_all(t);
	if (version != 0) return -EILSEQ;
	_Static_assert(TRACKDB_VERSION == 1, "stands in the text below");
	rc = run(t, "BEGIN");
	if (rc == 0) rc = make_tables(t);
	if (rc == 0) rc = run(t, "PRAGMA main.user_version = 1; COMMIT");
	return rc == 0 ? prepare_all(t) : rc;
}

int trackdb_open(struct trackdb *t, const char *path)
{
	*t = (struct trackdb){ .schema = "main", .sign = 1 };
	buf_init(&t->scratch, EVENT_LINE_MAX);
	int rc = error_of(sqlite3_open_v2(path, &t->db, WRITE_FLAGS, NULL));
	/* It is derived, so nothing is synced: after a loss of power it may be damaged,
	 * and is then made again. The files of the WAL stay, for readers who may not make
	 * them. */
	int keep = 1;
	if (rc == 0)
		(void)sqlite3_file_control(t->db, "main", SQLITE_FCNTL_PERSIST_WAL,
					   &keep);
	if (rc == 0)
		rc = run(t, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
			    "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384;"
			    "PRAGMA wal_autocheckpoint = 4000");
	if (rc == 0) rc = open_tables(t);
	if (rc == 0) rc = find_last(t);
	if (rc != 0) trackdb_close(t);
	return rc;
}

/* What can be read of the index, or an empty one in memory. */
static int open_main(struct trackdb *t, const char *path)
{
	int64_t version = 0;
	int rc = error_of(sqlite3_open_v2(path, &t->db, SQLITE_OPEN_READONLY, NULL));
	if (rc == 0) (void)sqlite3_busy_timeout(t->db, 2000);
	if (rc == 0) rc = version_of(t, &version);
	return rc == 0 && version != TRACKDB_VERSION ? -EILSEQ : rc;
}

int trackdb_open_read(struct trackdb *t, const char *path, bool *missing)
{
	*t = (struct trackdb){ .schema = "main", .sign = -1 };
	buf_init(&t->scratch, EVENT_LINE_MAX);
	int rc = open_main(t, path);
	*missing = rc != 0;
	if (*missing) {
		(void)sqlite3_close(t->db);
		rc = error_of(
			sqlite3_open_v2(":memory:", &t->db, SQLITE_OPEN_READWRITE, NULL));
		if (rc == 0) rc = make_tables(t);
	}
	t->schema = "temp";
	if (rc == 0) rc = run(t, "PRAGMA temp_store = MEMORY; BEGIN");
	if (rc == 0) rc = make_tables(t);
	if (rc == 0)
		rc = run(t,
			 "CREATE TEMP VIEW events AS SELECT * FROM main.event UNION ALL"
			 " SELECT * FROM temp.event;"
			 "CREATE TEMP VIEW files AS SELECT * FROM main.file UNION ALL"
			 " SELECT * FROM temp.file");
	if (rc == 0) rc = prepare_all(t);
	if (rc == 0) rc = find_last(t);
	if (rc != 0) trackdb_close(t);
	return rc;
}

void trackdb_close(struct trackdb *t)
{
	(void)sqlite3_finalize(t->add);
	(void)sqlite3_finalize(t->word);
	(void)sqlite3_finalize(t->file_add);
	(void)sqlite3_finalize(t->file_set);
	(void)sqlite3_finalize(t->file_find);
	(void)sqlite3_close(t->db);
	buf_free(&t->scratch);
	t->db = NULL;
	t->add = t->word = t->file_add = t->file_set = t->file_find = NULL;
}

void trackdb_delete(const char *path)
{
	static const struct str suffixes[] = { STR_INIT(""), STR_INIT("-wal"),
					       STR_INIT("-shm") };
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char whole[LOGFILE_PATH_MAX + 8];
		struct buf b;
		buf_init_fixed(&b, whole, sizeof whole);
		buf_str(&b, str_of(path));
		buf_str(&b, suffixes[i]);
		buf_byte(&b, '\0');
		if (!b.overflowed) (void)unlink(whole);
	}
}

int trackdb_row_at(struct trackdb *t, int64_t ms, int64_t *row)
{
	sqlite3_stmt *stmt = NULL;
	int64_t low = 0, high;
	int rc = ask(t, "SELECT coalesce(max(event), 0) + 1 FROM main.event", &high);
	if (rc == 0)
		rc = prepare(t,
			     "SELECT ts FROM main.event WHERE event >= ?1 ORDER BY event "
			     "LIMIT 1",
			     &stmt);
	while (rc == 0 && low < high) {
		int64_t middle = low + (high - low) / 2;
		sqlite3_bind_int64(stmt, 1, middle);
		rc = sqlite3_step(stmt);
		bool before = rc == SQLITE_ROW && sqlite3_column_int64(stmt, 0) < ms;
		rc = error_of(rc);
		(void)sqlite3_reset(stmt);
		if (before) low = middle + 1;
		else high = middle;
	}
	(void)sqlite3_finalize(stmt);
	*row = low;
	return rc;
}

bool trackdb_wants(enum event_name name)
{
	unsigned n = name; /* few of the many */
	switch (n) {
	case EVENT_receive:
	case EVENT_refuse:
	case EVENT_deliver:
	case EVENT_attempt:
	case EVENT_answer:
	case EVENT_in_doubt:
	case EVENT_defer:
	case EVENT_fail:
	case EVENT_expire:
	case EVENT_dsn_sent:
	case EVENT_hold:
	case EVENT_release:
	case EVENT_retry:
	case EVENT_drop:
	case EVENT_bounce:
	case EVENT_reroute:
	case EVENT_poison:
	case EVENT_mailbox_error:
	case EVENT_crash_contained: return true;
	default: return false;
	}
}

static int step(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	(void)sqlite3_reset(stmt);
	return error_of(rc);
}

static int file_find(struct trackdb *t, const struct logfile *file, uint64_t head,
		     int64_t *number, uint64_t *offset)
{
	sqlite3_bind_int64(t->file_find, 1, (int64_t)file->inode);
	sqlite3_bind_int64(t->file_find, 2, (int64_t)head);
	int rc = sqlite3_step(t->file_find);
	*number = 0;
	if (rc == SQLITE_ROW) {
		*number = sqlite3_column_int64(t->file_find, 0);
		*offset = (uint64_t)sqlite3_column_int64(t->file_find, 1);
		if (*offset > file->size) *offset = 0; /* cut short and written anew */
	}
	(void)sqlite3_reset(t->file_find);
	return error_of(rc);
}

static int next_number(struct trackdb *t, int64_t *number)
{
	int rc = ask(t, "SELECT coalesce(max(abs(file)), 0) + 1 FROM %s.file", number);
	*number *= t->sign;
	return rc;
}

int trackdb_file(struct trackdb *t, const struct logfile *file, uint64_t head,
		 int64_t *number, uint64_t *offset)
{
	int rc = file_find(t, file, head, number, offset);
	if (rc != 0 || *number) return rc;
	*offset = 0;
	rc = next_number(t, number);
	if (rc != 0) return rc;
	sqlite3_bind_int64(t->file_add, 1, *number);
	sqlite3_bind_text(t->file_add, 2, file->path, -1, SQLITE_TRANSIENT);
	sqlite3_bind_int64(t->file_add, 3, (int64_t)file->inode);
	sqlite3_bind_int64(t->file_add, 4, (int64_t)head);
	return step(t->file_add);
}

static void bind_text(sqlite3_stmt *stmt, int at, struct str text, bool there)
{
	if (there) sqlite3_bind_text(stmt, at, text.at, (int)text.len, SQLITE_STATIC);
	else sqlite3_bind_null(stmt, at);
}

static void bind_number(sqlite3_stmt *stmt, int at, uint64_t number)
{
	if (number) sqlite3_bind_int64(stmt, at, (int64_t)number);
	else sqlite3_bind_null(stmt, at);
}

uint32_t trackdb_hash(struct str word)
{
	return (uint32_t)(hash_str_nocase(word, 0) >>
			  33); /* 31 bits: four octets in the file */
}

static int add_word(struct trackdb *t, struct str word)
{
	sqlite3_bind_int64(t->word, 1, t->last >> TRACKDB_PART_BITS);
	sqlite3_bind_int64(t->word, 2, trackdb_hash(word));
	sqlite3_bind_int64(t->word, 3, t->last);
	return step(t->word);
}

static int add_row(struct trackdb *t, int64_t file, uint64_t offset)
{
	const struct event_view *v = &t->view;
	bool has_from, has_to, has_msgid;
	struct str from = event_view_get(v, FIELD_from, &has_from);
	struct str to = event_view_get(v, FIELD_to, &has_to);
	struct str msgid = event_view_get(v, FIELD_msgid, &has_msgid);
	bool arrival = v->name == EVENT_receive || v->name == EVENT_refuse || !v->id;
	t->last++;
	sqlite3_bind_int64(t->add, 1, t->last);
	sqlite3_bind_int64(t->add, 2, v->ts_ms);
	sqlite3_bind_int64(t->add, 3, (int64_t)v->number);
	bind_number(t->add, 4, v->id);
	bind_number(t->add, 5, v->sid);
	bind_text(t->add, 6, from, has_from && arrival);
	bind_text(t->add, 7, to, has_to);
	bind_text(t->add, 8, msgid, has_msgid && msgid.len);
	sqlite3_bind_int64(t->add, 9, file);
	sqlite3_bind_int64(t->add, 10, (int64_t)offset);
	int rc = step(t->add);
	if (t->sign < 0) return rc; /* a reader's few rows are looked at one by one */
	if (rc == 0 && has_from && arrival) rc = add_word(t, from);
	if (rc == 0 && has_to) rc = add_word(t, to);
	if (rc == 0 && has_msgid && msgid.len) rc = add_word(t, msgid);
	return rc;
}

static int64_t now_us(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int feed_lines(struct trackdb *t, struct log_reader *r, int64_t file,
		      int64_t since_ms, int64_t until_us)
{
	int count = 0;
	while (count < TRACKDB_LINES) {
		struct str line;
		uint64_t offset;
		int rc = log_reader_next(r, &line, &offset);
		if (rc < 0) return rc;
		if (rc == 0) break;
		count++;
		if (trackdb_wants(event_parse_name(line)) &&
		    event_parse(line, &t->scratch, &t->view) &&
		    t->view.ts_ms >= since_ms) {
			rc = add_row(t, file, offset);
			if (rc != 0) return rc;
		}
		if (until_us && count % TRACKDB_CHECK == 0 && now_us() >= until_us) break;
	}
	return count;
}

static int file_set(struct trackdb *t, int64_t file, uint64_t offset)
{
	sqlite3_bind_int64(t->file_set, 1, file);
	sqlite3_bind_int64(t->file_set, 2, (int64_t)offset);
	return step(t->file_set);
}

int trackdb_feed(struct trackdb *t, struct log_reader *r, int64_t file, int64_t since_ms,
		 int64_t slice_us)
{
	/* A reader has its transaction open already: all it sees is of one moment. */
	bool own = t->sign > 0;
	int rc = own ? run(t, "BEGIN") : 0;
	if (rc != 0) return rc;
	int count = feed_lines(t, r, file, since_ms, slice_us ? now_us() + slice_us : 0);
	rc = count < 0 ? count : 0;
	if (rc == 0 && count) rc = file_set(t, file, log_reader_offset(r));
	if (rc == 0 && own) rc = run(t, "COMMIT");
	if (rc != 0 && own) {
		(void)run(t, "ROLLBACK");
		(void)find_last(t);
	}
	return rc == 0 ? count : rc;
}

/* Runs a DELETE with the parameters ?1 (rows) and ?2; how many went, or -errno. */
static int purge(struct trackdb *t, const char *sql, int rows_max, int64_t value)
{
	sqlite3_stmt *stmt = NULL;
	int rc = prepare(t, sql, &stmt);
	if (rc != 0) return rc;
	sqlite3_bind_int(stmt, 1, rows_max);
	sqlite3_bind_int64(stmt, 2, value);
	rc = step(stmt);
	(void)sqlite3_finalize(stmt);
	return rc == 0 ? sqlite3_changes(t->db) : rc;
}

int trackdb_purge(struct trackdb *t, int64_t before_ms, int rows_max)
{
	int64_t first;
	/* Rows come in the order of time: the first that is young enough ends it. */
	int count = purge(
		t,
		"DELETE FROM %s.event WHERE event IN (SELECT event FROM (SELECT event, ts"
		" FROM %s.event ORDER BY event LIMIT ?1) WHERE ts < ?2)",
		rows_max, before_ms);
	int rc = ask(t, "SELECT coalesce(min(event), 0) FROM %s.event", &first);
	if (count < 0 || rc != 0) return count < 0 ? count : rc;
	/* Words of whole parts only; those of a part that is half gone lead to nothing.
	 */
	int words = purge(t,
			  "DELETE FROM %s.word WHERE (part, hash, event) IN (SELECT "
			  "part, hash, event"
			  " FROM %s.word WHERE part < ?2 ORDER BY part LIMIT ?1)",
			  rows_max, first >> TRACKDB_PART_BITS);
	if (words < 0) return words;
	if (count)
		rc = run(t, "DELETE FROM main.file WHERE file < (SELECT file FROM "
			    "main.event ORDER BY event"
			    " LIMIT 1)");
	if (rc != 0) return rc;
	return count > words ? count : words;
}
