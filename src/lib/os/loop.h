/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a role: one thread, no blocking. Hides the library beneath, so
 * that nothing above depends on it. Callbacks run on the loop's thread only. */
#ifndef IMS_OS_LOOP_H
#define IMS_OS_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_io_fn(void *arg, int fd, unsigned ready); /* LOOP_READ | LOOP_WRITE */
typedef void loop_fn(void *arg);

struct loop *loop_new(void); /* NULL: no memory or descriptors */
void loop_free(struct loop *l);
/* Runs until loop_stop. After the callbacks of each turn the turn-end functions run
 * once, so that what a turn produced is written in one system call. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Monotonic milliseconds, read once per turn; and the wall clock (Unix ms). */
int64_t loop_now_ms(const struct loop *l);
int64_t loop_wall_ms(const struct loop *l);

/* Watches `fd` (borrowed, non-blocking, level-triggered). NULL: no memory. */
struct loop_io *loop_io_new(struct loop *l, int fd, unsigned want, loop_io_fn *fn, void *arg);
void loop_io_want(struct loop_io *io, unsigned want); /* 0 pauses; no system call if unchanged */
void loop_io_free(struct loop_io *io); /* before the descriptor is closed; NULL is fine */

/* One-shot timer. Setting it again moves it; setting, moving and cancelling cost no
 * system call and cannot fail. A delay under 1 ms is 1 ms. */
struct loop_timer *loop_timer_new(struct loop *l, loop_fn *fn, void *arg);
void loop_timer_set(struct loop_timer *t, int64_t delay_ms);
void loop_timer_cancel(struct loop_timer *t);
void loop_timer_free(struct loop_timer *t); /* NULL is fine */

/* Registers `fn` to run once at the end of this turn (again for the next turn).
 * `node` belongs to the caller and must outlive the turn or be cancelled. */
struct loop_turn {
	loop_fn *fn;
	void *arg;
	struct loop_turn *next, *prev;
	bool queued;
};
void loop_at_turn_end(struct loop *l, struct loop_turn *node);
void loop_turn_cancel(struct loop *l, struct loop_turn *node);

/* Calls `fn` on the loop when `signo` arrives. At most one function a signal. */
bool loop_signal(struct loop *l, int signo, loop_fn *fn, void *arg);

#endif
