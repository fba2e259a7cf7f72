/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs that block or take long, on helper threads: the loop hands over and takes back. A
 * job is a link inside the caller's struct; it is the caller's, then a thread's while it
 * works on it, then the caller's again in `done`. */
#ifndef IMS_OS_WORKERS_H
#define IMS_OS_WORKERS_H

#include "lib/base/list.h"
#include "lib/os/loop.h"

enum { WORKERS_THREADS_MAX = 4 };

struct workers_spec {
	size_t threads;    /* at most WORKERS_THREADS_MAX; fewer if no more can be started */
	size_t jobs_max;   /* that wait */
	bool counts_all;   /* not only those that wait: until they are taken back */
	/* On a thread. `*own` is that thread's, NULL at first, given back by end_own. */
	void (*run)(void *arg, struct link *job, void **own);
	void (*end_own)(void *own);
	void (*done)(void *arg, struct link *job); /* on the loop, once for each job */
	void (*drop)(struct link *job);            /* those that workers_free finds */
	void *arg;
};

struct workers;

/* NULL: no memory, descriptors or threads. */
struct workers *workers_new(struct loop *loop, const struct workers_spec *spec);
/* Jobs that wait are dropped; those at work are waited for, then dropped. NULL is fine. */
void workers_free(struct workers *w);
/* False: too many; the job stays the caller's. */
bool workers_put(struct workers *w, struct link *job);
/* Whether workers_free waits: for a job that can end early. From any thread. */
bool workers_are_stopping(struct workers *w);

#endif
