/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "lib/policy/throttle.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

enum { OPEN = THROTTLE_OPEN, CLIENT = THROTTLE_CLIENT, ACCOUNT = THROTTLE_ACCOUNT };
enum { MINUTE = 60 * 1000 };
enum act { FAIL, SUCCEED, CHECK };

static const struct throttle_limits limits = {
	.failures = 3, .window_ms = 10 * MINUTE, .ban_ms = 15 * MINUTE, .delay_ms = 1000
};

static struct throttle_who who_of(const char *ip, const char *account)
{
	struct throttle_who who = { .account = str_of(account) };
	assert_true(ip_parse(str_of(ip), &who.client));
	return who;
}

/* Each table begins with nothing known; `ban`: of CHECK, or what FAIL began. */
struct row {
	int64_t at_ms;
	enum act act;
	const char *client, *account;
	uint64_t guess;
	int ban;
	int64_t delay_ms;
};

static void play(const struct row *rows, size_t count)
{
	struct throttle *t = throttle_new(1000, 42);
	for (size_t i = 0; i < count; i++) {
		const struct row *r = &rows[i];
		struct throttle_who who = who_of(r->client, r->account);
		struct throttle_result got = { 0 };
		if (r->act == SUCCEED) throttle_success(t, &who, r->at_ms);
		else if (r->act == CHECK) got.ban = throttle_check(t, &who, r->at_ms);
		else got = throttle_fail(t, &limits, &who, r->guess, r->at_ms);
		if ((int)got.ban != r->ban) fail_msg("row %zu: ban %d", i, got.ban);
		if (got.delay_ms != r->delay_ms)
			fail_msg("row %zu: delay %ld", i, (long)got.delay_ms);
	}
	throttle_free(t);
}

/* One client tries many names: the client is banned, nobody else. */
static void of_client(void **state)
{
	static const struct row rows[] = {
		{ 0, CHECK, "192.0.2.1", "a", 0, OPEN, 0 },
		{ 1, FAIL, "192.0.2.1", "a", 1, OPEN, 1000 },
		{ 2, FAIL, "192.0.2.1", "b", 2, OPEN, 2000 },
		{ 3, CHECK, "192.0.2.1", "c", 0, OPEN, 0 },
		{ 4, FAIL, "192.0.2.1", "c", 3, CLIENT, 4000 },
		{ 5, CHECK, "192.0.2.1", "d", 0, CLIENT, 0 },
		{ 5, CHECK, "192.0.2.1", "", 0, CLIENT, 0 },
		{ 5, CHECK, "192.0.2.2", "a", 0, OPEN, 0 },
		{ 4 + 15 * MINUTE - 1, CHECK, "192.0.2.1", "a", 0, CLIENT, 0 },
		{ 4 + 15 * MINUTE, CHECK, "192.0.2.1", "a", 0, OPEN, 0 },
		/* It begins anew. */
		{ 4 + 15 * MINUTE, FAIL, "192.0.2.1", "a", 4, OPEN, 1000 },
	};
	(void)state;
	play(rows, ROWS(rows));
}

/* Many clients try one name: that is banned, but not where its owner logs in from. */
static void of_account(void **state)
{
	static const struct row rows[] = {
		{ 0, SUCCEED, "198.51.100.1", "ann", 0, OPEN, 0 },
		{ 1, FAIL, "192.0.2.1", "ann", 1, OPEN, 1000 },
		{ 2, FAIL, "192.0.2.2", "ANN", 2, OPEN, 2000 },
		{ 3, FAIL, "192.0.2.3", "ann", 3, ACCOUNT, 4000 },
		{ 4, CHECK, "192.0.2.4", "ann", 0, ACCOUNT, 0 },
		{ 4, CHECK, "192.0.2.4", "Ann", 0, ACCOUNT, 0 },
		{ 4, CHECK, "192.0.2.4", "bob", 0, OPEN, 0 },
		{ 4, CHECK, "192.0.2.4", "", 0, OPEN, 0 },
		{ 4, CHECK, "198.51.100.1", "ann", 0, OPEN, 0 },
		{ 3 + 15 * MINUTE, CHECK, "192.0.2.4", "ann", 0, OPEN, 0 },
	};
	(void)state;
	play(rows, ROWS(rows));
}

/* The owner's own mistakes count for his client, not for the name. */
static void of_owner(void **state)
{
	static const struct row rows[] = {
		{ 0, SUCCEED, "198.51.100.1", "ann", 0, OPEN, 0 },
		{ 1, FAIL, "198.51.100.1", "ann", 1, OPEN, 1000 },
		{ 2, FAIL, "198.51.100.1", "ann", 2, OPEN, 2000 },
		{ 3, FAIL, "198.51.100.1", "ann", 3, CLIENT, 4000 },
		{ 4, CHECK, "192.0.2.4", "ann", 0, OPEN, 0 },
		{ 4, CHECK, "198.51.100.1", "ann", 0, CLIENT, 0 },
		/* A week later nobody remembers him. */
		{ THROTTLE_KNOWN_MS, FAIL, "198.51.100.1", "ann", 1, OPEN, 1000 },
		{ THROTTLE_KNOWN_MS, FAIL, "198.51.100.2", "ann", 2, OPEN, 2000 },
		{ THROTTLE_KNOWN_MS, FAIL, "198.51.100.3", "ann", 3, ACCOUNT, 4000 },
		{ THROTTLE_KNOWN_MS, CHECK, "198.51.100.1", "ann", 0, ACCOUNT, 0 },
	};
	(void)state;
	play(rows, ROWS(rows));
}

/* A device with an old password; then the window, in which failures count. */
static void counting(void **state)
{
	static const struct row rows[] = {
		{ 0, FAIL, "192.0.2.1", "ann", 7, OPEN, 1000 },
		{ 1, FAIL, "192.0.2.1", "ann", 7, OPEN, 1000 },
		{ 2, FAIL, "192.0.2.1", "ann", 7, OPEN, 1000 },
		{ 3, FAIL, "192.0.2.1", "ann", 7, OPEN, 1000 },
		{ 4, FAIL, "192.0.2.1", "ann", 8, OPEN, 2000 },
		{ 10 * MINUTE, FAIL, "192.0.2.1", "ann", 8, OPEN, 1000 },
		{ 10 * MINUTE, FAIL, "192.0.2.1", "ann", 0, OPEN, 2000 },
		{ 10 * MINUTE, FAIL, "192.0.2.1", "ann", 0, CLIENT, 4000 },
	};
	(void)state;
	play(rows, ROWS(rows));
}

/* An IPv6 customer has a network of 64 bits. */
static void of_network(void **state)
{
	static const struct row rows[] = {
		{ 0, FAIL, "2001:db8::1", "a", 1, OPEN, 1000 },
		{ 0, FAIL, "2001:db8::ffff:0:0:2", "b", 2, OPEN, 2000 },
		{ 0, FAIL, "2001:db8:0:0:1::3", "c", 3, CLIENT, 4000 },
		{ 0, CHECK, "2001:db8::9", "d", 0, CLIENT, 0 },
		{ 0, CHECK, "2001:db8:0:1::1", "d", 0, OPEN, 0 },
	};
	(void)state;
	play(rows, ROWS(rows));
}

static void delays(void **state)
{
	static const int64_t want_ms[] = { 1000, 2000, 4000, 8000, 8000, 8000 };
	const struct throttle_limits never = { .window_ms = MINUTE, .delay_ms = 1000 };
	struct throttle *t = throttle_new(8, 1);
	struct throttle_who who = who_of("192.0.2.1", "ann");
	(void)state;
	for (size_t i = 0; i < 100; i++) {
		struct throttle_result got = throttle_fail(t, &never, &who, i + 1, 0);
		assert_int_equal(got.delay_ms, want_ms[i < 5 ? i : 5]);
		assert_int_equal(got.ban, THROTTLE_OPEN);
	}
	throttle_free(t);
}

/* A full table forgets the quiet ones, not those that are banned. */
static void bounded(void **state)
{
	struct throttle *t = throttle_new(64, 3);
	struct throttle_who bad = who_of("192.0.2.1", "");
	char name[32];
	(void)state;
	for (uint64_t i = 1; i <= 3; i++) (void)throttle_fail(t, &limits, &bad, i, 0);
	assert_int_equal(throttle_check(t, &bad, 0), THROTTLE_CLIENT);
	for (unsigned i = 0; i < 20000; i++) {
		(void)snprintf(name, sizeof name, "10.%u.%u.1", i >> 8, i & 255);
		struct throttle_who other = who_of(name, name);
		(void)throttle_fail(t, &limits, &other, 1, 1 + (int64_t)i);
	}
	assert_int_equal(throttle_check(t, &bad, MINUTE), THROTTLE_CLIENT);
	/* Even if all were banned there is room for the next. */
	for (unsigned i = 0; i < 3000; i++) {
		(void)snprintf(name, sizeof name, "10.%u.%u.1", i >> 8, i & 255);
		struct throttle_who other = who_of(name, name);
		for (uint64_t k = 1; k <= 3; k++)
			(void)throttle_fail(t, &limits, &other, k, MINUTE + (int64_t)i);
		assert_int_not_equal(throttle_check(t, &other, MINUTE + (int64_t)i), OPEN);
	}
	throttle_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_client),  cmocka_unit_test(of_account),
		cmocka_unit_test(of_owner),   cmocka_unit_test(counting),
		cmocka_unit_test(of_network), cmocka_unit_test(delays),
		cmocka_unit_test(bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
