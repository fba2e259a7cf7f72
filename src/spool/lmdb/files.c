/* SPDX-License-Identifier: Apache-2.0 */
/* Files of big bodies, below the descriptor of the spool folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "spool/lmdb/env.h"

static int folder_of(void *env) { return ((struct lmdb_env *)env)->folder; }

static int failed(void) { return errno == EDQUOT ? -ENOSPC : -errno; }

static int file_create(void *env, const char *name)
{
	int fd = openat(folder_of(env), name,
			O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? failed() : fd;
}

static int file_open(void *env, const char *name)
{
	int fd = openat(folder_of(env), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? failed() : fd;
}

static void file_close(void *env, int file)
{
	(void)env;
	(void)close(file);
}

static int file_write(void *env, int file, uint64_t offset, struct str bytes)
{
	(void)env;
	while (bytes.len) {
		ssize_t n = pwrite(file, bytes.at, bytes.len, (off_t)offset);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return failed();
		if (!n) return -EIO;
		bytes = str_from(bytes, (size_t)n);
		offset += (uint64_t)n;
	}
	return 0;
}

static int64_t file_read(void *env, int file, uint64_t offset, void *memory, size_t len)
{
	size_t used = 0;
	(void)env;
	while (used < len) {
		ssize_t n = pread(file, (char *)memory + used, len - used,
				  (off_t)(offset + used));
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return -errno;
		if (!n) break;
		used += (size_t)n;
	}
	return (int64_t)used;
}

static int64_t file_size(void *env, int file)
{
	struct stat st;
	(void)env;
	return fstat(file, &st) ? -errno : (int64_t)st.st_size;
}

/* Everything but "full" is an I/O error: what the kernel could not write may be gone. */
static int sync_result(int rc)
{
	if (!rc) return 0;
	return failed() == -ENOSPC ? -ENOSPC : -EIO;
}

static int file_sync(void *env, int file)
{
	(void)env;
	return sync_result(fdatasync(file));
}

static int sync_folder(void *env, const char *folder)
{
	int fd = openat(folder_of(env), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return -EIO;
	int r = fsync(fd) ? -EIO : 0;
	(void)close(fd);
	return r;
}

static int file_rename(void *env, const char *from, const char *to)
{
	return renameat(folder_of(env), from, folder_of(env), to) ? failed() : 0;
}

static int file_unlink(void *env, const char *name)
{
	return unlinkat(folder_of(env), name, 0) ? failed() : 0;
}

static int list_big(void *env, files_list_fn *fn, void *ctx)
{
	int fd = openat(folder_of(env), "big", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return errno == ENOENT ? 0 : -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		int r = -errno;
		(void)close(fd);
		return r;
	}
	int r = 0;
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(dir);
		if (!entry) {
			r = -errno;
			break;
		}
		if (entry->d_name[0] == '.') continue;
		if ((r = fn(ctx, str_of(entry->d_name)))) break;
	}
	(void)closedir(dir);
	return r;
}

static int free_bytes(void *env, uint64_t *out)
{
	struct statvfs fs;
	if (fstatvfs(folder_of(env), &fs)) return -errno;
	*out = (uint64_t)fs.f_bavail * fs.f_frsize;
	return 0;
}

const struct files lmdb_files = {
	.create = file_create,
	.open = file_open,
	.close = file_close,
	.write = file_write,
	.read = file_read,
	.size = file_size,
	.sync = file_sync,
	.sync_folder = sync_folder,
	.rename = file_rename,
	.unlink = file_unlink,
	.list_big = list_big,
	.descriptor = file_open,
	.free_bytes = free_bytes,
};
