/* SPDX-License-Identifier: Apache-2.0 */
/* What the words about who may send mean as a whole: submission, sender filters. */
#include "help.h"

#include <stdlib.h>

/* The line of t.conf (or of the filter's file: 100 more) that means the sender, with a
 * minus if it is held; 0: none. */
static int line_of(const struct conf *conf, const char *sender)
{
	enum conf_filter_action action;
	const struct conf_sender *found = conf_sender_find(conf, str_of(sender), &action);
	if (!found) return 0;
	int line = (int)found->from.line;
	if (!str_eq(found->from.file, STR("t.conf"))) line += 100;
	return action == CONF_FILTER_QUARANTINE ? -line : line;
}

static struct conf *conf_with(const char *text, const char *list, struct conf_errors *errors)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	assert_non_null(bundle);
	conf_bundle_init(bundle);
	conf_errors_init(errors);
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_SENDERS, STR("/list"), str_of(list)));
	struct conf *conf = conf_parse(bundle, errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

static void test_submission(void **state)
{
	(void)state;
	struct conf *conf = help_good("hostname a.example\n");
	assert_int_equal(conf->submission.homed, CONF_SUBMISSION_BY_ROLE);
	assert_int_equal(conf->submission.match, CONF_SUBMISSION_BY_ROLE);
	assert_int_equal(conf->submission.notify, CONF_NOTIFY_POSTMASTER);
	assert_int_equal(conf->submission.servers.count, 0);
	conf_free(conf);
	conf = help_good("postmaster p@a.example\ndomain a.example { users any; deliver maildir /m/%n }\n"
			 "submission { homed required; match off\nnotify postmaster\nservers b.example }\n");
	assert_int_equal(conf->submission.homed, CONF_SUBMISSION_REQUIRED);
	assert_int_equal(conf->submission.match, CONF_SUBMISSION_OFF);
	assert_int_equal(conf->submission.homed_from.line, 3);
	assert_true(str_eq(conf->submission.servers.at[0], STR("b.example")));
	conf_free(conf);
}

static void test_senders(void **state)
{
	(void)state;
	struct conf_errors errors;
	struct conf *conf = conf_with("filter senders {\n"               /* 1 */
				      "	ann@a.example\n"           /* 2 */
				      "	@a.example @.b.example\n"   /* 3 */
				      "}\n"                         /* 4 */
				      "filter senders { file /list\n" /* 5 */
				      "	action quarantine\n"       /* 6 */
				      "	bob@a.example; @x.b.example }\n", /* 7 */
				      "# spam\n\n@c.example # why\neve@d.example @.e.example\n", &errors);
	assert_non_null(conf);
	assert_int_equal(errors.warnings, 0);
	static const struct {
		const char *sender;
		int line;
	} cases[] = {
		{ "ann@a.example", 2 }, { "ANN@A.Example", 2 }, { "anne@a.example", 3 },
		{ "bob@a.example", -7 }, { "x@sub.a.example", 0 }, { "x@b.example", 0 },
		{ "x@y.b.example", 3 }, { "x@z.y.B.example", 3 }, { "x@x.b.example", -7 },
		{ "x@y.x.b.example", 3 }, { "x@c.example", -103 }, { "eve@d.example", -104 },
		{ "x@e.example", 0 }, { "x@a.e.example", -104 }, { "", 0 }, { "postmaster", 0 },
		{ "\"@a.example\"@z.example", 0 }, { "x@", 0 }, { "@", 0 }, { "x@.", 0 },
		{ "x@[192.0.2.1]", 0 }, { "x@example", 0 }, { "x@xa.example", 0 },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (line_of(conf, cases[i].sender) != cases[i].line)
			fail_msg("%s: %d", cases[i].sender, line_of(conf, cases[i].sender));
	char *shown = help_show(conf, CONF_SHOW_CHANGED);
	assert_string_equal(shown, "filter senders {\n\tann@a.example\n\t@a.example\n\t@.b.example\n}\n"
				   "filter senders {\n\taction quarantine\n\tfile /list\n"
				   "\tbob@a.example\n\t@x.b.example\n}\n");
	free(shown);
	conf_free(conf);
	conf_errors_free(&errors);
}

static void test_null_sender(void **state)
{
	(void)state;
	struct conf_errors errors;
	struct conf *conf = conf_with("filter senders { <>; @a.example; @A.EXAMPLE }\n", "", &errors);
	assert_non_null(conf);
	assert_int_equal(errors.warnings, 1);
	assert_int_equal(line_of(conf, ""), 1);
	assert_int_equal(line_of(conf, "x@b.example"), 0);
	conf_free(conf);
	conf_errors_free(&errors);
}

static void test_wrong_list(void **state)
{
	(void)state;
	struct conf_errors errors;
	assert_null(conf_with("filter senders { file /list }\n",
			      "@a.example\nb.example\n@c.example { x }\n} \"q\"\n{\n", &errors));
	char *text = help_errors(&errors);
	assert_string_equal(text,
		"/list:2:1: 'b.example' is no sender; write user@example.com, @example.com, "
		"@.example.com or <>\n    b.example\n    ^~~~~~~~~\n"
		"/list:3:12: this '{' follows nothing that takes a block\n    @c.example { x }\n"
		"               ^\n"
		"/list:4:1: this '}' closes nothing\n    } \"q\"\n    ^\n"
		"/list:4:3: a statement begins with a word, not with a string\n    } \"q\"\n"
		"      ^~~\n"
		"/list:5:1: a block needs a word in front of its '{'\n    {\n    ^\n"
		"/list:5:1: this '{' has no '}'\n    {\n    ^\n");
	free(text);
	conf_errors_free(&errors);
}

/* A list of 100,000 loads at once, and each is found. */
static void test_many_senders(void **state)
{
	(void)state;
	struct conf_errors errors;
	struct buf list;
	char sender[64];
	enum { COUNT = 100 * 1000 };
	buf_init(&list, CONF_FILE_MAX);
	for (unsigned i = 0; i < COUNT; i++)
		buf_fmt(&list, i % 2 ? "u%u@a.example\n" : "@d%u.example\n", i);
	buf_byte(&list, '\0');
	struct conf *conf = conf_with("filter senders { file /list }\n", list.at, &errors);
	assert_non_null(conf);
	for (unsigned i = 0; i < COUNT; i++) {
		struct buf name;
		buf_init_fixed(&name, sender, sizeof sender);
		buf_fmt(&name, i % 2 ? "u%u@a.example" : "x@d%u.example", i);
		buf_byte(&name, '\0');
		assert_int_equal(line_of(conf, sender), 100 + i + 1);
	}
	assert_int_equal(line_of(conf, "u0@a.example"), 0);
	conf_free(conf);
	conf_errors_free(&errors);
	buf_free(&list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_submission),
		cmocka_unit_test(test_senders),
		cmocka_unit_test(test_null_sender),
		cmocka_unit_test(test_wrong_list),
		cmocka_unit_test(test_many_senders),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
