/* SPDX-License-Identifier: Apache-2.0 */
/* A loop for the bench of one role, in the place of lib/os/loop: real descriptors, a clock
 * that the test moves. One to a process. */
#ifndef IMS_TESTS_BENCH_LOOP_H
#define IMS_TESTS_BENCH_LOOP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/os/loop.h"

/* The bench's: what its clocks say. */
int64_t bench_clock_ms(void);
int64_t bench_clock_wall_ms(void);

struct loop *bench_loop(void);
/* One step each, false if there is none. */
bool bench_loop_turn_end(void);
bool bench_loop_io(void);
bool bench_loop_timer(void);
void bench_loop_poke(int fd, unsigned ready); /* as if it were that */
void bench_loop_forget(void);      /* whatever a test before left when it failed */
void bench_loop_is_idle(void);     /* no descriptor is watched */
void bench_loop_is_empty(void);    /* nor is there a timer */
void bench_loop_timers_free(void); /* of a role that does not end */

#endif
