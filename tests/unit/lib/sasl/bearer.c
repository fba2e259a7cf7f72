/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/sasl/bearer.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static const struct row {
	struct str message;
	const char *user, *token; /* token NULL: refused */
} xoauth2[] = {
	{ STR_INIT("user=ann@a.example\1auth=Bearer ya29.vF9dft4_x-~+/==\1\1"), "ann@a.example",
	  "ya29.vF9dft4_x-~+/==" },
	{ STR_INIT("User=ann\1Auth=bearer  t\1\1"), "ann", "t" },
	{ STR_INIT("user=ann\1x=y\1auth=Bearer t\1\1"), "ann", "t" },
	{ STR_INIT("user=\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer t\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer t\1\1x"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer t"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer \1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer ==\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer a b\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer a\0b\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer a=b\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Basic YQ==\1\1"), "", NULL },
	{ STR_INIT("user=ann\1auth=Bearer t\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("user=ann\1\1"), "", NULL },
	{ STR_INIT("user=a\nb\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("user=a\0b\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT(""), "", NULL },
}, oauthbearer[] = {
	/* RFC 7628 4.1 */
	{ STR_INIT("n,a=user@example.com,\1host=server.example.com\1port=143\1"
		   "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\1\1"),
	  "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
	{ STR_INIT("n,,\1auth=Bearer t\1\1"), "", "t" },
	{ STR_INIT("y,,\1auth=Bearer t\1\1"), "", "t" },
	{ STR_INIT("p=tls-exporter,,\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,b=x,\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,a=x\1auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,,auth=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,,\1au1th=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,,\1=Bearer t\1\1"), "", NULL },
	{ STR_INIT("n,,\1auth\1\1"), "", NULL },
	{ STR_INIT("n,,\1\1"), "", NULL },
	{ STR_INIT("n,,\1"), "", NULL },
	{ STR_INIT("n"), "", NULL },
	{ STR_INIT(""), "", NULL },
};

static void try(const struct row *rows, size_t count,
		bool (*parse)(struct str, struct bearer *))
{
	for (size_t i = 0; i < count; i++) {
		struct bearer b;
		bool good = parse(rows[i].message, &b);
		if (good != (rows[i].token != NULL)) fail_msg("row %zu", i);
		if (good && (!str_eq(b.user, str_of(rows[i].user)) ||
			     !str_eq(b.token, str_of(rows[i].token))))
			fail_msg("row %zu: %.*s %.*s", i, STR_ARG(b.user), STR_ARG(b.token));
	}
}

static void messages(void **state)
{
	(void)state;
	try(xoauth2, ROWS(xoauth2), bearer_xoauth2_parse);
	try(oauthbearer, ROWS(oauthbearer), bearer_oauthbearer_parse);
}

static void limits(void **state)
{
	struct buf b;
	struct bearer out;
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		buf_init(&b, 64 * 1024);
		buf_str(&b, STR("user="));
		for (size_t i = 0; i < BEARER_USER_MAX + more; i++) buf_byte(&b, 'u');
		buf_str(&b, STR("\1auth=Bearer t\1\1"));
		assert_int_equal(bearer_xoauth2_parse(buf_view(&b), &out), !more);
		buf_reset(&b);
		buf_str(&b, STR("n,,\1auth=Bearer "));
		for (size_t i = 0; i < BEARER_TOKEN_MAX + more; i++) buf_byte(&b, 't');
		buf_str(&b, STR("\1\1"));
		assert_int_equal(bearer_oauthbearer_parse(buf_view(&b), &out), !more);
		buf_free(&b);
	}
}

static void faults(void **state)
{
	static const struct { bool xoauth2; struct str scope; const char *want; } rows[] = {
		{ true, STR_INIT(""), "{\"status\":\"401\",\"schemes\":\"bearer\"}" },
		{ false, STR_INIT("a\"\n"),
		  "{\"status\":\"invalid_token\",\"schemes\":\"bearer\",\"scope\":\"a\\\"\\n\"}" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[BEARER_FAULT_MAX + 1] = "";
		struct buf out;
		buf_init_fixed(&out, memory, BEARER_FAULT_MAX);
		bearer_fault_write(&out, rows[i].xoauth2, rows[i].scope);
		assert_string_equal(memory, rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages),
		cmocka_unit_test(limits),
		cmocka_unit_test(faults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
