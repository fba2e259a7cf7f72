/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the administrator's that belong to a dial: run beside the family, as a user
 * without rights, without a shell, with no word that came with mail. Each has a process group of
 * its own, which is killed when its time is over; what it says goes to the log, cut. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/process.h"
#include "services/master/master.h"

enum {
	PROGRAMS_MAX = 32, /* at one time */
	WORDS_MAX = 17,
	WORD_MAX = 1024,
	SAID_MAX = 1000,   /* octets of what it says */
	EXIT_CANNOT_EXECUTE = 126,
	NOBODY = 65534,
};

struct program {
	struct master *master;
	pid_t pid; /* and process group; 0: this place is free */
	uint64_t query;
	int fd;
	struct loop_io *io;
	struct loop_timer *timer;
	int64_t began_ms;
	char dial[128], path[256], said[SAID_MAX];
	size_t said_len;
	bool late;
};

static struct program programs[PROGRAMS_MAX];

/* --- start ---------------------------------------------------------------------------------- */

struct words {
	char texts[WORDS_MAX][WORD_MAX];
	char *argv[WORDS_MAX + 1];
	char dial[160];
	char *envp[4];
};

/* False: a word is too long. */
static bool words_make(struct words *w, const struct conf_texts *texts, struct str dial)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LC_ALL=C.UTF-8";
	struct buf out;
	for (size_t i = 0; i < texts->count && i < WORDS_MAX; i++) {
		if (!str_to_cstr(texts->at[i], w->texts[i], WORD_MAX)) return false;
		w->argv[i] = w->texts[i];
	}
	buf_init_fixed(&out, w->dial, sizeof w->dial);
	buf_str(&out, STR("IMS_DIAL="));
	buf_str(&out, dial);
	buf_byte(&out, '\0');
	w->envp[0] = path;
	w->envp[1] = lang;
	w->envp[2] = w->dial;
	return !out.overflowed;
}

/* After fork: system calls only. */
static void child_run(const struct words *w, int said_fd, struct process_user user)
{
	sigset_t none;
	int null = open("/dev/null", O_RDWR);
	if (setpgid(0, 0) != 0 || chdir("/") != 0) return;
	if (null < 0 || dup2(null, 0) < 0 || dup2(said_fd, 1) < 0 || dup2(said_fd, 2) < 0) return;
	if (close_range(3, ~0u, 0) != 0) return;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_DFL);
	if (process_user_become(user) != 0) return;
	(void)execve(w->argv[0], w->argv, w->envp);
}

static pid_t program_fork(const struct words *w, const struct conf_dial *d, int *said_fd)
{
	int fds[2];
	char account[64];
	if (!str_to_cstr(d->user, account, sizeof account)) return -EINVAL;
	struct process_user user = process_user_find(account, NOBODY);
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		(void)fcntl(fds[1], F_SETFL, 0); /* it may wait for us */
		child_run(w, fds[1], user);
		_exit(EXIT_CANNOT_EXECUTE);
	}
	(void)close(fds[1]);
	if (pid < 0) {
		pid = -errno;
		(void)close(fds[0]);
		return pid;
	}
	(void)setpgid(pid, pid); /* whichever of the two is first */
	*said_fd = fds[0];
	return pid;
}

/* --- what it says ------------------------------------------------------------------------------ */

static void said_read(struct program *p)
{
	char rest[512];
	for (int i = 0; i < 64; i++) {
		bool full = p->said_len == SAID_MAX;
		char *into = full ? rest : p->said + p->said_len;
		size_t room = full ? sizeof rest : SAID_MAX - p->said_len;
		ssize_t got = read(p->fd, into, room);
		if (got == 0) loop_io_want(p->io, 0);
		if (got <= 0) return;
		if (!full) p->said_len += (size_t)got;
	}
}

static void said_ready(void *arg, int fd, unsigned ready)
{
	(void)fd, (void)ready;
	said_read(arg);
}

/* --- end ----------------------------------------------------------------------------------------- */

/* Without the line end behind it. */
static struct str said_of(const struct program *p)
{
	struct str said = { p->said, p->said_len };
	while (said.len && (said.at[said.len - 1] == '\n' || said.at[said.len - 1] == '\r')) said.len--;
	return said;
}

static void tell(struct program *p, const char *error, int code)
{
	struct event_log *log = &p->master->log;
	event_begin(log, error ? EVENT_program_fail : EVENT_program, 0, 0);
	event_str(log, FIELD_dial, str_of(p->dial));
	event_str(log, FIELD_path, str_of(p->path));
	if (error) event_str(log, FIELD_error, str_of(error));
	if (code >= 0) event_i64(log, FIELD_code, code);
	event_str(log, FIELD_reply, said_of(p));
	event_i64(log, FIELD_delay, loop_now_ms(p->master->loop) - p->began_ms);
	event_end(log);
}

static void answer(struct master *m, uint64_t query, bool good)
{
	struct child *spool = child_find(m, ROLE_SPOOL, 0);
	if (spool && spool->ch)
		channel_send_program_done(spool->ch, &(struct msg_program_done){ query, good });
}

static void program_free(struct program *p)
{
	loop_io_free(p->io);
	loop_timer_free(p->timer);
	if (p->fd >= 0) (void)close(p->fd);
	*p = (struct program){ .fd = -1 };
}

static void program_late(void *arg)
{
	struct program *p = arg;
	p->late = true;
	(void)kill(-p->pid, SIGKILL); /* its end comes as any other */
}

bool programs_reap(struct master *m, pid_t pid, int status)
{
	struct program *p = NULL;
	for (size_t i = 0; i < PROGRAMS_MAX && !p; i++)
		if (programs[i].pid == pid) p = &programs[i];
	if (!p) return false;
	said_read(p);
	bool good = !p->late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	const char *error = good ? NULL
		: p->late ? "its time was over: it was killed"
		: WIFSIGNALED(status) ? "a signal ended it" : "it says that it failed";
	if (!p->late && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CANNOT_EXECUTE)
		error = "it could not be executed, or says so";
	tell(p, error, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	answer(m, p->query, good);
	program_free(p);
	master_advance(m);
	return true;
}

bool programs_run(const struct master *m)
{
	(void)m;
	for (size_t i = 0; i < PROGRAMS_MAX; i++)
		if (programs[i].pid) return true;
	return false;
}

void programs_free(void)
{
	for (size_t i = 0; i < PROGRAMS_MAX; i++) {
		if (!programs[i].pid) continue;
		(void)kill(-programs[i].pid, SIGKILL);
		program_free(&programs[i]);
	}
}

/* --- asked for ------------------------------------------------------------------------------------ */

static const struct conf_dial *dial_of(const struct conf *conf, struct str name)
{
	for (size_t i = 0; i < conf->dial_count; i++)
		if (str_eq(conf->dials[i].name, name)) return &conf->dials[i];
	return NULL;
}

static bool program_start(struct program *p, const struct conf_dial *d,
                          const struct conf_texts *texts)
{
	static struct words w; /* 17 KiB: not for a stack; used by one call at a time */
	memset(&w, 0, sizeof w);
	if (!words_make(&w, texts, d->name)) return false;
	(void)str_to_cstr(str_sub(texts->at[0], 0, sizeof p->path - 1), p->path, sizeof p->path);
	p->timer = loop_timer_new(p->master->loop, program_late, p);
	if (!p->timer) return false;
	pid_t pid = program_fork(&w, d, &p->fd);
	if (pid < 0) return false;
	p->pid = pid;
	p->io = loop_io_new(p->master->loop, p->fd, LOOP_READ, said_ready, p);
	loop_timer_set(p->timer, d->timeout_ms);
	if (!p->io) program_late(p);
	return true;
}

void programs_message(struct master *m, const struct msg_program *ask)
{
	const struct conf_dial *d = dial_of(m->conf, ask->dial);
	const struct conf_texts *texts = !d ? NULL : ask->after ? &d->after : &d->before;
	struct program *p = NULL;
	for (size_t i = 0; i < PROGRAMS_MAX && !p; i++)
		if (!programs[i].pid) p = &programs[i];
	/* The configuration may have changed since it was asked for. */
	if (!texts || !texts->count || !p) {
		answer(m, ask->query, texts && !texts->count);
		return;
	}
	*p = (struct program){ .master = m, .query = ask->query, .fd = -1,
		.began_ms = loop_now_ms(m->loop) };
	(void)str_to_cstr(str_sub(d->name, 0, sizeof p->dial - 1), p->dial, sizeof p->dial);
	if (program_start(p, d, texts)) return;
	tell(p, "it could not be started", -1);
	answer(m, ask->query, false);
	program_free(p);
}
