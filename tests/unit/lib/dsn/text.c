/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"

#include "lib/dsn/explain.h"
#include "lib/dsn/original.h"
#include "lib/dsn/text.h"

static char memory[8192];
static struct buf out;

static void is(struct str want, size_t row)
{
	if (!str_eq(buf_view(&out), want))
		fail_msg("row %zu: \"%.*s\", not \"%.*s\"", row, STR_ARG(buf_view(&out)),
			 STR_ARG(want));
	assert_false(out.overflowed);
	buf_init_fixed(&out, memory, sizeof memory);
}

static void plain(void **state)
{
	static const struct {
		struct str in;
		bool utf8;
		size_t max;
		struct str want;
	} rows[] = {
		{ STR_INIT("550 no such user"), false, 99, STR_INIT("550 no such user") },
		{ STR_INIT(" \t a\r\n\tb\0c \x7f "), true, 99, STR_INIT("a b c") },
		{ STR_INIT("\r\n\r\n"), true, 99, STR_INIT("") },
		{ STR_INIT("\xc3\xa4\xff\xe2\x82\xac"), true, 99, STR_INIT("\xc3\xa4?\xe2\x82\xac") },
		{ STR_INIT("\xc3\xa4\xff\xe2\x82\xac"), false, 99, STR_INIT("???") },
		{ STR_INIT("a\xc2\x85" "b\xe2\x80\xa8" "c\xe2\x80\xae" "d\xe2\x81\xa6" "e"), true, 99,
		  STR_INIT("a b c d e") },
		{ STR_INIT("a\xe2\x80\x94" "b"), true, 99, STR_INIT("a\xe2\x80\x94" "b") },
		{ STR_INIT("abcdef"), true, 5, STR_INIT("abcde") },
		{ STR_INIT("abc def"), true, 4, STR_INIT("abc") },
		{ STR_INIT("abc\xc3\xa4"), true, 4, STR_INIT("abc") },
		{ STR_INIT("\xed\xa0\x80"), true, 99, STR_INIT("???") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		dsn_text_plain(&out, rows[i].in, rows[i].utf8, rows[i].max);
		is(rows[i].want, i);
	}
}

static void folds(void **state)
{
	static char word[DSN_VALUE_MAX];
	(void)state;
	dsn_field_put(&out, STR("A"), STR("b"));
	is(STR("A: b\r\n"), 0);
	dsn_field_put(&out, STR("A"), STR(""));
	is(STR("A:\r\n"), 1);
	dsn_field_put(&out, STR("Name"), STR("1234567890123456789012345678901234567890 "
					     "12345678901234567890 1234567890 tail"));
	is(STR("Name: 1234567890123456789012345678901234567890 12345678901234567890\r\n"
	       " 1234567890 tail\r\n"), 2);
	memset(word, 'x', sizeof word);
	dsn_field_text(&out, STR("Diagnostic-Code"), STR("smtp; "),
		       (struct str){ word, sizeof word }, false);
	assert_true(dsn_text_is_clean(buf_view(&out), false));
	assert_int_equal(out.len, DSN_VALUE_MAX + 2 + sizeof "Diagnostic-Code: " - 1 + 2);
	buf_init_fixed(&out, memory, sizeof memory);
	dsn_text_wrap(&out, STR("  > "), STR("123456789 123456789 123456789 123456789 "
					     "123456789 123456789 123456789 123456789"));
	is(STR("  > 123456789 123456789 123456789 123456789 123456789 123456789 123456789\r\n"
	       "  > 123456789\r\n"), 3);
}

static void quotes(void **state)
{
	static const struct {
		struct str in, want;
	} rows[] = {
		{ STR_INIT("a=b\r\n"), STR_INIT("a=3Db\r\n") },
		{ STR_INIT("a \r\nb\t\r\n"), STR_INIT("a=20\r\nb=09\r\n") },
		{ STR_INIT("a\rb\nc\0d"), STR_INIT("a=0Db=0Ac=00d\r\n") },
		{ STR_INIT("\xc3\xa4"), STR_INIT("=C3=A4\r\n") },
		{ STR_INIT("\r\n\r\n"), STR_INIT("\r\n\r\n") },
		{ STR_INIT("a\r"), STR_INIT("a=0D\r\n") },
		{ STR_INIT("12345678901234567890123456789012345678901234567890123456789012345678901"
			   "2345678"),
		  STR_INIT("12345678901234567890123456789012345678901234567890123456789012345678901"
			   "2345=\r\n678\r\n") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		assert_true(dsn_quoted_printable(&out, rows[i].in, 999));
		is(rows[i].want, i);
	}
	assert_false(dsn_quoted_printable(&out, STR("abc\r\ndef\r\nghi\r\n"), 13));
	is(STR("abc\r\nd\r\n"), 98);
	assert_false(dsn_quoted_printable(&out, STR("abc\r\ndef\r\nghi\r\n"), 12));
	is(STR("abc\r\n"), 99);
	assert_false(dsn_quoted_printable(&out, STR("abc"), 7));
	is(STR(""), 100);
	buf_init_fixed(&out, memory, 10);
	assert_false(dsn_quoted_printable(&out, STR("abc\r\ndef\r\nghi\r\n"), 99));
	buf_init_fixed(&out, memory, sizeof memory);
}

static void words(void **state)
{
	(void)state;
	dsn_encoded_words(&out, STR("\xc3\x9c" "ber 2=1_"));
	is(STR("=?utf-8?Q?=C3=9Cber_2=3D1=5F?="), 0);
	dsn_encoded_words(&out, STR("\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"
				    "\xe2\x82\xac\xe2\x82\xac"));
	is(STR("=?utf-8?Q?=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC=E2=82=AC?="), 1);
	dsn_encoded_words(&out, STR("1234567890123456789012345678901234567890123456789012345678901\xc3"
				    "\xa4" "b"));
	is(STR("=?utf-8?Q?1234567890123456789012345678901234567890123456789012345678901?=\r\n "
	       "=?utf-8?Q?=C3=A4b?="), 2);
}

static void clean(void **state)
{
	static char line[DSN_LINE_MAX + 3];
	(void)state;
	assert_true(dsn_text_is_clean(STR(""), false) && dsn_text_is_clean(STR("a\r\nb"), false));
	assert_false(dsn_text_is_clean(STR("a\n"), true) || dsn_text_is_clean(STR("a\r"), true));
	assert_false(dsn_text_is_clean(STR("a\rb\r\n"), true));
	assert_false(dsn_text_is_clean((struct str){ "\0", 1 }, true));
	assert_false(dsn_text_is_clean(STR("\x80"), false));
	assert_true(dsn_text_is_clean(STR("\x80"), true));
	memset(line, 'x', sizeof line);
	line[DSN_LINE_MAX] = '\r';
	line[DSN_LINE_MAX + 1] = '\n';
	assert_true(dsn_text_is_clean((struct str){ line, DSN_LINE_MAX + 2 }, false));
	line[DSN_LINE_MAX] = 'x';
	assert_false(dsn_text_is_clean((struct str){ line, DSN_LINE_MAX + 1 }, false));
}

static void fields(void **state)
{
	static const struct {
		struct str text, name, want;
	} rows[] = {
		{ STR_INIT("Subject: a\r\nTo: b\r\n\r\n"), STR_INIT("To"), STR_INIT(" b") },
		{ STR_INIT("subject : a\r\n"), STR_INIT("Subject"), STR_INIT(" a") },
		{ STR_INIT("Subject: a\r\n b\r\n\tc\r\nX: y\r\n"), STR_INIT("Subject"),
		  STR_INIT(" a\r\n b\r\n\tc") },
		{ STR_INIT("Subjects: a\r\n"), STR_INIT("Subject"), STR_INIT("") },
		{ STR_INIT("X: y\r\n Subject: a\r\n"), STR_INIT("Subject"), STR_INIT("") },
		{ STR_INIT("Subject: a\nSubject: b\n"), STR_INIT("Subject"), STR_INIT(" a") },
		{ STR_INIT("X: y\r\n\r\nSubject: body\r\n"), STR_INIT("Subject"), STR_INIT("") },
		{ STR_INIT("Subject"), STR_INIT("Subject"), STR_INIT("") },
		{ STR_INIT(""), STR_INIT("Subject"), STR_INIT("") },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		buf_str(&out, dsn_original_field(dsn_original_header(rows[i].text), rows[i].name));
		is(rows[i].want, i);
	}
}

static void statuses(void **state)
{
	static const struct {
		const char *status;
		bool valid;
		unsigned subject, detail;
	} rows[] = {
		{ "5.1.1", true, 1, 1 }, { "4.7.25", true, 7, 25 }, { "2.123.999", true, 123, 999 },
		{ "", false, 0, 0 },     { "5", false, 0, 0 },      { "5.1", false, 0, 0 },
		{ "5.1.", false, 0, 0 }, { "3.1.1", false, 0, 0 },  { "5.1.1.1", false, 0, 0 },
		{ "55.1.1", false, 0, 0 }, { "5.1.1000", false, 0, 0 }, { "5.1.1 ", false, 0, 0 },
		{ "5.1.\r1", false, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		unsigned subject = 7, detail = 7;
		assert_int_equal(dsn_status_parts(str_of(rows[i].status), &subject, &detail),
				 rows[i].valid);
		assert_int_equal(dsn_status_is_valid(str_of(rows[i].status)), rows[i].valid);
		assert_int_equal(subject, rows[i].subject);
		assert_int_equal(detail, rows[i].detail);
	}
}

static void explains(void **state)
{
	static const struct {
		const char *status, *word;
	} rows[] = {
		{ "5.1.1", "no mailbox" },    { "5.2.2", "full" },      { "4.4.1", "did not answer" },
		{ "5.1.99", "this address" }, { "5.7.1", "refused" },   { "5.7.25", "reverse DNS" },
		{ "5.3.4", "larger" },        { "4.4.7", "the time" },  { "5.5.0", "each other" },
		{ "5.0.0", "no reason" },     { "5.9.9", "no reason" }, { "nonsense", "no reason" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dsn_explanation e = dsn_explain(str_of(rows[i].status));
		if (!memmem(e.happened.at, e.happened.len, rows[i].word, strlen(rows[i].word)))
			fail_msg("%s: %.*s", rows[i].status, STR_ARG(e.happened));
		assert_true(e.advice.len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),    cmocka_unit_test(folds),  cmocka_unit_test(quotes),
		cmocka_unit_test(words),    cmocka_unit_test(clean),  cmocka_unit_test(fields),
		cmocka_unit_test(statuses), cmocka_unit_test(explains),
	};
	buf_init_fixed(&out, memory, sizeof memory);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
