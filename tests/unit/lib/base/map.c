/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdlib.h>

#include "lib/base/map.h"
#include "lib/base/rng.h"

static void put_get_take(void **state)
{
	struct map m;
	int a, b;
	(void)state;
	map_init(&m, 2, 7);
	assert_null(map_get(&m, 1));
	assert_null(map_take(&m, 1));
	assert_true(map_put(&m, 0, &a)); /* 0 is a key like any other */
	assert_true(map_put(&m, 1, &a));
	assert_true(map_put(&m, 1, &b)); /* replaced: no new entry */
	assert_false(map_put(&m, 2, &a)); /* full */
	assert_int_equal(m.count, 2);
	assert_ptr_equal(map_get(&m, 1), &b);
	assert_ptr_equal(map_take(&m, 0), &a);
	assert_null(map_get(&m, 0));
	assert_true(map_put(&m, 2, &a));
	map_free(&m);
	assert_null(map_get(&m, 1));
	map_free(&m);
}

/* The same operations on a plain table: whatever happens, both agree. */
static void agrees_with_a_plain_table(void **state)
{
	enum { KEYS = 700, STEPS = 60000 };
	static char things[KEYS];
	bool in[KEYS] = { false };
	size_t count = 0;
	struct rng rng = { 42 };
	struct map m;
	(void)state;
	map_init(&m, 500, 99);
	for (int step = 0; step < STEPS; step++) {
		size_t k = (size_t)rng_below(&rng, KEYS);
		if (rng_below(&rng, 100) < 55) {
			bool good = map_put(&m, k, &things[k]);
			assert_int_equal(good, in[k] || count < 500);
			if (good && !in[k]) count++;
			in[k] = in[k] || good;
		} else {
			assert_ptr_equal(map_take(&m, k), in[k] ? &things[k] : NULL);
			count -= in[k];
			in[k] = false;
		}
		assert_int_equal(m.count, count);
	}
	size_t at = 0, seen = 0;
	uint64_t key;
	for (void *v; (v = map_next(&m, &at, &key)); seen++) {
		assert_true(key < KEYS && in[key]);
		assert_ptr_equal(v, &things[key]);
	}
	assert_int_equal(seen, count);
	for (size_t k = 0; k < KEYS; k++)
		assert_ptr_equal(map_get(&m, k), in[k] ? &things[k] : NULL);
	map_free(&m);
}

static void hashes(void **state)
{
	(void)state;
	assert_true(hash_str(STR("abc"), 1) == hash_str(STR("abc"), 1));
	assert_true(hash_str(STR("abc"), 1) != hash_str(STR("abc"), 2));
	assert_true(hash_str(STR("abc"), 1) != hash_str(STR("ABC"), 1));
	assert_true(hash_str_nocase(STR("abc"), 1) == hash_str_nocase(STR("ABC"), 1));
	assert_true(hash_str_nocase(STR("abc"), 1) == hash_str(STR("abc"), 1));
	assert_true(hash_str((struct str){ NULL, 0 }, 1) == hash_str(STR(""), 1));
	assert_true(hash_u64(1, 5) != hash_u64(2, 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(put_get_take),
		cmocka_unit_test(agrees_with_a_plain_table),
		cmocka_unit_test(hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
