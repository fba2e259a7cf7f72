/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit. The loop fills a batch while the helper thread commits the one before;
 * so a batch is as large as the load makes it, and nobody waits for a timer. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/os/thread.h"

enum { BATCH_ARENA = 512 * 1024 * 1024 };

struct committer {
	struct store *store;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct batch *running; /* given by the loop, taken back when `done` */
	bool done, stop;
	int event_fd;
	struct loop_io *io;
};

static void *committer_main(void *arg)
{
	struct committer *c = arg;
	(void)pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		if (!c->running || c->done) {
			(void)pthread_cond_wait(&c->changed, &c->lock);
			continue;
		}
		struct batch *batch = c->running;
		(void)pthread_mutex_unlock(&c->lock);
		store_commit(c->store, batch->ops, batch->count);
		(void)pthread_mutex_lock(&c->lock);
		c->done = true;
		uint64_t one = 1;
		ssize_t written = write(c->event_fd, &one, sizeof one);
		(void)written; /* fails only when the count is full: then the loop is awake */
	}
	(void)pthread_mutex_unlock(&c->lock);
	return NULL;
}

static void batch_free(struct batch *batch)
{
	if (!batch) return;
	arena_free(&batch->arena);
	free(batch);
}

static struct batch *batch_new(struct spool *s)
{
	struct batch *batch = s->spare;
	s->spare = NULL;
	if (!batch) batch = malloc(sizeof *batch);
	if (!batch) return NULL;
	batch->link = (struct link){ 0 };
	batch->count = 0;
	arena_init(&batch->arena, BATCH_ARENA);
	return batch;
}

static void commit_tell(struct spool *s, struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct spool_op *op = &batch->ops[i];
		const struct note *note = &batch->notes[i];
		switch (note->kind) {
		case NOTE_ARRIVAL: arrive_done(s, op, note); break;
		case NOTE_OUTCOME: outcome_committed(s, op, note); break;
		case NOTE_REPORT: report_committed(s, op, note); break;
		case NOTE_DEATH: outcome_death_committed(s, op, note); break;
		case NOTE_PARK: outcome_park_committed(s, op, note); break;
		case NOTE_UNLIST: outcome_unlist_committed(s, op, note); break;
		case NOTE_ACT: act_committed(s, op, note); break;
		case NOTE_SUSPEND: suspend_committed(s, op, note); break;
		case NOTE_NOTICE: notice_committed(s, op, note); break;
		case NOTE_WRITTEN: written_committed(s, op, note); break;
		}
	}
}

/* Gives the helper its next batch if it is free and there is one. */
static void commit_go(void *arg)
{
	struct spool *s = arg;
	struct committer *c = s->committer;
	if (c->running || s->lost) return;
	struct link *next = list_take(&s->ready);
	struct batch *batch = next ? CONTAINER(next, struct batch, link) : s->filling;
	if (!batch || batch->count == 0) return;
	if (batch == s->filling) s->filling = NULL;
	(void)pthread_mutex_lock(&c->lock);
	c->running = batch;
	c->done = false;
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
}

static void commit_finished(void *arg, int fd, unsigned ready)
{
	struct spool *s = arg;
	struct committer *c = s->committer;
	struct spool_health health;
	uint64_t count;
	(void)ready;
	if (read(fd, &count, sizeof count) < 0) return;
	(void)pthread_mutex_lock(&c->lock);
	struct batch *batch = c->done ? c->running : NULL;
	if (batch) c->running = NULL;
	(void)pthread_mutex_unlock(&c->lock);
	if (!batch) return;
	store_health(s->store, &health);
	/* The next batch goes to the disk while this one is told. */
	if (health.usable) commit_go(s);
	commit_tell(s, batch);
	s->trim = true;
	arena_free(&batch->arena);
	if (!s->spare) s->spare = batch;
	else batch_free(batch);
	if (!health.usable) {
		watch_store_lost(s, health.error);
		return;
	}
	pump_soon(s);
	watch_leave_if_idle(s);
}

bool commit_room(struct spool *s, size_t count)
{
	if (count > SPOOL_BATCH_MAX) return false;
	if (s->filling && s->filling->count > SPOOL_BATCH_MAX - count) {
		list_add_tail(&s->ready, &s->filling->link);
		s->filling = NULL;
	}
	if (!s->filling) s->filling = batch_new(s);
	return s->filling != NULL;
}

struct spool_op *commit_op(struct spool *s, struct note **note, struct arena **arena)
{
	if (!commit_room(s, 1)) return NULL;
	struct batch *batch = s->filling;
	size_t at = batch->count++;
	memset(&batch->ops[at], 0, sizeof batch->ops[at]);
	memset(&batch->notes[at], 0, sizeof batch->notes[at]);
	*note = &batch->notes[at];
	*arena = &batch->arena;
	loop_at_turn_end(s->frame->loop, &s->turn);
	return &batch->ops[at];
}

void commit_undo(struct spool *s)
{
	/* A batch without operations is never committed: its memory goes now. */
	if (--s->filling->count == 0) arena_free(&s->filling->arena);
}

bool commit_is_idle(const struct spool *s)
{
	return !s->committer->running && list_empty(&s->ready) &&
	       (!s->filling || s->filling->count == 0);
}

int commit_start(struct spool *s)
{
	struct committer *c = calloc(1, sizeof *c);
	if (!c) return EX_OSERR;
	s->committer = c;
	c->store = s->store;
	s->turn = (struct loop_turn){ .fn = commit_go, .arg = s };
	list_init(&s->ready);
	c->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->event_fd < 0) return EX_OSERR;
	c->io = loop_io_new(s->frame->loop, c->event_fd, LOOP_READ, commit_finished, s);
	if (!c->io || pthread_mutex_init(&c->lock, NULL) || pthread_cond_init(&c->changed, NULL))
		return EX_OSERR;
	return thread_start(&c->thread, committer_main, c) ? EX_OSERR : 0;
}

void commit_stop(struct spool *s)
{
	struct committer *c = s->committer;
	(void)pthread_mutex_lock(&c->lock);
	c->stop = true;
	(void)pthread_cond_signal(&c->changed);
	(void)pthread_mutex_unlock(&c->lock);
	(void)pthread_join(c->thread, NULL);
	loop_io_free(c->io);
	(void)close(c->event_fd);
	batch_free(c->running);
	batch_free(s->filling);
	batch_free(s->spare);
	for (struct link *it; (it = list_take(&s->ready));)
		batch_free(CONTAINER(it, struct batch, link));
	free(c);
	s->committer = NULL;
}
