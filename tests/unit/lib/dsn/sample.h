/* SPDX-License-Identifier: Apache-2.0 */
/* Reports to be written, by name; their texts stand in tests/golden/dsn/NAME.eml. */
#ifndef IMS_TEST_DSN_SAMPLE_H
#define IMS_TEST_DSN_SAMPLE_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dsn/report.h"
#include "lib/smtp/command.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

struct sample {
	const char *name;
	struct dsn_report report;
};

extern const struct sample samples[];
extern const size_t sample_count;
/* The sample of that name; there must be one. */
struct dsn_report sample(const char *name);

#endif
