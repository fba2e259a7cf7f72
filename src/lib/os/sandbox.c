/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/sandbox.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/os/sandbox_rows.h"

static const struct sandbox_row rows[] = {
	/* role         system calls                             */
	{ "receive", SANDBOX_BASE | SANDBOX_ACCEPT },
	{ "spool", SANDBOX_BASE | SANDBOX_FILES | SANDBOX_THREADS },
	{ "mailbox", SANDBOX_BASE | SANDBOX_FILES },
	{ "journal", SANDBOX_BASE | SANDBOX_FILES },
	{ "directory", SANDBOX_BASE | SANDBOX_FILES | SANDBOX_THREADS },
	{ "bounce", SANDBOX_BASE },
	{ "console", SANDBOX_BASE | SANDBOX_FILES | SANDBOX_ACCEPT | SANDBOX_SOCKETS },
	{ "deliver", SANDBOX_BASE | SANDBOX_CLIENT | SANDBOX_LOCAL },
	{ "http", SANDBOX_BASE | SANDBOX_FILES | SANDBOX_THREADS | SANDBOX_CLIENT | SANDBOX_DATAGRAMS |
			 SANDBOX_LOCAL | SANDBOX_NAMES },
	{ "dns", SANDBOX_BASE | SANDBOX_DATAGRAMS | SANDBOX_CLIENT },
};

static unsigned more_calls; /* of sandbox_allow_clients */

void sandbox_allow_clients(void)
{
	more_calls |= SANDBOX_CLIENT | SANDBOX_LOCAL | SANDBOX_DATAGRAMS | SANDBOX_NAMES;
}

static const struct sandbox_row *row_find(const char *role)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (str_eq(str_of(role), str_of(rows[i].role))) return &rows[i];
	return NULL;
}

static void limits_set(const struct sandbox_row *row)
{
	struct rlimit files;
	const struct rlimit none = { 0, 0 };
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)setrlimit(RLIMIT_CORE, &none);
	/* The leak check of a sanitizer build forks. */
	if (!SANDBOX_SANITIZED && !(row->calls & SANDBOX_THREADS))
		(void)setrlimit(RLIMIT_NPROC, &none);
}

/* Ambient ones, too, which a service manager may have given to the whole family. */
static int capabilities_drop(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	memset(data, 0, sizeof data);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0ul, 0ul, 0ul);
	return syscall(SYS_capset, &head, data) == 0 ? 0 : -errno;
}

static void less_say(struct buf *less, const char *what, int error)
{
	if (less->len) buf_str(less, STR("; "));
	buf_fmt(less, "%s: %s", what, strerror(error));
}

int sandbox_enter(const char *role, struct process_user user, const char *empty,
		  struct buf *less)
{
	const struct sandbox_row *row = row_find(role);
	if (!row) return -EINVAL;
	if (user.root && empty && !sandbox_paths_any() && !SANDBOX_SANITIZED &&
	    (chroot(empty) != 0 || chdir("/") != 0))
		less_say(less, "no chroot", errno);
	limits_set(row);
	int rc = process_user_become(user);
	if (rc == 0) rc = capabilities_drop();
	if (rc != 0) return rc;
	process_follow_parent();
	/* Nobody may look into a worker's memory. A sanitizer looks into its own. */
	if (!SANDBOX_SANITIZED) (void)prctl(PR_SET_DUMPABLE, 0ul, 0ul, 0ul, 0ul);
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1ul, 0ul, 0ul, 0ul);

	int paths = sandbox_paths_enter(row->calls | more_calls);
	int calls = sandbox_calls_enter(row->calls | more_calls);
	if (paths != 0) less_say(less, "no Landlock", -paths);
	if (calls != 0) less_say(less, "no seccomp", -calls);
	if (calls != 0) return SANDBOX_NONE;
	return paths == 0 ? SANDBOX_FULL : SANDBOX_SECCOMP;
}
