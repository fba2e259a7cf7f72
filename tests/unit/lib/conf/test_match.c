/* SPDX-License-Identifier: Apache-2.0 */
/* Files of domains that routes match. */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static struct conf *conf_with(const char *text, struct str list, struct conf_errors *errors)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	assert_non_null(bundle);
	conf_bundle_init(bundle);
	conf_errors_init(errors);
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_MATCHES, STR("/list"), list));
	struct conf *conf = conf_parse(bundle, errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

static const struct conf_route *find(const struct conf *conf, const char *domain, const char *sender)
{
	return conf_route_match(conf,
		&(struct conf_route_ask){ .domain = str_of(domain), .sender = str_of(sender) }).route;
}

static void test_file(void **state)
{
	(void)state;
	struct conf_errors errors;
	static const struct { const char *domain, *sender, *route; } cases[] = {
		{ "A.example", "", "a" },
		{ "x.b.example", "", "a" },
		{ "b.example", "", NULL },
		{ "x.c.example", "", "a" },
		{ "d.example", "", "a" },
		{ "d.example", "i@s.example", "b" }, /* one file of two routes */
		{ "own.example", "", "a" },
	};
	struct conf *conf = conf_with("route a { mx; match own.example; match-file /list }\n"
				      "route b { via h; match-file /list; sender @s.example }\n",
		STR("a.example # the first\n.b.example *.c.example\n\nd.example; d.example\n"), &errors);
	assert_non_null(conf);
	assert_int_equal(errors.warnings, 0);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct conf_route *r = find(conf, cases[i].domain, cases[i].sender);
		bool right = cases[i].route ? r && str_eq(r->name, str_of(cases[i].route)) : !r;
		if (!right) fail_msg("%s from %s", cases[i].domain, cases[i].sender);
	}
	char *shown = help_show(conf, CONF_SHOW_CHANGED);
	assert_string_equal(shown, "route a {\n\tmatch own.example\n\tmatch-file /list\n\tmx\n}\n"
				   "route b {\n\tmatch-file /list\n\tsender @s.example\n\tvia h:25\n}\n");
	free(shown);
	conf_free(conf);
	conf_errors_free(&errors);
}

static void test_wrong_file(void **state)
{
	(void)state;
	struct conf_errors errors;
	assert_null(conf_with("route a { mx; match-file /list }\n",
		STR("a.example\nb.example c..example\n@d.example { x }\n"), &errors));
	char *text = help_errors(&errors);
	assert_string_equal(text,
		"/list:2:11: 'c..example' is not a domain name; write example.com, or .example.com for "
		"all below it, or * for all\n    b.example c..example\n              ^~~~~~~~~~\n"
		"/list:3:1: '@d.example' is not a domain name; write example.com, or .example.com for "
		"all below it, or * for all\n    @d.example { x }\n    ^~~~~~~~~~\n"
		"/list:3:12: this '{' follows nothing that takes a block\n    @d.example { x }\n"
		"               ^\n");
	free(text);
	conf_errors_free(&errors);
	struct conf *conf = conf_with("domain a.example { users any; deliver maildir /m/%n }\n"
				      "route a { mx; match-file /list }\n", STR("a.example\n"), &errors);
	assert_non_null(conf);
	text = help_errors(&errors);
	assert_string_equal(text, "t.conf:2:1: warning: a.example is a local domain at t.conf:1: its mail "
				  "does not go by this route\n    route a { mx; match-file /list }\n"
				  "    ^~~~~\n");
	free(text);
	conf_free(conf);
	conf_errors_free(&errors);
}

static void list_write(struct buf *list, unsigned count)
{
	buf_init(list, CONF_FILE_MAX);
	for (unsigned i = 0; i < count; i++)
		buf_fmt(list, i % 2 ? "d%u.example\n" : ".d%u.example\n", i);
}

/* 100,000 load at once, and each is found as quickly as one of a few. */
static void test_many(void **state)
{
	(void)state;
	enum { COUNT = 100 * 1000 };
	struct conf_errors errors;
	struct buf list;
	list_write(&list, COUNT);
	clock_t begun = clock();
	struct conf *conf = conf_with("route a { mx; match-file /list }\nroute b { mx; match * }\n",
		buf_view(&list), &errors);
	assert_non_null(conf);
	print_message("%d domains read in %ld ms\n", COUNT, (long)((clock() - begun) * 1000 / CLOCKS_PER_SEC));
	for (unsigned i = 0; i < COUNT; i++) {
		char text[64];
		(void)snprintf(text, sizeof text, i % 2 ? "D%u.example" : "x.y.d%u.example", i);
		assert_ptr_equal(find(conf, text, ""), &conf->routes[0]);
	}
	begun = clock();
	for (unsigned i = 0; i < COUNT; i++)
		assert_ptr_equal(find(conf, "a.long.name.of.example", ""), &conf->routes[1]);
	print_message("a decision takes %ld ns\n",
		(long)((clock() - begun) * 1000000000 / CLOCKS_PER_SEC / COUNT));
	assert_ptr_equal(find(conf, "d0.example", ""), &conf->routes[1]);
	conf_free(conf);
	conf_errors_free(&errors);
	buf_free(&list);
}

static void test_too_many(void **state)
{
	(void)state;
	enum { MOST = 200000 };
	for (unsigned over = 0; over < 2; over++) {
		struct conf_errors errors;
		struct buf list;
		list_write(&list, MOST + over);
		struct conf *conf =
			conf_with("route a { mx; match-file /list }\n", buf_view(&list), &errors);
		assert_int_equal(conf == NULL, over);
		if (over)
			assert_true(str_eq(errors.list[0].sentence,
				STR("a file of domains has at most 200000")));
		if (over) assert_int_equal(errors.list[0].at.line, MOST + 1);
		conf_free(conf);
		conf_errors_free(&errors);
		buf_free(&list);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_wrong_file),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_too_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
