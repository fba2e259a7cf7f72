/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for which mail that waits. */
#include "verdict_is.h"

#include <string.h>

static const char text[] =
	"domain a.example B.A.example ba.example { deliver hold-for-etrn up; etrn-from 192.0.2.0/24 198.51.100.1; "
	"etrn-user ann@us.example @staff.example }\n"
	"domain c.example { deliver hold-for-etrn; etrn-user ann@us.example }\n"
	"domain d.example { deliver route up }\n"
	"route up { via 127.0.0.1 }\nroute c { match c.example; via 127.0.0.1 }\n";

static struct ip ip_of(const char *in)
{
	struct ip ip;
	assert_true(ip_parse(str_of(in), &ip));
	return ip;
}

static void who(void **state)
{
	static const struct { const char *client, *user, *argument, *want; } rows[] = {
		{ "192.0.2.1", "", "a.example", "a.example\n" }, { "192.0.2.1", "", "A.EXAMPLE", "a.example\n" },
		{ "198.51.100.1", "", " b.a.example ", "b.a.example\n" }, { "198.51.100.2", "", "a.example", "" },
		{ "192.0.2.1", "", "c.example", "" }, { "192.0.2.1", "", "d.example", "" },
		{ "198.51.100.2", "ann@us.example", "c.example", "c.example\n" },
		{ "198.51.100.2", "ANN@us.example", "c.example", "c.example\n" },
		{ "198.51.100.2", "x@staff.example", "a.example", "a.example\n" },
		{ "198.51.100.2", "x@staff.example", "c.example", "" },
		{ "198.51.100.2", "x@astaff.example", "a.example", "" },
		{ "192.0.2.1", "", "@a.example", "a.example\nb.a.example\n" },
		{ "192.0.2.1", "", "@example", "a.example\nb.a.example\nba.example\n" },
		{ "192.0.2.1", "", "@b.a.example", "b.a.example\n" }, { "192.0.2.1", "", "@x.example", "" },
		{ "192.0.2.1", "", "#up", "a.example\nb.a.example\nba.example\n" },
		{ "192.0.2.1", "", "#c", "" }, { "192.0.2.1", "ann@us.example", "#c", "c.example\n" },
		{ "192.0.2.1", "", "#default", "" },
		{ "192.0.2.1", "", "", "BAD" }, { "192.0.2.1", "", "@", "BAD" }, { "192.0.2.1", "", "#", "BAD" },
		{ "192.0.2.1", "", "a.example b", "BAD" }, { "192.0.2.1", "", "a\x01.example", "BAD" },
		{ "192.0.2.1", "", "@@a.example", "" },
	};
	(void)state;
	struct conf *conf = conf_of(text);
	assert_int_equal(conf->held_count, 2);
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[600];
		struct buf out;
		struct facts f = { .conf = conf, .client = ip_of(rows[i].client),
			.user = str_of(rows[i].user), .authenticated = rows[i].user[0] != '\0' };
		buf_init_fixed(&out, memory, sizeof memory - 1);
		enum policy_etrn got = policy_etrn_domains(&f, str_of(rows[i].argument), &out);
		enum policy_etrn want = rows[i].want[0] ? POLICY_ETRN_OK : POLICY_ETRN_DENIED;
		bool bad = strcmp(rows[i].want, "BAD") == 0;
		if (bad) want = POLICY_ETRN_BAD;
		if (got != want || (!bad && !str_eq(buf_view(&out), str_of(rows[i].want))))
			fail_msg("row %zu: %d '%.*s'", i, (int)got, (int)out.len, out.at);
	}
	conf_free(conf);
}

static void offered(void **state)
{
	static const struct { const char *client, *user; bool want; } rows[] = {
		{ "192.0.2.1", "", true }, { "198.51.100.2", "", false }, { "198.51.100.2", "ann@us.example", true },
		{ "198.51.100.2", "y@staff.example", true }, { "198.51.100.2", "eve@us.example", false },
	};
	(void)state;
	struct conf *conf = conf_of(text), *none = conf_of("domain a.example { users any; deliver maildir /m/%n }\n");
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct facts f = { .conf = conf, .client = ip_of(rows[i].client),
			.user = str_of(rows[i].user), .authenticated = rows[i].user[0] != '\0' };
		if (policy_may_etrn(&f) != rows[i].want) fail_msg("row %zu", i);
		f.conf = none;
		assert_false(policy_may_etrn(&f));
	}
	conf_free(conf);
	conf_free(none);
}

static void too_many(void **state)
{
	char memory[12];
	struct buf out;
	(void)state;
	struct conf *conf = conf_of(text);
	struct facts f = { .conf = conf, .client = ip_of("192.0.2.1") };
	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(policy_etrn_domains(&f, STR("@a.example"), &out), POLICY_ETRN_MANY);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who), cmocka_unit_test(offered), cmocka_unit_test(too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
