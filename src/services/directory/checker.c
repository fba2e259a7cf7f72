/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/checker.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/list.h"
#include "lib/os/thread.h"

struct job {
	struct link link;
	uint64_t id;
	enum check_result result;
	bool too_long;
	char password[CHECKER_PASSWORD_MAX + 1];
	char hash[CHECKER_HASH_MAX + 1];
};

struct checker {
	pthread_t threads[CHECKER_THREADS_MAX];
	size_t thread_count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct link waiting, done; /* under the lock, as all from here to `stop` */
	size_t waiting_count;
	bool stop;
	int event_fd;
	struct loop_io *io;
	checker_fn *fn;
	void *arg;
};

static void job_free(struct job *job)
{
	explicit_bzero(job, sizeof *job);
	free(job);
}

/* Every octet is looked at, whatever the first ones were. */
static bool is_same(const char *a, const char *b)
{
	size_t len = strlen(a);
	unsigned char differ = 0;
	if (strlen(b) != len) return false;
	for (size_t i = 0; i < len; i++) differ |= (unsigned char)(a[i] ^ b[i]);
	return differ == 0;
}

static enum check_result job_run(const struct job *job, struct crypt_data *data)
{
	const char *got = crypt_rn(job->password, job->hash, data, (int)sizeof *data);
	if (!got) return CHECK_CANNOT;
	return is_same(got, job->hash) && !job->too_long ? CHECK_YES : CHECK_NO;
}

static void *thread_main(void *arg)
{
	struct checker *c = arg;
	struct crypt_data *data = malloc(sizeof *data);
	(void)pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		struct link *first = list_take(&c->waiting);
		if (!first) {
			(void)pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		c->waiting_count--;
		(void)pthread_mutex_unlock(&c->lock);
		struct job *job = CONTAINER(first, struct job, link);
		if (data) memset(data, 0, sizeof *data);
		job->result = data ? job_run(job, data) : CHECK_CANNOT;
		if (data) explicit_bzero(data, sizeof *data);
		(void)pthread_mutex_lock(&c->lock);
		list_add_tail(&c->done, &job->link);
		uint64_t one = 1;
		ssize_t written = write(c->event_fd, &one, sizeof one);
		(void)written; /* fails only when the count is full: then the loop is awake */
	}
	(void)pthread_mutex_unlock(&c->lock);
	free(data);
	return NULL;
}

static void collect(void *arg, int fd, unsigned ready)
{
	struct checker *c = arg;
	struct link all;
	uint64_t count;
	(void)ready;
	ssize_t got = read(fd, &count, sizeof count);
	(void)got;
	list_init(&all);
	(void)pthread_mutex_lock(&c->lock);
	for (struct link *it; (it = list_take(&c->done));) list_add_tail(&all, it);
	(void)pthread_mutex_unlock(&c->lock);
	for (struct link *it; (it = list_take(&all));) {
		struct job *job = CONTAINER(it, struct job, link);
		uint64_t id = job->id;
		enum check_result result = job->result;
		job_free(job);
		c->fn(c->arg, id, result);
	}
}

static size_t threads_wanted(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (processors < 1) return 1;
	return processors < CHECKER_THREADS_MAX ? (size_t)processors : CHECKER_THREADS_MAX;
}

static void threads_start(struct checker *c)
{
	size_t wanted = threads_wanted();
	while (c->thread_count < wanted &&
	       thread_start(&c->threads[c->thread_count], thread_main, c) == 0)
		c->thread_count++;
}

struct checker *checker_new(struct loop *loop, checker_fn *done, void *arg)
{
	struct checker *c = calloc(1, sizeof *c);
	if (!c) return NULL;
	c->fn = done;
	c->arg = arg;
	list_init(&c->waiting);
	list_init(&c->done);
	(void)pthread_mutex_init(&c->lock, NULL);
	(void)pthread_cond_init(&c->changed, NULL);
	c->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->event_fd >= 0)
		c->io = loop_io_new(loop, c->event_fd, LOOP_READ, collect, c);
	if (c->io) threads_start(c);
	if (c->thread_count > 0) return c;
	checker_free(c);
	return NULL;
}

void checker_free(struct checker *c)
{
	if (!c) return;
	(void)pthread_mutex_lock(&c->lock);
	c->stop = true;
	(void)pthread_cond_broadcast(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	for (size_t i = 0; i < c->thread_count; i++) (void)pthread_join(c->threads[i], NULL);
	for (struct link *it; (it = list_take(&c->waiting)) || (it = list_take(&c->done));)
		job_free(CONTAINER(it, struct job, link));
	loop_io_free(c->io);
	if (c->event_fd >= 0) (void)close(c->event_fd);
	(void)pthread_cond_destroy(&c->changed);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}

bool checker_put(struct checker *c, uint64_t id, struct str password, struct str hash)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job || !str_to_cstr(hash, job->hash, sizeof job->hash)) {
		free(job);
		return false;
	}
	job->id = id;
	/* It cannot be right, and takes as long as one that could. */
	job->too_long = !str_to_cstr(password, job->password, sizeof job->password);
	(void)pthread_mutex_lock(&c->lock);
	bool room = c->waiting_count < CHECKER_JOBS_MAX;
	if (room) {
		list_add_tail(&c->waiting, &job->link);
		c->waiting_count++;
		(void)pthread_cond_signal(&c->changed);
	}
	(void)pthread_mutex_unlock(&c->lock);
	if (!room) job_free(job);
	return room;
}
