/* SPDX-License-Identifier: Apache-2.0 */
/* Messages come in from the receive workers. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "lib/base/units.h"

static void arrive_refuse(struct spool *s, unsigned worker, uint64_t handle, int error)
{
	struct channel *ch = frame_peer(s->frame, ROLE_RECEIVE, worker);
	struct msg_refused m = { .handle = handle, .code = 451, .dsn = STR("4.3.0"),
		.text = STR("The mail store has a fault; try again later") };
	if (error == -ENOSPC || error == -EDQUOT) {
		m.code = 452;
		m.dsn = STR("4.3.1");
		m.text = STR("The mail store is full; try again later");
	} else if (error == -EMSGSIZE || error == -EINVAL) {
		m.code = 452;
		m.dsn = STR("4.5.3");
		m.text = STR("The envelope is too large; send to fewer recipients at a time");
	} else if (error == -EMFILE) {
		m.text = STR("Too many large messages at once; try again later");
	}
	if (ch) channel_send_refused(ch, &m);
}

static void arrive_window_unref(struct spool_window *w)
{
	if (!w || --w->refs > 0) return;
	window_free(w->window);
	free(w);
}

void arrive_worker_up(struct spool *s, unsigned worker, int window_fd)
{
	struct spool_window *w = calloc(1, sizeof *w);
	arrive_worker_down(s, worker);
	if (w) w->window = window_map(window_fd);
	else (void)close(window_fd);
	if (!w || !w->window) {
		free(w);
		return; /* its commits are refused: it has no window */
	}
	w->refs = 1;
	s->workers[worker].window = w;
	s->workers[worker].life = ++s->lives;
	if (s->disk_low)
		channel_send_pressure(frame_peer(s->frame, ROLE_RECEIVE, worker),
			&(struct msg_pressure){ 1 });
}

static void stream_end(struct spool *s, struct spool_stream *stream)
{
	if (stream->big) store_big_abort(s->store, stream->big);
	(void)map_take(&s->streams, stream->handle);
	free(stream);
}

void arrive_worker_down(struct spool *s, unsigned worker)
{
	for (;;) {
		size_t at = 0;
		struct spool_stream *stream;
		do stream = map_next(&s->streams, &at, NULL);
		while (stream && stream->worker != worker);
		if (!stream) break;
		stream_end(s, stream);
	}
	arrive_window_unref(s->workers[worker].window);
	s->workers[worker].window = NULL;
	s->workers[worker].life = 0;
}

static struct spool_stream *stream_get(struct spool *s, unsigned worker, uint64_t handle)
{
	struct spool_stream *stream = map_get(&s->streams, handle);
	return stream && stream->worker == worker ? stream : NULL;
}

static struct spool_stream *stream_new(struct spool *s, unsigned worker, uint64_t handle,
                                       int *error)
{
	struct spool_stream *stream = calloc(1, sizeof *stream);
	*error = -ENOMEM;
	if (!stream || map_get(&s->streams, handle) || !map_put(&s->streams, handle, stream)) {
		free(stream);
		return NULL;
	}
	stream->handle = handle;
	stream->worker = worker;
	*error = store_big_begin(s->store, &stream->big);
	return stream;
}

/* Turns a message's ranges into views; -1 if they are not blocks of the window. */
static int arrive_spans(const struct spool_window *w, struct str field, struct str *spans)
{
	struct window_range ranges[SPOOL_RANGES_MAX];
	int count = w ? window_ranges_get(w->window, field, ranges, SPOOL_RANGES_MAX) : -1;
	for (int i = 0; i < count; i++) {
		/* More would keep this loop at the disk for as long as the peer likes. */
		if (ranges[i].len > WINDOW_BLOCK) return -1;
		spans[i] = (struct str){ window_at(w->window, ranges[i]), ranges[i].len };
	}
	return count;
}

void arrive_piece(struct spool *s, unsigned worker, const struct msg_big_piece *m)
{
	struct str spans[SPOOL_RANGES_MAX];
	int count = arrive_spans(s->workers[worker].window, m->ranges, spans);
	struct spool_stream *stream = stream_get(s, worker, m->handle);
	int error = count < 0 || s->lost ? -EIO : 0;
	if (!stream && !error) stream = stream_new(s, worker, m->handle, &error);
	if (!error) error = store_big_append(s->store, stream->big, spans, (size_t)count);
	if (error) {
		arrive_refuse(s, worker, m->handle, error);
		if (stream) stream_end(s, stream);
		return;
	}
	for (int i = 0; i < count; i++) stream->size += spans[i].len;
	struct channel *ch = frame_peer(s->frame, ROLE_RECEIVE, worker);
	if (ch) channel_send_big_taken(ch, &(struct msg_big_taken){ m->handle, 1 });
}

void arrive_abort(struct spool *s, unsigned worker, uint64_t handle)
{
	struct spool_stream *stream = stream_get(s, worker, handle);
	if (stream) stream_end(s, stream);
}

/* When it is due. Urgent mail is found before all that waits, for the due-list is in the order
 * of time. */
static int64_t arrive_due_ms(const struct envelope *e)
{
	return e->priority == MAIL_PRIORITY_URGENT ? e->arrived_ms - SPOOL_URGENT_AHEAD_MS
	                                           : e->arrived_ms;
}

/* Recipients as the store wants them; NULL: no memory. */
static struct spool_rcpt_new *arrive_rcpts(struct arena *arena, const struct envelope *e)
{
	struct spool_rcpt_new *rcpts = arena_alloc(arena, e->rcpt_count * sizeof *rcpts);
	for (uint32_t i = 0; rcpts && i < e->rcpt_count; i++)
		rcpts[i] = (struct spool_rcpt_new){ e->rcpts[i].address, arrive_due_ms(e) };
	return rcpts;
}

/* Whether the body is as long as its sender says. After a piece was refused, pieces that
 * were already on their way begin a stream anew: what comes then is no body, and its
 * blocks may hold another's by now. */
static bool arrive_is_whole(struct spool *s, unsigned worker, const struct msg_commit *m,
                            const struct spool_op *op)
{
	const struct spool_stream *stream = m->big ? stream_get(s, worker, m->handle) : NULL;
	uint64_t size = stream ? stream->size : 0;
	for (size_t i = 0; i < op->arrive.spans_count; i++) size += op->arrive.spans[i].len;
	return size == m->size;
}

/* The rest of a big body, and the body itself into the operation. */
static int arrive_big(struct spool *s, unsigned worker, uint64_t handle, struct spool_op *op)
{
	struct spool_stream *stream = stream_get(s, worker, handle);
	if (!stream) return -EIO;
	int error = store_big_append(s->store, stream->big, op->arrive.spans,
		op->arrive.spans_count);
	if (error) return error;
	op->arrive.big = stream->big;
	op->arrive.spans_count = 0;
	stream->big = NULL; /* the operation's now */
	stream_end(s, stream);
	return 0;
}

/* Fills in the operation, and the sender; 0 or -errno. */
static int arrive_op(struct spool *s, unsigned worker, const struct msg_commit *m,
                     struct spool_op *op, struct arena *arena, struct str *from)
{
	if (m->envelope.len > SPOOL_ENVELOPE_MAX) return -EMSGSIZE;
	struct str *spans = arena_alloc(arena, SPOOL_RANGES_MAX * sizeof *spans);
	struct str record = arena_str(arena, m->envelope);
	struct envelope e;
	if (!spans || !record.at) return -ENOMEM;
	int count = arrive_spans(s->workers[worker].window, m->ranges, spans);
	struct cur cur = cur_of(record);
	if (count < 0 || envelope_decode(&cur, arena, &e) != ENVELOPE_OK || m->id == 0) return -EIO;
	FAULT("spool.commit", e.sender);
	op->kind = SPOOL_OP_ARRIVE;
	op->id = m->id;
	op->arrive = (struct spool_arrive){
		.arrived_ms = e.arrived_ms,
		.priority = e.priority,
		.state = m->hold.len ? SPOOL_HELD : SPOOL_ACTIVE,
		.reason = arena_str(arena, m->hold),
		.envelope = record,
		.rcpts = arrive_rcpts(arena, &e),
		.rcpts_count = e.rcpt_count,
		.spans = spans,
		.spans_count = (size_t)count,
	};
	/* What is held for another reason waits for somebody who looks at it. */
	if (!m->hold.len && e.hold_until_ms > e.arrived_ms) {
		op->arrive.state = SPOOL_HELD;
		op->arrive.hold_until_ms = e.hold_until_ms;
		op->arrive.reason = STR("its sender wants it to be sent then");
	}
	*from = e.sender;
	if (!op->arrive.rcpts || (m->hold.len && !op->arrive.reason.at)) return -ENOMEM;
	if (!arrive_is_whole(s, worker, m, op)) return -EIO;
	return m->big ? arrive_big(s, worker, m->handle, op) : 0;
}

void arrive_commit(struct spool *s, unsigned worker, const struct msg_commit *m)
{
	struct note *note;
	struct arena *arena;
	struct spool_op *op = s->lost ? NULL : commit_op(s, &note, &arena);
	int error = op ? arrive_op(s, worker, m, op, arena, &note->from) : -EIO;
	if (error) {
		if (op) commit_undo(s);
		arrive_abort(s, worker, m->handle);
		arrive_refuse(s, worker, m->handle, error);
		return;
	}
	note->kind = NOTE_ARRIVAL;
	note->worker = worker;
	note->worker_life = s->workers[worker].life;
	note->handle = m->handle;
	note->window = s->workers[worker].window;
	note->window->refs++;
}

/* It is in the spool: it can go, or stays where it is. */
static void arrive_kept(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct event_log *log = s->frame->log;
	if (op->arrive.state == SPOOL_ACTIVE) {
		pump_fresh(s, op->id);
		return;
	}
	event_begin(log, EVENT_hold, 0, op->id);
	event_str(log, FIELD_from, note->from);
	event_str(log, FIELD_reason, op->arrive.reason);
	if (op->arrive.hold_until_ms) {
		char text[40];
		struct buf until;
		buf_init_fixed(&until, text, sizeof text);
		units_time_write(&until, op->arrive.hold_until_ms);
		event_str(log, FIELD_until, buf_view(&until));
	}
	event_end(log);
}

void arrive_done(struct spool *s, const struct spool_op *op, const struct note *note)
{
	bool there = s->workers[note->worker].life == note->worker_life;
	struct channel *ch = there ? frame_peer(s->frame, ROLE_RECEIVE, note->worker) : NULL;
	if (op->arrive.big) store_big_abort(s->store, op->arrive.big);
	arrive_window_unref(note->window);
	if (op->result == 0) arrive_kept(s, op, note);
	if (!ch) return;
	if (op->result == 0)
		channel_send_committed(ch, &(struct msg_committed){ note->handle, op->id });
	else
		arrive_refuse(s, note->worker, note->handle, op->result);
}
