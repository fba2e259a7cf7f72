/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

ssize_t stream_send(int fd, struct str bytes)
{
	for (;;) {
		ssize_t sent = send(fd, bytes.at, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) return sent;
		if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
}

static ssize_t receive(int fd, char *into, size_t room, int flags)
{
	for (;;) {
		ssize_t got = recv(fd, into, room, MSG_DONTWAIT | flags);
		if (got >= 0) return got;
		if (errno != EINTR) return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	}
}

ssize_t stream_recv(int fd, char *into, size_t room) { return receive(fd, into, room, 0); }

ssize_t stream_peek(int fd, char *into, size_t room)
{
	return receive(fd, into, room, MSG_PEEK);
}

void stream_shutdown_write(int fd)
{
	/* ENOTCONN when the peer has gone: nothing is left to shut. */
	(void)shutdown(fd, SHUT_WR);
}

void stream_send_and_close(int fd, struct str bytes)
{
	(void)stream_send(fd, bytes);
	stream_shutdown_write(fd);
	(void)close(fd);
}
