/* SPDX-License-Identifier: Apache-2.0 */
/* A disk in memory that remembers every write and every sync, for tests and simulation:
 * it can fail at a chosen call, and it can build what a power cut at any step would have
 * left. Names are "NAME" or "big/NAME"; a file keeps its number when it is renamed.
 * Calls may come from several threads. Errors are -errno. */
#ifndef IMS_SPOOL_FAKE_DISK_H
#define IMS_SPOOL_FAKE_DISK_H

#include "lib/base/str.h"

enum { FAKE_NAME_MAX = 40, FAKE_SECTOR = 512 };

struct fake_disk;

/* `record`: remember steps, for fake_disk_cut (memory grows with every write). */
struct fake_disk *fake_disk_new(bool record);
void fake_disk_free(struct fake_disk *d);

int fake_disk_create(struct fake_disk *d, const char *name); /* file number or -EEXIST */
int fake_disk_find(struct fake_disk *d, const char *name);   /* file number or -ENOENT */
/* `through`: like O_DSYNC, the bytes are durable when the call is over. */
int fake_disk_write(struct fake_disk *d, int file, uint64_t offset, struct str bytes,
		    bool through);
int fake_disk_truncate(struct fake_disk *d, int file, uint64_t size);
int fake_disk_sync(struct fake_disk *d, int file);
int fake_disk_sync_folder(struct fake_disk *d, const char *folder); /* "." or "big" */
int fake_disk_rename(struct fake_disk *d, const char *from, const char *to);
int fake_disk_unlink(struct fake_disk *d, const char *name);
int64_t fake_disk_read(struct fake_disk *d, int file, uint64_t offset, void *memory,
		       size_t len);
int64_t fake_disk_size(struct fake_disk *d, int file);
/* Calls `fn` with each name that begins with `prefix`; it may unlink. */
int fake_disk_list(struct fake_disk *d, struct str prefix,
		   int fn(void *ctx, struct str name), void *ctx);

/* Writes fail with -ENOSPC when all files together would be larger. Default: no limit. */
void fake_disk_limit(struct fake_disk *d, uint64_t bytes);
uint64_t fake_disk_free_bytes(struct fake_disk *d);

/* The `nth` call of that kind from now (1: the next) gives -error. A short write writes
 * half of its bytes first. 0 ends it. */
enum fake_call {
	FAKE_WRITE,
	FAKE_SHORT_WRITE,
	FAKE_SYNC,
	FAKE_CREATE,
	FAKE_OPEN,
	FAKE_RENAME
};
void fake_disk_fail(struct fake_disk *d, enum fake_call call, unsigned nth, int error);
bool fake_disk_failed(const struct fake_disk *d); /* the call has come */
/* For disks that only mirror another one: asks the same question. */
int fake_disk_fault(struct fake_disk *d, enum fake_call call);

/* Steps so far: writes, syncs, names made, changed and removed. */
size_t fake_disk_steps(const struct fake_disk *d);
enum fake_cut {
	FAKE_LOST,   /* what was not synced is lost */
	FAKE_KEPT,   /* it is all there */
	FAKE_TORN,   /* all but the last write, of which the first sectors are there */
	FAKE_SUBSET, /* any part of it, in any order; of some writes any sectors, and the
		      * file may have its full length without them */
	FAKE_CUTS
};
/* The disk after a power cut while step number `steps` (1: the first) was under way:
 * steps before it are over, later ones have not begun. steps = fake_disk_steps + 1: all
 * is over. NULL: no memory. The caller frees it. */
struct fake_disk *fake_disk_cut(const struct fake_disk *d, size_t steps,
				enum fake_cut cut, uint64_t seed);

#endif
