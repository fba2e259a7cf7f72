/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/route/spread.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static struct conf_hops hops_of(struct conf_hop hops[32], const uint16_t *weights, size_t count)
{
	for (size_t i = 0; i < count; i++) hops[i] = (struct conf_hop){ .weight = weights[i] };
	return (struct conf_hops){ hops, count };
}

/* Every order has each host once, those without a weight last and as they stand; and of many
 * orders each host with one is the first as often as its weight says. */
static void orders(void **state)
{
	(void)state;
	enum { DRAWS = 20000 };
	static const struct { size_t count; uint16_t weights[5]; } rows[] = {
		{ 3, { 0, 0, 0 } }, { 3, { 3, 1, 0 } }, { 4, { 0, 1, 0, 1 } }, { 1, { 7 } },
		{ 5, { 1000, 1, 999, 0, 0 } }, { 0, { 0 } },
	};
	for (size_t r = 0; r < ROWS(rows); r++) {
		struct conf_hop memory[32];
		struct conf_hops hops = hops_of(memory, rows[r].weights, rows[r].count);
		struct rng rng = { .state = r + 1 };
		size_t first[32] = { 0 }, sum = 0;
		for (size_t i = 0; i < hops.count; i++) sum += hops.at[i].weight;
		assert_int_equal(spread_is_wanted(&hops), sum > 0);
		for (int draw = 0; draw < DRAWS; draw++) {
			uint8_t order[SPREAD_HOPS_MAX];
			unsigned seen = 0;
			bool weighted = true;
			assert_int_equal(spread_order(&hops, &rng, order), hops.count);
			for (size_t i = 0; i < hops.count; i++) {
				bool has = hops.at[order[i]].weight > 0;
				assert_false(seen & 1u << order[i]);
				assert_true(weighted || !has);
				if (!weighted) assert_true(order[i] > order[i - 1]);
				weighted = has;
				seen |= 1u << order[i];
			}
			if (hops.count) first[order[0]]++;
		}
		for (size_t i = 0; sum && i < hops.count; i++) {
			size_t want = DRAWS * (size_t)hops.at[i].weight / sum;
			assert_in_range(first[i] + 300, want, want + 600);
		}
	}
}

static void no_more_than_fit(void **state)
{
	(void)state;
	static const uint16_t weights[32] = { [31] = 5, [3] = 1 };
	struct conf_hop memory[32];
	struct conf_hops hops = hops_of(memory, weights, ROWS(weights));
	struct rng rng = { .state = 1 };
	uint8_t order[SPREAD_HOPS_MAX];
	assert_int_equal(spread_order(&hops, &rng, order), SPREAD_HOPS_MAX);
	assert_int_equal(order[0], 3);
	assert_int_equal(order[15], 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders),
		cmocka_unit_test(no_more_than_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
