/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that goes all at once: a session or a transaction allocates from its
 * arena and nothing is freed piecemeal. Bounded by `max` bytes of payload. */
#ifndef IMS_BASE_ARENA_H
#define IMS_BASE_ARENA_H

#include "lib/base/str.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks;
	size_t used; /* bytes handed out */
	size_t max;
};

/* Takes no memory before the first allocation. */
void arena_init(struct arena *a, size_t max);
/* Zeroed, aligned for any object; NULL when `max` or memory is exhausted. */
void *arena_alloc(struct arena *a, size_t size);
/* Copy of `s` in the arena; {NULL, 0} when exhausted and s.len > 0. */
struct str arena_str(struct arena *a, struct str s);
/* Gives everything back; the arena can be used again. */
void arena_free(struct arena *a);

#endif
