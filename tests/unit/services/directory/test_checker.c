/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords on helper threads, and what is remembered of the right ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/directory/checker.h"
#include "services/directory/verified.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define L510    HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN
/* crypt(5), a cheap one: SHA-512 with 1000 rounds, of "secret". */
#define SHA512_SECRET \
	"$6$rounds=1000$saltsalt$LAV5VE5Y7w1d73x1mFNspYWUpazfmwv2SoepNXNKJ/otop/Zok96" \
	"Hr8Q13LEv0DRY/x8v0/crpIjl8NJSAqXV/"

static const struct { const char *password, *hash; enum check_result want; } rows[] = {
	{ "secret", SHA512_SECRET, CHECK_YES },
	{ "Secret", SHA512_SECRET, CHECK_NO },
	{ "", SHA512_SECRET, CHECK_NO },
	{ L510 "xx", SHA512_SECRET, CHECK_NO },
	{ "secret", "", CHECK_CANNOT },
	{ "secret", "*", CHECK_CANNOT },
	{ "secret", "$nonsense$", CHECK_CANNOT },
	{ "secret", "$y$broken", CHECK_CANNOT },
};

static struct loop *loop;
static enum check_result results[CHECKER_JOBS_MAX + 64];
static size_t done, wanted;

static void on_done(void *arg, uint64_t id, enum check_result result)
{
	assert_ptr_equal(arg, results);
	results[id] = result;
	if (++done == wanted) loop_stop(loop);
}

static void compares(void **state)
{
	struct checker *c = checker_new(loop, on_done, results);
	(void)state;
	assert_non_null(c);
	done = 0;
	wanted = ROWS(rows);
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_true(checker_put(c, i, str_of(rows[i].password), str_of(rows[i].hash)));
	loop_run(loop);
	for (size_t i = 0; i < ROWS(rows); i++)
		if (results[i] != rows[i].want) fail_msg("row %zu: %d", i, results[i]);
	checker_free(c);
}

/* More than may wait are refused at once; those that wait when it ends are dropped. */
enum { TRIES_MAX = 100000 };

static void bounded(void **state)
{
	struct checker *c = checker_new(loop, on_done, results);
	size_t taken = 0;
	char longer[CHECKER_HASH_MAX + 2];
	(void)state;
	done = 0;
	wanted = SIZE_MAX;
	/* The threads take some away meanwhile, more of them the busier the machine is. */
	while (taken < TRIES_MAX &&
	       checker_put(c, taken % ROWS(results), STR("x"), STR("$y$j9T$abcdefghij")))
		taken++;
	assert_in_range(taken, CHECKER_JOBS_MAX, TRIES_MAX - 1);
	memset(longer, 'x', sizeof longer);
	assert_false(checker_put(c, 0, STR("x"), (struct str){ longer, sizeof longer }));
	checker_free(c);
	checker_free(NULL);
	assert_int_equal(done, 0);
}

static void remembers(void **state)
{
	struct verified *v = verified_new();
	(void)state;
	struct verified_mark mark = verified_mark(v, STR("ann"), STR("secret"), STR("$y$1"));
	assert_false(verified_has(v, &mark, 5));
	verified_put(v, &mark, 5, INT64_MAX);
	assert_true(verified_has(v, &mark, 5));
	assert_true(verified_has(v, &mark, 5 + VERIFIED_MS - 1));
	assert_false(verified_has(v, &mark, 5 + VERIFIED_MS));
	struct verified_mark brief = verified_mark(v, STR("eve"), STR("secret"), STR("$y$1"));
	verified_put(v, &brief, 5, 100);
	assert_true(verified_has(v, &brief, 104));
	assert_false(verified_has(v, &brief, 105));
	/* Another user, password or stored hash, and another split of the same letters. */
	static const struct { struct str user, password, hash; } others[] = {
		{ STR_INIT("bob"), STR_INIT("secret"), STR_INIT("$y$1") },
		{ STR_INIT("ann"), STR_INIT("secreT"), STR_INIT("$y$1") },
		{ STR_INIT("ann"), STR_INIT("secret"), STR_INIT("$y$2") },
		{ STR_INIT("anns"), STR_INIT("ecret"), STR_INIT("$y$1") },
		{ STR_INIT("ann$"), STR_INIT("secret"), STR_INIT("y$1") },
		{ STR_INIT(""), STR_INIT(""), STR_INIT("") },
	};
	for (size_t i = 0; i < ROWS(others); i++) {
		struct verified_mark other =
			verified_mark(v, others[i].user, others[i].password, others[i].hash);
		if (verified_has(v, &other, 5)) fail_msg("row %zu", i);
	}
	/* Another process has another key. */
	struct verified *second = verified_new();
	struct verified_mark there = verified_mark(second, STR("ann"), STR("secret"), STR("$y$1"));
	assert_memory_not_equal(&there, &mark, sizeof mark);
	verified_free(second);
	verified_free(v);
	verified_free(NULL);
}

static void forgets_the_oldest(void **state)
{
	struct verified *v = verified_new();
	struct verified_mark first = { { 0 } }, mark = { { 0 } };
	(void)state;
	verified_put(v, &first, 1, VERIFIED_MS);
	for (unsigned i = 1; i <= 4; i++) {
		mark.octets[31] = (unsigned char)i; /* the same place of the table */
		verified_put(v, &mark, 1 + (int64_t)i, VERIFIED_MS);
		assert_true(verified_has(v, &mark, 10));
	}
	assert_false(verified_has(v, &first, 10));
	/* A password that no user has is no mark at all. */
	static char huge[4096];
	struct str password = { huge, sizeof huge };
	memset(huge, 'x', sizeof huge);
	struct verified_mark one = verified_mark(v, STR("ann"), password, STR("$y$"));
	struct verified_mark two = verified_mark(v, STR("ann"), password, STR("$y$"));
	assert_memory_not_equal(&one, &two, sizeof one);
	verified_free(v);
}

static int setup(void **state)
{
	(void)state;
	loop = loop_new();
	return loop ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(compares),
		TEST(bounded),
		cmocka_unit_test(remembers),
		cmocka_unit_test(forgets_the_oldest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
