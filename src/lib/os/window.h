/* SPDX-License-Identifier: Apache-2.0 */
/* A shared window for message bodies: one long-lived memfd of fixed, sealed size,
 * written by its owner and read by one peer. It is cut into blocks; only
 * {offset, length} travels in messages. When no block is free the owner stops reading
 * its sources, and so the pressure reaches the sender. */
#ifndef IMS_OS_WINDOW_H
#define IMS_OS_WINDOW_H

#include "lib/base/buf.h"
#include "lib/base/cur.h"

enum { WINDOW_BLOCK = 8 * 1024 };

struct window;

/* A piece of a body in a window, in bytes. */
struct window_range {
	uint32_t offset, len;
};

/* Owner's side: `size` is rounded up to whole blocks. NULL: see errno. */
struct window *window_new(size_t size);
int window_fd(const struct window *w); /* borrowed, to be sent to the peer */
/* A free block's offset, or -1 when all are taken. */
int64_t window_take(struct window *w);
void window_give(struct window *w, uint32_t offset); /* offset as window_take gave it */
size_t window_free_blocks(const struct window *w);
/* Address of a range; NULL if it is not wholly inside the window. */
void *window_at(const struct window *w, struct window_range r);

/* Reader's side: maps a peer's window read-only and takes over `fd`. NULL when the
 * descriptor is not a sealed memfd of a sane size (a hostile peer cannot shrink it). */
struct window *window_map(int fd);
void window_free(struct window *w); /* both sides; NULL is fine */

/* Lists of ranges as a message field: pairs of u32. Reading checks every range against
 * the window and `ranges_max`; returns the count or -1. */
void window_ranges_put(struct buf *b, const struct window_range *ranges, size_t count);
int window_ranges_get(const struct window *w, struct str field, struct window_range *out,
                      size_t ranges_max);

#endif
