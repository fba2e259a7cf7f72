/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/thread.h"

#include <signal.h>

const int thread_faults[THREAD_FAULTS] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE,
					   SIGABRT, SIGSYS, SIGTRAP };

int thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
	pthread_attr_t attributes;
	pthread_t nobodys;
	sigset_t others, before;
	int error = pthread_attr_init(&attributes);
	if (error) return error;
	if (!thread) (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&others);
	for (unsigned i = 0; i < THREAD_FAULTS; i++) (void)sigdelset(&others, thread_faults[i]);
	(void)pthread_sigmask(SIG_BLOCK, &others, &before);
	error = pthread_create(thread ? thread : &nobodys, &attributes, run, arg);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return error;
}
