/* SPDX-License-Identifier: Apache-2.0 */
#include "ctl/password.h"

#include <crypt.h>
#include <errno.h>
#include <gsasl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/sasl/scram.h"

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

/* crypt(3) on a copy that ends with NUL, as SASLprep (RFC 4013) makes it if it is text:
 * another keyboard may write the same letters in another way. `data` is wiped and freed by
 * the caller. */
static const char *crypt_with(struct crypt_data *data, struct str password,
			      const char *setting)
{
	char phrase[PASSWORD_MAX + 1];
	if (!str_to_cstr(password, phrase, sizeof phrase)) {
		errno = ERANGE;
		return NULL;
	}
	char *text = NULL;
	bool prepared = gsasl_saslprep(phrase, 0, &text, NULL) == GSASL_OK && text;
	const char *hash =
		crypt_rn(prepared ? text : phrase, setting, data, (int)sizeof *data);
	explicit_bzero(phrase, sizeof phrase);
	if (text) explicit_bzero(text, strlen(text));
	gsasl_free(text);
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

static struct str put_base64(struct buf *to, struct str bytes)
{
	size_t from = to->len;
	base64_encode(to, bytes);
	return str_from(buf_view(to), from);
}

/* `phrase` went through SASLprep (RFC 4013), as it does on the client's side. */
static int scram_put(struct buf *out, const char *phrase, struct str mechanism,
		     struct str salt, uint32_t iterations)
{
	char salted[GSASL_HASH_MAX_SIZE], client[GSASL_HASH_MAX_SIZE];
	char server[GSASL_HASH_MAX_SIZE], stored[GSASL_HASH_MAX_SIZE];
	char memory[3 * SCRAM_TEXT_MAX];
	struct buf text;
	size_t size = scram_key_size(mechanism);
	Gsasl_hash hash = size == GSASL_HASH_SHA256_SIZE ? GSASL_HASH_SHA256 : GSASL_HASH_SHA1;
	if (!size || salt.len > SCRAM_TEXT_MAX / 4 * 3) return -EPROTONOSUPPORT;
	int code = gsasl_scram_secrets_from_password(hash, phrase, iterations, salt.at,
						     salt.len, salted, client, server,
						     stored);
	buf_init_fixed(&text, memory, sizeof memory);
	if (code == GSASL_OK)
		scram_write(out, &(struct scram_keys){
			.mechanism = mechanism,
			.iterations = iterations,
			.salt = put_base64(&text, salt),
			.stored = put_base64(&text, (struct str){ stored, size }),
			.server = put_base64(&text, (struct str){ server, size }) });
	explicit_bzero(salted, sizeof salted);
	explicit_bzero(client, sizeof client);
	if (code != GSASL_OK) return -ENOMEM;
	return out->overflowed ? -ERANGE : 0;
}

int password_scram_with(struct buf *out, struct str password, struct str mechanism,
			struct str salt, uint32_t iterations)
{
	char phrase[PASSWORD_MAX + 1];
	char *prepared = NULL;
	if (!str_to_cstr(password, phrase, sizeof phrase)) return -ERANGE;
	int code = gsasl_saslprep(phrase, 0, &prepared, NULL);
	explicit_bzero(phrase, sizeof phrase);
	if (code == GSASL_MALLOC_ERROR) return -ENOMEM;
	if (code != GSASL_OK || !prepared) return -EINVAL;
	int error = *prepared ? scram_put(out, prepared, mechanism, salt, iterations)
			      : -EINVAL;
	explicit_bzero(prepared, strlen(prepared));
	gsasl_free(prepared);
	return error;
}

int password_scram(struct buf *out, struct str password, struct str mechanism)
{
	char salt[SCRAM_SALT];
	if (getrandom(salt, sizeof salt, 0) != (ssize_t)sizeof salt) return -EIO;
	return password_scram_with(out, password, mechanism,
				   (struct str){ salt, sizeof salt }, SCRAM_ITERATIONS);
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
