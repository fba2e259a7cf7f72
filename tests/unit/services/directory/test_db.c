/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "services/directory/db.h"

struct db_test {
	char root[64], path[128];
	int folder;
	struct directory_db *db;
};

static int removed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static enum directory_result open_db(struct db_test *t, const char *name)
{
	char memory[256];
	struct buf why;
	buf_init_fixed(&why, memory, sizeof memory);
	enum directory_result result =
		directory_db_open(&t->db, t->folder, str_of(name), 100, &why);
	assert_int_equal(result == DIRECTORY_OK, t->db != NULL);
	assert_int_equal(result == DIRECTORY_OK, why.len == 0);
	return result;
}

static int setup_empty(void **state)
{
	struct db_test *t = calloc(1, sizeof *t);
	(void)snprintf(t->root, sizeof t->root, "/tmp/ims-directory-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	(void)snprintf(t->path, sizeof t->path, "%s/users.db", t->root);
	t->folder = directory_db_folder(str_of(t->path), false, 0, 0);
	assert_true(t->folder >= 0);
	*state = t;
	return 0;
}

static int setup(void **state)
{
	assert_int_equal(setup_empty(state), 0);
	struct db_test *t = *state;
	assert_int_equal(
		directory_db_prepare(t->folder, STR("users.db"), geteuid(), getegid()),
		0);
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_OK);
	return 0;
}

static int teardown(void **state)
{
	struct db_test *t = *state;
	directory_db_close(t->db);
	(void)close(t->folder);
	(void)nftw(t->root, removed, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

/* Another program's connection. */
static void sql(const struct db_test *t, const char *text)
{
	sqlite3 *other = NULL;
	char *error = NULL;
	assert_int_equal(sqlite3_open(t->path, &other), SQLITE_OK);
	if (sqlite3_exec(other, text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void makes_private_files(void **state)
{
	struct db_test *t = *state;
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct stat st;
	char path[160];
	for (size_t i = 0; i < 3; i++) {
		(void)snprintf(path, sizeof path, "%s%s", t->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
		assert_int_equal(st.st_uid, geteuid());
	}
	/* They stay when the last one closes, and making them again changes nothing. */
	assert_int_equal(
		directory_db_add(t->db, STR("joe@a.example"), STR("h"), NULL, 1), 0);
	directory_db_close(t->db);
	t->db = NULL;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(directory_db_prepare(t->folder, STR("users.db"), 1, 1), 0);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_equal(st.st_uid, geteuid());
	struct directory_entry e;
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_OK);
	assert_int_equal(directory_db_lookup(t->db, STR("joe@a.example"), &e),
			 DIRECTORY_OK);
}

static const struct {
	const char *ask;
	enum directory_result want;
	const char *address;
} lookups[] = {
	{ "joe@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "JOE@A.EXAMPLE", DIRECTORY_OK, "Joe@a.example" },
	{ "joe+lists@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "joe+a+b@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "joe+@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "ann+own@a.example", DIRECTORY_OK, "ann+own@a.example" },
	{ "ann+other@a.example", DIRECTORY_OK, "ann@a.example" },
	{ "postmaster@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "Postmaster+x@a.example", DIRECTORY_OK, "Joe@a.example" },
	{ "j\xc3\xb6rg@a.example", DIRECTORY_OK, "j\xc3\xb6rg@a.example" },
	{ "j\xc3\x96rg@a.example", DIRECTORY_NONE, "" }, /* ASCII case only */
	{ "joe@b.example", DIRECTORY_NONE, "" },
	{ "joe", DIRECTORY_NONE, "" },
	{ "", DIRECTORY_NONE, "" },
	{ "@a.example", DIRECTORY_NONE, "" },
	{ "+joe@a.example", DIRECTORY_NONE, "" },
	{ "\"joe+x\"@a.example", DIRECTORY_NONE, "" },
	{ "gone@a.example", DIRECTORY_NONE, "" },
	{ "gone+x@a.example", DIRECTORY_NONE, "" },
	{ "ann+shut@a.example", DIRECTORY_NONE, "" }, /* disabled: no way around it */
	{ "to-gone@a.example", DIRECTORY_NONE, "" },
	{ "joe@a.example' OR '1'='1", DIRECTORY_NONE, "" },
	{ "%@a.example", DIRECTORY_NONE, "" },
	{ "joe@a.example\n", DIRECTORY_NONE, "" },
};

static void looks_up(void **state)
{
	struct db_test *t = *state;
	sql(t, "INSERT INTO user (address, home, created, disabled) VALUES"
	       " ('Joe@a.example', 'mx1.example', 1, 0), ('ann@a.example', "
	       "'mx2.example', 2, 0),"
	       " ('ann+own@a.example', 'mx2.example', 3, 0),"
	       " ('ann+shut@a.example', 'mx2.example', 3, 1),"
	       " ('gone@a.example', 'mx1.example', 4, 1),"
	       " ('j\xc3\xb6rg@a.example', 'mx1.example', 5, 0);"
	       "INSERT INTO alias VALUES ('postmaster@a.example', 'joe@a.example'),"
	       " ('to-gone@a.example', 'gone@a.example')");
	for (size_t i = 0; i < sizeof lookups / sizeof *lookups; i++) {
		struct directory_entry e;
		enum directory_result got =
			directory_db_lookup(t->db, str_of(lookups[i].ask), &e);
		if (got != lookups[i].want) fail_msg("row %zu: %d", i, (int)got);
		if (got == DIRECTORY_OK && !str_eq(e.address, str_of(lookups[i].address)))
			fail_msg("row %zu: %.*s", i, STR_ARG(e.address));
		if (got == DIRECTORY_OK) assert_true(str_starts(e.home, STR("mx")));
	}
	/* A NUL does not end the comparison early. */
	struct directory_entry e;
	assert_int_equal(directory_db_lookup(t->db, STR("joe@a.example\0x"), &e),
			 DIRECTORY_NONE);
	char address[DIRECTORY_ADDRESS_MAX + 1];
	memset(address, 'a', sizeof address);
	assert_int_equal(
		directory_db_lookup(t->db, (struct str){ address, sizeof address }, &e),
		DIRECTORY_NONE);
}

static void collect(void *arg, const struct directory_entry *e)
{
	struct buf *out = arg;
	buf_fmt(out, "%.*s %.*s %lld %d %d;", STR_ARG(e->address), STR_ARG(e->home),
		(long long)e->created_s, e->disabled, e->has_password);
}

static void administers(void **state)
{
	struct db_test *t = *state;
	assert_int_equal(
		directory_db_add(t->db, STR("joe@a.example"), STR("mx"), &(struct directory_secrets){ .verifier = STR("$y$") }, 7),
		DIRECTORY_OK);
	assert_int_equal(
		directory_db_add(t->db, STR("JOE@a.example"), STR(""), NULL, 8),
		DIRECTORY_EXISTS);
	sql(t, "INSERT INTO alias VALUES ('info@a.example', 'joe@a.example')");
	assert_int_equal(
		directory_db_add(t->db, STR("Info@a.example"), STR(""), NULL, 8),
		DIRECTORY_EXISTS);
	assert_int_equal(
		directory_db_add(t->db, STR("ann@a.example"), STR(""), NULL, 9),
		DIRECTORY_OK);
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(directory_db_each(t->db, collect, &out), DIRECTORY_OK);
	assert_true(str_eq(buf_view(&out),
			   STR("ann@a.example  9 0 0;joe@a.example mx 7 0 1;")));
	assert_int_equal(
		directory_db_set_secrets(t->db, STR("Ann@A.example"),
			&(struct directory_secrets){ .verifier = STR("$y$2") }),
		DIRECTORY_OK);
	assert_int_equal(
		directory_db_set_secrets(t->db, STR("nobody@a.example"), NULL),
		DIRECTORY_NONE);
	assert_int_equal(directory_db_set_secrets(t->db, STR("joe@a.example"), NULL),
			 DIRECTORY_OK);
	buf_reset(&out);
	assert_int_equal(directory_db_each(t->db, collect, &out), DIRECTORY_OK);
	assert_true(str_eq(buf_view(&out),
			   STR("ann@a.example  9 0 1;joe@a.example mx 7 0 0;")));
	assert_int_equal(directory_db_remove(t->db, STR("JOE@a.example")), DIRECTORY_OK);
	assert_int_equal(directory_db_remove(t->db, STR("joe@a.example")),
			 DIRECTORY_NONE);
	assert_int_equal(directory_db_remove(t->db, STR("")), DIRECTORY_NONE);
	struct directory_entry e;
	assert_int_equal(directory_db_lookup(t->db, STR("info@a.example"), &e),
			 DIRECTORY_NONE);
	buf_free(&out);
}

static void write_file(const char *path, const char *text, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, text, len), (ssize_t)len);
	(void)close(fd);
}

static void tells_broken_files(void **state)
{
	struct db_test *t = *state;
	static const char junk[4096] = "this is not a database";
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_MISSING);
	assert_int_equal(open_db(t, "."), DIRECTORY_BROKEN);
	assert_int_equal(open_db(t, ""), DIRECTORY_MISSING);
	static char longest[DIRECTORY_PATH_MAX + 1];
	memset(longest, 'a', sizeof longest - 1);
	assert_int_equal(open_db(t, longest), DIRECTORY_FAILED);
	assert_int_equal(directory_db_prepare(t->folder, str_of(longest), 0, 0),
			 -ENAMETOOLONG);
	assert_int_equal(directory_db_prepare(t->folder, STR(""), 0, 0), -EISDIR);
	assert_int_equal(directory_db_prepare(t->folder, STR("no/x"), 0, 0), -ENOENT);
	assert_int_equal(directory_db_folder(STR("/dev/null/x"), true, 0, 0), -ENOTDIR);
	assert_int_equal(directory_db_folder(STR("/nowhere/at/all"), true, 0, 0),
			 -ENOENT);
	assert_int_equal(directory_db_folder(STR("relative"), true, 0, 0), -EINVAL);
	assert_int_equal(directory_db_folder(str_of(longest), true, 0, 0), -EINVAL);
	write_file(t->path, junk, sizeof junk);
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_BROKEN);
	/* Somebody else's database, and one of a later version. */
	assert_int_equal(unlink(t->path), 0);
	sql(t, "CREATE TABLE user (x)");
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_BROKEN);
	assert_int_equal(unlink(t->path), 0);
	sql(t, "PRAGMA user_version = 3");
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_BROKEN);
	assert_int_equal(unlink(t->path), 0);
	sql(t, "PRAGMA user_version = 2");
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_BROKEN);
}

/* A database of the first release keeps its users, and learns what is new. */
static void migrates(void **state)
{
	struct db_test *t = *state;
	struct directory_login login;
	struct directory_entry e;
	char secret[DIRECTORY_SECRET], again[DIRECTORY_SECRET];
	const struct directory_secrets more = { STR("$y$2"), STR("SCRAM") };
	sql(t, "CREATE TABLE user (address TEXT PRIMARY KEY COLLATE NOCASE NOT NULL,"
	       " home TEXT NOT NULL, verifier TEXT, created INTEGER NOT NULL,"
	       " disabled INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;"
	       "CREATE TABLE alias (alias TEXT PRIMARY KEY COLLATE NOCASE NOT NULL,"
	       " address TEXT NOT NULL COLLATE NOCASE REFERENCES user (address)"
	       " ON UPDATE CASCADE ON DELETE CASCADE) WITHOUT ROWID;"
	       "INSERT INTO user VALUES ('Joe@a.example', 'mx', '$y$1', 7, 0);"
	       "INSERT INTO alias VALUES ('info@a.example', 'joe@a.example');"
	       "PRAGMA user_version = 1");
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_OK);
	assert_int_equal(directory_db_lookup(t->db, STR("info@a.example"), &e), DIRECTORY_OK);
	assert_true(e.created_s == 7 && e.has_password);
	assert_int_equal(directory_db_login(t->db, STR("joe@a.example"), &login), DIRECTORY_OK);
	assert_true(str_eq(login.verifier, STR("$y$1")) && login.scram.len == 0);
	assert_int_equal(directory_db_set_secrets(t->db, STR("joe@a.example"), &more),
			 DIRECTORY_OK);
	assert_int_equal(directory_db_secret(t->db, secret), DIRECTORY_OK);
	directory_db_close(t->db);
	t->db = NULL;
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_OK);
	assert_int_equal(directory_db_secret(t->db, again), DIRECTORY_OK);
	assert_memory_equal(secret, again, sizeof secret);
	assert_int_equal(directory_db_login(t->db, STR("JOE@a.example"), &login), DIRECTORY_OK);
	assert_true(str_eq(login.address, STR("Joe@a.example")));
	assert_true(str_eq(login.verifier, STR("$y$2")) && str_eq(login.scram, STR("SCRAM")));
}

/* Who logs in: users by their own address alone. */
static void logs_in(void **state)
{
	struct db_test *t = *state;
	struct directory_login login;
	static const struct { const char *name; enum directory_result want; } rows[] = {
		{ "joe@a.example", DIRECTORY_OK },      { "JOE@A.example", DIRECTORY_OK },
		{ "joe+x@a.example", DIRECTORY_NONE },  { "info@a.example", DIRECTORY_NONE },
		{ "off@a.example", DIRECTORY_NONE },    { "joe", DIRECTORY_NONE },
		{ "none@a.example", DIRECTORY_OK },     { "", DIRECTORY_NONE },
		{ "joe@a.example\n", DIRECTORY_NONE },
	};
	const struct directory_secrets secrets = { STR("$y$"), STR("S") };
	assert_int_equal(directory_db_add(t->db, STR("joe@a.example"), STR("mx"), &secrets, 1),
			 DIRECTORY_OK);
	assert_int_equal(directory_db_add(t->db, STR("off@a.example"), STR("mx"), &secrets, 1),
			 DIRECTORY_OK);
	assert_int_equal(directory_db_add(t->db, STR("none@a.example"), STR("mx"), NULL, 1),
			 DIRECTORY_OK);
	sql(t, "UPDATE user SET disabled = 1 WHERE address = 'off@a.example';"
	       "INSERT INTO alias VALUES ('info@a.example', 'joe@a.example')");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (directory_db_login(t->db, str_of(rows[i].name), &login) != rows[i].want)
			fail_msg("row %zu", i);
	assert_int_equal(directory_db_login(t->db, STR("none@a.example"), &login),
			 DIRECTORY_OK);
	assert_true(login.verifier.len == 0 && login.scram.len == 0);
	char secret[DIRECTORY_SECRET];
	sql(t, "UPDATE secret SET octets = 'short'");
	assert_int_equal(directory_db_secret(t->db, secret), DIRECTORY_BROKEN);
	sql(t, "DELETE FROM secret");
	assert_int_equal(directory_db_secret(t->db, secret), DIRECTORY_BROKEN);
	char longer[1200];
	struct buf text;
	buf_init_fixed(&text, longer, sizeof longer);
	buf_str(&text, STR("UPDATE user SET verifier = replace(hex(zeroblob(900)), '0', 'x')"));
	buf_byte(&text, '\0');
	sql(t, longer);
	assert_int_equal(directory_db_login(t->db, STR("joe@a.example"), &login),
			 DIRECTORY_BROKEN);
}

/* Damage that shows only in the middle of a question. */
static void tells_corruption(void **state)
{
	struct db_test *t = *state;
	struct directory_entry e;
	for (int i = 0; i < 200; i++) {
		char address[32];
		(void)snprintf(address, sizeof address, "u%d@a.example", i);
		assert_int_equal(
			directory_db_add(t->db, str_of(address), STR("mx"), NULL, 1),
			0);
	}
	sql(t, "PRAGMA wal_checkpoint(TRUNCATE)");
	directory_db_close(t->db);
	int fd = open(t->path, O_WRONLY | O_CLOEXEC);
	char junk[4096];
	memset(junk, 0x5a, sizeof junk);
	for (off_t page = 1; page < 8; page++)
		assert_int_equal(pwrite(fd, junk, sizeof junk, page * 4096), 4096);
	(void)close(fd);
	assert_int_equal(open_db(t, "users.db"), DIRECTORY_OK);
	assert_int_equal(directory_db_lookup(t->db, STR("u77@a.example"), &e),
			 DIRECTORY_BROKEN);
	assert_true(directory_db_error(t->db).len > 0);
	assert_int_equal(directory_db_each(t->db, collect, NULL), DIRECTORY_BROKEN);
}

static void waits_for_locks(void **state)
{
	struct db_test *t = *state;
	sqlite3 *other = NULL;
	struct directory_entry e;
	assert_int_equal(sqlite3_open(t->path, &other), SQLITE_OK);
	/* A writer keeps no reader out, only other writers, and those for 100 ms. */
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL),
			 SQLITE_OK);
	assert_int_equal(directory_db_lookup(t->db, STR("joe@a.example"), &e),
			 DIRECTORY_NONE);
	struct timespec before, after;
	(void)clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(
		directory_db_add(t->db, STR("joe@a.example"), STR(""), NULL, 1),
		DIRECTORY_BUSY);
	(void)clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < 5);
	assert_true(str_eq(directory_db_error(t->db), STR("database is locked")));
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(
		directory_db_add(t->db, STR("joe@a.example"), STR(""), NULL, 1),
		DIRECTORY_OK);
	/* And a reader sees what another program wrote a moment ago. */
	sql(t, "INSERT INTO user VALUES ('new@a.example', '', NULL, 1, 0, NULL)");
	assert_int_equal(directory_db_lookup(t->db, STR("new@a.example"), &e),
			 DIRECTORY_OK);
}

static void notices_replacement(void **state)
{
	struct db_test *t = *state;
	char aside[160];
	assert_false(directory_db_is_replaced(t->db));
	(void)snprintf(aside, sizeof aside, "%s.aside", t->path);
	assert_int_equal(rename(t->path, aside), 0);
	assert_true(directory_db_is_replaced(t->db));
	write_file(t->path, "", 0);
	assert_true(directory_db_is_replaced(t->db));
	assert_int_equal(unlink(t->path), 0);
	assert_int_equal(rename(aside, t->path), 0);
	assert_false(directory_db_is_replaced(t->db));
}

/* The folder's parents are closed to the owner of the database, and the folder cannot be
 * written to: the descriptor is enough. */
static int from_inside(struct db_test *t)
{
	struct directory_entry e;
	if (setgid(65534) != 0 || setuid(65534) != 0) return 100;
	if (access(t->path, F_OK) == 0) return 101;
	if (open_db(t, "users.db") != DIRECTORY_OK) return 102;
	if (directory_db_add(t->db, STR("joe@a.example"), STR("h"), NULL, 1) !=
	    DIRECTORY_OK)
		return 103;
	if (directory_db_lookup(t->db, STR("joe@a.example"), &e) != DIRECTORY_OK)
		return 104;
	if (directory_db_is_replaced(t->db)) return 105;
	directory_db_close(t->db);
	if (open_db(t, "users.db") != DIRECTORY_OK) return 106;
	return directory_db_lookup(t->db, STR("joe@a.example"), &e) == DIRECTORY_OK ? 0
										    : 107;
}

static void works_from_inside(void **state)
{
	struct db_test *t = *state;
	if (geteuid() != 0) skip();
	(void)snprintf(t->path, sizeof t->path, "%s/state/users.db", t->root);
	assert_int_equal(mkdir(t->root, 0700), -1);
	(void)close(t->folder);
	t->folder = directory_db_folder(str_of(t->path), true, 65534, 65534);
	assert_true(t->folder >= 0);
	struct stat st;
	assert_int_equal(fstatat(t->folder, ".", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_int_equal(st.st_uid, 65534);
	char folder[80];
	(void)snprintf(folder, sizeof folder, "%s/state", t->root);
	assert_int_equal(chown(folder, 0, 0), 0);
	assert_int_equal(chmod(folder, 0755), 0);
	assert_int_equal(directory_db_prepare(t->folder, STR("users.db"), 65534, 65534),
			 0);
	pid_t pid = fork();
	if (pid == 0) _exit(from_inside(t));
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int denied(struct db_test *t)
{
	if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 100;
	return (int)open_db(t, "users.db");
}

static void tells_missing_rights(void **state)
{
	struct db_test *t = *state;
	assert_int_equal(chmod(t->root, 0755), 0);
	write_file(t->path, "", 0);
	assert_int_equal(chmod(t->path, 0400), 0);
	pid_t pid = fork();
	if (pid == 0) _exit(denied(t));
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), DIRECTORY_DENIED);
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define EMPTY(f) cmocka_unit_test_setup_teardown(f, setup_empty, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(makes_private_files), TEST(looks_up),
		TEST(administers),         EMPTY(migrates), TEST(logs_in), EMPTY(tells_broken_files),
		TEST(tells_corruption),    TEST(waits_for_locks),
		TEST(notices_replacement), EMPTY(tells_missing_rights),
		EMPTY(works_from_inside),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
