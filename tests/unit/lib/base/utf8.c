/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "lib/base/utf8.h"

static const struct {
	struct str in;
	bool valid, ascii;
} cases[] = {
	{ STR_INIT(""), true, true },
	{ STR_INIT("plain\0text\x7f"), true, true },
	{ STR_INIT("\xc3\xbc"), true, false },         /* U+00FC */
	{ STR_INIT("\xc2\x80"), true, false },         /* U+0080, the first of two octets */
	{ STR_INIT("\xdf\xbf"), true, false },         /* U+07FF */
	{ STR_INIT("\xe0\xa0\x80"), true, false },     /* U+0800 */
	{ STR_INIT("\xed\x9f\xbf"), true, false },     /* U+D7FF, the last before surrogates */
	{ STR_INIT("\xee\x80\x80"), true, false },     /* U+E000 */
	{ STR_INIT("\xf0\x90\x80\x80"), true, false }, /* U+10000 */
	{ STR_INIT("\xf4\x8f\xbf\xbf"), true, false }, /* U+10FFFF */
	{ STR_INIT("\xc0\xaf"), false, false },        /* overlong */
	{ STR_INIT("\xc1\xbf"), false, false },
	{ STR_INIT("\xe0\x9f\xbf"), false, false },
	{ STR_INIT("\xf0\x8f\xbf\xbf"), false, false },
	{ STR_INIT("\xed\xa0\x80"), false, false },     /* surrogate */
	{ STR_INIT("\xf4\x90\x80\x80"), false, false }, /* past U+10FFFF */
	{ STR_INIT("\xf5\x80\x80\x80"), false, false },
	{ STR_INIT("\xff"), false, false },
	{ STR_INIT("\x80"), false, false },             /* nothing to continue */
	{ STR_INIT("\xc3"), false, false },             /* cut off */
	{ STR_INIT("\xe2\x82"), false, false },
	{ STR_INIT("\xf0\x9f\x98"), false, false },
	{ STR_INIT("\xc3" "A"), false, false },
	{ STR_INIT("ok\xe2\x82\xac" "\xc3"), false, false },
};

static void sequences(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(cases); i++) {
		if (utf8_is_valid(cases[i].in) != cases[i].valid) fail_msg("row %zu", i);
		if (utf8_is_ascii(cases[i].in) != cases[i].ascii) fail_msg("row %zu", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sequences) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
