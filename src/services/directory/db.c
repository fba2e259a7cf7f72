/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/directory/answer.h"

enum statement {
	FIND_USER,
	FIND_ALIAS,
	FIND_LOGIN,
	FIND_SECRET,
	ADD,
	SET_SECRETS,
	REMOVE,
	EACH,
	STATEMENT_COUNT
};

#define COLUMNS "u.address, u.home, u.created, u.disabled, u.verifier IS NOT NULL"

static const char *const statements[STATEMENT_COUNT] = {
	[FIND_USER] = "SELECT " COLUMNS " FROM user u WHERE u.address = ?1",
	[FIND_ALIAS] =
		"SELECT " COLUMNS " FROM alias a JOIN user u ON u.address = a.address "
		"WHERE a.alias = ?1",
	[FIND_LOGIN] = "SELECT u.address, u.verifier, u.scram FROM user u "
		       "WHERE u.address = ?1 AND NOT u.disabled",
	[FIND_SECRET] = "SELECT octets FROM secret",
	[ADD] = "INSERT INTO user (address, home, verifier, scram, created) "
		"SELECT ?1, ?2, ?3, ?4, ?5 WHERE NOT EXISTS (SELECT 1 FROM alias WHERE alias "
		"= ?1)",
	[SET_SECRETS] = "UPDATE user SET verifier = ?2, scram = ?3 WHERE address = ?1",
	[REMOVE] = "DELETE FROM user WHERE address = ?1",
	[EACH] = "SELECT " COLUMNS " FROM user u ORDER BY u.address",
};

/* NOCASE folds ASCII only, which is what is wanted. */
static const char schema[] =
	"CREATE TABLE user ("
	" address TEXT PRIMARY KEY COLLATE NOCASE NOT NULL,"
	" home TEXT NOT NULL,"
	" verifier TEXT," /* crypt(5); NULL: no password */
	" created INTEGER NOT NULL,"
	" disabled INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	"CREATE TABLE alias ("
	" alias TEXT PRIMARY KEY COLLATE NOCASE NOT NULL,"
	" address TEXT NOT NULL COLLATE NOCASE"
	"  REFERENCES user (address) ON UPDATE CASCADE ON DELETE CASCADE) WITHOUT ROWID;"
	"CREATE INDEX alias_address ON alias (address);"
	"PRAGMA user_version = 1;";

/* Each makes the version behind it of the one before; those of earlier releases stay as
 * they are. */
static const char *const steps[DIRECTORY_SCHEMA] = {
	schema,
	"ALTER TABLE user ADD COLUMN scram TEXT;" /* lib/sasl/scram.h */
	"CREATE TABLE secret (octets BLOB NOT NULL);"
	"INSERT INTO secret (octets) VALUES (randomblob(32));"
	"PRAGMA user_version = 2;",
};

enum {
	ENTRY_MAX = DIRECTORY_ADDRESS_MAX + DIRECTORY_HOME_MAX + DIRECTORY_VERIFIER_MAX +
		    DIRECTORY_SCRAM_MAX
};

struct directory_db {
	sqlite3 *sql;
	sqlite3_stmt *prepared[STATEMENT_COUNT];
	int folder;
	bool wrote; /* the write-ahead log may hold what the file does not */
	struct stat file;
	char text[ENTRY_MAX]; /* strings of the last entry that was looked up */
	char name[DIRECTORY_NAME_MAX + 1];
};

/* --- files -------------------------------------------------------------------------- */

bool directory_db_is_replaced(const struct directory_db *db)
{
	struct stat st;
	return fstatat(db->folder, db->name, &st, 0) != 0 ||
	       st.st_dev != db->file.st_dev || st.st_ino != db->file.st_ino;
}

/* SQLite takes names only. Ours lead through /proc to the descriptor of the folder; the
 * one thing that SQLite's file system must not do with them is to resolve that link, for
 * the path that it stands for may be closed to us. */
static int keep_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return str_to_cstr(str_of(name), out, (size_t)size) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static const char *file_system(void)
{
	static sqlite3_vfs ours;
	const sqlite3_vfs *unix_vfs = sqlite3_vfs_find(NULL);
	if (ours.zName || !unix_vfs) return ours.zName;
	ours = *unix_vfs;
	ours.pNext = NULL;
	ours.zName = "ims-directory";
	ours.xFullPathname = keep_name;
	(void)sqlite3_vfs_register(&ours, 0);
	return ours.zName;
}

static int open_by_folder(struct directory_db *db)
{
	char path[DIRECTORY_NAME_MAX + 64];
	(void)snprintf(path, sizeof path, "/proc/self/fd/%d/%s", db->folder, db->name);
	return sqlite3_open_v2(path, &db->sql,
			       SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			       file_system());
}

/* --- errors ------------------------------------------------------------------------- */

static enum directory_result result_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_DONE:
	case SQLITE_ROW: return DIRECTORY_OK;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return DIRECTORY_BUSY;
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_AUTH: return DIRECTORY_DENIED;
	case SQLITE_CONSTRAINT: return DIRECTORY_EXISTS;
	/* SQLITE_ERROR: a table or a column that is not as we made it. */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_SCHEMA:
	case SQLITE_ERROR: return DIRECTORY_BROKEN;
	default: return DIRECTORY_FAILED;
	}
}

struct str directory_db_error(const struct directory_db *db)
{
	return str_of(sqlite3_errmsg(db->sql));
}

/* --- opening ------------------------------------------------------------------------ */

static int execute(struct directory_db *db, const char *sql)
{
	return sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
}

static int schema_version(struct directory_db *db, int *version)
{
	sqlite3_stmt *s = NULL;
	int code = sqlite3_prepare_v2(db->sql, "PRAGMA user_version", -1, &s, NULL);
	if (code == SQLITE_OK) code = sqlite3_step(s);
	if (code == SQLITE_ROW) *version = sqlite3_column_int(s, 0);
	(void)sqlite3_finalize(s);
	return code == SQLITE_ROW ? SQLITE_OK : code;
}

/* Two programs may find it empty, or old, at once: the second sees what the first made.
 */
static int make_schema(struct directory_db *db)
{
	int version = 0;
	int code = execute(db, "BEGIN IMMEDIATE");
	if (code != SQLITE_OK) return code;
	code = schema_version(db, &version);
	while (code == SQLITE_OK && version >= 0 && version < DIRECTORY_SCHEMA)
		code = execute(db, steps[version++]);
	if (code == SQLITE_OK) return execute(db, "COMMIT");
	(void)execute(db, "ROLLBACK");
	return code;
}

static int set_up(struct directory_db *db, int busy_ms, struct buf *why)
{
	int version = 0, keep = 1;
	(void)sqlite3_busy_timeout(db->sql, busy_ms);
	/* The helpers stay when the last one closes: the role may not be able to make new
	 * ones in the folder. */
	(void)sqlite3_file_control(db->sql, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
	/* The very first page of a database is written before there is a write-ahead log,
	 * and the journal for that may not be possible in the folder either. */
	int code = db->file.st_size == 0 ? execute(db, "PRAGMA journal_mode = MEMORY")
					 : SQLITE_OK;
	if (code == SQLITE_OK)
		code = execute(db,
			       "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
			       "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF");
	if (code == SQLITE_OK) code = schema_version(db, &version);
	if (code == SQLITE_OK && version < DIRECTORY_SCHEMA) {
		db->wrote = true;
		code = make_schema(db);
	}
	if (code == SQLITE_OK && version > DIRECTORY_SCHEMA) {
		buf_str(why,
			STR("the database was made by a newer version of this program"));
		return SQLITE_NOTADB;
	}
	for (size_t i = 0; i < STATEMENT_COUNT && code == SQLITE_OK; i++)
		code = sqlite3_prepare_v3(db->sql, statements[i], -1,
					  SQLITE_PREPARE_PERSISTENT, &db->prepared[i],
					  NULL);
	return code;
}

static enum directory_result result_of_errno(int error, struct buf *why)
{
	buf_str(why, str_of(strerror(error)));
	if (error == ENOENT || error == ENOTDIR) return DIRECTORY_MISSING;
	return error == EACCES || error == EPERM ? DIRECTORY_DENIED : DIRECTORY_FAILED;
}

/* SQLite would say "unable to open database file" of everything. */
static enum directory_result check_file(struct directory_db *db, struct buf *why)
{
	if (fstatat(db->folder, db->name, &db->file, 0) != 0 ||
	    faccessat(db->folder, db->name, R_OK | W_OK, AT_EACCESS) != 0)
		return result_of_errno(errno, why);
	if (S_ISREG(db->file.st_mode)) return DIRECTORY_OK;
	buf_str(why, STR("not a file"));
	return DIRECTORY_BROKEN;
}

enum directory_result directory_db_open(struct directory_db **out, int folder,
					struct str name, int busy_ms, struct buf *why)
{
	*out = NULL;
	struct directory_db *db = calloc(1, sizeof *db);
	if (!db || !str_to_cstr(name, db->name, sizeof db->name)) {
		free(db);
		return result_of_errno(db ? ENAMETOOLONG : ENOMEM, why);
	}
	db->folder = folder;
	enum directory_result result = check_file(db, why);
	if (result == DIRECTORY_OK) {
		int code = open_by_folder(db);
		if (code == SQLITE_OK) code = set_up(db, busy_ms, why);
		result = result_of(code);
		if (result != DIRECTORY_OK && why->len == 0)
			buf_str(why,
				str_of(db->sql ? sqlite3_errmsg(db->sql) : "no memory"));
	}
	if (result != DIRECTORY_OK) {
		directory_db_close(db);
		return result;
	}
	*out = db;
	return DIRECTORY_OK;
}

void directory_db_close(struct directory_db *db)
{
	if (!db) return;
	for (size_t i = 0; i < STATEMENT_COUNT; i++)
		(void)sqlite3_finalize(db->prepared[i]);
	/* Emptied, so that a copy of the file is a copy of the users, and a file that is
	 * put in its place does not meet the log of another. A reader may be in the way;
	 * then the next one does it. */
	if (db->wrote)
		(void)sqlite3_wal_checkpoint_v2(db->sql, NULL, SQLITE_CHECKPOINT_TRUNCATE,
						NULL, NULL);
	int code = sqlite3_close(db->sql);
	assert(code == SQLITE_OK);
	free(db);
}

/* --- statements --------------------------------------------------------------------- */

static sqlite3_stmt *begin(struct directory_db *db, enum statement which)
{
	sqlite3_stmt *s = db->prepared[which];
	(void)sqlite3_clear_bindings(s);
	return s;
}

static void bind(sqlite3_stmt *s, int at, struct str value)
{
	/* Bounded by the callers; the strings outlive the step. */
	(void)sqlite3_bind_text(s, at, value.len ? value.at : "", (int)value.len,
				SQLITE_STATIC);
}

/* Ends a statement that changes something. DIRECTORY_NONE: it changed nothing. */
static enum directory_result run(struct directory_db *db, sqlite3_stmt *s)
{
	int code = sqlite3_step(s);
	int changes = sqlite3_changes(db->sql);
	(void)sqlite3_reset(s);
	(void)sqlite3_clear_bindings(s);
	if (code != SQLITE_DONE) return result_of(code);
	db->wrote = true;
	return changes > 0 ? DIRECTORY_OK : DIRECTORY_NONE;
}

static struct str column(sqlite3_stmt *s, int at)
{
	const unsigned char *text = sqlite3_column_text(s, at);
	return (struct str){ text ? (const char *)text : "",
			     (size_t)sqlite3_column_bytes(s, at) };
}

static void read_entry(sqlite3_stmt *s, struct directory_entry *entry)
{
	entry->address = column(s, 0);
	entry->home = column(s, 1);
	entry->created_s = sqlite3_column_int64(s, 2);
	entry->disabled = sqlite3_column_int(s, 3) != 0;
	entry->has_password = sqlite3_column_int(s, 4) != 0;
}

/* A NUL would end the comparison early, and no address has control characters. */
static bool can_be_address(struct str address)
{
	for (size_t i = 0; i < address.len; i++)
		if (ascii_is_ctl(address.at[i])) return false;
	return address.len > 0 && address.len <= DIRECTORY_ADDRESS_MAX;
}

/* Copies the entry's strings, so that the statement can end: one that stays open would
 * keep the write-ahead log from being emptied. */
static bool keep_entry(struct directory_db *db, struct directory_entry *entry)
{
	struct buf text;
	size_t len = entry->address.len;
	buf_init_fixed(&text, db->text, sizeof db->text);
	buf_str(&text, entry->address);
	buf_str(&text, entry->home);
	entry->address = str_sub(buf_view(&text), 0, len);
	entry->home = str_from(buf_view(&text), len);
	return !text.overflowed;
}

/* *entry is filled in for a disabled user too. */
static enum directory_result find(struct directory_db *db, enum statement which,
				  struct str address, struct directory_entry *entry)
{
	sqlite3_stmt *s = begin(db, which);
	bind(s, 1, address);
	int code = sqlite3_step(s);
	enum directory_result result =
		code == SQLITE_DONE ? DIRECTORY_NONE : result_of(code);
	if (code == SQLITE_ROW) {
		read_entry(s, entry);
		if (!keep_entry(db, entry)) result = DIRECTORY_BROKEN;
		else if (entry->disabled) result = DIRECTORY_NONE;
	}
	(void)sqlite3_reset(s);
	return result;
}

static enum directory_result find_both(struct directory_db *db, struct str address,
				       struct directory_entry *entry)
{
	enum directory_result result = find(db, FIND_USER, address, entry);
	if (result != DIRECTORY_NONE || entry->disabled) return result;
	return find(db, FIND_ALIAS, address, entry);
}

enum directory_result directory_db_lookup(struct directory_db *db, struct str address,
					  struct directory_entry *entry)
{
	*entry = (struct directory_entry){ 0 };
	if (!can_be_address(address)) return DIRECTORY_NONE;
	enum directory_result result = find_both(db, address, entry);
	char memory[DIRECTORY_ADDRESS_MAX];
	struct buf plain;
	buf_init_fixed(&plain, memory, sizeof memory);
	if (result == DIRECTORY_NONE && !entry->disabled &&
	    answer_without_detail(&plain, address))
		result = find_both(db, buf_view(&plain), entry);
	return result;
}

enum directory_result directory_db_login(struct directory_db *db, struct str address,
					 struct directory_login *login)
{
	*login = (struct directory_login){ 0 };
	if (!can_be_address(address)) return DIRECTORY_NONE;
	sqlite3_stmt *s = begin(db, FIND_LOGIN);
	bind(s, 1, address);
	int code = sqlite3_step(s);
	enum directory_result result =
		code == SQLITE_DONE ? DIRECTORY_NONE : result_of(code);
	if (code == SQLITE_ROW) {
		struct buf text;
		struct str *const to[] = { &login->address, &login->verifier, &login->scram };
		buf_init_fixed(&text, db->text, sizeof db->text);
		for (int i = 0; i < 3; i++) {
			size_t from = text.len;
			buf_str(&text, column(s, i));
			*to[i] = str_from(buf_view(&text), from);
		}
		if (text.overflowed) result = DIRECTORY_BROKEN;
	}
	(void)sqlite3_reset(s);
	return result;
}

enum directory_result directory_db_secret(struct directory_db *db,
					  char secret[DIRECTORY_SECRET])
{
	sqlite3_stmt *s = begin(db, FIND_SECRET);
	int code = sqlite3_step(s);
	enum directory_result result =
		code == SQLITE_DONE ? DIRECTORY_BROKEN : result_of(code);
	if (code == SQLITE_ROW) {
		const void *octets = sqlite3_column_blob(s, 0);
		if (sqlite3_column_bytes(s, 0) == DIRECTORY_SECRET)
			memcpy(secret, octets, DIRECTORY_SECRET);
		else
			result = DIRECTORY_BROKEN;
	}
	(void)sqlite3_reset(s);
	return result;
}

static void bind_secrets(sqlite3_stmt *s, int at, const struct directory_secrets *secrets)
{
	if (!secrets) return;
	assert(secrets->verifier.len <= DIRECTORY_VERIFIER_MAX &&
	       secrets->scram.len <= DIRECTORY_SCRAM_MAX);
	if (secrets->verifier.len) bind(s, at, secrets->verifier);
	if (secrets->scram.len) bind(s, at + 1, secrets->scram);
}

enum directory_result directory_db_add(struct directory_db *db, struct str address,
				       struct str home,
				       const struct directory_secrets *secrets,
				       int64_t now_s)
{
	assert(can_be_address(address) && home.len <= DIRECTORY_HOME_MAX);
	sqlite3_stmt *s = begin(db, ADD);
	bind(s, 1, address);
	bind(s, 2, home);
	bind_secrets(s, 3, secrets);
	(void)sqlite3_bind_int64(s, 5, now_s);
	enum directory_result result = run(db, s);
	return result == DIRECTORY_NONE ? DIRECTORY_EXISTS : result;
}

enum directory_result directory_db_set_secrets(struct directory_db *db,
					       struct str address,
					       const struct directory_secrets *secrets)
{
	if (!can_be_address(address)) return DIRECTORY_NONE;
	sqlite3_stmt *s = begin(db, SET_SECRETS);
	bind(s, 1, address);
	bind_secrets(s, 2, secrets);
	return run(db, s);
}

enum directory_result directory_db_remove(struct directory_db *db, struct str address)
{
	if (!can_be_address(address)) return DIRECTORY_NONE;
	sqlite3_stmt *s = begin(db, REMOVE);
	bind(s, 1, address);
	return run(db, s);
}

enum directory_result
directory_db_each(struct directory_db *db,
		  void (*fn)(void *arg, const struct directory_entry *entry), void *arg)
{
	sqlite3_stmt *s = begin(db, EACH);
	struct directory_entry entry;
	int code;
	while ((code = sqlite3_step(s)) == SQLITE_ROW) {
		read_entry(s, &entry);
		fn(arg, &entry);
	}
	(void)sqlite3_reset(s);
	return result_of(code);
}
