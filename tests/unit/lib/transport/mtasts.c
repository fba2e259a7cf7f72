/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/transport/mtasts.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void records(void **state)
{
	static const struct {
		const char *texts[3];
		const char *id; /* NULL: no policy */
	} rows[] = {
		{ { "v=STSv1; id=20160831085700Z;" }, "20160831085700Z" },
		{ { "v=STSv1;id=1" }, "1" },
		{ { "v=STSv1 ; \t id=aB9 ; " }, "aB9" },
		{ { "v=STSv1; ext=value; id=7; more=1" }, "7" },
		{ { "v=STSv1; id=7; id=8" }, "7" },
		{ { "v=STSv1; id=12345678901234567890123456789012" }, "12345678901234567890123456789012" },
		{ { "v=STSv1; id=123456789012345678901234567890123" }, NULL },
		{ { "v=STSv1; id=a-b" }, NULL },
		{ { "v=STSv1; id=" }, NULL },
		{ { "v=STSv1; ID=7" }, NULL },
		{ { "v=STSv1" }, NULL },
		{ { "v=STSv1;" }, NULL },
		{ { "v=STSv2; id=7" }, NULL },
		{ { "v=stsv1; id=7" }, NULL },
		{ { " v=STSv10; id=7" }, NULL },
		{ { "" }, NULL },
		{ { NULL }, NULL },
		/* RFC 8461 3.1: others do not count, two of them are none */
		{ { "v=spf1 -all", "v=STSv1; id=7", "x" }, "7" },
		{ { "v=STSv1; id=7", "v=STSv1; id=7" }, NULL },
		{ { "v=STSv1; id=7", "v=STSv1; junk" }, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b;
		struct str id = STR("");
		buf_init(&b, 4096);
		for (size_t n = 0; n < 3 && rows[i].texts[n]; n++)
			buf_put_str(&b, str_of(rows[i].texts[n]));
		print_message("row %zu\n", i);
		assert_int_equal(mtasts_record_find(buf_view(&b), &id), rows[i].id != NULL);
		if (rows[i].id) assert_true(str_eq(id, str_of(rows[i].id)));
		buf_free(&b);
	}
	struct str id;
	assert_false(mtasts_record_find(STR("\x10\0\0\0v=STSv1; id=7"), &id)); /* damaged */
}

#define HEAD "version: STSv1\nmode: enforce\n"

static void policies(void **state)
{
	static const struct {
		const char *file, *again; /* NULL: not valid */
	} rows[] = {
		{ HEAD "mx: a.example\nmax_age: 86400\n", HEAD "mx: a.example\nmax_age: 86400\n" },
		{ "version: STSv1\r\nmode: testing\r\nmx: a.example\r\nmx: *.b.example\r\nmax_age: 1\r\n",
		  "version: STSv1\nmode: testing\nmx: a.example\nmx: *.b.example\nmax_age: 1\n" },
		{ "max_age:5\nmx:a.example\nmode:enforce\nversion:STSv1",
		  HEAD "mx: a.example\nmax_age: 5\n" },
		{ "version: STSv1\nmode: none\nmax_age: 0\n", "version: STSv1\nmode: none\nmax_age: 0\n" },
		/* what is not known, and what stands twice */
		{ HEAD "x-any.thing: 1:2\nmx: a.example\nmode: none\nmax_age: 7\nmax_age: x\nversion: 2\n",
		  HEAD "mx: a.example\nmax_age: 7\n" },
		{ HEAD "\n  \t \nmx: a.example \t\nmax_age: 9999999999\n",
		  HEAD "mx: a.example\nmax_age: 31557600\n" },
		{ HEAD "mx: a.example\nmax_age: 99999999999\n", NULL },
		{ HEAD "mx: a.example\nmax_age: -1\n", NULL },
		{ HEAD "mx: a.example\nmax_age:\n", NULL },
		{ HEAD "mx: a.example\n", NULL },
		{ HEAD "max_age: 5\n", NULL },
		{ "mode: enforce\nmx: a.example\nmax_age: 5\n", NULL },
		{ "version: STSv1\nmx: a.example\nmax_age: 5\n", NULL },
		{ "version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 5\n", NULL },
		{ "version: STSv1\nmode: Enforce\nmx: a.example\nmax_age: 5\n", NULL },
		{ HEAD "mx: a.*.example\nmax_age: 5\n", NULL },
		{ HEAD "mx: *\nmax_age: 5\n", NULL },
		{ HEAD "mx: *.\nmax_age: 5\n", NULL },
		{ HEAD "mx: **.example\nmax_age: 5\n", NULL },
		{ HEAD "mx: a..example\nmax_age: 5\n", NULL },
		{ HEAD "mx: a.example.\nmax_age: 5\n", NULL },
		{ HEAD "mx:\nmax_age: 5\n", NULL },
		{ HEAD "mx: a b\nmax_age: 5\n", NULL },
		{ HEAD "no colon\nmx: a.example\nmax_age: 5\n", NULL },
		{ HEAD ": nothing\nmx: a.example\nmax_age: 5\n", NULL },
		{ "<html>", NULL },
		{ "", NULL },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct mtasts_policy p;
		char text[1024];
		struct buf again;
		buf_init_fixed(&again, text, sizeof text);
		print_message("row %zu\n", i);
		assert_int_equal(mtasts_policy_parse(str_of(rows[i].file), &p), rows[i].again != NULL);
		if (!rows[i].again) continue;
		mtasts_policy_write(&again, &p);
		assert_true(str_eq(buf_view(&again), str_of(rows[i].again)));
	}
}

/* At the limits, and one over. */
static void sizes(void **state)
{
	(void)state;
	for (size_t over = 0; over < 2; over++) {
		struct mtasts_policy p;
		struct buf file, text;
		char label[64 + 1] = { 0 };
		buf_init(&file, 2 * MTASTS_FILE_MAX);
		buf_init(&text, MTASTS_TEXT_MAX);
		memset(label, 'x', 61);
		buf_str(&file, STR(HEAD "max_age: 5\n"));
		for (size_t i = 0; i < MTASTS_MX_MAX + over; i++)
			buf_fmt(&file, "mx: *.%s.%s.%s.%s.aa\n", label, label, label, label);
		assert_int_equal(mtasts_policy_parse(buf_view(&file), &p), !over);
		if (!over) mtasts_policy_write(&text, &p);
		assert_false(text.overflowed);
		buf_reset(&file);
		buf_str(&file, STR(HEAD "mx: a.example\nmax_age: 5\nx: "));
		while (file.len < MTASTS_FILE_MAX + over) buf_byte(&file, 'y');
		assert_int_equal(mtasts_policy_parse(buf_view(&file), &p), !over);
		memset(label, 'x', 63 + over);
		buf_reset(&file);
		buf_fmt(&file, HEAD "mx: %s.example\nmax_age: 5\n", label);
		assert_int_equal(mtasts_policy_parse(buf_view(&file), &p), !over);
		buf_free(&file);
		buf_free(&text);
	}
}

static void hosts(void **state)
{
	static const struct {
		const char *host;
		bool has;
	} rows[] = {
		{ "mx.example.com", true },      { "MX.Example.COM", true },
		{ "mx.example.com.", true },     { "amx.example.com", false },
		{ "a.mx.example.com", false },   { "a.wild.example", true },
		{ "A.WILD.example", true },      { "a.b.wild.example", false },
		{ "wild.example", false },       { ".wild.example", false },
		{ "a.notwild.example", false },  { "example.com", false },
		{ "", false },                   { "*.wild.example", true },
	};
	struct mtasts_policy p;
	(void)state;
	assert_true(mtasts_policy_parse(
		STR(HEAD "mx: mx.example.com\nmx: *.Wild.example\nmax_age: 5\n"), &p));
	for (size_t i = 0; i < ROWS(rows); i++) {
		print_message("%s\n", rows[i].host);
		assert_int_equal(mtasts_policy_has(&p, str_of(rows[i].host)), rows[i].has);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(records), cmocka_unit_test(policies),
					    cmocka_unit_test(sizes), cmocka_unit_test(hosts) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
