/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "mailbox/target.h"

#define L16         "aaaaaaaaaaaaaaaa"
#define L64         L16 L16 L16 L16
#define LABEL       L16 L16 L16 "aaaaaaaaaaaa"
#define DOMAIN_LONG LABEL "." LABEL "." LABEL "." LABEL

static const struct {
	struct str template, address;
	enum target want;
	const char *path;
} expansions[] = {
	{ STR_INIT("/m/%d/%n"), STR_INIT("Joe@Example.COM"), TARGET_OK,
	  "example.com/joe" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("joe+lists@a.example"), TARGET_OK,
	  "a.example/joe" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("joe+a+b@a.example"), TARGET_OK,
	  "a.example/joe" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("+joe@a.example"), TARGET_OK, "a.example/+joe" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("++joe@a.example"), TARGET_OK, "a.example/+" },
	{ STR_INIT("/m/%u"), STR_INIT("Joe+Lists@A.example"), TARGET_OK,
	  "joe+lists@a.example" },
	{ STR_INIT("/m//%d//%n/"), STR_INIT("j@a.example"), TARGET_OK, "a.example/j" },
	{ STR_INIT("/m/%d/Maildir-%n.box/in"), STR_INIT("j@a.example"), TARGET_OK,
	  "a.example/Maildir-j.box/in" },
	{ STR_INIT("/m/%n@%d"), STR_INIT("j@a.example"), TARGET_OK, "j@a.example" },
	{ STR_INIT("/m/100%%/%n%%"), STR_INIT("j@a.example"), TARGET_OK, "j%" },
	{ STR_INIT("/m/all"), STR_INIT("j@a.example"), TARGET_OK, "" },
	{ STR_INIT("/%n"), STR_INIT("j@a.example"), TARGET_OK, "j" },
	{ STR_INIT("/m/%n"), STR_INIT("%d@a.example"), TARGET_OK, "%d" },
	/* Hostile names. */
	{ STR_INIT("/m/%n"), STR_INIT("\"..\"@a.example"), TARGET_OK, "=2E." },
	{ STR_INIT("/m/%n"), STR_INIT("..@a.example"), TARGET_OK, "=2E." },
	{ STR_INIT("/m/%n"), STR_INIT(".@a.example"), TARGET_OK, "=2E" },
	{ STR_INIT("/m/%n"), STR_INIT("\".hidden\"@a.example"), TARGET_OK, "=2Ehidden" },
	{ STR_INIT("/m/%n"), STR_INIT("a.b@a.example"), TARGET_OK, "a.b" },
	{ STR_INIT("/m/.%n"), STR_INIT("\".\"@a.example"), TARGET_OK, ".=2E" },
	{ STR_INIT("/m/%u"), STR_INIT("\"..\"@a.example"), TARGET_OK, "=2E.@a.example" },
	{ STR_INIT("/m/%n"), STR_INIT("../../etc/passwd@a.example"), TARGET_OK,
	  "=2E.=2F..=2Fetc=2Fpasswd" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("j@../../etc"), TARGET_OK, "=2E.=2F..=2Fetc/j" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("j@[192.0.2.1]"), TARGET_OK, "[192.0.2.1]/j" },
	{ STR_INIT("/m/%n"), STR_INIT("/@a.example"), TARGET_OK, "=2F" },
	{ STR_INIT("/m/%n"), STR_INIT("a\0b@a.example"), TARGET_OK, "a=00b" },
	{ STR_INIT("/m/%n"), STR_INIT("a\nb\x7f@a.example"), TARGET_OK, "a=0Ab=7F" },
	{ STR_INIT("/m/%n"), STR_INIT("\"john doe\"@a.example"), TARGET_OK, "john doe" },
	{ STR_INIT("/m/%n"), STR_INIT("\"a\\\"b\\\\\"@a.example"), TARGET_OK, "a\"b\\" },
	{ STR_INIT("/m/%n"), STR_INIT("\"a+b\"@a.example"), TARGET_OK, "a" },
	{ STR_INIT("/m/%n"), STR_INIT("\"a@b\"@a.example"), TARGET_OK, "a@b" },
	/* Nothing that is spelled like an escape becomes one (Q166616: "=" is legal). */
	{ STR_INIT("/m/%n"), STR_INIT("a=2Fb@a.example"), TARGET_OK, "a=3D2fb" },
	/* UTF-8 stays, what is not UTF-8 does not, nor do C1 control characters. */
	{ STR_INIT("/m/%n"), STR_INIT("j\xc3\xb6rg@a.example"), TARGET_OK,
	  "j\xc3\xb6rg" },
	{ STR_INIT("/m/%n"), STR_INIT("j\xf6rg@a.example"), TARGET_OK, "j=F6rg" },
	{ STR_INIT("/m/%n"), STR_INIT("\xc0\xaf@a.example"), TARGET_OK, "=C0=AF" },
	{ STR_INIT("/m/%n"), STR_INIT("a\xc2\x85z@a.example"), TARGET_OK, "a=C2=85z" },
	{ STR_INIT("/m/%n"), STR_INIT("a\xc2\xa0\xc3\x85z@a.example"), TARGET_OK,
	  "a\xc2\xa0\xc3\x85z" },
	/* Refused. */
	{ STR_INIT("/m/%n"), STR_INIT("@a.example"), TARGET_BAD_ADDRESS, "" },
	{ STR_INIT("/m/%n"), STR_INIT("\"\"@a.example"), TARGET_BAD_ADDRESS, "" },
	{ STR_INIT("/m/%n"), STR_INIT("joe@"), TARGET_BAD_ADDRESS, "" },
	{ STR_INIT("/m/%n"), STR_INIT("joe"), TARGET_BAD_ADDRESS, "" },
	{ STR_INIT("/m/%n"), STR_INIT(""), TARGET_BAD_ADDRESS, "" },
	{ STR_INIT("m/%n"), STR_INIT("j@a.example"), TARGET_BAD_TEMPLATE, "" },
	{ STR_INIT("/m/%n"), STR_INIT(L64 L64 L64 "aaaaaaaa@a.example"), TARGET_OK,
	  L64 L64 L64 "aaaaaaaa" },
	{ STR_INIT("/m/%n"), STR_INIT(L64 L64 L64 "aaaaaaaaa@a.example"), TARGET_TOO_LONG,
	  "" },
	{ STR_INIT("/m/%n"), STR_INIT(L64 L64 L64 L64 L16 "@a.example"), TARGET_TOO_LONG,
	  "" },
	{ STR_INIT("/m/%d/%n"), STR_INIT("j@" DOMAIN_LONG), TARGET_TOO_LONG, "" },
	{ STR_INIT("/m/%d/%n@%n"), STR_INIT(L64 L64 L16 "@a.example"), TARGET_TOO_LONG,
	  "" },
	{ STR_INIT("/m/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n/%n"),
	  STR_INIT(L64 L64 "@a.example"), TARGET_TOO_LONG, "" },
};

static void expands(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof expansions / sizeof *expansions; i++) {
		struct buf out;
		buf_init(&out, 4096);
		buf_str(&out, STR("before"));
		enum target got = target_expand(&out, expansions[i].template,
						expansions[i].address);
		struct str path = str_from(buf_view(&out), 6);
		if (got != expansions[i].want || out.overflowed ||
		    !str_eq(path, str_of(expansions[i].path)))
			fail_msg("row %zu: %d \"%.*s\"", i, (int)got, STR_ARG(path));
		assert_true(str_of(target_sentence(got)).len > 0);
		buf_free(&out);
	}
}

/* A builder of the caller's that is too small is an error of the path, not of the
 * builder. */
static void leaves_builder_whole(void **state)
{
	(void)state;
	char memory[8];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	buf_str(&out, STR("abc"));
	assert_int_equal(target_expand(&out, STR("/m/%u"), STR("joe@a.example")),
			 TARGET_TOO_LONG);
	assert_false(out.overflowed);
	assert_int_equal(out.len, 3);
}

static const struct {
	struct str template;
	bool good;
	const char *prefix;
} templates[] = {
	{ STR_INIT("/var/mail/%d/%n"), true, "/var/mail" },
	{ STR_INIT("/var/mail/%d/Maildir"), true, "/var/mail" },
	{ STR_INIT("/var/mail/box-%n"), true, "/var/mail" },
	{ STR_INIT("/var/mail/all"), true, "/var/mail/all" },
	{ STR_INIT("/var/mail/all/"), true, "/var/mail/all" },
	{ STR_INIT("//var//mail//%n"), true, "//var//mail" },
	{ STR_INIT("/%n"), true, "/" },
	{ STR_INIT("/"), true, "/" },
	{ STR_INIT("/var/100%%/%n"), true, "/var/100%" },
	{ STR_INIT("/var/%%d/%n"), true, "/var/%d" },
	{ STR_INIT("/m/%n@%d"), true, "/m" },
	{ STR_INIT("/m/%d!%n"), true, "/m" },
	{ STR_INIT("/m/..hidden/%n"), true, "/m/..hidden" },
	{ STR_INIT("/m/%n..%%"), true, "/m" },
	{ STR_INIT(""), false, "" },
	{ STR_INIT("var/mail/%n"), false, "" },
	{ STR_INIT("%n"), false, "" },
	{ STR_INIT("/var/../%n"), false, "" },
	{ STR_INIT("/var/./%n"), false, "" },
	{ STR_INIT("/var/%n/.."), false, "" },
	{ STR_INIT("/var/%x"), false, "" },
	{ STR_INIT("/var/%"), false, "" },
	{ STR_INIT("/var/%/%n"), false, "" },
	{ STR_INIT("/var/a\nb/%n"), false, "" },
	{ STR_INIT("/var/a\0b/%n"), false, "" },
	/* "a" in "bc.example" and "ab" in "c.example" are two mailboxes. */
	{ STR_INIT("/m/%n%d"), false, "" },
	{ STR_INIT("/m/%n.%d"), false, "" },
	{ STR_INIT("/m/%d-%n"), false, "" },
	{ STR_INIT("/m/%d_%n"), false, "" },
	{ STR_INIT("/m/%d=%n"), false, "" },
};

static void checks_templates(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof templates / sizeof *templates; i++) {
		const char *why = target_template_check(templates[i].template);
		if ((why == NULL) != templates[i].good)
			fail_msg("row %zu: %s", i, why ? why : "good");
		if (why) continue;
		struct buf out;
		buf_init(&out, 4096);
		target_prefix_write(&out, templates[i].template);
		if (!str_eq(buf_view(&out), str_of(templates[i].prefix)))
			fail_msg("row %zu: \"%.*s\"", i, STR_ARG(buf_view(&out)));
		buf_free(&out);
	}
	char memory[TARGET_TEMPLATE_MAX + 1];
	memset(memory, 'a', sizeof memory);
	memory[0] = '/';
	assert_non_null(target_template_check((struct str){ memory, sizeof memory }));
	assert_null(target_template_check((struct str){ memory, sizeof memory - 1 }));
}

/* Every pair of octets, as a local part, has a name of its own (but for upper case) that
 * is one component and not hidden. */
static void names_are_injective(void **state)
{
	(void)state;
	static char names[256 * 256][7];
	size_t count = 0;
	for (unsigned a = 0; a < 256; a++) {
		for (unsigned b = 0; b < 256; b++) {
			char address[] = { (char)a, (char)b, '@', 'd' };
			if (b == '+' || a == '"' || b == '"' ||
			    ascii_lower((char)a) != (char)a ||
			    ascii_lower((char)b) != (char)b)
				continue;
			struct buf out;
			buf_init_fixed(&out, names[count], 6);
			assert_int_equal(target_expand(&out, STR("/m/%n"),
						       (struct str){ address, 4 }),
					 TARGET_OK);
			struct str name = buf_view(&out);
			assert_true(name.len >= 2 && name.at[0] != '.' &&
				    str_find(name, '/') < 0 && str_find(name, '\0') < 0);
			names[count++][out.len] = '\0';
		}
	}
	qsort(names, count, sizeof names[0], (int (*)(const void *, const void *))strcmp);
	for (size_t i = 1; i < count; i++)
		assert_string_not_equal(names[i - 1], names[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expands),
		cmocka_unit_test(leaves_builder_whole),
		cmocka_unit_test(checks_templates),
		cmocka_unit_test(names_are_injective),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
