/* SPDX-License-Identifier: Apache-2.0 */
/* Load generator for SMTP; loopback only. Prints one JSON line.
 *
 *   load -a ADDR:PORT [-c sessions] [-n messages] [-k per-session] [-s octets]
 *        [-f from] [-t to] [-R modulus] [-r recipients] [-P] [-E] [-x seconds] [-I seconds]
 *        [-S | -T] [-u user -w password]
 *
 * -P pipelines MAIL, RCPT and DATA; -S begins TLS with STARTTLS, -T at once (1.3; nothing is
 * checked of the certificate); -u and -w log in with AUTH PLAIN, %d in them is the number of
 * the connection (of the user modulo -R); -E sends no message: it greets, does these, and quits,
 * and then `ok`, `rate` and the times are of sessions; -I opens -c sessions, holds
 * them that long and says how many lived. After QUIT it closes without waiting for the
 * answer, as Postfix's client does. `start_us` is when the first connection was begun, in
 * microseconds of CLOCK_MONOTONIC. */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { EVENTS_MAX = 512, OPEN_PER_TURN = 200, LINE = 80 };

int64_t now_us(void)
{
	struct timespec t;
	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* All complete lines that have arrived. */
static void session_lines(struct load *l, struct session *s)
{
	size_t used = 0;
	const SSL *tls = s->tls;
	for (;;) {
		struct str rest = str_from(buf_view(&s->in), used);
		ptrdiff_t lf = str_find(rest, '\n');
		if (lf < 0) break;
		used += (size_t)lf + 1;
		if (lf > 0 && rest.at[lf - 1] == '\r') lf--;
		struct str line = str_sub(rest, 0, (size_t)lf);
		session_reply(l, s, line, line.len < 4 || line.at[3] != '-');
		/* over, another connection, or the rest is TLS */
		if (s->fd < 0 || s->step == CONNECTING || s->tls != tls) return;
	}
	buf_consume(&s->in, used);
}

static void session_readable(struct load *l, struct session *s)
{
	char *room = buf_room(&s->in, REPLY_MAX - s->in.len);
	ssize_t got = room ? secure_read(s, room, REPLY_MAX - s->in.len) : 0;
	if (got < 0 && errno == EAGAIN) return;
	if (got <= 0) {
		if (s->step != QUIT) session_failed(l, STR("connection lost"));
		session_end(l, s, s->step == QUIT);
		return;
	}
	buf_added(&s->in, (size_t)got);
	session_lines(l, s);
	if (s->fd < 0 || s->step <= SECURING) return;
	if (!session_flush(l, s)) {
		session_end(l, s, s->step == QUIT);
		return;
	}
	if (s->step == QUIT && s->out.len == 0) session_end(l, s, true);
	else if (secure_has_more(s)) session_readable(l, s);
}

static void session_event(struct load *l, struct session *s, unsigned events)
{
	if (s->fd < 0) return;
	if (s->step == CONNECTING) {
		int error = 0;
		socklen_t len = sizeof error;
		(void)getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		if (error) {
			session_failed(l, str_of(strerror(error)));
			session_end(l, s, false);
			return;
		}
		s->step = l->opt.tls == TLS_IMPLICIT ? SECURING : BANNER;
	}
	if (s->step == SECURING) {
		if (!secure_step(l, s)) session_end(l, s, false);
		if (s->fd < 0 || s->step <= SECURING) return;
	}
	if ((events & EPOLLOUT) && !session_flush(l, s)) {
		session_end(l, s, false);
		return;
	}
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) session_readable(l, s);
}

static int by_value(const void *a, const void *b)
{
	const unsigned *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static double percentile_ms(const struct totals *t, double share)
{
	if (t->ok == 0) return 0;
	return t->latency_us[(size_t)(share * (t->ok - 1))] / 1000.0;
}

static void report(struct load *l, int64_t start, double seconds)
{
	struct totals *t = &l->sum;
	struct rusage use;
	(void)getrusage(RUSAGE_SELF, &use);
	double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
	             (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
	qsort(t->latency_us, t->ok, sizeof *t->latency_us, by_value);
	printf("{\"ok\":%u,\"failed\":%u,\"secs\":%.3f,\"rate\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,"
	       "\"max_ms\":%.2f,\"sessions_ok\":%u,\"sessions_failed\":%u,\"rcpt_ok\":%u,"
	       "\"rcpt_failed\":%u,\"load_cpu_s\":%.2f,\"start_us\":%ld,\"last_failure\":\"%s\"}\n",
	       t->ok, t->failed, seconds, t->ok / seconds, percentile_ms(t, 0.5),
	       percentile_ms(t, 0.99), percentile_ms(t, 1), t->sessions_ok, t->sessions_failed,
	       t->recipients_ok, t->recipients_failed, cpu, start, t->last_failure);
}

static unsigned alive(const struct load *l)
{
	unsigned count = 0;
	for (unsigned i = 0; i < l->opt.sessions; i++)
		if (l->sessions[i].fd >= 0 && l->sessions[i].step == IDLE) count++;
	return count;
}

/* True when the idle test is over. */
static bool idle_turn(struct load *l, double elapsed_s, double *open_s)
{
	if (*open_s < 0) {
		unsigned settled = l->sum.idle + l->sum.sessions_failed;
		if (settled < l->opt.sessions && elapsed_s < l->opt.limit_s) return false;
		*open_s = elapsed_s;
		printf("{\"idle_open\":%u,\"failed\":%u,\"open_secs\":%.3f,\"last_failure\":\"%s\"}\n",
		       l->sum.idle, l->sum.sessions_failed, elapsed_s, l->sum.last_failure);
		(void)fflush(stdout);
	}
	if (elapsed_s < *open_s + l->opt.hold_s) return false;
	printf("{\"alive\":%u}\n", alive(l));
	return true;
}

static void run(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t start = now_us();
	unsigned opened = 0;
	double elapsed_s = 0, open_s = -1;
	while (!l->stopping) {
		for (int i = 0; i < OPEN_PER_TURN && opened < l->opt.sessions; i++)
			session_open(l, &l->sessions[opened++]);
		if (l->sum.open == 0 && l->opt.hold_s < 0) break;
		int ready = epoll_wait(l->epoll, events, EVENTS_MAX, opened < l->opt.sessions ? 0 : 100);
		for (int i = 0; i < ready; i++)
			session_event(l, events[i].data.ptr, events[i].events);
		elapsed_s = (double)(now_us() - start) / 1e6;
		if (l->opt.hold_s >= 0) l->stopping = idle_turn(l, elapsed_s, &open_s);
		else if (elapsed_s > l->opt.limit_s) l->stopping = true;
	}
	if (l->opt.hold_s < 0) report(l, start, (double)(now_us() - start) / 1e6);
}

static bool address_parse(const char *text, struct sockaddr_in *out)
{
	char host[32];
	uint64_t port;
	struct str rest = str_of(text);
	struct str name = str_cut(&rest, ':');
	out->sin_family = AF_INET;
	if (!str_to_cstr(name, host, sizeof host) || inet_pton(AF_INET, host, &out->sin_addr) != 1)
		return false;
	if (!str_to_u64(rest, &port) || port > UINT16_MAX) return false;
	out->sin_port = htons((uint16_t)port);
	/* A benchmark that is pointed at somebody else's server is an attack. */
	return ntohl(out->sin_addr.s_addr) >> 24 == 127;
}

static unsigned number(const char *text, unsigned least, unsigned most)
{
	uint64_t value;
	if (!str_to_u64(str_of(text), &value) || value < least || value > most) {
		fprintf(stderr, "%s is not a number from %u to %u\n", text, least, most);
		exit(64);
	}
	return (unsigned)value;
}

static bool options_read(int argc, char **argv, struct options *o)
{
	bool addressed = false;
	for (int c; (c = getopt(argc, argv, "a:c:n:k:s:f:t:R:r:PEx:I:STu:w:")) > 0;) switch (c) {
		case 'a': addressed = address_parse(optarg, &o->address); break;
		case 'c': o->sessions = number(optarg, 1, SESSIONS_MAX); break;
		case 'n': o->messages = number(optarg, 1, MESSAGES_MAX); break;
		case 'k': o->per_session = number(optarg, 1, MESSAGES_MAX); break;
		case 's': o->size = number(optarg, 400, 1u << 30); break;
		case 'f': o->from = optarg; break;
		case 't': o->to = optarg; break;
		case 'R': o->modulus = number(optarg, 1, MESSAGES_MAX); break;
		case 'r': o->recipients = number(optarg, 1, 100000); break;
		case 'P': o->pipeline = true; break;
		case 'E': o->setup_only = true; break;
		case 'S': o->tls = TLS_STARTTLS; break;
		case 'T': o->tls = TLS_IMPLICIT; break;
		case 'u': o->user = optarg; break;
		case 'w': o->password = optarg; break;
		case 'x': o->limit_s = number(optarg, 1, 86400); break;
		case 'I': o->hold_s = number(optarg, 0, 86400); break;
		default: return false;
	}
	return addressed && !o->user == !o->password;
}

/* Lines of 80 octets and the final dot; a message sends as many from the end as it needs. */
static bool text_make(struct load *l)
{
	size_t lines = l->opt.size / LINE + 1;
	char *at = malloc(lines * LINE + 3);
	if (!at) return false;
	memset(at, 'x', lines * LINE);
	for (size_t i = 1; i <= lines; i++) memcpy(at + i * LINE - 2, "\r\n", 2);
	memcpy(at + lines * LINE, ".\r\n", 3);
	l->text = (struct str){ at, lines * LINE + 3 };
	return true;
}

int main(int argc, char **argv)
{
	struct load l = { .opt = { .from = "bench@client.example", .to = "u%d@us.example",
		.sessions = 1, .messages = 1, .per_session = 1, .recipients = 1, .modulus = 1,
		.size = 4096, .limit_s = 60, .hold_s = -1 } };
	if (!options_read(argc, argv, &l.opt)) {
		fprintf(stderr, "usage: load -a 127.x.x.x:PORT … (see the head of load.c)\n");
		return 64;
	}
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)signal(SIGPIPE, SIG_IGN);
	if (l.opt.hold_s < 0 && l.opt.sessions > l.opt.messages) l.opt.sessions = l.opt.messages;
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	l.sessions = calloc(l.opt.sessions, sizeof *l.sessions);
	l.sum.latency_us = calloc(l.opt.messages, sizeof *l.sum.latency_us);
	if (l.epoll < 0 || !l.sessions || !l.sum.latency_us || !text_make(&l) ||
	    !secure_prepare(&l)) {
		perror("load");
		return 71;
	}
	run(&l);
	return 0;
}
