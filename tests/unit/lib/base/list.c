/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/list.h"

struct item {
	int value;
	struct link link;
};

static int value_of(struct link *l)
{
	return CONTAINER(l, struct item, link)->value;
}

static void first_in_first_out(void **state)
{
	struct item items[5] = { 0 };
	struct link head;
	(void)state;
	list_init(&head);
	assert_true(list_empty(&head));
	assert_null(list_take(&head));
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		assert_false(link_is_in(&items[i].link));
		list_add_tail(&head, &items[i].link);
		assert_true(link_is_in(&items[i].link));
	}
	link_remove(&items[2].link);
	link_remove(&items[2].link); /* once is enough, twice is harmless */
	assert_false(link_is_in(&items[2].link));
	static const int want[] = { 0, 1, 3, 4 };
	for (size_t i = 0; i < ROWS(want); i++) assert_int_equal(value_of(list_take(&head)), want[i]);
	assert_true(list_empty(&head));
}

static void an_element_may_be_removed_while_walking(void **state)
{
	struct item items[6] = { 0 };
	struct link head;
	int seen = 0;
	(void)state;
	list_init(&head);
	for (int i = 0; i < 6; i++) {
		items[i].value = i;
		list_add_tail(&head, &items[i].link);
	}
	LIST_EACH(it, &head) {
		assert_int_equal(value_of(it), seen++);
		if (value_of(it) % 2 == 0) link_remove(it);
	}
	assert_int_equal(seen, 6);
	int sum = 0;
	LIST_EACH(it, &head) sum += value_of(it);
	assert_int_equal(sum, 1 + 3 + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_in_first_out),
		cmocka_unit_test(an_element_may_be_removed_while_walking),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
