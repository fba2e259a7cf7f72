/* SPDX-License-Identifier: Apache-2.0 */
/* imsctl user, called as the tool calls it: words in, status and output out. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "ctl/password.h"
#include "ctl/user.h"
#include "lib/sasl/scram.h"
#include "services/directory/db.h"

enum { WORDS_MAX = 12 };

struct user_test {
	char root[64], path[128];
	struct conf conf;
	struct conf_directory directories[2];
	struct conf_domain domain;
	struct str names[1];
	char out[16384], err[4096];
};

static int removed(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static int setup(void **state)
{
	struct user_test *t = calloc(1, sizeof *t);
	(void)snprintf(t->root, sizeof t->root, "/tmp/ims-user-XXXXXX");
	assert_non_null(mkdtemp(t->root));
	assert_int_equal(chmod(t->root, 0755), 0);
	(void)snprintf(t->path, sizeof t->path, "%s/users.db", t->root);
	t->directories[0].name = STR("staff");
	t->directories[0].sqlite = str_of(t->path);
	t->directories[1].name = STR("other");
	t->names[0] = STR("a.example");
	t->domain.names = t->names;
	t->domain.name_count = 1;
	t->conf.hostname = STR("mx.a.example");
	t->conf.directories = t->directories;
	t->conf.directory_count = 2;
	t->conf.domains = &t->domain;
	t->conf.domain_count = 1;
	t->conf.auth.mechanisms = CONF_FLAG(AUTH_PLAIN) | CONF_FLAG(AUTH_SCRAM_SHA_256);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	struct user_test *t = *state;
	(void)nftw(t->root, removed, 16, FTW_DEPTH | FTW_PHYS);
	free(t);
	return 0;
}

static void slurp(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

/* Runs the words in a child with `input` as standard input; returns the exit status. */
static int run_as(struct user_test *t, uid_t uid, const char *input, const char *words)
{
	char copy[1024], *argv[WORDS_MAX];
	int argc = 0, in = memfd_create("in", 0), out = memfd_create("out", 0),
	    err = memfd_create("err", 0);
	(void)snprintf(copy, sizeof copy, "%s", words);
	for (char *w = strtok(copy, " "); w && argc < WORDS_MAX; w = strtok(NULL, " "))
		argv[argc++] = w;
	assert_true(write(in, input, str_of(input).len) >= 0 &&
		    lseek(in, 0, SEEK_SET) == 0);
	pid_t pid = fork();
	if (pid == 0) {
		(void)dup2(in, 0), (void)dup2(out, 1), (void)dup2(err, 2);
		if (uid != geteuid() && (setgid(uid) != 0 || setuid(uid) != 0)) _exit(99);
		int status = ctl_user(&t->conf, false, false, argc, argv);
		(void)fflush(NULL);
		_exit(status);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(in);
	slurp(out, t->out, sizeof t->out);
	slurp(err, t->err, sizeof t->err);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int run(struct user_test *t, const char *input, const char *words)
{
	return run_as(t, geteuid(), input, words);
}

/* In order, on one database. */
static const struct {
	const char *words, *input;
	int status;
	const char *out, *err; /* must occur */
} steps[] = {
	{ "list", "", 0, "", "no database yet" },
	{ "del joe@a.example", "", EX_NOUSER, "", "No such file" },
	{ "passwd joe@a.example", "x", EX_NOUSER, "", "No such file" },
	{ "add joe@a.example", "", 0, "added joe@a.example\n", "" },
	{ "add JOE@A.example", "", EX_CANTCREAT, "", "already: JOE@A.example" },
	{ "add \"joe\"@a.example", "", EX_CANTCREAT, "", "already: joe@a.example" },
	{ "add --password-stdin ann@a.example --home=mx2.a.example", "s3cret\n", 0,
	  "added", "" },
	{ "add eve@b.example --home mx3.a.example --directory staff", "", 0, "added",
	  "no domain block for: b.example" },
	{ "list --json", "", 0,
	  "{\"address\":\"ann@a.example\",\"home\":\"mx2.a.example\",\"created\":\"20",
	  "" },
	{ "list --json", "", 0,
	  "\"password\":true,\"disabled\":false}\n{\"address\":\"eve@b", "" },
	{ "list --json", "", 0, "\"home\":\"mx.a.example\"", "" },
	{ "list", "", 0, "ann@a.example", "" },
	{ "list", "", 0, "no-password", "" },
	{ "passwd Ann@a.example", "other\n", 0, "new password for Ann@a.example", "" },
	{ "passwd nobody@a.example", "other\n", EX_NOUSER, "",
	  "no such user: nobody@a.example" },
	{ "passwd ann@a.example", "\n", EX_DATAERR, "", "password is empty" },
	{ "add new@a.example --password-stdin", "", EX_DATAERR, "", "password is empty" },
	{ "del new@a.example", "", EX_NOUSER, "", "no such user" },
	{ "del eve@b.example --yes", "", 0, "removed eve@b.example", "" },
	{ "del joe@a.example", "", 0, "removed", "" },
	/* What is no good. */
	{ "add joe", "", EX_DATAERR, "", "not an address: joe" },
	{ "add joe@", "", EX_DATAERR, "", "not an address" },
	{ "add @a.example", "", EX_DATAERR, "", "not an address" },
	{ "add <joe@a.example>", "", EX_DATAERR, "", "not an address" },
	{ "add joe@a..example", "", EX_DATAERR, "", "not an address" },
	{ "add @x:joe@a.example", "", EX_DATAERR, "", "not an address" },
	{ "add joe@a.example>x", "", EX_DATAERR, "", "not an address" },
	{ "add postmaster", "", EX_DATAERR, "", "not an address" },
	{ "add j\x1b[2J@a.example", "", EX_DATAERR, "", "not an address: j\\x1b[2J@" },
	{ "add joe@a.example --home a..b", "", EX_DATAERR, "",
	  "not the name of a server" },
	{ "add joe@a.example --directory nope", "", EX_CONFIG, "", "of this name" },
	{ "add joe@a.example --directory other", "", EX_CONFIG, "", "of this name" },
	{ "", "", EX_USAGE, "", "usage:" },
	{ "add", "", EX_USAGE, "", "usage:" },
	{ "add a@b c@d", "", EX_USAGE, "", "usage:" },
	{ "add a@b --json", "", EX_USAGE, "", "usage:" },
	{ "add a@b --home", "", EX_USAGE, "", "usage:" },
	{ "add a@b --home=", "", EX_USAGE, "", "usage:" },
	{ "add a@b --password-stdin=x", "", EX_USAGE, "", "usage:" },
	{ "add a@b --password x", "", EX_USAGE, "", "usage:" },
	{ "list a@b", "", EX_USAGE, "", "usage:" },
	{ "del", "", EX_USAGE, "", "usage:" },
	{ "rename a@b", "", EX_USAGE, "", "usage:" },
};

static void takes_steps(void **state)
{
	struct user_test *t = *state;
	for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
		int status = run(t, steps[i].input, steps[i].words);
		if (status != steps[i].status || !strstr(t->out, steps[i].out) ||
		    !strstr(t->err, steps[i].err) ||
		    (steps[i].err[0] == '\0' && t->err[0]))
			fail_msg("row %zu: %d\n%s%s", i, status, t->out, t->err);
		if (strstr(t->out, "s3cret") || strstr(t->err, "s3cret"))
			fail_msg("row %zu", i);
	}
}

static void keeps_hash_only(void **state)
{
	struct user_test *t = *state;
	sqlite3 *sql = NULL;
	sqlite3_stmt *s = NULL;
	assert_int_equal(run(t, "s3cret\n", "add ann@a.example --password-stdin"), 0);
	assert_int_equal(sqlite3_open(t->path, &sql), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(sql, "SELECT verifier, scram FROM user", -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	struct str hash = str_of((const char *)sqlite3_column_text(s, 0));
	assert_true(str_starts(hash, STR("$y$")));
	assert_true(password_matches(STR("s3cret"), hash));
	struct scram_keys keys;
	struct str scram = str_of((const char *)sqlite3_column_text(s, 1));
	assert_true(scram_find(scram, STR("SCRAM-SHA-256"), &keys));
	assert_false(scram_find(scram, STR("SCRAM-SHA-1"), &keys));
	assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
	assert_int_equal(sqlite3_close(sql), SQLITE_OK);
}

/* SCRAM-SHA-1 only where the configuration asks for it; none for what is no text. */
static void derives_what_is_offered(void **state)
{
	struct user_test *t = *state;
	struct directory_db *db = NULL;
	struct directory_login login;
	struct scram_keys keys;
	struct buf why;
	buf_init(&why, 256);
	t->conf.auth.mechanisms |= CONF_FLAG(AUTH_SCRAM_SHA_1);
	assert_int_equal(run(t, "s3cret\n", "add both@a.example --password-stdin"), 0);
	assert_int_equal(run(t, "s3\xff\n", "add odd@a.example --password-stdin"), 0);
	assert_non_null(strstr(t->err, "cannot be used with SCRAM"));
	t->conf.auth.mechanisms = CONF_FLAG(AUTH_PLAIN);
	assert_int_equal(run(t, "s3cret\n", "add plain@a.example --password-stdin"), 0);
	int folder = directory_db_folder(str_of(t->path), false, 0, 0);
	assert_int_equal(directory_db_open(&db, folder, STR("users.db"), 100, &why),
			 DIRECTORY_OK);
	assert_int_equal(directory_db_login(db, STR("both@a.example"), &login), DIRECTORY_OK);
	assert_true(scram_find(login.scram, STR("SCRAM-SHA-256-PLUS"), &keys));
	assert_true(scram_find(login.scram, STR("SCRAM-SHA-1"), &keys));
	assert_int_equal(directory_db_login(db, STR("odd@a.example"), &login), DIRECTORY_OK);
	assert_true(login.scram.len == 0 && login.verifier.len > 0);
	assert_int_equal(directory_db_login(db, STR("plain@a.example"), &login), DIRECTORY_OK);
	assert_true(login.scram.len == 0 && login.verifier.len > 0);
	directory_db_close(db);
	(void)close(folder);
	buf_free(&why);
}

static void wants_one_directory(void **state)
{
	struct user_test *t = *state;
	t->directories[1].sqlite = t->directories[0].sqlite;
	assert_int_equal(run(t, "", "list"), EX_CONFIG);
	assert_non_null(strstr(t->err, "--directory NAME"));
	assert_int_equal(run(t, "", "add joe@a.example --directory other"), 0);
	t->conf.directory_count = 0;
	assert_int_equal(run(t, "", "list"), EX_CONFIG);
	assert_non_null(strstr(t->err, "sqlite PATH"));
}

static void tells_trouble(void **state)
{
	struct user_test *t = *state;
	static const char junk[4096] = "this is not a database";
	int fd = open(t->path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, junk, sizeof junk), sizeof junk);
	(void)close(fd);
	assert_int_equal(run(t, "", "list"), EX_DATAERR);
	assert_int_equal(run(t, "", "add joe@a.example"), EX_DATAERR);
	t->directories[0].sqlite = STR("/dev/null/users.db");
	assert_int_equal(run(t, "", "add joe@a.example"), EX_CANTCREAT);
	assert_non_null(strstr(t->err, "Not a directory"));
}

/* A service that reads and one that writes for a moment do not disturb. */
static void works_beside_service(void **state)
{
	struct user_test *t = *state;
	struct directory_db *db = NULL;
	struct buf why;
	buf_init(&why, 256);
	assert_int_equal(run(t, "", "add joe@a.example"), 0);
	int folder = directory_db_folder(str_of(t->path), false, 0, 0);
	assert_true(folder >= 0);
	assert_int_equal(directory_db_open(&db, folder, STR("users.db"), 100, &why),
			 DIRECTORY_OK);
	struct directory_entry e;
	assert_int_equal(directory_db_lookup(db, STR("joe@a.example"), &e), DIRECTORY_OK);
	assert_int_equal(run(t, "", "add ann@a.example"), 0);
	assert_int_equal(directory_db_lookup(db, STR("ann@a.example"), &e), DIRECTORY_OK);
	assert_true(str_eq(e.home, STR("mx.a.example")));
	assert_int_equal(run(t, "", "del joe@a.example"), 0);
	assert_int_equal(directory_db_lookup(db, STR("joe@a.example"), &e),
			 DIRECTORY_NONE);
	directory_db_close(db);
	(void)close(folder);
	buf_free(&why);
}

/* Root makes and changes the database of another user; nothing of it becomes root's. */
static void leaves_files_to_owner(void **state)
{
	struct user_test *t = *state;
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	struct stat st;
	if (geteuid() != 0) skip();
	assert_int_equal(run(t, "", "add joe@a.example"), 0);
	assert_int_equal(stat(t->path, &st), 0);
	assert_int_not_equal(st.st_uid, 0);
	uid_t owner = st.st_uid;
	for (size_t i = 0; i < 3; i++) {
		char path[160];
		(void)snprintf(path, sizeof path, "%s%s", t->path, suffixes[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_uid, owner);
		assert_int_equal(st.st_mode, S_IFREG | 0600);
	}
	/* The owner cannot write to the folder and works all the same; a stranger does
	 * not. */
	assert_int_equal(run_as(t, owner, "", "add ann@a.example"), 0);
	assert_int_equal(run_as(t, owner, "", "list"), 0);
	assert_non_null(strstr(t->out, "joe@a.example"));
	assert_int_equal(run_as(t, 12345, "", "list"), EX_NOPERM);
	assert_int_equal(run_as(t, 12345, "", "add eve@a.example"), EX_NOPERM);
	assert_int_equal(run(t, "", "list"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_steps),          TEST(keeps_hash_only),
		TEST(derives_what_is_offered),
		TEST(wants_one_directory),  TEST(tells_trouble),
		TEST(works_beside_service), TEST(leaves_files_to_owner),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
