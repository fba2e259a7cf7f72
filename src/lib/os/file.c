/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 1025, PIECE = 4096 };

int file_write_all(int fd, struct str bytes)
{
	while (bytes.len) {
		ssize_t n = write(fd, bytes.at, bytes.len);
		if (n < 0 && errno == EINTR) continue;
		if (n <= 0) return n < 0 ? -errno : -EIO;
		bytes = str_from(bytes, (size_t)n);
	}
	return 0;
}

int file_read_all(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, PIECE);
		if (!room) return out->len + PIECE > out->max ? -EFBIG : -ENOMEM;
		ssize_t got = read(fd, room, PIECE);
		if (got < 0 && errno == EINTR) continue;
		if (got < 0) return -errno;
		if (got == 0) return 0;
		buf_added(out, (size_t)got);
	}
}

int file_read(struct str path, struct buf *out)
{
	char name[PATH_TEXT_MAX];
	struct stat st;
	if (!str_to_cstr(path, name, sizeof name)) return -ENAMETOOLONG;
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) return -errno;
	int rc = fstat(fd, &st) == 0 ? 0 : -errno;
	if (rc == 0 && !S_ISREG(st.st_mode)) rc = -EINVAL;
	if (rc == 0) rc = file_read_all(fd, out);
	(void)close(fd);
	return rc;
}

int file_replace(int folder, const char *name, const char *fresh, struct str bytes,
		 enum file_sync sync)
{
	if (folder < 0) return folder;
	int fd = openat(folder, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return -errno;
	int rc = file_write_all(fd, bytes);
	if (rc == 0 && sync != FILE_LATER && fdatasync(fd) != 0) rc = -errno;
	if (close(fd) != 0 && rc == 0) rc = -errno;
	if (rc == 0 && renameat(folder, fresh, folder, name) != 0) rc = -errno;
	if (rc == 0 && sync == FILE_WHOLE && fsync(folder) != 0) rc = -errno;
	if (rc != 0) (void)unlinkat(folder, fresh, 0);
	return rc;
}
