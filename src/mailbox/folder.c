/* SPDX-License-Identifier: Apache-2.0 */
#include "mailbox/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	WALK = O_PATH | O_DIRECTORY | O_CLOEXEC,
	LIST = O_RDONLY | O_DIRECTORY | O_CLOEXEC
};

int folder_sync(int dir) { return fsync(dir) == 0 || errno == EINVAL ? 0 : -errno; }

/* Syncs a directory that is open only for walking. */
static int sync_walked(int dir)
{
	int fd = openat(dir, ".", LIST);
	if (fd < 0) return -errno;
	int error = folder_sync(fd);
	(void)close(fd);
	return error;
}

/* O_DIRECTORY and O_NOFOLLOW say ENOTDIR for a link as for a file; the log should not. */
static int explain(int dir, const char *name, int error)
{
	struct stat st;
	if (error == -ENOTDIR && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(st.st_mode))
		return -ELOOP;
	return error;
}

/* Opens directory `name` in `dir`; made if missing. A new entry is made durable at once:
 * mail in a folder that a power cut takes away is lost mail. */
static int enter(int dir, const char *name, int flags)
{
	int fd = openat(dir, name, flags | O_NOFOLLOW);
	if (fd >= 0) return fd;
	if (errno != ENOENT) return explain(dir, name, -errno);
	if (mkdirat(dir, name, 0700) != 0 && errno != EEXIST) return -errno;
	int error = sync_walked(dir);
	if (error) return error;
	fd = openat(dir, name, flags | O_NOFOLLOW);
	return fd >= 0 ? fd : explain(dir, name, -errno);
}

static int enter_str(int dir, struct str name)
{
	char text[NAME_MAX + 1];
	if (!str_to_cstr(name, text, sizeof text)) return -ENAMETOOLONG;
	return enter(dir, text, WALK);
}

/* Walks down from `prefix`; a descriptor of its own. */
static int walk(int prefix, struct str path)
{
	int dir = openat(prefix, ".", WALK);
	if (dir < 0) return -errno;
	while (path.len) {
		struct str name = str_cut(&path, '/');
		int next = name.len ? enter_str(dir, name) : -EINVAL;
		(void)close(dir);
		if (next < 0) return next;
		dir = next;
	}
	return dir;
}

/* Deliveries never open cur, so that it is enough to see that it is there. */
static int make_cur(int dir)
{
	if (faccessat(dir, "cur", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return 0;
	int cur = enter(dir, "cur", WALK);
	if (cur >= 0) (void)close(cur);
	return cur < 0 ? cur : 0;
}

int folder_open(struct folder *f, int prefix, struct str path)
{
	*f = (struct folder){ .tmp = -1, .new = -1 };
	int dir = walk(prefix, path);
	if (dir < 0) return dir;
	struct stat st;
	int error = make_cur(dir);
	if (!error && (f->new = enter(dir, "new", LIST)) < 0) error = f->new;
	if (!error && (f->tmp = enter(dir, "tmp", WALK)) < 0) error = f->tmp;
	if (!error && fstat(f->tmp, &st) != 0) error = -errno;
	if (!error) f->device = st.st_dev;
	(void)close(dir);
	if (error) folder_close(f);
	return error;
}

void folder_close(struct folder *f)
{
	if (f->tmp >= 0) (void)close(f->tmp);
	if (f->new >= 0) (void)close(f->new);
	f->tmp = f->new = -1;
}

static bool is_stale(int dir, const char *name, int64_t now_s)
{
	struct stat st;
	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       now_s - (int64_t)st.st_mtime > FOLDER_STALE_S;
}

unsigned folder_clean(const struct folder *f, int64_t now_s)
{
	int fd = openat(f->tmp, ".", LIST);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	if (!list) {
		if (fd >= 0) (void)close(fd);
		return 0;
	}
	unsigned removed = 0;
	struct dirent *entry;
	for (int seen = 0; seen < FOLDER_CLEAN_MAX && (entry = readdir(list)); seen++)
		if (is_stale(f->tmp, entry->d_name, now_s) &&
		    unlinkat(f->tmp, entry->d_name, 0) == 0)
			removed++;
	(void)closedir(list);
	return removed;
}

/* --- the prefix --------------------------------------------------------------------- */

static bool is_empty(int dir)
{
	int fd = openat(dir, ".", LIST);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	bool empty = list != NULL;
	if (!list && fd >= 0) (void)close(fd);
	for (struct dirent *entry; empty && (entry = readdir(list));)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (list) (void)closedir(list);
	return empty;
}

/* A folder that is there keeps its owner, unless it is root's and empty: then it was made
 * for us by hand. One with something in it (/var/mail) may be others' as well. */
static void adopt(int fd, uid_t owner, gid_t group)
{
	struct stat st;
	if (geteuid() != 0 || owner == (uid_t)-1 || fstat(fd, &st) != 0 || st.st_uid != 0) return;
	/* If it cannot be, deliveries say that they may not write there. */
	if (is_empty(fd)) (void)!fchown(fd, owner, group);
}

/* Opens component `name` of the prefix; made if missing, `last` for the mailboxes. */
static int enter_prefix(int dir, const char *name, bool last, uid_t owner, gid_t group)
{
	int fd = openat(dir, name, last ? LIST : WALK);
	if (fd >= 0 && last) adopt(fd, owner, group);
	if (fd >= 0 || errno != ENOENT) return fd >= 0 ? fd : -errno;
	if (mkdirat(dir, name, last ? 0700 : 0755) != 0) return -errno;
	if (last && geteuid() == 0 && owner != (uid_t)-1 &&
	    fchownat(dir, name, owner, group, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	int error = sync_walked(dir);
	if (error) return error;
	fd = openat(dir, name, last ? LIST : WALK);
	return fd >= 0 ? fd : -errno;
}

int folder_prefix_open(struct str path, uid_t owner, gid_t group)
{
	int dir = open("/", LIST);
	if (dir < 0) return -errno;
	while (path.len) {
		struct str name = str_cut(&path, '/');
		if (name.len == 0) continue;
		while (path.len && path.at[0] == '/') path = str_from(path, 1);
		char text[NAME_MAX + 1];
		int next = str_to_cstr(name, text, sizeof text)
				   ? enter_prefix(dir, text, path.len == 0, owner, group)
				   : -ENAMETOOLONG;
		(void)close(dir);
		if (next < 0) return next;
		dir = next;
	}
	return dir;
}
