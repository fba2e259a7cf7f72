/* SPDX-License-Identifier: Apache-2.0 */
/* One session of the load generator: what it says to which reply. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { LINE = 80 };

void session_failed(struct load *l, struct str why)
{
	if (l->sum.last_failure[0]) return;
	struct buf b;
	buf_init_fixed(&b, l->sum.last_failure, sizeof l->sum.last_failure - 1);
	buf_escaped(&b, str_sub(why, 0, 100));
	for (size_t i = 0; i < b.len; i++)
		if (b.at[i] == '\\') b.at[i] = '/'; /* it stands in JSON */
	l->sum.last_failure[b.len] = '\0';
}

void session_watch(struct load *l, struct session *s, int operation, bool write)
{
	struct epoll_event e = { .events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = s };
	(void)epoll_ctl(l->epoll, operation, s->fd, &e);
	s->wants_write = write;
}

void session_open(struct load *l, struct session *s)
{
	int on = 1;
	if (!s->out.max) {
		buf_init(&s->out, COMMANDS_MAX);
		buf_init(&s->in, REPLY_MAX);
	}
	buf_reset(&s->out);
	buf_reset(&s->in);
	s->body = (struct str){ NULL, 0 };
	s->started = s->answered = 0;
	s->step = CONNECTING;
	s->connection = l->sum.opened++;
	s->opened_us = now_us();
	l->sum.open++;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd >= 0) {
		(void)setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (connect(s->fd, (struct sockaddr *)&l->opt.address, sizeof l->opt.address) == 0 ||
		    errno == EINPROGRESS) {
			session_watch(l, s, EPOLL_CTL_ADD, true);
			return;
		}
		(void)close(s->fd);
		s->fd = -1;
	}
	session_failed(l, str_of(strerror(errno)));
	l->sum.sessions_failed++;
	l->sum.open--;
}

void session_end(struct load *l, struct session *s, bool good)
{
	const struct options *o = &l->opt;
	if (!good && s->step >= SENDER && s->step <= FINAL) l->sum.failed++;
	secure_end(s);
	(void)close(s->fd);
	s->fd = -1;
	s->step = OVER;
	l->sum.open--;
	if (good) l->sum.sessions_ok++;
	else l->sum.sessions_failed++;
	/* A server that refuses everything must not keep us busy for ever. */
	if (l->stopping || o->hold_s >= 0 || l->sum.sessions_failed > 1000 + o->messages / 10) return;
	unsigned begun = o->setup_only ? l->sum.sessions_ok + l->sum.sessions_failed + l->sum.open
	                               : l->sum.issued;
	if (begun < o->messages) session_open(l, s);
}

bool session_flush(struct load *l, struct session *s)
{
	while (s->out.len || s->body.len) {
		ssize_t sent = secure_write(s);
		if (sent < 0 && errno == EAGAIN) {
			if (!s->wants_write) session_watch(l, s, EPOLL_CTL_MOD, true);
			return true;
		}
		if (sent < 0) return false;
		size_t first = (size_t)sent < s->out.len ? (size_t)sent : s->out.len;
		buf_consume(&s->out, first);
		s->body = str_from(s->body, (size_t)sent - first);
	}
	if (s->wants_write) session_watch(l, s, EPOLL_CTL_MOD, false);
	if (s->step == FINAL && s->sent_us == 0) s->sent_us = now_us();
	return true;
}

static void say_address(struct buf *out, const char *pattern, unsigned value)
{
	struct str rest = str_of(pattern);
	ptrdiff_t at = str_find(rest, '%');
	if (at < 0 || (size_t)at + 1 >= rest.len || rest.at[at + 1] != 'd') {
		buf_str(out, rest);
		return;
	}
	buf_str(out, str_sub(rest, 0, (size_t)at));
	buf_u64(out, value);
	buf_str(out, str_from(rest, (size_t)at + 2));
}

static unsigned recipient_value(const struct load *l, const struct session *s, unsigned recipient)
{
	return l->opt.recipients > 1 ? recipient : s->number % l->opt.modulus;
}

static void say_recipient(struct load *l, struct session *s, unsigned recipient)
{
	buf_str(&s->out, STR("RCPT TO:<"));
	say_address(&s->out, l->opt.to, recipient_value(l, s, recipient));
	buf_str(&s->out, STR(">\r\n"));
}

static void say_quit(struct session *s)
{
	buf_str(&s->out, STR("QUIT\r\n"));
	s->step = QUIT;
}

/* The next message, or QUIT. */
static void say_message(struct load *l, struct session *s)
{
	if (l->stopping || l->sum.issued >= l->opt.messages || s->started >= l->opt.per_session) {
		say_quit(s);
		return;
	}
	s->number = l->sum.issued++;
	s->started++;
	s->answered = 0;
	s->step = SENDER;
	buf_fmt(&s->out, "MAIL FROM:<%s>\r\n", l->opt.from);
	if (!l->opt.pipeline) return;
	for (unsigned i = 0; i < l->opt.recipients; i++) say_recipient(l, s, i);
	buf_str(&s->out, STR("DATA\r\n"));
}

static void say_body(struct load *l, struct session *s)
{
	size_t before = s->out.len;
	buf_fmt(&s->out, "From: <%s>\r\nTo: <", l->opt.from);
	say_address(&s->out, l->opt.to, recipient_value(l, s, 0));
	buf_fmt(&s->out, ">\r\nDate: Sun, 22 Nov 2026 00:00:00 +0000\r\nSubject: bench %u\r\n"
	        "Message-ID: <%u.%d@client.example>\r\n\r\n", s->number, s->number, (int)getpid());
	size_t head = s->out.len - before;
	size_t want = l->opt.size > head ? (l->opt.size - head) / LINE * LINE : 0;
	s->body = str_from(l->text, l->text.len - 3 - want);
	s->sent_us = 0;
	s->step = FINAL;
}

static void refused(struct load *l, struct session *s, struct str line)
{
	l->sum.failed++;
	session_failed(l, line);
	say_quit(s);
}

static void message_kept(struct load *l, struct session *s)
{
	int64_t now = now_us();
	l->sum.latency_us[l->sum.ok++] = (unsigned)(now - (s->sent_us ? s->sent_us : now));
	say_message(l, s);
}

static void recipient_answered(struct load *l, struct session *s, struct str line, bool good)
{
	if (good) l->sum.recipients_ok++;
	else l->sum.recipients_failed++;
	if (!good) session_failed(l, line);
	if (++s->answered < l->opt.recipients) {
		if (!l->opt.pipeline) say_recipient(l, s, s->answered);
		return;
	}
	s->step = DATA;
	if (!l->opt.pipeline) buf_str(&s->out, STR("DATA\r\n"));
}

/* RFC 4616: nobody else's name, the user's, the password; in base 64. */
static void say_login(struct load *l, struct session *s)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char memory[512];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_byte(&text, '\0');
	say_address(&text, l->opt.user, s->connection % l->opt.modulus);
	buf_byte(&text, '\0');
	say_address(&text, l->opt.password, s->connection);
	buf_str(&s->out, STR("AUTH PLAIN "));
	for (size_t i = 0; i < text.len; i += 3) {
		size_t left = text.len - i;
		unsigned value = (unsigned)(unsigned char)memory[i] << 16;
		if (left > 1) value |= (unsigned)(unsigned char)memory[i + 1] << 8;
		if (left > 2) value |= (unsigned char)memory[i + 2];
		for (unsigned d = 0; d < 4; d++)
			buf_byte(&s->out, d > left ? '=' : digits[value >> (18 - 6 * d) & 63]);
	}
	buf_str(&s->out, STR("\r\n"));
	s->step = LOGIN;
}

/* All that comes before the first message is done. */
static void session_ready(struct load *l, struct session *s)
{
	if (l->opt.setup_only)
		l->sum.latency_us[l->sum.ok++] = (unsigned)(now_us() - s->opened_us);
	if (l->opt.hold_s >= 0) {
		s->step = IDLE;
		l->sum.idle++;
	} else if (l->opt.setup_only) {
		say_quit(s);
	} else {
		say_message(l, s);
	}
}

/* After EHLO. */
static void greeted(struct load *l, struct session *s)
{
	if (l->opt.tls == TLS_STARTTLS && !s->secured) {
		buf_str(&s->out, STR("STARTTLS\r\n"));
		s->step = STARTTLS;
	} else if (l->opt.user) {
		say_login(l, s);
	} else {
		session_ready(l, s);
	}
}

static void encrypt(struct load *l, struct session *s)
{
	s->step = SECURING;
	if (!secure_step(l, s)) session_end(l, s, false);
}

void session_reply(struct load *l, struct session *s, struct str line, bool last)
{
	bool good = line.len > 0 && (line.at[0] == '2' || line.at[0] == '3');
	if (!last) return;
	switch (s->step) {
	case BANNER:
	case HELLO:
		if (!good) {
			session_failed(l, line);
			session_end(l, s, false);
		} else if (s->step == BANNER) {
			buf_str(&s->out, STR("EHLO client.example\r\n"));
			s->step = HELLO;
		} else {
			greeted(l, s);
		}
		break;
	case STARTTLS:
		if (good) encrypt(l, s);
		else refused(l, s, line);
		break;
	case LOGIN:
		if (good) session_ready(l, s);
		else refused(l, s, line);
		break;
	case SENDER:
		if (!good) {
			refused(l, s, line);
			break;
		}
		s->step = RECIPIENT;
		if (!l->opt.pipeline) say_recipient(l, s, 0);
		break;
	case RECIPIENT: recipient_answered(l, s, line, good); break;
	case DATA:
		if (good) say_body(l, s);
		else refused(l, s, line);
		break;
	case FINAL:
		if (good) message_kept(l, s);
		else refused(l, s, line);
		break;
	case QUIT: session_end(l, s, true); break;
	case IDLE:
		session_failed(l, line);
		session_end(l, s, false);
		break;
	case CONNECTING:
	case SECURING:
	case OVER: break;
	}
}
