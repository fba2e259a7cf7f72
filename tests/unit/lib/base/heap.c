/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/heap.h"
#include "lib/base/rng.h"

static void empty(void **state)
{
	struct heap h = { 0 };
	struct heap_node n = { 0 };
	(void)state;
	assert_null(heap_first(&h));
	heap_remove(&h, &n);
	heap_free(&h);
}

static void smallest_first_whatever_happens(void **state)
{
	enum { NODES = 300, STEPS = 20000 };
	static struct heap_node nodes[NODES];
	struct heap h = { 0 };
	struct rng rng = { 7 };
	(void)state;
	for (int step = 0; step < STEPS; step++) {
		struct heap_node *n = &nodes[rng_below(&rng, NODES)];
		if (rng_below(&rng, 3) == 0) heap_remove(&h, n);
		else assert_true(heap_put(&h, n, (int64_t)rng_below(&rng, 1000) - 500));
		size_t in = 0;
		int64_t least = INT64_MAX;
		for (size_t i = 0; i < NODES && step % 64 == 0; i++) {
			if (nodes[i].at == 0) continue;
			in++;
			assert_ptr_equal(h.nodes[nodes[i].at - 1], &nodes[i]);
			if (nodes[i].due < least) least = nodes[i].due;
		}
		if (step % 64 != 0) continue;
		assert_int_equal(in, h.count);
		if (in) assert_int_equal(heap_first(&h)->due, least);
	}
	int64_t last = INT64_MIN;
	for (struct heap_node *n; (n = heap_first(&h)); heap_remove(&h, n)) {
		assert_true(n->due >= last);
		last = n->due;
	}
	assert_int_equal(h.count, 0);
	heap_free(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(smallest_first_whatever_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
