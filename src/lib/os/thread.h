/* SPDX-License-Identifier: Apache-2.0 */
/* Helper threads of a role: signals are its loop's, except those that tell of a fault. */
#ifndef IMS_OS_THREAD_H
#define IMS_OS_THREAD_H

#include <stdbool.h>

#include <pthread.h>

/* The faults: what a handler of crashes catches, and no thread may block. */
enum { THREAD_FAULTS = 7 };
extern const int thread_faults[THREAD_FAULTS];

/* `thread` NULL: detached, nobody ever waits for it. 0 or an errno. */
int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
