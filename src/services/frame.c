/* SPDX-License-Identifier: Apache-2.0 */
#include "services/frame.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"
#include "lib/os/sandbox.h"
#include "services/records.h"
#include "services/setup.h"

enum {
	LEAVE_STEP_MS = 10,
	LEAVE_MAX_MS = 3000, /* for the peers to take our last words */
};

enum phase { PHASE_SETUP, PHASE_SERVE, PHASE_LEAVE };

/* The process's one frame and what is nobody else's business. */
static struct {
	struct frame frame;
	struct event_log log;
	struct records records;
	struct setup_queue waiting; /* until the role serves */
	enum phase phase;
	bool started; /* master has said so */
	int status;   /* with which the process exits */
	char title[FRAME_TITLE_MAX];
	uint32_t links[ROLE_COUNT][FRAME_INDEX_MAX]; /* master's numbers of the channels */
	struct loop_timer *leave_timer;
	int64_t leave_by_ms;
} self;

struct channel *frame_peer(const struct frame *f, enum role role, unsigned index)
{
	return role < ROLE_COUNT && index < FRAME_INDEX_MAX ? f->peers[role][index]
							    : NULL;
}

/* -- Leaving ------------------------------------------------------------------------- */

static bool flush_all(struct frame *f)
{
	size_t left = 0;
	records_flush(&self.records);
	for (unsigned r = 0; r < ROLE_COUNT; r++) {
		for (unsigned i = 0; i < FRAME_INDEX_MAX; i++) {
			if (!f->peers[r][i]) continue;
			channel_flush(f->peers[r][i]);
			left += channel_backlog(f->peers[r][i]);
		}
	}
	channel_flush(f->master);
	return left + channel_backlog(f->master) == 0;
}

static void leave_step(void *arg)
{
	struct frame *f = arg;
	if (flush_all(f) || loop_now_ms(f->loop) >= self.leave_by_ms) loop_stop(f->loop);
	else loop_timer_set(self.leave_timer, LEAVE_STEP_MS);
}

void frame_leave(struct frame *f)
{
	if (self.phase == PHASE_LEAVE) return;
	self.phase = PHASE_LEAVE;
	self.leave_by_ms = loop_now_ms(f->loop) + LEAVE_MAX_MS;
	/* Not at once: the caller may still have something to send in this turn. */
	loop_timer_set(self.leave_timer, 1);
}

void frame_fail(struct frame *f, int status)
{
	self.status = status;
	frame_leave(f);
}

static void frame_drain(struct frame *f, bool now)
{
	if (self.phase == PHASE_LEAVE && now) self.leave_by_ms = 0;
	if (self.phase == PHASE_LEAVE) return;
	if (self.phase == PHASE_SETUP || !f->ops->drain) frame_leave(f);
	else f->ops->drain(f, now);
}

/* -- Peers --------------------------------------------------------------------------- */

static void peer_message(void *arg, struct channel *ch, enum msg_type type,
			 struct str payload, int fd)
{
	struct frame *f = arg;
	if (f->ops->message) f->ops->message(f, ch, type, payload, fd);
	else if (fd >= 0) (void)close(fd);
}

static void peer_drop(struct frame *f, struct channel *ch)
{
	enum role role = channel_peer(ch);
	unsigned index = channel_peer_index(ch);
	f->peers[role][index] = NULL;
	if (role == ROLE_JOURNAL) records_journal(&self.records, NULL);
	if (self.phase != PHASE_SETUP && f->ops->peer_down) f->ops->peer_down(f, ch);
	channel_free(ch);
}

/* Master knows whether the peer died, or only the channel. */
static void peer_closed(void *arg, struct channel *ch)
{
	struct frame *f = arg;
	uint32_t link = self.links[channel_peer(ch)][channel_peer_index(ch)];
	peer_drop(f, ch);
	channel_send_peer_lost(f->master, &(struct msg_peer_lost){ link });
}

static const struct channel_handler peer_handler = { peer_message, peer_closed };

/* Makes the channel; the role hears of it when it serves. */
static struct channel *peer_new(struct frame *f, const struct msg_peer *m, int fd)
{
	if (m->role >= ROLE_COUNT || m->index >= FRAME_INDEX_MAX ||
	    !msg_pair(f->ops->role, (enum role)m->role)) {
		(void)close(fd);
		return NULL;
	}
	/* An older channel is dead, but what it brought still counts. */
	struct channel *old = f->peers[m->role][m->index];
	if (old) channel_pump(old);
	old = f->peers[m->role][m->index];
	if (old) peer_drop(f, old);
	struct channel *ch = channel_new(f->loop, fd, f->ops->role, (enum role)m->role,
					 m->index, &peer_handler, f);
	f->peers[m->role][m->index] = ch;
	self.links[m->role][m->index] = m->link;
	if (ch && m->role == ROLE_JOURNAL) records_journal(&self.records, ch);
	return ch;
}

static void peer_replaced(struct frame *f, const struct msg_peer *m, int fd)
{
	struct channel *ch = peer_new(f, m, fd);
	if (ch && f->ops->peer_up) f->ops->peer_up(f, ch);
}

static void peers_up(struct frame *f)
{
	for (unsigned r = 0; r < ROLE_COUNT; r++)
		for (unsigned i = 0; i < FRAME_INDEX_MAX; i++)
			if (f->peers[r][i] && f->ops->peer_up)
				f->ops->peer_up(f, f->peers[r][i]);
}

/* -- Configuration ------------------------------------------------------------------- */

static void config_bad(struct frame *f, struct str why)
{
	event_begin(f->log, EVENT_config_error, 0, 0);
	event_str(f->log, FIELD_reason, why);
	event_end(f->log);
}

/* Who leaves is not told of another one any more, and may still use what it has. */
static void config_take(struct frame *f, int fd)
{
	struct buf why;
	if (self.phase == PHASE_LEAVE) {
		(void)close(fd);
		return;
	}
	buf_init(&why, EVENT_VALUE_MAX);
	struct conf *conf = setup_conf_read(fd, f->ops->reads_lists, &why);
	if (!conf) {
		config_bad(f, buf_view(&why));
	} else {
		struct conf *old = f->conf;
		f->conf = conf;
		if (self.phase == PHASE_SERVE && f->ops->reload) f->ops->reload(f, old);
		conf_free(old);
	}
	buf_free(&why);
}

/* -- Master -------------------------------------------------------------------------- */

/* Set-up messages other than those that the frame itself needs at once. */
static void master_message_early(struct frame *f, enum msg_type type, struct str payload,
				 int fd)
{
	struct msg_start start;
	if (type == MSG_start && msg_start_get(payload, &start)) {
		f->restarted = start.restarted;
		self.started = true;
		loop_stop(f->loop);
	} else if (!setup_queue_put(&self.waiting, type, payload, fd)) {
		self.status = EX_OSERR;
		loop_stop(f->loop);
	}
}

static void master_message(void *arg, struct channel *ch, enum msg_type type,
			   struct str payload, int fd)
{
	struct frame *f = arg;
	struct msg_drain drain;
	struct msg_peer peer;
	if (type == MSG_drain && msg_drain_get(payload, &drain))
		frame_drain(f, drain.now);
	else if (type == MSG_config) config_take(f, fd);
	else if (self.phase == PHASE_SETUP) master_message_early(f, type, payload, fd);
	else if (type == MSG_peer && msg_peer_get(payload, &peer))
		peer_replaced(f, &peer, fd);
	else peer_message(f, ch, type, payload, fd);
}

/* Master is gone, and with it the service: finish what is in hand and leave. The channel
 * stays and swallows what the role may still send. */
static void master_closed(void *arg, struct channel *ch)
{
	struct frame *f = arg;
	(void)ch;
	(void)alarm(PROCESS_GRACE_S);
	frame_drain(f, false);
}

static const struct channel_handler master_handler = { master_message, master_closed };

/* -- Life ---------------------------------------------------------------------------- */

/* `arg` is whoever writes the log now. */
static int64_t log_wall_ms(void *arg)
{
	(void)arg;
	return loop_wall_ms(self.frame.loop);
}

static bool env_number(const char *name, unsigned max, unsigned *out)
{
	const char *text = getenv(name);
	uint64_t value = 0;
	if (!text || !str_to_u64(str_of(text), &value) || value >= max) return false;
	*out = (unsigned)value;
	return true;
}

static bool frame_begin(struct frame *f, const struct role_ops *ops)
{
	unsigned slot = 0;
	f->ops = ops;
	if (!env_number(SETUP_ENV_INDEX, FRAME_INDEX_MAX, &f->index) ||
	    !env_number(SETUP_ENV_SLOT, SCOREBOARD_SLOTS, &slot) ||
	    !scoreboard_map(SETUP_FD_SCOREBOARD, slot))
		return false;
	(void)close(SETUP_FD_SCOREBOARD);
	scoreboard_catch_signals();
	process_follow_parent();
	(void)signal(SIGPIPE, SIG_IGN);
	frame_title(self.title, ops->role, f->index);
	process_name_set(self.title);
	f->user = role_user(ops->role);
	f->loop = loop_new();
	if (!f->loop) return false;
	f->log = &self.log;
	records_init(&self.records, f->loop, &self.log);
	event_log_init(&self.log, self.title, records_write, log_wall_ms, &self.records);
	setup_queue_init(&self.waiting);
	self.leave_timer = loop_timer_new(f->loop, leave_step, f);
	f->master = channel_new(f->loop, SETUP_FD_MASTER, ops->role, ROLE_MASTER, 0,
				&master_handler, f);
	return self.leave_timer && f->master;
}

/* The channels that master gave during set-up; the rest waits on. */
static void peers_make(struct frame *f)
{
	struct setup_queue rest;
	struct setup_message *s;
	setup_queue_init(&rest);
	while ((s = setup_queue_take(&self.waiting))) {
		struct str payload = { s->payload, s->len };
		struct msg_peer peer;
		if (s->type == MSG_peer && msg_peer_get(payload, &peer))
			(void)peer_new(f, &peer, s->fd);
		else (void)setup_queue_put(&rest, s->type, payload, s->fd);
		free(s);
	}
	while ((s = setup_queue_take(&rest))) {
		(void)setup_queue_put(&self.waiting, s->type,
				      (struct str){ s->payload, s->len }, s->fd);
		free(s);
	}
}

static int sandbox_put_on(struct frame *f, int *level)
{
	char empty[4096];
	struct buf path, less;
	buf_init_fixed(&path, empty, sizeof empty);
	buf_fmt(&path, "%.*s/empty", STR_ARG(f->conf->runtime));
	buf_init(&less, EVENT_VALUE_MAX);
	*level = sandbox_enter(role_name(f->ops->role), f->user,
			       path.overflowed ? NULL : empty, &less);
	if (*level < 0) {
		fprintf(stderr, "imsd: %s: cannot give up rights: %s\n", self.title,
			strerror(-*level));
	} else if (less.len) {
		event_begin(f->log, EVENT_sandbox_less, 0, 0);
		event_str(f->log, FIELD_process, str_of(self.title));
		event_str(f->log, FIELD_reason, buf_view(&less));
		event_end(f->log);
	}
	buf_free(&less);
	return *level < 0 ? EX_NOPERM : 0;
}

/* From master's `start` to the loop. */
static int frame_open(struct frame *f)
{
	int level = 0, status = 0;
	peers_make(f);
	if (f->ops->open) status = f->ops->open(f);
	if (status == 0) status = sandbox_put_on(f, &level);
	if (status == 0 && f->ops->role == ROLE_JOURNAL &&
	    self.log.write != records_write)
		records_replay(&self.records, self.log.write, self.log.arg);
	if (status == 0 && f->ops->serve) status = f->ops->serve(f);
	if (status != 0) return status;
	self.phase = PHASE_SERVE;
	peers_up(f);
	for (struct setup_message *s; (s = setup_queue_take(&self.waiting));) {
		peer_message(f, f->master, s->type, (struct str){ s->payload, s->len },
			     s->fd);
		free(s);
	}
	channel_send_ready(f->master, &(struct msg_ready){ (uint8_t)level });
	return 0;
}

int frame_main(const struct role_ops *ops)
{
	struct frame *f = &self.frame;
	if (!frame_begin(f, ops)) {
		fprintf(stderr,
			"imsd: a role is started by imsd itself, never by hand\n");
		return EX_USAGE;
	}
	loop_run(f->loop); /* until start, or the end */
	if (!self.started) return self.status;
	int status = f->conf ? frame_open(f) : EX_CONFIG;
	if (status == 0) loop_run(f->loop);
	(void)flush_all(f);
	return status ? status : self.status;
}
