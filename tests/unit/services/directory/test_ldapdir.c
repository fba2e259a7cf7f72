/* SPDX-License-Identifier: Apache-2.0 */
/* What of LDAP needs no server: filters, entries, and what the results of binds mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <ldap.h>

#include "services/directory/ldapdir.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

static void escapes(void **state)
{
	static const struct { struct str in; const char *want; } rows[] = {
		{ STR_INIT("ann@us.example"), "ann@us.example" },
		{ STR_INIT("*"), "\\2a" },
		{ STR_INIT("a)(uid=*"), "a\\29\\28uid=\\2a" },
		{ STR_INIT("a\\b"), "a\\5cb" },
		{ STR_INIT("a\0b"), "a\\00b" },
		{ STR_INIT("\xc3\xa4\n"), "\\c3\\a4\\0a" },
		{ STR_INIT(""), "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[256];
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		ldapdir_filter_escape(&out, rows[i].in);
		if (!str_eq(buf_view(&out), str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&out)));
	}
}

#define AD_ENABLED "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"

static void filters(void **state)
{
	static const struct {
		bool ad;
		const char *filter, *address, *aliases, *in, *want;
	} rows[] = {
		{ false, "", "", "", "a@b.example", "(mail=a@b.example)" },
		{ false, "", "m", "", "a@b.example", "(m=a@b.example)" },
		{ false, "", "", "also", "a*@b.example",
		  "(|(mail=a\\2a@b.example)(also=a\\2a@b.example)(also=smtp:a\\2a@b.example))" },
		{ true, "", "", "", "a@b.example",
		  "(&(|(mail=a@b.example)(proxyAddresses=smtp:a@b.example))" AD_ENABLED ")" },
		{ true, "(x=%u)", "", "", "a@b.example", "(x=a@b.example)" },
		{ false, "(&(u=%n)(d=%d)(p=100%%))", "", "", "a(@b.example",
		  "(&(u=a\\28)(d=b.example)(p=100%))" },
		{ false, "(u=%n)", "", "", "\"a@b\"@c.example", "(u=\"a@b\")" },
		{ false, "(u=%n)(d=%d)", "", "", "nobody", "(u=nobody)(d=)" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[512];
		struct buf out;
		struct backend_settings c = { 0 };
		c.ldap.filter = rows[i].filter;
		c.ldap.address = rows[i].address;
		c.ldap.aliases = rows[i].aliases;
		c.ldap.active_directory = rows[i].ad;
		buf_init_fixed(&out, memory, sizeof memory);
		ldapdir_filter_write(&out, &c, str_of(rows[i].in));
		if (!str_eq(buf_view(&out), str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&out)));
	}
	struct buf little;
	char memory[8];
	struct backend_settings c = { 0 };
	c.ldap.filter = "(mail=%u)";
	buf_init_fixed(&little, memory, sizeof memory);
	ldapdir_filter_write(&little, &c, STR("a@b.example"));
	assert_true(little.overflowed);
}

static void entries(void **state)
{
	static const struct str one[] = { STR_INIT("Ann@us.example") };
	static const struct str two[] = { STR_INIT(""), STR_INIT("SMTP:Bob@us.example"),
					  STR_INIT("x@us.example") };
	static const struct str proxies[] = { STR_INIT("smtp:ev@us.example"), STR_INIT("x500:/o=a"),
					      STR_INIT("SMTP:Eve@us.example") };
	static const struct str lower[] = { STR_INIT("smtp:ev@us.example") };
	static const struct ldapdir_values none = { NULL, 0 };
	static const struct {
		struct ldapdir_values addresses, aliases;
		const char *want;
	} rows[] = {
		{ { one, 1 }, { proxies, 3 }, "Ann@us.example" },
		{ { two, 3 }, none, "Bob@us.example" },
		{ none, { proxies, 3 }, "Eve@us.example" },
		{ none, { lower, 1 }, "" },
		{ none, none, "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct str got = ldapdir_own_address(rows[i].addresses, rows[i].aliases);
		if (!str_eq(got, str_of(rows[i].want)))
			fail_msg("row %zu: %.*s", i, STR_ARG(got));
	}
	static const struct { struct str value; const char *want; } homes[] = {
		{ STR_INIT("mx.us.example"), "mx.us.example" },
		{ STR_INIT("/o=Org/ou=Site/cn=Servers/cn=EX1"), "EX1" },
		{ STR_INIT("/nonsense"), "/nonsense" },
	};
	for (size_t i = 0; i < ROWS(homes); i++)
		assert_true(str_eq(ldapdir_home((struct ldapdir_values){ &homes[i].value, 1 }),
				   str_of(homes[i].want)));
	assert_int_equal(ldapdir_home(none).len, 0);
}

static void binds(void **state)
{
	static const struct {
		int code, policy;
		const char *text;
		enum backend_result want;
		const char *why;
	} rows[] = {
		{ LDAP_SUCCESS, -1, "", BACKEND_OK, "" },
		{ LDAP_SUCCESS, PP_changeAfterReset, "", BACKEND_WRONG,
		  "the password has to be changed" },
		{ LDAP_INVALID_CREDENTIALS, -1, "", BACKEND_WRONG, "" },
		{ LDAP_INVALID_CREDENTIALS, PP_accountLocked, "", BACKEND_WRONG,
		  "the account is locked" },
		{ LDAP_INVALID_CREDENTIALS, PP_passwordExpired, "", BACKEND_WRONG,
		  "the password has expired" },
		{ LDAP_INVALID_CREDENTIALS, -1,
		  "80090308: LdapErr: DSID-0C09, comment: AcceptSecurityContext error, data 532, v1",
		  BACKEND_WRONG, "the password has expired" },
		{ LDAP_INVALID_CREDENTIALS, -1, "error, data 775, v1", BACKEND_WRONG,
		  "the account is locked" },
		{ LDAP_INVALID_CREDENTIALS, -1, "error, data 533, v1", BACKEND_WRONG,
		  "the account is disabled" },
		{ LDAP_INVALID_CREDENTIALS, -1, "error, data 52e, v1", BACKEND_WRONG, "" },
		{ LDAP_INVALID_CREDENTIALS, -1, ", data ", BACKEND_WRONG, "" },
		{ LDAP_CONSTRAINT_VIOLATION, -1, "Exceed password\nretry limit.", BACKEND_WRONG,
		  "he may not log in: Constraint violation (Exceed password retry limit.)" },
		{ LDAP_UNWILLING_TO_PERFORM, -1, "", BACKEND_WRONG,
		  "he may not log in: Server is unwilling to perform" },
		{ LDAP_INAPPROPRIATE_AUTH, -1, "", BACKEND_WRONG,
		  "he may not log in: Inappropriate authentication" },
		{ LDAP_BUSY, -1, "later", BACKEND_DOWN, "bind of the user: Server is busy (later)" },
		{ LDAP_SERVER_DOWN, -1, "", BACKEND_DOWN,
		  "bind of the user: Can't contact LDAP server" },
		{ LDAP_TIMEOUT, -1, "", BACKEND_DOWN, "bind of the user: Timed out" },
		{ LDAP_CONFIDENTIALITY_REQUIRED, -1, "", BACKEND_DOWN,
		  "bind of the user: Confidentiality required" },
		{ LDAP_REFERRAL, -1, "", BACKEND_DOWN, "bind of the user: Referral" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[BACKEND_WHY_MAX];
		struct buf why;
		buf_init_fixed(&why, memory, sizeof memory);
		buf_str(&why, STR("of before"));
		enum backend_result got = ldapdir_bind_result(rows[i].code, str_of(rows[i].text),
							      rows[i].policy, &why);
		if (got != rows[i].want || !str_eq(buf_view(&why), str_of(rows[i].why)))
			fail_msg("row %zu: %d %.*s", i, got, STR_ARG(buf_view(&why)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes),
		cmocka_unit_test(filters),
		cmocka_unit_test(entries),
		cmocka_unit_test(binds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
