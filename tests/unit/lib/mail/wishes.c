/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/mail/wishes.h"

enum { U = MAIL_PRIORITY_URGENT, N = MAIL_PRIORITY_NORMAL, L = MAIL_PRIORITY_NON_URGENT };

static const struct { const char *text; int priority; bool bulk, tls_optional; } rows[] = {
	{ "Subject: x\r\n\r\n", N, false, false },
	{ "", N, false, false },
	{ "Priority: urgent\r\n\r\n", U, false, false },
	{ "PRIORITY : Non-Urgent\r\n\r\n", L, false, false },
	{ "Priority:\r\n urgent\r\n\r\n", U, false, false },
	{ "Priority: urg\r\n ent\r\n\r\n", N, false, false },
	{ "Priority: high\r\n\r\n", N, false, false },
	{ "X-Priority: 1 (Highest)\r\n\r\n", U, false, false },
	{ "X-Priority: 2\r\n\r\n", U, false, false },
	{ "X-Priority: 3\r\n\r\n", N, false, false },
	{ "X-Priority: 4\r\n\r\n", L, false, false },
	{ "X-Priority: 5(Lowest)\r\n\r\n", L, false, false },
	{ "X-Priority: 10\r\n\r\n", N, false, false },
	{ "X-MSMail-Priority: High\r\n\r\n", U, false, false },
	{ "X-MSMail-Priority: Low\r\n\r\n", L, false, false },
	{ "Importance: high\r\n\r\n", U, false, false },
	{ "Importance: low\r\n\r\n", L, false, false },
	{ "Precedence: special-delivery\r\n\r\n", U, false, false },
	{ "Precedence: bulk\r\n\r\n", L, true, false },
	{ "Precedence: list\r\n\r\n", L, true, false },
	{ "precedence: JUNK\r\n\r\n", L, true, false },
	{ "Precedence: first-class\r\n\r\n", N, false, false },
	/* The better field wins wherever it stands, and of one field the first. */
	{ "Importance: low\r\nPriority: urgent\r\n\r\n", U, false, false },
	{ "Priority: urgent\r\nImportance: low\r\n\r\n", U, false, false },
	{ "X-Priority: 3\r\nImportance: high\r\n\r\n", N, false, false },
	{ "Priority: normal\r\nPrecedence: bulk\r\n\r\n", N, true, false },
	{ "Priority: urgent\r\nPriority: non-urgent\r\n\r\n", U, false, false },
	{ "Priority: nonsense\r\nImportance: high\r\n\r\n", U, false, false },
	{ "List-Id: <l.example>\r\n\r\n", N, true, false },
	{ "List-Id:\r\n\r\n", N, true, false },
	{ "List-Identity: x\r\n\r\n", N, false, false },
	{ "Auto-Submitted: auto-replied\r\n\r\n", N, true, false },
	{ "Auto-Submitted: auto-generated; x=y\r\n\r\n", N, true, false },
	{ "Auto-Submitted: no\r\n\r\n", N, false, false },
	{ "Auto-Submitted: no; x=y\r\n\r\n", N, false, false },
	{ "Auto-Submitted: (nobody) \r\n\r\n", N, false, false },
	{ "TLS-Required: No\r\n\r\n", N, false, true },
	{ "tls-required:no\r\n\r\n", N, false, true },
	{ "TLS-Required: yes\r\n\r\n", N, false, false },
	{ "TLS-Required: nothing\r\n\r\n", N, false, false },
	/* What stands in the body, or behind a line that is no field, says nothing. */
	{ "Subject: x\r\n\r\nPriority: urgent\r\n", N, false, false },
	{ "Subject: x\nPriority: urgent\n\nList-Id: x\n", U, false, false },
	{ "no field\r\nPriority: urgent\r\n\r\n", N, false, false },
	{ "Sub\001ject: x\r\nPriority: urgent\r\n\r\n", N, false, false },
	{ " Priority: urgent\r\n\r\n", N, false, false },
	{ "X: y\r\n Priority: urgent\r\n\r\n", N, false, false },
	{ "A-field-with-a-name-that-is-too-long: y\r\nPriority: urgent\r\n\r\n", U, false, false },
	{ "Priority: a-word-that-is-longer-than-any-of-ours\r\n\r\n", N, false, false },
	/* A header without its end is read all the same. */
	{ "Priority: urgent\r\nX", U, false, false },
	{ "Priority: urgent\r\n", U, false, false },
	{ "Priority: urgent", U, false, false },
	{ "Priority", N, false, false },
};

static void fields(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t step = 1; step <= 64; step = step == 1 ? 5 : step == 5 ? 64 : 65) {
			struct mail_wishes w;
			mail_wishes_init(&w);
			for (struct str in = str_of(rows[i].text); in.len; in = str_from(in, step))
				mail_wishes_feed(&w, str_sub(in, 0, step));
			mail_wishes_end(&w);
			if (w.priority != rows[i].priority || w.bulk != rows[i].bulk)
				print_error("row %zu, in steps of %zu\n", i, step);
			assert_int_equal(w.priority, rows[i].priority);
			assert_int_equal(w.bulk, rows[i].bulk);
			assert_int_equal(w.tls_optional, rows[i].tls_optional);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(fields) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
