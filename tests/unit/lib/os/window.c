/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/os/window.h"

static void test_blocks(void **state)
{
	struct window *w = window_new(3 * WINDOW_BLOCK - 1);
	bool seen[3] = { false };
	(void)state;
	assert_non_null(w);
	assert_int_equal(window_free_blocks(w), 3);
	for (int i = 0; i < 3; i++) {
		int64_t offset = window_take(w);
		assert_true(offset >= 0 && offset % WINDOW_BLOCK == 0 &&
			    offset < 3 * WINDOW_BLOCK);
		assert_false(seen[offset / WINDOW_BLOCK]);
		seen[offset / WINDOW_BLOCK] = true;
	}
	assert_int_equal(window_take(w), -1);
	window_give(w, WINDOW_BLOCK);
	assert_int_equal(window_free_blocks(w), 1);
	assert_int_equal(window_take(w), WINDOW_BLOCK); /* last in, first out */
	window_free(w);
	window_free(NULL);
	assert_null(window_new(0));
	assert_null(window_new((size_t)1 << 31));
}

static void test_reader(void **state)
{
	struct window *w = window_new(WINDOW_BLOCK);
	(void)state;
	struct window_range all = { 0, WINDOW_BLOCK };
	memcpy(window_at(w, all), "hello", 5);
	struct window *r = window_map(dup(window_fd(w)));
	assert_non_null(r);
	assert_memory_equal(window_at(r, all), "hello", 5);
	memcpy(window_at(w, all), "later", 5);
	assert_memory_equal(window_at(r, all), "later", 5);
	/* Neither side can change the size; the reader can never write. */
	assert_int_not_equal(ftruncate(window_fd(w), 0), 0);
	assert_ptr_equal(
		mmap(NULL, WINDOW_BLOCK, PROT_WRITE, MAP_SHARED, window_fd(r), 0),
		MAP_FAILED);
	window_free(r);
	window_free(w);
}

static void test_hostile_descriptors(void **state)
{
	int unsealed = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int empty = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int huge = memfd_create("t", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int pipes[2];
	(void)state;
	assert_int_equal(ftruncate(unsealed, WINDOW_BLOCK), 0);
	assert_int_equal(fcntl(empty, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(ftruncate(huge, (off_t)1 << 40), 0);
	assert_int_equal(fcntl(huge, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	assert_int_equal(pipe(pipes), 0);
	assert_null(window_map(unsealed));
	assert_null(window_map(empty));
	assert_null(window_map(huge));
	assert_null(window_map(pipes[0]));
	assert_int_equal(fcntl(unsealed, F_GETFD), -1); /* it was taken over */
	close(pipes[1]);
}

static void test_ranges(void **state)
{
	static const struct {
		struct window_range ranges[3];
		size_t count;
		size_t max;
		int want;
	} cases[] = {
		{ { { 0, 0 } }, 0, 3, 0 },
		{ { { 0, 16384 } }, 1, 3, 1 },
		{ { { 1, 16383 }, { 16384, 0 } }, 2, 2, 2 },
		{ { { 1, 16384 } }, 1, 3, -1 },
		{ { { 16385, 0 } }, 1, 3, -1 },
		{ { { UINT32_MAX, 2 } }, 1, 3, -1 },
		{ { { 2, UINT32_MAX } }, 1, 3, -1 },
		{ { { 0, 1 }, { 0, 1 }, { 0, 1 } }, 3, 2, -1 },
	};
	struct window *w = window_new(2 * WINDOW_BLOCK);
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct window_range out[3];
		struct buf b;
		buf_init(&b, 1024);
		window_ranges_put(&b, cases[i].ranges, cases[i].count);
		assert_int_equal(window_ranges_get(w, buf_view(&b), out, cases[i].max),
				 cases[i].want);
		for (int k = 0; k < cases[i].want; k++) {
			assert_int_equal(out[k].offset, cases[i].ranges[k].offset);
			assert_int_equal(out[k].len, cases[i].ranges[k].len);
			assert_non_null(window_at(w, out[k]));
		}
		buf_free(&b);
	}
	struct window_range out[1];
	assert_int_equal(window_ranges_get(w, STR("1234567"), out, 1), -1);
	assert_null(window_at(w, (struct window_range){ 8192, 8193 }));
	window_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_reader),
		cmocka_unit_test(test_hostile_descriptors),
		cmocka_unit_test(test_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
