/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/password.h"

#include <crypt.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int breaks[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
enum { BREAKS = sizeof breaks / sizeof *breaks };

static volatile sig_atomic_t broken_by;

static void on_break(int signo) { broken_by = signo; }

/* One line, octet by octet: what follows it on the input is somebody else's. */
static enum password_result read_line(int fd, struct buf *out)
{
	for (;;) {
		char c;
		ssize_t n = read(fd, &c, 1);
		if (n < 0 && errno == EINTR && !broken_by) continue;
		if (n < 0) return PASSWORD_FAILED;
		if (n == 0 || c == '\n') break;
		if (c == '\0') return PASSWORD_BAD;
		buf_byte(out, c);
		if (out->overflowed) return PASSWORD_TOO_LONG;
	}
	if (out->len && out->at[out->len - 1] == '\r') out->len--;
	if (out->len > PASSWORD_MAX) return PASSWORD_TOO_LONG;
	return out->len ? PASSWORD_OK : PASSWORD_EMPTY;
}

static void say(const char *text)
{
	struct str s = str_of(text);
	if (write(STDERR_FILENO, s.at, s.len) < 0) return;
}

static enum password_result prompt_twice(int fd, struct buf *out)
{
	char memory[PASSWORD_MAX + 2];
	struct buf again;
	buf_init_fixed(&again, memory, sizeof memory);
	say("Password: ");
	enum password_result result = read_line(fd, out);
	say("\n");
	if (result == PASSWORD_OK) {
		say("The same again: ");
		result = read_line(fd, &again);
		say("\n");
		if (result == PASSWORD_EMPTY || result == PASSWORD_TOO_LONG ||
		    (result == PASSWORD_OK && !str_eq(buf_view(out), buf_view(&again))))
			result = PASSWORD_DIFFERS;
	}
	explicit_bzero(memory, sizeof memory);
	return result;
}

/* The terminal gets its echo back also where the user breaks it off. */
static enum password_result read_terminal(int fd, struct buf *out)
{
	struct termios before, quiet;
	struct sigaction act = { .sa_handler = on_break }, old[BREAKS];
	if (tcgetattr(fd, &before) != 0) return PASSWORD_FAILED;
	quiet = before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	broken_by = 0;
	for (size_t i = 0; i < BREAKS; i++) (void)sigaction(breaks[i], &act, &old[i]);
	enum password_result result = PASSWORD_FAILED;
	if (tcsetattr(fd, TCSAFLUSH, &quiet) == 0) result = prompt_twice(fd, out);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	for (size_t i = 0; i < BREAKS; i++) (void)sigaction(breaks[i], &old[i], NULL);
	if (broken_by) (void)raise(broken_by);
	return result;
}

enum password_result password_read(int fd, struct buf *out)
{
	return isatty(fd) ? read_terminal(fd, out) : read_line(fd, out);
}

const char *password_sentence(enum password_result result)
{
	switch (result) {
	case PASSWORD_OK: return "the password is good";
	case PASSWORD_EMPTY: return "the password is empty";
	case PASSWORD_TOO_LONG: return "the password is longer than 511 octets";
	case PASSWORD_BAD: return "the password holds a NUL character";
	case PASSWORD_DIFFERS: return "the passwords are not the same";
	case PASSWORD_FAILED: return "the password could not be read";
	}
	return "";
}

/* crypt(3) on a copy that ends with NUL; `data` is wiped and freed by the caller. */
static const char *crypt_with(struct crypt_data *data, struct str password,
			      const char *setting)
{
	char phrase[PASSWORD_MAX + 1];
	if (!str_to_cstr(password, phrase, sizeof phrase)) {
		errno = ERANGE;
		return NULL;
	}
	const char *hash = crypt_rn(phrase, setting, data, (int)sizeof *data);
	explicit_bzero(phrase, sizeof phrase);
	return hash;
}

int password_hash(struct buf *out, struct str password)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	/* Cost 0 is the library's choice; the salt comes from the kernel. */
	if (!crypt_gensalt_rn("$y$", 0, NULL, 0, setting, sizeof setting)) return -errno;
	struct crypt_data *data = calloc(1, sizeof *data);
	if (!data) return -ENOMEM;
	const char *hash = crypt_with(data, password, setting);
	int error = hash ? 0 : -errno;
	if (hash) buf_str(out, str_of(hash));
	explicit_bzero(data, sizeof *data);
	free(data);
	return error ? error : out->overflowed ? -ERANGE : 0;
}

bool password_matches(struct str password, struct str hash)
{
	char setting[PASSWORD_HASH_MAX];
	struct crypt_data *data = calloc(1, sizeof *data);
	if (!data) return false;
	bool same = false;
	if (str_to_cstr(hash, setting, sizeof setting)) {
		const char *got = crypt_with(data, password, setting);
		same = got && str_eq(str_of(got), hash);
	}
	explicit_bzero(data, sizeof *data);
	free(data);
	return same;
}
