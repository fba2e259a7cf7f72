/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/ipc/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <ucontext.h>
#include <unistd.h>

#include "lib/os/thread.h"

/* The memory as the processes share it. */
struct board {
	struct scoreboard_slot slots[SCOREBOARD_SLOTS];
	struct census census;
	_Alignas(64) unsigned char tally[SCOREBOARD_TALLY];
};

enum { STACK_SIZE = 64 * 1024 };

static struct board *board;
static struct scoreboard_slot *own;
static struct sigaction before[THREAD_FAULTS];
static _Alignas(16) char stack[STACK_SIZE];

static bool map(int fd)
{
	void *at = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) return false;
	board = at;
	return true;
}

struct scoreboard_slot *scoreboard_new(int *fd)
{
	*fd = memfd_create("ims-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0) return NULL;
	/* Sealed: a child that shrank it would kill master. */
	if (ftruncate(*fd, sizeof *board) == 0 &&
	    fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
	    map(*fd) && getrandom(&board->census.seed, sizeof board->census.seed, 0) > 0)
		return board->slots;
	int error = errno;
	(void)close(*fd);
	*fd = -1;
	errno = error;
	return NULL;
}

struct scoreboard_slot *scoreboard_map(int fd, unsigned index)
{
	struct stat st;
	if (index >= SCOREBOARD_SLOTS || fstat(fd, &st) != 0 ||
	    st.st_size != sizeof *board) {
		errno = EINVAL;
		return NULL;
	}
	if (!map(fd)) return NULL;
	own = &board->slots[index];
	return own;
}

struct census *scoreboard_census(void) { return board ? &board->census : NULL; }

void *scoreboard_tally(void) { return board ? board->tally : NULL; }

void scoreboard_session(uint64_t sid, struct ip client)
{
	if (!own) return;
	own->sid = sid;
	own->client = client;
}

void scoreboard_message(uint64_t id)
{
	if (own) own->id = id;
}

static uint64_t program_counter(const void *context)
{
	const ucontext_t *u = context;
#if defined(__x86_64__)
	return (uint64_t)u->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return u->uc_mcontext.pc;
#else
	(void)u;
	return 0;
#endif
}

/* Only stores and system calls: the process may be in any state. */
static void on_fatal(int signo, siginfo_t *info, void *context)
{
	if (own && own->signo == 0) {
		own->si_code = info->si_code;
		own->own_fault = info->si_code > 0 || info->si_pid == getpid();
		own->address = program_counter(context);
		own->signo = signo;
	}
	/* What was there before (nothing, or a sanitizer that wants to report) gets the
	 * signal next: a fault of an instruction happens again on return, anything else
	 * is sent again. */
	for (int i = 0; i < THREAD_FAULTS; i++)
		if (thread_faults[i] == signo) (void)sigaction(signo, &before[i], NULL);
	bool comes_again =
		signo == SIGSEGV || signo == SIGBUS || signo == SIGILL || signo == SIGFPE;
	if (!comes_again || info->si_code <= 0) (void)raise(signo);
}

void scoreboard_catch_signals(void)
{
	static bool done;
	struct sigaction sa;
	stack_t now;
	if (done) return; /* or `before` would be this handler */
	done = true;
	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = on_fatal;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	(void)sigemptyset(&sa.sa_mask);
	/* A sanitizer has set one already and will free it. */
	if (sigaltstack(NULL, &now) != 0 || now.ss_flags & SS_DISABLE)
		(void)sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = STACK_SIZE },
				  NULL);
	for (int i = 0; i < THREAD_FAULTS; i++)
		(void)sigaction(thread_faults[i], &sa, &before[i]);
}
