/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/buf.h"
#include "lib/smtp/dot.h"

#define CR SMTP_FLAW_BARE_CR
#define LF SMTP_FLAW_BARE_LF

/* `fixed`: what comes out where newlines are mended; NULL: the same as `out`. */
static const struct {
	struct str in;
	const char *out, *fixed, *rest; /* rest NULL: the text does not end */
	unsigned flaws, flaw_at;
} cases[] = {
	{ STR_INIT(".\r\n"), "", NULL, "", 0, 0 },
	{ STR_INIT("a\r\n.\r\nQUIT\r\n"), "a\r\n", NULL, "QUIT\r\n", 0, 0 },
	{ STR_INIT("a\r\nb\r\n.\r\n"), "a\r\nb\r\n", NULL, "", 0, 0 },
	{ STR_INIT("..\r\n..a\r\n.b\r\n.\r\n"), ".\r\n.a\r\nb\r\n", NULL, "", 0, 0 },
	{ STR_INIT("a.\r\n\r\n.\r\n"), "a.\r\n\r\n", NULL, "", 0, 0 },
	{ STR_INIT("a"), "a", NULL, NULL, 0, 0 },
	{ STR_INIT("a\r\n."), "a\r\n", NULL, NULL, 0, 0 },
	{ STR_INIT("a\r\n.\r"), "a\r\n", NULL, NULL, 0, 0 },
	{ STR_INIT("a\n.\nb"), "a\n.\nb", "a\r\n.\r\nb", NULL, LF, 1 },
	{ STR_INIT("a\n.\r\nb"), "a\n.\r\nb", "a\r\n.\r\nb", NULL, LF, 1 },
	{ STR_INIT("a\r\n.\nb"), "a\r\n\nb", "a\r\n\r\nb", NULL, LF, 4 },
	{ STR_INIT("a\r.\rb"), "a\r.\rb", "a\r\n.\r\nb", NULL, CR, 1 },
	{ STR_INIT("a\r.\r\nb"), "a\r.\r\nb", "a\r\n.\r\nb", NULL, CR, 1 },
	{ STR_INIT("a\r\n.\rb"), "a\r\n\rb", "a\r\n\r\nb", NULL, CR, 4 },
	{ STR_INIT("a\r\r\n.\r\n"), "a\r\r\n", "a\r\n\r\n", "", CR, 1 },
	{ STR_INIT("a\r\n.\r\r\nb"), "a\r\n\r\r\nb", "a\r\n\r\n\r\nb", NULL, CR, 4 },
	{ STR_INIT("a\n\r\n.\r\n"), "a\n\r\n", "a\r\n\r\n", "", LF, 1 },
	{ STR_INIT("\n.\r\n"), "\n.\r\n", "\r\n.\r\n", NULL, LF, 0 },
	{ STR_INIT("\r.\r\n"), "\r.\r\n", "\r\n.\r\n", NULL, CR, 0 },
	{ STR_INIT("a\rb\nc"), "a\rb\nc", "a\r\nb\r\nc", NULL, CR | LF, 1 },
	{ STR_INIT("a\nb\rc"), "a\nb\rc", "a\r\nb\r\nc", NULL, CR | LF, 1 },
};

static void run(size_t i, size_t step, bool fix)
{
	struct smtp_dot d;
	struct buf out;
	struct str in = cases[i].in, span, left = { "", 0 };
	bool ended = false;
	buf_init(&out, 1024);
	smtp_dot_init(&d, true, fix);
	for (size_t at = 0; at < in.len && !ended; at += step) {
		left = str_sub(in, at, step);
		enum smtp_dot_result r;
		while ((r = smtp_dot_next(&d, &left, &span)) == SMTP_DOT_SPAN) {
			assert_true(span.len > 0);
			buf_str(&out, span);
		}
		ended = r == SMTP_DOT_END;
		if (!ended) assert_int_equal(left.len, 0);
	}
	const char *want = fix && cases[i].fixed ? cases[i].fixed : cases[i].out;
	assert_true(str_eq(buf_view(&out), str_of(want)));
	assert_int_equal(ended, cases[i].rest != NULL);
	if (ended) assert_int_equal(in.len - d.taken, strlen(cases[i].rest));
	assert_int_equal(d.flaws, cases[i].flaws);
	if (d.flaws) assert_int_equal(d.flaw_at, cases[i].flaw_at);
	buf_free(&out);
}

static void texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t step = 1; step < 12; step++) {
			run(i, step, false);
			run(i, step, true);
		}
}

static void nul(void **state)
{
	(void)state;
	struct smtp_dot d;
	struct str in = STR("a\r\nb\0c\0\r\n"), span;
	smtp_dot_init(&d, true, true);
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_SPAN);
	assert_int_equal(span.len, 9);
	assert_int_equal(d.flaws, SMTP_FLAW_NUL);
	assert_int_equal(d.flaw_at, 4);
}

/* BDAT: no dots, and a CR at the end of one chunk may meet its LF in the next. */
static void chunks(void **state)
{
	(void)state;
	struct smtp_dot d;
	struct str in = STR("..\r\n.\r\n\r"), span;
	smtp_dot_init(&d, false, false);
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_SPAN);
	assert_true(str_eq(span, STR("..\r\n.\r\n")));
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_MORE);
	in = STR("\nx");
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_SPAN);
	assert_true(str_eq(span, STR("\r\n")));
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_SPAN);
	assert_false(smtp_dot_finish(&d, &span));
	in = STR("\r");
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_MORE);
	assert_int_equal(d.flaws, 0);
	assert_true(smtp_dot_finish(&d, &span));
	assert_true(str_eq(span, STR("\r")));
	assert_int_equal(d.flaws, SMTP_FLAW_BARE_CR);
	assert_int_equal(d.flaw_at, 10);
	assert_false(smtp_dot_finish(&d, &span));
}

/* A text without stuffed dots comes out in as many pieces as it came in. */
static void large_spans(void **state)
{
	(void)state;
	enum { LINES = 1000, LINE = 72 };
	char *text = malloc(LINES * LINE);
	assert_non_null(text);
	for (size_t i = 0; i < LINES * LINE; i++)
		text[i] = i % LINE == LINE - 2 ? '\r' : i % LINE == LINE - 1 ? '\n' : 'x';
	struct smtp_dot d;
	struct str in = { text, LINES * LINE }, span;
	smtp_dot_init(&d, true, false);
	assert_int_equal(smtp_dot_next(&d, &in, &span), SMTP_DOT_SPAN);
	assert_int_equal(span.len, LINES * LINE);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts),
		cmocka_unit_test(nul),
		cmocka_unit_test(chunks),
		cmocka_unit_test(large_spans),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
