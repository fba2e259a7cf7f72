/* SPDX-License-Identifier: Apache-2.0 */
#ifndef IMS_TESTS_CONF_HELP_H
#define IMS_TESTS_CONF_HELP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/conf/conf.h"

/* Parses one text as the file "t.conf" on the machine "host.example"; `errors` is
 * initialised here and ends with conf_errors_free. */
struct conf *help_parse(const char *text, struct conf_errors *errors);
/* As help_parse, for a text that must be good and give no warning. */
struct conf *help_good(const char *text);
/* The errors as printed, NUL-terminated; free it. */
char *help_errors(const struct conf_errors *errors);
/* What conf_show writes, NUL-terminated; free it. */
char *help_show(const struct conf *conf, enum conf_show_mode mode);
/* A file of the source tree, NUL-terminated; NULL if it is not there. Free it. */
char *help_read(const char *path);

#endif
