/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "services/dns/cache.h"

static const char *text_of(struct cache *c, const char *name, enum dns_type type, int64_t now_ms)
{
	static char text[64];
	struct str packet;
	if (!cache_get(c, str_of(name), type, now_ms, &packet)) return NULL;
	assert_true(str_to_cstr(packet, text, sizeof text));
	return text;
}

static void keeps(void **state)
{
	struct cache c;
	(void)state;
	cache_init(&c, 1);
	assert_null(text_of(&c, "a.example", DNS_A, 0));
	cache_put(&c, STR("a.example"), DNS_A, STR("one"), 100);
	cache_put(&c, STR("a.example"), DNS_MX, STR("two"), 200);
	cache_put(&c, STR("b.example"), DNS_A, STR(""), 100);
	assert_string_equal(text_of(&c, "A.Example", DNS_A, 99), "one");
	assert_string_equal(text_of(&c, "a.example", DNS_MX, 100), "two");
	assert_string_equal(text_of(&c, "b.example", DNS_A, 99), "");
	assert_null(text_of(&c, "b.example", DNS_MX, 99));
	/* the new one counts */
	cache_put(&c, STR("A.example"), DNS_A, STR("three"), 300);
	assert_string_equal(text_of(&c, "a.example", DNS_A, 150), "three");
	assert_int_equal(c.map.count, 3);
	/* over is over */
	assert_null(text_of(&c, "b.example", DNS_A, 100));
	assert_null(text_of(&c, "a.example", DNS_A, 300));
	assert_null(text_of(&c, "a.example", DNS_MX, 300));
	assert_int_equal(c.map.count, 0);
	assert_int_equal(c.bytes, 0);
	cache_put(&c, STR("a.example"), DNS_A, STR("freed with it"), 100);
	cache_free(&c);
}

static void fill(struct cache *c, unsigned count, struct str packet)
{
	for (unsigned i = 0; i < count; i++) {
		char name[32];
		(void)snprintf(name, sizeof name, "n%u.example", i);
		cache_put(c, str_of(name), DNS_A, packet, 100);
	}
}

/* The oldest make room, for number and for size. */
static void is_bounded(void **state)
{
	static char big[1024];
	struct str packet;
	struct cache c;
	(void)state;
	cache_init(&c, 2);
	fill(&c, CACHE_MAX + 5, STR("x"));
	assert_int_equal(c.map.count, CACHE_MAX);
	assert_null(text_of(&c, "n4.example", DNS_A, 0));
	assert_string_equal(text_of(&c, "n5.example", DNS_A, 0), "x");
	fill(&c, CACHE_MAX, (struct str){ big, sizeof big });
	assert_true(c.bytes <= CACHE_BYTES_MAX && c.bytes > CACHE_BYTES_MAX - 2 * sizeof big);
	assert_true(c.map.count < CACHE_MAX);
	assert_true(cache_get(&c, STR("n32767.example"), DNS_A, 0, &packet));
	assert_false(cache_get(&c, STR("n9.example"), DNS_A, 0, &packet));
	cache_free(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps), cmocka_unit_test(is_bounded) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
