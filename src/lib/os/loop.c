/* SPDX-License-Identifier: Apache-2.0 */
/* libevent watches descriptors and signals; timers are ours (a heap of due times, one
 * libevent timeout for the first of them), because a session moves its timer with every
 * command and that must cost nothing. */
#include "lib/os/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>

#include "lib/base/heap.h"
#include "lib/base/list.h"
#include "lib/os/clock.h"

enum {
	TURN_PASSES =
		8, /* of turn-end functions that queue each other, before I/O is polled */
};

struct loop_signal {
	struct event event;
	loop_fn *fn; /* NULL: free slot */
	void *arg;
	struct loop *loop;
};

struct loop {
	struct event_base *base;
	struct event deadline; /* for the first timer */
	int64_t deadline_ms;   /* what it is set to; INT64_MAX: not set */
	struct heap timers;
	struct loop_turn turns; /* head of a ring */
	size_t turn_count;
	bool in_turn, stop;
	int64_t now_ms, wall_ms; /* of this turn */
	struct loop_signal signals[NSIG];
};

struct loop_io {
	struct event read, write;
	struct loop *loop;
	loop_io_fn *fn;
	void *arg;
	int fd;
	unsigned want;
};

/* Every timer stays in the heap for its whole life, so that setting it needs no memory.
 * `node.due` may be earlier than `due_ms`: then the heap wakes it for nothing, and it
 * goes back to where it belongs. So moving a timer further away is one store. */
struct loop_timer {
	struct heap_node node;
	int64_t due_ms; /* INT64_MAX: not set */
	struct loop *loop;
	loop_fn *fn;
	void *arg;
};

static void turn_begin(struct loop *l)
{
	if (l->in_turn) return;
	l->in_turn = true;
	l->now_ms = clock_mono_ms();
	l->wall_ms = clock_wall_ms();
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->in_turn ? l->now_ms : clock_mono_ms();
}

int64_t loop_wall_ms(const struct loop *l)
{
	return l->in_turn ? l->wall_ms : clock_wall_ms();
}

/* -- Timers -------------------------------------------------------------------------- */

static void deadline_fire(evutil_socket_t fd, short what, void *arg)
{
	struct loop *l = arg;
	(void)fd;
	(void)what;
	turn_begin(l);
	l->deadline_ms = INT64_MAX;
	for (struct heap_node *n; (n = heap_first(&l->timers)) && n->due <= l->now_ms;) {
		struct loop_timer *t = CONTAINER(n, struct loop_timer, node);
		if (t->due_ms > l->now_ms) {
			(void)heap_put(&l->timers, n, t->due_ms);
			continue;
		}
		t->due_ms = INT64_MAX;
		(void)heap_put(&l->timers, n, INT64_MAX);
		t->fn(t->arg);
	}
}

static void deadline_arm(struct loop *l)
{
	const struct heap_node *first = heap_first(&l->timers);
	int64_t due = first ? first->due : INT64_MAX;
	/* Set too early is harmless: it is set again when it fires. */
	if (due >= l->deadline_ms) return;
	int64_t delay = due - clock_mono_ms();
	if (delay < 0) delay = 0;
	struct timeval tv = { .tv_sec = delay / 1000, .tv_usec = delay % 1000 * 1000 };
	if (event_add(&l->deadline, &tv) == 0) l->deadline_ms = due;
}

struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg)
{
	struct loop_timer *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	*t = (struct loop_timer){ .due_ms = INT64_MAX, .loop = l, .fn = fn, .arg = arg };
	if (!heap_put(&l->timers, &t->node, INT64_MAX)) {
		free(t);
		return NULL;
	}
	return t;
}

void loop_timer_set(struct loop_timer *t, int64_t delay_ms)
{
	int64_t now = loop_now_ms(t->loop);
	if (delay_ms < 1) delay_ms = 1;
	if (delay_ms > INT64_MAX / 2) delay_ms = INT64_MAX / 2;
	t->due_ms = now + delay_ms;
	if (t->due_ms < t->node.due)
		(void)heap_put(&t->loop->timers, &t->node, t->due_ms);
}

void loop_timer_cancel(struct loop_timer *t) { t->due_ms = INT64_MAX; }

void loop_timer_free(struct loop_timer *t)
{
	if (!t) return;
	heap_remove(&t->loop->timers, &t->node);
	free(t);
}

/* -- Descriptors --------------------------------------------------------------------- */

static void io_fire(evutil_socket_t fd, short what, void *arg)
{
	struct loop_io *io = arg;
	unsigned ready =
		(what & EV_READ ? LOOP_READ : 0u) | (what & EV_WRITE ? LOOP_WRITE : 0u);
	turn_begin(io->loop);
	io->fn(io->arg, fd, ready); /* may free io */
}

struct loop_io *loop_io_new(struct loop *l, int fd, unsigned want, loop_io_fn *fn,
			    void *arg)
{
	struct loop_io *io = calloc(1, sizeof *io);
	if (!io) return NULL;
	io->loop = l;
	io->fn = fn;
	io->arg = arg;
	io->fd = fd;
	if (event_assign(&io->read, l->base, fd, EV_READ | EV_PERSIST, io_fire, io) !=
		    0 ||
	    event_assign(&io->write, l->base, fd, EV_WRITE | EV_PERSIST, io_fire, io) !=
		    0) {
		free(io);
		return NULL;
	}
	loop_io_want(io, want);
	if (io->want != want) {
		loop_io_free(io);
		return NULL;
	}
	return io;
}

static void io_want_one(struct loop_io *io, struct event *ev, unsigned bit, unsigned want)
{
	if ((io->want & bit) == (want & bit)) return;
	int rc = want & bit ? event_add(ev, NULL) : event_del(ev);
	if (rc == 0) io->want ^= bit;
}

void loop_io_want(struct loop_io *io, unsigned want)
{
	io_want_one(io, &io->read, LOOP_READ, want);
	io_want_one(io, &io->write, LOOP_WRITE, want);
}

void loop_io_free(struct loop_io *io)
{
	if (!io) return;
	loop_io_want(io, 0);
	free(io);
}

/* -- Signals ------------------------------------------------------------------------- */

static void signal_fire(evutil_socket_t signo, short what, void *arg)
{
	struct loop_signal *s = arg;
	(void)signo;
	(void)what;
	turn_begin(s->loop);
	s->fn(s->arg);
}

bool loop_signal(struct loop *l, int signo, loop_fn *fn, void *arg)
{
	if (signo <= 0 || signo >= NSIG || l->signals[signo].fn) return false;
	struct loop_signal *s = &l->signals[signo];
	*s = (struct loop_signal){ .fn = fn, .arg = arg, .loop = l };
	if (event_assign(&s->event, l->base, signo, EV_SIGNAL | EV_PERSIST, signal_fire,
			 s) == 0 &&
	    event_add(&s->event, NULL) == 0)
		return true;
	s->fn = NULL;
	return false;
}

/* -- Turns --------------------------------------------------------------------------- */

void loop_at_turn_end(struct loop *l, struct loop_turn *node)
{
	if (node->queued) return;
	node->queued = true;
	node->next = &l->turns;
	node->prev = l->turns.prev;
	l->turns.prev->next = node;
	l->turns.prev = node;
	l->turn_count++;
}

void loop_turn_cancel(struct loop *l, struct loop_turn *node)
{
	if (!node->queued) return;
	node->next->prev = node->prev;
	node->prev->next = node->next;
	node->queued = false;
	l->turn_count--;
}

/* What a turn-end function queues runs too, before anything is waited for; but not for
 * ever, or two that queue each other would starve the sockets. */
static void turn_end(struct loop *l)
{
	for (int pass = 0; pass < TURN_PASSES && l->turn_count; pass++) {
		turn_begin(l);
		for (size_t left = l->turn_count; left && l->turn_count; left--) {
			struct loop_turn *node = l->turns.next;
			loop_turn_cancel(l, node);
			node->fn(node->arg);
		}
	}
	l->in_turn = false;
}

void loop_run(struct loop *l)
{
	l->stop = false;
	turn_end(l); /* what was queued before the loop ran */
	while (!l->stop) {
		deadline_arm(l);
		int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
		if (l->turn_count) flags |= EVLOOP_NONBLOCK;
		int rc = event_base_loop(l->base, flags);
		assert(rc >= 0);
		turn_end(l);
	}
}

void loop_stop(struct loop *l) { l->stop = true; }

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);
	struct event_config *config = event_config_new();
	if (l && config && event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
	    event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
		l->base = event_base_new_with_config(config);
	if (config) event_config_free(config);
	if (!l || !l->base) goto fail;
	l->turns.next = l->turns.prev = &l->turns;
	l->deadline_ms = INT64_MAX;
	l->wall_ms = clock_wall_ms();
	if (event_assign(&l->deadline, l->base, -1, 0, deadline_fire, l) == 0) return l;
fail:
	if (l && l->base) event_base_free(l->base);
	free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l) return;
	for (int i = 1; i < NSIG; i++)
		if (l->signals[i].fn) event_del(&l->signals[i].event);
	event_del(&l->deadline);
	event_base_free(l->base);
	heap_free(&l->timers);
	free(l);
}
