/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/base/base64.h"
#include "lib/sasl/jwt.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void parts(void **state)
{
	static const struct { const char *token, *header, *payload, *signature; } rows[] = {
		{ "eyJhIjoxfQ.e30.c2ln", "{\"a\":1}", "{}", "sig" },
		{ "e30.e30.-_8", "{}", "{}", "\xfb\xff" },
		{ "e30.e30", NULL, NULL, NULL },
		{ "e30.e30.", NULL, NULL, NULL },
		{ ".e30.c2ln", NULL, NULL, NULL },
		{ "e30..c2ln", NULL, NULL, NULL },
		{ "e30.e30.c2ln.c2ln", NULL, NULL, NULL },
		{ "e30.e30.c2ln.c2ln.c2ln", NULL, NULL, NULL },
		{ "e30=.e30.c2ln", NULL, NULL, NULL },
		{ "e30.e30.+/8", NULL, NULL, NULL },
		{ "e31.e30.c2ln", NULL, NULL, NULL }, /* bits behind the last octet */
		{ "e30.e30.c2lnc", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct jwt jwt;
		struct buf memory; /* one that grows: parts must stay where they are */
		buf_init(&memory, 4096);
		struct str token = str_of(rows[i].token);
		bool good = jwt_split(token, &memory, &jwt);
		if (good != (rows[i].header != NULL)) fail_msg("row %zu", i);
		if (good) {
			assert_true(str_eq(jwt.header, str_of(rows[i].header)));
			assert_true(str_eq(jwt.payload, str_of(rows[i].payload)));
			assert_true(str_eq(jwt.signature, str_of(rows[i].signature)));
			assert_int_equal(jwt.input.len, (size_t)str_rfind(token, '.'));
		}
		buf_free(&memory);
	}
}

static void limits(void **state)
{
	(void)state;
	for (size_t more = 0; more < 2; more++) {
		struct jwt jwt;
		struct buf token, memory;
		buf_init(&token, 8192);
		buf_init(&memory, 8192);
		buf_str(&token, STR("e30.e30."));
		for (size_t i = 0; i < (JWT_SIGNATURE_MAX + 2 * more) / 3; i++)
			buf_str(&token, STR("AAAA"));
		if (!more) buf_str(&token, STR("AA")); /* 1023 octets and one */
		else buf_str(&token, STR("AAA"));
		assert_int_equal(jwt_split(buf_view(&token), &memory, &jwt), !more);
		buf_free(&memory);
		buf_init(&memory, 8);
		assert_false(jwt_split(buf_view(&token), &memory, &jwt));
		buf_free(&memory);
		buf_free(&token);
	}
}

static void algorithms(void **state)
{
	static const char *const taken[] = { "RS256", "RS384", "RS512", "PS256", "ES256", "ES384",
					     "EdDSA" };
	static const char *const others[] = { "none", "None", "HS256", "HS384", "HS512", "rs256",
					      "RS256 ", "ES512", "", "RSA-OAEP", "dir" };
	(void)state;
	for (size_t i = 0; i < ROWS(taken); i++)
		assert_true(str_eq(jwt_algorithm_find(str_of(taken[i]))->name, str_of(taken[i])));
	for (size_t i = 0; i < ROWS(others); i++)
		assert_null(jwt_algorithm_find(str_of(others[i])));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts),
		cmocka_unit_test(limits),
		cmocka_unit_test(algorithms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
