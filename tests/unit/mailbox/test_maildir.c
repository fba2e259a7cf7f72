/* SPDX-License-Identifier: Apache-2.0 */
#include "box.h"

#include <errno.h>
#include <time.h>

static int deliver_to(struct box_test *t, struct str path)
{
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	maildir_batch_add(t->batch, t->prefix, path, &letter);
	maildir_batch_commit(t->batch);
	int error = maildir_batch_error(t->batch, 0);
	maildir_batch_clear(t->batch);
	return error;
}

static void delivers_perfectly(void **state)
{
	struct box_test *t = *state;
	assert_int_equal(deliver_to(t, STR("a.example/joe")), 0);
	struct str got = box_content(t, "a.example/joe/new");
	assert_true(str_eq(got,
			   STR("Return-Path: <s@x.example>\nDelivered-To: joe@a.example\n"
			       "Subject: hi\n\nHello\n")));
	assert_int_equal(box_files(t, "a.example/joe/tmp", NULL), 0);
	assert_int_equal(box_files(t, "a.example/joe/cur", NULL), 0);
}

static void makes_private_folders(void **state)
{
	struct box_test *t = *state;
	static const char *const folders[] = { "a", "a/b", "a/b/tmp", "a/b/new",
					       "a/b/cur" };
	assert_int_equal(deliver_to(t, STR("a/b")), 0);
	struct stat st;
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(stat(box_path(t, folders[i]), &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
	char file[600];
	assert_int_equal(box_files(t, "a/b/new", file), 1);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void delivers_into_prefix(void **state)
{
	struct box_test *t = *state;
	assert_int_equal(deliver_to(t, STR("")), 0);
	assert_int_equal(box_files(t, "new", NULL), 1);
}

static void mends_halves(void **state)
{
	struct box_test *t = *state;
	assert_int_equal(mkdir(box_path(t, "a"), 0700), 0);
	assert_int_equal(mkdir(box_path(t, "a/new"), 0700), 0);
	assert_int_equal(deliver_to(t, STR("a")), 0);
	assert_int_equal(deliver_to(t, STR("a")), 0);
	assert_int_equal(rmdir(box_path(t, "a/tmp")), 0);
	assert_int_equal(deliver_to(t, STR("a")), 0);
	assert_int_equal(box_files(t, "a/new", NULL), 3);
	assert_int_equal(box_files(t, "a/cur", NULL), 0);
}

/* 64 letters: to one box, to a box each, and to a mixture; by each way of syncing. */
static void delivers_batches(void **state)
{
	struct box_test *t = *state;
	static const enum maildir_sync ways[] = { MAILDIR_SYNC_BEST, MAILDIR_SYNC_EACH,
						  MAILDIR_SYNC_WHOLE };
	static const unsigned boxes[] = { 1, 64, 5 };
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	for (size_t way = 0; way < 3; way++) {
		maildir_batch_how(t->batch, ways[way]);
		for (size_t m = 0; m < 3; m++) {
			char path[32];
			for (unsigned i = 0; i < MAILDIR_BATCH_MAX; i++) {
				(void)snprintf(path, sizeof path, "%zu%zu/%u", way, m,
					       i % boxes[m]);
				assert_int_equal(maildir_batch_add(t->batch, t->prefix,
								   str_of(path), &letter),
						 i);
			}
			maildir_batch_commit(t->batch);
			assert_int_equal(maildir_batch_count(t->batch),
					 MAILDIR_BATCH_MAX);
			for (size_t i = 0; i < MAILDIR_BATCH_MAX; i++)
				assert_int_equal(maildir_batch_error(t->batch, i), 0);
			maildir_batch_clear(t->batch);
			int files = 0;
			for (unsigned i = 0; i < boxes[m]; i++) {
				(void)snprintf(path, sizeof path, "%zu%zu/%u/new", way, m,
					       i);
				files += box_files(t, path, NULL);
			}
			assert_int_equal(files, MAILDIR_BATCH_MAX);
		}
	}
}

/* One that fails takes no other with it, whatever its place. */
static void failures_stay_alone(void **state)
{
	struct box_test *t = *state;
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	int file = open(box_path(t, "file"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(file);
	for (unsigned i = 0; i < 20; i++)
		maildir_batch_add(t->batch, t->prefix,
				  i % 3 == 0 ? STR("file") : STR("a"), &letter);
	maildir_batch_commit(t->batch);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(maildir_batch_error(t->batch, i),
				 i % 3 == 0 ? -ENOTDIR : 0);
	assert_int_equal(box_files(t, "a/new", NULL), 13);
	assert_int_equal(box_files(t, "a/tmp", NULL), 0);
}

/* A rename that fails (new was taken away) leaves nothing behind. */
static void survives_lost_new(void **state)
{
	struct box_test *t = *state;
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	maildir_batch_add(t->batch, t->prefix, STR("a"), &letter);
	maildir_batch_sync(t->batch);
	assert_int_equal(rmdir(box_path(t, "a/new")), 0);
	maildir_batch_rename(t->batch);
	maildir_batch_settle(t->batch);
	assert_int_equal(maildir_batch_error(t->batch, 0), -ENOENT);
	maildir_batch_clear(t->batch);
	assert_int_equal(box_files(t, "a/tmp", NULL), 0);
	assert_int_equal(deliver_to(t, STR("a")), 0);
}

static void clear_drops_uncommitted(void **state)
{
	struct box_test *t = *state;
	struct str piece = box_body;
	struct letter letter = box_letter(&piece, 1);
	maildir_batch_add(t->batch, t->prefix, STR("a"), &letter);
	assert_int_equal(box_files(t, "a/tmp", NULL), 1);
	maildir_batch_clear(t->batch);
	assert_int_equal(box_files(t, "a/tmp", NULL), 0);
	maildir_batch_add(t->batch, t->prefix, STR("a"), &letter);
	maildir_batch_sync(t->batch);
	maildir_batch_clear(t->batch);
	assert_int_equal(box_files(t, "a/tmp", NULL), 0);
	assert_int_equal(box_files(t, "a/new", NULL), 0);
}

static void make_aged(const char *path, int64_t age_s)
{
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	struct timespec then = { .tv_sec = time(NULL) - age_s };
	const struct timespec times[2] = { then, then };
	assert_int_equal(futimens(fd, times), 0);
	(void)close(fd);
}

static void cleans_leftovers(void **state)
{
	struct box_test *t = *state;
	struct folder f;
	assert_int_equal(folder_open(&f, t->prefix, STR("a")), 0);
	make_aged(box_path(t, "a/tmp/old"), FOLDER_STALE_S + 60);
	make_aged(box_path(t, "a/tmp/young"), FOLDER_STALE_S - 60);
	make_aged(box_path(t, "a/new/mail"), FOLDER_STALE_S + 60);
	assert_int_equal(mkdir(box_path(t, "a/tmp/folder"), 0700), 0);
	assert_int_equal(folder_clean(&f, time(NULL)), 1);
	assert_int_equal(access(box_path(t, "a/tmp/old"), F_OK), -1);
	assert_int_equal(access(box_path(t, "a/tmp/young"), F_OK), 0);
	assert_int_equal(access(box_path(t, "a/new/mail"), F_OK), 0);
	folder_close(&f);
	/* The batch does it by itself. */
	make_aged(box_path(t, "a/tmp/old"), FOLDER_STALE_S + 60);
	for (int i = 0; i < MAILDIR_CLEAN_EVERY; i++)
		assert_int_equal(deliver_to(t, STR("a")), 0);
	assert_int_equal(access(box_path(t, "a/tmp/old"), F_OK), -1);
}

static const struct {
	int64_t us;
	long pid;
	unsigned count;
	struct str host;
	const char *want;
} names[] = {
	{ 1700000000123456, 42, 7, STR_INIT("mx.example"),
	  "1700000000.M123456P42Q7.mx.example" },
	{ 1700000000000001, 1, 0, STR_INIT("a/b:c"), "1700000000.M1P1Q0.a\\057b\\072c" },
};

static void names_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf b;
		buf_init(&b, 256);
		maildir_name(&b, names[i].us, names[i].pid, names[i].count,
			     names[i].host);
		assert_true(str_eq(buf_view(&b), str_of(names[i].want)));
		buf_free(&b);
	}
}

static const struct {
	int error;
	const char *dsn, *text;
} reasons[] = {
	{ -ENOSPC, "4.2.2", "mailbox or its disk is full" },
	{ -EDQUOT, "4.2.2", "mailbox or its disk is full" },
	{ -EFBIG, "4.2.2", "mailbox or its disk is full" },
	{ -EACCES, "4.3.0", "mailbox cannot be written: Permission denied" },
	{ -EROFS, "4.3.0", "mailbox cannot be written: Read-only file system" },
	{ -ENOTDIR, "4.3.0", "mailbox cannot be written: Not a directory" },
	{ -EIO, "4.3.0", "mailbox cannot be written: Input/output error" },
	{ -ELOOP, "4.3.0",
	  "mailbox cannot be written: a symbolic link stands in its path" },
	{ -ENODATA, "4.3.0",
	  "mailbox was not written: the message is shorter than its size" },
};

static void explains_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		struct buf b;
		buf_init(&b, 256);
		maildir_reason(&b, reasons[i].error);
		assert_true(str_eq(buf_view(&b), str_of(reasons[i].text)));
		assert_string_equal(maildir_dsn(reasons[i].error), reasons[i].dsn);
		buf_free(&b);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delivers_perfectly),
		TEST(makes_private_folders),
		TEST(delivers_into_prefix),
		TEST(mends_halves),
		TEST(delivers_batches),
		TEST(failures_stay_alone),
		TEST(survives_lost_new),
		TEST(clear_drops_uncommitted),
		TEST(cleans_leftovers),
		cmocka_unit_test(names_files),
		cmocka_unit_test(explains_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
