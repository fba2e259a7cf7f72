/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/transport/failure.h"

/* Every one has a word of its own, and they are those of RFC 8460. */
static void words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TRANSPORT_FAILURES; i++) {
		struct str word = transport_failure_word((enum transport_failure)i);
		assert_int_equal(word.len == 0, i == TRANSPORT_GOOD);
		for (unsigned k = 0; k < i; k++)
			assert_false(str_eq(word, transport_failure_word((enum transport_failure)k)));
		for (size_t n = 0; n < word.len; n++)
			assert_true(word.at[n] == '-' || (word.at[n] >= 'a' && word.at[n] <= 'z'));
	}
	assert_true(str_eq(transport_failure_word(TRANSPORT_STS_WEBPKI_INVALID),
			   STR("sts-webpki-invalid")));
	assert_true(str_eq(transport_policy_word(TRANSPORT_NO_POLICY), STR("no-policy-found")));
	assert_true(str_eq(transport_policy_word(TRANSPORT_STS), STR("sts")));
	assert_true(str_eq(transport_policy_word(TRANSPORT_TLSA), STR("tlsa")));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(words) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
