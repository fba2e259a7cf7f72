/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <semaphore.h>
#include <signal.h>

#include "lib/os/thread.h"

static sigset_t seen;
static sem_t over;

static void *look(void *arg)
{
	(void)pthread_sigmask(SIG_SETMASK, NULL, &seen);
	(void)sem_post(&over);
	return arg;
}

static void assert_seen(void)
{
	static const int blocked[] = { SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1 };
	for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++)
		assert_true(sigismember(&seen, blocked[i]));
	for (size_t i = 0; i < THREAD_FAULTS; i++)
		assert_false(sigismember(&seen, thread_faults[i]));
}

static void signals_are_the_loops(void **state)
{
	sigset_t before, after;
	pthread_t thread;
	void *result = NULL;
	(void)state;
	(void)pthread_sigmask(SIG_SETMASK, NULL, &before);
	assert_int_equal(sem_init(&over, 0, 0), 0);
	assert_int_equal(thread_start(&thread, look, &over), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &over);
	assert_seen();
	/* nobody waits for this one */
	(void)sigemptyset(&seen);
	assert_int_equal(sem_wait(&over), 0);
	assert_int_equal(thread_start(NULL, look, NULL), 0);
	assert_int_equal(sem_wait(&over), 0);
	assert_seen();
	/* what the starter takes is as it was */
	(void)pthread_sigmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < SIGRTMIN; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(signals_are_the_loops) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
