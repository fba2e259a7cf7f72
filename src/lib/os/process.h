/* SPDX-License-Identifier: Apache-2.0 */
/* Child processes: the same binary, executed again. Not for the loop: set-up code. */
#ifndef IMS_OS_PROCESS_H
#define IMS_OS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum {
	PROCESS_FD_FIRST = 3, /* where the descriptors of a spec appear */
	PROCESS_FDS_MAX = 8,
	PROCESS_GRACE_S = 40, /* what a child outlives its parent at most */
};

struct process_spec {
	const char *title;      /* argv[0], what ps shows */
	const char *const *env; /* NAME=VALUE, ends with NULL: the whole environment */
	const int *fds;         /* borrowed; become 3, 4, ... ; 0 to 2 are inherited */
	size_t fd_count;
};

/* The child's id, or -errno. A child that cannot execute exits with status 71. */
pid_t process_spawn(const struct process_spec *spec);
/* Short name for ps and top (15 bytes; longer is cut). */
void process_name_set(const char *name);

/* In a child: when the parent dies, live on for PROCESS_GRACE_S at most, even when hung.
 * To be called again after a change of user, which makes the kernel forget it. */
void process_follow_parent(void);

/* The user that a role runs as. */
struct process_user {
	uid_t uid;
	gid_t gid;
	bool root; /* we are root and can change to it */
};

/* The account's user if there is such an account, else `fallback` as uid and gid; who is
 * not root stays who he is. */
struct process_user process_user_find(const char *account, uid_t fallback);
/* Becomes that user for good, without supplementary groups; 0 or -errno. */
int process_user_become(struct process_user user);

/* Processors that this process may run on, 1 at least. */
unsigned process_cores(void);

#endif
