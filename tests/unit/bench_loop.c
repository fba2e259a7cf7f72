/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_loop.h"

#include <poll.h>
#include <stdlib.h>

struct loop {
	struct loop_io *ios;
	struct loop_timer *timers;
	struct loop_turn *turns;
};

struct loop_io {
	struct loop_io *next;
	int fd;
	unsigned want;
	loop_io_fn *fn;
	void *arg;
};

struct loop_timer {
	struct loop_timer *next;
	loop_fn *fn;
	void *arg;
	int64_t due_ms; /* 0: not set */
};

static struct loop loop;

struct loop *bench_loop(void) { return &loop; }
void bench_loop_forget(void) { loop = (struct loop){ 0 }; }
void bench_loop_is_idle(void) { assert_null(loop.ios); }
void bench_loop_is_empty(void) { assert_null(loop.timers); }

void bench_loop_timers_free(void)
{
	while (loop.timers) loop_timer_free(loop.timers);
}

void bench_loop_poke(int fd, unsigned ready)
{
	struct loop_io *io = loop.ios;
	while (io && io->fd != fd) io = io->next;
	assert_non_null(io);
	io->fn(io->arg, io->fd, ready);
}

int64_t loop_now_ms(const struct loop *l)
{
	(void)l;
	return bench_clock_ms();
}

int64_t loop_wall_ms(const struct loop *l)
{
	(void)l;
	return bench_clock_wall_ms();
}

struct loop_io *loop_io_new(struct loop *l, int fd, unsigned want, loop_io_fn *fn,
			    void *arg)
{
	struct loop_io *io = calloc(1, sizeof *io);
	assert_non_null(io);
	*io = (struct loop_io){ l->ios, fd, want, fn, arg };
	return l->ios = io;
}

void loop_io_want(struct loop_io *io, unsigned want) { io->want = want; }

void loop_io_free(struct loop_io *io)
{
	if (!io) return;
	struct loop_io **at = &loop.ios;
	while (*at && *at != io) at = &(*at)->next;
	assert_ptr_equal(*at, io);
	*at = io->next;
	free(io);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	struct loop_timer *t = calloc(1, sizeof *t);
	assert_non_null(t);
	*t = (struct loop_timer){ l->timers, fn, arg, 0 };
	return l->timers = t;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	t->due_ms = bench_clock_ms() + (delay_ms < 1 ? 1 : delay_ms);
}

void loop_timer_cancel(struct loop_timer *t) { t->due_ms = 0; }

void loop_timer_free(struct loop_timer *t)
{
	if (!t) return;
	struct loop_timer **at = &loop.timers;
	while (*at && *at != t) at = &(*at)->next;
	assert_ptr_equal(*at, t);
	*at = t->next;
	free(t);
}

void loop_at_turn_end(struct loop *l, struct loop_turn *node)
{
	if (node->queued) return;
	node->queued = true;
	node->next = l->turns;
	l->turns = node;
}

bool bench_loop_turn_end(void)
{
	struct loop_turn *node = loop.turns;
	if (!node) return false;
	loop.turns = node->next;
	node->queued = false;
	node->fn(node->arg);
	return true;
}

static bool io_call(struct loop_io *io)
{
	struct pollfd p = { .fd = io->fd };
	if (io->want & LOOP_READ) p.events |= POLLIN;
	if (io->want & LOOP_WRITE) p.events |= POLLOUT;
	if (!io->want || poll(&p, 1, 0) <= 0) return false;
	/* As epoll does: an error wakes whatever is watched. */
	unsigned all = p.revents & (POLLERR | POLLHUP) ? io->want : 0;
	unsigned ready = all | (p.revents & POLLIN ? LOOP_READ : 0u) |
			 (p.revents & POLLOUT ? LOOP_WRITE : 0u);
	io->fn(io->arg, io->fd, ready & io->want);
	return true;
}

bool bench_loop_io(void)
{
	/* A call may free any of them: from the start again after each. */
	for (struct loop_io *io = loop.ios; io; io = io->next)
		if (io_call(io)) return true;
	return false;
}

bool bench_loop_timer(void)
{
	for (struct loop_timer *t = loop.timers; t; t = t->next) {
		if (!t->due_ms || t->due_ms > bench_clock_ms()) continue;
		t->due_ms = 0;
		t->fn(t->arg);
		return true;
	}
	return false;
}
