/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "services/master/master.h"

/* Makes the folder and those above it; `made` tells if the last one is new. */
static int folder_make(char *path, mode_t mode, bool *made)
{
	for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		int rc = mkdir(path, 0755);
		*slash = '/';
		if (rc != 0 && errno != EEXIST) return -errno;
	}
	int rc = mkdir(path, mode);
	*made = rc == 0;
	return rc == 0 || errno == EEXIST ? 0 : -errno;
}

/* A folder whose owner is a role's user. One that is there already keeps its owner,
 * unless that is root: then it was made by hand before the first start. */
static int folder_for(const char *path, mode_t mode, const struct process_user *owner)
{
	char text[PATH_MAX];
	struct stat st;
	bool made = false;
	if (!str_to_cstr(str_of(path), text, sizeof text)) return -ENAMETOOLONG;
	int rc = folder_make(text, mode, &made);
	if (rc != 0) return rc;
	if (stat(path, &st) != 0) return -errno;
	if (!S_ISDIR(st.st_mode)) return -ENOTDIR;
	if (!owner || !owner->root) return 0;
	if ((made || st.st_uid == 0) && chown(path, owner->uid, owner->gid) != 0)
		return -errno;
	return 0;
}

static int folder_checked(struct str path, const char *below, mode_t mode,
			  const struct process_user *owner)
{
	char text[PATH_MAX];
	struct buf b;
	buf_init_fixed(&b, text, sizeof text);
	buf_fmt(&b, "%.*s%s", STR_ARG(path), below);
	int rc = b.overflowed ? -ENAMETOOLONG : folder_for(text, mode, owner);
	if (rc == 0) return 0;
	fprintf(stderr, "imsd: %.*s%s: %s\n", STR_ARG(path), below, strerror(-rc));
	return EX_CANTCREAT;
}

int folders_make(const struct conf *conf)
{
	struct process_user spool = role_user(ROLE_SPOOL),
			    journal = role_user(ROLE_JOURNAL),
			    directory = role_user(ROLE_DIRECTORY),
			    http = role_user(ROLE_HTTP);
	int rc = folder_checked(conf->state, "", 0755, NULL);
	if (rc == 0) rc = folder_checked(conf->state, "/counts", 0700, &directory);
	if (rc == 0) rc = folder_checked(conf->state, "/http", 0700, &http);
	if (rc == 0) rc = folder_checked(conf->runtime, "", 0755, NULL);
	/* Where a role that needs no files is locked in. */
	if (rc == 0) rc = folder_checked(conf->runtime, "/empty", 0711, NULL);
	if (rc == 0) rc = folder_checked(conf->spool.path, "", 0700, &spool);
	ptrdiff_t slash = str_rfind(conf->log.file, '/');
	struct str folder = str_sub(conf->log.file, 0, slash > 0 ? (size_t)slash : 0);
	struct stat st;
	char text[PATH_MAX];
	/* Only if it is missing: /var/log must not become the log's. */
	if (rc == 0 && folder.len && str_to_cstr(folder, text, sizeof text) &&
	    stat(text, &st) != 0)
		rc = folder_checked(folder, "", 0755, &journal);
	return rc;
}

static bool pid_path(const struct master *m, char *path, size_t size)
{
	struct buf b;
	buf_init_fixed(&b, path, size);
	buf_fmt(&b, "%.*s/imsd.pid", STR_ARG(m->conf->runtime));
	return !b.overflowed;
}

/* The lock says that we run; the number is for people. */
int pid_file_make(struct master *m)
{
	char path[PATH_MAX], text[32];
	if (!pid_path(m, path, sizeof path)) return EX_CANTCREAT;
	m->pid_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (m->pid_fd < 0) {
		fprintf(stderr, "imsd: %s: %s\n", path, strerror(errno));
		return EX_CANTCREAT;
	}
	if (flock(m->pid_fd, LOCK_EX | LOCK_NB) != 0) {
		fprintf(stderr, "imsd: %s is locked: the service runs already\n", path);
		(void)close(m->pid_fd);
		m->pid_fd = -1;
		return EX_TEMPFAIL;
	}
	int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(m->pid_fd, 0) != 0 || write(m->pid_fd, text, (size_t)len) != len) {
		fprintf(stderr, "imsd: %s: %s\n", path, strerror(errno));
		return EX_CANTCREAT;
	}
	return 0;
}

void pid_file_remove(struct master *m)
{
	char path[PATH_MAX];
	if (m->pid_fd < 0) return;
	if (pid_path(m, path, sizeof path)) (void)unlink(path);
	(void)close(m->pid_fd);
	m->pid_fd = -1;
}
