/* SPDX-License-Identifier: Apache-2.0 */
#include "services/dns/ub_loop.h"

#include <stdlib.h>
#include <sys/time.h>

typedef void ub_fn(int fd, short bits, void *arg);

/* An event waits for a descriptor, a time, or both, whichever comes first. */
struct waiting {
	struct ub_event event; /* first */
	struct loop *loop;
	int fd; /* -1: only a time */
	short bits;
	ub_fn *fn;
	void *arg;
	struct loop_io *io;
	struct loop_timer *timer;
	int64_t timeout_ms; /* -1: none */
};

static struct waiting *waiting_of(struct ub_event *ev)
{
	return (struct waiting *)(void *)ev;
}

static void stop(struct waiting *w)
{
	loop_io_free(w->io);
	w->io = NULL;
	loop_timer_cancel(w->timer);
}

/* What is not persistent is over before its function runs; one that is waits anew for the
 * whole time. The function may free the event. */
static void fire(struct waiting *w, int bits)
{
	if (!(w->bits & UB_EV_PERSIST)) stop(w);
	else if (w->timeout_ms >= 0) loop_timer_set(w->timer, w->timeout_ms);
	w->fn(w->fd, (short)bits, w->arg);
}

static void on_io(void *arg, int fd, unsigned ready)
{
	(void)fd;
	fire(arg, (ready & LOOP_READ ? UB_EV_READ : 0) |
			  (ready & LOOP_WRITE ? UB_EV_WRITE : 0));
}

static void on_time(void *arg) { fire(arg, UB_EV_TIMEOUT); }

static int add(struct ub_event *ev, struct timeval *tv)
{
	struct waiting *w = waiting_of(ev);
	unsigned want = (w->bits & UB_EV_READ ? LOOP_READ : 0u) |
			(w->bits & UB_EV_WRITE ? LOOP_WRITE : 0u);
	stop(w);
	if (w->fd >= 0 && want) {
		w->io = loop_io_new(w->loop, w->fd, want, on_io, w);
		if (!w->io) return -1;
	}
	w->timeout_ms = tv ? (int64_t)tv->tv_sec * 1000 + (tv->tv_usec + 999) / 1000 : -1;
	if (tv) loop_timer_set(w->timer, w->timeout_ms);
	return 0;
}

static int del(struct ub_event *ev)
{
	stop(waiting_of(ev));
	return 0;
}

static void add_bits(struct ub_event *ev, short bits)
{
	struct waiting *w = waiting_of(ev);
	w->bits = (short)(w->bits | bits);
}

static void del_bits(struct ub_event *ev, short bits)
{
	struct waiting *w = waiting_of(ev);
	w->bits = (short)(w->bits & ~bits);
}

static void set_fd(struct ub_event *ev, int fd) { waiting_of(ev)->fd = fd; }

static void free_event(struct ub_event *ev)
{
	struct waiting *w = waiting_of(ev);
	if (!w) return;
	stop(w);
	loop_timer_free(w->timer);
	free(w);
}

static int add_timer(struct ub_event *ev, struct ub_event_base *base, ub_fn *fn,
		     void *arg, struct timeval *tv)
{
	struct waiting *w = waiting_of(ev);
	(void)base;
	w->fn = fn;
	w->arg = arg;
	return add(ev, tv);
}

static int no_signal_add(struct ub_event *ev, struct timeval *tv)
{
	(void)ev, (void)tv;
	return -1;
}

static int no_signal_del(struct ub_event *ev)
{
	(void)ev;
	return -1;
}

static void no_winsock_unregister(struct ub_event *ev) { (void)ev; }
static void no_winsock_wouldblock(struct ub_event *ev, int bit) { (void)ev, (void)bit; }

static struct ub_event *new_event(struct ub_event_base *base, int fd, short bits,
				  ub_fn *fn, void *arg)
{
	static struct ub_event_vmt vmt = {
		add_bits,
		del_bits,
		set_fd,
		free_event,
		add,
		del,
		add_timer,
		del,
		no_signal_add,
		no_signal_del,
		no_winsock_unregister,
		no_winsock_wouldblock,
	};
	struct ub_loop *u = (struct ub_loop *)(void *)base;
	struct waiting *w = calloc(1, sizeof *w);
	if (!w) return NULL;
	*w = (struct waiting){ .event = { UB_EVENT_MAGIC, &vmt },
			       .loop = u->loop,
			       .fd = fd,
			       .bits = bits,
			       .fn = fn,
			       .arg = arg,
			       .timeout_ms = -1 };
	w->timer = loop_timer_new(u->loop, on_time, w);
	if (w->timer) return &w->event;
	free(w);
	return NULL;
}

static void no_free(struct ub_event_base *base) { (void)base; }

static int no_dispatch(struct ub_event_base *base)
{
	(void)base;
	return -1;
}

static int no_exit(struct ub_event_base *base, struct timeval *tv)
{
	(void)base, (void)tv;
	return -1;
}

static struct ub_event *no_signal(struct ub_event_base *base, int signo, ub_fn *fn,
				  void *arg)
{
	(void)base, (void)signo, (void)fn, (void)arg;
	return NULL;
}

static struct ub_event *no_winsock(struct ub_event_base *base, void *event, ub_fn *fn,
				   void *arg)
{
	(void)base, (void)event, (void)fn, (void)arg;
	return NULL;
}

void ub_loop_init(struct ub_loop *u, struct loop *loop)
{
	static struct ub_event_base_vmt vmt = { no_free,   no_dispatch, no_exit,
						new_event, no_signal,   no_winsock };
	*u = (struct ub_loop){ .base = { UB_EVENT_MAGIC, &vmt }, .loop = loop };
}
