/* SPDX-License-Identifier: Apache-2.0 */
/* VRFY and EXPN: who is told, and which address an argument means. */
#include "verdict_is.h"

#include <stdio.h>
#include <string.h>

static const char one[] = "domain us.example { users any; deliver maildir /m/%n }\n"
			  "listener a { address *:25 }\nlistener b { address *:26; vrfy on; expn authenticated }\n"
			  "listener c { address *:27; vrfy off; expn off }\n";
static const char two[] = "domain us.example www.example { users any; deliver maildir /m/%n }\n";

static void who(void **state)
{
	static const struct { const char *more; unsigned listener; bool user, vrfy, expn; } rows[] = {
		{ "", 0, false, false, false }, { "", 0, true, false, false },
		{ "", 1, false, true, false }, { "", 1, true, true, true },
		{ "vrfy on; expn on\n", 0, false, true, true }, { "vrfy on; expn on\n", 2, true, false, false },
		{ "vrfy authenticated\n", 0, false, false, false }, { "vrfy authenticated\n", 0, true, true, false },
		{ "expn authenticated\n", 0, true, false, true }, { "expn on\n", 1, false, true, false },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char text[1024];
		(void)snprintf(text, sizeof text, "%s%s", one, rows[i].more);
		struct conf *conf = conf_of(text);
		struct facts f = { .conf = conf, .listener = &conf->listeners[rows[i].listener],
			.authenticated = rows[i].user };
		if (policy_may_vrfy(&f) != rows[i].vrfy || policy_may_expn(&f) != rows[i].expn)
			fail_msg("row %zu", i);
		conf_free(conf);
	}
}

static void addresses(void **state)
{
	enum { OK = POLICY_VERIFY_OK, MANY = POLICY_VERIFY_AMBIGUOUS, BAD = POLICY_VERIFY_BAD };
	static const struct { const char *conf, *in; int want; const char *out; } rows[] = {
		{ one, "ann", OK, "ann@us.example" }, { one, "<ann>", OK, "ann@us.example" },
		{ one, "ann@far.example", OK, "ann@far.example" }, { one, "<ann@far.example>", OK, "ann@far.example" },
		{ one, "Ann Other <ann@us.example>", OK, "ann@us.example" },
		{ one, "\"a b\"", OK, "\"a b\"@us.example" }, { one, "ann@", BAD, "" }, { one, "a b", BAD, "" },
		{ one, "<", BAD, "" }, { one, "<>", BAD, "" }, { one, "a@b>c", BAD, "" }, { one, "a@b c", BAD, "" },
		{ two, "ann", MANY, "" }, { two, "ann@www.example", OK, "ann@www.example" },
		{ "hostname a.example\n", "ann", BAD, "" },
	};
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char memory[600];
		struct buf out;
		struct conf *conf = conf_of(rows[i].conf);
		buf_init_fixed(&out, memory, sizeof memory);
		enum policy_verify got = policy_verify_address(conf, str_of(rows[i].in), &out);
		if ((int)got != rows[i].want) fail_msg("row %zu: %d", i, (int)got);
		if (got == POLICY_VERIFY_OK && !str_eq(buf_view(&out), str_of(rows[i].out)))
			fail_msg("row %zu: %.*s", i, (int)out.len, out.at);
		conf_free(conf);
	}
	char big[5000], memory[600];
	struct buf out;
	memset(big, 'a', sizeof big);
	struct conf *conf = conf_of(one);
	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(policy_verify_address(conf, (struct str){ big, sizeof big }, &out), POLICY_VERIFY_BAD);
	conf_free(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(who), cmocka_unit_test(addresses) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
