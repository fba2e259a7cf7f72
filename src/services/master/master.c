/* SPDX-License-Identifier: Apache-2.0 */
#include "services/master/master.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

static struct master self;

/* -- Start: stage by stage, each when the one before is ready -------------------------
 */

static const enum role start_order[] = {
	ROLE_JOURNAL, ROLE_DIRECTORY, ROLE_DNS,     ROLE_HTTP,    ROLE_SPOOL,
	ROLE_BOUNCE,  ROLE_MAILBOX,   ROLE_DELIVER, ROLE_CONSOLE, ROLE_RECEIVE,
};
/* -- Stop: who brings work in goes first, who tells the story last --------------------
 */
static const enum role stop_order[] = {
	ROLE_RECEIVE, ROLE_DELIVER, ROLE_MAILBOX,   ROLE_SPOOL,   ROLE_BOUNCE,
	ROLE_HTTP,    ROLE_DNS,       ROLE_DIRECTORY, ROLE_CONSOLE, ROLE_JOURNAL,
};
enum { STAGES = sizeof start_order / sizeof *start_order };
_Static_assert(STAGES == ROLE_COUNT - 1, "every role but master has its place");
_Static_assert(sizeof stop_order == sizeof start_order, "in both orders");

static void started(struct master *m)
{
	m->phase = MASTER_RUNNING;
	event_begin(&m->log, EVENT_service_start, 0, 0);
	event_str(&m->log, FIELD_version, STR(IMS_VERSION));
	event_i64(&m->log, FIELD_pid, getpid());
	event_i64(&m->log, FIELD_generation, (int64_t)m->generation);
	event_end(&m->log);
	notify("READY=1");
}

/* Starts who was never started; false while somebody of the stage is not ready. */
static bool stage_start(struct master *m, enum role role)
{
	bool ready = true;
	for (size_t i = 0; i < m->child_count; i++) {
		struct child *c = &m->children[i];
		if (c->role != role || c->state == CHILD_READY) continue;
		ready = false;
		if (c->state == CHILD_DOWN && c->started_ms == 0) child_start(c);
	}
	return ready;
}

/* False while somebody of the stage lives. */
static bool stage_stop(struct master *m, enum role role)
{
	bool gone = true;
	for (size_t i = 0; i < m->child_count; i++) {
		struct child *c = &m->children[i];
		if (c->role != role) continue;
		child_ask_to_leave(c, m->now);
		if (c->state != CHILD_DOWN) gone = false;
	}
	return gone;
}

static void stop_event(struct master *m)
{
	event_begin(&m->log, EVENT_service_stop, 0, 0);
	event_str(&m->log, FIELD_reason, str_of(m->stop_reason));
	event_end(&m->log);
}

static void stop_advance(struct master *m)
{
	bool gone = true;
	for (size_t i = 0; i + 1 < STAGES; i++) {
		gone = stage_stop(m, stop_order[i]) && gone;
		if (!gone && !m->now) return; /* one stage after the other */
	}
	if (!gone || (!m->now && programs_run(m))) return;
	if (!m->stop_told) stop_event(m);
	records_flush(&m->records);
	m->stop_told = true;
	if (stage_stop(m, ROLE_JOURNAL)) loop_stop(m->loop);
}

void master_advance(struct master *m)
{
	if (m->phase == MASTER_STOPPING) {
		stop_advance(m);
	} else if (m->phase == MASTER_STARTING) {
		for (size_t i = 0; i < STAGES; i++)
			if (!stage_start(m, start_order[i])) return;
		started(m);
	}
}

/* -- Stop ---------------------------------------------------------------------------- */

static void stop_now(struct master *m)
{
	m->now = true;
	loop_timer_set(m->stop_timer, MASTER_NOW_MS);
	stop_advance(m);
}

/* Patience is over: first with work in hand, then with processes. */
static void stop_timeout(void *arg)
{
	struct master *m = arg;
	if (!m->now) {
		stop_now(m);
		return;
	}
	bool others = false;
	for (size_t i = 0; i < m->child_count; i++) {
		struct child *c = &m->children[i];
		if (c->role == ROLE_JOURNAL || c->state == CHILD_DOWN) continue;
		others = true;
		child_kill(c);
	}
	struct child *journal = child_find(m, ROLE_JOURNAL, 0);
	if (!others && journal) child_kill(journal);
	loop_timer_set(m->stop_timer, MASTER_NOW_MS);
}

void master_stop(struct master *m, const char *reason, int status)
{
	if (m->phase == MASTER_STOPPING) {
		stop_now(m);
		return;
	}
	/* A start that fails has nothing in hand. One that is told to stop may have: the first
	 * worker serves before the last one is ready. */
	m->now = m->phase == MASTER_STARTING && status != 0;
	m->phase = MASTER_STOPPING;
	m->stop_reason = reason;
	m->status = status;
	notify("STOPPING=1");
	loop_timer_set(m->stop_timer, m->now ? MASTER_NOW_MS : MASTER_DRAIN_MS);
	loop_timer_cancel(m->listen_timer);
	loop_timer_cancel(m->certificate_timer);
	stop_advance(m);
}

static void on_term(void *arg) { master_stop(arg, "SIGTERM", 0); }
static void on_int(void *arg) { master_stop(arg, "SIGINT", 0); }

static void on_hup(void *arg)
{
	struct master *m = arg;
	struct buf text;
	buf_init(&text, 64 * 1024);
	(void)config_reload(m, &text); /* the log says how it went */
	buf_free(&text);
}

/* -- Life ---------------------------------------------------------------------------- */

static int64_t log_wall_ms(void *arg)
{
	const struct records *r = arg;
	return loop_wall_ms(r->loop);
}

/* Descriptors: sockets, windows and channels of many workers. */
static void raise_limits(void)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
	files.rlim_cur = files.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &files);
}

static bool master_begin(struct master *m)
{
	m->conf_fd = m->slots_fd = m->pid_fd = -1;
	for (size_t i = 0; i < SECRETS_OF_COUNT; i++) m->secrets_fd[i] = -1;
	raise_limits();
	(void)signal(SIGPIPE, SIG_IGN);
	/* What the loop puts back when it goes: a second SIGTERM may come in the last moment,
	 * and the service has stopped well all the same. */
	(void)signal(SIGTERM, SIG_IGN);
	(void)signal(SIGINT, SIG_IGN);
	m->loop = loop_new();
	if (!m->loop) return false;
	records_init(&m->records, m->loop, &m->log);
	event_log_init(&m->log, "master", records_write, log_wall_ms, &m->records);
	m->stop_timer = loop_timer_new(m->loop, stop_timeout, m);
	m->listen_timer = loop_timer_new(m->loop, listeners_retry, m);
	m->certificate_timer = loop_timer_new(m->loop, certificates_timer, m);
	m->link_timer = loop_timer_new(m->loop, links_timer, m);
	m->listeners = calloc(1, sizeof *m->listeners);
	m->slots = scoreboard_new(&m->slots_fd);
	return m->stop_timer && m->listen_timer && m->certificate_timer && m->link_timer &&
	       m->listeners && m->slots && children_plan(m) && loop_signal(m->loop, SIGCHLD, children_reap, m) &&
	       loop_signal(m->loop, SIGTERM, on_term, m) &&
	       loop_signal(m->loop, SIGINT, on_int, m) &&
	       loop_signal(m->loop, SIGHUP, on_hup, m);
}

static void master_end(struct master *m)
{
	pid_file_remove(m);
	for (size_t i = 0; i < m->child_count; i++) loop_timer_free(m->children[i].timer);
	loop_timer_free(m->stop_timer);
	loop_timer_free(m->listen_timer);
	loop_timer_free(m->certificate_timer);
	loop_timer_free(m->link_timer);
	programs_free();
	certificates_free(m);
	if (m->listeners) listeners_close(m->listeners);
	free(m->listeners);
	conf_free(m->conf);
	if (m->conf_fd >= 0) (void)close(m->conf_fd);
	for (size_t i = 0; i < SECRETS_OF_COUNT; i++)
		if (m->secrets_fd[i] >= 0) (void)close(m->secrets_fd[i]);
	if (m->slots_fd >= 0) (void)close(m->slots_fd);
	if (m->loop) {
		records_free(&m->records);
		event_log_free(&m->log);
		loop_free(m->loop);
	}
}

static int master_run(struct master *m)
{
	struct buf text;
	buf_init(&text, 64 * 1024);
	int status = config_first(m, &text);
	fprintf(stderr, "%.*s", STR_ARG(buf_view(&text)));
	buf_free(&text);
	if (status == 0) status = folders_make(m->conf);
	if (status == 0) status = pid_file_make(m);
	if (status == 0 && m->roles[ROLE_RECEIVE] && listeners_first(m) > 0)
		status = EX_UNAVAILABLE;
	if (status != 0) return status;
	if (m->roles[ROLE_RECEIVE] || m->roles[ROLE_DELIVER]) certificates_load(m);
	secrets_load(m);
	master_advance(m);
	loop_run(m->loop);
	return m->status;
}

int master_main(const struct options *o, const struct role_ops *const *roles)
{
	struct master *m = &self;
	m->options = *o;
	m->roles = roles;
	int status = EX_OSERR;
	if (master_begin(m)) status = master_run(m);
	else fprintf(stderr, "imsd: %s\n", strerror(errno));
	master_end(m);
	return status;
}
