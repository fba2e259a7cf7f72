/* SPDX-License-Identifier: Apache-2.0 */
/* We are spool; the peer is a receive worker, or a socket that sends what it likes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ipc/channel.h"
#include "lib/os/socket.h"

static struct loop *loop;
static struct {
	unsigned messages, closed;
	enum msg_type last;
	uint64_t handle;
	size_t envelope_len;
	int fd;
	unsigned free_after; /* frees the channel in this message */
	unsigned stop_after;
	unsigned pump_after;
	struct channel *ch;
} seen;

static size_t open_fds(void)
{
	size_t n = 0;
	DIR *d = opendir("/proc/self/fd");
	while (readdir(d)) n++;
	closedir(d);
	return n;
}

static void on_message(void *arg, struct channel *ch, enum msg_type type,
		       struct str payload, int fd)
{
	assert_ptr_equal(arg, &seen);
	assert_true(msg_is_valid(type, payload));
	seen.messages++;
	seen.last = type;
	if (type == MSG_commit) {
		struct msg_commit m;
		assert_true(msg_commit_get(payload, &m));
		assert_true(m.handle == seen.handle + 1); /* in order, none lost */
		seen.handle = m.handle;
		seen.envelope_len = m.envelope.len;
	}
	if (fd >= 0) {
		if (seen.fd >= 0) close(seen.fd);
		seen.fd = fd;
	}
	if (seen.messages == seen.pump_after)
		channel_pump(ch); /* inside: nothing happens */
	if (seen.messages == seen.free_after) {
		channel_free(ch);
		seen.ch = NULL;
		/* The payload is still there. */
		assert_true(msg_is_valid(type, payload));
		loop_stop(loop);
	}
	if (seen.messages == seen.stop_after) loop_stop(loop);
}

static void on_closed(void *arg, struct channel *ch)
{
	(void)arg;
	seen.closed++;
	assert_ptr_equal(ch, seen.ch);
	channel_send_committed(ch, &(struct msg_committed){ 1, 2 }); /* swallowed */
	loop_stop(loop);
}

static const struct channel_handler handler = { on_message, on_closed };

static int peer_fd; /* raw end, or -1 when `worker` owns it */
static size_t fds_before;

static void begin(void)
{
	int fds[2];
	memset(&seen, 0, sizeof seen);
	seen.fd = -1;
	fds_before = open_fds();
	loop = loop_new();
	assert_non_null(loop);
	assert_int_equal(socket_pair(fds), 0);
	peer_fd = fds[1];
	seen.ch = channel_new(loop, fds[0], ROLE_SPOOL, ROLE_RECEIVE, 3, &handler, &seen);
	assert_non_null(seen.ch);
	assert_int_equal(channel_peer(seen.ch), ROLE_RECEIVE);
	assert_int_equal(channel_peer_index(seen.ch), 3);
}

static void end(void)
{
	channel_free(seen.ch);
	if (peer_fd >= 0) close(peer_fd);
	if (seen.fd >= 0) close(seen.fd);
	loop_free(loop);
	assert_int_equal(open_fds(), fds_before); /* no descriptor is lost */
}

static void stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void run_ms(int64_t ms)
{
	struct loop_timer *t = loop_timer_new(loop, stop, NULL);
	loop_timer_set(t, ms);
	loop_run(loop);
	loop_timer_free(t);
}

static void put_frame(struct buf *b, unsigned type, struct str payload)
{
	buf_put_u32(b, (uint32_t)payload.len);
	buf_put_u16(b, (uint16_t)type);
	buf_str(b, payload);
}

static void put_commit(struct buf *b, uint64_t handle, struct str envelope)
{
	struct buf payload;
	buf_init(&payload, 1 << 20);
	msg_commit_put(&payload,
		       &(struct msg_commit){ .handle = handle, .envelope = envelope });
	put_frame(b, MSG_commit, buf_view(&payload));
	buf_free(&payload);
}

static void send_with_fds(struct str bytes, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(128 * sizeof(int))];
	} control;
	struct iovec iov = { (char *)(uintptr_t)bytes.at, bytes.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (count) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, count * sizeof(int));
	}
	assert_int_equal(sendmsg(peer_fd, &msg, MSG_NOSIGNAL), bytes.len);
}

/* Frames cut at every byte. */
static void test_byte_by_byte(void **state)
{
	struct buf b;
	(void)state;
	begin();
	buf_init(&b, 4096);
	for (uint64_t i = 1; i <= 3; i++) put_commit(&b, i, STR("envelope"));
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(write(peer_fd, b.at + i, 1), 1);
		channel_pump(seen.ch);
	}
	assert_int_equal(seen.messages, 3);
	assert_int_equal(seen.handle, 3);
	assert_int_equal(seen.closed, 0);
	buf_free(&b);
	end();
}

/* Many frames in one read, and a rest. */
static void test_many_at_once(void **state)
{
	struct buf b;
	(void)state;
	begin();
	buf_init(&b, 1 << 20);
	for (uint64_t i = 1; i <= 1000; i++) put_commit(&b, i, STR("e"));
	seen.stop_after = 999;
	seen.pump_after = 10;
	assert_int_equal(write(peer_fd, b.at, b.len - 1), b.len - 1);
	loop_run(loop);
	assert_int_equal(seen.messages, 999);
	seen.stop_after = 1000;
	assert_int_equal(write(peer_fd, b.at + b.len - 1, 1), 1);
	loop_run(loop);
	assert_int_equal(seen.messages, 1000);
	buf_free(&b);
	end();
}

/* What a peer may not do. The bytes are type, payload. */
static const struct {
	const char *fault;
	unsigned type;
	const char *payload;
	size_t payload_len;
	uint32_t claim; /* length in the header instead of the true one */
	size_t fds;     /* sent along */
} faults[] = {
	{ "sent what it may not send", 0, "", 0, 0, 0 },
	{ "sent what it may not send", MSG_COUNT, "", 0, 0, 0 },
	{ "sent what it may not send", 0x7fff, "", 0, 0, 0 },
	{ "sent what it may not send", MSG_start, "\0", 1, 0, 0 },     /* master's */
	{ "sent what it may not send", MSG_committed, "\0", 1, 0, 0 }, /* ours */
	{ "sent what it may not send", MSG_ready, "\0", 1, 0, 0 },     /* not to us */
	{ "sent a message that is too long", MSG_commit, "", 0, CHANNEL_FRAME_MAX + 1,
	  0 },
	{ "sent a message that is too long", MSG_commit, "", 0, UINT32_MAX, 0 },
	{ "sent a damaged message", MSG_big_abort, "1234567", 7, 0, 0 },
	{ "sent a damaged message", MSG_big_abort, "123456789", 9, 0, 0 },
	{ "sent a damaged message", MSG_big_piece, "12345678\xff\xff\xff\xff", 12, 0, 0 },
	{ "sent a message with a descriptor missing or too many", MSG_window, "1234", 4,
	  0, 0 },
	{ "sent a message with a descriptor missing or too many", MSG_big_abort | 0x8000,
	  "12345678", 8, 0, 1 },
	{ "sent no descriptor", MSG_window | 0x8000, "1234", 4, 0, 0 },
	{ "sent a descriptor that no message owns", MSG_big_abort, "12345678", 8, 0, 1 },
	{ "sent a descriptor that no message owns", MSG_window | 0x8000, "1234", 4, 0,
	  2 },
	{ "sent too many descriptors", MSG_window | 0x8000, "1234", 4, 0, 17 },
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
		struct buf b;
		int fds[32];
		begin();
		buf_init(&b, 4096);
		for (size_t k = 0; k < 32; k++) fds[k] = peer_fd;
		put_frame(&b, faults[i].type,
			  (struct str){ faults[i].payload, faults[i].payload_len });
		for (int k = 0; k < 4 && faults[i].claim; k++)
			b.at[k] = (char)(faults[i].claim >> 8 * k & 0xff);
		send_with_fds(buf_view(&b), fds, faults[i].fds);
		run_ms(2000); /* on_closed ends it at once */
		assert_int_equal(seen.closed, 1);
		assert_string_equal(channel_fault(seen.ch), faults[i].fault);
		run_ms(1);
		assert_int_equal(seen.closed, 1);
		buf_free(&b);
		end();
	}
}

static void test_peer_goes(void **state)
{
	struct buf b;
	(void)state;
	for (int cut = 0; cut < 2; cut++) {
		begin();
		buf_init(&b, 4096);
		put_commit(&b, 1, STR("last words"));
		put_commit(&b, 2, STR("half"));
		size_t len = cut ? b.len - 1 : b.len;
		assert_int_equal(write(peer_fd, b.at, len), len);
		close(peer_fd);
		peer_fd = -1;
		/* Writing into it must not lose what it said before. */
		channel_send_committed(seen.ch, &(struct msg_committed){ 1, 2 });
		channel_flush(seen.ch);
		run_ms(2000);
		assert_int_equal(seen.messages, cut ? 1 : 2);
		assert_int_equal(seen.closed, 1);
		assert_string_equal(channel_fault(seen.ch), cut ? "was cut off" : "");
		buf_free(&b);
		end();
	}
}

static void test_pump_to_the_end(void **state)
{
	struct buf b;
	(void)state;
	begin();
	buf_init(&b, 1 << 20);
	for (uint64_t i = 1; i <= 1000; i++)
		put_commit(&b, i, STR("0123456789012345678901234567"));
	assert_int_equal(write(peer_fd, b.at, b.len), b.len);
	close(peer_fd);
	peer_fd = -1;
	channel_pump(seen.ch);
	assert_int_equal(seen.messages, 1000);
	assert_int_equal(seen.closed, 1);
	buf_free(&b);
	end();
}

static void test_free_inside(void **state)
{
	struct buf b;
	(void)state;
	for (int pump = 0; pump < 2; pump++) {
		begin();
		buf_init(&b, 4096);
		for (uint64_t i = 1; i <= 5; i++) put_commit(&b, i, STR("e"));
		seen.free_after = 2;
		assert_int_equal(write(peer_fd, b.at, b.len), b.len);
		if (pump) channel_pump(seen.ch);
		else loop_run(loop);
		assert_int_equal(seen.messages, 2);
		assert_int_equal(seen.closed, 0);
		buf_free(&b);
		end();
	}
}

/* -- A channel at both ends ---------------------------------------------------------- */

static void worker_message(void *arg, struct channel *ch, enum msg_type type,
			   struct str payload, int fd)
{
	(void)arg;
	(void)ch;
	(void)type;
	(void)payload;
	assert_int_equal(fd, -1);
}

static const struct channel_handler worker_handler = { worker_message, NULL };

static struct channel *worker_new(void)
{
	struct channel *w = channel_new(loop, peer_fd, ROLE_RECEIVE, ROLE_SPOOL, 0,
					&worker_handler, NULL);
	assert_non_null(w);
	peer_fd = -1;
	return w;
}

/* More than a socket holds, in one turn; one long message among them. */
static void test_backlog(void **state)
{
	enum { COUNT = 20000, LONG = 3 * 1024 * 1024 };
	char *text = calloc(1, LONG);
	(void)state;
	begin();
	struct channel *w = worker_new();
	for (uint64_t i = 1; i <= COUNT; i++) {
		struct str envelope = { text, i == 7 ? LONG : 100 };
		channel_send_commit(
			w, &(struct msg_commit){ .handle = i, .envelope = envelope });
	}
	assert_true(channel_backlog(w) > LONG + COUNT * 100);
	seen.stop_after = COUNT;
	loop_run(loop);
	assert_int_equal(seen.handle, COUNT);
	assert_int_equal(channel_backlog(w), 0);
	channel_free(w);
	free(text);
	end();
}

/* Descriptors stay with their messages, also when the socket is full in between. */
static void test_descriptors(void **state)
{
	enum { COUNT = 40, LONG = 100 * 1024 };
	char *text = calloc(1, LONG);
	(void)state;
	begin();
	struct channel *w = worker_new();
	int memfd = memfd_create("t", MFD_CLOEXEC);
	for (uint64_t i = 1; i <= COUNT; i++) {
		channel_send_commit(w, &(struct msg_commit){
					       .handle = i, .envelope = { text, LONG } });
		channel_send_window_fd(w, &(struct msg_window){ 1 }, memfd);
	}
	seen.stop_after = 2 * COUNT;
	loop_run(loop);
	assert_int_equal(seen.messages, 2 * COUNT);
	assert_int_equal(seen.last, MSG_window);
	assert_true(seen.fd >= 0);
	channel_free(w);
	close(memfd);
	free(text);
	end();
}

static void test_too_much(void **state)
{
	enum { LONG = 8 * 1024 * 1024 };
	char *text = calloc(1, 2 * CHANNEL_FRAME_MAX);
	(void)state;
	/* Backlog over its limit: dead, and told once. */
	begin();
	struct channel *w = worker_new();
	for (int i = 0; i < 10; i++)
		channel_send_commit(w,
				    &(struct msg_commit){ .envelope = { text, LONG } });
	assert_int_equal(channel_backlog(w), 0);
	assert_string_equal(channel_fault(w), "too much is waiting to be sent");
	channel_free(w);
	end();
	/* One message over its limit. */
	begin();
	w = worker_new();
	channel_send_commit(w, &(struct msg_commit){
				       .envelope = { text, 2 * CHANNEL_FRAME_MAX - 1 } });
	assert_string_equal(channel_fault(w), "a message is too long to be sent");
	channel_free(w);
	end();
	/* Descriptors that cannot be sent. */
	begin();
	w = worker_new();
	channel_send_commit(w, &(struct msg_commit){ .envelope = { text, LONG } });
	for (int i = 0; i <= CHANNEL_FDS_MAX; i++)
		channel_send_window_fd(w, &(struct msg_window){ 1 }, STDERR_FILENO);
	assert_string_equal(channel_fault(w),
			    "too many descriptors are waiting to be sent");
	channel_free(w);
	end();
	begin();
	w = worker_new();
	channel_send_window_fd(w, &(struct msg_window){ 1 }, 4711);
	assert_string_equal(channel_fault(w),
			    "too many descriptors are waiting to be sent");
	channel_free(w);
	end();
	free(text);
}

static void unsent_one(void *arg, enum msg_type type, struct str payload)
{
	struct msg_commit m;
	uint64_t *next = arg;
	assert_int_equal(type, MSG_commit);
	assert_true(msg_commit_get(payload, &m));
	if (*next) assert_int_equal(m.handle, *next);
	*next = m.handle + 1;
}

/* What a dead peer never got can be said again: all of it, in order, nothing twice. */
static void test_unsent(void **state)
{
	enum { COUNT = 3000, LONG = 2000 };
	char *text = calloc(1, LONG);
	uint64_t next = 0;
	(void)state;
	begin();
	struct channel *w = worker_new();
	seen.stop_after = 1000; /* then spool dies */
	for (uint64_t i = 1; i <= COUNT; i++)
		channel_send_commit(w, &(struct msg_commit){
					       .handle = i, .envelope = { text, LONG } });
	channel_unsent(w, unsent_one, &next);
	assert_int_equal(next, COUNT + 1); /* nothing is written before the turn ends */
	loop_run(loop);
	assert_true(channel_is_open(w));
	channel_free(seen.ch);
	seen.ch = NULL;
	channel_flush(w);
	assert_false(channel_is_open(w));
	next = 0;
	channel_unsent(w, unsent_one, &next);
	assert_int_equal(
		next, COUNT + 1); /* to the last; the first is where the kernel stopped */
	channel_free(w);
	free(text);
	end();
}

static void test_bad_descriptor(void **state)
{
	(void)state;
	loop = loop_new();
	assert_null(
		channel_new(loop, 4711, ROLE_SPOOL, ROLE_RECEIVE, 0, &handler, &seen));
	loop_free(loop);
	channel_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_many_at_once),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_peer_goes),
		cmocka_unit_test(test_pump_to_the_end),
		cmocka_unit_test(test_free_inside),
		cmocka_unit_test(test_backlog),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_unsent),
		cmocka_unit_test(test_bad_descriptor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
