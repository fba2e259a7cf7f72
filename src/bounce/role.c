/* SPDX-License-Identifier: Apache-2.0 */
/* Writes delivery reports. It keeps nothing: what is in hand when it dies, or when spool
 * does, is asked for again. */
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "bounce/make.h"
#include "bounce/outbox.h"
#include "lib/base/fault.h"
#include "lib/dsn/notice.h"
#include "lib/ipc/scoreboard.h"
#include "services/frame.h"

enum { RANGES_MAX = DSN_ORIGINAL_MAX / WINDOW_BLOCK + 1 };

struct bounce {
	struct frame *frame;
	struct window *window; /* spool's; NULL: none */
	struct outbox outbox;
};

static void log_error(struct frame *f, const char *why)
{
	event_begin(f->log, EVENT_report_error, 0, 0);
	event_str(f->log, FIELD_error, str_of(why));
	event_end(f->log);
}

static void send_done(struct frame *f, uint64_t job, struct str ranges, uint64_t size)
{
	struct channel *spool = frame_peer(f, ROLE_SPOOL, 0);
	if (spool)
		channel_send_report_done(spool, &(struct msg_report_done){ job, ranges, size });
}

static void on_told(void *arg, const struct outbox_entry *entry, uint64_t size)
{
	struct bounce *b = arg;
	char memory[OUTBOX_BLOCKS_MAX * sizeof(struct window_range)];
	struct buf ranges;
	buf_init_fixed(&ranges, memory, sizeof memory);
	window_ranges_put(&ranges, entry->ranges, entry->range_count);
	send_done(b->frame, entry->job, buf_view(&ranges), size);
}

static int bounce_open(struct frame *f)
{
	struct bounce *b = calloc(1, sizeof *b);
	if (!b) return EX_OSERR;
	f->role = b;
	b->frame = f;
	return outbox_init(&b->outbox, OUTBOX_WINDOW, on_told, b) ? 0 : EX_OSERR;
}

/* Spool's window comes first; ours is the answer. */
static void take_window(struct bounce *b, struct channel *ch, int fd)
{
	window_free(b->window);
	b->window = window_map(fd);
	if (!b->window) log_error(b->frame, "the window of the spool cannot be used");
	channel_send_window_fd(ch, &(struct msg_window){ OUTBOX_WINDOW },
			       window_fd(b->outbox.window));
}

/* The pieces of the original; -1 if they do not lie in the window. */
static int find_original(struct bounce *b, struct str field, struct str pieces[RANGES_MAX])
{
	struct window_range ranges[RANGES_MAX];
	if (field.len == 0) return 0;
	int count = b->window ? window_ranges_get(b->window, field, ranges, RANGES_MAX) : -1;
	for (int i = 0; i < count; i++)
		pieces[i] = (struct str){ window_at(b->window, ranges[i]), ranges[i].len };
	return count;
}

/* NULL, or why there is no report in `text`. */
static const char *make(struct bounce *b, const struct msg_report_job *job,
			struct arena *arena, struct buf *text)
{
	struct dsn_report r;
	struct str pieces[RANGES_MAX];
	uint64_t id = 0;
	if (outbox_is_full(&b->outbox)) return "more reports are asked for than are kept";
	if (outbox_has(&b->outbox, job->job)) return "a report is asked for twice";
	if (!dsn_report_decode(job->report, arena, &r)) return "the request is damaged";
	int count = find_original(b, job->ranges, pieces);
	if (count < 0) return "the original does not lie inside the window";
	(void)str_from_hex64(r.id, &id);
	scoreboard_message(id);
	FAULT("bounce.job", r.sender);
	return bounce_make(text, &r, pieces, (size_t)count);
}

static void take_job(struct bounce *b, const struct msg_report_job *job)
{
	struct arena arena;
	struct buf text;
	arena_init(&arena, DSN_ARENA);
	buf_init(&text, DSN_REPORT_MAX);
	const char *why = make(b, job, &arena, &text);
	scoreboard_message(0);
	if (why) {
		log_error(b->frame, why);
		send_done(b->frame, job->job, STR(""), 0);
	} else {
		outbox_add(&b->outbox, job->job, &text);
	}
	buf_free(&text);
	arena_free(&arena);
}

/* NULL, or why there is no message in `text`. */
static const char *make_notice(struct bounce *b, const struct msg_notice_job *job, struct buf *text)
{
	struct dsn_notice n;
	if (outbox_is_full(&b->outbox)) return "more messages are asked for than are kept";
	if (outbox_has(&b->outbox, job->job)) return "a message is asked for twice";
	if (!dsn_notice_decode(job->notice, &n)) return "the request is damaged";
	FAULT("bounce.notice", n.sender);
	dsn_notice_write(text, &n);
	return text->overflowed ? "out of memory" : NULL;
}

static void take_notice(struct bounce *b, const struct msg_notice_job *job)
{
	struct buf text;
	buf_init(&text, DSN_REPORT_MAX);
	const char *why = make_notice(b, job, &text);
	if (why) {
		log_error(b->frame, why);
		send_done(b->frame, job->job, STR(""), 0);
	} else {
		outbox_add(&b->outbox, job->job, &text);
	}
	buf_free(&text);
}

static void bounce_message(struct frame *f, struct channel *ch, enum msg_type type,
			   struct str payload, int fd)
{
	struct bounce *b = f->role;
	struct msg_report_job job;
	struct msg_notice_job notice;
	struct msg_report_free done;
	if (type == MSG_spool_window) {
		take_window(b, ch, fd);
		return;
	}
	if (type == MSG_report_job && msg_report_job_get(payload, &job)) take_job(b, &job);
	else if (type == MSG_notice_job && msg_notice_job_get(payload, &notice))
		take_notice(b, &notice);
	else if (type == MSG_report_free && msg_report_free_get(payload, &done))
		outbox_remove(&b->outbox, done.job);
	if (fd >= 0) (void)close(fd);
}

static void bounce_peer_down(struct frame *f, struct channel *ch)
{
	struct bounce *b = f->role;
	if (channel_peer(ch) != ROLE_SPOOL) return;
	outbox_clear(&b->outbox);
	window_free(b->window);
	b->window = NULL;
}

/* Spool leaves before us: what is not kept by then, its next life asks for again. */
static void bounce_drain(struct frame *f, bool now)
{
	(void)now;
	frame_leave(f);
}

const struct role_ops bounce_role = {
	.role = ROLE_BOUNCE,
	.open = bounce_open,
	.peer_down = bounce_peer_down,
	.message = bounce_message,
	.drain = bounce_drain,
};
