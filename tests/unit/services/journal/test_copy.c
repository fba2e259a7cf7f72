/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "services/journal/copy.h"

static void test_nobody(void **state)
{
	struct copy c;
	int null = open("/dev/null", O_WRONLY);
	(void)state;
	copy_init(&c, null, STR(""));
	assert_int_equal(c.fd, -1);
	copy_add(&c, STR("x\n"), EVENT_SEVERITY_INFO);
	assert_int_equal(c.pending.len, 0);
	copy_flush(&c);
	copy_free(&c);
	(void)close(null);
	copy_init(&c, null, STR("")); /* closed */
	assert_int_equal(c.fd, -1);
	copy_free(&c);
}

static void test_priorities(void **state)
{
	struct copy c;
	struct stat st;
	int pair[2];
	char stream[64], got[128];
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(fstat(pair[1], &st), 0);
	(void)snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
		       (unsigned long long)st.st_ino);
	copy_init(&c, pair[1], str_of(stream));
	assert_true(c.priorities);
	copy_add(&c, STR("a\nb\n"), EVENT_SEVERITY_ERROR);
	copy_add(&c, STR("c\n"), EVENT_SEVERITY_INFO);
	copy_flush(&c);
	ssize_t n = read(pair[0], got, sizeof got);
	assert_true(n > 0 &&
		    str_eq((struct str){ got, (size_t)n }, STR("<3>a\n<3>b\n<6>c\n")));
	copy_free(&c);
	copy_init(&c, pair[1], STR("1:2")); /* somebody else's */
	assert_false(c.priorities);
	copy_free(&c);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Nobody reads: nothing blocks, and what is dropped is counted. */
static void test_slow_reader(void **state)
{
	struct copy c;
	int ends[2];
	char line[1024];
	(void)state;
	assert_int_equal(pipe(ends), 0);
	copy_init(&c, ends[1], STR(""));
	for (size_t i = 0; i < sizeof line; i++)
		line[i] = i + 1 < sizeof line ? 'x' : '\n';
	for (unsigned i = 0; i < 1000; i++) {
		copy_add(&c, (struct str){ line, sizeof line }, EVENT_SEVERITY_INFO);
		copy_flush(&c);
	}
	assert_true(c.lost > 0);
	assert_true(c.pending.len <= COPY_PENDING_MAX);
	assert_int_equal(c.pending.len % sizeof line, 0);
	/* It reads again: the rest comes. */
	for (unsigned i = 0; i < 1000 && c.pending.len; i++) {
		assert_true(read(ends[0], line, sizeof line) > 0);
		copy_flush(&c);
	}
	assert_int_equal(c.pending.len, 0);
	(void)close(ends[0]);
	(void)signal(SIGPIPE, SIG_IGN);
	copy_add(&c, STR("x\n"), EVENT_SEVERITY_INFO);
	copy_flush(&c);
	assert_int_equal(c.fd, -1); /* the reader is gone for good */
	copy_free(&c);
	(void)close(ends[1]);
}

static void test_file(void **state)
{
	struct copy c;
	(void)state;
	int fd = open(folder_path("err"), O_WRONLY | O_CREAT, 0600);
	copy_init(&c, fd, STR(""));
	for (unsigned i = 0; i < 5000; i++)
		copy_add(&c, STR("line\n"), EVENT_SEVERITY_INFO);
	copy_flush(&c);
	assert_int_equal(folder_lines("err"), 5000);
	copy_free(&c);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_priorities),
		cmocka_unit_test(test_slow_reader),
		cmocka_unit_test_setup_teardown(test_file, folder_make, folder_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
