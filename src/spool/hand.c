/* SPDX-License-Identifier: Apache-2.0 */
/* A message is taken in hand: its recipients that are due go into the lines of their
 * destinations, in parts. Its text is not touched: that is read when somebody takes it. */
#include "spool/pacing.h"
#include "spool/turn.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/smtp/command.h"
#include "spool/action.h"

enum { JOB_ARENA = 8 * 1024 * 1024 };

struct job *job_new(struct spool *s, uint64_t id)
{
	struct job *job = map_get(&s->in_hand, id) ? NULL : calloc(1, sizeof *job);
	if (!job) return NULL;
	job->id = id;
	arena_init(&job->arena, JOB_ARENA);
	list_init(&job->parts);
	if (map_put(&s->in_hand, id, job)) return job;
	free(job);
	return NULL;
}

void job_release(struct spool *s, struct job *job)
{
	if (job->part_count > 0 || job->pending > 0 || job->stuck_until_ms) return;
	uint64_t id = job->id;
	bool again = job->again, put_off = job->put_off;
	struct act *act = job->act;
	(void)map_take(&s->in_hand, id);
	arena_free(&job->arena);
	free(job);
	if (again) pump_fresh(s, id);
	if (act) act_job_over(act, put_off);
}

void job_stick(struct spool *s, struct job *job)
{
	if (job->stuck_until_ms || s->stuck_count == SPOOL_STUCK_MAX) return;
	job->stuck_until_ms = loop_now_ms(s->frame->loop) + SPOOL_STUCK_MS;
	s->stuck_count++;
}

/* Lets go of those whose time is over, one by one: the map changes. */
void jobs_unstick(struct spool *s)
{
	int64_t now_ms = loop_now_ms(s->frame->loop);
	for (size_t left = s->stuck_count; left > 0; left--) {
		size_t at = 0;
		struct job *job;
		do job = map_next(&s->in_hand, &at, NULL);
		while (job && !(job->stuck_until_ms && job->stuck_until_ms <= now_ms));
		if (!job) return;
		job->stuck_until_ms = 0;
		job->again = true;
		s->stuck_count--;
		job_release(s, job);
	}
}

void job_leave_lines(struct spool *s, struct job *job)
{
	job->in_line = false;
	LIST_EACH(it, &job->parts) {
		struct part *part = CONTAINER(it, struct part, link);
		if (part->away) continue;
		sched_leave(&s->sched, part->dest, &part->item);
		part_free(s, part);
	}
}

void jobs_drain(struct spool *s)
{
	for (;;) {
		size_t at = 0;
		struct job *job;
		do job = map_next(&s->in_hand, &at, NULL);
		while (job && !job->in_line);
		if (!job) return;
		job_leave_lines(s, job);
		job_release(s, job);
	}
}

struct deadline job_deadline(const struct spool *s, const struct job *job)
{
	return deadline_of(s->frame->conf, &(struct deadline_case){ .arrived_ms = job->arrived_ms,
		.hold_until_ms = job->hold_until_ms, .by_ms = job->by_ms, .by = job->by,
		.priority = job->priority });
}

/* --- recipients ------------------------------------------------------------------------ */

struct gather {
	const struct conf *conf;
	struct job *job;
	const struct filter *filter; /* NULL: those that are due */
	const struct envelope *e;
	size_t max;
	int64_t now_ms;
};

static bool gather_wants(const struct gather *g, const struct spool_rcpt *rcpt)
{
	if (!spool_rcpt_is_open(rcpt->state)) return false;
	if (!g->filter) return rcpt->next_due_ms <= g->now_ms;
	struct route route = action_route(g->conf, g->e, rcpt);
	return filter_matches_recipient(g->filter, rcpt->address, route_name(&route));
}

static int gather_rcpt(void *ctx, const struct spool_rcpt *rcpt)
{
	struct gather *g = ctx;
	struct job *job = g->job;
	if (!gather_wants(g, rcpt)) return 0;
	if (job->rcpt_count == g->max) {
		job->again = true; /* the rest follows when these are done with */
		return 1;
	}
	struct job_rcpt *to = &job->rcpts[job->rcpt_count];
	const struct envelope_rcpt *from =
		rcpt->index < g->e->rcpt_count ? &g->e->rcpts[rcpt->index] : NULL;
	*to = (struct job_rcpt){ .index = rcpt->index, .attempts = rcpt->attempts,
		.warned = rcpt->warned, .doubts = rcpt->doubts, .next = JOB_NO_RCPT,
		.existed = action_existed(g->e, rcpt->index),
		.address = arena_str(&job->arena, rcpt->address) };
	if (!to->address.at) return -ENOMEM;
	if (from) {
		to->notify = from->notify;
		to->orcpt = from->orcpt;
	}
	job->rcpt_count++;
	return 0;
}

enum role part_role(const struct route *route)
{
	return route->kind == ROUTE_MAILBOX ? ROLE_MAILBOX : ROLE_DELIVER;
}

/* `others`: a dearer route may stand in for it. */
static struct sched_dest *dest_of(struct spool *s, const struct route *route, bool others)
{
	char memory[ROUTE_KEY_MAX + 8];
	struct buf key;
	bool local = route->kind == ROUTE_MAILBOX;
	buf_init_fixed(&key, memory, sizeof memory);
	route_key(&key, route);
	struct sched_dest *d = sched_dest(&s->sched, buf_view(&key), route_name(route),
		local ? SPOOL_MAILBOX_JOBS : pacing_places(s, buf_view(&key)), local);
	if (d && !local) pacing_place(s, d, route);
	if (d) d->remembers = others;
	if (d && local && !frame_peer(s->frame, ROLE_MAILBOX, 0))
		sched_suspend(&s->sched, d, true);
	return d;
}

/* The part of this job for the destination that still has room, or a new one. */
static struct part *part_for(struct spool *s, struct job *job, struct sched_dest *d,
                             enum role role)
{
	const struct conf_pacing *block = role == ROLE_MAILBOX ? NULL : pacing_block(s, d);
	uint32_t max = role == ROLE_MAILBOX ? SPOOL_MAILBOX_RCPTS
		: pace_recipients_max(s->frame->conf, block);
	LIST_EACH(it, &job->parts) {
		struct part *part = CONTAINER(it, struct part, link);
		if (part->dest == d && part->count < max) return part;
	}
	return part_new(s, job, d, role);
}

/* Its hosts do not answer: put off without an attempt, until somebody has asked again. */
static void put_off(struct spool *s, struct job *job, uint32_t at, const struct sched_dest *d)
{
	static const struct str before = STR_INIT("Not tried: the next host did not answer before: ");
	char memory[SCHED_TEXT_MAX + 64];
	struct buf text;
	buf_init_fixed(&text, memory, sizeof memory);
	buf_str(&text, before);
	buf_str(&text, (struct str){ d->why, d->why_len });
	outcome_fate(s, job, at, (struct fate){
		.state = SPOOL_DEFERRED, .quiet = true,
		.next_due_ms = d->blocked_until_ms + (int64_t)rng_below(&s->rng, 60 * 1000),
		.dsn = STR("4.4.1"), .text = buf_view(&text), .route = d->route });
}

void line_put_off(struct spool *s, struct sched_dest *d)
{
	for (struct line_item *item; (item = sched_drop(&s->sched, d));) {
		struct part *part = CONTAINER(item, struct part, item);
		struct job *job = part->job;
		for (uint32_t i = part->first; i != JOB_NO_RCPT; i = job->rcpts[i].next) {
			/* It is placed again, and finds that one. */
			if (choose_has_other(s, job, &job->rcpts[i])) job->again = true;
			else put_off(s, job, i, d);
		}
		part_free(s, part);
		report_send(s, job);
		job_release(s, job);
	}
}

void line_put_back(struct spool *s, struct sched_dest *d)
{
	for (struct line_item *item; (item = sched_drop(&s->sched, d));) {
		struct part *part = CONTAINER(item, struct part, item);
		struct job *job = part->job;
		job->again = true;
		part_free(s, part);
		job_release(s, job);
	}
}

static bool is_urgent(const struct job *job)
{
	return job->priority == MAIL_PRIORITY_URGENT;
}

/* Nothing else makes it due, neither another recipient's time nor the end of its own. */
static bool waits_for_one(const struct job *job)
{
	return job->rcpts_open == 1 && job->by != MAIL_BY_RETURN;
}

static void place_rcpt(struct spool *s, struct job *job, uint32_t at, int64_t now_ms)
{
	struct job_rcpt *rcpt = &job->rcpts[at];
	struct route route = choose_route(s, job, rcpt);
	if (job->by == MAIL_BY_RETURN && job->by_ms <= now_ms) {
		outcome_fate(s, job, at, (struct fate){ .state = SPOOL_EXPIRED, .dsn = SPOOL_DSN_BY,
			.text = STR("Not tried any more: the time that the sender has set is over"),
			.route = route_name(&route) });
		return;
	}
	struct sched_dest *d;
	struct fate fate;
	bool stopped = suspend_dest(s, &route, rcpt->address, &d);
	if (!stopped) d = turn_dest(s, job, &route);
	bool plain = !stopped && !d;
	if (plain && (wait_put_off(s, job, at, &route) || dial_put_off(s, job, at, &route))) return;
	if (plain && unreachable_fate(s, &route, &fate)) {
		outcome_fate(s, job, at, fate);
		return;
	}
	if (plain) d = dest_of(s, &route, choose_has_next(s, job, rcpt));
	if (!d) {
		outcome_fate(s, job, at, (struct fate){ .state = SPOOL_DEFERRED,
			.dsn = STR("4.4.4"), .route = route_name(&route),
			.text = STR("Too many destinations at once; the message is kept") });
		return;
	}
	enum sched_verdict verdict = sched_ask_for(&s->sched, d, job->owner, now_ms);
	if (verdict == SCHED_BLOCKED && s->pump.put_off_left > 0) {
		s->pump.put_off_left--;
		put_off(s, job, at, d);
		return;
	}
	struct part *part = verdict == SCHED_LINE ? part_for(s, job, d, part_role(&route)) : NULL;
	if (!part) {
		struct sched_place place = { job->due.due_ms, job->id, is_urgent(job) };
		sched_skip(&s->sched, d, place, waits_for_one(job));
		return;
	}
	if (part->count++ == 0) part->first = at;
	else job->rcpts[part->last].next = at;
	part->last = at;
}

/* --- a message --------------------------------------------------------------------------- */

/* The end of a hold. */
static void job_let_go(struct spool *s, struct job *job)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) return;
	job->pending++;
	note->kind = NOTE_UNLIST;
	note->job = job;
	op->kind = SPOOL_OP_STATE;
	op->id = job->id;
	op->state = (struct spool_set_state){ SPOOL_ACTIVE, job->due.due_ms, STR("") };
	job->again = true;
}

/* Whose turn it is: a bulk sender that puts the recipient into each address (news+bob=…) is
 * one sender. */
static uint64_t sender_hash(struct str sender)
{
	struct str domain = sender, local = str_cut(&domain, '@');
	size_t len = 0;
	while (len < local.len && str_find(STR("+-="), local.at[len]) < 0) len++;
	return hash_str_nocase(str_sub(local, 0, len), hash_str_nocase(domain, 0));
}

static int job_know(struct job *job, const struct spool_msg *msg, struct envelope *e)
{
	struct cur cur = cur_of(msg->envelope);
	if (envelope_decode(&cur, &job->arena, e) != ENVELOPE_OK) return -EBADMSG;
	job->from = e->sender;
	job->owner = e->user.len ? hash_str_nocase(e->user, 0) : sender_hash(e->sender);
	job->envid = e->envid;
	job->user = e->user;
	/* RFC 8689 5: no report may carry the text to where it is not protected. */
	job->ret = e->tls_wish == MAIL_TLS_REQUIRED ? (uint8_t)SMTP_RET_HDRS : e->ret;
	job->priority = msg->priority;
	job->body8 = e->body8;
	job->smtputf8 = e->smtputf8;
	job->is_copy = e->copy;
	job->tls_wish = e->tls_wish;
	job->by = e->by;
	job->by_trace = e->by_trace;
	job->by_ms = e->by_ms;
	job->hold_until_ms = e->hold_until_ms;
	job->bulk = e->bulk;
	job->mt_priority = e->mt_priority;
	job->arrived_ms = msg->arrived_ms;
	job->size = msg->size;
	job->body = msg->body;
	return 0;
}

static int job_read_rcpts(struct spool *s, struct job *job, const struct envelope *e,
                          const struct filter *filter, size_t max)
{
	job->rcpts = arena_alloc(&job->arena, (max + 1) * sizeof *job->rcpts);
	if (!job->rcpts) return -ENOMEM;
	struct gather g = { s->frame->conf, job, filter, e, max, loop_wall_ms(s->frame->loop) };
	int error = store_read_rcpts(s->store, job->id, 0, SPOOL_RCPTS_MAX, gather_rcpt, &g);
	return error < 0 ? error : 0;
}

static int job_read(struct spool *s, struct job *job, struct envelope *e, bool *held)
{
	struct spool_msg msg;
	int error = store_read_msg(s->store, job->id, &job->arena, &msg);
	if (error) return error;
	*held = msg.state != SPOOL_ACTIVE;
	if (*held && !spool_is_listed(msg.state, msg.next_due_ms)) return -EALREADY;
	if (msg.next_due_ms > loop_wall_ms(s->frame->loop)) return -EALREADY;
	job->due = (struct spool_due){ msg.next_due_ms, job->id };
	job->rcpts_open = msg.rcpts_open;
	error = job_know(job, &msg, e);
	if (error || *held) return error;
	return job_read_rcpts(s, job, e, NULL,
		msg.rcpts_open < SPOOL_JOB_RCPTS_MAX ? msg.rcpts_open : SPOOL_JOB_RCPTS_MAX);
}

static int job_fill(struct spool *s, struct job *job)
{
	struct envelope e;
	bool held = false;
	int error = job_read(s, job, &e, &held);
	if (error == -EALREADY) return 0; /* not due (any more) */
	if (error) return error;
	if (held) {
		job_let_go(s, job);
		return 0;
	}
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	for (uint32_t i = 0; i < job->rcpt_count; i++) place_rcpt(s, job, i, now_ms);
	report_send(s, job);
	LIST_EACH(it, &job->parts) {
		struct part *part = CONTAINER(it, struct part, link);
		job->in_line = true;
		part->item.urgent = is_urgent(job);
		part->item.owner = job->owner;
		sched_wait(&s->sched, part->dest, &part->item);
	}
	return 0;
}

int job_start(struct spool *s, uint64_t id, struct spool_due due)
{
	struct job *there = map_get(&s->in_hand, id);
	if (there) {
		/* Some of its recipients may have been passed over when it was taken. */
		there->again = true;
		return 0;
	}
	struct job *job = job_new(s, id);
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
	if (error) {
		watch_error(s, error, "a message could not be read");
		job_stick(s, job);
	}
	job_release(s, job);
	return 0;
}

void job_place_anew(struct spool *s, uint64_t id)
{
	struct job *job = map_get(&s->in_hand, id);
	if (!job) return;
	job_leave_lines(s, job);
	job->again = true;
	job_release(s, job);
}

void jobs_place_anew_if(struct spool *s, part_is_fn *is, const void *arg)
{
	static uint64_t ids[SPOOL_HANDS_MAX];
	size_t count = 0, at = 0;
	/* Collected first: the map changes. */
	for (struct job *job; count < SPOOL_HANDS_MAX && (job = map_next(&s->in_hand, &at, NULL));) {
		bool waits = false;
		LIST_EACH(it, &job->parts) {
			const struct part *part = CONTAINER(it, struct part, link);
			waits |= !part->away && is(s, part, arg);
		}
		if (waits) ids[count++] = job->id;
	}
	for (size_t i = 0; i < count; i++) job_place_anew(s, ids[i]);
}

int job_claim(struct spool *s, uint64_t id, const struct filter *filter, struct job **out)
{
	struct spool_msg msg;
	struct envelope e;
	job_place_anew(s, id); /* what only waits is free */
	if (map_get(&s->in_hand, id)) return -EBUSY;
	struct job *job = job_new(s, id);
	if (!job) return -ENOBUFS;
	int error = store_read_msg(s->store, id, &job->arena, &msg);
	if (!error) error = job_know(job, &msg, &e);
	if (!error) error = job_read_rcpts(s, job, &e, filter, msg.rcpts_open);
	if (error) job_release(s, job);
	else *out = job;
	return error;
}
