/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/bridge.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/os/stream.h"

enum { PIECE = 32 * 1024 }; /* of one read; more than a record of TLS */

static_assert((int)PIECE >= (int)TLS_RECORD_MAX && (int)BRIDGE_HELD_MAX >= 2 * (int)PIECE,
	      "nothing is held back in TLS");

struct end {
	struct bridge *bridge;
	struct end *other;
	struct bridge_side side;
	struct loop_io *io;
	struct buf out;  /* for this side */
	uint64_t octets; /* given to it */
	bool ended;      /* it says no more */
};

struct bridge {
	struct end ends[2];
	struct loop_timer *timer;
	int64_t idle_ms;
	const char *why; /* NULL: it goes on */
	bridge_over_fn *over;
	void *arg;
};

static ssize_t send_some(struct end *e)
{
	struct str bytes = buf_view(&e->out);
	return e->side.tls ? tls_send(e->side.tls, bytes) : stream_send(e->side.fd, bytes);
}

static ssize_t read_some(struct end *e, char *into)
{
	return e->side.tls ? tls_recv(e->side.tls, into, PIECE) : stream_recv(e->side.fd, into, PIECE);
}

static void moved(struct bridge *b) { loop_timer_set(b->timer, b->idle_ms); }

static void fail(struct bridge *b, const char *why)
{
	if (!b->why) b->why = why;
}

/* The client's side is the first. */
static const char *whose(const struct end *e, const char *first, const char *second)
{
	return e == &e->bridge->ends[0] ? first : second;
}

static void flush(struct end *e)
{
	while (e->out.len > 0 && !e->bridge->why) {
		ssize_t sent = send_some(e);
		if (sent == -EAGAIN) return;
		if (sent < 0) {
			fail(e->bridge, whose(e, "connection lost", "given up here"));
			return;
		}
		buf_consume(&e->out, (size_t)sent);
		e->octets += (uint64_t)sent;
		moved(e->bridge);
	}
	if (e->out.len == 0) buf_free(&e->out); /* an idle one keeps no memory */
}

static bool has_room(const struct end *e) { return e->out.len + PIECE <= BRIDGE_HELD_MAX; }

static void take(struct end *e)
{
	char *into = buf_room(&e->other->out, PIECE);
	if (!into) {
		fail(e->bridge, "out of memory");
		return;
	}
	ssize_t got = read_some(e, into);
	if (got > 0) {
		buf_added(&e->other->out, (size_t)got);
		moved(e->bridge);
	} else if (got == 0) {
		e->ended = true;
	} else if (got != -EAGAIN) {
		fail(e->bridge, whose(e, "connection lost", "given up here"));
	}
	flush(e->other);
}

static void watch(struct end *e)
{
	bool read = !e->ended && has_room(e->other);
	bool write = e->out.len > 0 || (read && e->side.tls && tls_recv_writes(e->side.tls));
	loop_io_want(e->io, (read ? LOOP_READ : 0u) | (write ? LOOP_WRITE : 0u));
}

/* Nothing follows: the caller may free it. */
static void go_on(struct bridge *b)
{
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &b->ends[i];
		if (e->ended && e->other->out.len == 0) fail(b, whose(e, "closed by client", "closed here"));
	}
	if (!b->why) {
		watch(&b->ends[0]);
		watch(&b->ends[1]);
		return;
	}
	loop_timer_cancel(b->timer);
	loop_io_want(b->ends[0].io, 0);
	loop_io_want(b->ends[1].io, 0);
	b->over(b->arg, b->why);
}

static void on_ready(void *arg, int fd, unsigned ready)
{
	struct end *e = arg;
	struct bridge *b = e->bridge;
	(void)fd;
	if (b->why) return;
	if (ready & LOOP_WRITE) flush(e);
	bool reads = ready & LOOP_READ || (e->side.tls && tls_recv_writes(e->side.tls));
	if (reads && !e->ended && has_room(e->other) && !b->why) take(e);
	go_on(b);
}

static void on_idle(void *arg)
{
	struct bridge *b = arg;
	fail(b, "timeout");
	go_on(b);
}

struct bridge *bridge_new(struct loop *l, const struct bridge_side sides[2], struct str first,
			  int64_t idle_ms, bridge_over_fn *over, void *arg)
{
	struct bridge *b = calloc(1, sizeof *b);
	if (!b) return NULL;
	*b = (struct bridge){ .idle_ms = idle_ms, .over = over, .arg = arg };
	b->timer = loop_timer_new(l, on_idle, b);
	for (unsigned i = 0; i < 2; i++) {
		struct end *e = &b->ends[i];
		e->bridge = b;
		e->other = &b->ends[1 - i];
		e->side = sides[i];
		buf_init(&e->out, BRIDGE_HELD_MAX);
		e->io = loop_io_new(l, sides[i].fd, LOOP_READ, on_ready, e);
	}
	buf_str(&b->ends[1].out, first);
	if (!b->timer || !b->ends[0].io || !b->ends[1].io || b->ends[1].out.overflowed) {
		bridge_free(b);
		return NULL;
	}
	moved(b);
	watch(&b->ends[0]);
	watch(&b->ends[1]);
	return b;
}

void bridge_free(struct bridge *b)
{
	if (!b) return;
	loop_timer_free(b->timer);
	for (unsigned i = 0; i < 2; i++) {
		loop_io_free(b->ends[i].io);
		buf_free(&b->ends[i].out);
	}
	free(b);
}

uint64_t bridge_octets(const struct bridge *b, unsigned side) { return b->ends[side].octets; }
