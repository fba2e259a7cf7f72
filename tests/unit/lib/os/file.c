/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/file.h"

static char folder_path[] = "/tmp/ims-file-XXXXXX";
static int folder;

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(folder_path)) return -1;
	folder = open(folder_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return folder < 0;
}

static int teardown(void **state)
{
	(void)state;
	(void)unlinkat(folder, "a", 0);
	(void)close(folder);
	return rmdir(folder_path); /* nothing else was left in it */
}

static void has(const char *text)
{
	char path[128];
	struct buf b;
	(void)snprintf(path, sizeof path, "%s/a", folder_path);
	buf_init(&b, 8192);
	assert_int_equal(file_read(str_of(path), &b), 0);
	assert_int_equal(b.len, strlen(text));
	if (b.len) assert_memory_equal(b.at, text, b.len);
	buf_free(&b);
}

static void replaces_whole(void **state)
{
	(void)state;
	assert_int_equal(file_replace(folder, "a", "a.new", STR("one"), FILE_LATER), 0);
	has("one");
	assert_int_equal(file_replace(folder, "a", "a.new", STR("second"), FILE_OCTETS), 0);
	has("second");
	assert_int_equal(file_replace(folder, "a", "a.new", STR(""), FILE_WHOLE), 0);
	has("");
}

/* What there was stays, and nothing lies beside it. */
static void fails_whole(void **state)
{
	(void)state;
	assert_int_equal(file_replace(folder, "a", "a.new", STR("kept"), FILE_WHOLE), 0);
	assert_int_equal(symlinkat("a", folder, "link"), 0);
	assert_int_equal(file_replace(folder, "a", "link", STR("x"), FILE_LATER), -ELOOP);
	assert_int_equal(unlinkat(folder, "link", 0), 0);
	assert_int_equal(mkdirat(folder, "sub", 0700), 0);
	assert_int_equal(file_replace(folder, "sub", "a.new", STR("x"), FILE_WHOLE), -EISDIR);
	assert_int_equal(faccessat(folder, "a.new", F_OK, 0), -1);
	assert_int_equal(unlinkat(folder, "sub", AT_REMOVEDIR), 0);
	assert_int_equal(file_replace(-ENOENT, "a", "a.new", STR("x"), FILE_LATER), -ENOENT);
	has("kept");
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	assert_int_equal(file_write_all(full, STR("x")), -ENOSPC);
	(void)close(full);
}

static void reads_what_is_a_file_and_fits(void **state)
{
	static const struct { const char *path; int rc; } rows[] = {
		{ "/does/not/exist", -ENOENT }, { "/", -EINVAL }, { "/dev/null", -EINVAL },
	};
	struct buf b;
	(void)state;
	buf_init(&b, 8192);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		assert_int_equal(file_read(str_of(rows[i].path), &b), rows[i].rc);
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	assert_int_equal(file_read_all(zero, &b), -EFBIG);
	(void)close(zero);
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaces_whole),
		cmocka_unit_test(fails_whole),
		cmocka_unit_test(reads_what_is_a_file_and_fits),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
