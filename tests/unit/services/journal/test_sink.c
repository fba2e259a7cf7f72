/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "folder.h"
#include "services/journal/sink.h"

static void put(struct sink *s, const char *line, int64_t now_ms)
{
	sink_add(s, str_of(line));
	sink_flush(s, now_ms);
}

static void test_append(void **state)
{
	struct sink s;
	(void)state;
	sink_init(&s);
	put(&s, "nowhere\n", 0); /* no target: nothing is kept */
	assert_int_equal(s.pending.len, 0);
	folder_write("log", STR("old\ntorn"));
	assert_true(sink_target(&s, str_of(folder_path("log")), 0));
	put(&s, "a\n", 0);
	sink_add(&s, STR("b\n"));
	sink_add(&s, STR("c\n"));
	assert_false(folder_has("log", "b\n"));
	sink_flush(&s, 1);
	assert_true(str_eq(folder_read("log"), STR("old\ntorn\na\nb\nc\n")));
	assert_true(sink_target(&s, str_of(folder_path("next")), 2));
	put(&s, "d\n", 2);
	assert_true(str_eq(folder_read("next"), STR("d\n")));
	assert_int_equal(s.opened, 2);
	char longest[LOGFILE_PATH_MAX + 1];
	memset(longest, 'x', sizeof longest);
	assert_false(sink_target(&s, (struct str){ longest, sizeof longest }, 2));
	sink_free(&s);
}

/* Renamed or removed: noticed within a second. */
static void test_rotation(void **state)
{
	struct sink s;
	(void)state;
	sink_init(&s);
	(void)sink_target(&s, str_of(folder_path("log")), 0);
	put(&s, "1\n", 0);
	assert_int_equal(rename(folder_path("log"), folder_path("log.1")), 0);
	put(&s, "2\n", 10);
	assert_true(str_eq(folder_read("log.1"), STR("1\n2\n")));
	put(&s, "3\n", SINK_CHECK_MS);
	assert_true(str_eq(folder_read("log"), STR("3\n")));
	assert_int_equal(unlink(folder_path("log")), 0);
	put(&s, "4\n", 2 * SINK_CHECK_MS);
	assert_true(str_eq(folder_read("log"), STR("4\n")));
	assert_int_equal(s.opened, 3);
	sink_free(&s);
}

/* Renamed, and a new one cannot be made: what is open is better than nothing. */
static void test_rotation_stuck(void **state)
{
	struct sink s;
	(void)state;
	sink_init(&s);
	(void)sink_target(&s, str_of(folder_path("log")), 0);
	put(&s, "1\n", 0);
	assert_int_equal(rename(folder_path("log"), folder_path("log.1")), 0);
	assert_int_equal(symlink("/nonexistent/log", folder_path("log")), 0);
	put(&s, "2\n", SINK_CHECK_MS);
	assert_int_equal(s.stuck, ENOENT);
	assert_int_equal(s.error, 0);
	assert_true(str_eq(folder_read("log.1"), STR("1\n2\n")));
	assert_int_equal(unlink(folder_path("log")), 0);
	put(&s, "3\n", 2 * SINK_CHECK_MS);
	assert_int_equal(s.stuck, 0);
	assert_true(str_eq(folder_read("log"), STR("3\n")));
	sink_free(&s);
}

static void test_full_disk(void **state)
{
	struct sink s;
	(void)state;
	sink_init(&s);
	(void)sink_target(&s, STR("/dev/full"), 0);
	put(&s, "a\n", 0);
	assert_int_equal(s.error, ENOSPC);
	assert_int_equal(s.pending.len, 2);
	put(&s, "b\n", SINK_RETRY_MS - 1); /* not tried again so soon */
	assert_int_equal(s.tried_ms, 0);
	sink_flush(&s, SINK_RETRY_MS);
	assert_int_equal(s.tried_ms, SINK_RETRY_MS);
	static char line[64 * 1024];
	memset(line, 'x', sizeof line);
	line[sizeof line - 1] = '\n';
	for (unsigned i = 0; i < SINK_PENDING_MAX / sizeof line; i++)
		sink_add(&s, (struct str){ line, sizeof line });
	assert_int_equal(s.lost, 1); /* four octets were there already */
	assert_true(s.pending.len <= SINK_PENDING_MAX);
	sink_add(&s, STR("c\n")); /* a short one still fits */
	assert_int_equal(s.lost, 1);
	/* Room again: all that was kept is written, whole lines only. */
	(void)str_to_cstr(str_of(folder_path("log")), s.path, sizeof s.path);
	(void)close(s.fd);
	s.fd = -1;
	sink_flush(&s, 10 * SINK_RETRY_MS);
	assert_int_equal(s.error, 0);
	assert_int_equal(folder_lines("log"), 3 + SINK_PENDING_MAX / sizeof line - 1);
	sink_free(&s);
}

/* The process's limit of file size cuts a write in two; the rest follows later. */
static void test_file_limit(void **state)
{
	struct rlimit before, small;
	struct sink s;
	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 6;
	sink_init(&s);
	(void)sink_target(&s, str_of(folder_path("log")), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	put(&s, "1234\n5678\n", 0);
	int error = s.error;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(error, EFBIG);
	assert_true(str_eq(folder_read("log"), STR("1234\n5")));
	put(&s, "9\n", SINK_RETRY_MS);
	assert_true(str_eq(folder_read("log"), STR("1234\n5678\n9\n")));
	assert_int_equal(s.lost, 0);
	sink_free(&s);
}

static void test_no_folder(void **state)
{
	struct sink s;
	(void)state;
	sink_init(&s);
	(void)sink_target(&s, STR("/nonexistent/folder/log"), 0);
	assert_int_equal(sink_open(&s), -ENOENT);
	put(&s, "a\n", 0);
	assert_int_equal(s.error, ENOENT);
	assert_int_equal(s.pending.len, 2);
	sink_free(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_make, folder_remove)
		TEST(test_append),    TEST(test_rotation),   TEST(test_rotation_stuck),
		TEST(test_full_disk), TEST(test_file_limit), TEST(test_no_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
