/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of messages go to the workers, in the order that lib/queue/sched decides, and come
 * back. */
#include "spool/pacing.h"
#include "spool/turn.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/units.h"
#include "lib/mail/job.h"
#include "lib/route/spread.h"
#include "spool/rewrite.h"

enum { LIST_MAX = 4 * 1024 * 1024, WORKER_SEED = 0x646c76 };

struct part *part_new(struct spool *s, struct job *job, struct sched_dest *dest, enum role role)
{
	struct part *part = s->part_count < SPOOL_PARTS_MAX ? calloc(1, sizeof *part) : NULL;
	if (!part) return NULL;
	part->job = job;
	part->dest = dest;
	part->role = role;
	part->first = part->last = JOB_NO_RCPT;
	list_add_tail(&job->parts, &part->link);
	job->part_count++;
	s->part_count++;
	return part;
}

void part_free(struct spool *s, struct part *part)
{
	assert(!part->away && !part->has_text && !link_is_in(&part->item.link));
	link_remove(&part->want);
	link_remove(&part->link);
	part->job->part_count--;
	s->part_count--;
	free(part);
}

/* --- to a worker -------------------------------------------------------------------------- */

/* A destination stays with one worker, so that connections are used again; when that one
 * is down another takes its place. */
static struct channel *worker_of(struct spool *s, struct part *part)
{
	if (part->role == ROLE_MAILBOX) return frame_peer(s->frame, ROLE_MAILBOX, part->worker = 0);
	if (turn_worker(s, part->dest->key, &part->worker))
		return frame_peer(s->frame, ROLE_DELIVER, part->worker);
	unsigned first = (unsigned)(hash_str(part->dest->key, WORKER_SEED) >> 32);
	for (unsigned i = 0; i < s->deliver_count; i++) {
		part->worker = (first + i) % s->deliver_count;
		struct channel *ch = frame_peer(s->frame, ROLE_DELIVER, part->worker);
		if (ch) return ch;
	}
	return NULL;
}

static void recipients_put(struct spool *s, const struct part *part, struct buf *list)
{
	static struct rewrite memory;
	const struct job *job = part->job;
	for (uint32_t i = part->first; i != JOB_NO_RCPT; i = job->rcpts[i].next) {
		const struct job_rcpt *rcpt = &job->rcpts[i];
		struct route route = job_route(s, job, rcpt);
		struct str mailbox = part->role == ROLE_MAILBOX ? route.mailbox : rcpt->address;
		struct job_recipient r = {
			.index = rcpt->index,
			.address = rcpt->address,
			.mailbox = mailbox,
			.domain = route_domain_of(mailbox),
			.orcpt = rcpt->orcpt,
			.notify = rcpt->notify,
		};
		/* Who fetches it himself gets it as it came. */
		if (part->role == ROLE_DELIVER && !turn_is_key(part->dest->key))
			rewrite_recipient(&route, &memory, &r);
		job_recipient_put(list, &r);
	}
}

static_assert((int)SPREAD_HOPS_MAX <= (int)JOB_HOPS_MAX, "all hosts of a route fit");

static void hops_put(struct spool *s, const struct conf_hops *hops, struct job_target *t)
{
	uint8_t order[SPREAD_HOPS_MAX];
	size_t count = spread_order(hops, &s->rng, order);
	t->spread = spread_is_wanted(hops);
	for (size_t i = 0; i < count; i++) {
		const struct conf_hop *hop = &hops->at[order[i]];
		t->hops[t->hop_count++] = (struct job_hop){ hop->host, hop->port, hop->mx };
	}
}

/* False: the configuration leads elsewhere by now. Under the same key another route may lead there, whose
 * word on encryption and logins counts from now on. */
static bool target_put(struct spool *s, const struct part *part, struct buf *out)
{
	if (turn_is_key(part->dest->key)) return turn_target_put(s, part->dest->key, out);
	const struct job_rcpt *rcpt = &part->job->rcpts[part->first];
	struct route route = job_route(s, part->job, rcpt);
	if (route_dest(s, &route) != part->dest) return false;
	sched_rename(part->dest, route_name(&route));
	struct job_target t = { .kind = JOB_TO_MX };
	const struct conf_hops *hops = NULL;
	if (route.kind == ROUTE_MX) {
		t.domain = route_domain_of(route.mailbox);
		t.port = (uint16_t)route.via->port;
	} else if (route.kind == ROUTE_LMTP) {
		t.kind = JOB_TO_LMTP;
		hops = &route.domain->deliver.lmtp;
	} else {
		t.kind = JOB_TO_HOSTS;
		hops = &route.via->via;
	}
	if (hops) hops_put(s, hops, &t);
	job_target_put(out, &t);
	return true;
}

static const uint8_t haste_flags[] = {
	[SCHED_CALM] = 0, [SCHED_HURRY] = RELAY_HURRY, [SCHED_LOOK] = RELAY_LOOK
};

static int relay_send(struct spool *s, struct part *part, struct channel *ch, struct str list)
{
	const struct job *job = part->job;
	struct sched_dest *dest = part->dest;
	bool turned = turn_is_key(dest->key);
	const struct conf_pacing *block = turned ? NULL : pacing_block(s, dest);
	struct buf target;
	buf_init(&target, 64 * 1024);
	bool same = target_put(s, part, &target);
	if (same)
		channel_send_relay(ch, &(struct msg_relay){
			.job = part->number, .id = job->id, .size = job->size,
			.arrived_ms = (uint64_t)job->arrived_ms, .sender = job->from,
			.envid = job->envid, .ret = job->ret,
			.flags = (uint8_t)((job->body8 ? RELAY_BODY8 : 0) | (job->smtputf8 ? RELAY_SMTPUTF8 : 0) |
				(pacing_is_settled(s, dest) ? RELAY_SETTLED : 0) |
				(sched_is_last(dest) ? RELAY_LAST : 0) |
				(turned ? RELAY_TURNED : haste_flags[sched_haste(&s->sched, dest)])),
			.key = dest->key, .route = dest->route,
			.target = buf_view(&target), .recipients = list,
			.site = dest->site ? dest->site->name : STR(""),
			.connections = dest->pace.connections,
			.messages = block ? (uint32_t)block->messages_per_connection : 0,
			.tls_wish = job->tls_wish,
			.priority = (uint8_t)job->mt_priority,
			.by = (uint8_t)(job->by | (job->by_trace ? RELAY_BY_TRACE : 0)),
			.by_ms = (uint64_t)job->by_ms });
	buf_free(&target);
	return same ? 0 : -EALREADY;
}

static int mailbox_send(struct spool *s, struct part *part, struct channel *ch, struct str list)
{
	const struct job *job = part->job;
	struct msg_job m = { .job = part->number, .id = job->id, .sender = job->from,
		.recipients = list, .size = job->size };
	if (job->body == SPOOL_BODY_BIG) {
		if (s->big_count == SPOOL_BIG_JOBS_MAX) return -ENOBUFS;
		int fd = store_open_big(s->store, job->id);
		if (fd < 0) return fd;
		m.big = 1;
		part->big = true;
		s->big_count++;
		channel_send_job_fd(ch, &m, fd);
		(void)close(fd);
		return 0;
	}
	struct buf ranges;
	buf_init(&ranges, SPOOL_WINDOW);
	int error = text_take(s, part, &ranges);
	m.ranges = buf_view(&ranges);
	if (!error) channel_send_job(ch, &m);
	buf_free(&ranges);
	return error;
}

static int part_send(struct spool *s, struct part *part)
{
	struct channel *ch = worker_of(s, part);
	struct buf list;
	if (!ch || channel_backlog(ch) >= SPOOL_BACKLOG_MAX) return -ENOBUFS;
	part->number = ++s->next_part;
	if (!map_put(&s->parts, part->number, part)) return -ENOBUFS;
	buf_init(&list, LIST_MAX);
	recipients_put(s, part, &list);
	int error = part->role == ROLE_MAILBOX ? mailbox_send(s, part, ch, buf_view(&list))
	                                       : relay_send(s, part, ch, buf_view(&list));
	buf_free(&list);
	if (error) (void)map_take(&s->parts, part->number);
	else part->away = true;
	return error;
}

/* It cannot be sent, and not because there is no room. */
static void part_failed(struct spool *s, struct part *part, int error)
{
	struct job *job = part->job;
	sched_done(&s->sched, part->dest, SCHED_NEITHER, STR(""), loop_wall_ms(s->frame->loop));
	part_free(s, part);
	if (error == -EALREADY) {
		job->again = true; /* by another route */
	} else if (error == -EBADMSG) {
		watch_error(s, error, "a message is damaged");
		job_leave_lines(s, job);
		outcome_park(s, job, STR("the message is damaged on disk"));
		return;
	} else if (error != -ENOENT) {
		watch_error(s, error, "a message could not be read");
		job_stick(s, job);
	}
	job_release(s, job);
}

void parts_dispatch(struct spool *s)
{
	struct sched_dest *dest;
	if (s->draining || s->lost || !s->window) return;
	for (;;) {
		struct line_item *item =
			sched_take(&s->sched, loop_wall_ms(s->frame->loop), &dest);
		if (!item) return;
		struct part *part = CONTAINER(item, struct part, item);
		int error = part_send(s, part);
		if (error == -ENOBUFS) {
			sched_untake(&s->sched, dest, item);
			return;
		}
		if (error) part_failed(s, part, error);
	}
}

/* --- and back -------------------------------------------------------------------------- */

/* Once for each time that it is found down. A client that fetches its mail is no host: its end
 * is told by atrn_end. */
static void tell_down(struct spool *s, struct sched_dest *d)
{
	struct event_log *log = s->frame->log;
	char text[40];
	struct buf next;
	if (turn_is_key(d->key) || d->told_until_ms == d->blocked_until_ms) return;
	d->told_until_ms = d->blocked_until_ms;
	buf_init_fixed(&next, text, sizeof text);
	units_time_write(&next, d->blocked_until_ms);
	event_begin(log, EVENT_host_down, 0, 0);
	event_str(log, FIELD_route, d->route);
	event_str(log, FIELD_host, d->key);
	event_str(log, FIELD_reason, (struct str){ d->why, d->why_len });
	event_i64(log, FIELD_count, d->failures);
	event_str(log, FIELD_next, buf_view(&next));
	event_end(log);
}

static void tell_up(struct spool *s, struct sched_dest *d)
{
	struct event_log *log = s->frame->log;
	choose_is_back(s, d);
	if (!d->told_until_ms) return;
	d->told_until_ms = 0;
	event_begin(log, EVENT_host_up, 0, 0);
	event_str(log, FIELD_route, d->route);
	event_str(log, FIELD_host, d->key);
	event_end(log);
}

void part_back(struct spool *s, struct part *part, enum sched_end end, struct str why)
{
	(void)map_take(&s->parts, part->number);
	part->away = false;
	if (part->big) s->big_count--;
	part->big = false;
	text_give(s, part);
	struct sched_dest *dest = part->dest;
	int64_t now_ms = loop_wall_ms(s->frame->loop);
	sched_done(&s->sched, dest, end, why, now_ms);
	part_free(s, part);
	if (end == SCHED_SUCCESS) tell_up(s, dest);
	if (end == SCHED_FAILURE && sched_ask(&s->sched, dest, now_ms) == SCHED_BLOCKED) {
		tell_down(s, dest);
		line_put_off(s, dest);
	}
	if (end == SCHED_LOOKED) line_put_back(s, dest);
	pump_soon(s);
}

void parts_lost(struct spool *s, enum role role, unsigned worker)
{
	for (;;) {
		size_t at = 0;
		struct part *part;
		do part = map_next(&s->parts, &at, NULL);
		while (part && !(part->role == role && part->worker == worker));
		if (!part) return;
		struct job *job = part->job;
		job->again = true;
		part_back(s, part, SCHED_NEITHER, STR(""));
		job_release(s, job);
	}
}

/* --- workers come and go ------------------------------------------------------------------ */

static bool deliver_is_up(const struct spool *s)
{
	for (unsigned i = 0; i < s->deliver_count; i++)
		if (frame_peer(s->frame, ROLE_DELIVER, i)) return true;
	return false;
}

static void mailbox_suspend(struct spool *s, bool suspended)
{
	struct sched_dest *d = sched_find(&s->sched, STR("mailbox"));
	if (d) sched_suspend(&s->sched, d, suspended);
}

void parts_worker_up(struct spool *s, enum role role, unsigned worker)
{
	struct channel *ch = frame_peer(s->frame, role, worker);
	parts_lost(s, role, worker); /* its predecessor's */
	if (ch && s->window)
		channel_send_spool_window_fd(ch, &(struct msg_spool_window){ SPOOL_WINDOW },
			window_fd(s->window));
	if (role == ROLE_MAILBOX) mailbox_suspend(s, false);
	if (role == ROLE_DELIVER) {
		if (worker >= s->deliver_count) s->deliver_count = worker + 1;
		s->sched.limit = (uint32_t)s->frame->conf->limit.connections.out;
	}
	pump_soon(s);
}

/* Nothing is taken in hand for a kind of worker of which there is none. What a deliver had
 * in hand is not given to another before master has told of the death, or the successor is
 * there: it may kill that one, too, and has to be counted first. */
void parts_worker_down(struct spool *s, enum role role, unsigned worker)
{
	if (role != ROLE_DELIVER || s->draining) parts_lost(s, role, worker);
	if (role == ROLE_MAILBOX) mailbox_suspend(s, true);
	if (role == ROLE_DELIVER) pacing_worker_down(s, worker);
	if (role == ROLE_DELIVER && !deliver_is_up(s)) s->sched.limit = 0;
}

void parts_drain(struct spool *s)
{
	for (unsigned i = 0; i < s->deliver_count; i++)
		if (!frame_peer(s->frame, ROLE_DELIVER, i)) parts_lost(s, ROLE_DELIVER, i);
}
