/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the log on standard error, for a terminal, a container or systemd's journal.
 * Whoever reads there may be slow: the copy never blocks, and drops lines instead. The
 * descriptor is shared with other processes, so its flags are left as they are. */
#ifndef IMS_JOURNAL_COPY_H
#define IMS_JOURNAL_COPY_H

#include "lib/event/format.h"

enum { COPY_PENDING_MAX = 256 * 1024 };

struct copy {
	int fd;          /* borrowed; -1: no copy */
	bool priorities; /* systemd's journal reads there: each line begins with <N> */
	size_t piece;    /* octets that one write may have without blocking */
	struct buf pending;
	uint64_t lost; /* lines dropped since the owner last set it to 0 */
};

/* No copy if `fd` is not open or is /dev/null. `journal_stream` is the environment's
 * JOURNAL_STREAM, or empty. */
void copy_init(struct copy *c, int fd, struct str journal_stream);
void copy_free(struct copy *c); /* does not flush */
void copy_add(struct copy *c, struct str lines, enum event_severity severity);
/* Writes as much as goes without waiting. */
void copy_flush(struct copy *c);

#endif
