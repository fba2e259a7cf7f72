/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock by its system calls: the C library has no functions for it, and the headers
 * of a build machine may be older than the kernel that it runs on. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/os/sandbox.h"
#include "lib/os/sandbox_rows.h"

/* The numbers are the same on every processor. */
enum { CALL_CREATE = 444, CALL_ADD = 445, CALL_RESTRICT = 446 };
enum { CREATE_VERSION = 1, RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };

/* Rights of linux/landlock.h. */
#define FS_EXECUTE     (1ull << 0)
#define FS_WRITE_FILE  (1ull << 1)
#define FS_READ_FILE   (1ull << 2)
#define FS_READ_DIR    (1ull << 3)
#define FS_REMOVE_DIR  (1ull << 4)
#define FS_REMOVE_FILE (1ull << 5)
#define FS_MAKE_DIR    (1ull << 7)
#define FS_MAKE_REG    (1ull << 8)
#define FS_MAKE_SOCK   (1ull << 9)
#define FS_REFER       (1ull << 13) /* version 2 */
#define FS_TRUNCATE    (1ull << 14) /* version 3 */
#define FS_IOCTL_DEV   (1ull << 15) /* version 5 */
#define FS_FIRST_13    ((1ull << 13) - 1)
#define NET_BIND       1ull /* version 4: bind of TCP */
#define NET_CONNECT    2ull /* and connect */
#define NET_ALL        (NET_BIND | NET_CONNECT)
#define SCOPE_ALL      3ull /* version 6: abstract sockets and signals to the outside */

#define RIGHTS_READ (FS_READ_FILE | FS_READ_DIR)
#define RIGHTS_WRITE                                                                  \
	(RIGHTS_READ | FS_WRITE_FILE | FS_REMOVE_DIR | FS_REMOVE_FILE | FS_MAKE_DIR | \
	 FS_MAKE_REG | FS_MAKE_SOCK | FS_REFER | FS_TRUNCATE)
#define RIGHTS_OF_A_FILE (FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE)

struct ruleset {
	uint64_t fs, net, scoped;
};

struct path_beneath {
	uint64_t rights;
	int32_t fd;
} __attribute__((packed));

struct port_rule {
	uint64_t rights, port;
};

static struct {
	struct {
		int fd; /* O_PATH, or a duplicate */
		bool write;
	} paths[SANDBOX_PATHS_MAX];
	size_t count;
} allowed;

bool sandbox_paths_any(void) { return allowed.count > 0; }

static int allow(int fd, bool write)
{
	if (fd < 0) return -errno;
	if (allowed.count == SANDBOX_PATHS_MAX) {
		(void)close(fd);
		return -ENOSPC;
	}
	allowed.paths[allowed.count].fd = fd;
	allowed.paths[allowed.count++].write = write;
	return 0;
}

int sandbox_allow_path(const char *path, bool write)
{
	return allow(open(path, O_PATH | O_CLOEXEC), write);
}

int sandbox_allow_fd(int fd, bool write)
{
	return allow(fcntl(fd, F_DUPFD_CLOEXEC, 0), write);
}

static int path_add(int ruleset, uint64_t handled, int fd, bool write)
{
	struct stat st;
	if (fstat(fd, &st) != 0) return -errno;
	struct path_beneath rule = { .rights = write ? RIGHTS_WRITE : RIGHTS_READ,
				     .fd = fd };
	if (!S_ISDIR(st.st_mode)) rule.rights &= RIGHTS_OF_A_FILE;
	rule.rights &= handled;
	return syscall(CALL_ADD, ruleset, RULE_PATH_BENEATH, &rule, 0) == 0 ? 0 : -errno;
}

static int paths_add(int ruleset, uint64_t handled)
{
	for (size_t i = 0; i < allowed.count; i++) {
		int rc = path_add(ruleset, handled, allowed.paths[i].fd,
				  allowed.paths[i].write);
		if (rc != 0) return rc;
	}
	/* SQLite seeds itself from it; a sanitizer wants its symbols. */
	int fd = open(SANDBOX_SANITIZED ? "/" : "/dev/urandom", O_PATH | O_CLOEXEC);
	if (fd < 0) return 0;
	int rc = path_add(ruleset, handled, fd, false);
	(void)close(fd);
	return rc;
}

/* An own address may be chosen, not a port: that is the kernel's to pick. */
static int any_port_add(int ruleset, uint64_t handled)
{
	const struct port_rule rule = { .rights = NET_BIND, .port = 0 };
	if (!(handled & NET_BIND)) return 0;
	return syscall(CALL_ADD, ruleset, RULE_NET_PORT, &rule, 0) == 0 ? 0 : -errno;
}

static void paths_forget(void)
{
	while (allowed.count) (void)close(allowed.paths[--allowed.count].fd);
}

static struct ruleset rights_of_version(long version)
{
	struct ruleset r = { .fs = FS_FIRST_13 };
	if (version >= 2) r.fs |= FS_REFER;
	if (version >= 3) r.fs |= FS_TRUNCATE;
	if (version >= 4) r.net = NET_ALL;
	if (version >= 5) r.fs |= FS_IOCTL_DEV;
	if (version >= 6) r.scoped = SCOPE_ALL;
	return r;
}

/* An older kernel wants the part of the struct that it knows. */
static size_t ruleset_size(long version)
{
	if (version >= 6) return 3 * sizeof(uint64_t);
	return (version >= 4 ? 2 : 1) * sizeof(uint64_t);
}

int sandbox_paths_enter(unsigned groups)
{
	int rc = 0, fd = -1;
	long version = syscall(CALL_CREATE, NULL, 0ul, CREATE_VERSION);
	if (version < 0) {
		rc = -errno;
		goto out;
	}
	struct ruleset r = rights_of_version(version);
	if (groups & SANDBOX_CLIENT) r.net &= ~NET_CONNECT; /* to whatever port */
	fd = (int)syscall(CALL_CREATE, &r, ruleset_size(version), 0);
	if (fd < 0) {
		rc = -errno;
		goto out;
	}
	rc = paths_add(fd, r.fs);
	if (rc == 0 && groups & SANDBOX_CLIENT) rc = any_port_add(fd, r.net);
	if (rc == 0 && syscall(CALL_RESTRICT, fd, 0) != 0) rc = -errno;
out:
	if (fd >= 0) (void)close(fd);
	paths_forget();
	return rc;
}
