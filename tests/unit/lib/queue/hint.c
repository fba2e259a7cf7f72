/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/queue/hint.h"

static const struct {
	const char *reply;
	enum hint want;
} rows[] = {
	{ "", HINT_NONE },
	{ "250 2.0.0 rate limit is far", HINT_NONE },
	{ "550 5.7.1 rate limit", HINT_NONE }, /* that is for ever */
	{ "4", HINT_NONE },
	{ "42 rate limit", HINT_NONE },
	{ "our own words: rate limit", HINT_NONE },
	{ "451 4.3.0 try again later", HINT_NONE },
	{ "421 4.3.2 Service not available", HINT_NONE },
	{ "450 4.7.1 Greylisted, slow down and come again in 300 seconds", HINT_NONE },
	{ "451 4.7.1 Please wait, graylisting is in action", HINT_NONE },
	{ "452 4.5.3 Too many recipients, rate limit", HINT_NONE },
	{ "450 4.2.1 The user you are trying to contact is receiving mail at a rate that "
	  "prevents additional messages from being delivered.", HINT_NONE },
	{ "452 4.2.2 mailbox full, too many messages", HINT_NONE },
	{ "421 4.7.0 mx.example Error: too many connections from 192.0.2.1", HINT_CROWD },
	{ "421 Too many concurrent SMTP connections; please try again later.", HINT_CROWD },
	{ "421 4.3.2 Too many open connections.", HINT_CROWD },
	{ "421 RP-003 The mail server has exceeded the maximum number of connections", HINT_CROWD },
	{ "421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. "
	  "Too many connections, slow down. OFR_104 [104]", HINT_CROWD },
	{ "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", HINT_CROWD },
	{ "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail", HINT_RATE },
	{ "421 4.7.28 our words are not among yours", HINT_RATE },
	{ "451 4.7.500 Server busy. Please try again later from [192.0.2.1]", HINT_RATE },
	{ "451 4.7.650 The mail server [192.0.2.1] has been temporarily rate limited", HINT_RATE },
	{ "421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected "
	  "volume or user complaints - 4.16.55.1", HINT_RATE },
	{ "421 4.7.1 [TS03] All messages from 192.0.2.1 will be permanently deferred", HINT_ADDRESS },
	{ "421 4.1.0 192.0.2.1 Throttled - try again later. RL000001", HINT_RATE },
	{ "450 4.7.1 Error: too much mail from 192.0.2.1", HINT_RATE },
	{ "421 Your IP address is temporarily blocked", HINT_ADDRESS },
	{ "421 Too many spams from your IP (192.0.2.1)", HINT_ADDRESS },
};

static void replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (hint_read(str_of(rows[i].reply)) != rows[i].want)
			fail_msg("%s: %d", rows[i].reply, (int)hint_read(str_of(rows[i].reply)));
}

static void all_have_words(void **state)
{
	(void)state;
	for (int i = HINT_CROWD; i <= HINT_SLOW; i++) assert_true(hint_words((enum hint)i).len > 0);
	assert_int_equal(hint_words(HINT_NONE).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies),
		cmocka_unit_test(all_have_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
