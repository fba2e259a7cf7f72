/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/workers.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/os/thread.h"

struct workers {
	struct workers_spec spec;
	pthread_t threads[WORKERS_THREADS_MAX];
	size_t thread_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct link waiting, done; /* under the lock, as all from here to `stop` */
	size_t count;
	bool stop;
	int event_fd;
	struct loop_io *io;
};

static void *thread_main(void *arg)
{
	struct workers *w = arg;
	void *own = NULL;
	(void)pthread_mutex_lock(&w->lock);
	while (!w->stop) {
		struct link *job = list_take(&w->waiting);
		if (!job) {
			(void)pthread_cond_wait(&w->changed, &w->lock);
			continue;
		}
		if (!w->spec.counts_all) w->count--;
		(void)pthread_mutex_unlock(&w->lock);
		w->spec.run(w->spec.arg, job, &own);
		(void)pthread_mutex_lock(&w->lock);
		list_add_tail(&w->done, job);
		uint64_t one = 1;
		ssize_t written = write(w->event_fd, &one, sizeof one);
		(void)written; /* fails only when the count is full: then the loop is awake */
	}
	(void)pthread_mutex_unlock(&w->lock);
	if (own) w->spec.end_own(own);
	return NULL;
}

static void collect(void *arg, int fd, unsigned ready)
{
	struct workers *w = arg;
	struct link all;
	uint64_t events;
	(void)ready;
	ssize_t got = read(fd, &events, sizeof events);
	(void)got;
	list_init(&all);
	(void)pthread_mutex_lock(&w->lock);
	for (struct link *it; (it = list_take(&w->done));) {
		if (w->spec.counts_all) w->count--;
		list_add_tail(&all, it);
	}
	(void)pthread_mutex_unlock(&w->lock);
	for (struct link *it; (it = list_take(&all));) w->spec.done(w->spec.arg, it);
}

struct workers *workers_new(struct loop *loop, const struct workers_spec *spec)
{
	struct workers *w = calloc(1, sizeof *w);
	assert(spec->threads > 0 && spec->threads <= WORKERS_THREADS_MAX);
	if (!w) return NULL;
	w->spec = *spec;
	list_init(&w->waiting);
	list_init(&w->done);
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->changed, NULL);
	w->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (w->event_fd >= 0) w->io = loop_io_new(loop, w->event_fd, LOOP_READ, collect, w);
	while (w->io && w->thread_count < spec->threads &&
	       thread_start(&w->threads[w->thread_count], thread_main, w) == 0)
		w->thread_count++;
	if (w->thread_count > 0) return w;
	workers_free(w);
	return NULL;
}

void workers_free(struct workers *w)
{
	if (!w) return;
	(void)pthread_mutex_lock(&w->lock);
	w->stop = true;
	(void)pthread_cond_broadcast(&w->changed);
	(void)pthread_mutex_unlock(&w->lock);
	for (size_t i = 0; i < w->thread_count; i++) (void)pthread_join(w->threads[i], NULL);
	for (struct link *it; (it = list_take(&w->waiting)) || (it = list_take(&w->done));)
		w->spec.drop(it);
	loop_io_free(w->io);
	if (w->event_fd >= 0) (void)close(w->event_fd);
	(void)pthread_cond_destroy(&w->changed);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
}

bool workers_put(struct workers *w, struct link *job)
{
	(void)pthread_mutex_lock(&w->lock);
	bool room = w->count < w->spec.jobs_max;
	if (room) {
		list_add_tail(&w->waiting, job);
		w->count++;
		(void)pthread_cond_signal(&w->changed);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return room;
}

bool workers_are_stopping(struct workers *w)
{
	(void)pthread_mutex_lock(&w->lock);
	bool stop = w->stop;
	(void)pthread_mutex_unlock(&w->lock);
	return stop;
}
