/* SPDX-License-Identifier: Apache-2.0 */
/* The program executes itself: with TEST_CHILD in its environment it is the child. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/os/process.h"
#include "lib/os/socket.h"

enum { CHILD_OK = 42 };

/* Answers on descriptor 3 what it was given on 4, if all is as it should be. */
static int child(int argc, char **argv)
{
	char byte = 0;
	if (argc != 1 || strcmp(argv[0], "imsd: test[7]") != 0) return 1;
	if (getenv("HOME") || getenv("PATH") || strcmp(getenv("TEST_CHILD"), "yes") != 0)
		return 2;
	if (fcntl(5, F_GETFD) != -1 || fcntl(6, F_GETFD) != -1 ||
	    fcntl(200, F_GETFD) != -1)
		return 3;
	if (signal(SIGTERM, SIG_IGN) != SIG_IGN || signal(SIGINT, SIG_IGN) != SIG_IGN)
		return 4;
	process_follow_parent();
	(void)raise(SIGUSR1); /* the parent lives: nothing happens */
	if (alarm(0) != 0) return 5;
	if (read(4, &byte, 1) != 1 || write(3, &byte, 1) != 1) return 6;
	return CHILD_OK;
}

static void test_spawn(void **state)
{
	static const char *const env[] = { "TEST_CHILD=yes",
					   "ASAN_OPTIONS=detect_leaks=0", NULL };
	int answer[2], question[2], fds[2], status = 0;
	char byte = 0;
	(void)state;
	assert_int_equal(pipe(answer), 0);
	assert_int_equal(pipe(question), 0);
	/* Where the one is to go lies the other: neither may overwrite the other. */
	int low = dup2(answer[1], 200);
	assert_int_equal(low, 200);
	fds[0] = answer[1];
	fds[1] = question[0];
	struct process_spec spec = {
		.title = "imsd: test[7]", .env = env, .fds = fds, .fd_count = 2
	};
	pid_t pid = process_spawn(&spec);
	assert_true(pid > 0);
	assert_int_equal(write(question[1], "Q", 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
	assert_int_equal(read(answer[0], &byte, 1), 1);
	assert_int_equal(byte, 'Q');
	close(200);
	for (int i = 0; i < 2; i++) {
		close(answer[i]);
		close(question[i]);
	}
	/* A descriptor that is none: the child cannot start, and says so. */
	fds[0] = 4711;
	pid = process_spawn(&spec);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 71);
}

static void test_user(void **state)
{
	(void)state;
	assert_true(process_cores() >= 1);
	struct process_user user = process_user_find("ims-no-such-account", 61799);
	if (geteuid() != 0) {
		assert_false(user.root);
		assert_int_equal(user.uid, geteuid());
		assert_int_equal(process_user_become(user), 0);
		return;
	}
	assert_int_equal(user.uid, 61799);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool good = process_user_become(user) == 0 && getuid() == 61799 &&
			    getgid() == 61799 && setuid(0) != 0 &&
			    process_user_become((struct process_user){ 0, 0, true }) ==
				    -EPERM;
		_exit(good ? CHILD_OK : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

int main(int argc, char **argv)
{
	if (getenv("TEST_CHILD")) return child(argc, argv);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_spawn),
		cmocka_unit_test(test_user),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
