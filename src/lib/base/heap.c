/* SPDX-License-Identifier: Apache-2.0 */
#include "lib/base/heap.h"

#include <stdlib.h>

void heap_free(struct heap *h)
{
	free(h->nodes);
	*h = (struct heap){ 0 };
}

static void heap_set(struct heap *h, size_t at, struct heap_node *n)
{
	h->nodes[at - 1] = n;
	n->at = at;
}

static void heap_sift(struct heap *h, struct heap_node *n)
{
	size_t at = n->at;
	for (; at > 1 && h->nodes[at / 2 - 1]->due > n->due; at /= 2)
		heap_set(h, at, h->nodes[at / 2 - 1]);
	for (size_t child; (child = at * 2) <= h->count; at = child) {
		if (child < h->count && h->nodes[child]->due < h->nodes[child - 1]->due) child++;
		if (h->nodes[child - 1]->due >= n->due) break;
		heap_set(h, at, h->nodes[child - 1]);
	}
	heap_set(h, at, n);
}

bool heap_put(struct heap *h, struct heap_node *n, int64_t due)
{
	if (n->at == 0) {
		if (h->count == h->cap) {
			size_t cap = h->cap ? h->cap * 2 : 64;
			struct heap_node **nodes = realloc(h->nodes, cap * sizeof *nodes);
			if (!nodes) return false;
			h->nodes = nodes;
			h->cap = cap;
		}
		heap_set(h, ++h->count, n);
	}
	n->due = due;
	heap_sift(h, n);
	return true;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	if (n->at == 0) return;
	struct heap_node *last = h->nodes[--h->count];
	if (last != n) {
		heap_set(h, n->at, last);
		heap_sift(h, last);
	}
	n->at = 0;
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->count ? h->nodes[0] : NULL;
}
