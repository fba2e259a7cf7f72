/* SPDX-License-Identifier: Apache-2.0 */
/* What is due becomes jobs for the mailboxes: a plain due-list, earliest first, bounded
 * in number and by the window. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/route/route.h"
#include "lib/mail/job.h"

enum {
	JOB_ARENA = 4 * 1024 * 1024,
	PUMP_BATCH = 64,
	DUE_IDLE_MS = 1000, /* how often the due-list is looked at when nothing happens */
};

struct job *job_new(struct spool *s, uint64_t id)
{
	struct job *job = map_get(&s->in_hand, id) ? NULL : calloc(1, sizeof *job);
	if (!job) return NULL;
	job->id = id;
	job->job = ++s->next_job;
	arena_init(&job->arena, JOB_ARENA);
	if (map_put(&s->in_hand, id, job)) {
		if (map_put(&s->jobs, job->job, job)) return job;
		(void)map_take(&s->in_hand, id);
	}
	free(job);
	return NULL;
}

static void job_give_ranges(struct spool *s, struct job *job)
{
	for (size_t i = 0; i < job->range_count; i++) window_give(s->window, job->ranges[i].offset);
	job->range_count = 0;
}

void job_release(struct spool *s, struct job *job)
{
	if (job->away || job->pending > 0) return;
	job_give_ranges(s, job);
	if (job->stuck_until_ms) return;
	(void)map_take(&s->in_hand, job->id);
	(void)map_take(&s->jobs, job->job);
	arena_free(&job->arena);
	free(job);
}

void job_stick(struct spool *s, struct job *job)
{
	if (job->stuck_until_ms || s->stuck_count == SPOOL_STUCK_MAX) return;
	job->stuck_until_ms = loop_now_ms(s->frame->loop) + SPOOL_STUCK_MS;
	s->stuck_count++;
}

/* Lets go of those whose time is over, one by one: the map changes. */
static void jobs_unstick(struct spool *s)
{
	int64_t now_ms = loop_now_ms(s->frame->loop);
	for (size_t left = s->stuck_count; left > 0; left--) {
		size_t at = 0;
		struct job *job;
		do job = map_next(&s->jobs, &at, NULL);
		while (job && !(job->stuck_until_ms && job->stuck_until_ms <= now_ms));
		if (!job) return;
		job->stuck_until_ms = 0;
		s->stuck_count--;
		job_release(s, job);
	}
}

void job_back(struct spool *s, struct job *job)
{
	job->away = false;
	if (job->big) s->big_count--;
	job->big = false;
	job_give_ranges(s, job);
	job_release(s, job);
}

void jobs_lost(struct spool *s, unsigned worker)
{
	for (;;) {
		size_t at = 0;
		struct job *job;
		do job = map_next(&s->jobs, &at, NULL);
		while (job && !(job->away && job->worker == worker));
		if (!job) return;
		job_back(s, job);
	}
}

/* --- building one job --------------------------------------------------------------- */

struct gather {
	struct spool *spool;
	struct job *job;
	int64_t now_ms;
};

static int gather_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct gather *g = ctx;
	struct job *job = g->job;
	if (!spool_rcpt_is_open(rcpt->state) || rcpt->next_due_ms > g->now_ms) return 0;
	if (job->rcpt_count == SPOOL_JOB_RCPTS_MAX) return 1;
	struct str address = arena_str(&job->arena, rcpt->address);
	if (!address.at) return -ENOMEM;
	job->rcpts[job->rcpt_count++] =
		(struct job_rcpt){ rcpt->index, rcpt->attempts, false, address };
	return 0;
}

/* Copies the body into our window. -ENOBUFS: no room now. */
static int job_load(struct spool *s, struct job *job, const struct spool_msg *msg)
{
	size_t blocks = (size_t)msg->size / WINDOW_BLOCK + 1;
	uint32_t crc = 0;
	if (window_free_blocks(s->window) < blocks) return -ENOBUFS;
	job->ranges = arena_alloc(&job->arena, blocks * sizeof *job->ranges);
	if (!job->ranges) return -ENOMEM;
	for (uint64_t offset = 0; job->range_count < blocks;) {
		struct window_range range = { (uint32_t)window_take(s->window), WINDOW_BLOCK };
		size_t got;
		int error = store_read_body(s->store, msg->id, offset, window_at(s->window, range),
			WINDOW_BLOCK, &crc, &got);
		range.len = error ? 0 : (uint32_t)got;
		job->ranges[job->range_count++] = range;
		if (error) return error;
		offset += got;
		if (got < WINDOW_BLOCK) break;
	}
	return 0;
}

/* The directory said at arrival that this recipient exists; for postmaster it matters. */
static bool rcpt_existed(const struct envelope *e, uint32_t index)
{
	return index < e->rcpt_count && str_eq(e->rcpts[index].route, STR("mailbox"));
}

/* Writes the recipients that go to a mailbox into `list`; defers the others. */
static void job_recipients(struct spool *s, struct job *job, const struct envelope *e,
                           struct buf *list)
{
	for (size_t i = 0; i < job->rcpt_count; i++) {
		struct job_rcpt *rcpt = &job->rcpts[i];
		struct route route =
			route_find(s->frame->conf, rcpt->address, rcpt_existed(e, rcpt->index));
		if (route.kind == ROUTE_MAILBOX) {
			job_recipient_put(list, &(struct job_recipient){
				.index = rcpt->index,
				.address = rcpt->address,
				.mailbox = route.mailbox,
				.domain = route_domain_of(route.mailbox),
			});
			continue;
		}
		outcome_defer(s, job, (uint32_t)i, STR("4.4.4"),
			route.kind != ROUTE_NONE
				? STR("Mail for other hosts is kept: this release delivers to "
				      "mailboxes only")
				: STR("No route leads to this address; the message is kept"),
			route.via ? route.via->name : STR(""));
	}
}

static int job_send(struct spool *s, struct job *job, const struct spool_msg *msg,
                    struct str list)
{
	struct channel *ch = frame_peer(s->frame, ROLE_MAILBOX, 0);
	struct msg_job m = { .job = job->job, .id = job->id, .sender = job->from,
		.recipients = list, .size = msg->size };
	job->worker = 0;
	if (msg->body == SPOOL_BODY_BIG) {
		if (s->big_count == SPOOL_BIG_JOBS_MAX) return -ENOBUFS;
		int fd = store_open_big(s->store, msg->id);
		if (fd < 0) return fd;
		m.big = 1;
		job->big = true;
		s->big_count++;
		channel_send_job_fd(ch, &m, fd);
		(void)close(fd);
	} else {
		struct buf ranges;
		int error = job_load(s, job, msg);
		if (error) return error;
		buf_init(&ranges, SPOOL_WINDOW);
		window_ranges_put(&ranges, job->ranges, job->range_count);
		m.ranges = buf_view(&ranges);
		channel_send_job(ch, &m);
		buf_free(&ranges);
	}
	job->away = true;
	return 0;
}

static int job_fill(struct spool *s, struct job *job)
{
	struct spool_msg msg;
	struct envelope e;
	struct gather gather = { s, job, loop_wall_ms(s->frame->loop) };
	int error = store_read_msg(s->store, job->id, &job->arena, &msg);
	if (error) return error;
	struct cur cur = cur_of(msg.envelope);
	if (envelope_decode(&cur, &job->arena, &e) != ENVELOPE_OK) return -EBADMSG;
	job->from = e.sender;
	job->arrived_ms = msg.arrived_ms;
	job->size = msg.size;
	job->rcpts = arena_alloc(&job->arena, SPOOL_JOB_RCPTS_MAX * sizeof *job->rcpts);
	if (!job->rcpts) return -ENOMEM;
	error = store_read_rcpts(s->store, job->id, 0, SPOOL_RCPTS_MAX, gather_rcpt, &gather);
	if (error < 0) return error;
	struct buf list;
	buf_init(&list, JOB_ARENA);
	job_recipients(s, job, &e, &list);
	error = list.len ? job_send(s, job, &msg, buf_view(&list)) : 0;
	buf_free(&list);
	return error;
}

/* 0, or -ENOBUFS when there is no room for it now. */
static int job_start(struct spool *s, struct spool_due due)
{
	if (map_get(&s->in_hand, due.id)) return 0;
	struct job *job = job_new(s, due.id);
	if (!job) return -ENOBUFS;
	job->due = due;
	int error = job_fill(s, job);
	if (error == -ENOENT) { /* dropped meanwhile, or an entry without its message */
		outcome_unlist(s, job);
		return 0;
	}
	if (error == -EBADMSG) {
		watch_error(s, error, "a message is damaged");
		outcome_park(s, job, STR("the message is damaged on disk"));
		return 0;
	}
	/* One that cannot be read now does not stand in the way of the others. */
	if (error && error != -ENOBUFS) {
		watch_error(s, error, "a message could not be read");
		job_stick(s, job);
	}
	job_release(s, job);
	return error == -ENOBUFS ? error : 0;
}

/* --- the due-list --------------------------------------------------------------------- */

struct due_ids {
	struct spool_due at[PUMP_BATCH];
	size_t count;
};

static int due_collect(void *ctx, struct spool_due due)
{
	struct due_ids *ids = ctx;
	ids->at[ids->count++] = due;
	return 0;
}

static bool jobs_may_start(const struct spool *s)
{
	const struct channel *mailbox = frame_peer(s->frame, ROLE_MAILBOX, 0);
	return !s->draining && !s->lost && mailbox && s->window &&
	       channel_backlog(mailbox) < SPOOL_BACKLOG_MAX &&
	       s->frame->conf->transfer != CONF_TRANSFER_IN && s->jobs.count < SPOOL_JOBS_MAX;
}

void jobs_pump(struct spool *s)
{
	while (jobs_may_start(s)) {
		struct due_ids ids = { .count = 0 };
		struct spool_due next = s->due_at;
		int64_t now_ms = loop_wall_ms(s->frame->loop);
		int error = store_due_list(s->store, now_ms, &next, PUMP_BATCH, due_collect, &ids);
		if (error) {
			watch_error(s, error, "the due-list could not be read");
			return;
		}
		for (size_t i = 0; i < ids.count; i++) {
			if (!jobs_may_start(s) || job_start(s, ids.at[i]) != 0) return;
			s->due_at = ids.at[i];
		}
		/* At the end: from the start again next time, past what is in hand. */
		if (ids.count < PUMP_BATCH) {
			s->due_at = (struct spool_due){ 0, 0 };
			return;
		}
	}
}

void jobs_pump_again(void *arg)
{
	struct spool *s = arg;
	jobs_unstick(s);
	s->due_at = (struct spool_due){ 0, 0 };
	jobs_pump(s);
	loop_timer_set(s->due_timer, DUE_IDLE_MS);
}
