/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "lib/os/memfile.h"

static void travels(void **state)
{
	(void)state;
	struct str got;
	int fd = memfile_write("t", STR("some bytes"));
	assert_true(fd >= 0);
	assert_true(memfile_map(fd, 10, &got));
	assert_true(str_eq(got, STR("some bytes")));
	memfile_unmap(got);
	assert_false(memfile_map(fd, 9, &got));
	/* sealed */
	assert_true(write(fd, "x", 1) < 0);
	assert_true(ftruncate(fd, 1) < 0);
	(void)close(fd);
}

static void refused(void **state)
{
	(void)state;
	struct str got;
	int fd = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_false(memfile_map(fd, 10, &got)); /* whoever sent it could cut it */
	(void)close(fd);
	fd = memfile_write("t", STR(""));
	assert_true(fd >= 0);
	assert_false(memfile_map(fd, 10, &got));
	(void)close(fd);
	assert_false(memfile_map(-1, 10, &got));
	char name[300];
	for (size_t i = 0; i < sizeof name - 1; i++) name[i] = 'n';
	name[sizeof name - 1] = '\0';
	assert_true(memfile_write(name, STR("x")) < 0); /* names have a limit */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(travels),
		cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
