/* SPDX-License-Identifier: Apache-2.0 */
/* A server that takes every message and keeps none: the most that the load generator can
 * reach, and the next host of those that are measured. One thread, loopback only (0.0.0.0 is all
 * addresses of it, and who comes from elsewhere is not served):
 *
 *   sink [-l] [-c ADDR:PORT] ADDR:PORT
 *
 * -l speaks LMTP (RFC 2033): LHLO, and one reply per recipient after the final dot. -c is
 * where it tells: who connects there gets one line of JSON with what has been counted, and
 * the connection closes. Times are microseconds of CLOCK_MONOTONIC, as the load generator's. */
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
#include <time.h>
#include <unistd.h>

#include "lib/base/buf.h"

enum { EVENTS_MAX = 256, READ_SIZE = 64 * 1024, LINE_MAX_HERE = 1024, REPLIES_MAX = 64 * 1024 };

/* Since the start. Recipients count when their message is complete. */
static struct {
	bool lmtp;
	uint64_t connections, messages, recipients, octets;
	int64_t first_us, last_us; /* ends of messages; 0: none yet */
} sink;

struct client {
	int fd;
	bool in_data, quits;
	unsigned matched;    /* octets of "\r\n.\r\n" seen so far */
	unsigned recipients; /* of the message in hand */
	struct buf line, out;
};

static const char end_of_data[] = "\r\n.\r\n";

static int64_t now_us(void)
{
	struct timespec at;
	(void)clock_gettime(CLOCK_MONOTONIC, &at);
	return (int64_t)at.tv_sec * 1000000 + at.tv_nsec / 1000;
}

static void command(struct client *c, struct str line)
{
	if (str_starts_nocase(line, STR("RCPT"))) {
		buf_str(&c->out, STR("250 2.1.5 ok\r\n"));
		c->recipients++;
	} else if (str_starts_nocase(line, sink.lmtp ? STR("LHLO") : STR("EHLO"))) {
		buf_str(&c->out, STR("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n"));
	} else if (str_starts_nocase(line, STR("DATA"))) {
		buf_str(&c->out, STR("354 go on\r\n"));
		c->in_data = true;
		c->matched = 2; /* the command's own CRLF counts */
	} else if (str_starts_nocase(line, STR("QUIT"))) {
		buf_str(&c->out, STR("221 2.0.0 bye\r\n"));
		c->quits = true;
	} else if (str_starts_nocase(line, STR("MAIL")) || str_starts_nocase(line, STR("RSET"))) {
		buf_str(&c->out, STR("250 2.0.0 ok\r\n"));
		c->recipients = 0;
	} else if (str_starts_nocase(line, STR("NOOP"))) {
		buf_str(&c->out, STR("250 2.0.0 ok\r\n"));
	} else {
		/* EHLO to an LMTP server among them: who mixes the two up must not look fast. */
		buf_str(&c->out, STR("500 5.5.1 not here\r\n"));
	}
}

/* The final dot. */
static void message_end(struct client *c)
{
	sink.messages++;
	sink.recipients += c->recipients;
	sink.last_us = now_us();
	if (!sink.first_us) sink.first_us = sink.last_us;
	for (unsigned i = sink.lmtp ? c->recipients : 1; i > 0; i--)
		buf_str(&c->out, STR("250 2.0.0 kept nowhere\r\n"));
	c->in_data = false;
	c->recipients = 0;
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
		message_end(c);
		return i + 1;
	}
	return in.len;
}

static void received(struct client *c, struct str in)
{
	while (in.len && !c->quits) {
		if (c->in_data) {
			size_t used = data(c, in);
			sink.octets += used;
			in = str_from(in, used);
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
	struct sockaddr_in from = { 0 };
	socklen_t len = sizeof from;
	int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) return;
	if (ntohl(from.sin_addr.s_addr) >> 24 != 127) {
		(void)close(fd);
		return;
	}
	struct client *c = calloc(1, sizeof *c);
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
	if (!c || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) {
		free(c);
		(void)close(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	sink.connections++;
	c->fd = fd;
	buf_init(&c->line, LINE_MAX_HERE);
	buf_init(&c->out, REPLIES_MAX);
	(void)send(fd, "220 sink.example ESMTP\r\n", 24, MSG_NOSIGNAL);
}

/* What was counted, to whoever asks. */
static void tell(int control)
{
	char line[512];
	struct buf b;
	struct rusage use;
	int fd = accept4(control, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) return;
	(void)getrusage(RUSAGE_SELF, &use);
	int64_t cpu_us = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
	                 use.ru_utime.tv_usec + use.ru_stime.tv_usec;
	buf_init_fixed(&b, line, sizeof line);
	buf_fmt(&b, "{\"connections\":%lu,\"messages\":%lu,\"recipients\":%lu,\"octets\":%lu,"
	        "\"first_us\":%ld,\"last_us\":%ld,\"cpu_us\":%ld}\n",
	        sink.connections, sink.messages, sink.recipients, sink.octets,
	        sink.first_us, sink.last_us, cpu_us);
	(void)send(fd, b.at, b.len, MSG_NOSIGNAL);
	(void)close(fd);
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
	    !str_to_u64(rest, &port) || port > UINT16_MAX ||
	    (ntohl(a.sin_addr.s_addr) >> 24 != 127 && a.sin_addr.s_addr != htonl(INADDR_ANY)))
		return -1;
	a.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* Others may have single addresses of the loopback for themselves (crowd.py). */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0) return -1;
	return fd;
}

static bool watch(int epoll, int fd, void *mark)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = mark };
	return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) == 0;
}

static void serve(int epoll, int listener, int control)
{
	struct epoll_event events[EVENTS_MAX];
	for (;;) {
		int ready = epoll_wait(epoll, events, EVENTS_MAX, -1);
		for (int i = 0; i < ready; i++) {
			if (events[i].data.ptr == &sink) tell(control);
			else if (events[i].data.ptr) client_readable(events[i].data.ptr);
			else client_new(listener, epoll);
		}
	}
}

int main(int argc, char **argv)
{
	const char *control_at = NULL;
	bool good = true;
	for (int o; (o = getopt(argc, argv, "lc:")) > 0;) {
		if (o == 'l') sink.lmtp = true;
		else if (o == 'c') control_at = optarg;
		else good = false;
	}
	int listener = good && optind == argc - 1 ? listen_on(argv[optind]) : -1;
	int control = control_at ? listen_on(control_at) : -1;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	/* NULL marks the listener, the counts mark who asks for them. */
	if (epoll < 0 || !watch(epoll, listener, NULL) ||
	    (control_at && !watch(epoll, control, &sink))) {
		fprintf(stderr, "usage: sink [-l] [-c 127.x.x.x:PORT] 127.x.x.x:PORT (%s)\n",
		        strerror(errno));
		return 69;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	serve(epoll, listener, control);
	return 0;
}
