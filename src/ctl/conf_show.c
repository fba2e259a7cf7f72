/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/conf_show.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

enum { TEXT_MAX = 256 * 1024 * 1024, ERRORS_TEXT_MAX = 64 * 1024 };

static bool print(FILE *file, struct buf *text)
{
	bool good =
		!text->overflowed && fwrite(text->at, 1, text->len, file) == text->len;
	buf_free(text);
	return fflush(file) == 0 && good;
}

static void print_errors(const struct conf_errors *errors)
{
	struct buf text;
	if (!errors->count) return;
	buf_init(&text, ERRORS_TEXT_MAX);
	conf_errors_write(errors, &text);
	(void)print(stderr, &text);
}

struct conf *ctl_conf_read(const char *path)
{
	struct conf *conf = NULL;
	struct conf_errors errors;
	struct conf_bundle *bundle = malloc(sizeof *bundle);
	if (!bundle) return NULL;
	conf_errors_init(&errors);
	conf_bundle_init(bundle);
	if (conf_load(path, bundle, &errors)) conf = conf_parse(bundle, &errors);
	print_errors(&errors);
	conf_errors_free(&errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

int ctl_check(const char *path)
{
	struct conf *conf = ctl_conf_read(path);
	if (!conf) return EX_CONFIG;
	conf_free(conf);
	return printf("%s: no errors\n", path) < 0 || fflush(stdout) ? EX_SOFTWARE
								     : EX_OK;
}

int ctl_config(const char *path, enum conf_show_mode mode)
{
	struct buf text;
	struct conf *conf = ctl_conf_read(path);
	if (!conf) return EX_CONFIG;
	buf_init(&text, TEXT_MAX);
	conf_show(conf, mode, &text);
	bool good = print(stdout, &text);
	conf_free(conf);
	return good ? EX_OK : EX_SOFTWARE;
}
