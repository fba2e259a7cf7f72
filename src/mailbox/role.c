/* SPDX-License-Identifier: Apache-2.0 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/base/fault.h"
#include "lib/ipc/scoreboard.h"
#include "lib/os/sandbox.h"
#include "lib/os/window.h"
#include "mailbox/deliver.h"
#include "services/frame.h"

enum { ERROR_EVERY_MS = 10 * 1000 };

struct mailbox {
	struct frame *frame;
	struct roots roots;
	struct process_user user;
	struct deliver *deliver;
	struct window *window; /* spool's; NULL: none */
	struct loop_turn turn;
	struct window_range ranges[JOB_RANGES_MAX];
	struct str pieces[JOB_RANGES_MAX];
	/* One kind of trouble is logged once in a while: a full disk concerns every job.
	 */
	struct buf last_error;
	int64_t last_error_ms;
};

static void log_error(struct frame *f, enum event_name name, struct str reason,
		      struct str path)
{
	event_begin(f->log, name, 0, 0);
	event_str(f->log, name == EVENT_config_error ? FIELD_reason : FIELD_error,
		  reason);
	event_str(f->log, FIELD_path, path);
	event_end(f->log);
}

/* --- what deliver asks and tells ------------------------------------------------------
 */

static struct str template_of(void *arg, struct str domain)
{
	struct mailbox *m = arg;
	const struct conf_domain *d = conf_domain_find(m->frame->conf, domain);
	return d && d->deliver.kind == CONF_DELIVER_MAILDIR ? d->deliver.maildir
							    : STR("");
}

static void on_done(void *arg, uint64_t job, struct str results)
{
	struct mailbox *m = arg;
	struct channel *spool = frame_peer(m->frame, ROLE_SPOOL, 0);
	if (spool)
		channel_send_done(spool,
				  &(struct msg_done){ .job = job, .results = results });
}

static void on_failed(void *arg, struct str recipient, struct str error, struct str path)
{
	struct mailbox *m = arg;
	int64_t now = loop_now_ms(m->frame->loop);
	if (str_eq(error, buf_view(&m->last_error)) &&
	    now - m->last_error_ms < ERROR_EVERY_MS)
		return;
	buf_reset(&m->last_error);
	buf_str(&m->last_error, error);
	m->last_error_ms = now;
	event_begin(m->frame->log, EVENT_mailbox_error, 0, 0);
	event_str(m->frame->log, FIELD_to, recipient);
	event_str(m->frame->log, FIELD_error, error);
	event_str(m->frame->log, FIELD_path, path);
	event_end(m->frame->log);
}

/* --- folders ------------------------------------------------------------------------ */

/* Opens the prefixes of all templates. What fails is logged and costs the deliveries
 * below it, not the service. */
static void open_roots(struct mailbox *m, const struct conf *conf)
{
	roots_begin(&m->roots);
	for (size_t i = 0; i < conf->domain_count; i++) {
		const struct conf_deliver *deliver = &conf->domains[i].deliver;
		if (deliver->kind != CONF_DELIVER_MAILDIR || deliver->maildir.len == 0)
			continue;
		int error =
			roots_add(&m->roots, deliver->maildir, m->user.uid, m->user.gid);
		if (error == -EINVAL && target_template_check(deliver->maildir))
			log_error(m->frame, EVENT_config_error,
				  str_of(target_template_check(deliver->maildir)),
				  deliver->maildir);
		else if (error)
			log_error(m->frame, EVENT_mailbox_error, str_of(strerror(-error)),
				  deliver->maildir);
	}
	roots_end(&m->roots);
}

static void on_turn_end(void *arg)
{
	struct mailbox *m = arg;
	deliver_commit(m->deliver);
}

static int mailbox_open(struct frame *f)
{
	static const struct deliver_calls calls = { template_of, on_done, on_failed,
						    NULL };
	struct mailbox *m = calloc(1, sizeof *m);
	if (!m) return EX_OSERR;
	struct deliver_calls mine = calls;
	mine.arg = f->role = m;
	m->frame = f;
	m->turn = (struct loop_turn){ .fn = on_turn_end, .arg = m };
	roots_init(&m->roots);
	buf_init(&m->last_error, JOB_TEXT_MAX);
	m->user = f->user;
	m->deliver = deliver_new(&m->roots, &mine);
	if (!m->deliver) return EX_OSERR;
	open_roots(m, f->conf);
	for (size_t i = 0; i < m->roots.count; i++) {
		int fd = m->roots.list[i].fd;
		int error = fd >= 0 ? sandbox_allow_fd(fd, true) : 0;
		if (error)
			log_error(f, EVENT_mailbox_error, str_of(strerror(-error)),
				  buf_view(&m->roots.list[i].path));
	}
	return 0;
}

static int mailbox_serve(struct frame *f)
{
	(void)f;
	/* A file over the limit of the process is an error of one delivery, not a death.
	 */
	(void)signal(SIGXFSZ, SIG_IGN);
	return 0;
}

static void mailbox_reload(struct frame *f, struct conf *old)
{
	struct mailbox *m = f->role;
	(void)old;
	/* The batch holds descriptors of prefixes that may be closed now. */
	deliver_commit(m->deliver);
	open_roots(m, f->conf);
}

/* --- jobs --------------------------------------------------------------------------- */

static void take_window(struct mailbox *m, int fd)
{
	struct window *window = window_map(fd);
	if (!window)
		log_error(m->frame, EVENT_mailbox_error,
			  STR("the window of the spool cannot be used"), STR(""));
	window_free(m->window);
	m->window = window;
}

/* Finds the body. NULL, or why it cannot be read. */
static const char *find_body(struct mailbox *m, const struct msg_job *job, int fd,
			     struct letter *letter)
{
	letter->fd = -1;
	letter->size = job->size;
	if (job->big) {
		letter->fd = fd;
		return fd >= 0 ? NULL : "the message came without its file";
	}
	if (!m->window) return "there is no window to read the message from";
	int count = window_ranges_get(m->window, job->ranges, m->ranges, JOB_RANGES_MAX);
	if (count < 0) return "the message does not lie inside the window";
	uint64_t size = 0;
	for (int i = 0; i < count; i++) {
		m->pieces[i] = (struct str){ window_at(m->window, m->ranges[i]),
					     m->ranges[i].len };
		size += m->ranges[i].len;
	}
	letter->pieces = m->pieces;
	letter->piece_count = (size_t)count;
	return size == job->size ? NULL : "the message is not as long as it should be";
}

static void take_job(struct mailbox *m, const struct msg_job *job, int fd)
{
	scoreboard_message(job->id);
	FAULT("mailbox.job", job->sender);
	struct deliver_job d = { .job = job->job, .recipients = job->recipients };
	d.letter.sender = job->sender;
	d.broken = find_body(m, job, fd, &d.letter);
	if (!deliver_add(m->deliver, &d))
		log_error(m->frame, EVENT_mailbox_error,
			  STR("the recipients of a job are damaged"), STR(""));
	scoreboard_message(0);
	loop_at_turn_end(m->frame->loop, &m->turn);
}

static void mailbox_message(struct frame *f, struct channel *ch, enum msg_type type,
			    struct str payload, int fd)
{
	struct mailbox *m = f->role;
	struct msg_job job;
	(void)ch;
	if (type == MSG_spool_window) {
		take_window(m, fd);
		return;
	}
	if (type == MSG_job && msg_job_get(payload, &job)) take_job(m, &job, fd);
	if (fd >= 0) (void)close(fd);
}

/* Nobody is left to be told: what is in hand would be delivered again by the next spool,
 * so it is not delivered now. */
static void mailbox_peer_down(struct frame *f, struct channel *ch)
{
	struct mailbox *m = f->role;
	if (channel_peer(ch) != ROLE_SPOOL) return;
	deliver_drop(m->deliver);
	window_free(m->window);
	m->window = NULL;
}

static void mailbox_drain(struct frame *f, bool now)
{
	struct mailbox *m = f->role;
	if (now) deliver_drop(m->deliver);
	else deliver_commit(m->deliver);
	loop_turn_cancel(f->loop, &m->turn);
	frame_leave(f);
}

const struct role_ops mailbox_role = {
	.role = ROLE_MAILBOX,
	.open = mailbox_open,
	.serve = mailbox_serve,
	.peer_down = mailbox_peer_down,
	.message = mailbox_message,
	.reload = mailbox_reload,
	.drain = mailbox_drain,
};
