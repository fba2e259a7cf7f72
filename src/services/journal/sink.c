/* SPDX-License-Identifier: Apache-2.0 */
#include "services/journal/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void sink_init(struct sink *s)
{
	*s = (struct sink){ .fd = -1 };
	buf_init(&s->pending, SINK_PENDING_MAX);
}

static void sink_shut(struct sink *s)
{
	if (s->fd >= 0) (void)close(s->fd);
	s->fd = -1;
}

void sink_free(struct sink *s)
{
	sink_shut(s);
	buf_free(&s->pending);
}

/* A line that a full disk or a loss of power cut short is ended, so that it does not
 * swallow the next one. */
static void end_torn_line(int fd, off_t size)
{
	char last;
	if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n') {
		ssize_t ignored = write(fd, "\n", 1);
		(void)ignored;
	}
}

/* Opens the file of that name and leaves the one that was open, if it can. */
static int sink_renew(struct sink *s)
{
	struct stat st;
	int fd = open(s->path,
		      O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
		      0640);
	if (fd < 0) return -errno;
	if (fstat(fd, &st) != 0) {
		int error = errno;
		(void)close(fd);
		return -error;
	}
	sink_shut(s);
	s->fd = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	s->regular = S_ISREG(st.st_mode);
	if (s->regular) end_torn_line(s->fd, st.st_size);
	s->opened++;
	return 0;
}

int sink_open(struct sink *s) { return s->fd >= 0 || !s->path[0] ? 0 : sink_renew(s); }

/* Whether the name leads to another file by now, or to none. */
static bool is_moved(const struct sink *s)
{
	struct stat st;
	if (!s->regular) return false;
	if (stat(s->path, &st) != 0) return errno == ENOENT;
	return st.st_ino != s->inode || st.st_dev != s->device;
}

void sink_add(struct sink *s, struct str lines)
{
	if (!s->path[0]) return;
	buf_str(&s->pending, lines);
	if (!s->pending.overflowed) return;
	s->pending.overflowed = false; /* it was not taken; a shorter one may fit */
	s->lost++;
}

static int write_pending(struct sink *s)
{
	int error = sink_open(s);
	while (error == 0 && s->pending.len) {
		ssize_t n = write(s->fd, s->pending.at, s->pending.len);
		if (n > 0) buf_consume(&s->pending, (size_t)n);
		else if (n == 0) return -EIO;
		else if (errno != EINTR) error = -errno;
	}
	return error;
}

void sink_flush(struct sink *s, int64_t now_ms)
{
	if (!s->pending.len || !s->path[0]) return;
	if (s->error && now_ms - s->tried_ms < SINK_RETRY_MS) return;
	if (s->fd >= 0 && now_ms - s->checked_ms >= SINK_CHECK_MS) {
		s->checked_ms = now_ms;
		/* Without the right to make a new one it is better to go on in the old.
		 */
		s->stuck = is_moved(s) ? -sink_renew(s) : 0;
	}
	int error = write_pending(s);
	/* A descriptor that failed may be the fault: the next attempt takes a new one. */
	if (error == -EBADF || error == -EIO || error == -ESTALE) sink_shut(s);
	s->error = -error;
	s->tried_ms = now_ms;
}

bool sink_target(struct sink *s, struct str path, int64_t now_ms)
{
	if (str_eq(path, str_of(s->path))) return true;
	if (path.len >= sizeof s->path) return false;
	sink_flush(s, now_ms);
	sink_shut(s);
	s->checked_ms = now_ms;
	s->error = s->stuck = 0;
	return str_to_cstr(path, s->path, sizeof s->path);
}
