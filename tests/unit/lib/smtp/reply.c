/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/smtp/reply.h"

static const struct {
	struct str in;
	unsigned code; /* 0: bad */
	const char *text, *enhanced;
} rows[] = {
	{ STR_INIT("250 OK\r\n"), 250, "OK", "" },
	{ STR_INIT("250\r\n"), 250, "", "" },
	{ STR_INIT("250 \r\n"), 250, "", "" },
	{ STR_INIT("250 LF alone\n"), 250, "LF alone", "" },
	{ STR_INIT("250 two CR\r\r\n"), 250, "two CR", "" },
	{ STR_INIT("250-one\r\n250-two\n250 three\r\n"), 250, "one two three", "" },
	{ STR_INIT("250-one\r\n250\r\n"), 250, "one ", "" },
	{ STR_INIT("100 x\r\n"), 100, "x", "" },
	{ STR_INIT("599 x\r\n"), 599, "x", "" },
	{ STR_INIT("550 5.1.1 No such user\r\n"), 550, "5.1.1 No such user", "5.1.1" },
	{ STR_INIT("550-5.1.1 No\r\n550 5.1.1 such\r\n"), 550, "5.1.1 No such", "5.1.1" },
	{ STR_INIT("550-5.1.1 No\r\n550 5.7.1 such\r\n"), 550, "5.1.1 No 5.7.1 such",
	  "5.1.1" },
	{ STR_INIT("550-No\r\n550 5.1.1 such\r\n"), 550, "No 5.1.1 such", "5.1.1" },
	{ STR_INIT("550 5.1.1\r\n"), 550, "5.1.1", "5.1.1" },
	{ STR_INIT("550 5.123.456 x\r\n"), 550, "5.123.456 x", "5.123.456" },
	{ STR_INIT("550 4.1.1 wrong class\r\n"), 550, "4.1.1 wrong class", "" },
	{ STR_INIT("550 5.1234.1 x\r\n"), 550, "5.1234.1 x", "" },
	{ STR_INIT("550 5.1.1234 x\r\n"), 550, "5.1.1234 x", "" },
	{ STR_INIT("550 5.1.1x\r\n"), 550, "5.1.1x", "" },
	{ STR_INIT("550 5.1. x\r\n"), 550, "5.1. x", "" },
	{ STR_INIT("550 5..1 x\r\n"), 550, "5..1 x", "" },
	{ STR_INIT("550 5.1.x\r\n"), 550, "5.1.x", "" },
	{ STR_INIT("550 5.1.\r\n"), 550, "5.1.", "" },
	{ STR_INIT("550 5.1xx\r\n"), 550, "5.1xx", "" },
	{ STR_INIT("550 a\tb\x01\x7f\0c\x1b[m\r\n"), 550, "a b???c?[m", "" },
	{ STR_INIT("550 bare\rCR\r\n"), 550, "bare?CR", "" },
	{ STR_INIT("550 \xc3\xa9 \xc3 \xc2\x85 \xff \xe2\x82\xac\r\n"), 550,
	  "\xc3\xa9 ? ?? ? \xe2\x82\xac", "" },
	{ STR_INIT("550 %s%n\r\n"), 550, "%s%n", "" },
	{ STR_INIT("\r\n"), 0, "", "" },
	{ STR_INIT("\n"), 0, "", "" },
	{ STR_INIT("25\r\n"), 0, "25", "" },
	{ STR_INIT("2500 x\r\n"), 0, "2500 x", "" },
	{ STR_INIT("250\tx\r\n"), 0, "250 x", "" },
	{ STR_INIT(" 250 x\r\n"), 0, " 250 x", "" },
	{ STR_INIT("050 x\r\n"), 0, "050 x", "" },
	{ STR_INIT("600 x\r\n"), 0, "600 x", "" },
	{ STR_INIT("2x0 x\r\n"), 0, "2x0 x", "" },
	{ STR_INIT("250-a\r\n550 b\r\n"), 0, "550 b", "" },
	{ STR_INIT("250-a\r\n\r\n"), 0, "", "" },
	{ STR_INIT("250-a\r\nb\r\n"), 0, "b", "" },
	{ STR_INIT("HTTP/1.1 400 Bad\x07\r\n"), 0, "HTTP/1.1 400 Bad?", "" },
};

static struct smtp_reply r;

/* Feeds `in` in pieces; the result of the first whole reply, or MORE. */
static enum smtp_reply_result feed(struct str in, size_t piece)
{
	while (in.len) {
		struct str part = str_sub(in, 0, piece);
		size_t len = part.len;
		enum smtp_reply_result result = smtp_reply_next(&r, &part);
		in = str_from(in, len - part.len);
		if (result == SMTP_REPLY_DONE || result == SMTP_REPLY_BAD) {
			assert_int_equal(in.len, result == SMTP_REPLY_DONE ? 0 : in.len);
			return result;
		}
	}
	return SMTP_REPLY_MORE;
}

static void table(void **state)
{
	(void)state;
	static const size_t pieces[] = { 1, 3, 1000 };
	for (size_t i = 0; i < sizeof rows / sizeof *rows * 3; i++) {
		size_t row = i / 3;
		print_message("%.*s", STR_ARG(rows[row].in));
		smtp_reply_init(&r);
		assert_int_equal(feed(rows[row].in, pieces[i % 3]),
				 rows[row].code ? SMTP_REPLY_DONE : SMTP_REPLY_BAD);
		assert_int_equal(r.code, rows[row].code);
		assert_true(str_eq(smtp_reply_text(&r), str_of(rows[row].text)));
		assert_int_equal(r.has_enhanced, rows[row].enhanced[0] != '\0');
		assert_string_equal(r.enhanced, rows[row].enhanced);
	}
}

static void several(void **state)
{
	(void)state;
	struct str in = STR("220-a\r\n220 b\r\n250 5.1.1 c\r\n999 d\r\n250 e\r\n");
	smtp_reply_init(&r);
	assert_int_equal(smtp_reply_next(&r, &in), SMTP_REPLY_LINE);
	assert_true(str_eq(smtp_reply_line(&r), STR("a")));
	assert_int_equal(smtp_reply_next(&r, &in), SMTP_REPLY_DONE);
	assert_true(str_eq(smtp_reply_line(&r), STR("b")));
	assert_true(str_eq(smtp_reply_text(&r), STR("a b")));
	assert_int_equal(smtp_reply_next(&r, &in), SMTP_REPLY_DONE);
	assert_true(str_eq(smtp_reply_text(&r), STR("5.1.1 c")));
	assert_int_equal(smtp_reply_next(&r, &in), SMTP_REPLY_BAD);
	size_t left = in.len;
	assert_int_equal(smtp_reply_next(&r, &in), SMTP_REPLY_BAD); /* for good */
	assert_int_equal(in.len, left);
}

static void fill(struct buf *out, const char *line, size_t count)
{
	for (size_t i = 0; i < count; i++) buf_str(out, str_of(line));
}

/* Over each limit, and just not. */
static void limits(void **state)
{
	(void)state;
	static const struct {
		const char *head, *fill;
		size_t count;
		const char *tail;
		enum smtp_reply_result want;
	} cases[] = {
		{ "451 ", "x", 70000, "\r\n", SMTP_REPLY_DONE },
		{ "451 ", "x", SMTP_REPLY_BYTES_MAX - 6, "\r\n", SMTP_REPLY_DONE },
		{ "451 ", "x", SMTP_REPLY_BYTES_MAX - 5, "\r\n", SMTP_REPLY_BAD },
		{ "451 ", "x", SMTP_REPLY_BYTES_MAX + 5, "", SMTP_REPLY_BAD },
		{ "", "451-x\r\n", SMTP_REPLY_LINES_MAX - 1, "451 x\r\n",
		  SMTP_REPLY_DONE },
		{ "", "451-x\r\n", SMTP_REPLY_LINES_MAX, "451 x\r\n", SMTP_REPLY_BAD },
		{ "", "451-x\r\n", 20 * 1000, "", SMTP_REPLY_BAD },
		{ "", "\xe2\x82\xac", 200 * 1000, "", SMTP_REPLY_BAD },
	};
	struct buf in;
	buf_init(&in, 1024 * 1024);
	for (size_t i = 0; i < sizeof cases / sizeof *cases * 2; i++) {
		buf_reset(&in);
		buf_str(&in, str_of(cases[i / 2].head));
		fill(&in, cases[i / 2].fill, cases[i / 2].count);
		buf_str(&in, str_of(cases[i / 2].tail));
		smtp_reply_init(&r);
		assert_int_equal(feed(buf_view(&in), i % 2 ? 7 : in.len),
				 cases[i / 2].want);
		assert_int_equal(r.code, cases[i / 2].want == SMTP_REPLY_DONE ? 451 : 0);
		assert_true(smtp_reply_text(&r).len <= SMTP_REPLY_TEXT_MAX);
	}
	buf_free(&in);
}

static void text_is_cut_at_a_character(void **state)
{
	(void)state;
	char text[8];
	struct buf out;
	buf_init_fixed(&out, text, sizeof text);
	smtp_text_safe(&out, STR("abc\xe2\x82\xac\xe2\x82\xac"));
	assert_true(str_eq(buf_view(&out), STR("abc\xe2\x82\xac")));
	assert_false(out.overflowed);
}

static void statuses(void **state)
{
	(void)state;
	static const struct {
		enum smtp_step step;
		unsigned code;
		const char *want;
	} cases[] = {
		{ SMTP_STEP_RCPT, 550, "5.1.1" },  { SMTP_STEP_RCPT, 554, "5.7.1" },
		{ SMTP_STEP_RCPT, 450, "4.2.0" },  { SMTP_STEP_RCPT, 452, "4.5.3" },
		{ SMTP_STEP_MAIL, 550, "5.7.1" },  { SMTP_STEP_MAIL, 552, "5.3.4" },
		{ SMTP_STEP_END, 550, "5.7.1" },   { SMTP_STEP_END, 452, "4.3.1" },
		{ SMTP_STEP_RCPT, 556, "5.1.10" }, { SMTP_STEP_BANNER, 421, "4.3.2" },
		{ SMTP_STEP_END, 250, "2.0.0" },   { SMTP_STEP_RCPT, 499, "4.0.0" },
		{ SMTP_STEP_END, 599, "5.0.0" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char status[SMTP_ENHANCED_SIZE];
		smtp_enhanced_default(cases[i].step, cases[i].code, status);
		assert_string_equal(status, cases[i].want);
	}
	for (int step = 0; step < SMTP_STEPS; step++)
		assert_true(smtp_step_words((enum smtp_step)step).len > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(several),
		cmocka_unit_test(limits),
		cmocka_unit_test(text_is_cut_at_a_character),
		cmocka_unit_test(statuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
