/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/dovecot_stream.h"

#include <errno.h>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/socket.h"
#include "services/directory/wait.h"

enum { READ_SIZE = 4096, VERSION_MAJOR = 1 };

static const char *name_of(const struct dovecot_stream *s)
{
	return s->dialect == DOVECOT_CLIENT ? "dovecot auth" : "dovecot userdb";
}

void dovecot_stream_init(struct dovecot_stream *s, enum dovecot_dialect dialect,
			 const char *place)
{
	*s = (struct dovecot_stream){ .dialect = dialect, .place = place, .fd = -1 };
	buf_init(&s->in, DOVECOT_LINE_MAX + 1);
}

void dovecot_stream_close(struct dovecot_stream *s)
{
	if (s->fd >= 0) (void)close(s->fd);
	s->fd = -1;
	s->line = 0;
	buf_free(&s->in);
}

static bool failed(struct dovecot_stream *s, struct buf *why, int error)
{
	why_errno(why, name_of(s), error);
	return false;
}

static bool nonsense(struct dovecot_stream *s, struct buf *why, const char *text)
{
	why_say(why, name_of(s), str_of(text));
	return false;
}

/* --- bytes -------------------------------------------------------------------------- */

bool dovecot_place_parse(struct str place, struct ip *ip, uint16_t *port)
{
	uint64_t number = 0;
	ptrdiff_t colon = str_rfind(place, ':');
	*ip = (struct ip){ 0 };
	*port = 0;
	if (place.len && place.at[0] == '/') return true;
	if (colon <= 0) return false;
	struct str host = str_sub(place, 0, (size_t)colon);
	if (host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = str_sub(host, 1, host.len - 2);
	if (!str_to_u64(str_from(place, (size_t)colon + 1), &number) || number == 0 ||
	    number > UINT16_MAX || !ip_parse(host, ip))
		return false;
	*port = (uint16_t)number;
	return true;
}

static int dial(const char *place, int64_t deadline_ms)
{
	struct ip ip;
	uint16_t port;
	if (!dovecot_place_parse(str_of(place), &ip, &port)) return -EINVAL;
	int fd = port ? socket_connect(ip, port) : socket_unix_connect(place);
	if (fd < 0) return fd;
	int error = wait_fd(fd, POLLOUT, deadline_ms);
	if (error == 0) error = socket_error(fd);
	if (error == 0) return fd;
	(void)close(fd);
	return error;
}

static int send_text(struct dovecot_stream *s, struct str text, int64_t deadline_ms)
{
	while (text.len) {
		ssize_t sent =
			send(s->fd, text.at, text.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent >= 0) text = str_from(text, (size_t)sent);
		else if (errno == EAGAIN) {
			int error = wait_fd(s->fd, POLLOUT, deadline_ms);
			if (error) return error;
		} else if (errno != EINTR) return -errno;
	}
	return 0;
}

/* More of what comes; -ECONNRESET at the end of the stream. */
static int receive(struct dovecot_stream *s, int64_t deadline_ms)
{
	size_t room = DOVECOT_LINE_MAX + 1 - s->in.len;
	char *to = buf_room(&s->in, room < READ_SIZE ? room : READ_SIZE);
	if (!to) return -ENOMEM;
	int error = wait_fd(s->fd, POLLIN, deadline_ms);
	if (error) return error;
	ssize_t got = recv(s->fd, to, room < READ_SIZE ? room : READ_SIZE, MSG_DONTWAIT);
	if (got == 0) return -ECONNRESET;
	if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	buf_added(&s->in, (size_t)got);
	return 0;
}

/* The next line as something that we know. 0 or -errno; -EPROTO: nonsense. */
static int next_line(struct dovecot_stream *s, int64_t deadline_ms,
		     struct dovecot_line *line)
{
	ptrdiff_t end;
	buf_consume(&s->in, s->line);
	s->line = 0;
	/* In time, too, when lines never cease to come. */
	if (wait_left_ms(deadline_ms) == 0) return -ETIMEDOUT;
	while ((end = str_find(buf_view(&s->in), '\n')) < 0) {
		if (s->in.len > DOVECOT_LINE_MAX) return -EPROTO;
		int error = receive(s, deadline_ms);
		if (error) return error;
	}
	s->line = (size_t)end + 1;
	struct str text = str_sub(buf_view(&s->in), 0, (size_t)end);
	return dovecot_line_parse(text, line) ? 0 : -EPROTO;
}

/* --- greetings ---------------------------------------------------------------------- */

/* The number has to differ from that of every other connection. */
static int greet(struct dovecot_stream *s, int64_t deadline_ms)
{
	char memory[64];
	struct buf out;
	uint32_t number = 0;
	if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number) return -EIO;
	buf_init_fixed(&out, memory, sizeof memory);
	if (s->dialect == DOVECOT_MASTER) buf_str(&out, STR("VERSION\t1\t1\n"));
	else
		buf_fmt(&out, "VERSION\t1\t2\nCPID\t%u\n",
			(unsigned)(number & INT32_MAX) | 1u);
	return send_text(s, buf_view(&out), deadline_ms);
}

static bool greeted(struct dovecot_stream *s, int64_t deadline_ms, struct buf *why)
{
	enum dovecot_kind last =
		s->dialect == DOVECOT_CLIENT ? DOVECOT_DONE : DOVECOT_SPID;
	bool versioned = false;
	struct dovecot_line line = { .kind = DOVECOT_OTHER };
	do {
		int error = next_line(s, deadline_ms, &line);
		if (error == -EPROTO) return nonsense(s, why, "its greeting is damaged");
		if (error) return failed(s, why, -error);
		if (line.kind == DOVECOT_VERSION && line.id != VERSION_MAJOR)
			return nonsense(s, why, "another version of the protocol");
		if (line.kind == DOVECOT_VERSION) versioned = true;
	} while (line.kind != last);
	return versioned || nonsense(s, why, "its greeting is not that of this socket");
}

bool dovecot_stream_ready(struct dovecot_stream *s, int64_t deadline_ms, struct buf *why)
{
	if (s->fd >= 0) return true;
	buf_init(&s->in, DOVECOT_LINE_MAX + 1);
	s->fd = dial(s->place, deadline_ms);
	if (s->fd < 0) {
		failed(s, why, -s->fd);
		s->fd = -1;
		return false;
	}
	int error = greet(s, deadline_ms);
	if (error ? failed(s, why, -error) : greeted(s, deadline_ms, why)) return true;
	dovecot_stream_close(s);
	return false;
}

/* --- questions ---------------------------------------------------------------------- */

static bool is_answer(const struct dovecot_stream *s, const struct dovecot_line *line)
{
	switch (line->kind) {
	case DOVECOT_OK:
	case DOVECOT_CONT: return s->dialect == DOVECOT_CLIENT && line->id == s->id;
	case DOVECOT_USER:
	case DOVECOT_NOTFOUND: return s->dialect == DOVECOT_MASTER && line->id == s->id;
	case DOVECOT_FAIL: return line->id == s->id;
	case DOVECOT_OTHER:
	case DOVECOT_VERSION:
	case DOVECOT_SPID:
	case DOVECOT_DONE: break;
	}
	return false;
}

bool dovecot_stream_ask(struct dovecot_stream *s, struct str request, int64_t deadline_ms,
			struct dovecot_line *answer, struct buf *why)
{
	int error = send_text(s, request, deadline_ms);
	while (error == 0) {
		error = next_line(s, deadline_ms, answer);
		if (error == 0 && is_answer(s, answer)) return true;
	}
	if (error == -EPROTO) (void)nonsense(s, why, "its answer is damaged");
	else (void)failed(s, why, -error);
	dovecot_stream_close(s);
	return false;
}
