/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/map.h"

#include <stdlib.h>

uint64_t hash_u64(uint64_t v, uint64_t seed)
{
	v ^= seed;
	v = (v ^ v >> 30) * 0xbf58476d1ce4e5b9u;
	v = (v ^ v >> 27) * 0x94d049bb133111ebu;
	return v ^ v >> 31;
}

uint64_t hash_str(struct str s, uint64_t seed)
{
	uint64_t h = seed ^ 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.len; i++) h = (h ^ (unsigned char)s.at[i]) * 0x100000001b3u;
	return hash_u64(h, seed);
}

uint64_t hash_str_nocase(struct str s, uint64_t seed)
{
	uint64_t h = seed ^ 0xcbf29ce484222325u;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)ascii_lower(s.at[i])) * 0x100000001b3u;
	return hash_u64(h, seed);
}

void map_init(struct map *m, size_t max, uint64_t seed)
{
	*m = (struct map){ .max = max, .seed = seed };
}

void map_free(struct map *m)
{
	free(m->slots);
	map_init(m, m->max, m->seed);
}

/* Slot of `key`, or the free slot where it would go; needs a free slot. */
static struct map_slot *map_slot(const struct map *m, uint64_t key)
{
	size_t at = hash_u64(key, m->seed) & (m->size - 1);
	while (m->slots[at].value && m->slots[at].key != key) at = (at + 1) & (m->size - 1);
	return &m->slots[at];
}

void *map_get(const struct map *m, uint64_t key)
{
	return m->size ? map_slot(m, key)->value : NULL;
}

static bool map_grow(struct map *m)
{
	struct map old = *m;
	size_t size = old.size ? old.size * 2 : 16;
	m->slots = calloc(size, sizeof *m->slots);
	if (!m->slots) {
		*m = old;
		return false;
	}
	m->size = size;
	for (size_t i = 0; i < old.size; i++)
		if (old.slots[i].value) *map_slot(m, old.slots[i].key) = old.slots[i];
	free(old.slots);
	return true;
}

bool map_put(struct map *m, uint64_t key, void *value)
{
	struct map_slot *slot = m->size ? map_slot(m, key) : NULL;
	if (slot && slot->value) {
		slot->value = value;
		return true;
	}
	if (m->count >= m->max) return false;
	if ((m->count + 1) * 4 > m->size * 3 && !map_grow(m)) return false;
	*map_slot(m, key) = (struct map_slot){ key, value };
	m->count++;
	return true;
}

void *map_take(struct map *m, uint64_t key)
{
	struct map_slot *slot = m->size ? map_slot(m, key) : NULL;
	if (!slot || !slot->value) return NULL;
	void *value = slot->value;
	slot->value = NULL;
	m->count--;
	/* Close the gap: later members of the run may now stand too far from home. */
	size_t gap = (size_t)(slot - m->slots);
	for (size_t at = (gap + 1) & (m->size - 1); m->slots[at].value;
	     at = (at + 1) & (m->size - 1)) {
		struct map_slot moved = m->slots[at];
		m->slots[at].value = NULL;
		*map_slot(m, moved.key) = moved;
	}
	return value;
}

void *map_next(const struct map *m, size_t *at, uint64_t *key)
{
	while (*at < m->size) {
		const struct map_slot *slot = &m->slots[(*at)++];
		if (!slot->value) continue;
		if (key) *key = slot->key;
		return slot->value;
	}
	return NULL;
}
