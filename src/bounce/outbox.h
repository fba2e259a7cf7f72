/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that are written and that spool has not kept yet: they stand in our window, or
 * wait for room in it, in order. Knows no channel. */
#ifndef IMS_BOUNCE_OUTBOX_H
#define IMS_BOUNCE_OUTBOX_H

#include "lib/dsn/report.h"
#include "lib/os/window.h"

enum {
	OUTBOX_MAX = 64,               /* reports that spool may ask for before it frees one */
	OUTBOX_WINDOW = 4 * 1024 * 1024,
	OUTBOX_BLOCKS_MAX = DSN_REPORT_MAX / WINDOW_BLOCK, /* of one report */
};

struct outbox_entry {
	uint64_t job;
	struct buf text; /* of one that waits; else empty */
	size_t range_count;
	struct window_range ranges[OUTBOX_BLOCKS_MAX];
};

/* Somebody is to be told that a report stands in the window now. */
typedef void outbox_told_fn(void *arg, const struct outbox_entry *entry, uint64_t size);

struct outbox {
	struct window *window; /* ours */
	outbox_told_fn *told;
	void *arg;
	size_t count; /* entries in use, in the order in which they came */
	struct outbox_entry *list;
};

/* False: no memory (errno says more). `window_size` is OUTBOX_WINDOW but in tests. */
bool outbox_init(struct outbox *o, size_t window_size, outbox_told_fn *told, void *arg);
void outbox_free(struct outbox *o);

bool outbox_has(const struct outbox *o, uint64_t job);
bool outbox_is_full(const struct outbox *o);
/* Takes over `text` (1 to DSN_REPORT_MAX octets). The outbox must not be full, nor have
 * that job. Tells at once if there is room, else when there is. */
void outbox_add(struct outbox *o, uint64_t job, struct buf *text);
/* Its room is free again, and what waits moves up. A job that is not here is ignored. */
void outbox_remove(struct outbox *o, uint64_t job);
/* Forgets all: nobody reads the window any more. */
void outbox_clear(struct outbox *o);

#endif
