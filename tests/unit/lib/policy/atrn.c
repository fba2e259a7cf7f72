/* SPDX-License-Identifier: Apache-2.0 */
/* Who may fetch which mail (RFC 2645 5.2.1). */
#include "verdict_is.h"

#include <string.h>

static const char text[] =
	"domain a.example B.A.example { deliver hold-for-etrn; etrn-from 192.0.2.0/24; atrn-user ann@us.example @staff.example }\n"
	"domain c.example { deliver hold-for-etrn; atrn-user ann@us.example }\n"
	"domain d.example { deliver route up; atrn-user ann@us.example }\n"
	"domain e.example { deliver hold-for-etrn; etrn-user ann@us.example }\n"
	"route up { via 127.0.0.1 }\n";

static void who(void **state)
{
	enum { OK = 'o', BAD = 'b', NO = 'n' };
	static const struct { const char *user, *argument; int want; const char *domains; } rows[] = {
		{ "ann@us.example", "", OK, "a.example\nb.a.example\nc.example\n" },
		{ "ann@us.example", "  ", OK, "a.example\nb.a.example\nc.example\n" },
		{ "x@staff.example", "", OK, "a.example\nb.a.example\n" },
		{ "eve@us.example", "", NO, "" }, { "", "", NO, "" }, { "", "a.example", NO, "" },
		{ "ANN@us.example", "A.Example", OK, "a.example\n" },
		{ "ann@us.example", "c.example,b.a.example", OK, "c.example\nb.a.example\n" },
		{ "ann@us.example", "c.example,C.example,c.example", OK, "c.example\n" },
		{ "x@staff.example", "a.example,c.example", NO, NULL }, { "x@staff.example", "c.example,a.example", NO, NULL },
		{ "ann@us.example", "d.example", NO, NULL }, { "ann@us.example", "e.example", NO, NULL },
		{ "ann@us.example", "x.a.example", NO, NULL }, { "ann@us.example", "nowhere.example", NO, NULL },
		{ "ann@us.example", ",", BAD, NULL }, { "ann@us.example", "a.example,", BAD, NULL },
		{ "ann@us.example", ",a.example", BAD, NULL }, { "ann@us.example", "a.example,,c.example", BAD, NULL },
		{ "ann@us.example", "a.example, c.example", BAD, NULL }, { "ann@us.example", "a.example c.example", BAD, NULL },
		{ "ann@us.example", "@a.example", BAD, NULL }, { "ann@us.example", "[192.0.2.1]", BAD, NULL },
		{ "ann@us.example", "a\x01.example", BAD, NULL }, { "ann@us.example", "d.example,@", BAD, NULL },
	};
	(void)state;
	struct conf *conf = conf_of(text);
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[600];
		struct buf out;
		struct facts f = { .conf = conf, .user = str_of(rows[i].user), .authenticated = rows[i].user[0] != '\0' };
		assert_true(ip_parse(STR("192.0.2.1"), &f.client)); /* ETRN's network is no right here */
		buf_init_fixed(&out, memory, sizeof memory);
		enum policy_atrn got = policy_atrn_domains(&f, str_of(rows[i].argument), &out);
		enum policy_atrn want = rows[i].want == OK ? POLICY_ATRN_OK
			: rows[i].want == BAD ? POLICY_ATRN_BAD : POLICY_ATRN_DENIED;
		if (got != want || (rows[i].domains && !str_eq(buf_view(&out), str_of(rows[i].domains))))
			fail_msg("row %zu: %d '%.*s'", i, (int)got, (int)out.len, out.at);
	}
	conf_free(conf);
}

static void too_many(void **state)
{
	static const char *const rows[] = { "", "a.example,b.a.example" };
	(void)state;
	struct conf *conf = conf_of(text);
	struct facts f = { .conf = conf, .user = STR("ann@us.example"), .authenticated = true };
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[12];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		assert_int_equal(policy_atrn_domains(&f, str_of(rows[i]), &out), POLICY_ATRN_MANY);
	}
	conf_free(conf);
}

static void lists(void **state)
{
	static const struct { const char *list, *name; bool want; } rows[] = {
		{ "", "a", false }, { "a\n", "a", true }, { "a\n", "A", true }, { "a\nbc\n", "bc", true },
		{ "a\nbc\n", "c", false }, { "abc\n", "ab", false }, { "a\n", "", false }, { "a", "a", true },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		if (policy_domain_is_in(str_of(rows[i].list), str_of(rows[i].name)) != rows[i].want)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who), cmocka_unit_test(too_many), cmocka_unit_test(lists),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
