/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of system calls for seccomp. Names that a processor does not have are skipped. */
#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/os/sandbox_rows.h"

enum { SOCKET_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC };

struct calls {
	unsigned group;
	const char *const *names;
};

static const char *const base_calls[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev",
	"preadv2", "pwritev2", "close", "close_range", "fstat", "newfstatat", "statx",
	"lseek", "dup", "dup2", "dup3", "fcntl", "pipe2", "eventfd2", "memfd_create",
	"ftruncate", "mmap", "munmap", "mprotect", "mremap", "madvise", "mincore",
	"msync", "brk", "membarrier", "rseq", "rt_sigaction", "rt_sigprocmask",
	"rt_sigreturn", "sigaltstack", "rt_sigpending", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select",
	"pselect6", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4",
	"futex", "futex_waitv", "set_robust_list", "get_robust_list", "sched_yield",
	"sched_getaffinity", "getcpu", "clock_gettime", "clock_getres", "clock_nanosleep",
	"nanosleep", "gettimeofday", "time", "times", "getrandom", "getpid", "gettid",
	"getppid", "getpgrp", "getsid", "getuid", "geteuid", "getgid", "getegid",
	"getresuid", "getresgid", "getgroups", "getrlimit", "prlimit64", "getrusage",
	"sysinfo", "uname", "alarm", "setitimer", "umask", "exit", "exit_group",
	"restart_syscall", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg",
	"recvmmsg", "shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	"socketpair", "sendfile", "splice", "tee", "vmsplice", NULL,
};

static const char *const accept_calls[] = {
	"accept", "accept4", NULL,
};

static const char *const files_calls[] = {
	"open", "openat", "openat2", "creat", "stat", "lstat", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd",
	"chdir", "fchdir", "statfs", "fstatfs", "mkdir", "mkdirat", "rmdir", "rename",
	"renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink",
	"unlinkat", "truncate", "fallocate", "fadvise64", "fsync", "fdatasync", "syncfs",
	"sync_file_range", "flock", "chmod", "fchmod", "fchmodat", "chown", "fchown",
	"fchownat", "lchown", "utime", "utimes", "utimensat", "futimesat",
	"copy_file_range", "readahead", "mlock", "munlock", "getxattr", "fgetxattr",
	"inotify_init1", "inotify_add_watch", "inotify_rm_watch", NULL,
};

static const char *const sockets_calls[] = {
	"socket", "bind", "listen", "connect", NULL,
};

static const char *const datagrams_calls[] = { "bind", "connect", NULL };

static const char *const client_calls[] = { "bind", "connect", NULL };

static const char *const local_calls[] = { "connect", NULL };

static const char *const sanitizer_calls[] = {
	"ioctl", "prctl", "clone", "clone3", "wait4", "waitid", "kill", "tgkill",
	"ptrace", "personality", "process_vm_readv", "arch_prctl", "set_tid_address",
	"gettid", "rt_sigtimedwait", "rt_sigsuspend", "sched_setscheduler", "execve",
	"setrlimit", "fork", "vfork", "socket", "connect", NULL,
};

/* Asked for by libraries that can do without: refused, but not deadly. */
static const char *const refused_calls[] = {
	"open", "openat", "openat2", "stat", "lstat", "access", "faccessat", "faccessat2",
	"readlink", "readlinkat", "getcwd", "prctl", "sched_setscheduler", NULL,
};

static const struct calls lists[] = {
	{ SANDBOX_BASE, base_calls },       { SANDBOX_ACCEPT, accept_calls },
	{ SANDBOX_FILES, files_calls },     { SANDBOX_SOCKETS, sockets_calls },
	{ SANDBOX_SANITIZER, sanitizer_calls }, { SANDBOX_DATAGRAMS, datagrams_calls },
	{ SANDBOX_CLIENT, client_calls },   { SANDBOX_LOCAL, local_calls },
};

static int list_add(scmp_filter_ctx ctx, uint32_t action, const char *const *names)
{
	for (; *names; names++) {
		int nr = seccomp_syscall_resolve_name(*names);
		if (nr < 0) continue; /* unknown, or not on this processor */
		int rc = seccomp_rule_add(ctx, action, nr, 0);
		if (rc != 0) return rc;
	}
	return 0;
}

/* raise() and abort(): on ourselves only. */
static int self_signal_add(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0));
}

static int ioctl_add(scmp_filter_ctx ctx)
{
	static const unsigned long requests[] = { FIONREAD, FIONBIO, FIOCLEX, TCGETS };
	for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
		int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					  SCMP_A1(SCMP_CMP_EQ, requests[i], 0));
		if (rc != 0) return rc;
	}
	return 0;
}

/* Sockets of one family and kind: no netlink, no raw ones. */
static int family_add(scmp_filter_ctx ctx, int family, int kind)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family, 0),
				SCMP_A1(SCMP_CMP_MASKED_EQ, ~(scmp_datum_t)SOCKET_FLAGS,
					(scmp_datum_t)kind));
}

static int inet_add(scmp_filter_ctx ctx, int kind)
{
	int rc = family_add(ctx, AF_INET, kind);
	return rc == 0 ? family_add(ctx, AF_INET6, kind) : rc;
}

/* The C library asks the kernel for its addresses when it looks for a host; it can do
 * without. */
static int netlink_refuse(scmp_filter_ctx ctx)
{
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)AF_NETLINK, 0));
}

/* A thread, never a process. clone3 keeps its flags in memory where a filter cannot look:
 * without it the C library takes clone. */
static int threads_add(scmp_filter_ctx ctx)
{
	struct scmp_arg_cmp thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
	int rc = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, thread);
	if (rc != 0) return rc;
	return seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int calls_add(scmp_filter_ctx ctx, unsigned groups)
{
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		if (!(groups & lists[i].group)) continue;
		int rc = list_add(ctx, SCMP_ACT_ALLOW, lists[i].names);
		if (rc != 0) return rc;
	}
	if (groups & SANDBOX_SANITIZER) return 0; /* that has the rest unconditionally */
	int rc = self_signal_add(ctx);
	if (rc == 0) rc = ioctl_add(ctx);
	if (rc == 0 && groups & SANDBOX_THREADS) rc = threads_add(ctx);
	if (rc == 0 && groups & SANDBOX_DATAGRAMS) rc = inet_add(ctx, SOCK_DGRAM);
	if (rc == 0 && groups & SANDBOX_CLIENT) rc = inet_add(ctx, SOCK_STREAM);
	if (rc == 0 && groups & SANDBOX_LOCAL) rc = family_add(ctx, AF_UNIX, SOCK_STREAM);
	if (rc == 0 && groups & SANDBOX_NAMES) rc = netlink_refuse(ctx);
	if (rc == 0 && !(groups & SANDBOX_FILES))
		rc = list_add(ctx, SCMP_ACT_ERRNO(EACCES), refused_calls);
	return rc;
}

int sandbox_calls_enter(unsigned groups)
{
	if (SANDBOX_SANITIZED) groups |= SANDBOX_SANITIZER | SANDBOX_FILES;
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	if (!ctx) return -ENOMEM;
	/* A binary tree instead of a chain: the filter runs on every system call. */
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	(void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	int rc = calls_add(ctx, groups);
	if (rc == 0) rc = seccomp_load(ctx);
	seccomp_release(ctx);
	return rc;
}
