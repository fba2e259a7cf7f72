/* SPDX-License-Identifier: Apache-2.0 */
#include "services/records.h"

#include <unistd.h>

#include "lib/event/format.h"

static void on_tell_lost(void *arg)
{
	struct records *r = arg;
	if (r->lost == 0 || !r->journal) return;
	uint64_t lost = r->lost;
	r->lost = 0;
	event_begin(r->log, EVENT_record_lost, 0, 0);
	event_i64(r->log, FIELD_count, (int64_t)lost);
	event_str(r->log, FIELD_process, str_of(r->log->role));
	event_end(r->log);
}

static void on_batch(void *arg) { records_flush(arg); }

void records_init(struct records *r, struct loop *loop, struct event_log *log)
{
	*r = (struct records){ .loop = loop, .log = log };
	r->tell_lost = (struct loop_turn){ .fn = on_tell_lost, .arg = r };
	buf_init(&r->waiting, RECORDS_WAITING_MAX);
	/* Without memory for it every record is its own batch. */
	r->batch = loop_timer_new(loop, on_batch, r);
}

void records_free(struct records *r)
{
	loop_turn_cancel(r->loop, &r->tell_lost);
	loop_timer_free(r->batch);
	buf_free(&r->waiting);
}

/* Somebody may be watching a start that fails before there is a log. */
static void write_stderr(struct str record)
{
	static struct event_view view; /* too large for a stack */
	struct buf line;
	if (!event_view_read(&view, record) || view.severity != EVENT_SEVERITY_ERROR)
		return;
	buf_init(&line, EVENT_LINE_MAX);
	event_format_text(&view, &line);
	if (!line.overflowed) {
		ssize_t n = write(STDERR_FILENO, line.at, line.len);
		(void)n; /* there is nowhere left to complain */
	}
	buf_free(&line);
}

static void keep(struct records *r, struct str record)
{
	size_t len = r->waiting.len;
	buf_put_str(&r->waiting, record);
	if (!r->waiting.overflowed) return;
	/* Half a record must not stay. */
	r->waiting.len = len;
	r->waiting.overflowed = false;
	r->lost++;
}

void records_write(void *arg, struct str record)
{
	struct records *r = arg;
	bool open = r->journal && channel_is_open(r->journal);
	if (!open) write_stderr(record);
	keep(r, record);
	if (!open) return;
	if (!r->batch || r->waiting.len >= RECORDS_BATCH) {
		records_flush(r);
	} else if (!r->batch_set) {
		r->batch_set = true;
		loop_timer_set(r->batch, RECORDS_BATCH_MS);
	}
}

static void send_one(void *arg, struct str record)
{
	struct records *r = arg;
	if (channel_backlog(r->journal) + record.len > RECORDS_WAITING_MAX) r->lost++;
	else channel_send_event(r->journal, &(struct msg_event){ record });
}

void records_flush(struct records *r)
{
	r->batch_set = false;
	if (!r->journal || !channel_is_open(r->journal)) return;
	records_replay(r, send_one, r);
	if (r->lost) loop_at_turn_end(r->loop, &r->tell_lost);
}

void records_replay(struct records *r, void (*write_one)(void *arg, struct str record),
		    void *arg)
{
	/* Taken out first: what cannot be written comes back. */
	struct buf waiting = r->waiting;
	buf_init(&r->waiting, RECORDS_WAITING_MAX);
	struct cur c = cur_of(buf_view(&waiting));
	while (c.left && !c.bad) {
		struct str record = cur_str(&c);
		if (!c.bad) write_one(arg, record);
	}
	buf_free(&waiting);
}

static void keep_again(void *arg, enum msg_type type, struct str payload)
{
	struct msg_event m;
	if (type == MSG_event && msg_event_get(payload, &m)) keep(arg, m.record);
}

void records_journal(struct records *r, struct channel *journal)
{
	if (r->journal && r->journal != journal)
		channel_unsent(r->journal, keep_again, r);
	r->journal = journal;
	if (!journal) return;
	records_flush(r);
}
