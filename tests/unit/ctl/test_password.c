/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "ctl/password.h"

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define L500  FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

static const struct {
	struct str input;
	enum password_result want;
	struct str password;
} inputs[] = {
	{ STR_INIT("secret"), PASSWORD_OK, STR_INIT("secret") },
	{ STR_INIT("secret\n"), PASSWORD_OK, STR_INIT("secret") },
	{ STR_INIT("secret\r\n"), PASSWORD_OK, STR_INIT("secret") },
	{ STR_INIT(" with blanks \n"), PASSWORD_OK, STR_INIT(" with blanks ") },
	{ STR_INIT("one\ntwo\n"), PASSWORD_OK, STR_INIT("one") },
	{ STR_INIT("p\xc3\xa4ss"), PASSWORD_OK, STR_INIT("p\xc3\xa4ss") },
	{ STR_INIT(L500 TEN "1\n"), PASSWORD_OK, STR_INIT(L500 TEN "1") },
	{ STR_INIT(L500 TEN "12\n"), PASSWORD_TOO_LONG, STR_INIT("") },
	{ STR_INIT(L500 FIFTY), PASSWORD_TOO_LONG, STR_INIT("") },
	{ STR_INIT(""), PASSWORD_EMPTY, STR_INIT("") },
	{ STR_INIT("\n"), PASSWORD_EMPTY, STR_INIT("") },
	{ STR_INIT("\r\n"), PASSWORD_EMPTY, STR_INIT("") },
	{ STR_INIT("a\0b\n"), PASSWORD_BAD, STR_INIT("") },
};

static void reads_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
		char memory[PASSWORD_MAX + 2];
		struct buf out;
		int ends[2];
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(write(ends[1], inputs[i].input.at, inputs[i].input.len),
				 (ssize_t)inputs[i].input.len);
		(void)close(ends[1]);
		buf_init_fixed(&out, memory, sizeof memory);
		enum password_result got = password_read(ends[0], &out);
		(void)close(ends[0]);
		if (got != inputs[i].want) fail_msg("row %zu: %d", i, (int)got);
		if (got == PASSWORD_OK && !str_eq(buf_view(&out), inputs[i].password))
			fail_msg("row %zu: %.*s", i, STR_ARG(buf_view(&out)));
		assert_true(str_of(password_sentence(got)).len > 0);
	}
	char memory[8];
	struct buf out;
	buf_init_fixed(&out, memory, sizeof memory);
	assert_int_equal(password_read(-1, &out), PASSWORD_FAILED);
}

static const struct {
	const char *typed[2];
	enum password_result want;
} typings[] = {
	{ { "secret\n", "secret\n" }, PASSWORD_OK },
	{ { "secret\n", "Secret\n" }, PASSWORD_DIFFERS },
	{ { "secret\n", "\n" }, PASSWORD_DIFFERS },
	{ { "\n", NULL }, PASSWORD_EMPTY },
};

/* Types the lines as soon as the terminal has no echo. */
static void type(int master, int terminal, const char *const *lines)
{
	struct termios now;
	for (int i = 0; i < 5000 && tcgetattr(terminal, &now) == 0 && now.c_lflag & ECHO;
	     i++)
		(void)usleep(1000);
	for (int i = 0; i < 2 && lines[i]; i++) {
		struct str line = str_of(lines[i]);
		if (write(master, line.at, line.len) < 0) _exit(1);
	}
	_exit(0);
}

static void asks_at_terminals(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof typings / sizeof *typings; i++) {
		int master, terminal;
		struct termios before, after;
		assert_int_equal(openpty(&master, &terminal, NULL, NULL, NULL), 0);
		assert_int_equal(tcgetattr(terminal, &before), 0);
		if (fork() == 0) type(master, terminal, typings[i].typed);
		char memory[PASSWORD_MAX + 2], shown[64] = "";
		struct buf out;
		buf_init_fixed(&out, memory, sizeof memory);
		enum password_result got = password_read(terminal, &out);
		if (got != typings[i].want) fail_msg("row %zu: %d", i, (int)got);
		/* Nothing of it was echoed, and the echo is back. */
		assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
		ssize_t n = read(master, shown, sizeof shown - 1);
		assert_true(n <= 0 || !strstr(shown, "ecret"));
		assert_int_equal(tcgetattr(terminal, &after), 0);
		assert_int_equal(before.c_lflag, after.c_lflag);
		(void)close(master);
		(void)close(terminal);
	}
}

static void hashes(void **state)
{
	(void)state;
	struct buf one, two;
	buf_init(&one, PASSWORD_HASH_MAX);
	buf_init(&two, PASSWORD_HASH_MAX);
	assert_int_equal(password_hash(&one, STR("secret")), 0);
	assert_int_equal(password_hash(&two, STR("secret")), 0);
	assert_true(str_starts(buf_view(&one), STR("$y$")));
	assert_false(str_eq(buf_view(&one), buf_view(&two)));
	assert_true(password_matches(STR("secret"), buf_view(&one)));
	assert_false(password_matches(STR("Secret"), buf_view(&one)));
	assert_false(password_matches(STR("secret"), STR("")));
	assert_false(password_matches(STR("secret"), STR("*")));
	char memory[8];
	struct buf small;
	buf_init_fixed(&small, memory, sizeof memory);
	assert_int_equal(password_hash(&small, STR("secret")), -ERANGE);
	struct str longest = STR(L500 FIFTY);
	buf_reset(&two);
	assert_int_equal(password_hash(&two, longest), -ERANGE);
	assert_false(password_matches(longest, buf_view(&one)));
	buf_free(&one);
	buf_free(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(asks_at_terminals),
		cmocka_unit_test(hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
