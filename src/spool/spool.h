/* SPDX-License-Identifier: Apache-2.0 */
/* The role `spool`: mail is kept. Alone with the store, it turns what other roles ask
 * into operations, commits them in batches on a helper thread, and tells everybody what
 * became durable. What is due goes to the mailboxes as jobs. */
#ifndef IMS_SPOOL_SPOOL_H
#define IMS_SPOOL_SPOOL_H

#include "lib/base/list.h"
#include "lib/base/map.h"
#include "lib/base/rng.h"
#include "lib/mail/envelope.h"
#include "lib/os/window.h"
#include "lib/queue/action.h"
#include "lib/queue/filter.h"
#include "services/frame.h"
#include "spool/store.h"

enum {
	SPOOL_WINDOW = 32 * 1024 * 1024,
	SPOOL_JOBS_MAX = 512,
	SPOOL_JOB_RCPTS_MAX = 500, /* the rest of a message follows in another job */
	SPOOL_DEATHS_MAX = 3,      /* then the message is parked */
	SPOOL_RANGES_MAX = SPOOL_INLINE_MAX / WINDOW_BLOCK + 4,
	SPOOL_WATCH_MS = 1000,
	SPOOL_ACTS_MAX = 16,       /* administrative requests at once */
	SPOOL_SLICE = 200,         /* messages of a walk in one turn */
	SPOOL_BIG_JOBS_MAX = 32,   /* each holds a descriptor on the mailbox's channel */
	SPOOL_BACKLOG_MAX = 8 * 1024 * 1024, /* of the mailbox's channel: then jobs wait */
	SPOOL_STUCK_MAX = 128,     /* messages that are left alone for a while */
	SPOOL_STUCK_MS = 30 * 1000,
};

/* A window of a receive worker; lives on while a batch reads it. */
struct spool_window {
	struct window *window;
	unsigned refs;
};

/* What one operation of a batch is for, and who waits for it. */
enum note_kind {
	NOTE_ARRIVAL, NOTE_OUTCOME, NOTE_DEATH, NOTE_PARK, NOTE_UNLIST, NOTE_ACT
};

struct note {
	enum note_kind kind;
	/* ARRIVAL */
	unsigned worker;
	uint64_t worker_life; /* the channel that asked; another may have its place */
	uint64_t handle;
	struct spool_window *window;
	/* OUTCOME: the job, and which of its recipients */
	struct job *job;
	uint32_t rcpt;
	/* ACT */
	struct act *act;
	struct str from;
};

struct batch {
	struct link link;
	struct arena arena;
	size_t count;
	struct spool_op ops[SPOOL_BATCH_MAX];
	struct note notes[SPOOL_BATCH_MAX];
};

struct job_rcpt {
	uint32_t index, attempts;
	bool told; /* its outcome is in a batch */
	struct str address;
};

/* A message in hand: at the mailbox, or while its outcomes are written. */
struct job {
	uint64_t job, id;
	struct arena arena;
	struct str from;
	int64_t arrived_ms;
	uint64_t size;
	struct window_range *ranges;
	size_t range_count;
	struct job_rcpt *rcpts;
	size_t rcpt_count;
	unsigned pending; /* operations in batches */
	unsigned worker;
	bool away;        /* at the mailbox: no answer yet */
	bool big;         /* its body went as a descriptor */
	/* Something about it could not be read or written: kept in hand until then, so that
	 * it is not begun anew with every commit. 0: no. */
	int64_t stuck_until_ms;
	struct spool_due due; /* its entry of the due-list; {0, 0}: not from there */
};

/* A big body that still arrives. */
struct spool_stream {
	uint64_t handle;
	unsigned worker;
	uint64_t size; /* octets so far */
	struct spool_big *big;
};

/* An administrative request, worked off in slices. */
struct act {
	struct link link;
	struct spool *spool;
	uint64_t query;
	enum queue_action action;
	struct filter filter;
	struct str reason;
	uint64_t next_id, count;
	unsigned pending; /* operations in batches */
	bool dry, walked, failed;
	struct arena arena; /* what the filter and the reason point into */
};

struct spool {
	struct frame *frame;
	struct store *store;
	struct window *window; /* ours, read by the mailboxes */
	struct {
		struct spool_window *window;
		uint64_t life;
	} workers[FRAME_INDEX_MAX];
	uint64_t lives;
	struct map streams; /* handle -> struct spool_stream */
	/* batch.c */
	struct committer *committer;
	struct batch *filling, *spare;
	struct link ready; /* full batches that wait */
	struct loop_turn turn;
	/* jobs.c */
	struct map jobs;    /* job number -> struct job */
	struct map in_hand; /* message id -> struct job */
	size_t big_count, stuck_count; /* of them */
	struct spool_due due_at;
	uint64_t next_job;
	struct rng rng;
	struct loop_timer *due_timer, *watch_timer;
	/* act.c */
	struct link acts;
	size_t act_count;
	struct loop_timer *act_timer;
	bool disk_low, draining, trim, lost;
};

/* batch.c */
int commit_start(struct spool *s);
/* A free operation with its note in the batch that fills, zeroed; NULL: no memory. The
 * operation's strings come from *arena. */
struct spool_op *commit_op(struct spool *s, struct note **note, struct arena **arena);
/* Takes back the operation that commit_op gave last. */
void commit_undo(struct spool *s);
bool commit_is_idle(const struct spool *s);
void commit_stop(struct spool *s);

/* arrive.c */
void arrive_commit(struct spool *s, unsigned worker, const struct msg_commit *m);
void arrive_piece(struct spool *s, unsigned worker, const struct msg_big_piece *m);
void arrive_abort(struct spool *s, unsigned worker, uint64_t handle);
void arrive_done(struct spool *s, const struct spool_op *op, const struct note *note);
void arrive_worker_up(struct spool *s, unsigned worker, int window_fd);
void arrive_worker_down(struct spool *s, unsigned worker);

/* jobs.c */
void jobs_pump(struct spool *s); /* starts what is due, as far as there is room */
void jobs_pump_again(void *arg);
void jobs_lost(struct spool *s, unsigned worker); /* the mailbox has died */
/* A job that only keeps the message from being started. NULL: it is in hand, no memory. */
struct job *job_new(struct spool *s, uint64_t id);
void job_back(struct spool *s, struct job *job);    /* the mailbox is through with it */
void job_release(struct spool *s, struct job *job); /* freed when nothing is pending */
/* Not again soon: it stays in hand for SPOOL_STUCK_MS. */
void job_stick(struct spool *s, struct job *job);

/* outcome.c */
void outcome_done(struct spool *s, const struct msg_done *m);
void outcome_committed(struct spool *s, const struct spool_op *op, const struct note *note);
/* Recipient rcpts[at] of `job` was not reached: writes the deferral. */
void outcome_defer(struct spool *s, struct job *job, uint32_t at, struct str dsn,
                   struct str text, struct str host);
/* A worker died with this message in hand; what it had has been taken back. */
void outcome_death(struct spool *s, uint64_t id);
void outcome_death_committed(struct spool *s, const struct spool_op *op,
                             const struct note *note);
/* Parks a message that is in hand as `job`. */
void outcome_park(struct spool *s, struct job *job, struct str reason);
void outcome_park_committed(struct spool *s, const struct spool_op *op,
                            const struct note *note);
/* Removes the entry of the due-list that brought `job`, of a message that is missing or
 * cannot be parked. */
void outcome_unlist(struct spool *s, struct job *job);
void outcome_unlist_committed(struct spool *s, const struct spool_op *op,
                              const struct note *note);

/* act.c */
void act_begin(struct spool *s, const struct msg_act *m);
void act_committed(struct spool *s, const struct spool_op *op, const struct note *note);
void act_slice(void *arg);

/* watch.c */
void watch_tick(void *arg);
void watch_totals(struct spool *s, uint64_t query);
void watch_error(struct spool *s, int error, const char *reason);
/* The store cannot be used any more: says so and leaves; master starts us anew. */
void watch_store_lost(struct spool *s, int error);
void watch_leave_if_idle(struct spool *s);

#endif
