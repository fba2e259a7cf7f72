/* SPDX-License-Identifier: Apache-2.0 */
#include "../policy/conf_text.h"
#include "lib/route/site.h"

static const char text[] =
	"hostname mx.us.example\n"
	"pacing one { match a.example .b.example; connections 1 }\n"
	"pacing two { match c.b.example .d.b.example; mx .mx.example mail.big.example; connections 2 }\n"
	"pacing three { mx .big.example .deep.mx.example; connections 3 }\n"
	"pacing mine { mx .google.com; connections 9 }\n"
	"pacing default { connections 4 }\n"
	"domain l.example { users any; deliver lmtp 127.0.0.1:24 }\n"
	"route hub { match v.example; via x.mx.example }\n"
	"route default { mx }\n";

static struct conf *conf;

static int setup(void **state)
{
	(void)state;
	conf = conf_of(text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	conf_free(conf);
	return 0;
}

static void expect(const char *what, const struct conf_pacing *block, const char *want)
{
	struct str got = block ? block->name : STR("-");
	if (!str_eq(got, str_of(want))) fail_msg("%s: %.*s, not %s", what, STR_ARG(got), want);
}

static void by_domain(void **state)
{
	(void)state;
	static const struct { const char *domain, *want; } rows[] = {
		{ "a.example", "one" },     { "A.Example", "one" },     { "a.example.", "one" },
		{ "x.a.example", "-" },     { "b.example", "-" },       { "x.b.example", "one" },
		{ "c.b.example", "two" },   { "x.c.b.example", "one" }, { "x.d.b.example", "two" },
		{ "d.b.example", "one" },   { "xb.example", "-" },      { "mx.example", "-" },
		{ "", "-" },                { ".", "-" },               { ".b.example", "-" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		expect(rows[i].domain, site_of_domain(conf, str_of(rows[i].domain)), rows[i].want);
}

/* In whatever order the names come. */
static void by_hosts(void **state)
{
	(void)state;
	static const struct { const char *hosts[3], *want; } rows[] = {
		{ { "a.mx.example" }, "two" },
		{ { "A.MX.Example." }, "two" },
		{ { "mx.example" }, "-" },
		{ { "other.example", "x.mx.example" }, "two" },
		{ { "x.deep.mx.example", "y.mx.example" }, "three" },
		{ { "mail.big.example", "x.big.example" }, "two" }, /* exact is longer */
		{ { "x.big.example", "other.example", "y.big.example" }, "three" },
		{ { "a.example" }, "-" }, /* that is a domain */
		{ { "" }, "-" },
		/* Of the program, but for what the file says. */
		{ { "mx-eu.mail.am0.yahoodns.net" }, "yahoo" },
		{ { "us-example.mail.protection.outlook.com" }, "microsoft365" },
		{ { "outlook-com.olc.protection.outlook.com" }, "outlook" },
		{ { "aspmx.l.google.com", "alt1.aspmx.l.google.com" }, "mine" },
		{ { "aspmx2.googlemail.com", "aspmx.l.google.com" }, "mine" },
		{ { "aspmx2.googlemail.com" }, "google" },
		{ { "smtp-in.orange.fr" }, "orange" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (int backwards = 0; backwards < 2; backwards++) {
			struct site_best best = { NULL, 0 };
			for (int n = 0; n < 3; n++) {
				const char *host = rows[i].hosts[backwards ? 2 - n : n];
				if (host) site_host(conf, str_of(host), &best);
			}
			expect(rows[i].hosts[0], best.block, rows[i].want);
		}
}

static void by_name(void **state)
{
	(void)state;
	expect("default", site_default(conf), "default");
	expect("three", site_find(conf, STR("three")), "three");
	expect("none", site_find(conf, STR("none")), "-");
}

/* As far as the route tells; only mail by MX has a domain that says something. */
static void by_route(void **state)
{
	(void)state;
	static const struct { const char *address, *want; bool by_hosts; } rows[] = {
		{ "x@a.example", "one", false }, { "x@there.example", "-", true },
		{ "x@v.example", "-", true },    { "x@l.example", "-", false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct route route = route_find(conf, &(struct route_ask){ .address = str_of(rows[i].address) });
		bool by_hosts;
		expect(rows[i].address, site_of_route(conf, &route, &by_hosts), rows[i].want);
		assert_int_equal(by_hosts, rows[i].by_hosts);
	}
	struct conf *none = conf_of("hostname mx.us.example\npacing-profile none\npacing one { match a.example; connections 1 }\n"
				    "route default { mx }\n");
	struct route route = route_find(none, &(struct route_ask){ .address = STR("x@b.example") });
	bool by_hosts = true;
	assert_null(site_of_route(none, &route, &by_hosts));
	assert_false(by_hosts); /* no block names hosts */
	conf_free(none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_domain),
		cmocka_unit_test(by_hosts),
		cmocka_unit_test(by_name),
		cmocka_unit_test(by_route),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
