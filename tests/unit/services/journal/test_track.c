/* SPDX-License-Identifier: Apache-2.0 */
/* The tracking index: fed from the log, made again when it is gone or damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "services/journal/feed.h"

static struct feed feed;
static int64_t now;
static unsigned rebuilt, troubles;
static int last_error;

static void on_trouble(void *arg, bool anew, struct str path, int error)
{
	(void)arg;
	assert_true(path.len > 0);
	rebuilt += anew;
	troubles += !anew;
	last_error = error;
}

static void place(const char *file)
{
	struct log_place at;
	assert_true(log_place_set(&at, str_of(folder_path("")), str_of(file)));
	feed_place(&feed, &at);
}

static int start(void **state)
{
	now = 0;
	rebuilt = troubles = 0;
	feed_init(&feed, on_trouble, NULL);
	return folder_make(state);
}

static int stop(void **state)
{
	feed_free(&feed);
	return folder_remove(state);
}

static void add_line(const char *name, const char *event, unsigned id, unsigned second)
{
	FILE *file = fopen(folder_path(name), "ab");
	assert_non_null(file);
	fprintf(file,
		"ts=2025-11-22T12:00:%02u.000Z event=%s number=%u severity=info "
		"role=x[0] "
		"id=%016x from=a@b to=c@d\n",
		second % 60, event, event_row(event_by_name(str_of(event)))->number, id);
	(void)fclose(file);
}

static void run(void)
{
	now += FEED_CHECK_MS;
	for (unsigned i = 0; feed_step(&feed, now, 0); i++) assert_true(i < 1000);
}

static int64_t ask(const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_open(folder_path("index.db"), &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t value = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	(void)sqlite3_close(db);
	return value;
}

static int64_t rows(void) { return ask("SELECT count(*) FROM event"); }

static void test_feed(void **state)
{
	(void)state;
	place("");
	run();
	assert_int_equal(rows(), 0);
	add_line("2025-11-21.log", "receive", 1, 0);
	add_line("2025-11-21.log", "connect", 1, 0); /* not asked for by tracking */
	struct stat st;
	assert_int_equal(stat(folder_path("2025-11-21.log"), &st), 0);
	feed.active = st.st_ino;
	folder_write("2025-11-22.log", STR("no event at all\n"));
	feed.rescan = true;
	run();
	assert_int_equal(rows(), 1);
	add_line("2025-11-21.log", "deliver", 1, 1);
	run(); /* goes on where it was, without a new look */
	assert_int_equal(rows(), 2);
	add_line("2025-11-22.log", "receive", 2, 2);
	run();
	assert_int_equal(rows(), 2);
	feed.rescan = true;
	run();
	assert_int_equal(rows(), 3);
	assert_int_equal(ask("SELECT count(*) FROM event WHERE sender IS NOT NULL"), 2);
	assert_int_equal(ask("SELECT count(*) FROM event WHERE recipient = 'C@D'"), 3);
	/* A new start goes on, too, and reads nothing twice. */
	place("");
	add_line("2025-11-22.log", "deliver", 2, 3);
	run();
	assert_int_equal(rows(), 4);
	assert_int_equal(rebuilt + troubles, 0);
}

static void test_half_line(void **state)
{
	(void)state;
	place(folder_path("log"));
	folder_write("log", STR("ts=2025-11-22T12:00:00.000Z event=receive id=1"));
	run();
	assert_int_equal(rows(), 0);
	FILE *file = fopen(folder_path("log"), "ab");
	fputs(" from=a@b\nts=2025-11-22T12:00:00.000Z event=del", file);
	(void)fclose(file);
	run();
	assert_int_equal(rows(), 1);
	file = fopen(folder_path("log"), "ab");
	fputs("iver id=1\n", file);
	(void)fclose(file);
	run();
	assert_int_equal(rows(), 2);
}

static void test_rotation(void **state)
{
	(void)state;
	place(folder_path("log"));
	add_line("log", "receive", 1, 0);
	run();
	assert_int_equal(rows(), 1);
	add_line("log", "deliver", 1, 1); /* written before, read after the rotation */
	assert_int_equal(rename(folder_path("log"), folder_path("log.1")), 0);
	add_line("log", "receive", 2, 2);
	feed.rescan = true;
	run();
	assert_int_equal(rows(), 3);
	/* Cut short in its place, as by copytruncate: it begins anew. */
	folder_write("log", STR(""));
	add_line("log", "hold", 3, 3);
	feed.rescan = true;
	run();
	assert_int_equal(rows(), 4);
	/* Where it was known already, under whatever name, nothing is read twice. */
	assert_int_equal(rename(folder_path("log.1"), folder_path("log.2")), 0);
	place(folder_path("log"));
	run();
	assert_int_equal(rows(), 4);
}

static void test_deleted(void **state)
{
	(void)state;
	place("");
	add_line("2025-11-22.log", "receive", 1, 0);
	run();
	assert_int_equal(rows(), 1);
	assert_int_equal(unlink(folder_path("index.db")), 0);
	add_line("2025-11-22.log", "deliver", 1, 1);
	run();
	assert_int_equal(rows(), 2);
}

static void test_damaged(void **state)
{
	(void)state;
	add_line("2025-11-22.log", "receive", 1, 0);
	folder_write("index.db", STR("this is no database, but it is long enough to be "
				     "looked at: ..............."
				     "..................................................."
				     "....................."));
	place("");
	run();
	assert_int_equal(rebuilt, 1);
	assert_int_equal(rows(), 1);
	/* Of a later release. */
	feed_free(&feed);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(folder_path("index.db"), &db), SQLITE_OK);
	(void)sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	run();
	assert_int_equal(rebuilt, 2);
	assert_int_equal(rows(), 1);
	/* A table is gone while it is open. */
	assert_int_equal(sqlite3_open(folder_path("index.db"), &db), SQLITE_OK);
	(void)sqlite3_exec(db, "DROP TABLE event", NULL, NULL, NULL);
	(void)sqlite3_close(db);
	add_line("2025-11-22.log", "deliver", 1, 1);
	run();
	assert_int_equal(rebuilt, 3);
	assert_int_equal(rows(), 2);
	assert_int_equal(troubles, 0);
}

static void test_cannot_open(void **state)
{
	(void)state;
	assert_int_equal(mkdir(folder_path("index.db"), 0700), 0);
	add_line("2025-11-22.log", "receive", 1, 0);
	place("");
	run();
	run();
	assert_int_equal(troubles, 1); /* said once */
	assert_int_equal(rmdir(folder_path("index.db")), 0);
	now += FEED_RETRY_MS;
	run();
	assert_int_equal(rows(), 1);
}

static void test_purge(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1200; i++)
		add_line("2025-11-22.log", "receive", i + 1, i / 100);
	add_line("2025-11-22.log", "receive", 5000, 30);
	place("");
	run();
	assert_int_equal(rows(), 1201);
	int64_t before = INT64_C(1763812810000); /* 12:00:10 */
	assert_true(feed_purge(&feed, before));
	assert_true(feed_purge(&feed, before));
	assert_false(feed_purge(&feed, before));
	assert_int_equal(rows(), 201);
	assert_int_equal(ask("SELECT count(*) FROM file"), 1);
	/* Events that are too old already do not come back. */
	assert_int_equal(unlink(folder_path("index.db")), 0);
	now += FEED_CHECK_MS;
	while (feed_step(&feed, now, before)) continue;
	assert_int_equal(rows(), 201);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
		TEST(test_feed),    TEST(test_half_line), TEST(test_rotation),
		TEST(test_deleted), TEST(test_damaged),   TEST(test_cannot_open),
		TEST(test_purge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
