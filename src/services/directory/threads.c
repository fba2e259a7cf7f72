/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/threads.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "lib/os/thread.h"
#include "services/directory/answer.h"

struct threads {
	const struct backend *backend;
	struct backend_settings *settings;
	int event_fd;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct link waiting, done; /* under the lock, as all from here */
	size_t waiting_count, idle, count;
	bool left; /* the loop's side */
};

void question_free(struct question *q)
{
	explicit_bzero(q->password, sizeof q->password);
	free(q);
}

static void all_free(struct link *questions)
{
	for (struct link *it; (it = list_take(questions));)
		question_free(CONTAINER(it, struct question, link));
}

static void threads_free(struct threads *t)
{
	all_free(&t->waiting);
	all_free(&t->done);
	if (t->event_fd >= 0) (void)close(t->event_fd);
	(void)pthread_cond_destroy(&t->changed);
	(void)pthread_mutex_destroy(&t->lock);
	backend_settings_free(t->settings);
	free(t);
}

/* --- a thread's work ---------------------------------------------------------------- */

static int64_t clock_ms(void)
{
	struct timespec now;
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum backend_result call(const struct backend *b, void *conn, struct question *q,
				struct str address, struct buf *why)
{
	q->entry = (struct backend_entry){ 0 };
	if (q->kind != THREADS_VERIFY) return b->find(conn, address, &q->entry, why);
	struct str password = { q->password, q->password_len };
	enum backend_result result = b->verify(conn, address, password, &q->entry, why);
	return result == BACKEND_OK && q->too_long ? BACKEND_WRONG : result;
}

/* A recipient is looked for as he is, then without his "+detail". */
static enum backend_result ask(const struct backend *b, void *conn, struct question *q,
			       struct buf *why)
{
	char memory[POOL_ADDRESS_MAX];
	struct buf plain;
	struct str address = { q->address, q->address_len };
	enum backend_result result = call(b, conn, q, address, why);
	buf_init_fixed(&plain, memory, sizeof memory);
	if (result == BACKEND_NONE && q->kind == THREADS_RECIPIENT &&
	    answer_without_detail(&plain, address)) {
		address = buf_view(&plain);
		result = call(b, conn, q, address, why);
	}
	return answer_check(result, address, &q->entry, why);
}

/* One connection that was kept may have been closed by the other side meanwhile: then there
 * is time for a fresh one. */
static void work(struct threads *t, void **conn, struct question *q)
{
	struct buf why;
	int64_t end_ms = clock_ms() + t->settings->timeout_ms / 2;
	buf_init_fixed(&why, q->why, sizeof q->why);
	for (bool again = true; again;) {
		bool kept = *conn != NULL;
		buf_reset(&why);
		if (!kept) *conn = t->backend->open(t->settings, &why);
		q->result = *conn ? ask(t->backend, *conn, q, &why) : BACKEND_DOWN;
		again = kept && q->result == BACKEND_DOWN && clock_ms() < end_ms;
		if (q->result != BACKEND_DOWN || !*conn) continue;
		t->backend->close(*conn);
		*conn = NULL;
	}
	q->why_len = why.len;
}

/* With the lock. The connection goes first: its settings go with the last thread. */
static void thread_end(struct threads *t, void *conn)
{
	(void)pthread_mutex_unlock(&t->lock);
	if (conn) t->backend->close(conn);
	(void)pthread_mutex_lock(&t->lock);
	bool last = --t->count == 0;
	(void)pthread_mutex_unlock(&t->lock);
	if (last) threads_free(t);
}

static void *thread_main(void *arg)
{
	struct threads *t = arg;
	void *conn = NULL;
	(void)pthread_mutex_lock(&t->lock);
	while (!t->left) {
		struct link *first = list_take(&t->waiting);
		if (!first) {
			t->idle++;
			(void)pthread_cond_wait(&t->changed, &t->lock);
			t->idle--;
			continue;
		}
		struct question *q = CONTAINER(first, struct question, link);
		t->waiting_count--;
		q->begun = true;
		(void)pthread_mutex_unlock(&t->lock);
		work(t, &conn, q);
		(void)pthread_mutex_lock(&t->lock);
		list_add_tail(&t->done, &q->link);
		uint64_t one = 1;
		ssize_t written = write(t->event_fd, &one, sizeof one);
		(void)written; /* fails only when the count is full: then the loop is awake */
	}
	thread_end(t, conn);
	return NULL;
}

/* --- the loop's side ---------------------------------------------------------------- */

struct threads *threads_new(const struct backend *backend, struct backend_settings *settings)
{
	struct threads *t = calloc(1, sizeof *t);
	if (!t) return NULL;
	t->backend = backend;
	list_init(&t->waiting);
	list_init(&t->done);
	(void)pthread_mutex_init(&t->lock, NULL);
	(void)pthread_cond_init(&t->changed, NULL);
	t->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (t->event_fd >= 0) {
		t->settings = settings;
		return t;
	}
	threads_free(t);
	return NULL;
}

int threads_fd(const struct threads *t) { return t->event_fd; }

void threads_leave(struct threads *t)
{
	(void)pthread_mutex_lock(&t->lock);
	t->left = true;
	all_free(&t->waiting);
	all_free(&t->done);
	bool last = t->count == 0;
	(void)pthread_cond_broadcast(&t->changed);
	(void)pthread_mutex_unlock(&t->lock);
	if (last) threads_free(t);
}

bool threads_put(struct threads *t, struct question *q)
{
	(void)pthread_mutex_lock(&t->lock);
	if (t->idle <= t->waiting_count && t->count < t->settings->connections &&
	    thread_start(NULL, thread_main, t) == 0)
		t->count++;
	bool room = t->waiting_count < POOL_WAITING_MAX && t->count > 0;
	if (room) {
		list_add_tail(&t->waiting, &q->link);
		t->waiting_count++;
		(void)pthread_cond_signal(&t->changed);
	}
	(void)pthread_mutex_unlock(&t->lock);
	return room;
}

bool threads_take_back(struct threads *t, struct question *q)
{
	(void)pthread_mutex_lock(&t->lock);
	bool mine = !q->begun;
	if (mine) {
		link_remove(&q->link);
		t->waiting_count--;
	}
	(void)pthread_mutex_unlock(&t->lock);
	return mine;
}

void threads_done(struct threads *t, struct link *to)
{
	uint64_t count;
	ssize_t got = read(t->event_fd, &count, sizeof count);
	(void)got;
	(void)pthread_mutex_lock(&t->lock);
	for (struct link *it; (it = list_take(&t->done));) list_add_tail(to, it);
	(void)pthread_mutex_unlock(&t->lock);
}
