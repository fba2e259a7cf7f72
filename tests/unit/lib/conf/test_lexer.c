/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include "lib/conf/lexer.h"

/* W word, S string, { } ; as they are, N newline, E end, ! bad */
static const char kinds[] = "WS{};NE!";

static const struct {
	const char *text, *tokens;
} cases[] = {
	{ "", "E" },
	{ "a", "WE" },
	{ "a b\n", "WWNE" },
	{ "\xef\xbb\xbf" "a", "WE" },
	{ "a{b;c}", "W{W;W}E" },
	{ "# all comment", "E" },
	{ "a # rest \" { }\nb", "WNWE" },
	{ "a#b", "WE" },
	{ "a\r\nb\r\n", "WNWNE" },
	{ "\"a b\"", "SE" },
	{ "\"\"", "SE" },
	{ "\"a\\\"b\\\\\"", "SE" },
	{ "a\"b\"c", "WSWE" },
	{ "\"a\tb\"", "SE" },
	{ "\"{};#\"", "SE" },
	{ "[::]:25 10.0.0.0/8 %d*", "WWWE" },
	{ "\xc3\xa4.example", "WE" },
	/* what is refused */
	{ "\"open", "!E" },
	{ "\"open\nb", "!NWE" },
	{ "\"a\\\nb", "!NWE" },
	{ "\"a\\", "!E" },
	{ "\"a\\n\"", "!E" },
	{ "a\x01" "b", "!WE" },
	{ "a\x7f", "!E" },
	{ "a\rb", "!WE" },
	{ "\x1b[2J", "!WE" },
	{ "\"a\x1b\" b", "!WE" },
	{ "a\xc2\x9b" "b", "!WE" }, /* CSI of Latin-1 */
};

static void test_tokens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct conf_lexer lexer;
		char got[64] = "";
		conf_lexer_init(&lexer, str_of(cases[i].text));
		for (size_t n = 0; n < sizeof got - 1; n++) {
			struct conf_token token = conf_lexer_next(&lexer);
			got[n] = kinds[token.kind];
			if (token.kind == CONF_TOKEN_END) break;
		}
		if (strcmp(got, cases[i].tokens)) print_error("row %zu: %s\n", i, got);
		assert_string_equal(got, cases[i].tokens);
	}
}

static void test_nul(void **state)
{
	(void)state;
	struct conf_lexer lexer;
	conf_lexer_init(&lexer, STR("a\0b"));
	assert_int_equal(conf_lexer_next(&lexer).kind, CONF_TOKEN_BAD);
	assert_string_equal(lexer.problem, "a control character stands in the text");
}

static void test_long_word(void **state)
{
	(void)state;
	static const char quotes[] = { '\0', '"' };
	for (size_t q = 0; q < 2; q++) {
		for (size_t over = 0; over < 2; over++) {
			char text[CONF_WORD_MAX + 4] = "";
			size_t len = CONF_WORD_MAX + over;
			memset(text + 1, 'x', len);
			text[0] = text[len + 1] = quotes[q];
			struct conf_lexer lexer;
			conf_lexer_init(&lexer, (struct str){ text + 1 - q, len + 2 * q });
			struct conf_token token = conf_lexer_next(&lexer);
			assert_int_equal(token.kind == CONF_TOKEN_BAD, over);
		}
	}
}

static void test_places(void **state)
{
	(void)state;
	struct conf_lexer lexer;
	conf_lexer_init(&lexer, STR("\n\t\xc3\xa4\xc3\xb6 \"x y\" z"));
	assert_int_equal(conf_lexer_next(&lexer).kind, CONF_TOKEN_NEWLINE);
	static const struct {
		unsigned column, mark;
	} want[] = { { 2, 2 }, { 5, 5 }, { 11, 1 } };
	for (size_t i = 0; i < 3; i++) {
		struct conf_token token = conf_lexer_next(&lexer);
		assert_int_equal(token.line, 2);
		assert_int_equal(token.line_at, 1);
		assert_int_equal(token.column, want[i].column);
		assert_int_equal(token.mark, want[i].mark);
	}
}

static void test_unescape(void **state)
{
	(void)state;
	char out[16];
	size_t len = conf_string_unescape(STR("a\\\"b\\\\"), out);
	assert_memory_equal(out, "a\"b\\", 4);
	assert_int_equal(len, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),	  cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_word), cmocka_unit_test(test_places),
		cmocka_unit_test(test_unescape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
