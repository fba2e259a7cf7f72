/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/socket.h"
#include "services/master/master.h"
#include "services/setup.h"

enum { ENV_MAX = 16, ENV_TEXT_MAX = 512 };

struct child *child_find(struct master *m, enum role role, unsigned index)
{
	for (size_t i = 0; i < m->child_count; i++)
		if (m->children[i].role == role && m->children[i].index == index)
			return &m->children[i];
	return NULL;
}

static void child_timer(void *arg)
{
	struct child *c = arg;
	if (c->state == CHILD_DOWN) child_start(c);
	else child_kill(c);
}

static bool plan_one(struct master *m, enum role role, unsigned index)
{
	struct child *c = &m->children[m->child_count];
	*c = (struct child){ .master = m,
			     .role = role,
			     .index = index,
			     .slot = (unsigned)m->child_count };
	frame_title(c->title, role, index);
	c->timer = loop_timer_new(m->loop, child_timer, c);
	if (c->timer) m->child_count++;
	return c->timer != NULL;
}

bool children_plan(struct master *m)
{
	unsigned cores = process_cores();
	if (cores > MASTER_WORKERS_MAX) cores = MASTER_WORKERS_MAX;
	for (unsigned r = 0; r < ROLE_COUNT; r++) {
		unsigned count = r == ROLE_RECEIVE || r == ROLE_DELIVER ? cores : 1;
		if (r == ROLE_MASTER || !m->roles[r]) continue;
		for (unsigned i = 0; i < count; i++)
			if (!plan_one(m, (enum role)r, i)) return false;
	}
	return true;
}

/* -- Channels ------------------------------------------------------------------------ */

static void child_message(void *arg, struct channel *ch, enum msg_type type,
			  struct str payload, int fd)
{
	struct child *c = arg;
	struct master *m = c->master;
	(void)ch;
	if (fd >= 0) (void)close(fd); /* nobody sends us one */
	struct msg_peer_lost lost;
	if (type == MSG_peer_lost && msg_peer_lost_get(payload, &lost)) {
		links_lost(m, lost.link);
		return;
	}
	struct msg_program program;
	if (type == MSG_program && msg_program_get(payload, &program)) {
		programs_message(m, &program);
		return;
	}
	if (type != MSG_ready) {
		admin_message(c, type, payload);
		return;
	}
	if (c->state != CHILD_SETUP) return;
	c->state = CHILD_READY;
	c->served = true;
	if (c->role == ROLE_JOURNAL) records_journal(&m->records, c->ch);
	if (c->role == ROLE_SPOOL) crash_tell_spool(m, c);
	master_advance(m);
}

static void child_channel_drop(struct child *c)
{
	if (c->role == ROLE_JOURNAL) records_journal(&c->master->records, NULL);
	channel_free(c->ch);
	c->ch = NULL;
}

/* A process that closes its channel is dying, or is not what it was: it must not stay. */
static void child_closed(void *arg, struct channel *ch)
{
	struct child *c = arg;
	if (*channel_fault(ch))
		fprintf(stderr, "imsd: %s: %s\n", c->title, channel_fault(ch));
	child_channel_drop(c);
	loop_timer_set(c->timer, MASTER_KILL_MS);
}

static const struct channel_handler child_handler = { child_message, child_closed };

void child_connect(struct child *a, struct child *b)
{
	uint32_t link = links_new(a->master, a, b);
	int fds[2];
	if (socket_pair(fds) != 0) return; /* no descriptors: both see no peer */
	channel_send_peer_fd(a->ch,
			     &(struct msg_peer){ (uint8_t)b->role, (uint16_t)b->index, link },
			     fds[0]);
	channel_send_peer_fd(b->ch,
			     &(struct msg_peer){ (uint8_t)a->role, (uint16_t)a->index, link },
			     fds[1]);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void connect_all(struct child *c)
{
	struct master *m = c->master;
	for (size_t i = 0; i < m->child_count; i++) {
		struct child *other = &m->children[i];
		if (other != c && other->ch && msg_pair(c->role, other->role))
			child_connect(c, other);
	}
}

void child_send_conf(struct child *c)
{
	struct master *m = c->master;
	if (!c->ch) return;
	channel_send_config_fd(c->ch, &(struct msg_config){ m->generation }, m->conf_fd);
	c->generation = m->generation;
}

/* -- Starting ------------------------------------------------------------------------ */

/* What is passed on of our own environment; everything else stays out. */
static const char *const env_kept[] = {
	"TZ",        "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS", "LLVM_PROFILE_FILE",
#ifdef IMS_FAULTS
	"IMS_FAULT",
#endif
};

struct env {
	const char *list[ENV_MAX + 1];
	char texts[ENV_MAX][ENV_TEXT_MAX];
	size_t count;
};

static void env_add(struct env *e, const char *name, const char *value)
{
	if (!value || e->count == ENV_MAX) return;
	int n = snprintf(e->texts[e->count], ENV_TEXT_MAX, "%s=%s", name, value);
	if (n < 0 || n >= ENV_TEXT_MAX) return;
	e->list[e->count] = e->texts[e->count];
	e->count++;
}

static pid_t child_spawn(const struct child *c, int channel_fd)
{
	static struct env env; /* 8 KiB: not for a stack; used by one call at a time */
	char title[FRAME_TITLE_MAX + 8], index[16], slot[16];
	const int fds[] = { channel_fd, c->master->slots_fd };
	memset(&env, 0, sizeof env);
	(void)snprintf(title, sizeof title, "imsd: %s", c->title);
	(void)snprintf(index, sizeof index, "%u", c->index);
	(void)snprintf(slot, sizeof slot, "%u", c->slot);
	env_add(&env, SETUP_ENV_ROLE, role_name(c->role));
	env_add(&env, SETUP_ENV_INDEX, index);
	env_add(&env, SETUP_ENV_SLOT, slot);
	for (size_t i = 0; i < sizeof env_kept / sizeof *env_kept; i++)
		env_add(&env, env_kept[i], getenv(env_kept[i]));
	struct process_spec spec = {
		.title = title, .env = env.list, .fds = fds, .fd_count = 2
	};
	return process_spawn(&spec);
}

/* Tries again later: no memory, no descriptors, no processes. */
static void child_cannot_start(struct child *c, const char *what, int error)
{
	fprintf(stderr, "imsd: %s: %s: %s\n", c->title, what, strerror(error));
	loop_timer_set(c->timer, backoff_death(&c->backoff, 0));
}

static void child_set_up(struct child *c)
{
	struct master *m = c->master;
	child_send_conf(c);
	connect_all(c);
	if (c->role == ROLE_RECEIVE) {
		certificates_send(m, c->ch);
		listeners_send(m, c->ch);
		crash_tell_receive(m, c);
	}
	secrets_send(m, c->role, c->ch);
	if (c->role == ROLE_DELIVER) route_files_send(m, c->ch);
	if (c->role == ROLE_SPOOL) route_states_send(m, c->ch);
	channel_send_start(c->ch, &(struct msg_start){ c->restarts > 0 });
	event_begin(&m->log, EVENT_process_start, 0, 0);
	event_str(&m->log, FIELD_process, str_of(c->title));
	event_i64(&m->log, FIELD_pid, c->pid);
	event_i64(&m->log, FIELD_restarts, c->restarts);
	event_end(&m->log);
}

void child_start(struct child *c)
{
	struct master *m = c->master;
	int fds[2];
	int rc = socket_pair(fds);
	if (rc != 0) {
		child_cannot_start(c, "no channel", -rc);
		return;
	}
	memset(&m->slots[c->slot], 0, sizeof m->slots[c->slot]);
	pid_t pid = child_spawn(c, fds[1]);
	(void)close(fds[1]);
	if (pid < 0) {
		(void)close(fds[0]);
		child_cannot_start(c, "cannot be started", (int)-pid);
		return;
	}
	c->pid = pid;
	c->state = CHILD_SETUP;
	c->asked_to_leave = c->forced = false;
	c->started_ms = loop_now_ms(m->loop);
	c->ch = channel_new(m->loop, fds[0], ROLE_MASTER, c->role, c->index,
			    &child_handler, c);
	if (c->ch) child_set_up(c);
	else child_kill(c); /* comes back as a death, and is started again */
}

/* -- Ending -------------------------------------------------------------------------- */

void child_ask_to_leave(struct child *c, bool now)
{
	if (c->state == CHILD_DOWN) {
		loop_timer_cancel(c->timer);
		return;
	}
	if (!c->ch || c->forced || (c->asked_to_leave && !now)) return;
	c->asked_to_leave = true;
	c->forced = now;
	channel_send_drain(c->ch, &(struct msg_drain){ now });
}

void child_kill(struct child *c)
{
	if (c->pid > 0) (void)kill(c->pid, SIGKILL);
}

static void child_gone(struct child *c, int status)
{
	struct master *m = c->master;
	/* Its last words first: it may have finished what we would blame it for. */
	if (c->ch) channel_pump(c->ch);
	if (c->ch) child_channel_drop(c);
	bool opened = c->state == CHILD_READY;
	c->state = CHILD_DOWN;
	loop_timer_cancel(c->timer);
	if (c->role == ROLE_RECEIVE) census_clear(scoreboard_census(), c->index);
	if (status != 0) crash_note(c, status);
	c->pid = 0;
	if (m->phase != MASTER_STOPPING) {
		if (!opened && !c->served && WIFEXITED(status) &&
		    WEXITSTATUS(status) != 0 && m->phase == MASTER_STARTING) {
			master_stop(m, "a process could not start", WEXITSTATUS(status));
			return;
		}
		c->restarts++;
		int64_t alive_ms = loop_now_ms(m->loop) - c->started_ms;
		int64_t delay_ms =
			status == 0 && opened ? 0 : backoff_death(&c->backoff, alive_ms);
		if (delay_ms > 0) loop_timer_set(c->timer, delay_ms);
		else child_start(c);
	}
	master_advance(m);
}

static struct child *child_by_pid(struct master *m, pid_t pid)
{
	for (size_t i = 0; i < m->child_count; i++)
		if (m->children[i].pid == pid) return &m->children[i];
	return NULL;
}

void children_reap(void *arg)
{
	struct master *m = arg;
	int status = 0;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
		struct child *c = child_by_pid(m, pid);
		if (c) child_gone(c, status);
		else (void)programs_reap(m, pid, status);
	}
}
