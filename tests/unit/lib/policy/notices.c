/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_text.h"

#include <string.h>

#include "lib/policy/notices.h"

enum { HOUR = NOTICES_HOUR_MS };

static struct ip client(unsigned n)
{
	return ip_of_v4(0xc0000200u + n);
}

static void add(struct notices *n, unsigned who, enum verdict_class class, const char *from, int64_t now)
{
	notices_add(n, &(struct notice){ .class = class, .client = client(who), .user = STR("-"),
		.from = str_of(from), .helo = STR("h"), .rule = STR("t:1"), .reply = STR("550"),
		.last_ms = now + 5 }, now);
}

/* The next message tells of `count` refusals, the last from `from`; NULL: there is none. */
static void next(struct notices *n, int64_t now, uint64_t count, const char *from)
{
	const struct notice *got = notices_next(n, now);
	if (!from) {
		assert_null(got);
		return;
	}
	assert_non_null(got);
	assert_int_equal(got->count, count);
	assert_true(str_eq(got->from, str_of(from)));
	assert_true(str_eq(got->user, STR("-")));
}

static void one_an_hour(void **state)
{
	(void)state;
	struct notices n;
	notices_init(&n, 7);
	next(&n, 0, 0, NULL);
	add(&n, 1, VERDICT_HOMED, "a", 1000);
	next(&n, 1000, 1, "a"); /* at once */
	next(&n, 1000, 0, NULL);
	for (int i = 0; i < 16; i++) add(&n, 1, VERDICT_HOMED, "b", 2000 + i);
	next(&n, 1000 + HOUR - 1, 0, NULL);
	const struct notice *got = notices_next(&n, 1000 + HOUR);
	assert_non_null(got);
	assert_int_equal(got->count, 16);
	assert_int_equal(got->first_ms, 2005);
	assert_int_equal(got->last_ms, 2020);
	/* The next hour: counted until its end, too. */
	add(&n, 1, VERDICT_HOMED, "c", 1000 + HOUR + 1);
	next(&n, 1000 + HOUR + 1, 0, NULL);
	next(&n, 1000 + 2 * HOUR, 1, "c");
	/* An hour of peace, and it begins anew. */
	next(&n, 1000 + 3 * HOUR, 0, NULL);
	assert_int_equal(n.count, 0);
	add(&n, 1, VERDICT_HOMED, "d", 1000 + 3 * HOUR + 1);
	next(&n, 1000 + 3 * HOUR + 1, 1, "d");
	notices_free(&n);
}

static void clients_and_classes_apart(void **state)
{
	(void)state;
	struct notices n;
	notices_init(&n, 7);
	add(&n, 1, VERDICT_HOMED, "a", 0);
	add(&n, 2, VERDICT_HOMED, "a", 0);
	add(&n, 1, VERDICT_MATCH, "a", 0);
	add(&n, 1, VERDICT_HOMED, "b", 0);
	unsigned seen = 0;
	for (const struct notice *got; (got = notices_next(&n, 0)); seen++) {
		bool twice = ip_eq(got->client, client(1)) && got->class == VERDICT_HOMED;
		assert_int_equal(got->count, twice ? 2 : 1);
	}
	assert_int_equal(seen, 3);
	notices_free(&n);
}

/* Too much of one user is told once, whichever of his clients it comes from. */
static void a_user_with_many_clients(void **state)
{
	(void)state;
	struct notices n;
	notices_init(&n, 7);
	for (unsigned i = 1; i < 50; i++) {
		struct notice held = { .class = i % 2 ? VERDICT_RATE : VERDICT_BASELINE, .held = true,
			.client = client(i), .user = STR("ann@us.example"), .last_ms = i };
		notices_add(&n, &held, 0);
	}
	struct notice other = { .class = VERDICT_RATE, .client = client(3), .user = STR("bob@us.example") };
	struct notice nobody = { .class = VERDICT_RATE, .client = client(3), .user = STR("-") };
	notices_add(&n, &other, 0);
	notices_add(&n, &nobody, 0);
	unsigned seen = 0;
	for (const struct notice *got; (got = notices_next(&n, 0)); seen++) {
		bool ann = str_eq(got->user, STR("ann@us.example"));
		unsigned want = !ann ? 1 : got->class == VERDICT_RATE ? 25 : 24;
		assert_int_equal(got->count, want);
		assert_int_equal(got->held, ann);
		if (ann) assert_true(ip_eq(got->client, client(got->class == VERDICT_RATE ? 49 : 48)));
	}
	assert_int_equal(seen, 4);
	notices_free(&n);
}

/* A table that is full counts the others together. */
static void bounded(void **state)
{
	(void)state;
	struct notices n;
	size_t several = 0, named = 0;
	notices_init(&n, 7);
	for (unsigned i = 0; i < 3 * NOTICES_MAX; i++) add(&n, i, VERDICT_HOMED, "a", 0);
	for (unsigned i = 0; i < 10; i++) add(&n, 5 * NOTICES_MAX + i, VERDICT_MATCH, "a", 0);
	add(&n, 1, VERDICT_HOMED, "a", 0); /* one that has its place */
	assert_int_equal(n.count, NOTICES_MAX + 2);
	for (const struct notice *got; (got = notices_next(&n, 0));) {
		if (!ip_is_none(got->client)) named += got->count;
		else if (got->class == VERDICT_HOMED) several += got->count;
		else assert_int_equal(got->count, 10);
	}
	assert_int_equal(named, NOTICES_MAX + 1);
	assert_int_equal(several, 2 * NOTICES_MAX);
	next(&n, HOUR, 0, NULL);
	assert_int_equal(n.count, 0);
	notices_free(&n);
}

static void long_texts_are_cut(void **state)
{
	(void)state;
	struct notices n;
	char text[4 * NOTICE_TEXT_MAX + 1];
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	notices_init(&n, 7);
	add(&n, 1, VERDICT_HOMED, text, 0);
	const struct notice *got = notices_next(&n, 0);
	assert_non_null(got);
	assert_int_equal(got->from.len, NOTICE_TEXT_MAX);
	assert_ptr_not_equal(got->from.at, text);
	notices_free(&n);
}

static void advice(void **state)
{
	(void)state;
	for (enum verdict_class c = VERDICT_HOMED; c < VERDICT_CLASSES; c++)
		assert_true(str_starts(notices_advice(c), STR("What to do: ")));
	assert_int_equal(notices_advice(VERDICT_CLASS_NONE).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_an_hour), cmocka_unit_test(clients_and_classes_apart),
		cmocka_unit_test(a_user_with_many_clients), cmocka_unit_test(bounded), cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(advice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
