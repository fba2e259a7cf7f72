/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/os/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/os/file.h"

int memfile_write(const char *name, struct str bytes)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int rc = fd < 0 ? -errno : file_write_all(fd, bytes);
	if (rc == 0 &&
	    fcntl(fd, F_ADD_SEALS,
		  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) != 0)
		rc = -errno;
	if (rc == 0) return fd;
	if (fd >= 0) (void)close(fd);
	return rc;
}

bool memfile_map(int fd, size_t max, struct str *out)
{
	/* Sealed against shrinking, or reading the map could be deadly. */
	const int needed = F_SEAL_SHRINK | F_SEAL_WRITE;
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || (seals & needed) != needed || fstat(fd, &st) != 0 ||
	    st.st_size <= 0 || (size_t)st.st_size > max)
		return false;
	void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) return false;
	*out = (struct str){ at, (size_t)st.st_size };
	return true;
}

void memfile_unmap(struct str mapped)
{
	(void)munmap((void *)(uintptr_t)mapped.at, mapped.len);
}
