/* SPDX-License-Identifier: Apache-2.0 */
/* Binary heap of due times: the smallest `due` comes out first. Elements hold a
 * `struct heap_node`; the heap borrows them. */
#ifndef IMS_BASE_HEAP_H
#define IMS_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t due;
	size_t at; /* 1-based position; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count, cap;
};

void heap_free(struct heap *h); /* the table, not the elements */
bool heap_put(struct heap *h, struct heap_node *n, int64_t due); /* adds or moves; false: no memory */
void heap_remove(struct heap *h, struct heap_node *n); /* no-op if in no heap */
struct heap_node *heap_first(const struct heap *h);    /* NULL if empty */

#endif
