/* SPDX-License-Identifier: Apache-2.0 */
/* Hash map from a 64-bit key to a pointer, bounded by `max` entries. */
#ifndef IMS_BASE_MAP_H
#define IMS_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/str.h"

struct map_slot {
	uint64_t key;
	void *value; /* NULL: free */
};

struct map {
	struct map_slot *slots;
	size_t count, size, max;
	uint64_t seed;
};

/* `seed` keeps chosen keys from colliding; take it from the clock's or the
 * kernel's randomness where keys come from a peer. */
void map_init(struct map *m, size_t max, uint64_t seed);
void map_free(struct map *m);
void *map_get(const struct map *m, uint64_t key); /* NULL if absent */
/* Sets or replaces (value != NULL); false when full or out of memory. */
bool map_put(struct map *m, uint64_t key, void *value);
void *map_take(struct map *m, uint64_t key); /* removes; NULL if absent */
/* Walks in no particular order: start with *at = 0; NULL at the end.
 * The map must not change during the walk. */
void *map_next(const struct map *m, size_t *at, uint64_t *key);

uint64_t hash_u64(uint64_t v, uint64_t seed);
uint64_t hash_str(struct str s, uint64_t seed);
uint64_t hash_str_nocase(struct str s, uint64_t seed); /* ASCII case folded */

#endif
