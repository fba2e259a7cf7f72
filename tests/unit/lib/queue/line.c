/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/rng.h"
#include "lib/queue/line.h"

static struct line line;
static struct line_item items[256];

static int setup(void **state)
{
	(void)state;
	line_init(&line);
	for (size_t i = 0; i < 256; i++) items[i] = (struct line_item){ .owner = 0 };
	return 0;
}

/* "aab": items 0, 1 and 2 of these owners come; a capital is urgent. */
static void come(const char *owners)
{
	for (size_t i = 0; owners[i]; i++) {
		items[i].urgent = owners[i] < 'a';
		items[i].owner = (uint64_t)owners[i];
		line_add(&line, &items[i]);
	}
}

static void expect(const char *order)
{
	for (size_t i = 0; order[i]; i++) {
		struct line_item *item = line_take(&line);
		if (!item) fail_msg("nobody at %zu of %s", i, order);
		assert_int_equal(item - items, order[i] - '0');
		assert_false(line_has(item));
	}
	assert_null(line_take(&line));
}

static void turns(void **state)
{
	static const struct { const char *come, *order; } rows[] = {
		{ "", "" },
		{ "a", "0" },
		{ "aaa", "012" },
		{ "aaab", "0312" },        /* one behind many waits for one */
		{ "aaabbc", "035142" },
		{ "aaBB", "2301" },        /* urgent ones first */
		{ "aAaAb", "13042" },
		{ "abcabc", "012345" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)setup(state);
		come(rows[i].come);
		expect(rows[i].order);
	}
}

static void who_comes_later(void **state)
{
	(void)state;
	come("aaaa");
	assert_true(line_knows(&line, 'a'));
	assert_false(line_knows(&line, 'b'));
	assert_ptr_equal(line_take(&line), &items[0]);
	items[9].owner = 'b';
	line_add(&line, &items[9]);
	assert_true(line_knows(&line, 'b'));
	assert_ptr_equal(line_take(&line), &items[1]);
	assert_ptr_equal(line_take(&line), &items[9]);
	expect("23");
	assert_false(line_knows(&line, 'a'));
}

/* Of very many the one who comes again may have one turn more. */
static void more_than_are_looked_at(void **state)
{
	(void)state;
	enum { MANY = LINE_LOOK_MAX + 10 };
	for (uint64_t i = 0; i < MANY; i++) {
		items[i].owner = i;
		line_add(&line, &items[i]);
	}
	items[MANY].owner = MANY - 1; /* he is among the last */
	items[MANY + 1].owner = 0;    /* he is not */
	line_add(&line, &items[MANY]);
	line_add(&line, &items[MANY + 1]);
	for (int i = 0; i < MANY; i++) assert_ptr_equal(line_take(&line), &items[i]);
	assert_ptr_equal(line_take(&line), &items[MANY + 1]);
	assert_ptr_equal(line_take(&line), &items[MANY]);
	assert_null(line_take(&line));
}

static void who_goes_back(void **state)
{
	(void)state;
	come("aabb");
	struct line_item *item = line_take(&line);
	line_add_first(&line, item);
	assert_ptr_equal(line_take(&line), item);
	line_add_first(&line, item);
	expect("0213");
	/* The only one of his. */
	come("ab");
	item = line_take(&line);
	line_add_first(&line, item);
	expect("01");
}

static void who_leaves(void **state)
{
	static const struct { const char *come; int leaves; const char *order; } rows[] = {
		{ "a", 0, "" },
		{ "aab", 0, "12" }, /* his next one takes his place */
		{ "aab", 1, "02" },
		{ "aab", 2, "01" },
		{ "aaab", 0, "132" },
		{ "abab", 1, "032" },
		{ "BBaa", 0, "123" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		(void)setup(state);
		come(rows[i].come);
		line_leave(&line, &items[rows[i].leaves]);
		assert_false(line_has(&items[rows[i].leaves]));
		expect(rows[i].order);
	}
}

/* Whatever the order: nothing is lost, nothing comes twice. */
static void random_walk(void **state)
{
	(void)state;
	struct rng rng = { 3 };
	size_t waiting = 0;
	for (int i = 0; i < 50000; i++) {
		struct line_item *item = &items[rng_next(&rng) % 256];
		switch (rng_next(&rng) % 4) {
		case 0:
		case 1:
			if (line_has(item)) break;
			item->owner = rng_next(&rng) % 7;
			item->urgent = rng_next(&rng) % 5 == 0;
			if (rng_next(&rng) % 9) line_add(&line, item);
			else line_add_first(&line, item);
			waiting++;
			break;
		case 2:
			if (!line_has(item)) break;
			line_leave(&line, item);
			waiting--;
			break;
		default:
			if (line_take(&line)) waiting--;
			else assert_int_equal(waiting, 0);
			break;
		}
	}
	while (line_take(&line)) waiting--;
	assert_int_equal(waiting, 0);
}

#define FRESH(test) cmocka_unit_test_setup(test, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRESH(turns),
		FRESH(who_comes_later),
		FRESH(more_than_are_looked_at),
		FRESH(who_goes_back),
		FRESH(who_leaves),
		FRESH(random_walk),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
