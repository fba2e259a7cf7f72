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
#include "lib/sasl/scram.h"

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
	assert_true(password_matches(STR("se\xc2\xad" "cret"), buf_view(&one)));
	assert_false(password_matches(STR("secret\xff"), buf_view(&one)));
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

/* RFC 7677 3 and RFC 5802 5: the password of their examples, with their salts. */
static void derives_keys(void **state)
{
	static const char salt_256[] = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12"
				       "\x36\xfa\x81";
	static const char salt_1[] = "\x41\x25\xc2\x47\xe4\x3a\xb1\xe9\x3c\x6d\xff\x76";
	static const struct {
		const char *mechanism, *password;
		struct str salt;
		int error;
		const char *want;
	} cases[] = {
		{ "SCRAM-SHA-256", "pencil", STR_INIT(salt_256), 0,
		  "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=" },
		{ "SCRAM-SHA-1", "pencil", STR_INIT(salt_1), 0,
		  "SCRAM-SHA-1$4096:QSXCR+Q6sek8bf92$6dlGYMOdZcOPutkcNY8U2g7vK9Y=:"
		  "D+CSWLOshSulAsxiupA+qs2/fTE=" },
		/* SASLprep: a soft hyphen is nothing, a full-width letter is a letter. */
		{ "SCRAM-SHA-256", "pen\xc2\xad" "ci\xef\xbd\x8c", STR_INIT(salt_256), 0,
		  "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
		  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
		  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=" },
		{ "SCRAM-SHA-256", "not\xff text", STR_INIT(salt_256), -EINVAL, "" },
		{ "SCRAM-SHA-256", "\xc2\xad", STR_INIT(salt_256), -EINVAL, "" },
		{ "SCRAM-SHA-256", L500 FIFTY, STR_INIT(salt_256), -ERANGE, "" },
		{ "SCRAM-MD5", "pencil", STR_INIT(salt_256), -EPROTONOSUPPORT, "" },
	};
	char memory[512];
	struct buf out;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_init_fixed(&out, memory, sizeof memory);
		int error = password_scram_with(&out, str_of(cases[i].password),
						str_of(cases[i].mechanism), cases[i].salt, 4096);
		if (error != cases[i].error) fail_msg("row %zu: %d", i, error);
		if (!str_eq(buf_view(&out), str_of(cases[i].want)))
			fail_msg("row %zu: %.*s", i, (int)out.len, out.at);
	}
	struct scram_keys one, two;
	char other[512];
	struct buf again;
	buf_init_fixed(&out, memory, sizeof memory);
	buf_init_fixed(&again, other, sizeof other);
	assert_int_equal(password_scram(&out, STR("x"), STR("SCRAM-SHA-256")), 0);
	assert_int_equal(password_scram(&again, STR("x"), STR("SCRAM-SHA-256")), 0);
	assert_true(scram_find(buf_view(&out), STR("SCRAM-SHA-256"), &one));
	assert_true(scram_find(buf_view(&again), STR("SCRAM-SHA-256"), &two));
	assert_int_equal(one.iterations, SCRAM_ITERATIONS);
	assert_false(str_eq(one.salt, two.salt) || str_eq(one.stored, two.stored));
	buf_init_fixed(&out, memory, 20);
	assert_int_equal(password_scram(&out, STR("x"), STR("SCRAM-SHA-256")), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_lines),
		cmocka_unit_test(asks_at_terminals),
		cmocka_unit_test(hashes),
		cmocka_unit_test(derives_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
