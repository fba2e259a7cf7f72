/* SPDX-License-Identifier: Apache-2.0 */
/* What every test that needs a configuration includes. */
#ifndef IMS_TEST_CONF_TEXT_H
#define IMS_TEST_CONF_TEXT_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lib/conf/conf.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* The configuration that `text` means as the file t.conf; ends with conf_free. */
static inline struct conf *conf_of(const char *text)
{
	struct conf_bundle *bundle = calloc(1, sizeof *bundle);
	struct conf_errors errors;
	assert_non_null(bundle);
	conf_bundle_init(bundle);
	conf_errors_init(&errors);
	assert_true(conf_bundle_add(bundle, CONF_SOURCE_FILE, STR("t.conf"), str_of(text)));
	assert_true(conf_bundle_set_hostname(bundle, STR("host.example")));
	struct conf *conf = conf_parse(bundle, &errors);
	if (!conf) {
		struct buf why;
		buf_init(&why, 64 * 1024);
		conf_errors_write(&errors, &why);
		fail_msg("%.*s", (int)why.len, why.at);
	}
	conf_errors_free(&errors);
	conf_bundle_free(bundle);
	free(bundle);
	return conf;
}

#endif
