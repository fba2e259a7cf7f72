/* SPDX-License-Identifier: Apache-2.0 */
/* The fake disk must be as unkind as it says, or the crash suite proves nothing. */
#include "fixture.h"

#include <errno.h>
#include <string.h>

static char sectors[4 * FAKE_SECTOR];

static struct fake_disk *written(void)
{
	struct fake_disk *d = fake_disk_new(true);
	int a = fake_disk_create(d, "a");                                     /* 1 */
	assert_int_equal(fake_disk_sync_folder(d, "."), 0);                   /* 2 */
	assert_int_equal(fake_disk_write(d, a, 0, STR("one"), false), 0);     /* 3 */
	assert_int_equal(fake_disk_sync(d, a), 0);                            /* 4 */
	assert_int_equal(fake_disk_write(d, a, 3, STR("two"), false), 0);     /* 5 */
	assert_int_equal(fake_disk_create(d, "big/b"), 1);                    /* 6 */
	assert_int_equal(fake_disk_write(d, a, 0, STR("ONE"), true), 0);      /* 7 */
	assert_int_equal(fake_disk_rename(d, "big/b", "big/c"), 0);           /* 8 */
	assert_int_equal(fake_disk_sync_folder(d, "big"), 0);                 /* 9 */
	assert_int_equal(fake_disk_unlink(d, "a"), 0);                        /* 10 */
	assert_int_equal(fake_disk_steps(d), 10);
	return d;
}

static void test_cuts(void **state)
{
	static const struct {
		size_t steps;
		enum fake_cut cut;
		const char *a; /* content, NULL: no such name */
		bool b, c;
	} rows[] = {
		{ 1, FAKE_LOST, NULL, false, false },
		{ 1, FAKE_KEPT, "", false, false },
		{ 2, FAKE_LOST, NULL, false, false }, /* the sync is not over */
		{ 3, FAKE_LOST, "", false, false },
		{ 3, FAKE_KEPT, "one", false, false },
		{ 4, FAKE_LOST, "", false, false },
		{ 5, FAKE_LOST, "one", false, false },
		{ 5, FAKE_KEPT, "onetwo", false, false },
		{ 7, FAKE_LOST, "one", false, false },
		{ 7, FAKE_KEPT, "ONEtwo", true, false },
		{ 8, FAKE_LOST, "ONE", false,
		  false }, /* written through, "two" was not */
		{ 8, FAKE_KEPT, "ONEtwo", false, true },
		{ 9, FAKE_LOST, "ONE", false, false },
		{ 10, FAKE_LOST, "ONE", false, true },
		{ 11, FAKE_LOST, "ONE", false, true },
		{ 11, FAKE_KEPT, NULL, false, true },
	};
	struct fake_disk *d = written();
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct fake_disk *image = fake_disk_cut(d, rows[i].steps, rows[i].cut, 1);
		int a = fake_disk_find(image, "a");
		char text[16];
		assert_int_equal(a >= 0, rows[i].a != NULL);
		if (a >= 0) {
			int64_t n = fake_disk_read(image, a, 0, text, sizeof text);
			struct str got = { text, (size_t)n };
			if (!str_eq(got, str_of(rows[i].a)))
				fail_msg("row %zu: %.*s", i, STR_ARG(got));
		}
		assert_int_equal(fake_disk_find(image, "big/b") >= 0, rows[i].b);
		assert_int_equal(fake_disk_find(image, "big/c") >= 0, rows[i].c);
		fake_disk_free(image);
	}
	fake_disk_free(d);
}

/* Over many seeds each outcome of a torn write comes about, and none in between. */
static void test_torn(void **state)
{
	struct fake_disk *d = fake_disk_new(true);
	unsigned lengths[5] = { 0 };
	(void)state;
	memset(sectors, 'x', sizeof sectors);
	int a = fake_disk_create(d, "a");
	assert_int_equal(fake_disk_sync_folder(d, "."), 0);
	struct str all = { sectors, sizeof sectors };
	assert_int_equal(fake_disk_write(d, a, 0, all, false), 0);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct fake_disk *image = fake_disk_cut(d, 4, FAKE_TORN, seed);
		int64_t size = fake_disk_size(image, fake_disk_find(image, "a"));
		assert_int_equal(size % FAKE_SECTOR, 0);
		lengths[size / FAKE_SECTOR]++;
		fake_disk_free(image);
	}
	for (unsigned i = 0; i < 5; i++) assert_true(lengths[i] > 0);
	fake_disk_free(d);
}

static void test_faults(void **state)
{
	struct fake_disk *d = fake_disk_new(false);
	(void)state;
	int a = fake_disk_create(d, "a");
	assert_int_equal(fake_disk_create(d, "a"), -EEXIST);
	assert_int_equal(fake_disk_rename(d, "none", "x"), -ENOENT);
	assert_int_equal(fake_disk_unlink(d, "none"), -ENOENT);
	fake_disk_fail(d, FAKE_WRITE, 2, ENOSPC);
	assert_int_equal(fake_disk_write(d, a, 0, STR("ok"), false), 0);
	assert_false(fake_disk_failed(d));
	assert_int_equal(fake_disk_write(d, a, 2, STR("no"), false), -ENOSPC);
	assert_true(fake_disk_failed(d));
	assert_int_equal(fake_disk_write(d, a, 2, STR("ok"), false), 0);
	fake_disk_fail(d, FAKE_SHORT_WRITE, 1, EIO);
	assert_int_equal(fake_disk_write(d, a, 4, STR("half"), false), -EIO);
	assert_int_equal(fake_disk_size(d, a), 6);
	fake_disk_limit(d, 8);
	assert_int_equal(fake_disk_write(d, a, 6, STR("123"), false), -ENOSPC);
	assert_int_equal(fake_disk_free_bytes(d), 2);
	assert_int_equal(fake_disk_unlink(d, "a"), 0);
	assert_int_equal(fake_disk_free_bytes(d), 8);
	fake_disk_free(d);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_torn),
		cmocka_unit_test(test_faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
