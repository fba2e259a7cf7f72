/* SPDX-License-Identifier: Apache-2.0 */
/* A frame: u32 length of the payload, u16 type, payload; all little-endian. The type's
 * highest bit says that a descriptor travels with it. On a unix stream a descriptor
 * arrives with the first byte of what it was sent with, and no read crosses into bytes
 * that came with another one; so a queue of descriptors and a stream of frames that say
 * which of them own one always fit together. */
#include "lib/ipc/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	HEADER = 6,
	HAS_FD = 0x8000,
	READ_MIN = 64 * 1024,
	READS_A_TURN = 8,       /* then others have their turn */
	READS_A_PUMP = 1024,    /* more than a socket holds */
	KEEP_MAX = 1024 * 1024, /* memory of a buffer that is kept when it is empty */
	FDS_A_READ = 16,
};

struct queued_fd {
	uint64_t at; /* position in the output stream */
	int fd;
};

struct channel {
	struct loop *loop;
	struct loop_io *io;
	struct loop_turn turn;
	const struct channel_handler *handler;
	void *arg;
	enum role self, peer;
	unsigned peer_index;
	int fd;

	struct buf out; /* starts with a frame; out.at[out_sent..] is not yet written */
	size_t out_sent;
	uint64_t out_pos; /* stream position of out.at[out_sent] */
	struct queued_fd out_fds[CHANNEL_FDS_MAX];
	size_t out_fd_count;

	struct buf in;
	int in_fds[CHANNEL_FDS_MAX];
	size_t in_fd_count;

	bool mute; /* the peer takes nothing more; what it said may still be read */
	bool dead; /* closed() is due */
	bool told; /* closed() was called */
	bool busy; /* in dispatch: free later */
	bool freed;
	const char *fault;
};

/* -- Life ---------------------------------------------------------------------------- */

static void on_ready(void *arg, int fd, unsigned ready);
static void on_turn_end(void *arg);

struct channel *channel_new(struct loop *l, int fd, enum role self, enum role peer,
			    unsigned peer_index, const struct channel_handler *handler,
			    void *arg)
{
	struct channel *ch = calloc(1, sizeof *ch);
	int flags = fcntl(fd, F_GETFL);
	if (ch && flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)
		ch->io = loop_io_new(l, fd, LOOP_READ, on_ready, ch);
	if (!ch || !ch->io) {
		free(ch);
		(void)close(fd);
		return NULL;
	}
	ch->loop = l;
	ch->turn = (struct loop_turn){ .fn = on_turn_end, .arg = ch };
	ch->handler = handler;
	ch->arg = arg;
	ch->self = self;
	ch->peer = peer;
	ch->peer_index = peer_index;
	ch->fd = fd;
	ch->fault = "";
	buf_init(&ch->out, CHANNEL_BACKLOG_MAX + CHANNEL_FRAME_MAX);
	buf_init(&ch->in, HEADER + CHANNEL_FRAME_MAX + READ_MIN);
	return ch;
}

static void memory_free(struct channel *ch)
{
	buf_free(&ch->out);
	buf_free(&ch->in);
	free(ch);
}

static void shut(struct channel *ch)
{
	loop_turn_cancel(ch->loop, &ch->turn);
	loop_io_free(ch->io);
	ch->io = NULL;
	if (ch->fd >= 0) (void)close(ch->fd);
	ch->fd = -1;
	while (ch->out_fd_count) (void)close(ch->out_fds[--ch->out_fd_count].fd);
	while (ch->in_fd_count) (void)close(ch->in_fds[--ch->in_fd_count]);
	ch->mute = true;
}

void channel_free(struct channel *ch)
{
	if (!ch) return;
	shut(ch);
	ch->freed = true;
	if (!ch->busy) memory_free(ch);
}

enum role channel_peer(const struct channel *ch) { return ch->peer; }
unsigned channel_peer_index(const struct channel *ch) { return ch->peer_index; }
const char *channel_fault(const struct channel *ch) { return ch->fault; }

/* The owner hears of it from the loop, never inside a call of its own. */
static void die(struct channel *ch, const char *fault)
{
	if (ch->dead) return;
	ch->dead = ch->mute = true;
	ch->fault = fault;
	loop_io_want(ch->io, 0);
	loop_at_turn_end(ch->loop, &ch->turn);
}

static void tell(struct channel *ch)
{
	if (ch->told) return;
	ch->told = true;
	shut(ch);
	if (ch->handler->closed) ch->handler->closed(ch->arg, ch); /* may free */
}

struct frame {
	struct str payload;
	enum msg_type type;
	bool has_fd;
};

/* The frame at the start of the bytes, as far as its header is there; false if not even
 * that. Its payload may not be there yet. */
static bool frame_head(struct str bytes, struct frame *f)
{
	struct cur c = cur_of(bytes);
	uint32_t len = cur_u32(&c);
	uint16_t type = cur_u16(&c);
	if (c.bad) return false;
	f->type = (enum msg_type)(type & ~HAS_FD);
	f->has_fd = type & HAS_FD;
	f->payload = (struct str){ (const char *)c.at, len };
	return true;
}

/* -- Out ----------------------------------------------------------------------------- */

size_t channel_backlog(const struct channel *ch)
{
	return ch->mute ? 0 : ch->out.len - ch->out_sent;
}

static void out_clear(struct channel *ch)
{
	ch->out_sent = 0;
	if (ch->out.cap > KEEP_MAX) buf_free(&ch->out);
	else buf_reset(&ch->out);
}

/* Bytes of the frames in `out` that are written whole. */
static size_t out_whole(const struct channel *ch)
{
	struct frame f;
	size_t at = 0;
	while (frame_head(str_from(buf_view(&ch->out), at), &f) &&
	       at + HEADER + f.payload.len <= ch->out_sent)
		at += HEADER + f.payload.len;
	return at;
}

static void out_took(struct channel *ch, size_t n)
{
	ch->out_sent += n;
	ch->out_pos += n;
	if (ch->out_sent == ch->out.len) {
		out_clear(ch);
	} else if (ch->out_sent > KEEP_MAX && ch->out_sent > ch->out.len / 2) {
		size_t whole = out_whole(ch);
		buf_consume(&ch->out, whole);
		ch->out_sent -= whole;
	}
}

bool channel_is_open(const struct channel *ch) { return !ch->mute; }

void channel_unsent(const struct channel *ch, channel_unsent_fn *fn, void *arg)
{
	struct frame f;
	for (size_t at = out_whole(ch);
	     frame_head(str_from(buf_view(&ch->out), at), &f);) {
		at += HEADER + f.payload.len;
		if (at > ch->out.len) break; /* the one that was too much */
		fn(arg, f.type, f.payload);
	}
}

/* One system call: bytes up to the next descriptor, or that descriptor with its bytes. */
static ssize_t out_write(struct channel *ch)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { ch->out.at + ch->out_sent, ch->out.len - ch->out_sent };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	size_t next = ch->out_fd_count && ch->out_fds[0].at == ch->out_pos ? 1 : 0;
	if (next) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = sizeof control.bytes;
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &ch->out_fds[0].fd, sizeof(int));
	}
	if (ch->out_fd_count > next) {
		uint64_t room = ch->out_fds[next].at - ch->out_pos;
		if (iov.iov_len > room) iov.iov_len = (size_t)room;
	}
	ssize_t n = sendmsg(ch->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0 && next) {
		(void)close(ch->out_fds[0].fd);
		ch->out_fd_count--;
		memmove(ch->out_fds, ch->out_fds + 1,
			ch->out_fd_count * sizeof *ch->out_fds);
	}
	return n;
}

void channel_flush(struct channel *ch)
{
	while (!ch->mute && ch->out_sent < ch->out.len) {
		ssize_t n = out_write(ch);
		if (n > 0) {
			out_took(ch, (size_t)n);
		} else if (errno == EAGAIN) {
			loop_io_want(ch->io, LOOP_READ | LOOP_WRITE);
			return;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			/* The peer is gone, but its last words may still lie in our
			 * socket: the end of the stream will tell. */
			ch->mute = true;
		} else if (errno != EINTR) {
			die(ch, "cannot write");
			return;
		}
	}
	if (!ch->dead && ch->io) loop_io_want(ch->io, LOOP_READ);
}

static void on_turn_end(void *arg)
{
	struct channel *ch = arg;
	if (!ch->dead) channel_flush(ch);
	if (ch->dead) tell(ch);
}

/* Starts a frame; false if it is swallowed. `*at` is where its header lies. */
static bool frame_begin(struct channel *ch, enum msg_type type, bool with_fd, size_t *at)
{
	assert(msg_may(type, ch->self, ch->peer));
	assert(with_fd ? msg_has_fd(type) : !msg_needs_fd(type));
	if (ch->mute) return false;
	*at = ch->out.len;
	buf_put_u32(&ch->out, 0);
	buf_put_u16(&ch->out, (uint16_t)(type | (with_fd ? HAS_FD : 0)));
	return true;
}

static bool frame_end(struct channel *ch, size_t at)
{
	if (ch->out.overflowed || ch->out.len - ch->out_sent > CHANNEL_BACKLOG_MAX) {
		die(ch, "too much is waiting to be sent");
		return false;
	}
	size_t len = ch->out.len - at - HEADER;
	if (len > CHANNEL_FRAME_MAX) {
		die(ch, "a message is too long to be sent");
		return false;
	}
	for (size_t i = 0; i < 4; i++) ch->out.at[at + i] = (char)(len >> 8 * i & 0xff);
	loop_at_turn_end(ch->loop, &ch->turn);
	return true;
}

static void frame_fd(struct channel *ch, size_t at, int fd)
{
	int copy =
		ch->out_fd_count < CHANNEL_FDS_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy < 0) {
		die(ch, "too many descriptors are waiting to be sent");
		return;
	}
	uint64_t pos = ch->out_pos + (at - ch->out_sent);
	ch->out_fds[ch->out_fd_count++] = (struct queued_fd){ pos, copy };
	channel_flush(ch);
}

#define MESSAGE(name, from, to, fields, text)                                         \
	void channel_send_##name(struct channel *ch, const struct msg_##name *m)      \
	{                                                                             \
		size_t at;                                                            \
		if (!frame_begin(ch, MSG_##name, false, &at)) return;                 \
		msg_##name##_put(&ch->out, m);                                        \
		(void)frame_end(ch, at);                                              \
	}                                                                             \
	void channel_send_##name##_fd(struct channel *ch, const struct msg_##name *m, \
				      int fd)                                         \
	{                                                                             \
		size_t at;                                                            \
		if (!frame_begin(ch, MSG_##name, true, &at)) return;                  \
		msg_##name##_put(&ch->out, m);                                        \
		if (frame_end(ch, at)) frame_fd(ch, at, fd);                          \
	}
#include "lib/ipc/messages.def"
#undef MESSAGE

/* -- In ------------------------------------------------------------------------------ */

/* What is wrong with a frame before its payload is there, or NULL. */
static const char *head_fault(const struct channel *ch, const struct frame *f)
{
	if (!msg_may(f->type, ch->peer, ch->self)) return "sent what it may not send";
	if (f->payload.len > CHANNEL_FRAME_MAX) return "sent a message that is too long";
	if (f->has_fd ? !msg_has_fd(f->type) : msg_needs_fd(f->type))
		return "sent a message with a descriptor missing or too many";
	return NULL;
}

static int fd_take(struct channel *ch)
{
	int fd = ch->in_fds[0];
	ch->in_fd_count--;
	memmove(ch->in_fds, ch->in_fds + 1, ch->in_fd_count * sizeof *ch->in_fds);
	return fd;
}

/* Hands on every complete frame; returns how many bytes that were. Stops at a fault and
 * when the channel is freed. */
static size_t dispatch(struct channel *ch)
{
	size_t used = 0;
	struct frame f;
	while (!ch->freed && !ch->dead &&
	       frame_head(str_from(buf_view(&ch->in), used), &f)) {
		const char *fault = head_fault(ch, &f);
		if (!fault && f.payload.len > ch->in.len - used - HEADER) break;
		if (!fault && !msg_is_valid(f.type, f.payload))
			fault = "sent a damaged message";
		if (!fault && f.has_fd && ch->in_fd_count == 0)
			fault = "sent no descriptor";
		if (fault) {
			die(ch, fault);
			break;
		}
		used += HEADER + f.payload.len;
		ch->handler->message(ch->arg, ch, f.type, f.payload,
				     f.has_fd ? fd_take(ch) : -1);
	}
	return used;
}

static void fds_store(struct channel *ch, struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (ch->in_fd_count < CHANNEL_FDS_MAX) {
				ch->in_fds[ch->in_fd_count++] = fd;
			} else {
				(void)close(fd);
				die(ch, "sent too many descriptors");
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC) die(ch, "sent too many descriptors");
}

/* How much to read at once. A long frame gets more room as more of it is there: its
 * length is the peer's claim and must not make us take memory. */
static size_t read_size(const struct channel *ch)
{
	return ch->in.len > READ_MIN ? ch->in.len : READ_MIN;
}

enum read { READ_NOTHING, READ_SOME, READ_FULL };

/* One read and what it brings. */
static enum read read_once(struct channel *ch)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_A_READ * sizeof(int))];
	} control;
	size_t want = read_size(ch), left = ch->in.max - ch->in.len;
	if (want > left) want = left;
	char *room = buf_room(&ch->in, want);
	if (!room) {
		die(ch, "no memory to read");
		return READ_NOTHING;
	}
	struct iovec iov = { room, want };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.bytes,
			      .msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(ch->fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) return READ_NOTHING;
	if (n <= 0) {
		bool end = n == 0 || errno == ECONNRESET;
		die(ch, !end ? "cannot read" : ch->in.len ? "was cut off" : "");
		return READ_NOTHING;
	}
	buf_added(&ch->in, (size_t)n);
	fds_store(ch, &msg);
	size_t used = dispatch(ch);
	if (ch->freed || ch->dead) return READ_NOTHING;
	buf_consume(&ch->in, used);
	if (ch->in.len == 0 && ch->in_fd_count)
		die(ch, "sent a descriptor that no message owns");
	if (ch->in.len == 0 && ch->in.cap > KEEP_MAX) buf_free(&ch->in);
	return (size_t)n == want ? READ_FULL : READ_SOME;
}

/* Reads while there is at least `least` to be expected. False if the channel is freed. */
static bool read_all(struct channel *ch, unsigned reads, enum read least)
{
	if (ch->busy) return true;
	ch->busy = true;
	while (reads-- && !ch->dead && read_once(ch) >= least) {
	}
	ch->busy = false;
	if (!ch->freed) return true;
	memory_free(ch);
	return false;
}

static void on_ready(void *arg, int fd, unsigned ready)
{
	struct channel *ch = arg;
	(void)fd;
	if (ready & LOOP_WRITE) channel_flush(ch);
	if (ready & LOOP_READ) (void)read_all(ch, READS_A_TURN, READ_FULL);
}

void channel_pump(struct channel *ch)
{
	if (ch->busy) return;
	if (read_all(ch, READS_A_PUMP, READ_SOME) && ch->dead) tell(ch);
}
