/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <string.h>

#include "lib/base/arena.h"

static void memory_is_zeroed_and_aligned(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 1 << 20);
	assert_null(a.chunks);
	for (size_t size = 0; size < 3000; size += 7) {
		char *at = arena_alloc(&a, size);
		assert_non_null(at);
		assert_int_equal((uintptr_t)at % _Alignof(max_align_t), 0);
		for (size_t i = 0; i < size; i++) assert_int_equal(at[i], 0);
		memset(at, 0xa5, size);
	}
	arena_free(&a);
	assert_int_equal(a.used, 0);
	assert_non_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void max_is_kept(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 1024);
	assert_non_null(arena_alloc(&a, 1000));
	assert_null(arena_alloc(&a, 1000));
	assert_null(arena_alloc(&a, SIZE_MAX));
	assert_non_null(arena_alloc(&a, 8));
	assert_null(arena_str(&a, STR("this text is longer than what is left")).at);
	arena_free(&a);
	arena_init(&a, 0);
	assert_null(arena_alloc(&a, 1));
	arena_free(&a);
}

static void strings_are_copied(void **state)
{
	char text[] = "a\0b";
	struct arena a;
	(void)state;
	arena_init(&a, 1024);
	struct str copy = arena_str(&a, (struct str){ text, 3 });
	text[0] = 'x';
	assert_str(copy, STR("a\0b"), 0);
	assert_int_equal(arena_str(&a, (struct str){ NULL, 0 }).len, 0);
	arena_free(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_and_aligned),
		cmocka_unit_test(max_is_kept),
		cmocka_unit_test(strings_are_copied),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
