/* SPDX-License-Identifier: Apache-2.0 */
/* One letter of a report: what bounce is asked for, and what it answers. */
#include "spool/report_parts.h"

#include <errno.h>


/* Octets of an original whose header alone goes with the letter. */
enum { HEAD_BYTES = 64 * 1024 };

/* --- asking --------------------------------------------------------------------------------- */

void letter_give_original(struct spool *s, struct letter *l)
{
	for (size_t i = 0; i < l->range_count; i++) window_give(s->window, l->ranges[i].offset);
	l->range_count = 0;
}

void letter_reset(struct spool *s, struct letter *l)
{
	letter_give_original(s, l);
	if (l->state == LETTER_ASKED || l->state == LETTER_WRITTEN) s->letter_count--;
	window_unref(l->window);
	l->window = NULL;
	if (l->state != LETTER_NONE) l->state = LETTER_WAITS;
}

/* The first `size` octets of the original into our window; what cannot be read is not
 * there. -ENOBUFS: no room now. */
static int original_load(struct spool *s, struct report *r, struct letter *l, uint64_t size)
{
	size_t blocks = (size_t)(size + WINDOW_BLOCK - 1) / WINDOW_BLOCK;
	if (window_free_blocks(s->window) < blocks) return -ENOBUFS;
	l->ranges = arena_alloc(&r->arena, (blocks + 1) * sizeof *l->ranges);
	for (uint64_t offset = 0; l->ranges && offset < size;) {
		size_t want = size - offset < WINDOW_BLOCK ? (size_t)(size - offset) : WINDOW_BLOCK;
		struct window_range range = { (uint32_t)window_take(s->window), 0 };
		size_t got = 0;
		int error = store_read_body(s->store, r->job->id, offset,
			window_at(s->window, (struct window_range){ range.offset, WINDOW_BLOCK }), want,
			NULL, &got);
		range.len = error ? 0 : (uint32_t)got;
		l->ranges[l->range_count++] = range;
		if (error || got < want) break;
		offset += got;
	}
	return 0;
}

static bool is_for(const struct report_fate *f, int which)
{
	return which == TO_SENDER ? f->tell.to_sender : f->tell.to_postmaster;
}

/* RFC 3463: a failure has no status of class 4, but that its time was over. */
static struct str letter_status(const struct fate *fate)
{
	bool ours = fate->state == SPOOL_EXPIRED && !str_eq(fate->dsn, SPOOL_DSN_BY);
	return ours ? STR("4.4.7") : fate->dsn;
}

static uint32_t letter_rcpts(const struct report *r, int which, struct dsn_rcpt *out)
{
	const struct job *job = r->job;
	uint32_t count = 0;
	for (size_t i = 0; i < r->fate_count; i++) {
		const struct report_fate *f = &r->fates[i];
		const struct job_rcpt *rcpt = &job->rcpts[f->at];
		if (!is_for(f, which)) continue;
		out[count++] = (struct dsn_rcpt){
			.address = rcpt->address,
			.orcpt = rcpt->orcpt,
			.status = letter_status(&f->fate),
			.host = str_eq(f->fate.route, STR("mailbox")) ? STR("") : f->fate.host,
			.reply = f->fate.text,
			.action = f->action,
			.expired = f->fate.state == SPOOL_EXPIRED,
			.last_attempt_ms = loop_wall_ms(r->spool->frame->loop),
			.will_retry_until_ms = f->action == DSN_DELAYED
				? job_deadline(r->spool, job).end_ms : 0,
		};
	}
	return count;
}

static enum dsn_action worst_action(const struct dsn_rcpt *rcpts, uint32_t count)
{
	enum dsn_action worst = DSN_DELIVERED;
	for (uint32_t i = 0; i < count; i++)
		if (rcpts[i].action < worst) worst = rcpts[i].action;
	return worst;
}

static void letter_put(const struct report *r, int which, struct dsn_rcpt *rcpts, uint32_t count,
                       bool whole, uint64_t number, struct buf *out)
{
	const struct spool *s = r->spool;
	const struct job *job = r->job;
	const struct conf *conf = s->frame->conf;
	char id_text[17], name[300];
	struct buf id, message_id;
	buf_init_fixed(&id, id_text, sizeof id_text);
	buf_hex64(&id, job->id);
	buf_init_fixed(&message_id, name, sizeof name);
	buf_hex64(&message_id, number);
	buf_byte(&message_id, '@');
	buf_str(&message_id, conf->hostname);
	uint32_t fit = dsn_rcpts_fit(rcpts, count, job->smtputf8);
	dsn_report_encode(out, &(struct dsn_report){
		.hostname = conf->hostname,
		.to = which == TO_SENDER ? job->from : conf->postmaster,
		.postmaster = conf->postmaster,
		.message_id = buf_view(&message_id),
		.id = buf_view(&id),
		.sender = job->from,
		.envid = job->envid,
		.now_ms = loop_wall_ms(s->frame->loop),
		.arrived_ms = job->arrived_ms,
		.by_ms = job->by == MAIL_BY_NONE ? 0 : job->by_ms,
		.hold_until_ms = job->hold_until_ms,
		.size = job->size,
		.ret = job->ret,
		.smtputf8 = job->smtputf8,
		.copy = which == TO_POSTMASTER,
		.whole = whole,
		.more = count - fit,
		.count = fit,
		.rcpts = rcpts,
	});
}

int letter_ask(struct spool *s, struct report *r, int which)
{
	struct letter *l = &r->letters[which];
	struct channel *ch = frame_peer(s->frame, ROLE_BOUNCE, 0);
	if (!ch || !s->bounce_window) return -ENOBUFS;
	struct dsn_rcpt *rcpts = arena_alloc(&r->arena, r->fate_count * sizeof *rcpts);
	if (!rcpts) return -ENOMEM;
	uint32_t count = letter_rcpts(r, which, rcpts);
	bool whole = dsn_wants_whole(r->job->ret, worst_action(rcpts, count),
		which == TO_POSTMASTER, r->job->size);
	if (r->job->size > DSN_ORIGINAL_MAX) whole = false;
	uint64_t size = whole || r->job->size < HEAD_BYTES ? r->job->size : HEAD_BYTES;
	int error = original_load(s, r, l, size);
	if (error) return error;
	struct buf record, ranges;
	buf_init(&record, DSN_RECORD_MAX);
	buf_init(&ranges, 64 * 1024);
	l->number = mail_id_next(&s->ids, loop_wall_ms(s->frame->loop));
	letter_put(r, which, rcpts, count, whole, l->number, &record);
	window_ranges_put(&ranges, l->ranges, l->range_count);
	if (!record.overflowed) {
		channel_send_report_job(ch, &(struct msg_report_job){ l->number, buf_view(&record),
			buf_view(&ranges) });
		l->state = LETTER_ASKED;
		s->letter_count++;
	}
	error = record.overflowed ? -ENOMEM : 0;
	buf_free(&record);
	buf_free(&ranges);
	if (error) letter_give_original(s, l);
	return error;
}

/* --- the answer ----------------------------------------------------------------------------- */

bool letter_spans(struct report *r, struct letter *l, const struct spool_window *w,
                         const struct msg_report_done *m)
{
	struct window_range ranges[SPOOL_RANGES_MAX];
	int count = window_ranges_get(w->window, m->ranges, ranges, SPOOL_RANGES_MAX);
	uint64_t size = 0;
	if (count <= 0) return false;
	l->spans = arena_alloc(&r->arena, (size_t)count * sizeof *l->spans);
	if (!l->spans) return false;
	for (int i = 0; i < count; i++) {
		l->spans[i] = (struct str){ window_at(w->window, ranges[i]), ranges[i].len };
		size += ranges[i].len;
	}
	l->span_count = (size_t)count;
	return size == m->size && size <= SPOOL_INLINE_MAX;
}
