/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/mail/authors.h"
#include "lib/mail/scan.h"

/* want: the addresses, each with a blank behind; NULL: it cannot be read. */
static const struct {
	const char *value, *want;
} cases[] = {
	{ "", "" },
	{ " ann@us.example", "ann@us.example " },
	{ "ann@us.example,bob@us.example", "ann@us.example bob@us.example " },
	{ "ann@us.example,,bob@us.example,", "ann@us.example bob@us.example " },
	{ "Ann B. Carr <ann@us.example>", "ann@us.example " },
	{ "\"Ann, eve@there.example\" <ann@us.example>", "ann@us.example " },
	{ "\"Ann \\\" eve@there.example\" <ann@us.example>", "ann@us.example " },
	{ "\"A\r\n very long name\" <ann@us.example>\r\n", "ann@us.example " },
	{ "=?utf-8?q?J=C3=B6rg?= <ann@us.example>", "ann@us.example " },
	{ "ann@us.example (Ann (eve@there.example) \\) x)", "ann@us.example " },
	{ "ann (c) @ (d) us . example", "ann@us.example " },
	{ "< ann@us.example\r\n >", "ann@us.example " },
	{ "<@a.example,@b.example:ann@us.example>", "ann@us.example " },
	{ "\"a b\"@us.example", "\"a b\"@us.example " },
	{ "\"a@there.example\"@us.example", "\"a@there.example\"@us.example " },
	{ "ann@[IPv6:2001:db8::1]", "ann@[IPv6:2001:db8::1] " },
	{ "J\xc3\xb6rg <j\xc3\xb6rg@us.example>", "j\xc3\xb6rg@us.example " },
	{ "undisclosed-recipients:;", "" },
	{ "Staff: ann@us.example, Bob <bob@us.example>; eve@us.example",
	  "ann@us.example bob@us.example eve@us.example " },
	{ "Staff: Ann <ann@us.example>;", "ann@us.example " },
	/* what two programs could read in two ways */
	{ "ann", NULL },
	{ "ann@", NULL },
	{ "@us.example", NULL },
	{ "<>", NULL },
	{ "ann bob@us.example", NULL },
	{ "ann@us.example bob@us.example", NULL },
	{ "ann@us.example <eve@there.example", NULL },
	{ "<ann@us.example> eve@there.example", NULL },
	{ "<ann@us.example> <eve@there.example>", NULL },
	{ "<ann@us.example", NULL },
	{ "ann@us.example>", NULL },
	{ "<<ann@us.example>>", NULL },
	{ "<ann@us.example, eve@there.example>", NULL },
	{ "\"ann@us.example", NULL },
	{ "\"ann\\", NULL },
	{ "ann@us.example (x", NULL },
	{ "ann@us.example x)", NULL },
	{ "ann\\@us.example", NULL },
	{ "ann@us.example\x01", NULL },
	{ "\"a\x01\"@us.example", NULL },
	{ "Staff: ann@us.example", NULL },
	{ "Staff: a@us.example; b@us.example;", NULL },
	{ ": ann@us.example;", NULL },
	{ "A: B: ann@us.example;;", NULL },
	{ "ann@us.example;", NULL },
	{ "a@b, a@b, a@b, a@b", NULL }, /* three is the limit here */
};

static void table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		char memory[1024];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		bool good = mail_authors_parse(str_of(cases[i].value), 3, &out);
		if (good != (cases[i].want != NULL)) fail_msg("row %zu: %d", i, good);
		for (size_t k = 0; k < out.len; k++) if (memory[k] == '\n') memory[k] = ' ';
		if (good && !str_eq(buf_view(&out), str_of(cases[i].want)))
			fail_msg("row %zu: %.*s", i, (int)out.len, memory);
	}
}

static void too_long(void **state)
{
	(void)state;
	char value[2 * MAIL_AUTHOR_LEN_MAX], memory[4096], little[8];
	struct buf in, out;
	/* A display name may be long, an address not. */
	buf_init_fixed(&in, value, sizeof value);
	for (int i = 0; i < MAIL_AUTHOR_LEN_MAX; i++) buf_byte(&in, 'x');
	buf_str(&in, STR(" <a@b>"));
	buf_init_fixed(&out, memory, sizeof memory);
	assert_true(mail_authors_parse(buf_view(&in), 3, &out));
	assert_true(str_eq(buf_view(&out), STR("a@b\n")));
	buf_reset(&in);
	for (int i = 0; i < MAIL_AUTHOR_LEN_MAX; i++) buf_byte(&in, 'x');
	buf_str(&in, STR("@b"));
	assert_false(mail_authors_parse(buf_view(&in), 3, &out));
	/* no room for the result */
	buf_init_fixed(&out, little, sizeof little);
	assert_false(mail_authors_parse(STR("ann@us.example"), 3, &out));
}

/* Fields of the header, in pieces of every size, and with `want` in the end. */
static void collect(const char *text, struct str want, size_t max)
{
	for (size_t piece = 1; piece < 20; piece++) {
		struct mail_scan scan;
		struct buf authors;
		buf_init(&authors, max);
		mail_scan_init(&scan, STR("mx"));
		scan.authors = &authors;
		for (struct str rest = str_of(text); rest.len; rest = str_from(rest, piece))
			mail_scan_feed(&scan, str_sub(rest, 0, piece));
		assert_int_equal(authors.overflowed, want.at == NULL);
		if (want.at && !str_eq(buf_view(&authors), want))
			fail_msg("'%.*s'", (int)authors.len, authors.at);
		buf_free(&authors);
	}
}

static void fields(void **state)
{
	(void)state;
	collect("Subject: x\r\n\r\nFrom: a@b\r\n", STR(""), 100);
	collect("From: Ann\r\n <a@b>\r\nfrom:c@d\r\nSENDER : e@f\r\nX-From: g@h\r\n\r\nSender: i@j\r\n",
		STR(" Ann\r<a@b>\r\0c@d\r\0 e@f\r\0"), 100);
	collect("From: a@b\r\n", STR(" a@b\r"), 100); /* the text ends in the header */
	collect("From: a\x01@b\r\n\r\n", STR(" a\1@b\r\0"), 100);
	collect("From: a@b.example\r\n\r\n", (struct str){ 0 }, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(too_long),
		cmocka_unit_test(fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
