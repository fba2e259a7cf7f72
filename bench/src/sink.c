/* SPDX-License-Identifier: Apache-2.0 */
/* A server that takes every message and keeps none: the most that the load generator can
 * reach. One thread, loopback only:  sink ADDR:PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/buf.h"

enum { EVENTS_MAX = 256, READ_SIZE = 64 * 1024, LINE_MAX_HERE = 1024, REPLIES_MAX = 64 * 1024 };

struct client {
	int fd;
	bool in_data, quits;
	unsigned matched; /* octets of "\r\n.\r\n" seen so far */
	struct buf line, out;
};

static const char end_of_data[] = "\r\n.\r\n";

static void command(struct client *c, struct str line)
{
	if (str_starts_nocase(line, STR("EHLO"))) {
		buf_str(&c->out, STR("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"));
	} else if (str_starts_nocase(line, STR("DATA"))) {
		buf_str(&c->out, STR("354 go on\r\n"));
		c->in_data = true;
		c->matched = 2; /* the command's own CRLF counts */
	} else if (str_starts_nocase(line, STR("QUIT"))) {
		buf_str(&c->out, STR("221 2.0.0 bye\r\n"));
		c->quits = true;
	} else {
		buf_str(&c->out, STR("250 2.0.0 ok\r\n"));
	}
}

/* Takes data up to its end; gives how many octets it used. */
static size_t data(struct client *c, struct str in)
{
	for (size_t i = 0; i < in.len; i++) {
		/* Most of a body holds no CR: skip it fast. */
		if (c->matched == 0) {
			const char *cr = memchr(in.at + i, '\r', in.len - i);
			if (!cr) return in.len;
			i = (size_t)(cr - in.at);
		}
		if (in.at[i] == end_of_data[c->matched]) c->matched++;
		else c->matched = in.at[i] == '\r';
		if (c->matched < sizeof end_of_data - 1) continue;
		c->in_data = false;
		buf_str(&c->out, STR("250 2.0.0 kept nowhere\r\n"));
		return i + 1;
	}
	return in.len;
}

static void received(struct client *c, struct str in)
{
	while (in.len && !c->quits) {
		if (c->in_data) {
			in = str_from(in, data(c, in));
			continue;
		}
		ptrdiff_t lf = str_find(in, '\n');
		size_t len = lf < 0 ? in.len : (size_t)lf + 1;
		buf_str(&c->line, str_sub(in, 0, len));
		in = str_from(in, len);
		if (lf < 0) break;
		command(c, buf_view(&c->line));
		buf_reset(&c->line);
	}
}

static void client_free(struct client *c)
{
	(void)close(c->fd);
	buf_free(&c->line);
	buf_free(&c->out);
	free(c);
}

static void client_readable(struct client *c)
{
	static char bytes[READ_SIZE];
	ssize_t got = read(c->fd, bytes, sizeof bytes);
	if (got < 0 && errno == EAGAIN) return;
	if (got > 0) {
		received(c, (struct str){ bytes, (size_t)got });
		/* Replies are short and the generator reads them: what does not fit at once
		 * is an error here. */
		if (c->out.len && send(c->fd, c->out.at, c->out.len, MSG_NOSIGNAL) != (ssize_t)c->out.len)
			got = 0;
		buf_reset(&c->out);
	}
	if (got <= 0 || c->quits) client_free(c);
}

static void client_new(int listener, int epoll)
{
	int on = 1;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) return;
	struct client *c = calloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	if (!c || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		free(c);
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->fd = fd;
	buf_init(&c->line, LINE_MAX_HERE);
	buf_init(&c->out, REPLIES_MAX);
	(void)send(fd, "220 sink.example ESMTP\r\n", 24, MSG_NOSIGNAL);
}

static int listen_on(const char *text)
{
	char host[32];
	uint64_t port;
	int on = 1;
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct str rest = str_of(text);
	struct str name = str_cut(&rest, ':');
	if (!str_to_cstr(name, host, sizeof host) || inet_pton(AF_INET, host, &a.sin_addr) != 1 ||
	    !str_to_u64(rest, &port) || port > UINT16_MAX || ntohl(a.sin_addr.s_addr) >> 24 != 127)
		return -1;
	a.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0) return -1;
	return fd;
}

int main(int argc, char **argv)
{
	struct epoll_event events[EVENTS_MAX];
	int listener = argc == 2 ? listen_on(argv[1]) : -1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = NULL };
	if (listener < 0 || epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e) != 0) {
		fprintf(stderr, "usage: sink 127.x.x.x:PORT (%s)\n", strerror(errno));
		return 69;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	for (;;) {
		int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr) client_readable(events[i].data.ptr);
			else client_new(listener, epoll);
		}
	}
}
