/* SPDX-License-Identifier: Apache-2.0 */
/* tests/golden/conf/NAME.conf must print exactly tests/golden/conf/NAME.txt. A new pair
 * is found by itself. With IMS_GOLDEN_WRITE set the texts are written instead: then read
 * the difference before it is committed. */
#include "help.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *errors_of(const char *path)
{
	static struct conf_bundle bundle;
	struct conf_errors errors;
	char *text = help_read(path);
	assert_non_null(text);
	conf_bundle_init(&bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(&bundle, CONF_SOURCE_FILE,
				    str_of(strrchr(path, '/') + 1), str_of(text)));
	conf_free(conf_parse(&bundle, &errors));
	char *found = help_errors(&errors);
	conf_errors_free(&errors);
	conf_bundle_free(&bundle);
	free(text);
	return found;
}

static void check(const char *conf_path)
{
	char path[4096];
	struct str stem =
		str_sub(str_of(conf_path), 0, strlen(conf_path) - strlen(".conf"));
	struct buf name;
	buf_init_fixed(&name, path, sizeof path);
	buf_str(&name, stem);
	buf_bytes(&name, ".txt", sizeof ".txt");
	assert_false(name.overflowed);
	char *got = errors_of(conf_path);
	if (getenv("IMS_GOLDEN_WRITE")) {
		FILE *file = fopen(path, "wb");
		assert_non_null(file);
		(void)fputs(got, file);
		(void)fclose(file);
	}
	char *want = help_read(path);
	if (!want || strcmp(got, want)) print_error("%s:\n%s\n", conf_path, got);
	assert_non_null(want);
	assert_string_equal(got, want);
	free(got);
	free(want);
}

static void test_golden(void **state)
{
	(void)state;
	glob_t found;
	assert_int_equal(glob(IMS_SOURCE "/tests/golden/conf/*.conf", 0, NULL, &found),
			 0);
	for (size_t i = 0; i < found.gl_pathc; i++) check(found.gl_pathv[i]);
	globfree(&found);
}

/* Warnings give way to errors, and what does not fit is counted. */
static void test_full_list(void **state)
{
	(void)state;
	struct buf text;
	struct conf_errors errors;
	buf_init(&text, 65536);
	for (unsigned i = 0; i < 30; i++) buf_fmt(&text, "host 10.%u.0.1/16 accept\n", i);
	buf_str(&text, STR("wrong\nworse\n\0"));
	assert_null(help_parse(text.at, &errors));
	assert_int_equal(errors.count, CONF_ERRORS_MAX);
	assert_int_equal(errors.warnings, 30);
	assert_int_equal(errors.errors, 2);
	assert_int_equal(errors.list[CONF_ERRORS_MAX - 2].at.line, 31);
	assert_int_equal(errors.list[CONF_ERRORS_MAX - 1].at.line, 32);
	char *found = help_errors(&errors);
	assert_non_null(strstr(found, "\n12 more are not shown\n"));
	free(found);
	conf_errors_free(&errors);
	buf_free(&text);
}

/* What a terminal would obey never reaches it. */
static void test_nothing_for_terminals(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"hostname a\x1b[31m\n",      "hostname \"a\x1b\"\n",
		"hostname a\xc2\x9b\n",      "hostname a\xff\xfe\n",
		"# \x1b[0m\nwrong # \x07\n", "wrong \x01\x02\x03",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct conf_errors errors;
		assert_null(help_parse(texts[i], &errors));
		char *found = help_errors(&errors);
		for (const char *c = found; *c; c++)
			assert_true(*c == '\n' || ((unsigned char)*c >= 0x20 &&
						   (unsigned char)*c < 0x7f));
		free(found);
		conf_errors_free(&errors);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_full_list),
		cmocka_unit_test(test_nothing_for_terminals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
