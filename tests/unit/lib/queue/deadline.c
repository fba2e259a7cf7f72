/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/queue/deadline.h"

enum { U = MAIL_PRIORITY_URGENT, N = MAIL_PRIORITY_NORMAL, L = MAIL_PRIORITY_NON_URGENT };

static const struct {
	struct deadline_case c;
	int64_t end_ms, warn_ms;
	bool by_sender;
} rows[] = {
	{ { .arrived_ms = 5000, .priority = N }, 5000 + 200, 5000 + 20, false },
	{ { .arrived_ms = 5000, .priority = U }, 5000 + 100, 5000 + 10, false },
	{ { .arrived_ms = 5000, .priority = L }, 5000 + 300, 0, false },
	/* What was held is as old as its release. */
	{ { .arrived_ms = 5000, .hold_until_ms = 9000, .priority = N }, 9000 + 200, 9000 + 20, false },
	{ { .arrived_ms = 5000, .hold_until_ms = 4000, .priority = N }, 5000 + 200, 5000 + 20, false },
	{ { .arrived_ms = 5000, .by = MAIL_BY_RETURN, .by_ms = 5050 }, 5050, 5000 + 20, true },
	{ { .arrived_ms = 5000, .by = MAIL_BY_RETURN, .by_ms = 5010 }, 5010, 5000 + 20, true },
	/* Not longer than everybody has. */
	{ { .arrived_ms = 5000, .by = MAIL_BY_RETURN, .by_ms = 99999 }, 5000 + 200, 5000 + 20, false },
	{ { .arrived_ms = 5000, .by = MAIL_BY_NOTIFY, .by_ms = 5003 }, 5000 + 200, 5003, false },
	{ { .arrived_ms = 5000, .by = MAIL_BY_NOTIFY, .by_ms = 4000 }, 5000 + 200, 4000, false },
	{ { .arrived_ms = 5000, .by = MAIL_BY_NOTIFY, .by_ms = -7 }, 5000 + 200, 1, false },
	{ { .arrived_ms = 5000, .by = MAIL_BY_NOTIFY, .by_ms = 5003, .priority = L }, 5000 + 300, 5003,
	  false },
};

static void deadlines(void **state)
{
	(void)state;
	const struct conf conf = { .retry = {
		.expire = { .urgent_ms = 100, .normal_ms = 200, .non_urgent_ms = 300 },
		.warn = { .urgent_ms = 10, .normal_ms = 20, .non_urgent_ms = 0 },
	} };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct deadline d = deadline_of(&conf, &rows[i].c);
		if (d.end_ms != rows[i].end_ms || d.warn_ms != rows[i].warn_ms) print_error("row %zu\n", i);
		assert_int_equal(d.end_ms, rows[i].end_ms);
		assert_int_equal(d.warn_ms, rows[i].warn_ms);
		assert_int_equal(d.by_sender, rows[i].by_sender);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(deadlines) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
