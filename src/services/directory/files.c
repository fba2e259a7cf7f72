/* SPDX-License-Identifier: Apache-2.0 */
#include "services/directory/files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_TEXT_MAX = 1025, PIECE = 4096 };

static int all_read(int fd, struct buf *out)
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
	if (rc == 0) rc = all_read(fd, out);
	(void)close(fd);
	return rc;
}
