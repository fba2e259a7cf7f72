/* SPDX-License-Identifier: Apache-2.0 */
/* liblmdb calls the names without "64", we ourselves those with it: both are defined. */
#undef _FILE_OFFSET_BITS
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES_MAX = 256, PATH_SIZE = 256 };

static struct {
	char folder[PATH_SIZE];
	struct fake_disk *mirror, *faults;
	struct {
		ino_t ino;
		int file;
	} files[FILES_MAX];
	unsigned files_count;
	int fallocate_error;
} trace;

void trace_begin(const char *folder, struct fake_disk *mirror, struct fake_disk *faults)
{
	(void)snprintf(trace.folder, sizeof trace.folder, "%s", folder);
	trace.files_count = 0;
	trace.faults = faults;
	trace.mirror = mirror;
}

void trace_end(void) { trace.mirror = NULL; }

void trace_fallocate_fails(int error) { trace.fallocate_error = error; }

/* The name below the folder, or false. */
static bool name_of(int fd, char name[PATH_SIZE])
{
	char link[64], path[PATH_SIZE];
	(void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof path - 1);
	if (n < 0) return false;
	struct str s = { path, (size_t)n }, folder = str_of(trace.folder);
	if (!str_starts(s, folder)) return false;
	s = str_from(s, folder.len);
	if (s.len && s.at[0] == '/') s = str_from(s, 1);
	return str_to_cstr(s, name, PATH_SIZE);
}

static bool is_lock(const char *name)
{
	return str_ends_nocase(str_of(name), STR("lock"));
}

/* The mirror's number of an open file, or -1. */
static int file_of(int fd)
{
	struct stat st;
	if (!trace.mirror || fstat(fd, &st) || !S_ISREG(st.st_mode)) return -1;
	for (unsigned i = trace.files_count; i-- > 0;)
		if (trace.files[i].ino == st.st_ino) return trace.files[i].file;
	return -1;
}

static bool fails(enum fake_call call)
{
	int r = trace.faults ? fake_disk_fault(trace.faults, call) : 0;
	if (r) errno = -r;
	return r != 0;
}

static void note_created(int fd)
{
	char name[PATH_SIZE];
	struct stat st;
	if (!name_of(fd, name) || is_lock(name) || fstat(fd, &st)) return;
	if (fake_disk_find(trace.mirror, name) >= 0 || trace.files_count == FILES_MAX)
		return;
	trace.files[trace.files_count].ino = st.st_ino;
	trace.files[trace.files_count++].file = fake_disk_create(trace.mirror, name);
}

static int open_traced(int folder, const char *path, int flags, unsigned mode)
{
	bool makes = (flags & O_CREAT) != 0, folder_only = (flags & O_DIRECTORY) != 0;
	if (trace.mirror && !folder_only && !is_lock(path) &&
	    fails(makes ? FAKE_CREATE : FAKE_OPEN))
		return -1;
	int fd = (int)syscall(SYS_openat, folder, path, flags, mode);
	if (fd >= 0 && makes && trace.mirror) note_created(fd);
	return fd;
}

static unsigned mode_of(int flags, va_list args)
{
	return flags & O_CREAT ? va_arg(args, unsigned) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	unsigned mode = mode_of(flags, args);
	va_end(args);
	return open_traced(AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	unsigned mode = mode_of(flags, args);
	va_end(args);
	return open_traced(folder, path, flags, mode);
}

/* A write that has been made, or a part of it. */
static void note_write(int fd, int file, off_t at, const void *bytes, size_t len)
{
	struct str s = { bytes, len };
	bool through = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	(void)fake_disk_write(trace.mirror, file, (uint64_t)at, s, through);
}

static ssize_t write_at(int fd, const void *bytes, size_t len, off_t at)
{
	int file = file_of(fd);
	if (file >= 0) {
		if (fails(FAKE_WRITE)) return -1;
		if (fails(FAKE_SHORT_WRITE)) len /= 2;
	}
	ssize_t n = syscall(SYS_pwrite64, fd, bytes, len, at);
	if (n > 0 && file >= 0) note_write(fd, file, at, bytes, (size_t)n);
	return n;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return write_at(fd, bytes, len, at);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	if (file_of(fd) < 0) return syscall(SYS_write, fd, bytes, len);
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t n = write_at(fd, bytes, len, at);
	if (n > 0) (void)lseek(fd, at + n, SEEK_SET);
	return n;
}

/* One step on disk, as the kernel may cut it anywhere. */
ssize_t writev(int fd, const struct iovec *spans, int count)
{
	static char joined[8 << 20];
	size_t len = 0;
	if (file_of(fd) < 0) return syscall(SYS_writev, fd, spans, count);
	for (int i = 0; i < count && len + spans[i].iov_len <= sizeof joined; i++) {
		memcpy(joined + len, spans[i].iov_base, spans[i].iov_len);
		len += spans[i].iov_len;
	}
	return write(fd, joined, len);
}

ssize_t pwritev(int fd, const struct iovec *spans, int count, off_t at)
{
	if (lseek(fd, at, SEEK_SET) < 0) return -1;
	return writev(fd, spans, count);
}

static int sync_traced(int fd, long number)
{
	char name[PATH_SIZE];
	struct stat st;
	int file = file_of(fd);
	bool folder = trace.mirror && !fstat(fd, &st) && S_ISDIR(st.st_mode) &&
		      name_of(fd, name);
	if ((file >= 0 || folder) && fails(FAKE_SYNC)) return -1;
	int r = (int)syscall(number, fd);
	if (!r && file >= 0) (void)fake_disk_sync(trace.mirror, file);
	if (!r && folder) (void)fake_disk_sync_folder(trace.mirror, name[0] ? name : ".");
	return r;
}

int fsync(int fd) { return sync_traced(fd, SYS_fsync); }
int fdatasync(int fd) { return sync_traced(fd, SYS_fdatasync); }

int ftruncate(int fd, off_t size)
{
	int file = file_of(fd), r = (int)syscall(SYS_ftruncate, fd, size);
	if (!r && file >= 0) (void)fake_disk_truncate(trace.mirror, file, (uint64_t)size);
	return r;
}

int fallocate(int fd, int mode, off_t from, off_t len)
{
	if (trace.fallocate_error) {
		errno = trace.fallocate_error;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, from, len);
}

#define ALIAS(name, of) __typeof__(of) name __attribute__((alias(#of)))
ALIAS(open64, open);
ALIAS(openat64, openat);
ALIAS(pwrite64, pwrite);
ALIAS(pwritev64, pwritev);
ALIAS(ftruncate64, ftruncate);
ALIAS(fallocate64, fallocate);

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
	if (trace.mirror && fails(FAKE_RENAME)) return -1;
	int r = (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
	if (!r && trace.mirror) (void)fake_disk_rename(trace.mirror, from, to);
	return r;
}

int unlinkat(int folder, const char *name, int flags)
{
	int r = (int)syscall(SYS_unlinkat, folder, name, flags);
	if (!r && trace.mirror) (void)fake_disk_unlink(trace.mirror, name);
	return r;
}
