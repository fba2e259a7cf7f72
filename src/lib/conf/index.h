/* SPDX-License-Identifier: Apache-2.0 */
/* Hash indexes of host rules, lists of networks, local domains and filtered senders; they live in the arena of
 * conf. */
#ifndef IMS_CONF_INDEX_H
#define IMS_CONF_INDEX_H

#include "lib/conf/conf.h"

struct conf_slot {
	uint32_t item; /* 1 is the first; 0: free */
	uint32_t name; /* of a domain's names or a filter's senders */
};

struct conf_index {
	struct conf_slot *slots;
	size_t size;                 /* power of two, at least twice the items */
	unsigned char prefixes[129]; /* in use, longest first */
	size_t prefix_count;
};

/* An empty index for up to `items`; NULL without memory. */
struct conf_index *conf_index_new(struct arena *arena, size_t items);
/* Puts in item number `item`, or returns the one that is there already with the same
 * network (domain name); -1 if it was put in. */
ptrdiff_t conf_index_host(struct conf_index *index, const struct conf_host *hosts,
			  size_t item);
/* The same of a list; which of two alike is found does not matter, and neither of its order. */
void conf_index_networks(struct conf_index *index, const struct conf_networks *list);
ptrdiff_t conf_index_domain(struct conf_index *index, const struct conf_domain *domains,
			    size_t item, size_t name);
/* Puts in entry `entry` of filter `item`; false if there is one of that text already, which
 * is `found`. */
bool conf_index_sender(struct conf_index *index, const struct conf_filter *filters, size_t item,
		       size_t entry, struct conf_slot *found);

#endif
