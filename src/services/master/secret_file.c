/* SPDX-License-Identifier: Apache-2.0 */
/* The file of one secret. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/master/master.h"

static bool path_make(char path[SECRET_PATH_MAX], struct str folder, struct str name)
{
	struct buf b;
	buf_init_fixed(&b, path, SECRET_PATH_MAX);
	buf_str(&b, folder);
	buf_byte(&b, '/');
	buf_str(&b, name);
	buf_byte(&b, '\0');
	return !b.overflowed;
}

/* One of systemd's credentials, or else one of the folder. */
static int secret_open(const struct conf *conf, struct str name, char path[SECRET_PATH_MAX],
		       bool *private)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	*private = false;
	if (credentials && path_make(path, str_of(credentials), name)) {
		int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
		if (fd >= 0 || errno != ENOENT) return fd;
	}
	*private = true;
	if (path_make(path, conf->secrets, name))
		return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	errno = ENAMETOOLONG;
	return -1;
}

/* Why it is not a secret, or NULL. */
static const char *secret_fault(int fd, bool private)
{
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0) return strerror(errno);
	if (!S_ISREG(st.st_mode)) return "it is not a file";
	if (private && (st.st_mode & 077)) return "others may read it; its mode has to be 0600";
	if (private && st.st_uid != 0 && st.st_uid != geteuid())
		return "it belongs to somebody else";
	if (st.st_size > SECRET_MAX) return "it is larger than 4096 bytes";
	return st.st_size ? NULL : "it is empty";
}

static struct str without_line_end(struct str text)
{
	if (text.len && text.at[text.len - 1] == '\n') text.len--;
	if (text.len && text.at[text.len - 1] == '\r') text.len--;
	return text;
}

bool secret_put(const struct conf *conf, struct str name, struct buf *record,
		char path[SECRET_PATH_MAX], const char **why)
{
	char text[SECRET_MAX];
	bool private;
	int fd = secret_open(conf, name, path, &private);
	*why = secret_fault(fd, private);
	ssize_t len = *why ? -1 : read(fd, text, sizeof text);
	if (!*why && len < 0) *why = strerror(errno);
	struct str secret = without_line_end((struct str){ text, len > 0 ? (size_t)len : 0 });
	if (!*why && (!secret.len || str_find(secret, '\0') >= 0)) *why = "it is not a text";
	if (!*why) buf_put_str(record, secret);
	explicit_bzero(text, sizeof text);
	if (fd >= 0) (void)close(fd);
	return !*why;
}
