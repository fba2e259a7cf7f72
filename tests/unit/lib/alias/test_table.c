/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lib/alias/table.h"

/* List files of the tests. */
static int read_list(void *arg, struct str path, struct buf *text)
{
	static const struct { const char *path, *text; } lists[] = {
		{ "/staff", "# all of us\nann\nbob@far.example, \"eve x\"\r\n\n" },
		{ "/with blank", "ann" },
		{ "/deeper", "ann\n:include:/staff\n" },
		{ "/bad", "ann\nx y\n|prog\n" },
		{ "/empty", "# nobody\n" },
	};
	(void)arg;
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (str_eq(str_of(lists[i].path), path)) {
			buf_str(text, str_of(lists[i].text));
			return 0;
		}
	return -ENOENT;
}

/* "name>target target;..." of what a look-up finds: "-" for nothing. */
static void write_alias(const struct alias_table *t, const char *address, struct buf *out)
{
	const struct alias *a = alias_find(t, str_of(address));
	if (!a) {
		buf_byte(out, '-');
		return;
	}
	for (uint32_t i = 0; i < a->count; i++) {
		if (i) buf_byte(out, '|');
		if (a->targets[i].final) buf_byte(out, '!');
		buf_str(out, a->targets[i].address);
	}
}

static void reads(void **state)
{
	static const struct { const char *file, *address, *want; } cases[] = {
		{ "info: ann", "info@us.example", "ann" },
		{ "info: ann", "INFO@us.example", "ann" },
		{ "Info : ann", "info@us.example", "ann" },
		{ "info: ann", "info+x@us.example", "-" },
		{ "info: ann", "other@us.example", "-" },
		{ "info:ann,bob@far.example", "info@us.example", "ann|bob@far.example" },
		{ "info: ann,\n\t# comment\n\n   bob\n", "info@us.example", "ann|bob" },
		{ "info: ann\n bob", "info@us.example", "ann|bob" },
		{ "info: ann,,bob,", "info@us.example", "ann|bob" },
		{ "info: ann\r\nsales: bob\r\n", "info@us.example", "ann" },
		{ "info: ann\r\nsales: bob\r\n", "sales@us.example", "bob" },
		{ "info: \\ann", "info@us.example", "!ann" },
		{ "info: Ann Smith <ann@us.example>, \"B, C\" <bob>", "info@us.example",
			"ann@us.example|bob" },
		{ "\"john smith\": ann", "\"john smith\"@us.example", "ann" },
		{ "\"plain\": ann", "plain@us.example", "ann" },
		{ "\"a:b\": ann", "\"a:b\"@us.example", "ann" },
		{ "info: \"john smith\"", "info@us.example", "\"john smith\"" },
		{ "info: \"john smith\"@far.example", "info@us.example", "\"john smith\"@far.example" },
		{ "info: \"a@b\"", "info@us.example", "\"a@b\"" },
		{ "info@us.example: ann", "info@us.example", "ann" },
		{ "info@us.example: ann", "info@other.example", "-" },
		{ "info@us.example ann, bob", "info@us.example", "ann|bob" },
		{ "info@us.example\tann", "info@us.example", "ann" },
		{ "info@us.example : ann", "info@us.example", "ann" },
		/* The whole address stands before its local part. */
		{ "info: ann\ninfo@us.example: bob", "info@us.example", "bob" },
		{ "info: ann\ninfo@us.example: bob", "info@other.example", "ann" },
		{ "@us.example: ann", "@us.example", "ann" },
		{ "@us.example: ann", "who@us.example", "-" },
		{ "@us.example  ann", "@US.example", "ann" },
		{ "info: :include:/staff, zoe", "info@us.example", "ann|bob@far.example|\"eve x\"|zoe" },
		{ "info: \":include:/with blank\"", "info@us.example", "ann" },
		{ "info+x: ann", "info+x@us.example", "ann" },
		{ "gr\303\274n: ann@gr\303\274n.example", "gr\303\274n@us.example", "ann@gr\303\274n.example" },
		{ "# nothing\n\n", "info@us.example", "-" },
		{ "", "info@us.example", "-" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct alias_table t;
		char memory[512];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory - 1);
		bool good = alias_table_read(&t, STR("/aliases"), str_of(cases[i].file), read_list, NULL);
		if (!good) print_message("%s: %s\n", cases[i].file, t.problems[0].sentence);
		assert_true(good);
		write_alias(&t, cases[i].address, &out);
		memory[out.len] = '\0';
		assert_string_equal(memory, cases[i].want);
		alias_table_free(&t);
	}
}

static void refuses(void **state)
{
	static const struct { const char *file; unsigned line; const char *want; } cases[] = {
		{ "a: b\nvacation: |/usr/bin/vacation", 2, "is a program" },
		{ "a: b\nvacation: \"|/usr/bin/vacation x, y\"", 2, "is a program" },
		{ "a: /var/log/mail", 1, "is a file" },
		{ "a: \"/var/log/a b\"", 1, "is a file" },
		{ "a: :fail: gone", 1, "is not known here" },
		{ "a: :blackhole:", 1, "is not known here" },
		{ "a: @b.example", 1, "is a whole domain" },
		{ "a: b c", 1, "is not an address" },
		{ "a: b@", 1, "is not an address" },
		{ "a: b@c..d", 1, "is not an address" },
		{ "a: <b@c", 1, "is not an address" },
		{ "a: \"b", 1, "is not an address" }, /* the quote does not end */
		{ "a: b\nc: \"", 2, "is not an address" },
		{ "a: 12345678901234567890123456789012345678901234567890123456789012345", 1,
			"is not an address" },
		{ "a:", 1, "has no target" },
		{ "a:\nb: c", 1, "has no target" },
		{ "a: :include:/empty", 1, "has no target" },
		{ "a b: c", 1, "does not begin with a name" },
		{ ": c", 1, "does not begin with a name" },
		{ "a@: c", 1, "does not begin with a name" },
		{ "@: c", 1, "does not begin with a name" },
		{ "@a..b: c", 1, "does not begin with a name" },
		{ "nothing", 1, "has no colon" },
		{ "us.example  anything", 1, "has no colon" },
		{ "\n\n  b\n", 3, "there is none before it" },
		{ "a: b\nA: c", 2, "stands already in line 1" },
		{ "a: :include:/gone", 1, "cannot be read: No such file" },
		{ "a: :include:staff", 1, "is not the path of a list file" },
		{ "a: :include:/deeper", 2, "stands in a list file" },
		{ "a: :include:/bad", 2, "is not an address" },
		{ "a: b\001c", 1, "is not an address" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct alias_table t;
		assert_false(alias_table_read(&t, STR("/aliases"), str_of(cases[i].file), read_list, NULL));
		if (t.problems[0].line != cases[i].line || !strstr(t.problems[0].sentence, cases[i].want))
			fail_msg("%s: %u: %s", cases[i].file, t.problems[0].line, t.problems[0].sentence);
		for (const char *c = t.problems[0].sentence; *c; c++) assert_false(ascii_is_ctl(*c));
		alias_table_free(&t);
	}
}

/* A problem of a list file names that file; the good entries are there all the same. */
static void goes_on_after_problems(void **state)
{
	struct alias_table t;
	char memory[512];
	struct buf out;
	(void)state;
	buf_init_fixed(&out, memory, sizeof memory - 1);
	assert_false(alias_table_read(&t, STR("/aliases"),
		STR("x: :include:/bad\ny y: a\n  more\nz: ann\n"), read_list, NULL));
	assert_int_equal(t.problem_count, 3);
	alias_problem_write(&t.problems[0], &out);
	memory[out.len] = '\0';
	assert_string_equal(memory, "/bad:2: 'x y' is not an address; write user or user@domain, and a "
		"comma between two");
	assert_int_equal(t.problems[2].line, 2);
	assert_non_null(alias_find(&t, STR("z@us.example")));
	alias_table_free(&t);
}

static void has_limits(void **state)
{
	struct alias_table t;
	struct buf text;
	(void)state;
	buf_init(&text, ALIAS_TEXT_MAX + 100);
	buf_str(&text, STR("a: b"));
	while (text.len <= ALIAS_TEXT_MAX) buf_str(&text, STR("\n#                             "));
	assert_false(alias_table_read(&t, STR("/aliases"), buf_view(&text), NULL, NULL));
	assert_non_null(strstr(t.problems[0].sentence, "too large"));
	alias_table_free(&t);
	buf_reset(&text);
	for (unsigned i = 0; i <= ALIAS_LISTS_MAX; i++) buf_fmt(&text, "a%u: :include:/staff\n", i);
	assert_false(alias_table_read(&t, STR("/aliases"), buf_view(&text), read_list, NULL));
	assert_int_equal(t.problem_count, 1);
	assert_non_null(strstr(t.problems[0].sentence, "one list file too many"));
	alias_table_free(&t);
	buf_reset(&text);
	for (unsigned i = 0; i < 3 * ALIAS_PROBLEMS_MAX; i++) buf_str(&text, STR("x\n"));
	assert_false(alias_table_read(&t, STR("/aliases"), buf_view(&text), NULL, NULL));
	assert_int_equal(t.problem_count, 3 * ALIAS_PROBLEMS_MAX);
	alias_table_free(&t);
	buf_free(&text);
}

/* 100,000 entries in less than a second; the sanitizers cost some of it. */
static void is_fast(void **state)
{
	struct alias_table t;
	struct buf text;
	struct timespec a, b;
	(void)state;
	buf_init(&text, ALIAS_TEXT_MAX);
	for (unsigned i = 0; i < 100 * 1000; i++)
		buf_fmt(&text, "name%u: user%u, other%u@far.example\n", i, i, i);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
	assert_true(alias_table_read(&t, STR("/aliases"), buf_view(&text), NULL, NULL));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
	assert_int_equal(t.count, 100 * 1000);
	assert_int_equal(t.targets, 200 * 1000);
	assert_non_null(alias_find(&t, STR("name99999@us.example")));
	double s = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
	print_message("100,000 entries: %.3f s\n", s);
	assert_true(s < 3);
	alias_table_free(&t);
	buf_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(goes_on_after_problems),
		cmocka_unit_test(has_limits),
		cmocka_unit_test(is_fast),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
