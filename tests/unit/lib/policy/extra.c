/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "lib/policy/facts.h"

enum who { STRANGER, ON_SUBMISSION, LOGGED_IN, EXEMPT, RELAYED, MAY_RELAY, NEVER, WHO };

static const struct conf conf = { .submission = { .future_release_ms = 60 * 1000 } };
static const struct conf conf_off;
static const struct conf_network network;
static const struct conf_listener mx = { .role = CONF_ROLE_MX };
static const struct conf_listener submission = { .role = CONF_ROLE_SUBMISSION };
static const struct conf_listener relay = { .role = CONF_ROLE_RELAY };
static const struct conf_host exempt = { .auth = CONF_HOST_AUTH_EXEMPT };
static const struct conf_host may = { .relay = CONF_YES_YES };

static const struct facts facts[WHO] = {
	[STRANGER] = { .listener = &mx },
	[ON_SUBMISSION] = { .listener = &submission },
	[LOGGED_IN] = { .listener = &mx, .authenticated = true },
	[EXEMPT] = { .listener = &submission, .host = &exempt },
	[RELAYED] = { .listener = &relay, .relay_from = &network },
	[MAY_RELAY] = { .listener = &mx, .host = &may },
	[NEVER] = { .listener = &relay, .relay_never = &network, .relay_from = &network },
};

static void offers(void **state)
{
	(void)state;
	for (int who = 0; who < WHO; who++) {
		struct facts f = facts[who];
		f.conf = &conf_off;
		assert_int_equal(policy_extra(&f) & SMTP_EXTRA_FUTURE, 0);
		f.conf = &conf;
		unsigned extra = policy_extra(&f);
		assert_int_equal(!!(extra & SMTP_EXTRA_FUTURE), who == LOGGED_IN);
		assert_true(extra & SMTP_EXTRA_REQUIRETLS && extra & SMTP_EXTRA_BY);
		assert_int_equal(!!(extra & SMTP_EXTRA_PRIORITY), who != STRANGER);
	}
}

static void priorities(void **state)
{
	(void)state;
	enum { U = MAIL_PRIORITY_URGENT, N = MAIL_PRIORITY_NORMAL, L = MAIL_PRIORITY_NON_URGENT };
	static const struct {
		enum who who;
		bool said;
		int value;
		int header, want, want_class;
		bool lowered;
	} rows[] = {
		{ LOGGED_IN, true, 9, N, 9, U, false },
		{ LOGGED_IN, true, 4, N, 4, U, false },
		/* RFC 6710 5: what is no level is the next higher one, or the highest */
		{ LOGGED_IN, true, 3, N, 3, U, false },
		{ LOGGED_IN, true, 1, N, 1, U, false },
		{ LOGGED_IN, true, -3, N, -3, N, false },
		{ LOGGED_IN, true, -4, N, -4, L, false },
		{ LOGGED_IN, true, -5, N, -5, L, false },
		{ LOGGED_IN, true, 0, U, 0, N, false }, /* what MAIL says stands before the header */
		{ LOGGED_IN, true, -1, N, -1, N, false },
		{ LOGGED_IN, true, -9, U, -9, L, false },
		{ LOGGED_IN, false, 0, U, 4, U, false },
		{ LOGGED_IN, false, 0, N, 0, N, false },
		{ LOGGED_IN, false, 0, L, -4, L, false },
		{ EXEMPT, true, 5, N, 5, U, false },
		{ RELAYED, true, 5, N, 5, U, false },
		{ MAY_RELAY, true, 5, N, 5, U, false },
		{ ON_SUBMISSION, true, 1, N, 0, N, true },
		{ ON_SUBMISSION, true, -5, N, -5, L, false },
		{ ON_SUBMISSION, false, 0, U, 0, N, true },
		{ NEVER, true, 9, N, 0, N, true },
		{ STRANGER, false, 0, U, 0, N, false },
		{ STRANGER, false, 0, L, 0, N, false },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct policy_priority p = policy_priority(&facts[rows[i].who], rows[i].said,
			rows[i].value, (enum mail_priority)rows[i].header);
		if (p.value != rows[i].want) print_error("row %zu\n", i);
		assert_int_equal(p.value, rows[i].want);
		assert_int_equal(p.class, rows[i].want_class);
		assert_int_equal(p.lowered, rows[i].lowered);
	}
}

static void futures(void **state)
{
	(void)state;
	enum { OK = POLICY_FUTURE_OK, PAST = POLICY_FUTURE_PAST, FAR = POLICY_FUTURE_TOO_FAR,
	       LATE = POLICY_FUTURE_LATE };
	static const struct {
		enum smtp_hold hold;
		int64_t hold_s;
		int want;
		int64_t until_ms;
		enum smtp_by by;
		int32_t by_s;
	} rows[] = { /* now is 1000.500 s, and at most a minute ahead is allowed */
		{ SMTP_HOLD_NONE, 0, OK, 0, 0, 0 },          { SMTP_HOLD_FOR, 0, OK, 0, 0, 0 },
		{ SMTP_HOLD_FOR, 10, OK, 1010500, 0, 0 },    { SMTP_HOLD_FOR, 60, OK, 1060500, 0, 0 },
		{ SMTP_HOLD_FOR, 61, FAR, 0, 0, 0 },         { SMTP_HOLD_UNTIL, 1010, OK, 1010000, 0, 0 },
		{ SMTP_HOLD_UNTIL, 1000, OK, 0, 0, 0 },      { SMTP_HOLD_UNTIL, 999, PAST, 0, 0, 0 },
		{ SMTP_HOLD_UNTIL, 1060, OK, 1060000, 0, 0 }, { SMTP_HOLD_UNTIL, 1061, FAR, 0, 0, 0 },
		{ SMTP_HOLD_UNTIL, -62167219200, PAST, 0, 0, 0 },
		{ SMTP_HOLD_UNTIL, 253402300799, FAR, 0, 0, 0 },
		/* RFC 4865 5.2.2: both count from now, and the hold is to end first */
		{ SMTP_HOLD_FOR, 10, OK, 1010500, SMTP_BY_RETURN, 10 },
		{ SMTP_HOLD_FOR, 10, LATE, 0, SMTP_BY_RETURN, 9 },
		{ SMTP_HOLD_FOR, 10, LATE, 0, SMTP_BY_NOTIFY, 9 },
		{ SMTP_HOLD_FOR, 10, LATE, 0, SMTP_BY_NOTIFY, -999999999 },
		{ SMTP_HOLD_FOR, 10, OK, 1010500, SMTP_BY_NOTIFY, 999999999 },
		{ SMTP_HOLD_UNTIL, 1010, OK, 1010000, SMTP_BY_RETURN, 10 },
		{ SMTP_HOLD_UNTIL, 1010, LATE, 0, SMTP_BY_RETURN, 9 },
		{ SMTP_HOLD_UNTIL, 999, PAST, 0, SMTP_BY_RETURN, 9 },
		{ SMTP_HOLD_FOR, 61, FAR, 0, SMTP_BY_RETURN, 9 },
		{ SMTP_HOLD_NONE, 0, OK, 0, SMTP_BY_NOTIFY, -5 },
	};
	struct facts f = facts[LOGGED_IN];
	f.conf = &conf;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct smtp_extra_params p = { .hold = (uint8_t)rows[i].hold, .hold_s = rows[i].hold_s,
					       .by = (uint8_t)rows[i].by, .by_s = rows[i].by_s };
		int64_t until_ms = -1;
		if ((int)policy_future(&f, &p, 1000500, &until_ms) != rows[i].want) fail_msg("row %zu", i);
		assert_int_equal(until_ms, rows[i].until_ms);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(offers), cmocka_unit_test(priorities),
		cmocka_unit_test(futures) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
