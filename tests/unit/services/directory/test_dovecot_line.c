/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of Dovecot's protocol, both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "services/directory/dovecot_line.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define BAD         (-1)

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define L320    HUNDRED HUNDRED HUNDRED TEN TEN

static const struct {
	struct str line;
	int kind; /* or BAD */
	uint64_t id;
	const char *user, *reason;
	bool later;
} rows[] = {
	{ STR_INIT("VERSION\t1\t2"), DOVECOT_VERSION, 1, "", "", false },
	{ STR_INIT("VERSION\t2\t0"), DOVECOT_VERSION, 2, "", "", false },
	{ STR_INIT("VERSION"), BAD, 0, "", "", false },
	{ STR_INIT("VERSION\tone"), BAD, 0, "", "", false },
	{ STR_INIT("SPID\t4711"), DOVECOT_SPID, 0, "", "", false },
	{ STR_INIT("DONE"), DOVECOT_DONE, 0, "", "", false },
	{ STR_INIT("MECH\tPLAIN\tplaintext"), DOVECOT_OTHER, 0, "", "", false },
	{ STR_INIT(""), DOVECOT_OTHER, 0, "", "", false },
	{ STR_INIT("ok\t1"), DOVECOT_OTHER, 0, "", "", false },
	{ STR_INIT("OK\t1"), DOVECOT_OK, 1, "", "", false },
	{ STR_INIT("OK\t1\tuser=ann@x"), DOVECOT_OK, 1, "ann@x", "", false },
	{ STR_INIT("OK\t1\tresp=AA==\tuser=ann"), DOVECOT_OK, 1, "ann", "", false },
	{ STR_INIT("OK\t1\tuser=a=b"), DOVECOT_OK, 1, "a=b", "", false },
	{ STR_INIT("OK\t1\tuser=" L320), DOVECOT_OK, 1, L320, "", false },
	{ STR_INIT("OK\t1\tuser=" L320 "x"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t18446744073709551615"), DOVECOT_OK, UINT64_MAX, "", "", false },
	{ STR_INIT("OK\t18446744073709551616"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t-1"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t"), BAD, 0, "", "", false },
	{ STR_INIT("OK"), BAD, 0, "", "", false },
	/* Escapes. */
	{ STR_INIT("FAIL\t1\treason=a\001tb\001nc\0011d"), DOVECOT_FAIL, 1, "", "a b c d",
	  false },
	{ STR_INIT("FAIL\t1\treason=a\033[31mb"), DOVECOT_FAIL, 1, "", "a [31mb", false },
	{ STR_INIT("OK\t1\tuser=a\001tb"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t1\tuser=a\0010b"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t1\tuser=a\000b"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t1\tuser=a\001"), BAD, 0, "", "", false },
	{ STR_INIT("OK\t1\tuser=a\001x"), BAD, 0, "", "", false },
	{ STR_INIT("FAIL\t1\treason=\001"), BAD, 0, "", "", false },
	/* Refusals. */
	{ STR_INIT("FAIL\t9\tuser=ann"), DOVECOT_FAIL, 9, "ann", "", false },
	{ STR_INIT("FAIL\t9\tuser=ann\ttemp"), DOVECOT_FAIL, 9, "ann", "", true },
	{ STR_INIT("FAIL\t9\tcode=temp_fail"), DOVECOT_FAIL, 9, "", "", true },
	{ STR_INIT("FAIL\t9\ttempest"), DOVECOT_FAIL, 9, "", "", false },
	{ STR_INIT("FAIL\t9\tuser_disabled"), DOVECOT_FAIL, 9, "", "the user is disabled",
	  false },
	{ STR_INIT("FAIL\t9\tcode=pass_expired\treason=too old"), DOVECOT_FAIL, 9, "",
	  "too old", false },
	{ STR_INIT("FAIL\t9\treason=" L320), DOVECOT_FAIL, 9, "",
	  HUNDRED TEN TEN TEN TEN TEN TEN, false },
	{ STR_INIT("CONT\t3\tmore"), DOVECOT_CONT, 3, "", "", false },
	/* Users. */
	{ STR_INIT("USER\t4\tann@x\thome=/h\tuid=1"), DOVECOT_USER, 4, "ann@x", "", false },
	{ STR_INIT("USER\t4\tann\tuser=eve\treason=r\ttemp"), DOVECOT_USER, 4, "ann", "",
	  false },
	{ STR_INIT("USER\t4"), DOVECOT_USER, 4, "", "", false },
	{ STR_INIT("USER\t4\ta\rb"), BAD, 0, "", "", false },
	{ STR_INIT("NOTFOUND\t5"), DOVECOT_NOTFOUND, 5, "", "", false },
	{ STR_INIT("NOTFOUND\tx"), BAD, 0, "", "", false },
};

static bool same(const char *want, const char *got, size_t len)
{
	return str_eq(str_of(want), (struct str){ got, len });
}

static void reads(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct dovecot_line line;
		bool good = dovecot_line_parse(rows[i].line, &line);
		if (good != (rows[i].kind != BAD)) fail_msg("row %zu: %d", i, good);
		if (!good) continue;
		if ((int)line.kind != rows[i].kind || line.id != rows[i].id ||
		    line.later != rows[i].later ||
		    !same(rows[i].user, line.user, line.user_len) ||
		    !same(rows[i].reason, line.reason, line.reason_len))
			fail_msg("row %zu: %d, %.*s, %.*s", i, (int)line.kind,
				 (int)line.user_len, line.user, (int)line.reason_len,
				 line.reason);
	}
}

static const struct {
	struct str user, password;
	const char *want; /* NULL: cannot be said */
} auths[] = {
	{ STR_INIT("ann"), STR_INIT("secret"),
	  "AUTH\t5\tPLAIN\tservice=smtp\tsecured\tnologin\tno-penalty\tresp=AGFubgBzZWNyZXQ=\n" },
	{ STR_INIT("a\tb"), STR_INIT("c\nd"),
	  "AUTH\t5\tPLAIN\tservice=smtp\tsecured\tnologin\tno-penalty\tresp=AGEJYgBjCmQ=\n" },
	{ STR_INIT("ann\000eve"), STR_INIT("secret"), NULL },
	{ STR_INIT("ann"), STR_INIT("sec\000ret"), NULL },
	{ STR_INIT("ann"), STR_INIT(L320 L320 L320 L320), NULL },
};

static void asks_for_passwords(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(auths); i++) {
		char memory[2048];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		dovecot_auth(&out, 5, auths[i].user, auths[i].password);
		if (out.overflowed != !auths[i].want) fail_msg("row %zu", i);
		if (auths[i].want) assert_true(str_eq(buf_view(&out), str_of(auths[i].want)));
	}
}

static const struct {
	struct str user;
	const char *want;
} users[] = {
	{ STR_INIT("ann@x"), "USER\t6\tann@x\tservice=smtp\n" },
	{ STR_INIT("a\tb\nc\rd\001e"),
	  "USER\t6\ta\001tb\001nc\001rd\0011e\tservice=smtp\n" },
	{ STR_INIT("a\000b"), "USER\t6\ta\0010b\tservice=smtp\n" },
};

static void asks_for_users(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(users); i++) {
		char memory[128];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		dovecot_user(&out, 6, users[i].user);
		if (!str_eq(buf_view(&out), str_of(users[i].want))) fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(asks_for_passwords),
		cmocka_unit_test(asks_for_users),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
