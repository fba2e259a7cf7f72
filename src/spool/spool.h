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
#include "lib/mail/id.h"
#include "lib/os/window.h"
#include "lib/policy/notices.h"
#include "lib/queue/action.h"
#include "lib/queue/deadline.h"
#include "lib/queue/dial.h"
#include "lib/queue/filter.h"
#include "lib/queue/sched.h"
#include "lib/queue/suspend.h"
#include "lib/route/route.h"
#include "services/frame.h"
#include "spool/store.h"

enum {
	SPOOL_WINDOW = 32 * 1024 * 1024,
	SPOOL_JOBS_MAX = 4096,      /* messages in hand */
	SPOOL_PARTS_MAX = 16384,
	SPOOL_JOB_RCPTS_MAX = 2000, /* of a message in hand; the rest follows */
	SPOOL_MAILBOX_RCPTS = 500,  /* of one job of the mailbox */
	SPOOL_MAILBOX_JOBS = 256,   /* at the mailbox at one time */
	SPOOL_FRESH_MAX = 16384,    /* new messages known without a look at the due-list */
	SPOOL_REPORTS_MAX = 256,    /* being made at one time */
	SPOOL_REPORT_RCPTS = 500,   /* in one report */
	SPOOL_LETTERS_MAX = 32,     /* with bounce, until they are kept; it takes twice as many */
	SPOOL_REPORT_LATER_MS = 60 * 1000, /* more of them wait */
	/* For a dead host, in a second: each is written to the disk, which others need. The
	 * rest waits where it is, unread, and is looked at in the next second. */
	SPOOL_PUT_OFF_MAX = 1000,
	JOB_NO_RCPT = UINT32_MAX,
	SPOOL_DEATHS_MAX = 3,      /* then the message is parked */
	SPOOL_RANGES_MAX = SPOOL_INLINE_MAX / WINDOW_BLOCK + 4,
	SPOOL_WATCH_MS = 1000,
	SPOOL_ACTS_MAX = 16,       /* administrative requests at once */
	SPOOL_ACT_PATIENCE_MS = 45 * 1000, /* with messages that are under way */
	SPOOL_SLICE = 200,         /* messages of a walk in one turn */
	SPOOL_BIG_JOBS_MAX = 32,   /* each holds a descriptor on a worker's channel */
	/* A destination that changes its site more often in that time keeps it for as long. */
	PACING_SETTLE_MS = 60 * 1000,
	PACING_MOVES_MAX = 3,
	PACING_TOLD_MS = 60 * 1000, /* one event `pace` of each in that time */
	PACING_ROWS_MAX = 1000,
	SPOOL_BACKLOG_MAX = 8 * 1024 * 1024, /* of a worker's channel: then jobs wait */
	SPOOL_STUCK_MAX = 128,     /* messages that are left alone for a while */
	SPOOL_STUCK_MS = 30 * 1000,
	/* More than any backlog should be old: by how much urgent mail is due earlier. */
	SPOOL_URGENT_AHEAD_MS = 24 * 3600 * 1000,
	SPOOL_OPEN_MAX = 20000,    /* domains whose mail was asked for and may go */
	SPOOL_DIALS_MAX = 16,
	SPOOL_TURNS_MAX = 64,      /* clients that fetch mail over their connections */
	SPOOL_HANDS_MAX = SPOOL_JOBS_MAX + SPOOL_DEATHS_MAX * FRAME_INDEX_MAX,
	SPOOL_NOTICES_MAX = 8,     /* messages to the postmaster on their way into the spool */
};

/* A window of a receive worker; lives on while a batch reads it. */
struct spool_window {
	struct window *window;
	unsigned refs;
};

/* What one operation of a batch is for, and who waits for it. */
enum note_kind {
	NOTE_ARRIVAL, NOTE_OUTCOME, NOTE_REPORT, NOTE_DEATH, NOTE_PARK, NOTE_UNLIST, NOTE_ACT, NOTE_SUSPEND,
	NOTE_NOTICE, NOTE_WRITTEN
};

struct note {
	enum note_kind kind;
	/* ARRIVAL */
	unsigned worker;
	uint64_t worker_life; /* the channel that asked; another may have its place */
	uint64_t handle;
	struct spool_window *window;
	/* OUTCOME: the job, and which of its recipients; by which route, and whether it was an
	 * attempt or only a decision to put it off. REPORT: the letter that arrives. */
	struct job *job;
	uint32_t rcpt;
	struct str route, tls, step;
	bool quiet, in_doubt;
	struct report *report;
	/* ACT; SUSPEND: NULL if a time has come. from: also of an ARRIVAL that is held */
	struct act *act;
	struct str from;
	struct notice_letter *notice; /* NOTICE */
	struct written *written;      /* WRITTEN */
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
	bool told;   /* its outcome is in a batch, or waits for a report */
	bool warned; /* its sender knows of the delay */
	uint8_t doubts; /* how often a host may have taken it */
	bool existed; /* the directory said so at arrival: for route_find */
	uint8_t notify;
	unsigned dearer; /* the cheaper routes that it does not take: for route_find */
	uint32_t next; /* of the same part; JOB_NO_RCPT at the end */
	struct str address, orcpt;
};

/* The recipients of a message in hand that go to one destination together: one job of a
 * worker, which waits in its destination's line or is away. */
struct part {
	struct line_item item;
	struct link link; /* in job->parts */
	struct link want; /* waits for room in the window */
	struct job *job;
	struct sched_dest *dest;
	uint64_t number;
	enum role role; /* whose job it is */
	unsigned worker;
	uint32_t first, last, count; /* of job->rcpts, linked by `next` */
	bool away;      /* at the worker: no answer yet */
	bool has_text;  /* counts among job->readers */
	bool big;       /* the text went as a descriptor */
};

/* A message in hand: from the time that it is due until all outcomes of this attempt are
 * written. */
struct job {
	uint64_t id, owner; /* owner: a hash; whose it is, among those that wait */
	struct arena arena;
	struct str from, envid, user;
	uint8_t ret, priority;
	bool body8, smtputf8, is_copy;
	int64_t arrived_ms;
	uint64_t size;
	enum spool_body_kind body;
	struct window_range *ranges; /* the text in the window, while readers > 0 */
	size_t range_count, readers;
	struct job_rcpt *rcpts;
	size_t rcpt_count; /* that are due */
	uint32_t rcpts_open;
	struct link parts;
	size_t part_count;
	struct act *act;  /* what it was taken for by an administrator, or NULL */
	bool put_off;     /* something of it could not be done now */
	struct report *gathering; /* report.c: fates of this answer */
	unsigned pending; /* operations in batches, and reports that are being made */
	bool in_line;     /* it was put into lines, and may stand there still */
	bool again;       /* something of it is still due when it is released */
	/* Something about it could not be read or written: kept in hand until then, so that
	 * it is not begun anew with every commit. 0: no. */
	int64_t stuck_until_ms;
	struct spool_due due; /* its entry of the due-list; {0, 0}: none */
	uint8_t tls_wish, by; /* these and the rest as in struct envelope */
	bool by_trace, bulk;
	int8_t mt_priority;
	int64_t by_ms, hold_until_ms;
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
	int64_t begun_ms;
	int64_t until_ms; /* of a hold or a suspension; 0: no end */
	uint64_t next_id, count;
	unsigned pending; /* operations in batches, and messages in hand for it */
	bool dry, walked, failed;
	bool release; /* nobody's: for wait.c */
	bool unrouted; /* nobody's: what no route led to, and one does now */
	bool automatic; /* nobody has asked: what is in doubt keeps its time */
	/* Messages that were under way and are met again, the first of them, and until when. */
	uint64_t busy_count, busy_from;
	int64_t deadline_ms, wait_until_ms;
	unsigned status; /* of a suspension that was refused, with */
	const char *text;
	struct arena arena; /* what the filter and the reason point into */
};

/* What an attempt, or an administrator, made of a recipient. */
struct fate {
	enum spool_rcpt_state state;
	bool tried;      /* it was an attempt: it counts */
	bool dsn_passed; /* relayed to a host that reports itself */
	bool by_passed;  /* and to one that knows of the sender's time */
	bool late;       /* deferred, and its sender is to know */
	bool in_doubt;   /* deferred by a host that may have the message */
	bool quiet;      /* no event: one of very many with the same reason */
	int64_t next_due_ms; /* deferred: not before; 0: by the schedule */
	struct str dsn, text, host, route;
	struct str tls, step; /* of the connection; for the event only */
};

/* A route that lacks a file; owed: it does not any more, and its mail is to be tried now. */
struct unreachable {
	char name[128], why[512];
	bool owed;
};

/* Why mail that waits is to be tried at once, besides what people ask for (owed.c). */
enum owed { OWED_CLOCK, OWED_RELOAD, OWED_ROUTE, OWED_COUNT };

/* Where the look for work stands (pump.c). */
struct pump {
	uint64_t fresh[SPOOL_FRESH_MAX]; /* ring of message ids */
	size_t fresh_at, fresh_count;
	struct spool_due at;    /* the cursor of the due-list */
	bool scan;              /* there may be something behind it */
	struct spool_due fill;  /* a second one, to fill the line of one destination */
	bool filling;
	char fill_key[SCHED_KEY_MAX];
	size_t fill_key_len;
	struct loop_turn turn;
	unsigned count;         /* of steps, to be fair between them */
	unsigned put_off_left;  /* messages that may be put off until the next tick */
	int64_t tick_ms;        /* when time has passed */
	int64_t rescan_ms;      /* when the whole list is looked through again */
	bool lead_known;
	int64_t lead_ms;        /* of the wall clock before the loop's, when last seen */
};

/* Mail that waits to be asked for (wait.c). */
struct wait {
	struct map open;  /* hash of a domain -> struct release */
	struct link asks; /* of clients that wait for an answer */
	size_t ask_count;
	uint64_t walk;    /* number of the last walk over the queue */
	bool walking;     /* it goes on */
	bool due;         /* another one is wanted */
};

enum dial_state { DIAL_CLOSED, DIAL_BEFORE, DIAL_OPEN };

/* A line that is up for some time only (dial.c): the dial block of the same place. */
struct dial_line {
	char name[128];
	size_t name_len;
	struct dial_plan plan;
	struct dial_clock clock;
	enum dial_state state;
	const char *why, *wanted; /* a window opened, or is to open: the reason; NULL: none */
	uint64_t query;     /* of the program that runs */
	uint64_t call, visit; /* deliver's jobs that ask for mail, by ETRN and ATRN; 0: none */
	uint64_t waiting;   /* recipients put off since the last window */
	uint64_t walk;      /* the one that looks for its mail */
	int64_t until_ms;   /* monotonic: end of the window, or of patience with the program */
	int64_t failed_ms;  /* monotonic: the program failed last; 0: never */
	int64_t closed_ms;  /* of the wall clock: end of the last window; 0: none */
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
	/* hand.c, part.c, text.c */
	struct map in_hand; /* message id -> struct job */
	struct map parts;   /* number -> struct part, of those that are away */
	size_t part_count, big_count, stuck_count;
	uint64_t next_part;
	struct sched sched;
	struct link wants;     /* parts that wait for room in the window */
	struct link big_wants; /* parts that wait for a descriptor */
	unsigned deliver_count; /* highest index of a deliver worker seen, and one */
	struct rng rng;
	/* suspend.c */
	struct map stops; /* hash of the key -> struct stop */
	/* wait.c */
	struct wait wait;
	/* turn.c */
	struct link turns;
	size_t turn_count;
	uint64_t next_turn;
	/* dial.c */
	struct dial_zone zone;
	struct dial_line dials[SPOOL_DIALS_MAX];
	size_t dial_count;
	uint64_t dial_query;
	/* unreachable.c */
	struct unreachable unreachable[CONF_ROUTE_FILES_MAX];
	size_t unreachable_count;
	char unreachable_why[768]; /* of the fate made last */
	bool unrouted; /* there is, or may be, mail that no route leads to */
	/* owed.c */
	bool owed[OWED_COUNT];
	/* pump.c */
	struct pump pump;
	struct loop_timer *due_timer, *watch_timer;
	/* report.c */
	struct link reports; /* that are being made */
	size_t report_count, letter_count;
	uint64_t next_letter;
	uint32_t next_group;
	struct mail_ids ids;
	struct spool_window *bounce_window;
	/* notice.c */
	struct notices notices;
	struct link notice_letters;
	size_t notice_count;
	size_t written_count; /* of written.c, that are not kept yet */
	/* act.c */
	struct link acts;
	size_t act_count;
	struct loop_timer *act_timer;
	bool disk_low, draining, trim, lost;
	bool drained; /* transfer drain: nothing is left, and that is told */
};

/* batch.c */
int commit_start(struct spool *s);
/* The next `count` operations come into one batch. False: no memory, or too many. */
bool commit_room(struct spool *s, size_t count);
/* A free operation with its note in the batch that fills, zeroed; NULL: no memory. The
 * operation's strings come from *arena. */
struct spool_op *commit_op(struct spool *s, struct note **note, struct arena **arena);
/* Takes back the operation that commit_op gave last. */
void commit_undo(struct spool *s);
/* The operation by which a message arrives that was written here, for the only recipient of
 * the envelope; the note's kind is the caller's to set. `spans` are its text, borrowed until
 * it is committed. NULL: no memory, nothing was begun. */
struct spool_op *letter_arrive(struct spool *s, uint64_t id, const struct envelope *e,
			       const struct str *spans, size_t count, struct note **note);
bool commit_is_idle(const struct spool *s);
void commit_stop(struct spool *s);

/* arrive.c */
void arrive_commit(struct spool *s, unsigned worker, const struct msg_commit *m);
void arrive_piece(struct spool *s, unsigned worker, const struct msg_big_piece *m);
void arrive_abort(struct spool *s, unsigned worker, uint64_t handle);
void arrive_done(struct spool *s, const struct spool_op *op, const struct note *note);
void arrive_worker_up(struct spool *s, unsigned worker, int window_fd);
void arrive_worker_down(struct spool *s, unsigned worker);

/* pump.c: what is due is taken in hand */
void pump_start(struct spool *s);
/* Looks, at the end of this turn, for what may be started. */
void pump_soon(struct spool *s);
/* A new message, or one of which something is still due: it need not be looked for. */
void pump_fresh(struct spool *s, uint64_t id);
/* The whole due-list is looked through again: something stands before the cursor. */
void pump_rescan(struct spool *s);
void pump_tick(void *arg);

/* hand.c: messages in hand */
struct deadline job_deadline(const struct spool *s, const struct job *job);
/* A job that only keeps the message from being started. NULL: it is in hand, no memory. */
struct job *job_new(struct spool *s, uint64_t id);
/* Takes the message in hand and puts its recipients that are due into lines. 0, or -ENOBUFS
 * when there is no room for it now. due {0, 0}: it is read. */
int job_start(struct spool *s, uint64_t id, struct spool_due due);
void job_release(struct spool *s, struct job *job); /* freed when nothing is pending */
/* Not again soon: it stays in hand for SPOOL_STUCK_MS. */
void job_stick(struct spool *s, struct job *job);
void jobs_unstick(struct spool *s);
/* The host of the destination does not answer: who waits in its line is put off. */
void line_put_off(struct spool *s, struct sched_dest *d);
/* It is not asked again at once: who waits in its line goes back to the due-list. */
void line_put_back(struct spool *s, struct sched_dest *d);
/* Nothing is begun any more, for now: whatever only waits is let go. */
void jobs_drain(struct spool *s);
/* Takes the message in hand with its open recipients that the filter means, whether they
 * are due or not and whatever its state; they stand in no line. -EBUSY: somebody has it;
 * -ENOBUFS: no room now. */
int job_claim(struct spool *s, uint64_t id, const struct filter *filter, struct job **out);
/* What waits of it is placed anew, if it is in hand. */
void job_place_anew(struct spool *s, uint64_t id);
/* The same for all that have a part in a line of which `is` says yes. */
typedef bool part_is_fn(struct spool *s, const struct part *part, const void *arg);
void jobs_place_anew_if(struct spool *s, part_is_fn *is, const void *arg);
/* Leaves its lines: it is not to be tried (again) now. What is away stays away. */
void job_leave_lines(struct spool *s, struct job *job);

/* choose.c: by which of several routes */
/* The destination that a route leads to; NULL: it is not known at present. */
struct sched_dest *route_dest(const struct spool *s, const struct route *route);
/* Where one of its recipients goes, by the present configuration and what was chosen for it. */
struct route job_route(const struct spool *s, const struct job *job,
                       const struct job_rcpt *rcpt);
/* Chooses by what the queue knows of the hosts now; it is told if that is a dearer one. */
struct route choose_route(struct spool *s, const struct job *job, struct job_rcpt *rcpt);
/* Whether there is a route that costs more than the one chosen; and whether one can be tried now. */
bool choose_has_next(const struct spool *s, const struct job *job, const struct job_rcpt *rcpt);
bool choose_has_dearer(struct spool *s, const struct job *job, const struct job_rcpt *rcpt);
/* Whether any of its routes can: the one chosen can not. */
bool choose_has_other(struct spool *s, const struct job *job, const struct job_rcpt *rcpt);
/* Its hosts answer again: it is told, if another one stood in. */
void choose_is_back(struct spool *s, struct sched_dest *d);

/* part.c: parts of messages go to workers and come back */
struct part *part_new(struct spool *s, struct job *job, struct sched_dest *dest, enum role role);
void part_free(struct spool *s, struct part *part);
void parts_dispatch(struct spool *s);
/* The worker is through with it. */
void part_back(struct spool *s, struct part *part, enum sched_end end, struct str why);
void parts_lost(struct spool *s, enum role role, unsigned worker);
void parts_worker_up(struct spool *s, enum role role, unsigned worker);
void parts_worker_down(struct spool *s, enum role role, unsigned worker);
/* s->draining is true now: nobody tells of a death any more. */
void parts_drain(struct spool *s);
/* Whom a destination belongs to. */
enum role part_role(const struct route *route);

/* text.c: the text of messages in our window */
int text_load(struct spool *s, struct job *job);
/* Into `list` as a message's field; the text of a job is loaded once for all parts. */
int text_take(struct spool *s, struct part *part, struct buf *list);
void text_give(struct spool *s, struct part *part);
void text_wanted(struct spool *s, unsigned worker, uint64_t number);
void text_serve_wants(struct spool *s);

/* outcome.c: what became of them */
/* RFC 2852: the time that the sender has set is over. */
#define SPOOL_DSN_BY STR("5.4.7")
void outcome_done(struct spool *s, enum role role, unsigned worker, const struct msg_done *m);
void outcome_committed(struct spool *s, const struct spool_op *op, const struct note *note);
/* An outcome operation for rcpts[at] of the job; NULL: no memory (then the recipient is
 * simply tried again). */
struct spool_op *outcome_op(struct spool *s, struct job *job, uint32_t at, struct fate fate);
/* Recipient rcpts[at] of `job` has this fate: it is written down, and told to whom it
 * concerns. */
void outcome_fate(struct spool *s, struct job *job, uint32_t at, struct fate fate);
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

/* clock.c: looks whether the wall clock was set back; every second */
void clock_watch(struct spool *s);

/* report.c: outcomes whose report is committed with them */
/* Puts the fate into the report that is gathered for `job`. False: it is to be written
 * down without one. */
bool report_add(struct spool *s, struct job *job, uint32_t at, const struct fate *fate);
/* All fates of this answer are known: the reports are asked for. */
void report_send(struct spool *s, struct job *job);
void report_written(struct spool *s, const struct msg_report_done *m);
void report_committed(struct spool *s, const struct spool_op *op, const struct note *note);
void report_bounce_up(struct spool *s, struct channel *ch);
void report_bounce_down(struct spool *s);
void report_window(struct spool *s, int fd);
/* What could not be asked for before, for want of room. */
void report_ask_waiting(struct spool *s);
/* The reports of a message that is parked: they are not written. */
void report_drop(struct spool *s, struct job *job);

void window_unref(struct spool_window *w); /* NULL is fine */

/* notice.c: the postmaster is told of refused submissions */
void notice_note(struct spool *s, const struct msg_refused_note *m);
/* Whether the answer was about one of these. */
bool notice_written(struct spool *s, const struct msg_report_done *m);
void notice_committed(struct spool *s, const struct spool_op *op, const struct note *note);

/* written.c: mail that the role http writes */
void written_take(struct spool *s, const struct msg_letter *m);
void written_committed(struct spool *s, const struct spool_op *op, const struct note *note);
void notice_bounce_down(struct spool *s);
/* Asks for what is due and what waits; every second. */
void notice_tick(struct spool *s);

/* act.c */
/* False: too many are at work; who has asked is told. query 0: nobody has. */
bool act_begin(struct spool *s, const struct msg_act *m);
/* Mail that no route led to, as far as one does now, is tried at once. False: as act_begin. */
bool act_route(struct spool *s);
void act_committed(struct spool *s, const struct spool_op *op, const struct note *note);
/* A walk for wait.c: wait_walked follows. False: no memory. */
bool act_release(struct spool *s);
void act_slice(void *arg);
void act_finish_if_done(struct act *act);
/* A job that was taken for an act has ended. */
void act_job_over(struct act *act, bool put_off);

/* send_back.c: to its sender because an administrator says so. 0, or -EBUSY, -ENOBUFS:
 * later; else it cannot be. */
int send_back(struct spool *s, struct act *act, uint64_t id);

/* suspend.c: domains and routes that are left alone */
void suspend_load(struct spool *s);
void suspend_tick(struct spool *s); /* ends those whose time has come */
/* Whether mail for it is suspended, and where it waits then (NULL: no room). */
bool suspend_dest(struct spool *s, const struct route *route, struct str address,
		  struct sched_dest **d);
bool suspend_is(struct spool *s, const struct route *route, struct str address);
/* Asks for the one that the selector names; the answer follows its commit. */
void suspend_ask(struct act *act, struct str selector);
void suspend_committed(struct spool *s, const struct spool_op *op, const struct note *note);

/* wait.c: mail that waits until somebody asks for it */
/* True: the recipient is not to be tried now, and has been put off. */
bool wait_put_off(struct spool *s, struct job *job, uint32_t at, const struct route *route);
/* A client asks; it is answered. */
void wait_release(struct spool *s, unsigned worker, const struct msg_release *m);
/* Whether this walk looks for it, for a domain's server or a window; for who fetches it see
 * turn.h. */
bool wait_is_asked_for(struct spool *s, const struct route *route);
/* To a worker of receive that has asked, if it is still the same one; else NULL. */
struct channel *wait_channel(const struct spool *s, unsigned worker, uint64_t life);
/* The walk has ended and has found so many messages. */
void wait_walked(struct spool *s, uint64_t count, bool failed);
void wait_tick(struct spool *s); /* every second */
/* A walk begins, or another after the one that goes on: what asks for it has noted its number,
 * s->wait.walk + 1. */
void wait_walk(struct spool *s);

/* dial.c: mail that waits for a window */
void dial_zone_load(struct spool *s); /* while files can be read */
void dial_load(struct spool *s); /* the blocks of this configuration */
bool dial_put_off(struct spool *s, struct job *job, uint32_t at, const struct route *route);
bool dial_is_closed(struct spool *s, const struct route *route);
bool dial_is_asked_for(struct spool *s, const struct route *route);
void dial_tick(struct spool *s); /* every second */
void dial_answer(struct spool *s, const struct msg_program_done *m);
void dial_drain(struct spool *s);

/* fetch.c: a host is asked for mail when a window opens */
void fetch_begin(struct spool *s, struct dial_line *line, const struct conf_dial *d);
/* A host sends its mail over a connection of ours. Takes over `fd`. */
void fetch_visit(struct spool *s, const struct msg_visit *m, int fd);
/* Whether the answer was about one of these. */
bool fetch_done(struct spool *s, const struct msg_done *m);

/* unreachable.c: routes by which no mail can go now */
void unreachable_set(struct spool *s, const struct msg_route_state *m);
/* A fate for the recipient that waits because nothing leads to it, and why; false: it can be
 * tried. `fate->text` lives until the next call. */
bool unreachable_fate(struct spool *s, const struct route *route, struct fate *fate);
bool unreachable_is(struct spool *s, const struct route *route);
void unreachable_tick(struct spool *s); /* what is owed */

/* owed.c: retries that nobody has asked for */
/* It begins now, or as soon as there is room for it. */
void owed_set(struct spool *s, enum owed what);
void owed_tick(struct spool *s); /* every second */

/* watch.c */
void watch_tick(void *arg);
void watch_totals(struct spool *s, uint64_t query);
void watch_error(struct spool *s, int error, const char *reason);
/* The store cannot be used any more: says so and leaves; master starts us anew. */
void watch_store_lost(struct spool *s, int error);
void watch_leave_if_idle(struct spool *s);

#endif
