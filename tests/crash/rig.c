/* SPDX-License-Identifier: Apache-2.0 */
#include "rig.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace.h"

static bool is_mem(const struct rig *rig) { return rig->backend == &store_mem; }

/* In memory where there is such a place: a sync costs nothing there. */
static void folder_make(struct rig *rig)
{
	const char *base = access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm";
	(void)snprintf(rig->folder, sizeof rig->folder, "%s/ims-crash-XXXXXX", base);
	char *made = mkdtemp(rig->folder);
	assert(made);
}

void rig_begin(struct rig *rig, const struct store_backend *backend)
{
	*rig = (struct rig){ .backend = backend, .disk = fake_disk_new(true) };
	rig->faults = is_mem(rig) ? rig->disk : fake_disk_new(false);
	if (!is_mem(rig)) folder_make(rig);
}

int rig_open(struct rig *rig)
{
	struct store_options options = { .disk = rig->disk };
	if (!is_mem(rig) && rig->disk) trace_begin(rig->folder, rig->disk, rig->faults);
	return store_open(rig->backend, rig->folder, &options, &rig->store);
}

void rig_close(struct rig *rig)
{
	store_close(rig->store);
	rig->store = NULL;
	trace_end();
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st, (void)kind, (void)ftw;
	return remove(path);
}

void rig_end(struct rig *rig)
{
	rig_close(rig);
	if (!is_mem(rig)) (void)nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (rig->faults != rig->disk) fake_disk_free(rig->faults);
	fake_disk_free(rig->disk);
}

struct export {
	struct fake_disk *disk;
	int folder;
};

static int export_one(void *ctx, struct str name)
{
	struct export *e = ctx;
	char path[FAKE_NAME_MAX];
	bool whole = str_to_cstr(name, path, sizeof path);
	assert(whole);
	int file = fake_disk_find(e->disk, path);
	int fd = openat(e->folder, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t size = (size_t)fake_disk_size(e->disk, file);
	char *bytes = malloc(size + 1);
	assert(fd >= 0 && bytes);
	(void)fake_disk_read(e->disk, file, 0, bytes, size);
	ssize_t n = pwrite(fd, bytes, size, 0);
	assert(n == (ssize_t)size);
	free(bytes);
	return close(fd);
}

void rig_cut(const struct rig *rig, size_t steps, enum fake_cut cut, uint64_t seed,
	     struct rig *image)
{
	*image = (struct rig){ .backend = rig->backend };
	struct fake_disk *disk = fake_disk_cut(rig->disk, steps, cut, seed);
	assert(disk);
	if (is_mem(rig)) {
		image->disk = image->faults = disk;
		return;
	}
	folder_make(image);
	struct export e = { .disk = disk,
			    .folder = open(image->folder, O_RDONLY | O_DIRECTORY) };
	int r = mkdirat(e.folder, "big", 0700);
	assert(!r);
	r = fake_disk_list(disk, STR(""), export_one, &e);
	assert(!r);
	(void)close(e.folder);
	fake_disk_free(disk);
}
