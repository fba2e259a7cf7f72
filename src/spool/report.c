/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes that somebody is told of: the process bounce writes the letters, and then they
 * and the outcomes are committed together, so that neither is ever without the other. Until
 * then the recipients are open; if something dies meanwhile they are tried again. */
#include "spool/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/dsn/decide.h"
#include "lib/dsn/report.h"
#include "lib/queue/retry.h"

enum {
	REPORT_ARENA = 4 * 1024 * 1024,
	TO_SENDER = 0,
	TO_POSTMASTER = 1,
	LETTERS = 2,
	HEAD_BYTES = 64 * 1024, /* of an original whose header alone goes with the letter */
};

struct report_fate {
	uint32_t at; /* in job->rcpts */
	struct fate fate;
	enum dsn_action action;
	struct dsn_decision tell;
};

struct letter {
	enum { LETTER_NONE, LETTER_WAITS, LETTER_ASKED, LETTER_WRITTEN } state;
	uint64_t number;
	struct window_range *ranges; /* of the original, in our window */
	size_t range_count;
	struct str *spans; /* the text, in bounce's window */
	size_t span_count;
	struct spool_window *window; /* of the spans; counted */
};

struct report {
	struct link link; /* in s->reports, once it was sent */
	struct spool *spool;
	struct job *job;
	struct arena arena;
	struct letter letters[LETTERS];
	struct report_fate fates[SPOOL_REPORT_RCPTS];
	size_t fate_count;
	size_t named; /* octets that it takes to name them: at most DSN_NAMED_MAX */
	unsigned pending; /* letters in a batch */
	uint64_t job_id;  /* these two of the message; it may be gone before the event */
	struct str from;
};

/* --- gathering ---------------------------------------------------------------------------- */

static enum dsn_action action_of(const struct fate *fate)
{
	switch (fate->state) {
	case SPOOL_DELIVERED: return DSN_DELIVERED;
	case SPOOL_RELAYED: return DSN_RELAYED;
	case SPOOL_DEFERRED: return DSN_DELAYED;
	case SPOOL_FAILED:
	case SPOOL_EXPIRED:
	case SPOOL_PENDING:
	case SPOOL_RCPT_STATES: break;
	}
	return DSN_FAILED;
}

static struct dsn_decision decide(const struct spool *s, const struct job *job, uint32_t at,
                                  const struct fate *fate)
{
	const struct conf *conf = s->frame->conf;
	if (fate->state == SPOOL_DEFERRED && !fate->late) return (struct dsn_decision){ 0 };
	struct dsn_case c = {
		.action = action_of(fate),
		.status = fate->dsn,
		.expired = fate->state == SPOOL_EXPIRED,
		.sender_null = job->from.len == 0,
		.notify = job->rcpts[at].notify,
		.peer_reports = fate->dsn_passed,
		.is_copy = job->is_copy,
		.sender_is_postmaster = str_eq_nocase(job->from, conf->postmaster),
		.postmaster_classes = conf->notify,
	};
	struct dsn_decision d = dsn_decide(&c);
	if (conf->postmaster.len == 0) d.to_postmaster = false;
	return d;
}

static struct report *report_new(struct spool *s, struct job *job)
{
	struct report *r = s->report_count < SPOOL_REPORTS_MAX ? calloc(1, sizeof *r) : NULL;
	if (!r) return NULL;
	r->spool = s;
	r->job = job;
	arena_init(&r->arena, REPORT_ARENA);
	r->job_id = job->id;
	r->from = arena_str(&r->arena, job->from);
	s->report_count++;
	job->pending++;
	return r;
}

/* No room for a report now: what it would tell of is put off, and tried again. */
static void fate_later(struct spool *s, struct job *job, uint32_t at, const struct fate *fate)
{
	struct fate later = *fate;
	later.state = SPOOL_DEFERRED;
	later.late = false;
	job->put_off = true;
	later.next_due_ms = loop_wall_ms(s->frame->loop) + SPOOL_REPORT_LATER_MS;
	(void)outcome_op(s, job, at, later);
}

static bool fate_keep(struct arena *arena, struct fate *fate)
{
	struct str *const texts[] = { &fate->dsn, &fate->text, &fate->host, &fate->route,
				      &fate->tls };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct str copy = arena_str(arena, *texts[i]);
		if (copy.len < texts[i]->len) return false;
		*texts[i] = copy;
	}
	return true;
}

/* The report that a recipient goes into; one that cannot name it as well is complete. */
static struct report *report_for(struct spool *s, struct job *job, const struct job_rcpt *rcpt,
                                 const struct fate *fate)
{
	size_t size = dsn_rcpt_size(&(struct dsn_rcpt){ .address = rcpt->address,
		.orcpt = rcpt->orcpt, .status = fate->dsn, .action = action_of(fate) },
		job->smtputf8);
	if (job->gathering && job->gathering->named + size > DSN_NAMED_MAX) report_send(s, job);
	if (!job->gathering) job->gathering = report_new(s, job);
	if (job->gathering) job->gathering->named += size;
	return job->gathering;
}

bool report_add(struct spool *s, struct job *job, uint32_t at, const struct fate *fate)
{
	struct dsn_decision tell = decide(s, job, at, fate);
	if (!tell.to_sender && !tell.to_postmaster) return false;
	/* A message that is taken twice is worse than one whose success is not told. */
	bool there = fate->state == SPOOL_DELIVERED || fate->state == SPOOL_RELAYED;
	struct report *r = report_for(s, job, &job->rcpts[at], fate);
	struct fate kept = *fate;
	if (!r || !fate_keep(&r->arena, &kept)) {
		if (there) return false;
		fate_later(s, job, at, fate);
		return true;
	}
	job->rcpts[at].told = true;
	r->fates[r->fate_count++] =
		(struct report_fate){ at, kept, action_of(fate), tell };
	if (tell.to_sender) r->letters[TO_SENDER].state = LETTER_WAITS;
	if (tell.to_postmaster) r->letters[TO_POSTMASTER].state = LETTER_WAITS;
	if (r->fate_count == SPOOL_REPORT_RCPTS) report_send(s, job);
	return true;
}

/* --- asking for letters ------------------------------------------------------------------- */

static void letter_give_original(struct spool *s, struct letter *l)
{
	for (size_t i = 0; i < l->range_count; i++) window_give(s->window, l->ranges[i].offset);
	l->range_count = 0;
}

void window_unref(struct spool_window *w)
{
	if (!w || --w->refs > 0) return;
	window_free(w->window);
	free(w);
}

/* Back to where it was before it was asked for. */
static void letter_reset(struct spool *s, struct letter *l)
{
	letter_give_original(s, l);
	if (l->state == LETTER_ASKED || l->state == LETTER_WRITTEN) s->letter_count--;
	window_unref(l->window);
	l->window = NULL;
	if (l->state != LETTER_NONE) l->state = LETTER_WAITS;
}

static void report_free(struct spool *s, struct report *r)
{
	for (int i = 0; i < LETTERS; i++) {
		struct letter *l = &r->letters[i];
		struct channel *ch = frame_peer(s->frame, ROLE_BOUNCE, 0);
		if (l->state == LETTER_WRITTEN && ch && l->window == s->bounce_window)
			channel_send_report_free(ch, &(struct msg_report_free){ l->number });
		letter_reset(s, l);
	}
	link_remove(&r->link);
	arena_free(&r->arena);
	free(r);
	s->report_count--;
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

static uint32_t letter_rcpts(const struct report *r, int which, struct dsn_rcpt *out)
{
	const struct job *job = r->job;
	const struct conf *conf = r->spool->frame->conf;
	uint32_t count = 0;
	for (size_t i = 0; i < r->fate_count; i++) {
		const struct report_fate *f = &r->fates[i];
		const struct job_rcpt *rcpt = &job->rcpts[f->at];
		if (!is_for(f, which)) continue;
		out[count++] = (struct dsn_rcpt){
			.address = rcpt->address,
			.orcpt = rcpt->orcpt,
			/* RFC 3463: a failure has no status of class 4, but that its time was over. */
			.status = f->fate.state == SPOOL_EXPIRED ? STR("4.4.7") : f->fate.dsn,
			.host = str_eq(f->fate.route, STR("mailbox")) ? STR("") : f->fate.host,
			.reply = f->fate.text,
			.action = f->action,
			.expired = f->fate.state == SPOOL_EXPIRED,
			.last_attempt_ms = loop_wall_ms(r->spool->frame->loop),
			.will_retry_until_ms = f->action == DSN_DELAYED
				? job->arrived_ms + retry_expire_ms(conf, job->priority) : 0,
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

/* Asks bounce for the letter; -ENOBUFS: later. */
static int letter_ask(struct spool *s, struct report *r, int which)
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

static void report_commit(struct spool *s, struct report *r, bool good);

/* For all that it has to ask for: a report with one letter of two would hold room that
 * others need for their second, and they room that it needs. A letter counts until it is
 * kept, for so long it stands with bounce. */
static bool report_has_room(const struct spool *s, const struct report *r)
{
	uint64_t size = r->job->size < DSN_ORIGINAL_MAX ? r->job->size : DSN_ORIGINAL_MAX;
	size_t waits = 0, blocks = (size_t)(size + WINDOW_BLOCK - 1) / WINDOW_BLOCK;
	for (int i = 0; i < LETTERS; i++) waits += r->letters[i].state == LETTER_WAITS;
	return s->letter_count + waits <= SPOOL_LETTERS_MAX &&
		window_free_blocks(s->window) >= waits * blocks;
}

/* Asks for what waits; when there is nothing left to wait for, commits. */
static void report_go(struct spool *s, struct report *r)
{
	bool ready = true;
	if (!report_has_room(s, r)) return;
	for (int i = 0; i < LETTERS; i++) {
		struct letter *l = &r->letters[i];
		if (l->state == LETTER_WAITS) {
			int error = letter_ask(s, r, i);
			if (error && error != -ENOBUFS) {
				report_commit(s, r, false); /* no memory: all of it later */
				return;
			}
		}
		ready = ready && (l->state == LETTER_NONE || l->state == LETTER_WRITTEN);
	}
	if (ready) report_commit(s, r, true);
}

void report_ask_waiting(struct spool *s)
{
	LIST_EACH(it, &s->reports) {
		struct report *r = CONTAINER(it, struct report, link);
		if (s->letter_count == SPOOL_LETTERS_MAX || !s->bounce_window) return;
		for (int i = 0; i < LETTERS; i++)
			if (r->letters[i].state == LETTER_WAITS) {
				report_go(s, r);
				break;
			}
	}
}

void report_send(struct spool *s, struct job *job)
{
	struct report *r = job->gathering;
	if (!r) return;
	job->gathering = NULL;
	list_add_tail(&s->reports, &r->link);
	report_go(s, r);
}

/* --- letters come back -------------------------------------------------------------------- */

static struct report *report_of(struct spool *s, uint64_t number, struct letter **letter)
{
	LIST_EACH(it, &s->reports) {
		struct report *r = CONTAINER(it, struct report, link);
		for (int i = 0; i < LETTERS; i++) {
			*letter = &r->letters[i];
			if ((*letter)->number == number && (*letter)->state == LETTER_ASKED) return r;
		}
	}
	return NULL;
}

static bool letter_spans(struct report *r, struct letter *l, const struct spool_window *w,
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

void report_written(struct spool *s, const struct msg_report_done *m)
{
	struct letter *l;
	struct report *r = report_of(s, m->job, &l);
	if (!r || !s->bounce_window) return;
	letter_give_original(s, l);
	/* It says that it cannot: the outcome is told without a letter; bounce has logged it. */
	if (m->size == 0 || !letter_spans(r, l, s->bounce_window, m)) {
		l->state = LETTER_NONE;
		s->letter_count--;
	} else {
		l->state = LETTER_WRITTEN;
		l->window = s->bounce_window;
		l->window->refs++;
	}
	report_go(s, r);
	pump_soon(s);
}

/* --- together ----------------------------------------------------------------------------- */

/* The operation by which the letter arrives; NULL: no memory. */
static struct spool_op *letter_op(struct spool *s, struct report *r, int which, uint32_t group)
{
	struct letter *l = &r->letters[which];
	const struct job *job = r->job;
	struct note *note;
	struct arena *arena;
	struct spool_op *op = commit_op(s, &note, &arena);
	if (!op) return NULL;
	struct envelope_rcpt rcpt = { .address = which == TO_SENDER ? job->from
		: s->frame->conf->postmaster };
	struct envelope e = { .rcpts = &rcpt, .rcpt_count = 1, .copy = which == TO_POSTMASTER,
		.smtputf8 = job->smtputf8, .body8 = job->smtputf8, .esmtp = true,
		.arrived_ms = loop_wall_ms(s->frame->loop) };
	for (size_t i = 0; i < l->span_count; i++) e.size += l->spans[i].len;
	struct buf record;
	buf_init(&record, SPOOL_ENVELOPE_MAX);
	envelope_encode(&record, &e);
	struct spool_rcpt_new *to = arena_alloc(arena, sizeof *to);
	struct str kept = arena_str(arena, buf_view(&record));
	buf_free(&record);
	if (to) *to = (struct spool_rcpt_new){ arena_str(arena, rcpt.address), e.arrived_ms };
	if (!to || !kept.at || !to->address.at) {
		commit_undo(s);
		return NULL;
	}
	note->kind = NOTE_REPORT;
	note->report = r;
	note->rcpt = (uint32_t)which;
	op->kind = SPOOL_OP_ARRIVE;
	op->group = group;
	op->id = l->number;
	op->arrive = (struct spool_arrive){ .arrived_ms = e.arrived_ms, .state = SPOOL_ACTIVE,
		.envelope = kept, .rcpts = to, .rcpts_count = 1,
		.spans = l->spans, .spans_count = l->span_count };
	r->pending++;
	return op;
}

/* Both or none: without memory for one the other is refused by the store. */
static bool letter_ops(struct spool *s, struct report *r, uint32_t group)
{
	struct spool_op *ops[LETTERS] = { NULL };
	bool good = true;
	for (int i = 0; good && i < LETTERS; i++)
		if (r->letters[i].state == LETTER_WRITTEN)
			good = (ops[i] = letter_op(s, r, i, group)) != NULL;
	for (int i = 0; !good && i < LETTERS; i++)
		if (ops[i]) ops[i]->arrive.rcpts_count = 0;
	return good;
}

static void report_commit(struct spool *s, struct report *r, bool good)
{
	struct job *job = r->job;
	uint32_t group = ++s->next_group ? s->next_group : ++s->next_group;
	link_remove(&r->link);
	good = good && commit_room(s, r->fate_count + LETTERS) && letter_ops(s, r, group);
	for (size_t i = 0; i < r->fate_count; i++) {
		struct report_fate *f = &r->fates[i];
		if (!good) {
			fate_later(s, job, f->at, &f->fate);
			continue;
		}
		struct spool_op *op = outcome_op(s, job, f->at, f->fate);
		if (op) op->group = group;
	}
	job->pending--;
	if (r->pending == 0) {
		report_free(s, r);
		job_release(s, job);
	}
}

void report_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct report *r = note->report;
	struct event_log *log = s->frame->log;
	if (op->result == 0) {
		bool copy = note->rcpt == TO_POSTMASTER;
		char text[17];
		struct buf id;
		buf_init_fixed(&id, text, sizeof text);
		buf_hex64(&id, op->id);
		event_begin(log, EVENT_dsn_sent, 0, r->job_id);
		event_str(log, FIELD_from, r->from);
		event_str(log, FIELD_to, op->arrive.rcpts[0].address);
		event_str(log, FIELD_report, buf_view(&id));
		event_str(log, FIELD_reason, copy ? STR("copy for the postmaster") : STR("for the sender"));
		event_end(log);
		pump_fresh(s, op->id);
	} else {
		watch_error(s, op->result, "a delivery report could not be written");
	}
	if (--r->pending == 0) report_free(s, r);
}

/* --- bounce comes and goes, messages are parked --------------------------------------------- */

void report_window(struct spool *s, int fd)
{
	struct spool_window *w = calloc(1, sizeof *w);
	window_unref(s->bounce_window);
	s->bounce_window = NULL;
	if (w) w->window = window_map(fd);
	else (void)close(fd);
	if (!w || !w->window) {
		free(w);
		return;
	}
	w->refs = 1;
	s->bounce_window = w;
	report_ask_waiting(s);
}

void report_bounce_up(struct spool *s, struct channel *ch)
{
	if (s->window)
		channel_send_spool_window_fd(ch, &(struct msg_spool_window){ SPOOL_WINDOW },
			window_fd(s->window));
}

void report_bounce_down(struct spool *s)
{
	LIST_EACH(it, &s->reports) {
		struct report *r = CONTAINER(it, struct report, link);
		for (int i = 0; i < LETTERS; i++) letter_reset(s, &r->letters[i]);
	}
	window_unref(s->bounce_window);
	s->bounce_window = NULL;
}

void report_drop(struct spool *s, struct job *job)
{
	LIST_EACH(it, &s->reports) {
		struct report *r = CONTAINER(it, struct report, link);
		if (r->job != job) continue;
		job->put_off = true;
		job->pending--;
		report_free(s, r);
	}
}
