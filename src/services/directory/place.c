/* SPDX-License-Identifier: Apache-2.0 */
/* Where a database lies: its folder, and the files that are made before it is opened. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/directory/db.h"

int directory_db_folder(struct str path, bool make, uid_t owner, gid_t group)
{
	char folder[DIRECTORY_PATH_MAX];
	ptrdiff_t slash = str_rfind(path, '/');
	if (slash < 0) return -EINVAL;
	if (!str_to_cstr(str_sub(path, 0, slash ? (size_t)slash : 1), folder,
			 sizeof folder))
		return -ENAMETOOLONG;
	if (make && mkdir(folder, 0700) == 0 && geteuid() == 0 &&
	    chown(folder, owner, group) != 0)
		return -errno;
	int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

struct str directory_db_name(struct str path)
{
	return str_from(path, (size_t)(str_rfind(path, '/') + 1));
}

static int prepare_file(int folder, const char *name, uid_t owner, gid_t group)
{
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	if (fd < 0) return errno == EEXIST ? 0 : -errno;
	int error = geteuid() == 0 && fchown(fd, owner, group) != 0 ? -errno : 0;
	(void)close(fd);
	if (error) (void)unlinkat(folder, name, 0);
	return error;
}

int directory_db_prepare(int folder, struct str name, uid_t owner, gid_t group)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char file[DIRECTORY_NAME_MAX + 8];
	if (name.len > DIRECTORY_NAME_MAX) return -ENAMETOOLONG;
	if (name.len == 0) return -EISDIR;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		struct buf b;
		buf_init_fixed(&b, file, sizeof file);
		buf_str(&b, name);
		buf_str(&b, str_of(suffixes[i]));
		buf_byte(&b, '\0');
		int error = prepare_file(folder, file, owner, group);
		if (error) return error;
	}
	return 0;
}
