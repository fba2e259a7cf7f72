/* SPDX-License-Identifier: Apache-2.0 */
/* A spool of either backend on a disk that records, and what a power cut makes of it. */
#ifndef IMS_TEST_CRASH_RIG_H
#define IMS_TEST_CRASH_RIG_H

#include "spool/mem/fake_disk.h"
#include "spool/store.h"

struct rig {
	const struct store_backend *backend;
	struct fake_disk *disk;   /* mem: the disk; lmdb: its mirror */
	struct fake_disk *faults; /* mem: the same disk */
	char folder[64];
	struct store *store;
};

/* Makes a folder or disk; the spool is opened by rig_open, while steps are recorded. */
void rig_begin(struct rig *rig, const struct store_backend *backend);
int rig_open(struct rig *rig);
void rig_close(struct rig *rig);
void rig_end(struct rig *rig);

/* A rig whose disk is what the cut leaves (fake_disk_cut); nothing is recorded there. */
void rig_cut(const struct rig *rig, size_t steps, enum fake_cut cut, uint64_t seed,
	     struct rig *image);

#endif
