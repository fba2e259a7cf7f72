/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 256 * 1024 * 1024, FILE_TEXT_MAX = 4 * 1024 * 1024 };

struct conf *help_parse(const char *text, struct conf_errors *errors)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	conf_bundle_init(bundle);
	conf_errors_init(errors);
	assert_true(
		conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	assert_true(conf_bundle_set_hostname(bundle, STR("host.example")));
	struct conf *conf = conf_parse(bundle, errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

static char *text_of(struct buf *text)
{
	assert_false(text->overflowed);
	buf_byte(text, '\0');
	return text->at;
}

char *help_errors(const struct conf_errors *errors)
{
	struct buf text;
	buf_init(&text, TEXT_MAX);
	conf_errors_write(errors, &text);
	return text_of(&text);
}

struct conf *help_good(const char *text)
{
	struct conf_errors errors;
	struct conf *conf = help_parse(text, &errors);
	char *found = help_errors(&errors);
	conf_errors_free(&errors);
	assert_string_equal(found, "");
	assert_non_null(conf);
	free(found);
	return conf;
}

char *help_show(const struct conf *conf, enum conf_show_mode mode)
{
	struct buf text;
	buf_init(&text, TEXT_MAX);
	conf_show(conf, mode, &text);
	return text_of(&text);
}

char *help_read(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (!file) return NULL;
	char *text = calloc(1, FILE_TEXT_MAX);
	assert_non_null(text);
	(void)!fread(text, 1, FILE_TEXT_MAX - 1, file);
	(void)fclose(file);
	return text;
}
