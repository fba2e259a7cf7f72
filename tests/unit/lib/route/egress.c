/* SPDX-License-Identifier: Apache-2.0 */
/* Who leaves by which address: shares, what stays where it is, families, and the days of a
 * warm-up. */
#include "../policy/conf_text.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/units.h"
#include "lib/route/egress.h"

static const char pool[] = "egress a { address 192.0.2.1; weight 5 }\n"
			   "egress b { address 192.0.2.2; weight 3 }\n"
			   "egress c { address 192.0.2.3; weight 2 }\n"
			   "route abc { match a.example; mx; egress a b c }\n"
			   "route ac { match b.example; mx; egress c a }\n"
			   "route none { match c.example; mx }\n";

enum { SENDERS = 20000 };

static size_t order_of(const struct conf *conf, const char *route, uint64_t hash, char out[8])
{
	const struct conf_egress *order[EGRESS_POOL_MAX];
	size_t count = egress_order(conf, conf_route_find(conf, str_of(route)), hash, order);
	for (size_t i = 0; i < count; i++) out[i] = order[i]->name.at[0];
	out[count] = '\0';
	return count;
}

static uint64_t hash_of(unsigned i)
{
	char sender[64];
	(void)snprintf(sender, sizeof sender, "user%u@us.example", i);
	return egress_hash(STR("mx:far.example"), str_of(sender));
}

/* By weight; and where the first cannot send, the rest takes over by its weights. */
static void shares(void **state)
{
	struct conf *conf = conf_of(pool);
	int first[3] = { 0 }, after_a[3] = { 0 }, moved = 0;
	char order[8], fewer[8];
	(void)state;
	for (unsigned i = 0; i < SENDERS; i++) {
		assert_int_equal(order_of(conf, "abc", hash_of(i), order), 3);
		first[order[0] - 'a']++;
		if (order[0] == 'a') after_a[order[1] - 'a']++;
		/* Without b whoever did not leave by b stays where he was. */
		assert_int_equal(order_of(conf, "ac", hash_of(i), fewer), 2);
		if (order[0] != 'b') moved += fewer[0] != order[0];
		else assert_int_equal(fewer[0], order[1]);
	}
	assert_in_range(first[0], SENDERS * 48 / 100, SENDERS * 52 / 100);
	assert_in_range(first[1], SENDERS * 28 / 100, SENDERS * 32 / 100);
	assert_in_range(first[2], SENDERS * 18 / 100, SENDERS * 22 / 100);
	assert_in_range(after_a[1], first[0] * 57 / 100, first[0] * 63 / 100);
	assert_int_equal(moved, 0);
	assert_int_equal(order_of(conf, "none", 1, order), 0);
	conf_free(conf);
}

static void same_for_the_same(void **state)
{
	static const struct { const char *to, *from; bool same; } rows[] = {
		{ "mx:far.example", "ann@us.example", true },
		{ "MX:far.example", "Ann@US.example", true },
		{ "mx:far.example", "bob@us.example", false },
		{ "mx:other.example", "ann@us.example", false },
		{ "mx:far.examplea", "nn@us.example", false },
		{ "ann@us.example", "mx:far.example", false },
		{ "mx:far.example", "", false },
	};
	(void)state;
	uint64_t hash = egress_hash(STR("mx:far.example"), STR("ann@us.example"));
	for (size_t i = 0; i < ROWS(rows); i++) {
		bool same = egress_hash(str_of(rows[i].to), str_of(rows[i].from)) == hash;
		if (same != rows[i].same) fail_msg("row %zu", i);
	}
}

static void belongs(void **state)
{
	struct conf *conf = conf_of(pool);
	(void)state;
	assert_true(egress_is_of(conf_route_find(conf, STR("ac")), STR("a")));
	assert_false(egress_is_of(conf_route_find(conf, STR("ac")), STR("b")));
	assert_false(egress_is_of(conf_route_find(conf, STR("none")), STR("a")));
	conf_free(conf);
}

/* What is out: addresses with blanks between. */
static bool is_out(const void *arg, struct ip ip)
{
	struct ip out;
	struct str rest = str_of(arg);
	for (struct str word; (word = str_word(&rest)).len;)
		if (ip_parse(word, &out) && ip_eq(out, ip)) return true;
	return false;
}

static void sources(void **state)
{
	static const struct { const char *egress; bool v4; const char *out; enum egress_source want; const char *from; } rows[] = {
		{ "four", true, "", EGRESS_FROM, "192.0.2.1" },
		{ "four", false, "", EGRESS_NO_FAMILY, "" },
		{ "four", true, "192.0.2.1", EGRESS_ALL_OUT, "" },
		{ "six", true, "", EGRESS_NO_FAMILY, "" },
		{ "six", false, "192.0.2.1", EGRESS_FROM, "2001:db8::1" },
		{ "both", true, "", EGRESS_FROM, "192.0.2.2" },
		{ "both", false, "", EGRESS_FROM, "2001:db8::2" },
		{ "both", true, "192.0.2.2", EGRESS_ALL_OUT, "" },
		{ "both", false, "192.0.2.2", EGRESS_FROM, "2001:db8::2" },
		{ "two", true, "192.0.2.4", EGRESS_FROM, "192.0.2.3" },
		{ "two", true, "192.0.2.3", EGRESS_FROM, "192.0.2.4" },
		{ "two", true, "192.0.2.3 192.0.2.4", EGRESS_ALL_OUT, "" },
	};
	struct conf *conf = conf_of("egress four { address 192.0.2.1 }\negress six { address 2001:db8::1 }\n"
				    "egress both { address 2001:db8::2 192.0.2.2 }\n"
				    "egress two { address 192.0.2.3 192.0.2.4 }\n"
				    "route r { mx; match a.example; egress four six both two }\n");
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		for (uint64_t hash = 0; hash < 50; hash++) {
			struct ip want, from = { 0 };
			enum egress_source got =
				egress_source(conf_egress_find(conf, str_of(rows[i].egress)), rows[i].v4,
					      hash, is_out, rows[i].out, &from);
			if (got != rows[i].want) fail_msg("row %zu: %d", i, (int)got);
			if (got != EGRESS_FROM) continue;
			assert_true(ip_parse(str_of(rows[i].from), &want));
			if (!ip_eq(want, from)) fail_msg("row %zu: another address", i);
		}
	}
	/* Several addresses share the mail. */
	int first = 0;
	for (unsigned i = 0; i < SENDERS; i++) {
		struct ip from, three;
		assert_true(ip_parse(STR("192.0.2.3"), &three));
		assert_int_equal(egress_source(conf_egress_find(conf, STR("two")), true, hash_of(i),
					       is_out, "", &from), EGRESS_FROM);
		first += ip_eq(from, three);
	}
	assert_in_range(first, SENDERS * 47 / 100, SENDERS * 53 / 100);
	conf_free(conf);
}

static int64_t at(const char *day, int64_t hours)
{
	int64_t ms;
	assert_true(units_date(str_of(day), &ms));
	return ms + hours * 3600000;
}

static void days(void **state)
{
	static const struct { const char *egress, *day; int64_t hours; bool limited; uint32_t limit, period; const char *until; int64_t until_hours; } rows[] = {
		{ "day", "2026-11-21", 23, true, 0, 0, "2026-11-22", 0 },
		{ "day", "2026-11-22", 0, true, 50, 0, "2026-11-23", 0 },
		{ "day", "2026-11-22", 23, true, 50, 0, "2026-11-23", 0 },
		{ "day", "2026-11-23", 0, true, 50, 1, "2026-11-24", 0 },
		{ "day", "2026-11-24", 0, true, 100, 2, "2026-11-25", 0 },
		{ "day", "2026-11-27", 5, true, 200, 5, "2026-11-28", 0 },
		{ "day", "2026-12-26", 5, true, 6553600, 34, "2026-12-27", 0 },
		{ "day", "2026-12-28", 5, false, 0, 0, "", 0 },
		{ "day", "2099-12-28", 5, false, 0, 0, "", 0 },
		{ "hour", "2026-11-22", 0, true, 1, 0, "2026-11-22", 1 },
		{ "hour", "2026-11-22", 35, true, 1, 35, "2026-11-23", 12 },
		{ "hour", "2026-11-22", 36, true, 2, 36, "2026-11-23", 13 },
		{ "never", "2026-11-22", 0, false, 0, 0, "", 0 },
		{ "slow", "9999-01-01", 0, true, 3, 95, "9999-01-26", 0 },
	};
	struct conf *conf = conf_of(
		"egress day { address ::1; warm-up { start 2026-11-22; first 50/1d; double-every 2d } }\n"
		"egress hour { address ::2; warm-up { start 2026-11-22; first 1/1h; double-every 36h } }\n"
		"egress never { address ::3 }\n"
		"egress slow { address ::4; warm-up { start 9991-03-13; first 3/30d; double-every 366d } }\n");
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		const struct conf_egress *e = conf_egress_find(conf, str_of(rows[i].egress));
		struct egress_day day = egress_day(&e->warm_up, at(rows[i].day, rows[i].hours));
		int64_t until = rows[i].until[0] ? at(rows[i].until, rows[i].until_hours) : 0;
		if (str_eq(e->name, STR("slow"))) {
			assert_int_equal(day.limit, 3 << 7);
			continue;
		}
		if (day.limited != rows[i].limited || day.limit != rows[i].limit ||
		    day.period != rows[i].period || day.until_ms != until)
			fail_msg("row %zu: limit %u in period %u", i, day.limit, day.period);
	}
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares),
		cmocka_unit_test(same_for_the_same),
		cmocka_unit_test(belongs),
		cmocka_unit_test(sources),
		cmocka_unit_test(days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
