/* SPDX-License-Identifier: Apache-2.0 */
/* The postmaster is told of refused submissions. The process bounce writes the message,
 * which then arrives as any other. It is a courtesy: it waits for nobody, a lost one is
 * lost, and what cannot be written after some attempts is given up. */
#include "spool/spool.h"

#include <stdlib.h>
#include <string.h>

#include "lib/dsn/notice.h"

enum {
	NOTICE_TRIES_MAX = 3,
	NOTICE_AGAIN_MS = 60 * 1000,
	NOTICE_ARENA = 64 * 1024,
};

struct notice_letter {
	struct link link; /* in s->notice_letters */
	enum { NOTICE_WAITS, NOTICE_ASKED, NOTICE_ARRIVES } state;
	unsigned tries;
	int64_t again_ms; /* monotonic */
	uint64_t number;
	struct notice notice;
	struct arena arena; /* of its texts */
	struct spool_window *window;
	struct str spans[DSN_NOTICE_MAX / WINDOW_BLOCK + 1];
	size_t span_count;
};

/* --- which ones ----------------------------------------------------------------------------- */

static bool notice_is_wanted(const struct spool *s)
{
	const struct conf *conf = s->frame->conf;
	return conf->submission.notify == CONF_NOTIFY_POSTMASTER && conf->postmaster.len > 0;
}

static bool letter_new(struct spool *s, const struct notice *n)
{
	struct notice_letter *l = calloc(1, sizeof *l);
	if (!l) return false;
	arena_init(&l->arena, NOTICE_ARENA);
	l->notice = *n;
	struct str *const texts[] = { &l->notice.helo, &l->notice.user, &l->notice.from,
		&l->notice.rule, &l->notice.reply };
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_str(&l->arena, *texts[i]);
	list_add_tail(&s->notice_letters, &l->link);
	s->notice_count++;
	return true;
}

static void letter_free(struct spool *s, struct notice_letter *l)
{
	struct channel *ch = frame_peer(s->frame, ROLE_BOUNCE, 0);
	if (l->window && ch && l->window == s->bounce_window)
		channel_send_report_free(ch, &(struct msg_report_free){ l->number });
	window_unref(l->window);
	link_remove(&l->link);
	arena_free(&l->arena);
	free(l);
	s->notice_count--;
}

/* Once more from the beginning, after a while; given up when it was tried too often. */
static void letter_again(struct spool *s, struct notice_letter *l, int64_t after_ms)
{
	struct channel *ch = frame_peer(s->frame, ROLE_BOUNCE, 0);
	if (++l->tries == NOTICE_TRIES_MAX) {
		letter_free(s, l);
		return;
	}
	if (l->window && ch && l->window == s->bounce_window)
		channel_send_report_free(ch, &(struct msg_report_free){ l->number });
	window_unref(l->window);
	l->window = NULL;
	l->state = NOTICE_WAITS;
	l->again_ms = loop_now_ms(s->frame->loop) + after_ms;
}

/* --- written by bounce ---------------------------------------------------------------------- */

static void letter_record(struct spool *s, struct notice_letter *l, struct buf *record)
{
	const struct notice *n = &l->notice;
	const struct conf *conf = s->frame->conf;
	char client_text[64], setting_text[64], id_text[300];
	struct buf client, setting, id;
	buf_init_fixed(&client, client_text, sizeof client_text);
	if (!ip_is_none(n->client)) ip_write(&client, n->client);
	buf_init_fixed(&setting, setting_text, sizeof setting_text);
	struct str word = verdict_class_name(n->class);
	if (n->class == VERDICT_RATE || n->class == VERDICT_BASELINE) buf_str(&setting, word);
	else buf_fmt(&setting, "submission { %.*s required }", STR_ARG(word));
	buf_init_fixed(&id, id_text, sizeof id_text);
	buf_hex64(&id, l->number);
	buf_byte(&id, '@');
	buf_str(&id, conf->hostname);
	dsn_notice_encode(record, &(struct dsn_notice){
		.hostname = conf->hostname,
		.to = conf->postmaster,
		.message_id = buf_view(&id),
		.client = buf_view(&client),
		.helo = n->helo,
		.user = n->user,
		.sender = n->from,
		.setting = buf_view(&setting),
		.held = n->held,
		.rule = n->rule,
		.reply = n->reply,
		.advice = notices_advice(n->class),
		.count = n->count,
		.now_ms = loop_wall_ms(s->frame->loop),
		.first_ms = n->first_ms,
		.last_ms = n->last_ms,
	});
}

static void letter_ask(struct spool *s, struct notice_letter *l)
{
	struct channel *ch = frame_peer(s->frame, ROLE_BOUNCE, 0);
	struct buf record;
	if (!ch || !s->bounce_window || loop_now_ms(s->frame->loop) < l->again_ms) return;
	buf_init(&record, DSN_NOTICE_RECORD_MAX);
	l->number = mail_id_next(&s->ids, loop_wall_ms(s->frame->loop));
	letter_record(s, l, &record);
	if (!record.overflowed) {
		channel_send_notice_job(ch, &(struct msg_notice_job){ l->number, buf_view(&record) });
		l->state = NOTICE_ASKED;
	} else {
		letter_again(s, l, NOTICE_AGAIN_MS); /* no memory */
	}
	buf_free(&record);
}

void notice_tick(struct spool *s)
{
	while (s->notice_count < SPOOL_NOTICES_MAX) {
		const struct notice *n = notices_next(&s->notices, loop_now_ms(s->frame->loop));
		if (!n || (notice_is_wanted(s) && !letter_new(s, n))) break;
	}
	LIST_EACH(it, &s->notice_letters) {
		struct notice_letter *l = CONTAINER(it, struct notice_letter, link);
		if (l->state == NOTICE_WAITS) letter_ask(s, l);
	}
}

void notice_note(struct spool *s, const struct msg_refused_note *m)
{
	char text[NOTICE_TEXT_MAX];
	struct buf reply;
	struct notice n = { .class = (enum verdict_class)m->class, .helo = m->helo, .user = m->user,
		.from = m->from, .rule = m->rule, .held = m->code == 0, .last_ms = loop_wall_ms(s->frame->loop) };
	if (m->class == VERDICT_CLASS_NONE || m->class >= VERDICT_CLASSES ||
	    m->client.len != sizeof n.client.octets || !notice_is_wanted(s))
		return;
	memcpy(n.client.octets, m->client.at, sizeof n.client.octets);
	buf_init_fixed(&reply, text, sizeof text);
	if (m->code) buf_fmt(&reply, "%u %.*s ", (unsigned)m->code, STR_ARG(m->dsn));
	buf_str(&reply, m->text);
	n.reply = buf_view(&reply);
	notices_add(&s->notices, &n, loop_now_ms(s->frame->loop));
	notice_tick(s);
}

/* --- kept ----------------------------------------------------------------------------------- */

static bool letter_spans(struct notice_letter *l, struct spool_window *w,
                         const struct msg_report_done *m)
{
	enum { SPANS_MAX = sizeof l->spans / sizeof *l->spans };
	struct window_range ranges[SPANS_MAX];
	int count = window_ranges_get(w->window, m->ranges, ranges, SPANS_MAX);
	uint64_t size = 0;
	for (int i = 0; i < count; i++) {
		l->spans[i] = (struct str){ window_at(w->window, ranges[i]), ranges[i].len };
		size += ranges[i].len;
	}
	l->span_count = count > 0 ? (size_t)count : 0;
	return count > 0 && size == m->size && size <= DSN_NOTICE_MAX;
}

static bool notice_arrive(struct spool *s, struct notice_letter *l, uint64_t size)
{
	struct note *note;
	struct envelope_rcpt rcpt = { .address = s->frame->conf->postmaster };
	struct envelope e = { .rcpts = &rcpt, .rcpt_count = 1, .copy = true, .esmtp = true,
		.arrived_ms = loop_wall_ms(s->frame->loop), .size = size };
	if (!letter_arrive(s, l->number, &e, l->spans, l->span_count, &note)) return false;
	note->kind = NOTE_NOTICE;
	note->notice = l;
	l->state = NOTICE_ARRIVES;
	return true;
}

bool notice_written(struct spool *s, const struct msg_report_done *m)
{
	struct notice_letter *l = NULL;
	LIST_EACH(it, &s->notice_letters) {
		struct notice_letter *other = CONTAINER(it, struct notice_letter, link);
		if (other->state == NOTICE_ASKED && other->number == m->job) l = other;
	}
	if (!l || !s->bounce_window) return l != NULL;
	l->window = s->bounce_window;
	l->window->refs++;
	/* Of size 0: it says that it cannot, and has logged why. The postmaster may have gone
	 * by a reload. */
	if (m->size == 0 || !notice_is_wanted(s) || !letter_spans(l, l->window, m)) letter_free(s, l);
	else if (s->lost || !notice_arrive(s, l, m->size)) letter_again(s, l, NOTICE_AGAIN_MS);
	return true;
}

static void letter_tell(struct spool *s, const struct spool_op *op, const struct notice_letter *l)
{
	const struct notice *n = &l->notice;
	struct event_log *log = s->frame->log;
	char text[17];
	struct buf id;
	buf_init_fixed(&id, text, sizeof text);
	buf_hex64(&id, op->id);
	event_begin(log, EVENT_notify, 0, 0);
	if (!ip_is_none(n->client)) event_ip(log, FIELD_client, n->client);
	event_str(log, FIELD_user, n->user);
	event_str(log, FIELD_from, n->from);
	event_str(log, FIELD_to, op->arrive.rcpts[0].address);
	event_str(log, FIELD_report, buf_view(&id));
	event_str(log, FIELD_rule, n->rule);
	event_str(log, FIELD_reason, verdict_class_name(n->class));
	event_i64(log, FIELD_count, (int64_t)n->count);
	event_end(log);
}

void notice_committed(struct spool *s, const struct spool_op *op, const struct note *note)
{
	struct notice_letter *l = note->notice;
	if (op->result == 0) {
		letter_tell(s, op, l);
		letter_free(s, l);
		pump_fresh(s, op->id);
	} else {
		watch_error(s, op->result, "a message to the postmaster could not be written");
		letter_again(s, l, NOTICE_AGAIN_MS);
	}
}

void notice_bounce_down(struct spool *s)
{
	LIST_EACH(it, &s->notice_letters) {
		struct notice_letter *l = CONTAINER(it, struct notice_letter, link);
		if (l->state == NOTICE_ASKED) letter_again(s, l, 0);
	}
}
