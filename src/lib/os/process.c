/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { EXIT_CANNOT_EXECUTE = 71 /* EX_OSERR */ };

static int close_above(unsigned first)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, ~0u, 0u) == 0) return 0;
#endif
	long max = sysconf(_SC_OPEN_MAX);
	for (int fd = (int)first; fd < (max > 0 && max < 65536 ? max : 65536); fd++)
		(void)close(fd);
	return 0;
}

/* After fork: system calls only. */
static void child_run(const struct process_spec *spec)
{
	int high[PROCESS_FDS_MAX];
	const int above = PROCESS_FD_FIRST + PROCESS_FDS_MAX;
	for (size_t i = 0; i < spec->fd_count; i++) {
		/* First out of the way of the final places, or one could overwrite
		 * another. */
		high[i] = fcntl(spec->fds[i], F_DUPFD, above);
		if (high[i] < 0) return;
	}
	for (size_t i = 0; i < spec->fd_count; i++)
		if (dup2(high[i], PROCESS_FD_FIRST + (int)i) < 0) return;
	if (close_above(PROCESS_FD_FIRST + (unsigned)spec->fd_count) != 0) return;
	sigset_t none;
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_DFL);
	/* A terminal's Ctrl-C is for the whole group; the parent alone decides. */
	(void)signal(SIGINT, SIG_IGN);
	(void)signal(SIGHUP, SIG_IGN);
	(void)signal(SIGTERM, SIG_IGN);
	char *argv[] = { (char *)(uintptr_t)spec->title, NULL };
	(void)execve("/proc/self/exe", argv, (char *const *)(uintptr_t)spec->env);
}

pid_t process_spawn(const struct process_spec *spec)
{
	assert(spec->fd_count <= PROCESS_FDS_MAX);
	pid_t pid = fork();
	if (pid < 0) return -errno;
	if (pid > 0) return pid;
	child_run(spec);
	_exit(EXIT_CANNOT_EXECUTE);
}

void process_name_set(const char *name)
{
	(void)prctl(PR_SET_NAME, (unsigned long)(uintptr_t)name, 0ul, 0ul, 0ul);
}

static pid_t parent;

static void on_parent_death(int signo)
{
	(void)signo;
	/* Anybody may send the signal; only a changed parent makes it true. */
	if (getppid() != parent) (void)alarm(PROCESS_GRACE_S);
}

void process_follow_parent(void)
{
	struct sigaction sa = { .sa_handler = on_parent_death, .sa_flags = SA_RESTART };
	if (parent == 0) parent = getppid();
	(void)sigaction(SIGUSR1, &sa, NULL);
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGUSR1, 0ul, 0ul, 0ul);
	if (getppid() != parent) (void)alarm(PROCESS_GRACE_S);
}

struct process_user process_user_find(const char *account, uid_t fallback)
{
	if (geteuid() != 0) return (struct process_user){ geteuid(), getegid(), false };
	const struct passwd *pw = getpwnam(account);
	if (pw && pw->pw_uid != 0)
		return (struct process_user){ pw->pw_uid, pw->pw_gid, true };
	return (struct process_user){ fallback, (gid_t)fallback, true };
}

int process_user_become(struct process_user user)
{
	if (!user.root) return 0;
	if (setgroups(0, NULL) != 0 || setresgid(user.gid, user.gid, user.gid) != 0 ||
	    setresuid(user.uid, user.uid, user.uid) != 0)
		return -errno;
	/* It must not be possible to go back. */
	if (user.uid != 0 && setuid(0) == 0) return -EPERM;
	return 0;
}

unsigned process_cores(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
	int count = CPU_COUNT(&set);
	return count > 0 ? (unsigned)count : 1;
}
