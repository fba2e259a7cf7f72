/* SPDX-License-Identifier: Apache-2.0 */
/* What a role gives up before it serves. One table in sandbox.c, a row per role: system
 * calls, paths, processes. Where the kernel offers less, the role goes on with less and
 * says so. A forbidden system call kills the process by SIGSYS, which is a contained
 * death like any other. */
#ifndef IMS_OS_SANDBOX_H
#define IMS_OS_SANDBOX_H

#include "lib/base/buf.h"
#include "lib/os/process.h"

enum { SANDBOX_PATHS_MAX = 1024 };

enum sandbox_level {
	SANDBOX_NONE = 0,
	SANDBOX_SECCOMP = 1,
	SANDBOX_FULL = 2, /* seccomp and Landlock */
};

/* Before sandbox_enter: what lies at or beneath `path` may be read (and, `write`,
 * changed) afterwards. The folder or file must exist. 0 or -errno (-ENOSPC: too many). */
int sandbox_allow_path(const char *path, bool write);
int sandbox_allow_fd(int fd, bool write); /* the same for an open folder; duplicates it */
/* Before sandbox_enter: connections may be made afterwards, to hosts by name or address, and
 * to unix sockets. For roles whose row has neither, where their configuration wants it. */
void sandbox_allow_clients(void);

/* Becomes `user`, loses all capabilities, and puts on the role's row. `empty`: an empty
 * folder for chroot where the role has no paths and is root, or NULL. Threads that run
 * already are not covered by the paths: start them afterwards.
 * The level reached; `less` then says in words what is missing. -errno: could not become
 * the user; then the process must not go on. */
int sandbox_enter(const char *role, struct process_user user, const char *empty,
		  struct buf *less);

#endif
