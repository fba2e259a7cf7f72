/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes that somebody is told of: the process bounce writes the letters, and then they
 * and the outcomes are committed together, so that neither is ever without the other. Until
 * then the recipients are open; if something dies meanwhile they are tried again. */
#include "spool/report_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { REPORT_ARENA = 4 * 1024 * 1024 };

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
		.bulk = job->bulk,
		.by_notify = job->by == MAIL_BY_NOTIFY,
		.trace = job->by_trace || (job->by == MAIL_BY_NOTIFY && !fate->by_passed),
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
void fate_later(struct spool *s, struct job *job, uint32_t at, const struct fate *fate)
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
				      &fate->tls, &fate->step };
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

/* --- letting go ---------------------------------------------------------------------------- */

void window_unref(struct spool_window *w)
{
	if (!w || --w->refs > 0) return;
	window_free(w->window);
	free(w);
}

void report_free(struct spool *s, struct report *r)
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

/* --- asking for letters ------------------------------------------------------------------- */

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
