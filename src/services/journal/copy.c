/* SPDX-License-Identifier: Apache-2.0 */
#include "services/journal/copy.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { NULL_MAJOR = 1, NULL_MINOR = 3, WRITES_MAX = 64 /* of one flush */ };

/* JOURNAL_STREAM is "DEVICE:INODE" of the socket that systemd gave us. */
static bool is_journal(const struct stat *st, struct str journal_stream)
{
	uint64_t device, inode;
	struct str rest = journal_stream, first = str_cut(&rest, ':');
	return str_to_u64(first, &device) && str_to_u64(rest, &inode) &&
	       device == st->st_dev && inode == st->st_ino;
}

void copy_init(struct copy *c, int fd, struct str journal_stream)
{
	struct stat st;
	*c = (struct copy){ .fd = -1 };
	buf_init(&c->pending, COPY_PENDING_MAX);
	if (fd < 0 || fstat(fd, &st) != 0) return;
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(NULL_MAJOR, NULL_MINOR)) return;
	c->fd = fd;
	/* A pipe that polls as writable takes PIPE_BUF octets at once (pipe(7)). */
	c->piece = S_ISREG(st.st_mode) ? COPY_PENDING_MAX : PIPE_BUF;
	c->priorities = is_journal(&st, journal_stream);
}

void copy_free(struct copy *c)
{
	buf_free(&c->pending);
	c->fd = -1;
}

/* sd-daemon(3): the priorities of syslog. */
static struct str priority_of(enum event_severity severity)
{
	static const struct str priorities[EVENT_SEVERITY_COUNT] = {
		[EVENT_SEVERITY_INFO] = STR_INIT("<6>"),
		[EVENT_SEVERITY_NOTICE] = STR_INIT("<5>"),
		[EVENT_SEVERITY_WARNING] = STR_INIT("<4>"),
		[EVENT_SEVERITY_ERROR] = STR_INIT("<3>"),
	};
	return priorities[severity];
}

void copy_add(struct copy *c, struct str lines, enum event_severity severity)
{
	if (c->fd < 0) return;
	size_t before = c->pending.len;
	while (lines.len) {
		struct str line = str_cut(&lines, '\n');
		if (c->priorities) buf_str(&c->pending, priority_of(severity));
		buf_str(&c->pending, line);
		buf_byte(&c->pending, '\n');
	}
	if (!c->pending.overflowed) return;
	c->pending.overflowed = false;
	c->pending.len = before;
	c->lost++;
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	/* An error is ready to be told, too. */
	return poll(&p, 1, 0) == 1 && (p.revents & (POLLOUT | POLLERR | POLLHUP));
}

void copy_flush(struct copy *c)
{
	size_t done = 0;
	for (unsigned i = 0; i < WRITES_MAX && c->fd >= 0 && done < c->pending.len; i++) {
		size_t len = c->pending.len - done;
		if (!is_ready(c->fd)) break;
		ssize_t n = write(c->fd, c->pending.at + done,
				  len < c->piece ? len : c->piece);
		if (n > 0) done += (size_t)n;
		else if (n < 0 && errno == EPIPE)
			c->fd = -1; /* nobody will read there any more */
		else break;
	}
	buf_consume(&c->pending, done);
}
