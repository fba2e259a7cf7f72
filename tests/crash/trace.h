/* SPDX-License-Identifier: Apache-2.0 */
/* Stands between liblmdb (and the store) and the kernel: mirrors every write, sync,
 * rename and unlink below one folder to a fake disk, and lets chosen calls fail. */
#ifndef IMS_TEST_CRASH_TRACE_H
#define IMS_TEST_CRASH_TRACE_H

#include "spool/mem/fake_disk.h"

/* From now on; `folder` is absolute. `faults` is asked whether a call fails. */
void trace_begin(const char *folder, struct fake_disk *mirror, struct fake_disk *faults);
void trace_end(void);
/* Every fallocate gives this error; 0: none. */
void trace_fallocate_fails(int error);

#endif
