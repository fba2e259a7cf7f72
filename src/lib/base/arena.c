/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/arena.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_FIRST = 512, ARENA_CHUNK_MAX = 64 * 1024 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t used, size;
	alignas(max_align_t) char bytes[];
};

void arena_init(struct arena *a, size_t max)
{
	*a = (struct arena){ .max = max };
}

static struct arena_chunk *arena_grow(struct arena *a, size_t size)
{
	size_t want = a->chunks ? a->chunks->size * 2 : ARENA_FIRST;
	if (want > ARENA_CHUNK_MAX) want = ARENA_CHUNK_MAX;
	if (want < size) want = size;
	struct arena_chunk *chunk = malloc(sizeof *chunk + want);
	if (!chunk) return NULL;
	*chunk = (struct arena_chunk){ .next = a->chunks, .size = want };
	a->chunks = chunk;
	return chunk;
}

void *arena_alloc(struct arena *a, size_t size)
{
	size_t align = alignof(max_align_t);
	if (size == 0) size = 1;
	if (size > a->max || a->used > a->max - size) return NULL;
	size = (size + align - 1) / align * align;
	struct arena_chunk *chunk = a->chunks;
	if (!chunk || chunk->size - chunk->used < size) chunk = arena_grow(a, size);
	if (!chunk) return NULL;
	void *at = chunk->bytes + chunk->used;
	chunk->used += size;
	a->used += size;
	return memset(at, 0, size);
}

struct str arena_str(struct arena *a, struct str s)
{
	char *copy = arena_alloc(a, s.len);
	if (!copy) return (struct str){ NULL, 0 };
	if (s.len) memcpy(copy, s.at, s.len);
	return (struct str){ copy, s.len };
}

void arena_free(struct arena *a)
{
	while (a->chunks) {
		struct arena_chunk *next = a->chunks->next;
		free(a->chunks);
		a->chunks = next;
	}
	a->used = 0;
}
