/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <assert.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/ipc/scoreboard.h"

static int *volatile nowhere = (int *)8;
static void die_by_fault(void) { *nowhere = 0; }
static void die_by_abort(void) { abort(); }
static void die_by_trap(void) { (void)raise(SIGTRAP); }
static void die_by_exit(void) { _exit(3); }
static void die_by_parent(void)
{
	for (;;) (void)pause();
}

/* Without end: only an own stack can tell of it. The sanitizer's frames make it slow, but
 * the stack is small. */
static volatile unsigned depth_max = 1u << 30;
static unsigned recurse(unsigned depth)
{
	volatile char frame[4096];
	memset((char *)(uintptr_t)frame, (int)depth, sizeof frame);
	return depth < depth_max
		       ? recurse(depth + 1) + (unsigned)frame[depth % sizeof frame]
		       : 0;
}
static void die_by_stack(void) { (void)recurse(1); }

static const struct {
	void (*die)(void);
	int signo, own_fault, parent_sends;
	bool address;
} cases[] = {
	{ die_by_fault, SIGSEGV, 1, 0, true },
	{ die_by_abort, SIGABRT, 1, 0, true },
	{ die_by_trap, SIGTRAP, 1, 0, true },
	{ die_by_stack, SIGSEGV, 1, 0, true },
	{ die_by_parent, SIGABRT, 0, SIGABRT, true },
	{ die_by_parent, 0, 0, SIGKILL, false },
	{ die_by_exit, 0, 0, 0, false },
};

static void run_child(int fd, size_t i, int ready)
{
	struct ip client = ip_of_v4(0xc0000207);
	/* Neither cmocka's handlers nor the sanitizer's report are what is tested here.
	 */
	static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
				       SIGABRT, SIGSYS, SIGTRAP };
	for (size_t k = 0; k < sizeof signals / sizeof *signals; k++)
		(void)signal(signals[k], SIG_DFL);
	(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	scoreboard_session(1, client); /* without a slot: nothing happens */
	scoreboard_message(2);
	if (!scoreboard_map(fd, (unsigned)i)) _exit(1);
	scoreboard_catch_signals();
	scoreboard_catch_signals();
	scoreboard_session(0x5e55 + i, client);
	scoreboard_message(0x1d + i);
	if (write(ready, "r", 1) != 1) _exit(1);
	cases[i].die();
	_exit(2);
}

static void test_deaths(void **state)
{
	int fd, ready[2];
	char byte;
	(void)state;
	struct scoreboard_slot *slots = scoreboard_new(&fd);
	assert_non_null(slots);
	assert_int_equal(pipe(ready), 0);
	const struct rlimit no_core = { 0, 0 };
	(void)setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int status = 0;
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) run_child(fd, i, ready[1]);
		assert_int_equal(read(ready[0], &byte, 1), 1);
		if (cases[i].parent_sends)
			assert_int_equal(kill(pid, cases[i].parent_sends), 0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		print_message("row %zu: status %x, code %d\n", i, (unsigned)status,
			      slots[i].si_code);
		assert_int_equal(slots[i].signo, cases[i].signo);
		assert_int_equal(slots[i].own_fault, cases[i].own_fault);
		assert_int_equal(slots[i].address != 0, cases[i].address);
		assert_int_equal(slots[i].sid, 0x5e55 + i);
		assert_int_equal(slots[i].id, 0x1d + i);
		assert_true(ip_eq(slots[i].client, ip_of_v4(0xc0000207)));
		if (cases[i].signo) {
			assert_true(WIFSIGNALED(status));
			assert_int_equal(WTERMSIG(status), cases[i].signo);
		}
	}
	for (int i = 0; i < 2; i++) close(ready[i]);
	assert_int_not_equal(ftruncate(fd, 0), 0);
	close(fd);
}

/* What one worker counts the others see; what it leaves behind goes with it. */
static void test_census(void **state)
{
	struct ip a = ip_of_v4(0xc0000201), b = ip_of_v4(0xc0000202);
	int fd;
	(void)state;
	struct scoreboard_slot *slots = scoreboard_new(&fd);
	struct census *c = scoreboard_census();
	assert_non_null(slots);
	assert_non_null(c);
	assert_int_equal(census_enter(c, 0, 1, a).client, 1);
	assert_non_null(scoreboard_map(fd, 1)); /* another view of the same memory */
	struct census *other = scoreboard_census();
	assert_ptr_not_equal(other, c);
	struct census_counts counts = census_enter(other, 5, 1, a);
	assert_int_equal(counts.client, 2);
	assert_int_equal(counts.listener, 2);
	counts = census_enter(c, 0, 2, b);
	assert_int_equal(counts.client, 1);
	assert_int_equal(counts.listener, 1);
	assert_int_equal(counts.all, 3);
	census_leave(c, 0, 2, b);
	census_clear(c, 5); /* that worker died */
	assert_int_equal(census_enter(other, 5, 1, a).client, 2);
	census_leave(other, 5, 1, a);
	census_clear(c, 7); /* had nothing */
	assert_int_equal(census_enter(c, 0, 1, a).all, 2);
	close(fd);
}

static void test_bad_maps(void **state)
{
	int fd, other = memfd_create("t", MFD_CLOEXEC);
	(void)state;
	struct scoreboard_slot *slots = scoreboard_new(&fd);
	assert_non_null(slots);
	assert_null(scoreboard_map(fd, SCOREBOARD_SLOTS));
	assert_null(scoreboard_map(other, 0));
	assert_null(scoreboard_map(4711, 0));
	assert_int_equal(sizeof *slots % 64, 0);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deaths),
		cmocka_unit_test(test_census),
		cmocka_unit_test(test_bad_maps),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
