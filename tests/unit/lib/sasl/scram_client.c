/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/sasl/scram_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NONCE "rOprNGfwEbeRWgbNEkqO"
#define BOTH  NONCE "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
#define SALT  "W22ZaJ0SNY7soEsUEjb6gQ=="
#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void is(const struct buf *got, const char *want)
{
	assert_false(got->overflowed);
	assert_true(str_eq(buf_view(got), str_of(want)));
}

/* The messages of RFC 7677 3. */
static void example(void **state)
{
	char memory[512];
	struct buf out;
	struct scram_challenge c;
	(void)state;
	struct str message = STR("r=" BOTH ",s=" SALT ",i=4096");
	buf_init_fixed(&out, memory, sizeof memory);
	scram_client_first_write(&out, STR("user"), STR(NONCE));
	is(&out, "n=user,r=" NONCE);
	assert_true(scram_client_challenge_parse(message, STR(NONCE), &c));
	assert_true(str_eq(c.nonce, STR(BOTH)) && str_eq(c.salt, STR(SALT)));
	assert_int_equal(c.iterations, 4096);
	buf_reset(&out);
	const struct scram_binding none = { .flag = SCRAM_FLAG_NONE };
	scram_client_signed_write(&out, &none, STR("n=user,r=" NONCE), message, c.nonce);
	is(&out, "n=user,r=" NONCE ",r=" BOTH ",s=" SALT ",i=4096,c=biws,r=" BOTH);
	buf_reset(&out);
	scram_client_final_write(&out, &none, c.nonce, STR("abc"));
	is(&out, "c=biws,r=" BOTH ",p=YWJj");
}

/* RFC 5802 6 and 7: the header, and what comes back of it in the last message. */
static void bindings(void **state)
{
	static const struct { enum scram_flag flag; const char *octets, *header, *last; } rows[] = {
		{ SCRAM_FLAG_NONE, "", "n,,", "c=biws,r=x,p=" },
		{ SCRAM_FLAG_UNOFFERED, "", "y,,", "c=eSws,r=x,p=" },
		{ SCRAM_FLAG_BOUND, "abc", "p=tls-exporter,,", "c=cD10bHMtZXhwb3J0ZXIsLGFiYw==,r=x,p=" },
		/* only who binds shows it */
		{ SCRAM_FLAG_UNOFFERED, "abc", "y,,", "c=eSws,r=x,p=" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[128];
		struct buf out;
		const struct scram_binding binding = { rows[i].flag, str_of(rows[i].octets) };
		buf_init_fixed(&out, memory, sizeof memory);
		scram_client_header_write(&out, rows[i].flag);
		is(&out, rows[i].header);
		buf_reset(&out);
		scram_client_final_write(&out, &binding, STR("x"), STR(""));
		is(&out, rows[i].last);
	}
}

static void meanings(void **state)
{
	(void)state;
	assert_true(scram_client_error_meaning(STR("channel-bindings-dont-match")).len > 0);
	assert_true(scram_client_error_meaning(STR("server-does-support-channel-binding")).len > 0);
	assert_true(scram_client_error_meaning(STR("unsupported-channel-binding-type")).len > 0);
	assert_int_equal(scram_client_error_meaning(STR("invalid-proof")).len, 0);
	assert_int_equal(scram_client_error_meaning(STR("")).len, 0);
}

static void names(void **state)
{
	char memory[64];
	struct buf out;
	(void)state;
	buf_init_fixed(&out, memory, sizeof memory);
	scram_client_first_write(&out, STR("a=b,c@h"), STR("x"));
	is(&out, "n=a=3Db=2Cc@h,r=x");
}

static void challenges(void **state)
{
	static const struct { const char *message; bool good; } rows[] = {
		{ "r=" BOTH ",s=" SALT ",i=4096", true },
		{ "r=" BOTH ",s=" SALT ",i=600000", true },
		{ "r=" BOTH ",s=" SALT ",i=4096,x=more", true },
		{ "r=" BOTH ",s=" SALT ",i=4095", false },
		{ "r=" BOTH ",s=" SALT ",i=600001", false },
		{ "r=" BOTH ",s=" SALT ",i=99999999999999999999999", false },
		{ "r=" BOTH ",s=" SALT ",i=", false },
		{ "r=" BOTH ",s=" SALT ",i=4096x", false },
		{ "r=" BOTH ",s=" SALT, false },
		{ "r=" BOTH ",s=,i=4096", false },
		{ "r=" BOTH ",s=W22ZaJ0SNY7soEsUEjb6gQ,i=4096", false },
		{ "r=" BOTH ",i=4096,s=" SALT, false },
		{ "m=x,r=" BOTH ",s=" SALT ",i=4096", false },
		{ "r=" NONCE ",s=" SALT ",i=4096", false }, /* nothing of the server's */
		{ "r=other" BOTH ",s=" SALT ",i=4096", false },
		{ "r=" NONCE "\x01,s=" SALT ",i=4096", false },
		{ "r=" NONCE " x,s=" SALT ",i=4096", false },
		{ "e=unknown-user", false },
		{ "", false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct scram_challenge c;
		print_message("%s\n", rows[i].message);
		assert_int_equal(scram_client_challenge_parse(str_of(rows[i].message), STR(NONCE),
							      &c), rows[i].good);
	}
}

static void long_challenges(void **state)
{
	static char text[2000];
	struct buf out;
	struct scram_challenge c;
	(void)state;
	for (int salt = 0; salt < 2; salt++) {
		buf_init_fixed(&out, text, sizeof text);
		buf_str(&out, STR("r=" NONCE "x"));
		for (int i = 0; !salt && i < SCRAM_NONCE_MAX; i++) buf_byte(&out, 'x');
		buf_str(&out, STR(",s="));
		for (int i = 0; i < (salt ? 50 : 1); i++) buf_str(&out, STR("YWJj"));
		buf_str(&out, STR(",i=4096"));
		assert_false(scram_client_challenge_parse(buf_view(&out), STR(NONCE), &c));
	}
}

static void ends(void **state)
{
	static const struct { const char *message, *signature, *error; bool good; } rows[] = {
		{ "v=abc=", "abc=", "", true },
		{ "v=abc=,x=y", "abc=", "", true },
		{ "e=invalid-proof", "", "invalid-proof", true },
		{ "v=", "", "", false },
		{ "e=", "", "", false },
		{ "x=1", "", "", false },
		{ "", "", "", false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct str signature, error;
		assert_int_equal(scram_client_end_parse(str_of(rows[i].message), &signature,
							&error), rows[i].good);
		if (!rows[i].good) continue;
		assert_true(str_eq(signature, str_of(rows[i].signature)));
		assert_true(str_eq(error, str_of(rows[i].error)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example), cmocka_unit_test(names), cmocka_unit_test(challenges),
		cmocka_unit_test(long_challenges), cmocka_unit_test(ends),
		cmocka_unit_test(bindings), cmocka_unit_test(meanings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
