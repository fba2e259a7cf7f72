/* SPDX-License-Identifier: Apache-2.0 */
/* What every test of this folder includes. */
#ifndef IMS_TEST_BASE_TEST_H
#define IMS_TEST_BASE_TEST_H

/* cmocka.h wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/str.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Compares bytes; on a difference says in which row of a table. */
static inline void assert_str(struct str got, struct str want, size_t row)
{
	if (!str_eq(got, want))
		fail_msg("row %zu: \"%.*s\", not \"%.*s\"", row, (int)got.len, got.at ? got.at : "",
		         (int)want.len, want.at ? want.at : "");
}

#endif
