/* SPDX-License-Identifier: Apache-2.0 */
/* Each row: a child puts on a role's sandbox, does one thing, and dies or does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/loop.h"
#include "lib/os/sandbox.h"
#include "lib/os/sandbox_rows.h"
#include "lib/os/socket.h"
#include "lib/os/window.h"

enum { OK = 0, REFUSED = 1, FAILED = 2, LEVEL = 3 };

static char folder[] = "/tmp/ims-test-XXXXXX";
static char inside[64];

static void stop(void *arg) { loop_stop(arg); }

static int do_loop(void)
{
	struct loop *l = loop_new();
	struct loop_timer *t = l ? loop_timer_new(l, stop, l) : NULL;
	if (!t) return FAILED;
	loop_timer_set(t, 1);
	loop_run(l);
	loop_timer_free(t);
	loop_free(l);
	struct window *w = window_new(WINDOW_BLOCK);
	int fds[2];
	if (!w || socket_pair(fds) != 0) return FAILED;
	window_free(w);
	close(fds[0]);
	close(fds[1]);
	return OK;
}

static int do_write_inside(void)
{
	int fd = open(inside, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) return REFUSED;
	int rc = write(fd, "x", 1) == 1 && fsync(fd) == 0 && syncfs(fd) == 0 &&
		 unlink(inside) == 0;
	close(fd);
	return rc ? OK : FAILED;
}

static int do_read_outside(void)
{
	int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) close(fd);
	return fd >= 0 ? OK : REFUSED;
}

static int do_write_outside(void)
{
	int fd = open("/tmp/ims-test-outside", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0) return REFUSED;
	close(fd);
	(void)unlink("/tmp/ims-test-outside");
	return OK;
}

static void *thread_run(void *arg) { return arg; }

static int do_thread(void)
{
	pthread_t thread;
	void *result = NULL;
	if (pthread_create(&thread, NULL, thread_run, inside) != 0) return REFUSED;
	return pthread_join(thread, &result) == 0 && result == inside ? OK : FAILED;
}

static int do_fork(void)
{
	pid_t pid = fork();
	if (pid == 0) _exit(0);
	return pid > 0 ? OK : REFUSED;
}

static int do_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) close(fd);
	return fd >= 0 ? OK : REFUSED;
}

static int do_kind(int family, int kind)
{
	int fd = socket(family, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) close(fd);
	return fd >= 0 ? OK : REFUSED;
}

static int do_stream(void) { return do_kind(AF_INET, SOCK_STREAM); }
static int do_netlink(void) { return do_kind(AF_NETLINK, SOCK_RAW); }
static int do_unix(void) { return do_kind(AF_UNIX, SOCK_STREAM); }
static int do_raw(void) { return do_kind(AF_INET, SOCK_RAW); }

static int do_listen(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return listen(fd, 1) == 0 ? OK : REFUSED;
}

/* To a port where nobody listens: whoever is let through hears just that. */
static int do_connect(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(1),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return REFUSED;
	int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
	int error = errno;
	close(fd);
	return rc == 0 || error == ECONNREFUSED ? OK : REFUSED;
}

/* The listener is run_case's. */
static int do_connect_inside(void)
{
	int fd = socket_unix_connect(inside);
	if (fd < 0) return REFUSED;
	close(fd);
	return OK;
}

/* An own address may be chosen, and no port. */
static int bind_to(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) return REFUSED;
	int rc = bind(fd, (struct sockaddr *)&a, sizeof a);
	close(fd);
	return rc == 0 ? OK : REFUSED;
}

static int do_bind_address(void) { return bind_to(0); }

static long landlock; /* version of the kernel's; the fourth knows of ports */
static int do_bind_port(void) { return landlock < 4 ? REFUSED : bind_to(61798); }

static int do_execve(void)
{
	char *argv[] = { NULL };
	(void)execve("/bin/true", argv, argv);
	return REFUSED;
}

static int do_kill(void) { return kill(getppid(), 0) == 0 ? OK : REFUSED; }

static int do_abort(void) { abort(); }

static const struct {
	const char *role;
	int (*act)(void);
	int status, signo; /* signo: dies by it */
	bool plain_only;   /* a sanitizer's run time needs what is forbidden here */
	bool landlock;     /* only where the kernel has it */
} cases[] = {
	{ "receive", do_loop, OK, 0, false, false },
	{ "spool", do_loop, OK, 0, false, false },
	{ "mailbox", do_loop, OK, 0, false, false },
	{ "journal", do_loop, OK, 0, false, false },
	{ "directory", do_loop, OK, 0, false, false },
	{ "console", do_loop, OK, 0, false, false },
	{ "bounce", do_loop, OK, 0, false, false },
	{ "spool", do_write_inside, OK, 0, false, false },
	{ "directory", do_write_inside, OK, 0, false, false },
	{ "receive", do_write_inside, REFUSED, 0, true, false },
	{ "spool", do_write_outside, REFUSED, 0, false, true },
	{ "spool", do_read_outside, REFUSED, 0, true, true },
	{ "receive", do_read_outside, REFUSED, 0, true, false },
	{ "spool", do_thread, OK, 0, false, false },
	{ "directory", do_thread, OK, 0, false, false },
	{ "receive", do_socket, 0, SIGSYS, true, false },
	{ "bounce", do_write_inside, REFUSED, 0, true, false },
	{ "bounce", do_socket, 0, SIGSYS, true, false },
	{ "console", do_socket, OK, 0, false, false },
	{ "http", do_loop, OK, 0, false, false },
	{ "http", do_stream, OK, 0, false, false },
	{ "http", do_netlink, REFUSED, 0, true, false },
	{ "http", do_raw, 0, SIGSYS, true, false },
	{ "http", do_listen, 0, SIGSYS, true, false },
	{ "http", do_read_outside, REFUSED, 0, true, false },
	{ "http", do_fork, 0, SIGSYS, true, false },
	{ "dns", do_loop, OK, 0, false, false },
	{ "dns", do_socket, OK, 0, false, false },
	{ "dns", do_stream, OK, 0, false, false },
	{ "dns", do_netlink, 0, SIGSYS, true, false },
	{ "dns", do_unix, 0, SIGSYS, true, false },
	{ "dns", do_raw, 0, SIGSYS, true, false },
	{ "dns", do_listen, 0, SIGSYS, true, false },
	{ "dns", do_read_outside, REFUSED, 0, true, false },
	{ "dns", do_fork, 0, SIGSYS, true, false },
	{ "dns", do_connect, OK, 0, false, false },
	{ "deliver", do_loop, OK, 0, false, false },
	{ "deliver", do_connect, OK, 0, false, false },
	{ "deliver", do_connect_inside, OK, 0, true, true },
	{ "deliver", do_bind_address, OK, 0, false, false },
	{ "deliver", do_bind_port, REFUSED, 0, false, true },
	{ "deliver", do_socket, 0, SIGSYS, true, false },
	{ "deliver", do_netlink, 0, SIGSYS, true, false },
	{ "deliver", do_listen, 0, SIGSYS, true, false },
	{ "deliver", do_read_outside, REFUSED, 0, true, false },
	{ "deliver", do_fork, 0, SIGSYS, true, false },
	{ "receive", do_fork, 0, SIGSYS, true, false },
	{ "spool", do_fork, 0, SIGSYS, true, false },
	{ "receive", do_execve, 0, SIGSYS, true, false },
	{ "spool", do_execve, 0, SIGSYS, true, false },
	{ "receive", do_kill, 0, SIGSYS, true, false },
	{ "receive", do_abort, 0, SIGABRT, true, false },
};

static int run_case(size_t i)
{
	struct process_user user = process_user_find("ims-no-such-account", 61799);
	struct buf less;
	buf_init(&less, 1024);
	if (user.root && chown(folder, user.uid, user.gid) != 0) return FAILED;
	if (cases[i].act == do_write_inside && sandbox_allow_path(folder, true) != 0)
		return FAILED;
	if (cases[i].act == do_connect_inside &&
	    (socket_unix_listen(inside, 0666) < 0 || sandbox_allow_path(folder, false) != 0))
		return FAILED;
	int level = sandbox_enter(cases[i].role, user, NULL, &less);
	if (level < SANDBOX_SECCOMP || (level < SANDBOX_FULL && cases[i].landlock))
		return LEVEL;
	buf_free(&less);
	return cases[i].act();
}

static void test_rows(void **state)
{
	(void)state;
	landlock = syscall(444, NULL, 0, 1);
	assert_non_null(mkdtemp(folder));
	(void)snprintf(inside, sizeof inside, "%s/f", folder);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = 0;
		if (cases[i].plain_only && SANDBOX_SANITIZED) continue;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) _exit(run_case(i));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (WIFEXITED(status) && WEXITSTATUS(status) == LEVEL) continue;
		print_message("row %zu: %s\n", i, cases[i].role);
		if (cases[i].signo) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), cases[i].signo);
		} else {
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), cases[i].status);
		}
	}
	(void)unlink(inside); /* the socket of do_connect_inside */
	assert_int_equal(rmdir(folder), 0);
}

static void test_errors(void **state)
{
	struct buf less;
	(void)state;
	buf_init(&less, 1024);
	assert_int_equal(sandbox_allow_path("/no/such/folder", true), -ENOENT);
	assert_int_equal(sandbox_allow_fd(4711, true), -EBADF);
	assert_int_equal(sandbox_enter("nobody", process_user_find("x", 1), NULL, &less),
			 -EINVAL);
	for (int i = 0; i < SANDBOX_PATHS_MAX; i++)
		assert_int_equal(sandbox_allow_path("/", false), 0);
	assert_int_equal(sandbox_allow_path("/", false), -ENOSPC);
	buf_free(&less);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
