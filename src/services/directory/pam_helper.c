/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/pam_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/process.h"
#include "services/directory/pam_record.h"

enum { FD_CONTROL = 3, FD_SIGNALS = 4, FD_ASKER = 3 };

struct child {
	pid_t pid; /* 0: no child */
	int asker; /* -1: has given up */
};

static struct {
	struct child children[PAM_CHILDREN_MAX];
	size_t count;
} helper;

/* --- a child ------------------------------------------------------------------------ */

static void answer(int asker, enum pam_verdict verdict, struct str why)
{
	struct pam_reply reply = { .verdict = (uint8_t)verdict };
	why = str_sub(why, 0, sizeof reply.why);
	memcpy(reply.why, why.at, why.len);
	reply.why_len = (uint8_t)why.len;
	(void)send(asker, &reply, sizeof reply, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The descriptors of others are not for modules, nor for what those execute. */
static void child_main(const struct pam_service *service, struct pam_request *request,
		       int asker)
{
	char memory[PAM_WHY_MAX];
	struct buf why;
	sigset_t none;
	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, (unsigned long)SIGKILL, 0ul, 0ul, 0ul);
	if (dup2(asker, FD_ASKER) < 0) _exit(1);
	(void)close_range(FD_ASKER + 1, ~0u, 0);
	(void)fcntl(FD_ASKER, F_SETFD, FD_CLOEXEC);
	for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	buf_init_fixed(&why, memory, sizeof memory);
	enum pam_verdict verdict =
		pam_check(service, request->user, request->password, &why);
	explicit_bzero(request, sizeof *request);
	answer(FD_ASKER, verdict, buf_view(&why));
	_exit(0);
}

/* --- the helper --------------------------------------------------------------------- */

static void child_kill(struct child *c)
{
	if (c->pid == 0) return;
	(void)kill(-c->pid, SIGKILL);
	(void)kill(c->pid, SIGKILL); /* if it had no time to make its group */
	if (c->asker >= 0) (void)close(c->asker);
	c->asker = -1;
}

static void child_start(const struct pam_service *service, struct pam_request *request,
			int asker)
{
	struct child *c = helper.children;
	while (c->pid) c++; /* there is room: or nothing would have been taken */
	pid_t pid = fork();
	if (pid == 0) child_main(service, request, asker);
	if (pid < 0) {
		answer(asker, PAM_VERDICT_LATER, STR("pam: no process for it"));
		(void)close(asker);
		return;
	}
	(void)setpgid(pid, pid);
	*c = (struct child){ .pid = pid, .asker = asker };
	helper.count++;
}

static void child_ended(struct child *c, int status)
{
	char memory[PAM_WHY_MAX];
	struct buf why;
	buf_init_fixed(&why, memory, sizeof memory);
	if (WIFSIGNALED(status))
		buf_fmt(&why, "pam: a module died of signal %d", WTERMSIG(status));
	else buf_fmt(&why, "pam: a module ended with status %d", WEXITSTATUS(status));
	/* What it may have left running. */
	(void)kill(-c->pid, SIGKILL);
	/* Behind its own answer, if it gave one, this is not read any more. */
	if (c->asker >= 0) answer(c->asker, PAM_VERDICT_LATER, buf_view(&why));
	if (c->asker >= 0) (void)close(c->asker);
	*c = (struct child){ 0 };
	helper.count--;
}

static bool is_ours(pid_t pid)
{
	for (size_t i = 0; i < PAM_CHILDREN_MAX; i++)
		if (helper.children[i].pid == pid) return true;
	return false;
}

/* What modules leave behind in a session of its own comes to the helper when its parent
 * has ended, and ends here. */
static void strays_kill(void)
{
	char memory[4096];
	uint64_t pid;
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, memory, sizeof memory) : -1;
	if (fd >= 0) (void)close(fd);
	struct str all = { memory, got > 0 ? (size_t)got : 0 };
	/* There is a blank behind each; a number without one was cut. */
	while (str_find(all, ' ') >= 0) {
		struct str one = str_cut(&all, ' ');
		if (str_to_u64(one, &pid) && pid > 1 && !is_ours((pid_t)pid))
			(void)kill((pid_t)pid, SIGKILL);
	}
}

static void children_reap(void)
{
	struct signalfd_siginfo info;
	int status;
	ssize_t got = read(FD_SIGNALS, &info, sizeof info);
	(void)got;
	for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
		for (size_t i = 0; i < PAM_CHILDREN_MAX; i++)
			if (helper.children[i].pid == pid)
				child_ended(&helper.children[i], status);
	strays_kill();
}

/* False: the role has gone. */
static bool request_take(const struct pam_service *service)
{
	struct pam_request request;
	int asker = -1;
	ssize_t got = pam_request_receive(FD_CONTROL, &request, &asker);
	if (got == 0 || (got < 0 && got != -EAGAIN && got != -EINTR && got != -EPROTO))
		return false;
	if (got > 0) child_start(service, &request, asker);
	explicit_bzero(&request, sizeof request);
	return true;
}

/* All there are, and what they leave behind. */
static void children_end(void)
{
	for (size_t i = 0; i < PAM_CHILDREN_MAX; i++) child_kill(&helper.children[i]);
	strays_kill();
	for (int status; waitpid(-1, &status, 0) > 0;) strays_kill();
}

/* Until the role has gone. Who asks has gone when its end is closed. */
static void serve(const struct pam_service *service)
{
	struct pollfd all[2 + PAM_CHILDREN_MAX];
	for (bool go = true; go;) {
		bool room = helper.count < PAM_CHILDREN_MAX;
		all[0] = (struct pollfd){ .fd = FD_CONTROL, .events = room ? POLLIN : 0 };
		all[1] = (struct pollfd){ .fd = FD_SIGNALS, .events = POLLIN };
		for (size_t i = 0; i < PAM_CHILDREN_MAX; i++)
			all[2 + i] =
				(struct pollfd){ .fd = helper.children[i].pid
							       ? helper.children[i].asker
							       : -1 };
		if (poll(all, sizeof all / sizeof *all, -1) < 0 && errno != EINTR) break;
		for (size_t i = 0; i < PAM_CHILDREN_MAX; i++)
			if (all[2 + i].fd >= 0 && all[2 + i].revents)
				child_kill(&helper.children[i]);
		if (all[1].revents) children_reap();
		if (all[0].revents & POLLIN && room) go = request_take(service);
		else if (all[0].revents & (POLLHUP | POLLERR)) go = false;
	}
	children_end();
}

/* What it has of the role it was forked off is given up: descriptors, handlers. */
static void helper_main(const struct pam_service *service, int control)
{
	const struct rlimit none = { 0, 0 };
	static const int ignored[] = {
		SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGUSR2
	};
	sigset_t ended;
	for (int signo = 1; signo < NSIG; signo++) (void)signal(signo, SIG_DFL);
	for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
		(void)signal(ignored[i], SIG_IGN);
	(void)sigemptyset(&ended);
	(void)sigaddset(&ended, SIGCHLD);
	(void)sigprocmask(SIG_SETMASK, &ended, NULL);
	if (dup2(control, FD_CONTROL) < 0) _exit(1);
	(void)close_range(FD_CONTROL + 1, ~0u, 0);
	if (signalfd(-1, &ended, SFD_NONBLOCK | SFD_CLOEXEC) != FD_SIGNALS) _exit(1);
	(void)setrlimit(RLIMIT_CORE, &none);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1ul, 0ul, 0ul, 0ul);
	process_name_set("imsd: pam");
	serve(service);
	_exit(0);
}

int pam_helper_start(const struct pam_service *service)
{
	int ends[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) !=
	    0)
		return -errno;
	pid_t pid = fork();
	int error = pid < 0 ? -errno : 0;
	if (pid == 0) helper_main(service, ends[1]);
	(void)close(ends[1]);
	if (!error) return ends[0];
	(void)close(ends[0]);
	return error;
}
